"""One direction of relaying: a live lane fed by new blocks, a backlog lane fed by sweeps, and the client's refresh.

Everything is re-read from the two ledgers; what is remembered here only saves work. A batch that fails stays pending on
the source ledger, so the next sweep meets it again; no failure of one batch stops another.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_random_exponential

from bridge.clock import NANOS_PER_SECOND
from bridge.errors import BridgeError, LedgerUnavailableError, PreconditionError, Reason, VerificationError
from bridge.light_client.types import TrustOptions
from bridge.v1 import ledger_service_pb2 as api
from bridge.v1.transaction_pb2 import ITEM_STATE_APPLIED, ITEM_STATE_NOOP, EntryRun
from bridge.wire import nanos_from
from relayer.endpoint import Endpoint
from relayer.headers import HeaderChain
from relayer.lane import Lane
from relayer.plan import Span, Standstill, Turn, Waiting, due, refresh_due, spans

_LOG = structlog.get_logger("relayer.route")

LIVE_WORKERS = 3
"""Live deliveries in flight: one is executed, one is on the wire, one is being proven."""

BACKLOG_WORKERS = 2
"""Backlog deliveries in flight: fewer than live ones, so that a backlog never starves new packets."""

OWN_GRACE_NANOS = 3 * NANOS_PER_SECOND
"""Age at which a sweep takes up what this relayer's own live lane should have carried."""

IDLE_PAGES = 3
"""Pages a sweep reads on without finding work; the next sweep begins with the oldest again and goes on where it was."""

REFRESH_CHECK_SECONDS = 30.0
"""How often the client's age is looked at; far below a third of any sensible trusting period."""

MAX_REFUSALS_KEPT = 1000
"""Refusals remembered for `relayer pending`; older ones are found again when the packet is tried again."""

PROGRESS_SECONDS = 0.5
"""How often a clearing looks at what is left; what has not fallen in that time, with nothing on its way, stays."""

MAX_RECONNECT_SECONDS = 5.0
"""Longest pause before a route that lost a ledger tries again: recovery must be well under 20 seconds."""

_CLIENT_STANDS = frozenset({Reason.CLIENT_FROZEN, Reason.CLIENT_EXPIRED})
"""Why a client takes nothing more until both authorities recover it; the route rests meanwhile."""


@dataclass(slots=True)
class RouteStats:
    """Counters since start; the truth about what is pending is on the ledgers."""

    delivered: int = 0
    acknowledged: int = 0
    noop: int = 0
    refused: int = 0
    last_error: str = ""
    reachable: bool = False


@dataclass(frozen=True, slots=True)
class Pair:
    """The paired clients of a route: `source_client` on the source ledger, `destination_client` on the destination."""

    source_client: str
    destination_client: str
    options: TrustOptions


@dataclass(slots=True)
class _Session:
    """What one connection to both ledgers works with."""

    pair: Pair
    headers: HeaderChain
    others: Standstill
    live: Lane = field(default_factory=Lane)
    backlog: Lane = field(default_factory=Lane)
    in_flight: set[int] = field(default_factory=set)
    cursors: dict[str, str] = field(default_factory=dict)
    """By ledger: the page of its pending packets with which the next sweep goes on."""


