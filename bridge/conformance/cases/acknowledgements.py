"""PKT: an acknowledgement closes the packet it answers, once, in the bytes the counterparty committed to."""

from __future__ import annotations

from bridge.conformance.carriage import (
    answers,
    carry,
    deliver,
    familiar,
    proven,
    record_of,
    refuse_runs,
    sent_packet,
    set_pause,
    state_name,
)
from bridge.conformance.case import case
from bridge.conformance.checks import expect_equal, item_applied, item_noop, item_refused, unmoved
from bridge.conformance.counterparty.ledger import Counterparty
from bridge.conformance.following import proves
from bridge.conformance.issuing import Issued
from bridge.conformance.kit import Kit
from bridge.crypto.suites import suite
from bridge.errors import Reason
from bridge.light_client.types import Entry
from bridge.protocol.acknowledgements import EXPIRED_ACKNOWLEDGEMENT, encode_accepted, encode_rejected
from bridge.protocol.commitments import acknowledgement_commitment
from bridge.protocol.paths import acknowledgement_path
from bridge.protocol.ports import CARGO_PORT, MEMBER_PORT, encode_payload
from bridge.v1.packet_pb2 import (
    OUTCOME_ACCEPTED,
    OUTCOME_EXPIRED,
    OUTCOME_REJECTED,
    Acknowledgement,
    RecordReceipt,
)
from bridge.wire import encode

SOURCE = ("platform", "seed")
"""What a case needs that has the target send a packet."""

THEIR_ID = "KITCB-2026-000000777"
"""A local record id of the counterparty."""

RECEIPT = encode(RecordReceipt(local_record_id=THEIR_ID))


def close(kit: Kit, other: Counterparty, issued: Issued, acknowledgement: bytes, state: str) -> None:
    """Answer a packet; Failed unless that closes it with exactly these bytes and one packet less is pending."""
    before, entries = kit.client(other.client_id), kit.info.entry_count
    item_applied(carry(kit, other, other.acknowledgement(issued.sequence, acknowledgement))[0])
    item = sent_packet(kit, other, issued.sequence)
    expect_equal((state_name(item), item.acknowledgement), (state, acknowledgement), "how the packet ended")
    after = kit.client(other.client_id)
    expect_equal(after.pending_count, before.pending_count - 1, "one packet less is pending")
    expect_equal(after.next_sequence, before.next_sequence, "nothing new is sent")
    expect_equal(kit.info.entry_count, entries, "an acknowledgement is not answered by an entry")


def keep_open(kit: Kit, acknowledgement: bytes, *reasons: Reason, what: str = "") -> None:
    """Commit to an acknowledgement that is none; Failed unless it is refused and its packet stays open."""
    other = familiar(kit)
    issued = kit.issue(counterparty=other)
    runs = proven(kit, other, other.acknowledgement(issued.sequence, acknowledgement))
    refuse_runs(kit, other, runs, *reasons, what=what)
    expect_equal(state_name(sent_packet(kit, other, issued.sequence)), "COMMITTED", "the packet stays open")


@case(
    "PKT-060",
    "MUST close a packet as ACCEPTED and remember the record id that the other side gave",
    clauses=("ACK-2", "ARR-5"),
    needs=SOURCE,
)
def pkt_060(kit: Kit) -> None:
    other = familiar(kit)
    issued = kit.issue(counterparty=other)
    close(kit, other, issued, encode_accepted(RECEIPT), "ACCEPTED")
    expect_equal(record_of(kit, issued.record_id).counterparty_record_id, THEIR_ID, "the other side's record id")


@case(
    "PKT-061",
    "MUST close a packet as REJECTED, with its code, and keep the record as it was issued",
    clauses=("ACK-2", "ARR-5"),
    needs=SOURCE,
)
def pkt_061(kit: Kit) -> None:
    other = familiar(kit)
    issued = kit.issue(counterparty=other)
    close(kit, other, issued, encode_rejected(Reason.ISSUER_UNKNOWN), "REJECTED")
    record = record_of(kit, issued.record_id)
    expect_equal(record.rejection_code, str(Reason.ISSUER_UNKNOWN), "the code stands with the record")
    expect_equal(record.statement, issued.prepared.statement, "the record stands as it was issued")
    expect_equal(record.counterparty_record_id, "", "the other side gave it no id")


@case(
    "PKT-062",
    "MUST close a packet as EXPIRED on the counterparty's word, and never by itself",
    clauses=("ACK-2", "RECV-1"),
    needs=SOURCE,
)
def pkt_062(kit: Kit) -> None:
    other = familiar(kit)
    issued = kit.issue(counterparty=other)
    expect_equal(state_name(sent_packet(kit, other, issued.sequence)), "COMMITTED", "nothing else closes it")
    close(kit, other, issued, EXPIRED_ACKNOWLEDGEMENT, "EXPIRED")


