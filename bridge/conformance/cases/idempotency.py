"""IDM: what had its effect has it once, however often, by whomever and however much later it is delivered again."""

from __future__ import annotations

from typing import Any

from bridge.conformance import proofs
from bridge.conformance.carriage import (
    FIRST,
    SECOND,
    accepted,
    answers,
    carry,
    deliver,
    delivery_request,
    expired,
    familiar,
    introduce,
    placed,
    proven,
    receipt,
    record_packet,
    record_payload,
    records_of,
    reference,
    rejected,
    sent_packet,
    state_name,
    verdict,
)
from bridge.conformance.case import case
from bridge.conformance.checks import expect_equal, item_applied, item_noop, unmoved
from bridge.conformance.counterparty.ledger import Counterparty
from bridge.conformance.counterparty.members import make_issuer
from bridge.conformance.kit import Kit
from bridge.conformance.waiting import wait_until
from bridge.errors import Reason
from bridge.protocol.acknowledgements import encode_accepted
from bridge.protocol.ports import CARGO_PORT, encode_payload
from bridge.v1.transaction_pb2 import EntryRun, ItemResult

SOURCE = ("platform", "seed")
"""What a case needs that has the target send a packet."""

TWO_RELAYERS = ("second_relayer", "second-relayer")
"""What a case needs that has a second relayer deliver."""

REPEATS = 3
"""How often something is done again where once more would not show a count that grows."""

AHEAD_SECONDS = 3
"""Timeout of a packet that is to pass while its case waits, in seconds ahead."""


def repeat(kit: Kit, other: Counterparty, runs: list[EntryRun], first: ItemResult, **options: Any) -> None:
    """Deliver a packet once more; Failed unless it is a NOOP with the first acknowledgement and nothing moves."""
    with unmoved(kit, other.client_id):
        again = deliver(kit, other, runs, **options)[0]
        item_noop(again)
        expect_equal(again.acknowledgement, first.acknowledgement, "the first acknowledgement is repeated")
        expect_equal(again.sequence, first.sequence, "the packet's sequence is repeated")


@case(
    "IDM-001",
    "MUST count a packet once, however often it is delivered",
    clauses=("RECV-3", "DEL-1"),
    negative=True,
)
def idm_001(kit: Kit) -> None:
    other = familiar(kit)
    runs = proven(kit, other, record_packet(kit, other))
    before = len(answers(kit, other))
    first = deliver(kit, other, runs)[0]
    accepted(first)
    for _ in range(REPEATS):
        repeat(kit, other, runs, first)
    expect_equal(len(answers(kit, other)), before + 1, "one acknowledgement is written")


@case(
    "IDM-002",
    "MUST answer a second relayer's delivery of a packet that was received with NOOP",
    clauses=("RECV-3", "DEL-1"),
    negative=True,
    needs=TWO_RELAYERS,
)
def idm_002(kit: Kit) -> None:
    other = familiar(kit)
    runs = proven(kit, other, record_packet(kit, other))
    first = deliver(kit, other, runs)[0]
    accepted(first)
    repeat(kit, other, runs, first, **SECOND)
    late = other.packet(record_payload(kit, other))
    by_second = deliver(kit, other, proven(kit, other, late), **SECOND)[0]
    accepted(by_second, "either relayer may be the first")


@case(
    "IDM-003",
    "MUST give a signed transaction that comes again in the same bytes no second effect",
    clauses=("RECV-3", "CAL-2"),
    negative=True,
)
def idm_003(kit: Kit) -> None:
    other = familiar(kit)
    request = delivery_request(kit, other, runs=proven(kit, other, record_packet(kit, other)))
    first = kit.ledger().Deliver(request).items[0]
    accepted(first)
    with unmoved(kit, other.client_id):
        again = kit.ledger().Deliver(request).items[0]
        item_noop(again)
        expect_equal(again.acknowledgement, first.acknowledgement, "the first acknowledgement is repeated")


