"""IDM: what arrives several times at once, by one relayer or two, has its effect once, and every caller hears of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

import grpc

from bridge.conformance.carriage import (
    SECOND,
    accepted,
    answers,
    carry,
    delivery_request,
    introduce,
    placed,
    proven,
    race,
    racing_deliveries,
    record_packet,
    records_of,
    reference,
    sent,
    sent_packet,
    state_name,
    verdict,
)
from bridge.conformance.case import case
from bridge.conformance.checks import expect, expect_equal, refusal_of
from bridge.conformance.counterparty.ledger import Counterparty
from bridge.conformance.issuing import item_of, prepare, transport_event
from bridge.conformance.kit import Kit
from bridge.conformance.submitting import issue_all, issue_item
from bridge.errors import Reason
from bridge.protocol.ports import CARGO_PORT, encode_payload
from bridge.v1 import cargo_service_pb2 as cargo_api
from bridge.v1 import ledger_service_pb2 as api
from bridge.v1.transaction_pb2 import ITEM_STATE_APPLIED, ITEM_STATE_NOOP, ItemResult, ItemState

SOURCE = ("platform", "seed")
"""What a case needs that has the target send a packet."""

TWO_RELAYERS = ("second_relayer", "second-relayer")
"""What a case needs that has a second relayer deliver."""

CALLS = 12
"""Deliveries of one thing at once: more than a block is likely to gather, so that some share one and some do not."""

CUT_SECONDS = 5
"""Deadline of a call that a power cut is to catch, in seconds."""

WRITERS = 4
"""Calls that write different things at once."""


def once(results: Sequence[ItemResult], what: str) -> None:
    """Failed unless exactly one of the results took effect and all others are NOOPs with the same answer."""
    states = Counter(ItemState.Name(each.state).removeprefix("ITEM_STATE_") for each in results)
    expect_equal(dict(states), {"APPLIED": 1, "NOOP": len(results) - 1}, what)
    expect_equal(len({each.acknowledgement for each in results}), 1, "every caller hears the same outcome")


@case(
    "IDM-050",
    "MUST take a packet once that two relayers deliver at the same time",
    clauses=("RECV-2", "RECV-3", "DEL-1"),
    negative=True,
    needs=TWO_RELAYERS,
)
def idm_050(kit: Kit) -> None:
    other = introduce(kit, kit.counterparty())
    runs = proven(kit, other, record_packet(kit, other))
    before = len(answers(kit, other))
    responses = racing_deliveries(kit, other, CALLS, runs=runs)
    once([response.items[0] for response in responses], "one delivery takes effect")
    expect_equal(len(answers(kit, other)), before + 1, "one acknowledgement is written")
    expect_equal(len(records_of(kit, other)), 1, "one record is kept")


@case(
    "IDM-051",
    "MUST take each packet of a run once that two relayers deliver at the same time, headers included",
    clauses=("RECV-3", "UPD-9", "DEL-3"),
    negative=True,
    needs=TWO_RELAYERS,
)
def idm_051(kit: Kit) -> None:
    other = introduce(kit, kit.counterparty())
    written = other.commit(*(record_packet(kit, other) for _ in range(6)))
    headers, runs = other.delivery(*written)
    responses = racing_deliveries(kit, other, CALLS, headers=headers, runs=runs)
    for index in range(len(headers)):
        once([response.headers[index] for response in responses], "a header is taken once")
    for index in range(len(written)):
        once([response.items[index] for response in responses], "a packet is taken once")
    expect_equal(len(records_of(kit, other)), len(written), "each record is here once")


@case(
    "IDM-052",
    "MUST take overlapping deliveries of two relayers, each packet once",
    clauses=("RECV-3", "DEL-3"),
    negative=True,
    needs=TWO_RELAYERS,
)
def idm_052(kit: Kit) -> None:
    other = introduce(kit, kit.counterparty())
    runs = [proven(kit, other, written)[0] for written in placed(other, *(record_packet(kit, other) for _ in range(6)))]
    left, right = runs[:4], runs[2:]
    requests = [
        partial(kit.ledger().Deliver, delivery_request(kit, other, runs=left)),
        partial(kit.ledger(SECOND["role"]).Deliver, delivery_request(kit, other, runs=right, member=SECOND["member"])),
    ]
    states = Counter(item.state for response in race(requests) for item in response.items)
    expect_equal((states[ITEM_STATE_APPLIED], states[ITEM_STATE_NOOP]), (6, 2), "six packets, two of them twice")
    expect_equal(len(records_of(kit, other)), 6, "each record is here once")


@case(
    "IDM-053",
    "MUST close a packet once whose acknowledgement two relayers deliver at the same time",
    clauses=("ACK-3", "DEL-1"),
    negative=True,
    needs=(*SOURCE, *TWO_RELAYERS),
)
def idm_053(kit: Kit) -> None:
    other = kit.counterparty()
    issued = [kit.issue(counterparty=other) for _ in range(3)]
    runs = proven(kit, other, *(other.acknowledgement(each.sequence) for each in issued))
    responses = racing_deliveries(kit, other, CALLS, runs=runs)
    for index in range(len(issued)):
        once([response.items[index] for response in responses], "an acknowledgement is taken once")
    expect_equal(kit.client(other.client_id).pending_count, 0, "nothing is pending, and not less than nothing")


@case(
    "IDM-054",
    "MUST send a record once that several calls issue at the same time",
    clauses=("ISS-2", "BAT-1", "SEND-2"),
    negative=True,
    needs=SOURCE,
)
def idm_054(kit: Kit) -> None:
    other = kit.counterparty()
    item = issue_item(kit, other)
    results = [results[0] for results in race([partial(issue_all, kit, item)] * CALLS)]
    expect_equal({result.reason for result in results}, {""}, "every call is answered with the record")
    expect_equal(sorted(result.noop for result in results), [False] + [True] * (CALLS - 1), "one call is the first")
    expect_equal(len({(each.sequence, each.local_record_id) for each in results}), 1, "one sequence and one id")
    expect_equal(kit.client(other.client_id).pending_count, 1, "one packet left")


@case(
    "IDM-055",
    "MUST let one of two contents of a version stand that are issued at the same time",
    clauses=("VER-1", "ISS-2"),
    negative=True,
    needs=SOURCE,
)
def idm_055(kit: Kit) -> None:
    other, document = kit.counterparty(), transport_event(reference(kit))
    items = [
        item_of(kit, prepare(kit, each, other), other) for each in (document, document.replace(b'"LADEN"', b'"EMPTY"'))
    ]
    results = [results[0] for results in race([partial(issue_all, kit, items[n % 2]) for n in range(2 * WRITERS)])]
    taken = {result.sequence for result in results if not result.reason}
    reasons = Counter(result.reason for result in results)
    expect_equal(reasons, Counter({"": WRITERS, str(Reason.VERSION_CONFLICT): WRITERS}), "one content stands")
    expect_equal(len(taken), 1, "one packet carries it")
    expect_equal(kit.client(other.client_id).pending_count, 1, "one packet left")


@case(
    "IDM-056",
    "MUST number the packets of calls that issue at the same time without gaps and without a number twice",
    clauses=("SEND-2", "RID-3", "BAT-1"),
    needs=SOURCE,
)
def idm_056(kit: Kit) -> None:
    other = kit.counterparty()
    first = kit.client(other.client_id).next_sequence
    batches = [[issue_item(kit, other) for _ in range(3)] for _ in range(WRITERS)]
    answered = [
        result for results in race([partial(issue_all, kit, *batch) for batch in batches]) for result in results
    ]
    count = 3 * WRITERS
    expect_equal(sorted(each.sequence for each in answered), list(range(first, first + count)), "the sequences")
    expect_equal(len({each.local_record_id for each in answered}), count, "each record has its own id")
    listed = [each.sequence for each in sent(kit, other) if each.sequence >= first]
    expect_equal(sorted(listed), list(range(first, first + count)), "each packet is listed once")


@case(
    "IDM-057",
    "MUST let one of two contents of a version stand that arrive at the same time",
    clauses=("ARR-3", "RECV-2"),
    negative=True,
    needs=TWO_RELAYERS,
)
def idm_057(kit: Kit) -> None:
    other, name = introduce(kit, kit.counterparty()), reference(kit)
    records = [other.record(name), other.record(name, document={"carrierCode": "ONEY"})]
    runs = [proven(kit, other, other.packet(encode_payload(CARGO_PORT, each.value))) for each in records]
    requests = [
        partial(kit.ledger().Deliver, delivery_request(kit, other, runs=runs[0])),
        partial(
            kit.ledger(SECOND["role"]).Deliver, delivery_request(kit, other, runs=runs[1], member=SECOND["member"])
        ),
    ]
    verdicts = sorted(verdict(response.items[0]) for response in race(requests))
    expect_equal(verdicts, ["ACCEPTED", str(Reason.VERSION_CONFLICT)], "one content stands")
    expect_equal(len(records_of(kit, other)), 1, "one record is kept")


@case(
    "IDM-058",
    "MUST let one of two acts make a client that come for one id at the same time",
    clauses=("CLI-4",),
    negative=True,
    needs=("authority", "authority_key"),
)
def idm_058(kit: Kit) -> None:
    authority = kit.target.ledger_id, kit.signer("authority_key")
    first = Counterparty(kit.other_profile)
    second = Counterparty(kit.other_profile, client_id=first.client_id)
    create = kit.ledger("authority").CreateClient

    def made(other: Counterparty, act: api.CreateClientRequest) -> str:
        try:
            create(act)
        except grpc.RpcError as error:
            return str(refusal_of(error).reason)
        return other.ledger_id

    acts = [(each, api.CreateClientRequest(act=each.create_act(authority))) for each in (first, second)]
    outcomes = race([partial(made, *acts[n % 2]) for n in range(2 * WRITERS)])
    expect_equal(len(set(outcomes)), 2, "one act makes the client, the other is refused")
    expect(str(Reason.CLIENT_EXISTS) in outcomes, "the other is refused", got=set(outcomes), expected="CLIENT_EXISTS")
    tracked = kit.client(first.client_id).tracked_ledger_id
    expect(tracked in outcomes, "the client is the one that was answered", got=tracked, expected=set(outcomes))


@case(
    "IDM-059",
    "MUST keep receiving and sending apart while both go on at once",
    clauses=("SEND-2", "RECV-2", "ACK-2"),
    needs=(*SOURCE, *TWO_RELAYERS),
)
def idm_059(kit: Kit) -> None:
    other = introduce(kit, kit.counterparty())
    issued = kit.issue(counterparty=other)
    first = kit.client(other.client_id).next_sequence
    runs = proven(kit, other, *(record_packet(kit, other) for _ in range(4)), other.acknowledgement(issued.sequence))
    batch = [issue_item(kit, other) for _ in range(4)]
    calls: list[Callable[[], object]] = [
        partial(kit.ledger().Deliver, delivery_request(kit, other, runs=runs)),
        partial(issue_all, kit, *batch),
        partial(kit.ledger(SECOND["role"]).Deliver, delivery_request(kit, other, runs=runs, member=SECOND["member"])),
    ]
    race(calls)
    expect_equal(len(records_of(kit, other)), 4, "four records arrived")
    expect_equal(
        [each.sequence for each in sent(kit, other) if each.sequence >= first],
        list(range(first, first + 4)),
        "four left",
    )
    expect_equal(state_name(sent_packet(kit, other, issued.sequence)), "ACCEPTED", "one was answered")
    expect_equal(kit.client(other.client_id).pending_count, 4, "four are pending")


@case(
    "IDM-060",
    "MUST let a caller who does not know what became of a delivery repeat it: nothing is done twice",
    clauses=("CAL-2", "RPC-4", "RECV-3"),
    negative=True,
)
def idm_060(kit: Kit) -> None:
    other = introduce(kit, kit.counterparty())
    written = placed(other, *(record_packet(kit, other) for _ in range(6)))
    for seconds, each in zip((0.0005, 0.001, 0.002, 0.004, 0.008, 0.016), written, strict=True):
        request = delivery_request(kit, other, runs=proven(kit, other, each))
        try:
            kit.ledger().Deliver(request, timeout=seconds)
        except grpc.RpcError as error:
            expect_equal(refusal_of(error).code, grpc.StatusCode.DEADLINE_EXCEEDED, "the deadline passed")
        answer = kit.ledger().Deliver(request).items[0]
        expect(
            answer.state in (ITEM_STATE_APPLIED, ITEM_STATE_NOOP), "repeated", got=answer.state, expected="an answer"
        )
        expect_equal(verdict(answer), "ACCEPTED", "the repetition tells the outcome")
    expect_equal(len(records_of(kit, other)), len(written), "each record is here once")
    answered = [each.sequence for each in answers(kit, other)]
    expect_equal(len(answered), len(set(answered)), "each packet is acknowledged once")


@case(
    "IDM-061",
    "MUST send a record once though its caller gave up waiting and called again",
    clauses=("CAL-2", "RPC-4", "ISS-2"),
    negative=True,
    needs=SOURCE,
)
def idm_061(kit: Kit) -> None:
    other = kit.counterparty()
    for seconds in (0.0005, 0.002, 0.008, 0.02):
        item = issue_item(kit, other)
        try:
            kit.cargo().IssueRecords(cargo_api.IssueRecordsRequest(records=[item]), timeout=seconds)
        except grpc.RpcError as error:
            expect_equal(refusal_of(error).code, grpc.StatusCode.DEADLINE_EXCEEDED, "the deadline passed")
        expect_equal(issue_all(kit, item)[0].reason, "", "the repetition tells the outcome")
    expect_equal(kit.client(other.client_id).pending_count, 4, "each record left once")


@case(
    "IDM-070",
    "MUST answer what was done before a restart with NOOP and the first outcome: packets, answers, headers, records",
    clauses=("RECV-3", "ACK-3", "UPD-9", "ISS-2", "STO-6"),
    negative=True,
    needs=(*SOURCE, "restart"),
)
def idm_070(kit: Kit) -> None:
    other = introduce(kit, kit.counterparty())
    issued, answered = kit.issue(counterparty=other), kit.issue(counterparty=other)
    written = other.commit(record_packet(kit, other), other.acknowledgement(answered.sequence))
    headers, runs = other.delivery(*written)
    first = kit.deliver(other, headers=headers, runs=runs)
    before = kit.snapshot(other.client_id)
    kit.restart()
    again = kit.deliver(other, headers=headers, runs=runs)
    for earlier, later in zip([*first.headers, *first.items], [*again.headers, *again.items], strict=True):
        expect_equal((later.state, later.acknowledgement), (ITEM_STATE_NOOP, earlier.acknowledgement), "known still")
    repeated = issue_all(kit, issued.item)[0]
    expect_equal(
        (repeated.noop, repeated.sequence, repeated.local_record_id),
        (True, issued.sequence, issued.record_id),
        "the first result of a record",
    )
    expect_equal(kit.snapshot(other.client_id), before, "nothing moved")
    accepted(carry(kit, other, record_packet(kit, other))[0], "new packets are taken")
    expect_equal(kit.issue(counterparty=other).sequence, answered.sequence + 1, "sequences go on")


@case(
    "IDM-071",
    "MUST number on without a gap after a power cut, and answer each record that was under way when it is repeated",
    clauses=("SEND-2", "RID-3", "STO-2", "CAL-2"),
    negative=True,
    needs=(*SOURCE, "kill"),
)
def idm_071(kit: Kit) -> None:
    other = kit.counterparty()
    first = kit.client(other.client_id).next_sequence
    items = [issue_item(kit, other) for _ in range(WRITERS)]
    issue_all(kit, items[0])
    calls = [
        kit.cargo().IssueRecords.future(cargo_api.IssueRecordsRequest(records=[item]), timeout=CUT_SECONDS)
        for item in items[1:]
    ]
    kit.kill()
    for call in calls:
        call.exception()
    results = issue_all(kit, *items)
    expect_equal({each.reason for each in results}, {""}, "every record is answered")
    expect_equal(sorted(each.sequence for each in results), list(range(first, first + WRITERS)), "no gap, none twice")
    expect_equal(len({each.local_record_id for each in results}), WRITERS, "each has its own id")
    expect_equal(kit.client(other.client_id).pending_count, WRITERS, "each left once")
