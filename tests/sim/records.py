"""Record payloads for simulations: a small document, its root and disclosure, and a statement signed by an issuer."""

from __future__ import annotations

import json
from dataclasses import dataclass

from bridge.cargo.disclosure import disclose
from bridge.cargo.document import load_document
from bridge.cargo.leaves import document_root
from bridge.cargo.statement import statement_digest, statement_sign_bytes
from bridge.crypto.ports import Signer
from bridge.crypto.suites import suite
from bridge.v1.cargo_pb2 import (
    LEGAL_BASIS_KIND_STATUTE,
    RECORD_ACT_AMENDED,
    RECORD_ACT_ISSUED,
    RECORD_TYPE_BILL_OF_LADING,
    FactDate,
    Facts,
    LegalBasis,
    Party,
    Place,
    RecordKey,
    RecordPayload,
    RecordType,
    Statement,
)
from bridge.v1.identifier_pb2 import Identifier, Name
from bridge.wire import encode, timestamp_of

DISCLOSED = ("/transportDocumentReference", "/vesselName", "/carrierCode")
"""Fields that the simulations' corridor policy lets cross."""

FACTS = Facts(
    parties=[
        Party(
            role="shipper",
            names=[Name(script="Latn", text="Harbour Trading Limited"), Name(script="Hant", text="海港貿易有限公司")],
        ),
        Party(role="consignee", names=[Name(script="Hans", text="上海进出口有限公司")]),
    ],
    places=[
        Place(role="port-of-loading", identifier=Identifier(scheme="un-locode", value="HKHKG"), name="Hong Kong"),
        Place(role="port-of-discharge", identifier=Identifier(scheme="un-locode", value="CNSHA"), name="Shanghai"),
    ],
    vessel_name="MV PEARL",
    voyage="026E",
    dates=[FactDate(meaning="planned-departure", text="2026-11-20")],
)


@dataclass(frozen=True, slots=True)
class Issuer:
    """A member that signs statements, and the ledger it belongs to."""

    ledger_id: str
    suite_id: str
    member_id: str
    key_id: str
    signer: Signer


@dataclass(frozen=True, slots=True)
class Record:
    """One version as signed: the payload to issue, the statement and its digest."""

    payload: bytes
    statement: Statement
    digest: bytes


def make_record(
    issuer: Issuer,
    reference: str,
    version: int = 1,
    previous: bytes = b"",
    act: int | None = None,
    *,
    secret: str = "",
    disclosed: tuple[str, ...] = DISCLOSED,
    record_type: int = RECORD_TYPE_BILL_OF_LADING,
    **overrides: object,
) -> Record:
    """A signed version of the record `reference`; `secret` changes a field that stays hidden, so another document."""
    home = suite(issuer.suite_id)
    document = {
        "transportDocumentReference": reference,
        "carrierCode": "MAEU",
        "vesselName": "MV PEARL",
        "declaredValue": 1250 + version,
        "contact": {"name": "A. Person", "phone": secret or "none"},
    }
    tree = document_root(
        home, (f"{reference}/{version}".encode() * 32)[:32], load_document(json.dumps(document).encode()).leaves
    )
    fields: dict[str, object] = {
        "ledger_id": issuer.ledger_id,
        "key": RecordKey(
            issuer_scheme="scac", issuer="MAEU", type=RecordType.ValueType(record_type), reference=reference
        ),
        "version": version,
        "previous_digest": previous,
        "act": act or (RECORD_ACT_ISSUED if version == 1 else RECORD_ACT_AMENDED),
        "document_root": tree.root,
        "document_leaf_count": len(tree.leaves),
        "facts": FACTS,
        "issuer_member_id": issuer.member_id,
        "issuer_key_id": issuer.key_id,
        "issue_time": timestamp_of(1_790_000_000_000_000_000),
        "legal_basis": LegalBasis(kind=LEGAL_BASIS_KIND_STATUTE, citation="Cap. 593"),
    }
    statement = Statement(**(fields | overrides))  # type: ignore[arg-type]
    body = encode(statement)
    payload = RecordPayload(
        statement=body,
        signature=issuer.signer.sign(statement_sign_bytes(statement.ledger_id, body)),
        disclosure=disclose(home, tree, lambda pointer: pointer in disclosed),
    )
    return Record(encode(payload), statement, statement_digest(home, body))
