"""What a relayer asks of a ledger and hands to it: packets, headers, proofs and deliveries."""

from __future__ import annotations

import asyncio

import pytest

from bridge.conformance.issuing import transport_event as event
from bridge.errors import (
    CallerNotAllowedError,
    DecodeError,
    LimitError,
    NotFoundError,
    PreconditionError,
    Reason,
    VerificationError,
)
from bridge.rpc.limits import MAX_HEIGHTS_PER_CALL
from bridge.v1 import ledger_service_pb2 as api
from bridge.v1.packet_pb2 import Packet
from bridge.v1.transaction_pb2 import Delivery, Operation, Transaction
from tests.unit.rpc.pair import SIDES, height, refused

pytestmark = pytest.mark.asyncio(loop_scope="package")


@pytest.mark.parametrize("side", SIDES)
async def test_info_names_the_ledger_and_an_anchor_at_its_height(pair, side):
    info = await pair.party(side, "bank").ledger.info()
    assert info.ledger_id == info.anchor.ledger_id == f"{side}-trade-1"
    assert info.height == info.anchor.height == info.provable_height == height(pair, side)
    assert (info.engine, info.api_version, bool(info.software_version)) == ("embedded", "bridge.v1", True)


async def test_packets_are_listed_by_position_by_sequence_and_by_what_waits(pair):
    await pair.issue("hk", *(event(f"packets-{n}") for n in range(7)))
    relayer, client_id = pair.relayer("hk"), pair.client("hk")
    everything = []
    request = api.ListPacketsRequest(client_id=client_id, page_size=4)
    while True:
        page = await relayer.packets(request)
        everything += page.items
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    positions = [item.position for item in everything]
    assert positions == sorted(set(positions))
    sent = [item for item in everything if item.kind == api.PACKET_KIND_SENT]
    pending_request = api.ListPacketsRequest(
        client_id=client_id, kind=api.PACKET_KIND_SENT, pending_only=True, page_size=3
    )
    pending = []
    while True:
        page = await relayer.packets(pending_request)
        pending += page.items
        if not page.next_page_token:
            break
        pending_request.page_token = page.next_page_token
    assert [item.sequence for item in pending] == [s.sequence for s in sent if s.state == api.PACKET_STATE_COMMITTED]
    assert len(pending) >= 7
    assert all(Packet.FromString(item.body).sequence == item.sequence for item in pending)
    named = await relayer.packets(
        api.ListPacketsRequest(
            client_id=client_id, kind=api.PACKET_KIND_SENT, sequences=[sent[2].sequence, 10**6, sent[0].sequence]
        )
    )
    assert [item.sequence for item in named.items] == [sent[0].sequence, sent[2].sequence]
    tail = await relayer.packets(api.ListPacketsRequest(client_id=client_id, first_position=positions[-2]))
    assert [item.position for item in tail.items] == positions[-2:]
    await pair.settle()
    done = await relayer.packets(api.ListPacketsRequest(client_id=client_id, sequences=[sent[-1].sequence]))
    closed = next(item for item in done.items if item.kind == api.PACKET_KIND_SENT)
    assert closed.state == api.PACKET_STATE_ACCEPTED
    assert closed.acknowledgement
    await refused(relayer.packets(api.ListPacketsRequest(client_id="nobody")), NotFoundError, Reason.CLIENT_NOT_FOUND)
    await refused(
        relayer.packets(api.ListPacketsRequest(client_id=client_id, sequences=range(1, 502))),
        LimitError,
        Reason.LIMIT_EXCEEDED,
    )
    await refused(
        relayer.packets(api.ListPacketsRequest(client_id=client_id, page_token="abc")),
        DecodeError,
        Reason.INVALID_PAGE_TOKEN,
    )


@pytest.mark.parametrize("side", SIDES)
async def test_headers_rise_and_blocks_are_watched_without_a_gap(pair, side):
    relayer, tip = pair.relayer(side), height(pair, side)
    asked = list(range(2, tip + 1))
    pages = [asked[at : at + MAX_HEIGHTS_PER_CALL] for at in range(0, len(asked), MAX_HEIGHTS_PER_CALL)]
    assert [len(await relayer.headers(1, page)) for page in pages] == [len(page) for page in pages]
    for trusted, heights in ((1, []), (2, [2]), (1, [3, 2]), (5, [3])):
        await refused(relayer.headers(trusted, heights), DecodeError, Reason.NON_INCREASING_HEIGHT)
    await refused(relayer.headers(1, [tip + 1]), NotFoundError, Reason.HEIGHT_NOT_FOUND)
    await refused(relayer.headers(1, range(2, 67)), LimitError, Reason.LIMIT_EXCEEDED)
    heights = []
    async for notice in relayer.watch_blocks(0):
        heights.append(notice.height)
        if notice.height == tip:
            break
    assert heights == list(range(1, tip + 1))


