"""Finding records: by either side's id, by key, by reference, by what they name; and what a name may not do."""

from __future__ import annotations

import grpc

from bridge.conformance.carriage import accepted, carry, familiar, introduce, receipt, rejected
from bridge.conformance.case import case
from bridge.conformance.checks import expect, expect_equal, refused, unmoved
from bridge.conformance.kit import Kit
from bridge.conformance.naming import CASE_NEEDS, fact_of
from bridge.errors import Reason
from bridge.protocol.acknowledgements import encode_accepted
from bridge.protocol.ports import CARGO_PORT, encode_payload
from bridge.v1 import cargo_service_pb2 as api
from bridge.v1.cargo_pb2 import RECORD_TYPE_BILL_OF_LADING, RecordKey
from bridge.v1.identifier_pb2 import Identifier
from bridge.v1.packet_pb2 import RecordReceipt
from bridge.wire import encode

_SEEDED = (*CASE_NEEDS, "seed")


def _home_id(kit: Kit) -> str:
    """A home record id that no other record of the run has."""
    return f"KITCB-2026-{kit.session.fresh_name('x')[-5:].translate(_DIGITS):0>5}{kit.random.randrange(10**4):04d}"


_DIGITS = str.maketrans("abcdef", "123456")


def _find(kit: Kit, **name: object) -> api.Record:
    return kit.cargo().GetRecord(api.GetRecordRequest(**name)).record  # type: ignore[arg-type]


def _not_found(kit: Kit, reason: Reason, code: grpc.StatusCode, message: str, **name: object) -> None:
    with unmoved(kit):
        refused(lambda: _find(kit, **name), reason, code=code, message=message)


@case(
    "IDN-050",
    "MUST find a record of the other side by its key and by either side's id",
    clauses=("RVW-1", "ARR-1", "ARR-4"),
    needs=CASE_NEEDS,
)
def idn_050(kit: Kit) -> None:
    other, home_id = familiar(kit), _home_id(kit)
    record = other.record(kit.session.fresh_name("KIT"), home_record_id=home_id)
    (result,) = carry(kit, other, other.packet(encode_payload(CARGO_PORT, record.value)))
    local_id = receipt(accepted(result))
    for found in (_find(kit, record_id=local_id), _find(kit, record_id=home_id), _find(kit, key=record.statement.key)):
        expect_equal(found.local_record_id, local_id, "this side's id")
        expect_equal(found.counterparty_record_id, home_id, "the other side's id")
        expect_equal(found.home_ledger_id, other.ledger_id, "where it is at home")


@case(
    "IDN-051",
    "MUST find a record of its own by the id that the other side gave it",
    clauses=("RVW-1", "ARR-5"),
    needs=_SEEDED,
)
def idn_051(kit: Kit) -> None:
    other, their_id = familiar(kit), _home_id(kit)
    issued = kit.issue(counterparty=other)
    _not_found(kit, Reason.RECORD_NOT_FOUND, grpc.StatusCode.NOT_FOUND, "nobody gave it yet", record_id=their_id)
    answer = encode_accepted(encode(RecordReceipt(local_record_id=their_id)))
    carry(kit, other, other.acknowledgement(issued.sequence, answer))
    found = _find(kit, record_id=their_id)
    expect_equal(found.local_record_id, issued.record_id, "the other side's id names the same record")
    expect_equal(found.counterparty_record_id, their_id, "the other side's id stands beside it")


@case(
    "IDN-052",
    "MUST refuse an id that two ledgers gave as ambiguous, and guess none",
    clauses=("RVW-1",),
    negative=True,
    needs=CASE_NEEDS,
)
def idn_052(kit: Kit) -> None:
    home_id = _home_id(kit)
    records = []
    for other in (familiar(kit), introduce(kit, kit.counterparty())):
        record = other.record(kit.session.fresh_name("KIT"), home_record_id=home_id)
        accepted(carry(kit, other, other.packet(encode_payload(CARGO_PORT, record.value)))[0])
        records.append((other.ledger_id, record))
    code = grpc.StatusCode.FAILED_PRECONDITION
    _not_found(kit, Reason.RECORD_AMBIGUOUS, code, "two records have this id", record_id=home_id)
    for ledger_id, record in records:
        expect_equal(_find(kit, key=record.statement.key).home_ledger_id, ledger_id, "a key names one record")


@case(
    "IDN-053",
    "MUST refuse a reference that two issuers use as ambiguous, and answer one that is alone",
    clauses=("RVW-1", "REC-3"),
    negative=True,
    needs=CASE_NEEDS,
)
def idn_053(kit: Kit) -> None:
    other = familiar(kit)
    shared, alone = kit.session.fresh_name("KIT"), kit.session.fresh_name("KIT")
    written = []
    for issuer, reference in (("MAEU", shared), ("COSU", shared), ("MAEU", alone)):
        key = RecordKey(issuer_scheme="scac", issuer=issuer, type=RECORD_TYPE_BILL_OF_LADING, reference=reference)
        record = other.record(reference, key=key, home_record_id=_home_id(kit))
        written.append(other.packet(encode_payload(CARGO_PORT, record.value)))
    for result in carry(kit, other, *written):
        accepted(result)
    code = grpc.StatusCode.FAILED_PRECONDITION
    _not_found(kit, Reason.RECORD_AMBIGUOUS, code, "a reference alone is no key", reference=shared)
    expect_equal(_find(kit, reference=alone).home_ledger_id, other.ledger_id, "a reference that only one record has")


