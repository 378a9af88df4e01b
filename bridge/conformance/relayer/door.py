"""The door of a simulated ledger: a real LedgerService whose calls are written down, and which fails when told to.

Behind it everything is real. A fault decides only whether a call is let through, and whether and what the caller hears
of it; so a relayer meets lost answers, stalls and lies, and never a ledger that would really be wrong.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import Message

from bridge.errors import LedgerUnavailableError, Reason
from bridge.rpc.interceptors import CALLER
from bridge.rpc.servicers.ledger import LedgerServicer
from bridge.v1 import ledger_service_pb2 as api
from bridge.v1.ledger_service_pb2_grpc import LedgerServiceServicer

SERVICE = api.DESCRIPTOR.services_by_name["LedgerService"]
UNLIMITED = -1
"""Times of a fault that lasts until it is lifted."""

MAX_CALLS_KEPT = 200_000
"""Calls written down of one ledger; a relayer that makes more has failed long before."""

_STREAM = "WatchBlocks"


@dataclass(slots=True)
class Call:
    """One call as the ledger saw it. `seconds_left` is the caller's deadline, None where it set none."""

    at: float
    ledger_id: str
    method: str
    caller: str
    request: Any
    seconds_left: float | None
    answer: Any = None
    outcome: str = ""
    """Empty while it runs, OK, or the reason it was refused with."""
    ended: float = 0.0


@dataclass(slots=True)
class Fault:
    """What goes wrong with calls of a method ("" for every one): the first `times` that `applies` accepts."""

    method: str
    times: int = 1
    refuse: Reason | None = None
    """Refused before anything happened."""
    lose: bool = False
    """Done, but the caller hears UNAVAILABLE."""
    stall: float = 0.0
    """Seconds the call is held before it is let through; it ends earlier when the fault is lifted."""
    alter: Callable[[Any, Any], None] | None = None
    """Edits (request, answer) in place before the caller gets the answer."""
    applies: Callable[[Any], bool] = lambda _request: True
    met: int = 0
    """Calls that met it."""
    lifted: asyncio.Event = field(default_factory=asyncio.Event)


class Doings:
    """What one ledger's door saw, and what is to go wrong at it; outlives restarts of the ledger behind it."""

    def __init__(self, ledger_id: str) -> None:
        self.ledger_id = ledger_id
        self.calls: list[Call] = []
        self.faults: list[Fault] = []

    def begin(self, method: str, request: Message, context: Any) -> Call:
        """Write a call down."""
        left = context.time_remaining()
        call = Call(time.monotonic(), self.ledger_id, method, CALLER.get().spiffe_id, request, left)
        if len(self.calls) < MAX_CALLS_KEPT:
            self.calls.append(call)
        return call

    def fault(self, method: str, request: Message) -> Fault | None:
        """The fault that a call meets, if any; counted."""
        for each in self.faults:
            matches = each.method in ("", method) and each.times and each.applies(request)
            if matches:
                each.met += 1
                each.times -= each.times > 0
                return each
        return None


class Door:
    """LedgerService of one ledger, with its doings."""

    def __init__(self, inner: LedgerServicer, doings: Doings) -> None:
        self._inner = inner
        self._doings = doings

    async def pass_through(self, method: str, request: Message, context: Any) -> Message:
        """One unary call: written down, perhaps spoiled."""
        call = self._doings.begin(method, request, context)
        try:
            answer = call.answer = await self._answer(method, request, context)
        except BaseException as error:
            call.outcome = str(getattr(error, "reason", type(error).__name__))
            raise
        finally:
            call.ended = time.monotonic()
        call.outcome = "OK"
        return answer

    async def watch_through(self, request: api.WatchBlocksRequest, context: Any) -> AsyncIterator[Message]:
        """The stream of blocks: written down when it begins, perhaps broken."""
        call = self._doings.begin(_STREAM, request, context)
        try:
            fault = self._doings.fault(_STREAM, request)
            await _before(fault)
            async for notice in self._inner.WatchBlocks(request, context):
                if fault is not None and fault.alter is not None:
                    fault.alter(request, notice)
                yield notice
                call.answer = notice
                if (again := self._doings.fault("WatchBlocks/notice", request)) is not None:
                    await _before(again)
        finally:
            call.ended, call.outcome = time.monotonic(), "ENDED"

    async def _answer(self, method: str, request: Message, context: Any) -> Message:
        fault = self._doings.fault(method, request)
        await _before(fault)
        answer: Message = await getattr(self._inner, method)(request, context)
        if fault is not None and fault.alter is not None:
            fault.alter(request, answer)
        if fault is not None and fault.lose:
            raise LedgerUnavailableError(Reason.LEDGER_UNAVAILABLE, "the answer is lost")
        return answer


async def _before(fault: Fault | None) -> None:
    """What a fault does before the call is let through."""
    if fault is None:
        return
    if fault.stall:
        try:
            await asyncio.wait_for(fault.lifted.wait(), fault.stall)
        except TimeoutError:
            return
    if fault.refuse is not None:
        raise LedgerUnavailableError(fault.refuse, "a fault that the kit made")


def servicer_of(door: Door) -> LedgerServiceServicer:
    """A door as gRPC takes it: every method of the service leads through it."""
    methods: dict[str, Any] = {name: _unary(door, name) for name in SERVICE.methods_by_name}
    methods[_STREAM] = _stream(door)
    made: LedgerServiceServicer = type("DoorServicer", (LedgerServiceServicer,), methods)()
    return made


def _unary(door: Door, name: str) -> Callable[[Any, Message, Any], Any]:
    async def method(_servicer: Any, request: Message, context: Any) -> Message:
        return await door.pass_through(name, request, context)

    return method


def _stream(door: Door) -> Callable[[Any, api.WatchBlocksRequest, Any], AsyncIterator[Message]]:
    async def method(_servicer: Any, request: api.WatchBlocksRequest, context: Any) -> AsyncIterator[Message]:
        async for notice in door.watch_through(request, context):
            yield notice

    return method