async def test_a_watch_waits_for_the_next_block(pair):
    tip = height(pair, "sh")
    stream = pair.relayer("sh").watch_blocks(tip)
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    await pair.issue("sh", event("next-block"))
    assert (await waiting).height == tip + 1


async def test_proofs_of_nothing_or_too_much_are_refused(pair):
    relayer = pair.relayer("hk")
    count = (await relayer.info()).entry_count
    await refused(relayer.prove(api.ProveEntriesRequest(first_position=0)), DecodeError, Reason.FIELD_REQUIRED)
    await refused(relayer.prove(api.ProveEntriesRequest(count=513)), LimitError, Reason.LIMIT_EXCEEDED)
    await refused(
        relayer.prove(api.ProveEntriesRequest(first_position=count, count=1)), NotFoundError, Reason.PACKET_NOT_FOUND
    )
    for first, number in ((count - 1, 2), (2**63 - 1, 1), (2**63 - 1, 512)):
        request = api.ProveEntriesRequest(first_position=first, count=number)
        await refused(relayer.prove(request), NotFoundError, Reason.PACKET_NOT_FOUND)
    await refused(
        relayer.prove(api.ProveEntriesRequest(first_position=count - 1, count=1, proof_height=1)),
        PreconditionError,
        Reason.HEIGHT_NOT_FOUND,
    )


async def test_a_second_delivery_is_a_noop_with_the_first_acknowledgement(pair):
    await pair.issue("hk", event("twice"))
    delivery = await pair.delivery("hk")
    transaction = [pair.transaction("sh", [Operation(deliver=delivery)]) for _ in range(2)]
    first = await pair.relayer("sh").deliver(transaction[0])
    second = await pair.relayer("sh").deliver(transaction[1])
    assert [item.state for item in first.items] == [1] * len(first.items)
    assert [item.state for item in second.items] == [2] * len(first.items)
    assert [i.acknowledgement for i in first.items] == [i.acknowledgement for i in second.items]
    assert len(first.headers) == len(delivery.headers)
    await pair.settle()


async def test_deliveries_that_are_none_are_refused_and_change_nothing(pair):
    relayer = pair.relayer("sh")
    before = await pair.quiet_height("sh")
    deliver = Operation(deliver=Delivery(client_id=pair.client("sh")))
    await refused(relayer.deliver(Transaction(body=b"\xff")), DecodeError, Reason.MALFORMED_MESSAGE)
    await refused(relayer.deliver(Transaction()), CallerNotAllowedError, Reason.CALLER_NOT_ALLOWED)
    stranger = pair.transaction("sh", [deliver], member="relayer-sh")
    await refused(relayer.deliver(stranger), CallerNotAllowedError, Reason.CALLER_NOT_ALLOWED)
    for operations in ([], [deliver, deliver], [Operation(set_pause=b"x")]):
        await refused(relayer.deliver(pair.transaction("sh", operations)), DecodeError, Reason.INVALID_FIELD)
    assert height(pair, "sh") == before
    forged = pair.transaction("sh", [deliver])
    forged.signature = bytes(64)
    await refused(relayer.deliver(forged), VerificationError, Reason.SIGNATURE_INVALID)
    nowhere = pair.transaction("sh", [Operation(deliver=Delivery(client_id="nobody"))])
    await refused(relayer.deliver(nowhere), NotFoundError, Reason.CLIENT_NOT_FOUND)


async def test_clients_tell_their_state_and_a_trusted_floor(pair):
    relayer = pair.relayer("sh")
    (info,) = (await relayer.clients(api.ListClientsRequest(floor_height=10**6))).clients
    assert (info.client_id, info.state) == (pair.client("sh"), api.CLIENT_STATE_ACTIVE)
    assert info.counterparty_client_id == pair.client("hk")
    assert info.floor.height == info.latest_height
    assert info.floor.header_hash == info.latest_header_hash
    assert info.trusting_period_seconds == 86_400
    (low,) = (
        await relayer.clients(api.ListClientsRequest(client_id=info.client_id, floor_height=info.oldest_height))
    ).clients
    assert low.floor.height == info.oldest_height
    assert not (await relayer.clients(api.ListClientsRequest(client_id="nobody"))).clients
