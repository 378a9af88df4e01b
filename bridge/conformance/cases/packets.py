"""PKT: a packet that was proven ends in exactly one acknowledgement; one that was not, or is none, changes nothing."""

from __future__ import annotations

from bridge.clock import NANOS_PER_SECOND
from bridge.conformance.carriage import (
    accepted,
    answers,
    carry,
    deliver,
    effects,
    ends,
    expired,
    familiar,
    introduce,
    proven,
    record_packet,
    record_payload,
    refuse_runs,
    set_pause,
    trust,
    verdict,
    without_effect,
)
from bridge.conformance.case import case
from bridge.conformance.checks import expect, expect_equal, item_applied, item_noop, item_refused, refused, unmoved
from bridge.conformance.kit import Kit
from bridge.conformance.waiting import wait_until
from bridge.errors import Reason
from bridge.protocol.ports import CARGO_PORT, encode_payload

HOUR = 3_600
AHEAD_SECONDS = 6
"""How far a counterparty's clock may run ahead and its headers still be believed, in seconds."""

TRUSTING_SECONDS = 3
"""Trusting period of a client that is meant to expire while its case waits, in seconds."""


@case(
    "PKT-001",
    "MUST answer an accepted record packet with the record's local id and keep the record",
    clauses=("RECV-1", "RECV-2", "ARR-1", "ACK-1"),
)
def pkt_001(kit: Kit) -> None:
    other = introduce(kit, kit.counterparty())
    result = carry(kit, other, record_packet(kit, other))[0]
    answer = accepted(result)
    expect(bool(answer.result), "an accepted record has a receipt", got=answer.result, expected="a RecordReceipt")
    expect_equal(answers(kit, other)[-1].body, result.acknowledgement, "the acknowledgement is listed")
    records = effects(kit, other)["records"]
    expect(isinstance(records, tuple) and len(records) == 1, "one record is kept", got=records, expected="one record")


@case("PKT-002", "MUST refuse a delivery to a client that does not exist", clauses=("DEL-2",), negative=True)
def pkt_002(kit: Kit) -> None:
    other = familiar(kit)
    runs = proven(kit, other, record_packet(kit, other))
    with unmoved(kit, other.client_id):
        refused(lambda: kit.deliver(other, runs=runs, client_id="kit-nobody"), Reason.CLIENT_NOT_FOUND)


@case("PKT-003", "MUST refuse packets through a client that is not paired", clauses=("DEL-4", "CLI-3"), negative=True)
def pkt_003(kit: Kit) -> None:
    other = kit.counterparty(paired=False)
    runs = proven(kit, other, record_packet(kit, other))
    refuse_runs(kit, other, runs, Reason.CLIENT_NOT_PAIRED)


@case("PKT-004", "MUST refuse packets through a frozen client", clauses=("DEL-4", "CLI-2"), negative=True)
def pkt_004(kit: Kit) -> None:
    other = introduce(kit, kit.counterparty())
    runs = proven(kit, other, record_packet(kit, other))
    header, conflict = other.equivocate(other.advance())
    kit.deliver(other, headers=[header])
    item_applied(kit.deliver(other, headers=[conflict]).headers[0], "a conflicting header freezes the client")
    refuse_runs(kit, other, runs, Reason.CLIENT_FROZEN)


@case("PKT-005", "MUST refuse packets through an expired client", clauses=("DEL-4", "CLI-2", "UPD-8"), negative=True)
def pkt_005(kit: Kit) -> None:
    other = kit.counterparty(act={"trusting_period_seconds": TRUSTING_SECONDS})
    runs = proven(kit, other, other.register_issuer())
    wait_until(kit, other.seconds + TRUSTING_SECONDS + 1)
    refuse_runs(kit, other, runs, Reason.CLIENT_EXPIRED)


