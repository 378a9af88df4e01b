"""A full statement to start tests from; each test changes one thing."""

from __future__ import annotations

from bridge.v1.cargo_pb2 import (
    LEGAL_BASIS_KIND_CONTRACT,
    RECORD_ACT_ISSUED,
    RECORD_TYPE_BILL_OF_LADING,
    Facts,
    LegalBasis,
    RecordKey,
    Statement,
)
from bridge.v1.identifier_pb2 import Identifier
from bridge.wire import timestamp_of

ISSUE_TIME = 1_780_000_000_123_456_789


def identifier(scheme: str, value: str) -> Identifier:
    return Identifier(scheme=scheme, value=value)


def full_facts() -> Facts:
    facts = Facts(vessel_name="OOCL Zhōngguó", voyage="023E")
    shipper = facts.parties.add(role="shipper", identifiers=[identifier("hk-ubi", "12345678")])
    shipper.names.add(script="Hant", text="九龍電子有限公司")
    shipper.names.add(script="Latn", text="Kowloon Electronics Limited")
    consignee = facts.parties.add(role="consignee", identifiers=[identifier("uscc", "91110000600037341L")])
    consignee.names.add(script="Hans", text="浦东进出口有限公司")
    facts.places.add(role="port-of-loading", identifier=identifier("un-locode", "HKHKG"), name="Hong Kong")
    facts.places.add(role="port-of-discharge", identifier=identifier("un-locode", "CNSHA"))
    facts.places.add(role="place-of-delivery", name="浦东新区")
    facts.vessel_identifiers.append(identifier("imo", "9319466"))
    facts.equipment.append(identifier("iso6346", "CSQU3054383"))
    facts.equipment.append(identifier("equipment", "APNR7744962"))
    facts.commodity_codes.append(identifier("hs6", "851713"))
    facts.commodity_codes.append(identifier("hs8-hk", "85171300"))
    facts.dates.add(meaning="planned-departure", text="2026-05-01")
    facts.dates.add(meaning="issued", text="2026-04-30T17:30:00.5+08:00")
    facts.references.append(identifier("reference:booking", "RTM1234567"))
    return facts


def full_statement() -> Statement:
    return Statement(
        ledger_id="hk-trade-1",
        key=RecordKey(
            issuer_scheme="smdg-carrier",
            issuer="OOL",
            type=RECORD_TYPE_BILL_OF_LADING,
            reference="OOLU2650012345",
            sub_reference="Version_1",
        ),
        version=1,
        act=RECORD_ACT_ISSUED,
        document_root=bytes(range(32)),
        document_leaf_count=80,
        facts=full_facts(),
        issuer_member_id="oocl-hk",
        issuer_key_id="key-1",
        issue_time=timestamp_of(ISSUE_TIME),
        legal_basis=LegalBasis(kind=LEGAL_BASIS_KIND_CONTRACT, citation="Platform rulebook 3.1"),
    )
