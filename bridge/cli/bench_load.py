"""The load of the benchmark: hands records in as fast as they are taken or on a schedule, and watches them cross.

One object stands for one direction of a running deployment. Calls in flight, records and time are bounded everywhere.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from bridge.cli.deployment import Deployment
from bridge.errors import BridgeError, LedgerUnavailableError, Reason
from bridge.rpc.clients import LedgerClient, write
from bridge.v1 import ledger_service_pb2 as api
from bridge.v1.cargo_service_pb2 import IssueRecordsResponse

CALLS_IN_FLIGHT = 4
"""Issue calls in flight under saturation: one is checked, one is ordered, one is executed, one is on the wire."""

MAX_OPEN_CALLS = 48
"""Calls an open-loop schedule may have in flight before it waits: well below the streams one connection may have."""

CALL_SECONDS = 30
"""Deadline of an issue call: the adapter's own cap."""

POLL_SECONDS = 0.05
"""Pause between looks at the count of pending packets: below one percent of a crossing."""

SEQUENCES_PER_LOOK = 500
"""Packets looked at in one call: one page."""

STALL_SECONDS = 60
"""A crossing in which nothing was acknowledged for so long has failed."""

_NANOS = 1_000_000_000


@dataclass(slots=True)
class Issued:
    """What handing in brought: how many, over how long, and the span of their packets' sequences."""

    count: int = 0
    nanoseconds: int = 0
    sequences: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Crossed:
    """A crossing, from the first delivery's commit to the last acknowledgement's; `count` leaves the first one out."""

    count: int
    nanoseconds: int


