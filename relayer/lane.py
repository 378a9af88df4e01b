"""A queue of spans that hands out whatever is ready, merged up to one delivery.

Live traffic and backlog have one each, so that neither waits behind the other.
"""

from __future__ import annotations

import asyncio
from collections import deque

from relayer.plan import MAX_BATCH_ENTRIES, Span, split

MAX_WAITING_SPANS = 4096
"""Spans that may wait; beyond it new ones are left to the next sweep, which finds them on the ledger again."""


ROOMY_ENTRIES = 16_384
"""Waiting entries from which a sweep pauses: some seconds of carrying, so that it lists what is still to be carried."""


class Lane:
    """Spans waiting to be carried. Nothing here is needed after a crash: the ledgers know what is pending."""

    def __init__(self) -> None:
        self._spans: deque[Span] = deque()
        self._entries = 0
        self._ready = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._drained = asyncio.Event()
        self._drained.set()

    def put(self, span: Span) -> bool:
        """Queue a span; False when the lane is full and the sweep must find it later."""
        if len(self._spans) >= MAX_WAITING_SPANS:
            return False
        for piece in split(span):
            self._spans.append(piece)
        self._ready.set()
        self._drained.clear()
        self._entries += span.count
        if self._entries >= ROOMY_ENTRIES or len(self._spans) >= MAX_WAITING_SPANS // 2:
            self._room.clear()
        return True

    async def take(self) -> tuple[Span, ...]:
        """The next delivery: at least one span, at most MAX_BATCH_ENTRIES entries; neighbours are joined."""
        while not self._spans:
            self._ready.clear()
            await self._ready.wait()
        taken = [self._spans.popleft()]
        size = taken[0].count
        while self._spans and size + self._spans[0].count <= MAX_BATCH_ENTRIES:
            following = self._spans.popleft()
            size += following.count
            if taken[-1].end == following.first:
                taken[-1] = Span(taken[-1].first, taken[-1].count + following.count)
            else:
                taken.append(following)
        self._entries -= size
        if self._entries < ROOMY_ENTRIES // 2 and len(self._spans) < MAX_WAITING_SPANS // 4:
            self._room.set()
        if not self._spans:
            self._drained.set()
        return tuple(taken)

    async def room(self) -> None:
        """Wait until the lane has emptied enough to be filled on."""
        await self._room.wait()

    async def drained(self) -> None:
        """Wait until nothing waits here any more."""
        await self._drained.wait()

    def __len__(self) -> int:
        return len(self._spans)
