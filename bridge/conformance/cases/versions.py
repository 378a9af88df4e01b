"""PKT: versions of a record arrive in any order and chain; one that contradicts what stands never stands beside it."""

from __future__ import annotations

from typing import Any

from bridge.conformance.carriage import (
    accepted,
    carry,
    familiar,
    introduce,
    receipt,
    record_of,
    records_of,
    reference,
    rejected,
)
from bridge.conformance.case import case
from bridge.conformance.checks import expect_equal
from bridge.conformance.counterparty.ledger import Counterparty
from bridge.conformance.counterparty.packets import Written
from bridge.conformance.counterparty.records import Record
from bridge.conformance.kit import Kit
from bridge.errors import Reason
from bridge.protocol.ports import CARGO_PORT, encode_payload
from bridge.v1.cargo_pb2 import RECORD_ACT_VOIDED


def version_packet(other: Counterparty, record: Record) -> Written:
    """A packet with a record version, which no block holds yet."""
    return other.packet(encode_payload(CARGO_PORT, record.value))


def take(kit: Kit, other: Counterparty, record: Record) -> str:
    """Carry a version that must be accepted; the local record id."""
    return receipt(accepted(carry(kit, other, version_packet(other, record))[0]))


def chain(other: Counterparty, name: str, count: int, *, void: bool = False) -> list[Record]:
    """Versions 1 to `count` of a record, each naming the one before; the last one voids it where that is asked."""
    found: list[Record] = []
    for version in range(1, count + 1):
        over: dict[str, Any] = {"act": RECORD_ACT_VOIDED} if void and version == count else {}
        previous = found[-1].digest if found else b""
        found.append(other.record(name, version=version, previous=previous, **over))
    return found


@case(
    "PKT-130",
    "MUST take versions in any order and with gaps, under one local record id",
    clauses=("ARR-1", "ARR-3", "ARR-4"),
)
def pkt_130(kit: Kit) -> None:
    other = introduce(kit, kit.counterparty())
    versions = chain(other, reference(kit), 4)
    ids = {take(kit, other, versions[index]) for index in (2, 0, 3, 1)}
    expect_equal(len(ids), 1, "every version is answered with the same id")
    (held,) = records_of(kit, other)
    expect_equal((held.version, held.statement), (4, versions[3].payload.statement), "the highest version is the head")
    for number, version in enumerate(versions, 1):
        kept = record_of(kit, held.local_record_id, number)
        expect_equal(kept.statement, version.payload.statement, f"version {number} is kept")


@case(
    "PKT-131",
    "MUST reject another content of a version that stands",
    clauses=("ARR-3",),
    negative=True,
)
def pkt_131(kit: Kit) -> None:
    other, name = familiar(kit), reference(kit)
    take(kit, other, other.record(name))
    second = other.record(name, document={"transportDocumentReference": name, "vesselName": "ANOTHER"})
    rejected(kit, other, version_packet(other, second), Reason.VERSION_CONFLICT)


@case(
    "PKT-132",
    "MUST reject a version that does not name the one before it",
    clauses=("ARR-3", "REC-7"),
    negative=True,
)
def pkt_132(kit: Kit) -> None:
    other, name = familiar(kit), reference(kit)
    take(kit, other, other.record(name))
    rejected(
        kit, other, version_packet(other, other.record(name, version=2, previous=b"\7" * 32)), Reason.VERSION_CONFLICT
    )


@case(
    "PKT-133",
    "MUST reject an earlier version that the one after it does not name",
    clauses=("ARR-3",),
    negative=True,
)
def pkt_133(kit: Kit) -> None:
    other, name = familiar(kit), reference(kit)
    take(kit, other, other.record(name, version=2, previous=b"\7" * 32))
    rejected(kit, other, version_packet(other, other.record(name)), Reason.VERSION_CONFLICT)


@case("PKT-134", "MUST reject every version after a void", clauses=("ARR-3",), negative=True)
def pkt_134(kit: Kit) -> None:
    other, name = familiar(kit), reference(kit)
    versions = chain(other, name, 2, void=True)
    for record in versions:
        take(kit, other, record)
    after = other.record(name, version=3, previous=versions[-1].digest)
    rejected(kit, other, version_packet(other, after), Reason.RECORD_VOIDED)


@case("PKT-135", "MUST reject a void below a version that stands", clauses=("ARR-3",), negative=True)
def pkt_135(kit: Kit) -> None:
    other, name = familiar(kit), reference(kit)
    void = chain(other, name, 2, void=True)[-1]
    take(kit, other, other.record(name, version=4, previous=b"\7" * 32))
    rejected(kit, other, version_packet(other, void), Reason.VERSION_CONFLICT)


@case(
    "PKT-136",
    "MUST reject a version above 2^31 - 1",
    clauses=("REC-7",),
    negative=True,
)
def pkt_136(kit: Kit) -> None:
    other = familiar(kit)
    for version in (2**31, 2**63, 2**64 - 1):
        record = other.record(reference(kit), version=version, previous=b"\7" * 32)
        rejected(kit, other, version_packet(other, record), Reason.INVALID_FIELD, what=f"version {version}")


@case(
    "PKT-137",
    "MUST take the same version under two sequences as one record, and answer both with its id",
    clauses=("ARR-1", "ARR-3"),
)
def pkt_137(kit: Kit) -> None:
    other = introduce(kit, kit.counterparty())
    record = other.record(reference(kit))
    expect_equal(take(kit, other, record), take(kit, other, record), "one record has one id")
    expect_equal(len(records_of(kit, other)), 1, "one record is kept")


@case(
    "PKT-138",
    "MUST tell records apart by issuer, type, reference and sub-reference together",
    clauses=("REC-3", "REC-4"),
)
def pkt_138(kit: Kit) -> None:
    other = introduce(kit, kit.counterparty())
    name = reference(kit)
    key = other.record(name).statement.key
    ids = {take(kit, other, other.record(name))}
    for field, value in (("issuer", "ONEY"), ("sub_reference", "2"), ("reference", f"{name}B"), ("type", 3)):
        twin = type(key)()
        twin.CopyFrom(key)
        setattr(twin, field, value)
        ids.add(take(kit, other, other.record(name, key=twin)))
    expect_equal(len(ids), 5, "five keys name five records")


@case(
    "PKT-139",
    "MUST keep records of two counterparties apart, though they have one key",
    clauses=("ARR-4", "REC-4"),
)
def pkt_139(kit: Kit) -> None:
    first, second = introduce(kit, kit.counterparty()), introduce(kit, kit.counterparty())
    name = reference(kit)
    ids = {take(kit, other, other.record(name)) for other in (first, second)}
    expect_equal(len(ids), 2, "each ledger's record has an id of its own")
