"""PKT: at home a record's versions rise by one, each names the one before, and nothing follows a void."""

from __future__ import annotations

from bridge.conformance.carriage import record_of, reference
from bridge.conformance.case import case
from bridge.conformance.checks import expect_equal, item_applied
from bridge.conformance.issuing import Issued, item_of, prepare, transport_event
from bridge.conformance.kit import Kit
from bridge.conformance.submitting import refuse_issue
from bridge.errors import Reason
from bridge.protocol.acknowledgements import encode_rejected
from bridge.v1.cargo_pb2 import RECORD_ACT_AMENDED, RECORD_ACT_VOIDED

AMENDING = ("platform", "seed", "capability:amendment")
"""What a case needs that has the target amend or void a record."""


def following(kit: Kit, first: Issued, document: bytes, act: int = RECORD_ACT_AMENDED) -> Issued:
    """The version after one that was issued."""
    return kit.issue(document, counterparty=kit.shared(), version=2, previous_digest=first.prepared.digest, act=act)


@case(
    "PKT-150",
    "MUST take the next version of a record under the same record id",
    clauses=("VER-1", "RID-3", "REC-7"),
    needs=AMENDING,
)
def pkt_150(kit: Kit) -> None:
    document = transport_event(reference(kit))
    first = kit.issue(document)
    second = following(kit, first, document)
    expect_equal(second.record_id, first.record_id, "every version has the record's id")
    record = record_of(kit, first.record_id)
    expect_equal((record.version, record.latest_version), (2, 2), "the newest version")
    expect_equal(record_of(kit, first.record_id, 1).statement, first.prepared.statement, "version 1 is kept")


@case(
    "PKT-151",
    "MUST refuse a version that skips one",
    clauses=("VER-1",),
    negative=True,
    needs=AMENDING,
)
def pkt_151(kit: Kit) -> None:
    other, document = kit.shared(), transport_event(reference(kit))
    terms = {"previous_digest": b"\7" * 32, "act": RECORD_ACT_AMENDED}
    early = item_of(kit, prepare(kit, document, other, version=2, **terms), other)
    refuse_issue(kit, other, early, Reason.VERSION_GAP, what="version 2 before version 1")
    first = kit.issue(document)
    terms["previous_digest"] = first.prepared.digest
    skipping = item_of(kit, prepare(kit, document, other, version=3, **terms), other)
    refuse_issue(kit, other, skipping, Reason.VERSION_GAP, what="version 3 after version 1")


@case(
    "PKT-152",
    "MUST refuse another content of a version that stands",
    clauses=("VER-1", "ISS-2"),
    negative=True,
    needs=("platform", "seed"),
)
def pkt_152(kit: Kit) -> None:
    other, document = kit.shared(), transport_event(reference(kit))
    kit.issue(document)
    again = prepare(kit, document.replace(b'"LADEN"', b'"EMPTY"'), other)
    refuse_issue(kit, other, item_of(kit, again, other), Reason.VERSION_CONFLICT)


@case(
    "PKT-153",
    "MUST refuse a version that does not name the digest of the one before",
    clauses=("VER-1", "REC-5"),
    negative=True,
    needs=AMENDING,
)
def pkt_153(kit: Kit) -> None:
    other, document = kit.shared(), transport_event(reference(kit))
    kit.issue(document)
    wrong = prepare(kit, document, other, version=2, previous_digest=b"\7" * 32, act=RECORD_ACT_AMENDED)
    refuse_issue(kit, other, item_of(kit, wrong, other), Reason.VERSION_CONFLICT)


@case("PKT-154", "MUST refuse every version after a void", clauses=("VER-1",), negative=True, needs=AMENDING)
def pkt_154(kit: Kit) -> None:
    other, document = kit.shared(), transport_event(reference(kit))
    void = following(kit, kit.issue(document), document, RECORD_ACT_VOIDED)
    for act in (RECORD_ACT_AMENDED, RECORD_ACT_VOIDED):
        after = prepare(kit, document, other, version=3, previous_digest=void.prepared.digest, act=act)
        refuse_issue(kit, other, item_of(kit, after, other), Reason.RECORD_VOIDED)


@case(
    "PKT-155",
    "MUST refuse a later version toward another counterparty than the first",
    clauses=("ISS-3",),
    negative=True,
    needs=AMENDING,
)
def pkt_155(kit: Kit) -> None:
    third, document = kit.counterparty(), transport_event(reference(kit))
    first = kit.issue(document)
    second = prepare(kit, document, third, version=2, previous_digest=first.prepared.digest, act=RECORD_ACT_AMENDED)
    refuse_issue(kit, third, item_of(kit, second, third), Reason.COUNTERPARTY_MISMATCH)


@case(
    "PKT-156",
    "MUST keep a version that was rejected abroad and take the next one",
    clauses=("ARR-5", "VER-1"),
    needs=AMENDING,
)
def pkt_156(kit: Kit) -> None:
    other, document = kit.shared(), transport_event(reference(kit))
    first = kit.issue(document)
    rejection = other.acknowledge(first.sequence, encode_rejected(Reason.VERSION_CONFLICT))
    item_applied(kit.carry(other, rejection).items[0])
    second = following(kit, first, document)
    expect_equal(second.record_id, first.record_id, "the record goes on")
