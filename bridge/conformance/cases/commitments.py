"""MEM: the commitment that is proven is worked out from the bytes that are delivered, in the one way there is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from bridge.conformance import proofs
from bridge.conformance.carriage import (
    accepted,
    deliver,
    familiar,
    placed,
    proven,
    record_packet,
    reference,
    refuse_runs,
    sent_packet,
    state_name,
)
from bridge.conformance.case import case
from bridge.conformance.checks import expect_equal, item_applied
from bridge.conformance.counterparty.ledger import Counterparty
from bridge.conformance.counterparty.packets import Written, write_acknowledgement, write_packet
from bridge.conformance.kit import Kit
from bridge.crypto.suites import suite
from bridge.errors import Reason
from bridge.light_client.types import Entry
from bridge.protocol.acknowledgements import encode_accepted, encode_rejected
from bridge.protocol.commitments import packet_commitment
from bridge.protocol.paths import acknowledgement_path, packet_path
from bridge.v1.packet_pb2 import Packet
from bridge.v1.transaction_pb2 import RunItem, WrittenAcknowledgement
from bridge.wire import encode

ELSEWHERE = "elsewhere-0"
"""A client of the counterparty that has nothing to do with the target."""

HASHES = {"sha256-ed25519": "sm3-sm2", "sha256-p256": "sm3-sm2", "sm3-sm2": "sha256-ed25519"}
"""A suite with another hash, for each suite."""


def refuse_changed(kit: Kit, *changes: Callable[[Packet], object]) -> None:
    """Prove a packet, then deliver it once with each change in its place; Failed unless each is refused."""
    other = familiar(kit)
    run = proven(kit, other, record_packet(kit, other))[0]
    for change in changes:
        packet = Packet.FromString(run.items[0].packet)
        change(packet)
        refuse_runs(kit, other, [proofs.with_items(run, RunItem(packet=encode(packet)))], Reason.PROOF_INVALID)
    accepted(deliver(kit, other, [run])[0], "the packet as it was committed to is taken")


def refuse_standing(kit: Kit, other: Counterparty, written: Written, path: bytes, value: bytes) -> None:
    """Let the counterparty commit to path and value, and deliver `written` for it; Failed unless it is refused."""
    instead = replace(written, entry=replace(written.entry, entry=Entry(path, value)))
    refuse_runs(kit, other, proven(kit, other, *placed(other, instead)), Reason.PROOF_INVALID)


@case(
    "MEM-030",
    "MUST refuse a packet whose value is not the one committed to",
    clauses=("COM-2", "DEL-7"),
    negative=True,
)
def mem_030(kit: Kit) -> None:
    def turn(packet: Packet) -> None:
        value = packet.payloads[0].value
        packet.payloads[0].value = value[:-1] + bytes([value[-1] ^ 1])

    def swap(packet: Packet) -> None:
        packet.payloads[0].value = familiar(kit).record(reference(kit)).value

    refuse_changed(kit, turn, swap)


@case(
    "MEM-031",
    "MUST refuse a packet whose timeout is not the one committed to",
    clauses=("COM-1", "DEL-7"),
    negative=True,
)
def mem_031(kit: Kit) -> None:
    refuse_changed(
        kit,
        lambda packet: setattr(packet, "timeout_seconds", packet.timeout_seconds + 1),
        lambda packet: setattr(packet, "timeout_seconds", 1),
    )


@case(
    "MEM-032",
    "MUST refuse a packet under another sequence than the one committed to",
    clauses=("PATH-1", "DEL-7"),
    negative=True,
)
def mem_032(kit: Kit) -> None:
    refuse_changed(kit, lambda packet: setattr(packet, "sequence", packet.sequence + 1_000))


@case(
    "MEM-033",
    "MUST refuse a packet whose addresses are not those committed to",
    clauses=("COM-2", "DEL-7"),
    negative=True,
)
def mem_033(kit: Kit) -> None:
    refuse_changed(
        kit,
        lambda packet: setattr(packet.payloads[0], "source_port", "member"),
        lambda packet: setattr(packet.payloads[0], "destination_port", "member"),
        lambda packet: setattr(packet.payloads[0], "version", "cargo-2"),
        lambda packet: setattr(packet.payloads[0], "encoding", "application/json"),
    )


@case(
    "MEM-034",
    "MUST refuse a packet with a payload more or less than was committed to",
    clauses=("COM-1", "DEL-7"),
    negative=True,
)
def mem_034(kit: Kit) -> None:
    refuse_changed(
        kit,
        lambda packet: packet.payloads.append(packet.payloads[0]),
        lambda packet: packet.ClearField("payloads"),
    )


@case(
    "MEM-035",
    "MUST build a packet's path itself, whatever path the counterparty wrote its commitment to",
    clauses=("PATH-1", "DEL-7"),
    negative=True,
)
def mem_035(kit: Kit) -> None:
    other = familiar(kit)
    written = record_packet(kit, other)
    value = written.entry.entry.value
    for path in (packet_path(ELSEWHERE, written.sequence), acknowledgement_path(other.own_client_id, written.sequence)):
        refuse_standing(kit, other, written, path, value)


@case(
    "MEM-036",
    "MUST refuse a commitment in another hash than that of the ledger it stands on",
    clauses=("COM-1", "CRY-1"),
    negative=True,
)
def mem_036(kit: Kit) -> None:
    other = familiar(kit)
    written = record_packet(kit, other)
    assert written.packet is not None
    value = packet_commitment(suite(HASHES[other.suite.suite_id]).hash, written.packet)
    refuse_standing(kit, other, written, written.entry.entry.path, value)


@case(
    "MEM-037",
    "MUST refuse a commitment that hashes the packet's bytes as a whole, or in another order",
    clauses=("COM-1", "COM-2"),
    negative=True,
)
def mem_037(kit: Kit) -> None:
    other = familiar(kit)
    hash_ = other.suite.hash
    for number in range(3):
        written = record_packet(kit, other)
        packet = written.packet
        assert packet is not None
        timeout = packet.timeout_seconds.to_bytes(8, "little")
        values = (
            hash_(written.body),
            written.entry.entry.value[::-1],
            hash_(b"\x02" + hash_(packet.destination_client.encode()) + hash_(timeout) + hash_(written.body)),
        )
        refuse_standing(kit, other, written, written.entry.entry.path, values[number])


@case(
    "MEM-038",
    "MUST refuse an acknowledgement that another client of the counterparty wrote",
    clauses=("PATH-2", "DEL-7"),
    negative=True,
    needs=("platform", "seed"),
)
def mem_038(kit: Kit) -> None:
    other = familiar(kit)
    issued = kit.issue(counterparty=other)
    written = write_acknowledgement(other.suite.hash, ELSEWHERE, issued.sequence, encode_accepted())
    refuse_runs(kit, other, proven(kit, other, written), Reason.PROOF_INVALID)
    expect_equal(state_name(sent_packet(kit, other, issued.sequence)), "COMMITTED", "the packet stays open")


@case(
    "MEM-039",
    "MUST refuse an acknowledgement whose bytes are not those committed to",
    clauses=("COM-3", "DEL-7"),
    negative=True,
    needs=("platform", "seed"),
)
def mem_039(kit: Kit) -> None:
    other = familiar(kit)
    issued = kit.issue(counterparty=other)
    run = proven(kit, other, other.acknowledgement(issued.sequence))[0]
    for body in (encode_rejected(Reason.VERSION_CONFLICT), encode_accepted(b"\x0a\x01A")):
        item = RunItem(acknowledgement=WrittenAcknowledgement(sequence=issued.sequence, acknowledgement=body))
        refuse_runs(kit, other, [proofs.with_items(run, item)], Reason.PROOF_INVALID)
    expect_equal(state_name(sent_packet(kit, other, issued.sequence)), "COMMITTED", "the packet stays open")
    item_applied(deliver(kit, other, [run])[0], "the acknowledgement as it was committed to is taken")


@case(
    "MEM-040",
    "MUST refuse an acknowledgement under the sequence of another packet",
    clauses=("PATH-2", "DEL-7"),
    negative=True,
    needs=("platform", "seed"),
)
def mem_040(kit: Kit) -> None:
    other = familiar(kit)
    first, second = kit.issue(counterparty=other), kit.issue(counterparty=other)
    run = proven(kit, other, other.acknowledgement(first.sequence))[0]
    item = RunItem(acknowledgement=WrittenAcknowledgement(sequence=second.sequence, acknowledgement=encode_accepted()))
    refuse_runs(kit, other, [proofs.with_items(run, item)], Reason.PROOF_INVALID)
    expect_equal(state_name(sent_packet(kit, other, second.sequence)), "COMMITTED", "the packet stays open")


@case(
    "MEM-041",
    "MUST refuse an acknowledgement that stands where a packet's commitment would",
    clauses=("PATH-1", "PATH-2", "DEL-7"),
    negative=True,
    needs=("platform", "seed"),
)
def mem_041(kit: Kit) -> None:
    other = familiar(kit)
    issued = kit.issue(counterparty=other)
    written = other.acknowledgement(issued.sequence)
    path = packet_path(other.own_client_id, issued.sequence)
    refuse_standing(kit, other, written, path, written.entry.entry.value)
    expect_equal(state_name(sent_packet(kit, other, issued.sequence)), "COMMITTED", "the packet stays open")


@case(
    "MEM-042",
    "MUST refuse a packet that the counterparty committed to for another client, delivered as its own",
    clauses=("COM-1", "DEL-6"),
    negative=True,
)
def mem_042(kit: Kit) -> None:
    other = familiar(kit)
    mine = record_packet(kit, other)
    assert mine.packet is not None
    theirs = Packet()
    theirs.CopyFrom(mine.packet)
    theirs.destination_client = ELSEWHERE
    written = write_packet(other.suite.hash, theirs)
    run = proven(kit, other, written)[0]
    refuse_runs(kit, other, [run], Reason.COUNTERPARTY_MISMATCH)
    refuse_runs(kit, other, [proofs.with_items(run, mine.item)], Reason.PROOF_INVALID)