class Route:
    """Carries packets and acknowledgements that `source` wrote to `destination`."""

    def __init__(self, source: Endpoint, destination: Endpoint, turn: Turn, fallback_delay: int) -> None:
        self.name = f"{source.ledger_id}>{destination.ledger_id}"
        self.source = source
        self.destination = destination
        self.stats = RouteStats()
        self.paused = False
        self.refusals: OrderedDict[int, str] = OrderedDict()
        self._turn = turn
        self._fallback_delay = fallback_delay
        self._session: _Session | None = None
        self._resumed = asyncio.Event()
        self._resumed.set()

    async def run(self) -> None:
        """Serve the route until cancelled; a lost ledger is met again with a jittered pause."""
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type(BridgeError),
            wait=wait_random_exponential(multiplier=0.2, max=MAX_RECONNECT_SECONDS),
            before_sleep=self._note_lost,
        ):
            with attempt:
                await self._serve()

    def pause(self, *, paused: bool) -> None:
        """Stop or resume carrying; what is in flight finishes."""
        self.paused = paused
        if paused:
            self._resumed.clear()
        else:
            self._resumed.set()

    async def pair(self) -> Pair:
        """The paired clients of this route; PreconditionError CLIENT_NOT_PAIRED before the authorities paired them."""
        for info in await self.destination.clients():
            if info.tracked_ledger_id == self.source.ledger_id and info.counterparty_client_id:
                options = TrustOptions(
                    trusting_period=info.trusting_period_seconds * NANOS_PER_SECOND,
                    clock_drift=info.clock_drift_seconds * NANOS_PER_SECOND,
                    trust_numerator=info.trust_level_numerator,
                    trust_denominator=info.trust_level_denominator,
                )
                return Pair(info.counterparty_client_id, info.client_id, options)
        raise PreconditionError(Reason.CLIENT_NOT_PAIRED, "the route has no paired clients yet", route=self.name)

    async def clear(self) -> AsyncIterator[tuple[int, int]]:
        """Carry everything pending now, whoever's turn it is; yields (total, done) as it goes."""
        session = self._session
        if session is None:
            raise LedgerUnavailableError(Reason.LEDGER_UNAVAILABLE, "the route has no connection", route=self.name)
        total = await self._pending_count(session.pair)
        yield total, 0
        sweep = asyncio.create_task(self._sweep(session, own_grace=0, fallback_delay=0, everybodys=True))
        try:
            left = total
            while left:
                before, swept = left, sweep.done()
                if swept:
                    await asyncio.sleep(PROGRESS_SECONDS)
                else:
                    await asyncio.wait([sweep], timeout=PROGRESS_SECONDS)
                left = min(left, await self._pending_count(session.pair))
                yield total, total - left
                if swept:
                    await sweep
                    if left == before and not session.in_flight:
                        break
        finally:
            sweep.cancel()

    async def _pending_count(self, pair: Pair) -> int:
        return (await self.source.client(pair.source_client)).pending_count

    def _note_lost(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        self.stats.reachable = isinstance(error, BridgeError) and error.reason in _CLIENT_STANDS
        self.stats.last_error = str(error)
        _LOG.warning("route_interrupted", route=self.name, error=str(error), attempt=state.attempt_number)

    async def _serve(self) -> None:
        info = await self.source.info()
        await self.destination.info()
        pair = await self.pair()
        await self.destination.require_active(pair.destination_client)
        headers = HeaderChain(self.source, self.destination, pair.destination_client, pair.options)
        if info.provable_height:
            headers.note(info.provable_height, info.entry_count)
        session = _Session(pair, headers, Standstill(self._fallback_delay))
        self._session = session
        self.stats.reachable, self.stats.last_error = True, ""
        _LOG.info("route_started", route=self.name, source_height=info.height, **_clients(pair))
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._watch(session, info.height, info.entry_count))
                group.create_task(self._sweep_forever(session))
                group.create_task(self._refresh_forever(session))
                for lane, count in ((session.live, LIVE_WORKERS), (session.backlog, BACKLOG_WORKERS)):
                    for _ in range(count):
                        group.create_task(self._carry_forever(session, lane))
        except* BridgeError as errors:
            raise errors.exceptions[0] from errors
        finally:
            self._session = None

    async def _watch(self, session: _Session, height: int, entry_count: int) -> None:
        """Feed the live lane: entries of this relayer's blocks, as soon as they can be proven."""
        end = entry_count
        waiting: list[Span] = []
        async for notice in self.source.watch(height):
            if notice.entry_count > end and self._turn.owns(notice.height):
                waiting.append(Span(end, notice.entry_count - end))
            end = max(end, notice.entry_count)
            session.headers.note(notice.height, notice.provable_entry_count)
            for span in [span for span in waiting if span.end <= notice.provable_entry_count]:
                waiting.remove(span)
                if session.live.put(span):
                    session.in_flight.update(range(span.first, span.end))

    async def _sweep_forever(self, session: _Session) -> None:
        grace = 0  # no live lane has carried what was there before the start
        while True:
            await self._resumed.wait()
            await self._sweep(session, grace, self._fallback_delay)
            grace = OWN_GRACE_NANOS
            await asyncio.sleep(self._fallback_delay / NANOS_PER_SECOND / 2)
            # What waits in the lane is known; listing it again would only slow down what carries it.
            await session.backlog.drained()

    async def _sweep(self, session: _Session, own_grace: int, fallback_delay: int, *, everybodys: bool = False) -> None:
        """Feed the backlog lane: what either ledger says is still owed and is due.

        The own share goes first; the others' follows when nobody carries it, or at once when asked for.
        """
        others: list[Waiting] = []
        for owed in (self._owed_packets, self._owed_acknowledgements):
            oldest = True
            async for page in _until_idle(owed(session), lambda page: any(map(self._is_own, page))):
                found = due(page, self._turn, self.source.now(), own_grace, fallback_delay)
                await self._enqueue(session, [item for item in found if self._is_own(item)])
                if oldest:
                    others += [item for item in found if not self._is_own(item)]
                oldest = False
        if not others or not (session.others.look([item.position for item in others], self.source.now()) or everybodys):
            return
        for owed in (self._owed_packets, self._owed_acknowledgements):
            async for page in _until_idle(owed(session), bool):
                found = due(page, self._turn, self.source.now(), own_grace, fallback_delay)
                session.others.take(item.position for item in found)
                await self._enqueue(session, found)

    def _is_own(self, item: Waiting) -> bool:
        return self._turn.owns(item.height)

    async def _owed_packets(self, session: _Session) -> AsyncIterator[list[Waiting]]:
        """Packets of the source that the destination has not received, page by page."""
        pair = session.pair
        async for page in self._pending_pages(session, self.source, pair.source_client):
            packets = _waiting(session, page)
            received = await self.destination.by_sequence(
                pair.destination_client, api.PACKET_KIND_ACKNOWLEDGEMENT, [item.sequence for item in packets]
            )
            taken = {item.sequence for item in received}
            yield [item for item in packets if item.sequence not in taken]

    async def _owed_acknowledgements(self, session: _Session) -> AsyncIterator[list[Waiting]]:
        """Acknowledgements the source wrote whose packets are still open at the destination, page by page."""
        pair = session.pair
        async for page in self._pending_pages(session, self.destination, pair.destination_client):
            written = await self.source.by_sequence(
                pair.source_client, api.PACKET_KIND_ACKNOWLEDGEMENT, [item.sequence for item in page]
            )
            yield _waiting(session, written)

    async def _pending_pages(
        self, session: _Session, ledger: Endpoint, client_id: str
    ) -> AsyncIterator[Sequence[api.PacketItem]]:
        """The oldest pending packets of a ledger, then on from where the last sweep stopped reading."""
        page = await ledger.pending_page(client_id)
        yield page.items
        cursors, name = session.cursors, ledger.ledger_id
        token = page.next_page_token and (cursors.get(name) or page.next_page_token)
        while token:
            page = await ledger.pending_page(client_id, token)
            token = cursors[name] = page.next_page_token
            yield page.items
        cursors.pop(name, None)

    async def _enqueue(self, session: _Session, waiting: Sequence[Waiting]) -> None:
        for span in spans(item.position for item in waiting):
            await session.backlog.room()
            if session.backlog.put(span):
                session.in_flight.update(range(span.first, span.end))

    async def _carry_forever(self, session: _Session, lane: Lane) -> None:
        while True:
            batch = await lane.take()
            await self._resumed.wait()
            try:
                await self._carry(session, batch)
            except BridgeError as error:
                self.stats.last_error = str(error)
                _LOG.warning("batch_failed", route=self.name, reason=str(error.reason), detail=str(error))
                if error.reason is Reason.CONSENSUS_STATE_NOT_FOUND:
                    session.headers.forget()
                if error.reason in _CLIENT_STANDS:
                    await self.destination.require_active(session.pair.destination_client)
            finally:
                for span in batch:
                    session.in_flight.difference_update(range(span.first, span.end))

    async def _carry(self, session: _Session, batch: tuple[Span, ...]) -> None:
        """Prove, verify the headers, deliver, and count what became of each item."""
        runs: list[EntryRun] = []
        rules = await self.source.header_profile()
        for span in batch:
            known = session.headers.covering(span.end) if rules.proves_earlier else 0
            runs.extend(await self.source.prove(span.first, span.count, known))
        runs = [run for run in runs if any(item.WhichOneof("item") != "opaque" for item in run.items)]
        if not runs:
            return
        updates, states = await session.headers.cover(run.proof_height for run in runs)
        answer = await self.destination.deliver(session.pair.destination_client, updates, runs)
        stands = _CLIENT_STANDS.intersection(result.reason for result in (*answer.headers, *answer.items))
        if stands:
            raise PreconditionError(min(stands), "the destination's client takes nothing")
        for result in answer.headers:
            if result.state not in (ITEM_STATE_APPLIED, ITEM_STATE_NOOP):
                session.headers.forget()
                raise VerificationError(Reason.HEADER_INVALID, "the destination refused a header", got=result.reason)
        session.headers.confirm(states)
        self._count(runs, answer)

    def _count(self, runs: Sequence[EntryRun], answer: api.DeliverResponse) -> None:
        items = [item for run in runs for item in run.items]
        for item, result in zip(items, answer.items, strict=True):
            kind = item.WhichOneof("item")
            if kind == "opaque":
                continue
            if result.state == ITEM_STATE_NOOP:
                self.stats.noop += 1
            elif result.state == ITEM_STATE_APPLIED:
                if kind == "packet":
                    self.stats.delivered += 1
                else:
                    self.stats.acknowledged += 1
                self.refusals.pop(result.sequence, None)
            else:
                self.stats.refused += 1
                self.refusals[result.sequence] = result.reason
                while len(self.refusals) > MAX_REFUSALS_KEPT:
                    self.refusals.popitem(last=False)
                _LOG.warning("item_refused", route=self.name, sequence=result.sequence, reason=result.reason, kind=kind)

    async def _refresh_forever(self, session: _Session) -> None:
        """Keep the destination's client from expiring while nothing else is carried."""
        pair = session.pair
        while True:
            client = await self.destination.client(pair.destination_client)
            latest, now = nanos_from(client.latest_time, "latest_time"), self.source.now()
            if refresh_due(latest, pair.options.trusting_period, now):
                _LOG.warning("client_refresh", route=self.name, age_seconds=(now - latest) // NANOS_PER_SECOND)
                await self._attempt_refresh(session)
            await asyncio.sleep(REFRESH_CHECK_SECONDS)

    async def _attempt_refresh(self, session: _Session) -> None:
        try:
            height = (await self.source.info()).height
            updates, states = await session.headers.cover([height])
            if updates:
                await self.destination.deliver(session.pair.destination_client, updates)
                session.headers.confirm(states)
        except BridgeError as error:
            self.stats.last_error = str(error)
            _LOG.error("client_refresh_failed", route=self.name, reason=str(error.reason), detail=str(error))
            await self.destination.require_active(session.pair.destination_client)


async def _until_idle(
    pages: AsyncIterator[list[Waiting]], has_work: Callable[[list[Waiting]], bool]
) -> AsyncIterator[list[Waiting]]:
    """Pages until several had no work: what waits by the thousand is being carried, and reading on would slow that."""
    idle = 0
    async for page in pages:
        yield page
        idle = 0 if has_work(page) else idle + 1
        if idle >= IDLE_PAGES:
            return


def _waiting(session: _Session, items: Iterable[api.PacketItem]) -> list[Waiting]:
    """Items that are not being carried."""
    return [
        Waiting(item.position, item.height, item.sequence, nanos_from(item.block_time, "block_time"))
        for item in items
        if item.position not in session.in_flight
    ]


def _clients(pair: Pair) -> dict[str, str]:
    return {"source_client": pair.source_client, "destination_client": pair.destination_client}