@case(
    "PKT-006",
    "MUST refuse a packet of another client of the counterparty, though it is proven",
    clauses=("DEL-6",),
    negative=True,
)
def pkt_006(kit: Kit) -> None:
    other = familiar(kit)
    written = other.packet(record_payload(kit, other), source_client="elsewhere-0")
    refuse_runs(kit, other, proven(kit, other, written), Reason.COUNTERPARTY_MISMATCH)


@case(
    "PKT-007",
    "MUST refuse a packet to another client of the target, though it is proven",
    clauses=("DEL-6",),
    negative=True,
)
def pkt_007(kit: Kit) -> None:
    other, third = familiar(kit), kit.counterparty()
    written = other.packet(record_payload(kit, other), destination_client=third.client_id)
    runs = proven(kit, other, written)
    refuse_runs(kit, other, runs, Reason.COUNTERPARTY_MISMATCH)
    trust(kit, third, third.advance())
    with unmoved(kit, third.client_id):
        for item in kit.deliver(third, runs=runs).items:
            item_refused(item, Reason.COUNTERPARTY_MISMATCH, Reason.CONSENSUS_STATE_NOT_FOUND, Reason.PROOF_INVALID)


@case(
    "PKT-008",
    "MUST end a packet whose timeout has passed as EXPIRED, without its effect",
    clauses=("RECV-1", "RECV-2"),
    negative=True,
)
def pkt_008(kit: Kit) -> None:
    other = familiar(kit)
    for timeout in (1, other.seconds - HOUR, other.seconds - 1):
        expired(kit, other, other.packet(record_payload(kit, other), timeout))


@case(
    "PKT-009",
    "MUST judge a timeout by the second of the block that receives the packet: reached is expired",
    clauses=("RECV-1",),
    negative=True,
)
def pkt_009(kit: Kit) -> None:
    other = familiar(kit)
    packets = [other.packet(record_payload(kit, other), other.seconds + ahead) for ahead in range(-1, 3)]
    results = carry(kit, other, *packets)
    for item, result in zip(answers(kit, other)[-len(packets) :], results, strict=True):
        written = next(each for each in packets if each.sequence == item.sequence)
        assert written.packet is not None
        due = item.block_time.seconds >= written.packet.timeout_seconds
        what = f"timeout {written.packet.timeout_seconds} at block time {item.block_time.seconds}"
        expect_equal(verdict(result), "EXPIRED" if due else "ACCEPTED", what)


@case(
    "PKT-010",
    "MUST judge a timeout by its own clock, not by the time in the counterparty's headers",
    clauses=("RECV-1",),
)
def pkt_010(kit: Kit) -> None:
    other = introduce(kit, kit.counterparty())
    written = other.packet(record_payload(kit, other), other.seconds + AHEAD_SECONDS - 2)
    other.set_clock(other.now + AHEAD_SECONDS * NANOS_PER_SECOND)
    accepted(carry(kit, other, written)[0], "by the target's clock the timeout is still to come")


@case(
    "PKT-011",
    "MUST answer a packet that was received before with NOOP and the first acknowledgement",
    clauses=("RECV-3", "DEL-1"),
    negative=True,
)
def pkt_011(kit: Kit) -> None:
    other = familiar(kit)
    runs = proven(kit, other, record_packet(kit, other))
    first = deliver(kit, other, runs)[0]
    accepted(first)
    with unmoved(kit, other.client_id):
        again = deliver(kit, other, runs)[0]
        item_noop(again)
        expect_equal(again.acknowledgement, first.acknowledgement, "the first acknowledgement is repeated")


@case(
    "PKT-024",
    "MUST leave a packet open while its port is paused, and take it after",
    clauses=("RECV-1", "PAU-1"),
    negative=True,
    needs=("authority_key", "capability:pause"),
)
def pkt_024(kit: Kit) -> None:
    other = introduce(kit, kit.counterparty())
    runs = proven(kit, other, record_packet(kit, other))
    set_pause(kit, other, CARGO_PORT, paused=True)
    with without_effect(kit, other, "a packet to a paused port"):
        refuse_runs(kit, other, runs, Reason.PORT_PAUSED)
    set_pause(kit, other, CARGO_PORT, paused=False)
    accepted(deliver(kit, other, runs)[0], "a packet that waited for its port is taken")