@case(
    "PKT-063",
    "MUST answer the acknowledgement that closed a packet with NOOP when it comes again",
    clauses=("ACK-3",),
    negative=True,
    needs=SOURCE,
)
def pkt_063(kit: Kit) -> None:
    other = familiar(kit)
    issued = kit.issue(counterparty=other)
    runs = proven(kit, other, other.acknowledgement(issued.sequence))
    item_applied(deliver(kit, other, runs)[0])
    with unmoved(kit, other.client_id):
        item_noop(deliver(kit, other, runs)[0])


@case(
    "PKT-064",
    "MUST refuse another acknowledgement for a packet that was closed, though it is proven",
    clauses=("ACK-3",),
    negative=True,
    needs=SOURCE,
)
def pkt_064(kit: Kit) -> None:
    other = familiar(kit)
    issued = kit.issue(counterparty=other)
    close(kit, other, issued, encode_accepted(RECEIPT), "ACCEPTED")
    for body in (encode_accepted(), encode_rejected(Reason.ISSUER_UNKNOWN), EXPIRED_ACKNOWLEDGEMENT):
        runs = proven(kit, other, other.acknowledgement(issued.sequence, body))
        refuse_runs(kit, other, runs, Reason.ACKNOWLEDGEMENT_CONFLICT)
    item = sent_packet(kit, other, issued.sequence)
    expect_equal(item.acknowledgement, encode_accepted(RECEIPT), "the first answer stands")


@case(
    "PKT-065",
    "MUST refuse an acknowledgement for a packet that was never sent",
    clauses=("ACK-3",),
    negative=True,
)
def pkt_065(kit: Kit) -> None:
    other = familiar(kit)
    beyond = kit.client(other.client_id).next_sequence
    for sequence in (beyond, beyond + 1_000, 2**63 - 1):
        runs = proven(kit, other, other.acknowledgement(sequence))
        refuse_runs(kit, other, runs, Reason.PACKET_NOT_FOUND, what=f"no packet {sequence} was sent")


@case(
    "PKT-066",
    "MUST refuse an acknowledgement without a sequence, or with one out of range",
    clauses=("ACK-1", "DEL-7"),
    negative=True,
)
def pkt_066(kit: Kit) -> None:
    other = familiar(kit)
    for sequence in (0, 2**63, 2**64 - 1):
        runs = proven(kit, other, other.acknowledgement(sequence))
        refuse_runs(kit, other, runs, Reason.INVALID_FIELD, what=f"sequence {sequence}")


@case(
    "PKT-067",
    "MUST refuse an acknowledgement without a known outcome",
    clauses=("ACK-1", "WIRE-2"),
    negative=True,
    needs=SOURCE,
)
def pkt_067(kit: Kit) -> None:
    for outcome in (b"\x08\x04", b"\x08\x7f", b"\x12\x03ABC"):
        keep_open(kit, outcome, Reason.INVALID_FIELD, Reason.FIELD_REQUIRED, what=f"outcome bytes {outcome.hex()}")


@case("PKT-068", "MUST refuse an acknowledgement that is empty", clauses=("ACK-1",), negative=True, needs=SOURCE)
def pkt_068(kit: Kit) -> None:
    keep_open(kit, b"", Reason.INVALID_FIELD, Reason.FIELD_REQUIRED, Reason.MALFORMED_MESSAGE)


@case(
    "PKT-069",
    "MUST refuse a rejection without a code, or with one that is no code",
    clauses=("ACK-1",),
    negative=True,
    needs=SOURCE,
)
def pkt_069(kit: Kit) -> None:
    for code in ("", "lower_case", "A", "WITH SPACE", "X" * 64):
        body = encode(Acknowledgement(outcome=OUTCOME_REJECTED, code=code))
        keep_open(kit, body, Reason.INVALID_FIELD, what=f"the code {code[:20]!r}")


@case(
    "PKT-070",
    "MUST refuse a code or a result that does not go with its outcome",
    clauses=("ACK-1",),
    negative=True,
    needs=SOURCE,
)
def pkt_070(kit: Kit) -> None:
    for wrong in (
        Acknowledgement(outcome=OUTCOME_ACCEPTED, code="ISSUER_UNKNOWN"),
        Acknowledgement(outcome=OUTCOME_EXPIRED, code="ISSUER_UNKNOWN"),
        Acknowledgement(outcome=OUTCOME_EXPIRED, result=RECEIPT),
        Acknowledgement(outcome=OUTCOME_REJECTED, code="ISSUER_UNKNOWN", result=RECEIPT),
    ):
        keep_open(kit, encode(wrong), Reason.INVALID_FIELD, what=" ".join(str(wrong).split()))


