"""PKT: what a packet must be to be routed; what is none is refused, what cannot be routed ends as REJECTED."""

from __future__ import annotations

from bridge.conformance import proofs
from bridge.conformance.carriage import (
    accepted,
    deliver,
    familiar,
    proven,
    record_packet,
    record_payload,
    refuse_runs,
    rejected,
)
from bridge.conformance.case import case
from bridge.conformance.kit import Kit
from bridge.errors import Reason
from bridge.protocol.packets import MAX_PAYLOAD_VALUE_BYTES
from bridge.protocol.ports import CARGO_PORT, encode_payload
from bridge.v1.packet_pb2 import Packet
from bridge.v1.transaction_pb2 import RunItem


@case("PKT-012", "MUST reject a packet without a payload", clauses=("PKT-2", "RECV-1"), negative=True)
def pkt_012(kit: Kit) -> None:
    other = familiar(kit)
    rejected(kit, other, other.packet(record_payload(kit, other), payloads=[]), Reason.INVALID_FIELD)


@case(
    "PKT-013",
    "MUST reject a packet with two payloads and take neither",
    clauses=("PKT-2", "RECV-1", "APP-1"),
    negative=True,
)
def pkt_013(kit: Kit) -> None:
    other = familiar(kit)
    both = [record_payload(kit, other), record_payload(kit, other)]
    rejected(kit, other, other.packet(both[0], payloads=both), Reason.INVALID_FIELD)


@case(
    "PKT-014",
    "MUST reject a packet to a port that no application has",
    clauses=("PORT-1", "PORT-2"),
    negative=True,
)
def pkt_014(kit: Kit) -> None:
    other = familiar(kit)
    for port in ("title", "admin", "cargo-2"):
        wrong = record_payload(kit, other, source_port=port, destination_port=port)
        rejected(kit, other, other.packet(wrong), Reason.PORT_UNKNOWN)


@case(
    "PKT-015",
    "MUST reject a packet from a port to another port",
    clauses=("PORT-2",),
    negative=True,
)
def pkt_015(kit: Kit) -> None:
    other = familiar(kit)
    rejected(kit, other, other.packet(record_payload(kit, other, source_port="member")), Reason.PORT_UNKNOWN)
    member = encode_payload("member", other.member(revision=2))
    member.source_port = CARGO_PORT
    rejected(kit, other, other.packet(member), Reason.PORT_UNKNOWN)


@case("PKT-016", "MUST reject a packet whose port is not in form", clauses=("PKT-3", "PATH-4"), negative=True)
def pkt_016(kit: Kit) -> None:
    other = familiar(kit)
    for port in ("Cargo", "c", "cargo/", "-cargo", "c" * 129):
        wrong = record_payload(kit, other, destination_port=port)
        rejected(kit, other, other.packet(wrong), Reason.INVALID_IDENTIFIER, what=f"destination port {port[:20]}")


@case("PKT-017", "MUST reject a payload in a version it does not read", clauses=("PORT-2", "PKT-3"), negative=True)
def pkt_017(kit: Kit) -> None:
    other = familiar(kit)
    for version in ("cargo-2", "member-1", "CARGO-1"):
        wrong = record_payload(kit, other, version=version)
        rejected(kit, other, other.packet(wrong), Reason.PAYLOAD_VERSION_UNKNOWN)


@case("PKT-018", "MUST reject a payload in another encoding", clauses=("PORT-2",), negative=True)
def pkt_018(kit: Kit) -> None:
    other = familiar(kit)
    wrong = record_payload(kit, other, encoding="application/json")
    rejected(kit, other, other.packet(wrong), Reason.INVALID_FIELD)


@case("PKT-019", "MUST reject a payload without a value", clauses=("PKT-2",), negative=True)
def pkt_019(kit: Kit) -> None:
    other = familiar(kit)
    rejected(kit, other, other.packet(record_payload(kit, other, value=b"")), Reason.FIELD_REQUIRED)


@case(
    "PKT-020",
    "MUST reject a payload value above 768 KiB, so that its packet ends",
    clauses=("PKT-2",),
    negative=True,
)
def pkt_020(kit: Kit) -> None:
    other = familiar(kit)
    large = record_payload(kit, other, value=bytes(MAX_PAYLOAD_VALUE_BYTES + 1))
    rejected(kit, other, other.packet(large), Reason.LIMIT_EXCEEDED)


@case("PKT-021", "MUST refuse a packet without a timeout and leave it open", clauses=("PKT-1",), negative=True)
def pkt_021(kit: Kit) -> None:
    other = familiar(kit)
    for timeout in (0, 253_402_300_800):
        runs = proven(kit, other, other.packet(record_payload(kit, other), timeout))
        refuse_runs(kit, other, runs, Reason.INVALID_FIELD, what=f"a timeout of {timeout}")


@case("PKT-022", "MUST refuse a packet whose sequence is out of range", clauses=("PKT-1",), negative=True)
def pkt_022(kit: Kit) -> None:
    other = familiar(kit)
    good = proven(kit, other, record_packet(kit, other))[0]
    for sequence in (0, 2**63, 2**64 - 1):
        packet = Packet.FromString(good.items[0].packet)
        packet.sequence = sequence
        item = RunItem(packet=packet.SerializeToString())
        refuse_runs(kit, other, [proofs.with_items(good, item)], Reason.INVALID_FIELD, what=f"sequence {sequence}")


@case(
    "PKT-023",
    "MUST refuse packet bytes that are none, or have another reading",
    clauses=("PKT-1", "WIRE-1"),
    negative=True,
)
def pkt_023(kit: Kit) -> None:
    other = familiar(kit)
    good = proven(kit, other, record_packet(kit, other))[0]
    body = good.items[0].packet
    for wrong in (b"\xff", body + b"\xf8\x07\x01", body + body, body[:-1]):
        item = RunItem(packet=wrong)
        refuse_runs(kit, other, [proofs.with_items(good, item)], Reason.MALFORMED_MESSAGE)
    accepted(deliver(kit, other, [good])[0], "the packet in its one form is taken")
