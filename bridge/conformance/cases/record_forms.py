"""PKT: what a payload and a statement must be in form, whoever signed them, and what is kept of a good one."""

from __future__ import annotations

from typing import Any

from bridge.conformance.carriage import accepted, carry, familiar, introduce, records_of, reference, rejected, verdict
from bridge.conformance.case import case
from bridge.conformance.cases.records import changed, record_of_value, reject_record
from bridge.conformance.checks import expect_equal
from bridge.conformance.kit import Kit
from bridge.errors import Reason
from bridge.v1.cargo_pb2 import RECORD_ACT_VOIDED, RecordPayload, RecordType
from bridge.v1.identifier_pb2 import Identifier


@case(
    "PKT-118",
    "MUST reject a statement whose leaf count gives its tree another shape, or is out of range",
    clauses=("DIS-2", "MRK-7", "REC-2"),
    negative=True,
)
def pkt_118(kit: Kit) -> None:
    other = familiar(kit)
    for wrong in (2, 9, 4_000):
        record = other.record(reference(kit), document_leaf_count=wrong)
        reject_record(kit, other, record, Reason.DISCLOSURE_INVALID, Reason.DOCUMENT_ROOT_MISMATCH)
    for wrong in (0, 4_001):
        reject_record(kit, other, other.record(reference(kit), document_leaf_count=wrong), Reason.LIMIT_EXCEEDED)


@case(
    "PKT-119",
    "MUST reject a payload or a statement with a field that nobody knows",
    clauses=("WIRE-1", "REC-1", "REC-2"),
    negative=True,
)
def pkt_119(kit: Kit) -> None:
    other = familiar(kit)
    good = other.record(reference(kit))
    rejected(kit, other, record_of_value(other, good.value + b"\x78\x01"), Reason.MALFORMED_MESSAGE)

    def extend(payload: RecordPayload) -> None:
        payload.statement += b"\x98\x06\x01"

    rejected(kit, other, record_of_value(other, changed(good, extend)), Reason.MALFORMED_MESSAGE)


@case(
    "PKT-120",
    "MUST reject a statement whose fields are not in form, though its issuer signed it",
    clauses=("REC-2", "REC-3", "REC-7"),
    negative=True,
)
def pkt_120(kit: Kit) -> None:
    other = familiar(kit)
    key = other.record("X").statement.key
    wrong: dict[str, tuple[dict[str, Any], tuple[Reason, ...]]] = {
        "version 0": ({"version": 0, "act": RECORD_ACT_VOIDED}, (Reason.INVALID_FIELD,)),
        "a first version that voids": ({"act": RECORD_ACT_VOIDED}, (Reason.INVALID_FIELD,)),
        "a first version with a predecessor": ({"previous_digest": bytes(32)}, (Reason.INVALID_FIELD,)),
        "a short root": ({"document_root": bytes(31)}, (Reason.INVALID_FIELD,)),
        "no facts": ({"facts": None}, (Reason.FIELD_REQUIRED,)),
        "no legal basis": ({"legal_basis": None}, (Reason.INVALID_FIELD, Reason.FIELD_REQUIRED)),
        "no key": ({"key": None}, (Reason.INVALID_IDENTIFIER, Reason.FIELD_REQUIRED)),
    }
    for name, (over, reasons) in wrong.items():
        record = other.record(reference(kit), **over)
        reject_record(kit, other, record, *reasons, what=name)
    key.type = RecordType.RECORD_TYPE_UNSPECIFIED
    reject_record(kit, other, other.record("X", key=key), Reason.INVALID_FIELD, what="no record type")


@case(
    "PKT-121",
    "MUST reject a statement whose facts hold an identifier that is refused",
    clauses=("REC-2", "ID-3"),
    negative=True,
)
def pkt_121(kit: Kit) -> None:
    other = familiar(kit)
    for identifier, reason in {
        ("uscc", "91310000MA1FL70B60"): Reason.CHECK_DIGIT_WRONG,
        ("no-such-scheme", "1"): Reason.SCHEME_UNKNOWN,
        ("un-locode", "hkhkg"): Reason.INVALID_IDENTIFIER,
    }.items():
        facts = other.record("X").statement.facts
        facts.references.append(Identifier(scheme=identifier[0], value=identifier[1]))
        reject_record(kit, other, other.record(reference(kit), facts=facts), reason, what=" ".join(identifier))


@case(
    "PKT-122",
    "MUST accept a record that shows nothing of its document but the root",
    clauses=("DIS-1", "DIS-2"),
)
def pkt_122(kit: Kit) -> None:
    other = familiar(kit)
    accepted(carry(kit, other, other.send_record(other.record(reference(kit), disclosed=())))[0])


@case(
    "PKT-123",
    "MUST keep the statement, the signature and the disclosure as they came",
    clauses=("REC-6", "ARR-4", "RES-1"),
)
def pkt_123(kit: Kit) -> None:
    other = introduce(kit, kit.counterparty())
    record = other.record(reference(kit))
    expect_equal(verdict(carry(kit, other, other.send_record(record))[0]), "ACCEPTED", "a good record")
    (kept,) = records_of(kit, other)
    expect_equal(kept.statement, record.payload.statement, "the statement's own bytes")
    expect_equal(kept.signature, record.payload.signature, "the issuer's signature")
    expect_equal(kept.disclosure, record.payload.disclosure, "the fields that were shown")
    expect_equal(kept.counterparty_record_id, record.payload.home_record_id, "the home ledger's record id")