@case(
    "PKT-071",
    "MUST refuse an acknowledgement in other bytes than its one form",
    clauses=("ACK-1", "WIRE-1"),
    negative=True,
    needs=SOURCE,
)
def pkt_071(kit: Kit) -> None:
    plain = encode_accepted(RECEIPT)
    result = plain[2:]
    for name, body in {
        "the outcome twice": b"\x08\x01" + plain,
        "an unknown field": plain + b"\x20\x01",
        "an explicit default": b"\x08\x01\x12\x00" + result,
        "fields out of order": result + b"\x08\x01",
        "a long varint": b"\x08\x81\x00" + result,
        "cut off": plain[:-1],
    }.items():
        keep_open(kit, body, Reason.MALFORMED_MESSAGE, what=name)


@case(
    "PKT-072",
    "MUST refuse an acknowledgement or a result above its limit",
    clauses=("ACK-1", "WIRE-4"),
    negative=True,
    needs=SOURCE,
)
def pkt_072(kit: Kit) -> None:
    keep_open(kit, encode_accepted(bytes(2_049)), Reason.LIMIT_EXCEEDED, what="more than 2 KiB")
    keep_open(kit, encode_accepted(bytes(1_025)), Reason.INVALID_FIELD, Reason.LIMIT_EXCEEDED, what="a long result")


@case(
    "PKT-073",
    "MUST close a packet though the result cannot be read, and leave the other side's id unknown",
    clauses=("ARR-5", "PORT-4"),
    needs=SOURCE,
)
def pkt_073(kit: Kit) -> None:
    other = familiar(kit)
    for result in (b"\xff\xff", b"", encode(RecordReceipt(local_record_id="X" * 65))):
        issued = kit.issue(counterparty=other)
        close(kit, other, issued, encode_accepted(result), "ACCEPTED")
        expect_equal(record_of(kit, issued.record_id).counterparty_record_id, "", "the other side's id is unknown")


@case(
    "PKT-074",
    "MUST close packets of a paused port all the same",
    clauses=("PAU-1", "ACK-2"),
    needs=(*SOURCE, "authority_key", "capability:pause"),
)
def pkt_074(kit: Kit) -> None:
    other = kit.counterparty()
    issued = kit.issue(counterparty=other)
    set_pause(kit, other, CARGO_PORT, paused=True)
    close(kit, other, issued, encode_accepted(RECEIPT), "ACCEPTED")


@case(
    "PKT-075",
    "MUST refuse an acknowledgement through a frozen client and leave its packet open",
    clauses=("DEL-4", "CLI-2"),
    negative=True,
    needs=SOURCE,
)
def pkt_075(kit: Kit) -> None:
    other = kit.counterparty()
    issued = kit.issue(counterparty=other)
    runs = proven(kit, other, other.acknowledgement(issued.sequence))
    for header in other.equivocate(other.advance()):
        item_applied(kit.deliver(other, headers=[header]).headers[0])
    refuse_runs(kit, other, runs, Reason.CLIENT_FROZEN)
    expect_equal(state_name(sent_packet(kit, other, issued.sequence)), "COMMITTED", "the packet stays open")


@case(
    "PKT-076",
    "MUST close packets in whatever order they are answered",
    clauses=("ACK-2", "DEL-5"),
    needs=SOURCE,
)
def pkt_076(kit: Kit) -> None:
    other = familiar(kit)
    issued = [kit.issue(counterparty=other) for _ in range(3)]
    for index in (1, 2, 0):
        close(kit, other, issued[index], encode_accepted(RECEIPT), "ACCEPTED")


@case(
    "PKT-077",
    "MUST close the packets that are answered beside an answer that is refused",
    clauses=("DEL-3", "ACK-3"),
    negative=True,
    needs=SOURCE,
)
def pkt_077(kit: Kit) -> None:
    other = familiar(kit)
    issued = kit.issue(counterparty=other)
    never = kit.client(other.client_id).next_sequence + 5
    first, second = carry(kit, other, other.acknowledgement(never), other.acknowledgement(issued.sequence))
    item_refused(first, Reason.PACKET_NOT_FOUND)
    item_applied(second)
    expect_equal(state_name(sent_packet(kit, other, issued.sequence)), "ACCEPTED", "the packet is closed")


@case(
    "PKT-078",
    "MUST commit to the acknowledgement it writes, so that the entry verifies under the ledger's own headers",
    clauses=("PATH-2", "COM-3", "RECV-2", "LED-4"),
)
def pkt_078(kit: Kit) -> None:
    other = kit.counterparty()
    since = kit.info.anchor
    for value in (other.member(), b"\xff"):
        written = other.packet(encode_payload(MEMBER_PORT, value))
        result = carry(kit, other, written)[0]
        item = answers(kit, other)[-1]
        expect_equal(item.body, result.acknowledgement, "the acknowledgement is listed as it was answered")
        home = suite(kit.info.suite)
        path = acknowledgement_path(other.client_id, written.sequence)
        proves(kit, since, item.position, Entry(path, acknowledgement_commitment(home.hash, item.body)))