@case(
    "IDM-004",
    "MUST take a packet that stands twice in one delivery once",
    clauses=("RECV-3", "DEL-3"),
    negative=True,
)
def idm_004(kit: Kit) -> None:
    other = familiar(kit)
    runs = proven(kit, other, record_packet(kit, other))
    before = len(answers(kit, other))
    first, second, third = deliver(kit, other, runs * 3)
    accepted(first)
    for again in (second, third):
        item_noop(again)
        expect_equal(again.acknowledgement, first.acknowledgement, "the first acknowledgement is repeated")
    expect_equal(len(answers(kit, other)), before + 1, "one acknowledgement is written")


@case(
    "IDM-005",
    "MUST answer what was settled before without a proof, as late relayers have none",
    clauses=("DEL-6", "RECV-3"),
    negative=True,
)
def idm_005(kit: Kit) -> None:
    other = familiar(kit)
    run = proven(kit, other, record_packet(kit, other))[0]
    first = deliver(kit, other, [run])[0]
    accepted(first)
    for proof in (b"", b"\xff"):
        repeat(kit, other, [proofs.reproven(run, proof)], first)


@case(
    "IDM-006",
    "MUST repeat ACCEPTED for a packet whose timeout has passed since",
    clauses=("RECV-3",),
    negative=True,
)
def idm_006(kit: Kit) -> None:
    other = familiar(kit)
    timeout = other.seconds + AHEAD_SECONDS
    runs = proven(kit, other, other.packet(record_payload(kit, other), timeout))
    first = deliver(kit, other, runs)[0]
    accepted(first)
    wait_until(kit, timeout + 1)
    repeat(kit, other, runs, first)


@case(
    "IDM-007",
    "MUST repeat EXPIRED, and never take the packet after",
    clauses=("RECV-3", "RECV-1"),
    negative=True,
)
def idm_007(kit: Kit) -> None:
    other = familiar(kit)
    written = other.commit(other.packet(record_payload(kit, other), other.seconds - 1))[0]
    expired(kit, other, written)
    runs = proven(kit, other, written)
    repeat(kit, other, runs, deliver(kit, other, runs)[0])


@case(
    "IDM-008",
    "MUST repeat a rejection though its cause is mended, and accept the record under a new sequence",
    clauses=("RECV-3", "ARR-1"),
    negative=True,
)
def idm_008(kit: Kit) -> None:
    other = familiar(kit)
    member = make_issuer(other.ledger_id, other.suite.suite_id, kit.session.fresh_name("late"))
    payload = encode_payload(CARGO_PORT, other.record(reference(kit), issuer=member).value)
    written = other.commit(other.packet(payload))[0]
    rejected(kit, other, written, Reason.ISSUER_UNKNOWN)
    accepted(carry(kit, other, other.register_issuer(member))[0])
    runs = proven(kit, other, written)
    again = deliver(kit, other, runs)[0]
    expect_equal(verdict(again), Reason.ISSUER_UNKNOWN, "the first outcome stands")
    repeat(kit, other, runs, again)
    accepted(carry(kit, other, other.packet(payload))[0], "a new packet is judged anew")


@case(
    "IDM-009",
    "MUST answer a header that is known with NOOP, the newest and older ones, in one delivery or in many",
    clauses=("UPD-9",),
    negative=True,
    needs=TWO_RELAYERS,
)
def idm_009(kit: Kit) -> None:
    other = kit.counterparty()
    first, second = other.advance(), other.advance()
    header, later = other.update(first), other.update(second)
    results = kit.deliver(other, headers=[header, header, later]).headers
    item_applied(results[0])
    item_noop(results[1], "the same header in one delivery")
    item_applied(results[2])
    with unmoved(kit, other.client_id):
        for options in (FIRST, SECOND):
            for result in kit.deliver(other, headers=[later, header], **options).headers:
                item_noop(result, "a header that is known")