@case(
    "PKT-025",
    "MUST let a packet expire though its port is paused",
    clauses=("RECV-1", "PAU-1"),
    negative=True,
    needs=("authority_key", "capability:pause"),
)
def pkt_025(kit: Kit) -> None:
    other = introduce(kit, kit.counterparty())
    set_pause(kit, other, CARGO_PORT, paused=True)
    expired(kit, other, other.packet(record_payload(kit, other), other.seconds - 1))


@case(
    "PKT-026",
    "MUST pause no other port and no other client than the act names",
    clauses=("PAU-1", "ACT-6"),
    needs=("authority_key", "capability:pause"),
)
def pkt_026(kit: Kit) -> None:
    other, third = kit.counterparty(), familiar(kit)
    set_pause(kit, other, CARGO_PORT, paused=True)
    accepted(carry(kit, other, other.register_issuer())[0], "another port of the client is open")
    accepted(carry(kit, third, record_packet(kit, third))[0], "the same port of another client is open")


@case("PKT-027", "MUST take the good packets beside a bad one in their run", clauses=("RECV-1", "DEL-3"))
def pkt_027(kit: Kit) -> None:
    other = familiar(kit)
    bad = other.packet(encode_payload(CARGO_PORT, b"\xff"))
    results = carry(kit, other, record_packet(kit, other), bad, record_packet(kit, other))
    expect_equal(
        [verdict(result) for result in results], ["ACCEPTED", "MALFORMED_MESSAGE", "ACCEPTED"], "each ends for itself"
    )


@case("PKT-028", "MUST take packets in whatever order they arrive", clauses=("RECV-1", "DEL-5"))
def pkt_028(kit: Kit) -> None:
    other = familiar(kit)
    written = other.commit(*(record_packet(kit, other) for _ in range(4)))
    for index in (2, 0, 3, 1):
        accepted(carry(kit, other, written[index])[0], "a packet needs none before it")


@case(
    "PKT-029",
    "MUST take sequences with gaps, up to 2^63 - 1",
    clauses=("PKT-1", "RECV-1"),
)
def pkt_029(kit: Kit) -> None:
    other = introduce(kit, kit.counterparty())
    for sequence in (2**32, 2**53 + 1, 2**63 - 1):
        accepted(
            carry(kit, other, other.packet(record_payload(kit, other), sequence=sequence))[0], f"sequence {sequence}"
        )
    expect_equal(answers(kit, other)[-1].sequence, 2**63 - 1, "the sequence is kept whole")


@case(
    "PKT-030",
    "MUST keep the receipts of one client apart from those of another",
    clauses=("RECV-2", "PATH-2"),
)
def pkt_030(kit: Kit) -> None:
    first, second = introduce(kit, kit.counterparty()), introduce(kit, kit.counterparty())
    for other in (first, second):
        accepted(
            carry(kit, other, other.packet(record_payload(kit, other), sequence=77))[0], "sequence 77 of each client"
        )


@case(
    "PKT-031",
    "MUST end every rejected packet without its effect, though its run holds good ones",
    clauses=("PORT-3", "APP-1", "RECV-2"),
    negative=True,
)
def pkt_031(kit: Kit) -> None:
    other = familiar(kit)
    ends(kit, other, other.packet(encode_payload(CARGO_PORT, b"\x0a\x00")), Reason.MALFORMED_MESSAGE)
    ends(kit, other, other.packet(encode_payload("identifier", b"\xff")), Reason.MALFORMED_MESSAGE)
    ends(kit, other, other.packet(encode_payload("member", b"\xff")), Reason.MALFORMED_MESSAGE)
