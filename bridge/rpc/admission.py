"""How much work is let in at once, in all and for one caller, and how the house empties when it stops."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from bridge.errors import LedgerUnavailableError, LimitError, Reason
from bridge.rpc import limits

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class AdmissionLimits:
    """Calls in flight: all unary calls, one caller's unary calls, one caller's streams."""

    calls: int = limits.MAX_CALLS_IN_FLIGHT
    calls_of_caller: int = limits.MAX_CALLS_PER_CALLER
    watches_of_caller: int = limits.MAX_WATCHES_PER_CALLER


class Admission:
    """Counts calls in flight. Used by one event loop."""

    def __init__(self, most: AdmissionLimits) -> None:
        self._most = most
        self._calls: Counter[str] = Counter()
        self._watches: Counter[str] = Counter()
        self._total = 0
        self._empty = asyncio.Event()
        self._empty.set()
        self._stopping = asyncio.Event()

    @contextmanager
    def unary(self, caller: str) -> Iterator[None]:
        """[ADM-1] A place for one unary call; LimitError LIMIT_EXCEEDED when there is none."""
        self._require_open()
        _require_below(self._total, self._most.calls, "calls in flight")
        _require_below(self._calls[caller], self._most.calls_of_caller, "calls in flight of one caller")
        self._calls[caller] += 1
        self._total += 1
        self._empty.clear()
        try:
            yield
        finally:
            self._calls[caller] -= 1
            if not self._calls[caller]:
                del self._calls[caller]
            self._total -= 1
            if not self._total:
                self._empty.set()

    @contextmanager
    def stream(self, caller: str) -> Iterator[None]:
        """[ADM-2] A place for one stream; LimitError LIMIT_EXCEEDED when there is none."""
        self._require_open()
        _require_below(self._watches[caller], self._most.watches_of_caller, "streams of one caller")
        self._watches[caller] += 1
        try:
            yield
        finally:
            self._watches[caller] -= 1
            if not self._watches[caller]:
                del self._watches[caller]

    async def until_stop(self, source: AsyncIterator[T]) -> AsyncIterator[T]:
        """[ADM-3] Items of `source`; LedgerUnavailableError LEDGER_STOPPING as soon as the house stops."""
        stop = asyncio.ensure_future(self._stopping.wait())
        step: asyncio.Future[T] | None = None
        try:
            while True:
                step = asyncio.ensure_future(anext(source))
                await asyncio.wait((step, stop), return_when=asyncio.FIRST_COMPLETED)
                if not step.done():
                    raise stopping()
                try:
                    item = step.result()
                except StopAsyncIteration:
                    return
                yield item
        finally:
            stop.cancel()
            if step is not None and step.cancel():
                await asyncio.gather(step, return_exceptions=True)

    async def drain(self, seconds: int) -> bool:
        """[ADM-4] Let nothing new in, end streams, wait for unary calls; True when none is left."""
        self._stopping.set()
        try:
            await asyncio.wait_for(self._empty.wait(), seconds)
        except TimeoutError:
            return False
        return True

    def _require_open(self) -> None:
        if self._stopping.is_set():
            raise stopping()


def stopping() -> LedgerUnavailableError:
    """What a caller is told while the process stops: nothing happened, try again or elsewhere."""
    return LedgerUnavailableError(Reason.LEDGER_STOPPING, "this process is stopping")


def _require_below(present: int, most: int, what: str) -> None:
    if present >= most:
        raise LimitError(Reason.LIMIT_EXCEEDED, f"too many {what}; wait for one to end", limit=most)