@case(
    "IDN-054",
    "MUST refuse names that no record has, and versions that are not there",
    clauses=("RVW-1",),
    negative=True,
    needs=_SEEDED,
)
def idn_054(kit: Kit) -> None:
    issued = kit.issue()
    key = RecordKey()
    key.CopyFrom(issued.prepared.key)
    for change in (
        {"issuer": "ZZZZ"},
        {"reference": f"{key.reference}x"},
        {"sub_reference": "1"},
        {"type": RECORD_TYPE_BILL_OF_LADING},
        {"issuer_scheme": "lei"},
    ):
        other = RecordKey()
        other.CopyFrom(key)
        other.MergeFrom(RecordKey(**change))
        _not_found(kit, Reason.RECORD_NOT_FOUND, grpc.StatusCode.NOT_FOUND, f"a key with {change}", key=other)
    for record_id in (f"{issued.record_id}0", issued.record_id.lower(), issued.record_id[:-1], "KITCB-2026-000000000"):
        _not_found(kit, Reason.RECORD_NOT_FOUND, grpc.StatusCode.NOT_FOUND, record_id, record_id=record_id)
    for version in (2, 2**31, 2**62):
        message = f"version {version} is not there"
        absent = {"record_id": issued.record_id, "version": version}
        _not_found(kit, Reason.RECORD_NOT_FOUND, grpc.StatusCode.NOT_FOUND, message, **absent)


@case(
    "IDN-055",
    "MUST reject a record whose home record id is not in form",
    clauses=("REC-1", "RID-2"),
    negative=True,
    needs=CASE_NEEDS,
)
def idn_055(kit: Kit) -> None:
    other = familiar(kit)
    for home_id in (
        "KITCB-2026-1",
        "KITCB-2026-0000000001",
        "KITCB-2026-000000000",
        "kitcb-2026-000000001",
        "KITCB-2026-000000001\u200b",
        "KITCB－2026-000000001",
        "KITCB-0026-000000001",
        "x" * 10_000,
    ):
        record = other.record(kit.session.fresh_name("KIT"), home_record_id=home_id)
        rejected(kit, other, other.packet(encode_payload(CARGO_PORT, record.value)), Reason.INVALID_IDENTIFIER)


@case(
    "IDN-056",
    "MUST find records by what they name: equipment, vessel, references and parties",
    clauses=("IDX-1", "IDX-3", "CGO-4"),
    needs=CASE_NEEDS,
)
def idn_056(kit: Kit) -> None:
    other = familiar(kit)
    name = kit.session.fresh_name("KIT")
    pairs = [("equipment", name.upper()[:20]), ("reference:booking", name), ("party-code:zzz", name)]
    written, records = [], []
    for pair in pairs:
        record = other.record(kit.session.fresh_name("KIT"), facts=fact_of(*pair), home_record_id=_home_id(kit))
        records.append(record)
        written.append(other.packet(encode_payload(CARGO_PORT, record.value)))
    for result in carry(kit, other, *written):
        accepted(result)
    for (scheme, value), record in zip(pairs, records, strict=True):
        page = kit.cargo().ListRecords(api.ListRecordsRequest(identifier=Identifier(scheme=scheme, value=value)))
        expect_equal([each.statement for each in page.records], [encode(record.statement)], f"records of {scheme}")
        absent = api.ListRecordsRequest(identifier=Identifier(scheme=scheme, value=f"{value}0"))
        expect(not kit.cargo().ListRecords(absent).records, "only that record", got=absent, expected="nothing")


@case(
    "IDN-057",
    "MUST refuse to search by what thousands of records share, and by unknown schemes",
    clauses=("IDX-2",),
    negative=True,
    needs=("platform",),
)
def idn_057(kit: Kit) -> None:
    wrong = {
        ("un-locode", "HKHKG"): Reason.INVALID_FIELD,
        ("hs6", "870323"): Reason.INVALID_FIELD,
        ("iso3166", "HK"): Reason.INVALID_FIELD,
        ("no-such-scheme", "x"): Reason.SCHEME_UNKNOWN,
    }
    with unmoved(kit):
        for (scheme, value), reason in wrong.items():
            request = api.ListRecordsRequest(identifier=Identifier(scheme=scheme, value=value))
            refused(
                lambda each=request: kit.cargo().ListRecords(each),  # type: ignore[misc]
                reason,
                code=grpc.StatusCode.INVALID_ARGUMENT,
                message=f"a search by {scheme}",
            )
