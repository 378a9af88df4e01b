import asyncio

import pytest

from relayer.lane import MAX_WAITING_SPANS, ROOMY_ENTRIES, Lane
from relayer.plan import MAX_BATCH_ENTRIES, Span


async def test_neighbours_are_joined_into_one_delivery() -> None:
    lane = Lane()
    for first in range(10):
        lane.put(Span(first, 1))
    lane.put(Span(50, 2))
    assert await lane.take() == (Span(0, 10), Span(50, 2))
    assert len(lane) == 0


async def test_a_delivery_never_passes_the_limit() -> None:
    lane = Lane()
    lane.put(Span(0, 3 * MAX_BATCH_ENTRIES + 1))
    sizes = [sum(span.count for span in await lane.take()) for _ in range(4)]
    assert sizes == [MAX_BATCH_ENTRIES] * 3 + [1]


async def test_an_empty_lane_waits_and_a_put_wakes_it() -> None:
    lane = Lane()
    taker = asyncio.create_task(lane.take())
    await asyncio.sleep(0)
    assert not taker.done()
    lane.put(Span(7, 1))
    assert await asyncio.wait_for(taker, 5) == (Span(7, 1),)


async def test_a_full_lane_refuses_and_asks_for_room() -> None:
    lane = Lane()
    assert all(lane.put(Span(2 * n, 1)) for n in range(MAX_WAITING_SPANS))
    assert not lane.put(Span(9_999_999, 1))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(lane.room(), 0.01)
    while len(lane) >= MAX_WAITING_SPANS // 4:
        await lane.take()
    await asyncio.wait_for(lane.room(), 5)


async def test_a_lane_of_large_spans_asks_for_room_by_its_entries() -> None:
    lane = Lane()
    lane.put(Span(0, ROOMY_ENTRIES))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(lane.room(), 0.01)
    for _ in range(ROOMY_ENTRIES // 2 // MAX_BATCH_ENTRIES + 1):
        await lane.take()
    await asyncio.wait_for(lane.room(), 5)


async def test_a_lane_is_drained_when_nothing_waits() -> None:
    lane = Lane()
    await asyncio.wait_for(lane.drained(), 5)
    lane.put(Span(0, 1))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(lane.drained(), 0.01)
    await lane.take()
    await asyncio.wait_for(lane.drained(), 5)