@case(
    "IDM-010",
    "MUST fill in an older header that a slower relayer brings, and keep the newest one",
    clauses=("UPD-10", "UPD-11"),
    needs=TWO_RELAYERS,
)
def idm_010(kit: Kit) -> None:
    other = kit.counterparty()
    older, newer = other.advance(), other.advance()
    item_applied(kit.deliver(other, headers=[other.update(newer)]).headers[0])
    item_applied(kit.deliver(other, headers=[other.update(older)], **SECOND).headers[0], "an older header is filled in")
    expect_equal(kit.client(other.client_id).latest_height, newer, "the newest height stays")


@case(
    "IDM-011",
    "MUST close a packet once, however often and by whomever its acknowledgement is delivered",
    clauses=("ACK-3", "DEL-1"),
    negative=True,
    needs=(*SOURCE, *TWO_RELAYERS),
)
def idm_011(kit: Kit) -> None:
    other = familiar(kit)
    issued = kit.issue(counterparty=other)
    pending = kit.client(other.client_id).pending_count
    runs = proven(kit, other, other.acknowledgement(issued.sequence))
    item_applied(deliver(kit, other, runs)[0])
    with unmoved(kit, other.client_id):
        for options in (FIRST, SECOND, FIRST):
            item_noop(deliver(kit, other, runs, **options)[0])
    expect_equal(kit.client(other.client_id).pending_count, pending - 1, "one packet less is pending")


@case(
    "IDM-012",
    "MUST close a packet once when its acknowledgement stands twice in one delivery",
    clauses=("ACK-3", "DEL-3"),
    negative=True,
    needs=SOURCE,
)
def idm_012(kit: Kit) -> None:
    other = familiar(kit)
    issued = kit.issue(counterparty=other)
    pending = kit.client(other.client_id).pending_count
    runs = proven(kit, other, other.acknowledgement(issued.sequence, encode_accepted()))
    first, second = deliver(kit, other, runs * 2)
    item_applied(first)
    item_noop(second)
    expect_equal(kit.client(other.client_id).pending_count, pending - 1, "one packet less is pending")
    expect_equal(state_name(sent_packet(kit, other, issued.sequence)), "ACCEPTED", "how it ended")


@case(
    "IDM-013",
    "MUST take the rest of a delivery that repeats a part of an earlier one",
    clauses=("DEL-3", "DEL-6", "RECV-3"),
    negative=True,
)
def idm_013(kit: Kit) -> None:
    other = introduce(kit, kit.counterparty())
    written = placed(other, *(record_packet(kit, other) for _ in range(4)))
    accepted(carry(kit, other, written[1])[0])
    states = [verdict(result) for result in carry(kit, other, *written)]
    expect_equal(states, ["ACCEPTED"] * 4, "each packet is answered")
    expect_equal(len(records_of(kit, other)), 4, "each record is here once")
    sequences = sorted(each.sequence for each in answers(kit, other))
    expect_equal(len(sequences), len(set(sequences)), "each packet is acknowledged once")


@case(
    "IDM-014",
    "MUST give every record one id, rising by one, whatever is refused or repeated in between",
    clauses=("RID-3", "ARR-4", "APP-1"),
    negative=True,
)
def idm_014(kit: Kit) -> None:
    other = familiar(kit)
    ids = []
    for _ in range(REPEATS):
        runs = proven(kit, other, record_packet(kit, other))
        ids.append(receipt(accepted(deliver(kit, other, runs)[0])))
        item_noop(deliver(kit, other, runs)[0])
        rejected(kit, other, other.packet(encode_payload(CARGO_PORT, b"\xff")), Reason.MALFORMED_MESSAGE)
    serials = [int(each.rpartition("-")[2]) for each in ids]
    expect_equal(serials, list(range(serials[0], serials[0] + REPEATS)), f"serials of {', '.join(ids)}")


@case(
    "IDM-015",
    "MUST not take for a repetition what only shares a sequence with an acknowledged packet",
    clauses=("RECV-3", "PATH-1"),
    negative=True,
)
def idm_015(kit: Kit) -> None:
    other = familiar(kit)
    first = carry(kit, other, record_packet(kit, other))[0]
    accepted(first)
    twin = other.packet(record_payload(kit, other), sequence=first.sequence)
    runs = proven(kit, other, twin)
    repeat(kit, other, runs, first)