class Lane:
    """One direction: the platform that issues at `home`, and operators who look at both ledgers."""

    def __init__(self, deployment: Deployment, home: str, away: str, client_id: str) -> None:
        self.home = home
        self.away = away
        self._client_id = client_id
        self._platform = deployment.caller(home, "platform").channel()
        self._issue = self._platform.unary_unary(
            "/bridge.v1.CargoService/IssueRecords",
            request_serializer=_as_it_is,
            response_deserializer=IssueRecordsResponse.FromString,
        )
        self._source = LedgerClient(deployment.caller(home, "operator").channel())
        self._destination = LedgerClient(deployment.caller(away, "operator").channel())

    async def close(self) -> None:
        """Close the channels."""
        await self._platform.close(None)
        await self._source.close()
        await self._destination.close()

    async def pending(self) -> int:
        """Packets sent and not yet acknowledged."""
        found = await self._source.clients(api.ListClientsRequest(client_id=self._client_id))
        return found.clients[0].pending_count

    async def settled(self) -> None:
        """Wait until nothing is pending; LedgerUnavailableError after STALL_SECONDS."""
        deadline = time.monotonic() + STALL_SECONDS
        while await self.pending():
            if time.monotonic() > deadline:
                raise LedgerUnavailableError(Reason.LEDGER_UNAVAILABLE, "packets stay pending")
            await asyncio.sleep(POLL_SECONDS)

    async def issue(self, requests: Iterator[bytes], told: Callable[[int], None] = lambda _: None) -> Issued:
        """Hand in requests, CALLS_IN_FLIGHT at a time, as fast as they are taken."""
        issued = Issued()
        started = time.perf_counter_ns()

        async def feed() -> None:
            for request in requests:
                sequences = await self.hand_in(request)
                issued.sequences += sequences
                told(len(sequences))

        async with asyncio.TaskGroup() as group:
            for _ in range(CALLS_IN_FLIGHT):
                group.create_task(feed())
        issued.nanoseconds = time.perf_counter_ns() - started
        issued.count = len(issued.sequences)
        return issued

    async def hand_in(self, request: bytes) -> list[int]:
        """One call; the sequences of its packets. Raises the refusal when one of its records was refused."""
        answer = await write(self._issue, request, CALL_SECONDS)
        for result in answer.results:
            if result.reason:
                raise BridgeError(Reason(result.reason), f"the adapter refused a record: {result.detail}")
        return [result.sequence for result in answer.results]

    async def first_delivery(self, after_height: int) -> int:
        """Wait for the destination's first block above a height that writes entries; how many it wrote."""
        known = (await self._destination.info()).entry_count
        async with asyncio.timeout(STALL_SECONDS):
            async for notice in self._destination.watch_blocks(after_height):
                if notice.entry_count > known:
                    return notice.entry_count - known
        raise LedgerUnavailableError(Reason.LEDGER_UNAVAILABLE, "no delivery arrived")

    async def destination_height(self) -> int:
        """Height of the destination now."""
        return (await self._destination.info()).height

    async def cross(self, total: int, first: int, told: Callable[[int], None]) -> Crossed:
        """Follow a crossing that began just now with `first` of `total` records, until all are acknowledged."""
        started = moved = time.perf_counter_ns()
        left = total
        while left:
            await asyncio.sleep(POLL_SECONDS)
            pending, now = await self.pending(), time.perf_counter_ns()
            if pending < left:
                left, moved = pending, now
                told(total - left)
            elif now - moved > STALL_SECONDS * _NANOS:
                raise LedgerUnavailableError(Reason.LEDGER_UNAVAILABLE, "the crossing stands still", pending=pending)
        return Crossed(total - first, time.perf_counter_ns() - started)

    async def require_accepted(self, sequences: list[int]) -> None:
        """Every one of these packets was accepted over there; LedgerUnavailableError with the first that was not."""
        for start in range(0, len(sequences), SEQUENCES_PER_LOOK):
            part = sequences[start : start + SEQUENCES_PER_LOOK]
            items = await self._sent(part)
            if len(items) != len(part):
                raise LedgerUnavailableError(Reason.PACKET_NOT_FOUND, "packets are missing", first=part[0])
            for item in items:
                if item.state != api.PACKET_STATE_ACCEPTED:
                    state = api.PacketState.Name(item.state)
                    raise LedgerUnavailableError(
                        Reason.PACKET_NOT_FOUND, "a record was not accepted", sequence=item.sequence, state=state
                    )

    async def latencies(self, requests: Iterator[bytes], calls: int, interval: int) -> list[int]:
        """Hand in `calls` requests, one every `interval` nanoseconds, whatever the answers do (open loop).

        Answers nanoseconds from the time a request was due to the block that acknowledged its last record, as a
        watcher of blocks learns it.
        """
        follower = _Follower(self._source, self._sent)
        watching = asyncio.create_task(follower.run((await self._source.info()).height))
        slots = asyncio.Semaphore(MAX_OPEN_CALLS)
        begin = time.perf_counter_ns() + interval

        async def hand_in(request: bytes, due: int) -> None:
            try:
                follower.expect((await self.hand_in(request))[-1], due)
            finally:
                slots.release()

        try:
            async with asyncio.TaskGroup() as group:
                for number, request in enumerate(islice(requests, calls)):
                    due = begin + number * interval
                    await asyncio.sleep(max(0, due - time.perf_counter_ns()) / _NANOS)
                    await slots.acquire()
                    group.create_task(hand_in(request, due))
            async with asyncio.timeout(STALL_SECONDS):
                await follower.finished(calls)
        finally:
            watching.cancel()
        return follower.found

    async def _sent(self, sequences: list[int]) -> Any:
        request = api.ListPacketsRequest(
            client_id=self._client_id,
            kind=api.PACKET_KIND_SENT,
            sequences=sequences,
            page_size=SEQUENCES_PER_LOOK,
            omit_bodies=True,
        )
        return (await self._source.packets(request)).items


class _Follower:
    """Learns from the source's blocks which of the expected packets have been acknowledged, and when."""

    def __init__(self, source: LedgerClient, sent: Callable[[list[int]], Any]) -> None:
        self._source = source
        self._sent = sent
        self._expected: dict[int, int] = {}
        self._news = asyncio.Event()
        self._done = asyncio.Event()
        self.found: list[int] = []

    def expect(self, sequence: int, due: int) -> None:
        """Follow a packet that was due to be handed in at `due`."""
        self._expected[sequence] = due
        self._news.set()

    async def run(self, height: int) -> None:
        """Look at what is expected whenever there is a new block."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._hear(height))
            group.create_task(self._look())

    async def finished(self, count: int) -> None:
        """Wait until `count` packets were acknowledged."""
        while len(self.found) < count:
            self._done.clear()
            await self._done.wait()

    async def _hear(self, height: int) -> None:
        async for _ in self._source.watch_blocks(height):
            self._news.set()

    async def _look(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            asked = list(islice(self._expected, SEQUENCES_PER_LOOK))
            if not asked:
                continue
            items = await self._sent(asked)
            now = time.perf_counter_ns()
            for item in items:
                if item.state != api.PACKET_STATE_COMMITTED:
                    self.found.append(now - self._expected.pop(item.sequence))
            self._done.set()


def _as_it_is(request: bytes) -> bytes:
    return request
