"""Decides what to carry next, from what both ledgers say now. Pure: nothing here calls, waits or remembers.

Two relayers share the work by turns: a block's entries belong to the relayer whose turn its height is, and to everybody
once the fallback delay has passed. Turns save work; safety never rests on them, because delivering twice is a NOOP.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

MAX_BATCH_ENTRIES = 256
"""Entries in one delivery: so many that a call's fixed cost vanishes, so few that it answers within milliseconds."""

REFRESH_FRACTION = 3
"""A client is refreshed when 1/3 of its trusting period has passed, so that two more attempts fit before it expires."""


@dataclass(frozen=True, slots=True)
class Turn:
    """The relayer's place among those that serve a route: `index` of `count`."""

    index: int
    count: int

    def owns(self, height: int) -> bool:
        """True when entries of the block at `height` are this relayer's to carry first."""
        return height % self.count == self.index


@dataclass(frozen=True, slots=True)
class Waiting:
    """An entry the destination has not taken: where it stands on the source, and since when (nanoseconds)."""

    position: int
    height: int
    sequence: int
    since: int


@dataclass(frozen=True, slots=True)
class Span:
    """Consecutive entries of the source ledger, by position."""

    first: int
    count: int

    @property
    def end(self) -> int:
        """Position after the last entry."""
        return self.first + self.count


def due(waiting: Iterable[Waiting], turn: Turn, now: int, own_grace: int, fallback_delay: int) -> list[Waiting]:
    """What this relayer should carry now: its own turn's entries after `own_grace`, anyone's after `fallback_delay`.

    Both delays are in nanoseconds and count from the time of the block that wrote the entry.
    """
    return [item for item in waiting if now - item.since >= (own_grace if turn.owns(item.height) else fallback_delay)]


class Standstill:
    """Tells whether the other relayers still carry their share, by watching what of it waits from look to look.

    A long backlog is older than the fallback delay all the way through, though everybody works on it; taking it over
    by age alone would carry all of it twice, and the more is waiting the less gets done.
    """

    def __init__(self, patience: int) -> None:
        """Nothing carried for `patience` nanoseconds while something is due is a standstill."""
        self._patience = patience
        self._seen: frozenset[int] = frozenset()
        self._taken: set[int] = set()
        self._since = 0
        self._stands = False

    def look(self, positions: Iterable[int], now: int) -> bool:
        """True when the others' entries that are due now are for this relayer to carry.

        Once they stand still they are taken over at once, until one goes that this relayer did not take.
        """
        seen = frozenset(positions)
        moved = self._seen - seen - self._taken
        if moved or not self._seen:
            self._since = now
        if moved:
            self._stands = False
        elif seen and now - self._since >= self._patience:
            self._stands = True
        self._seen = seen
        self._taken &= seen
        return self._stands

    def take(self, positions: Iterable[int]) -> None:
        """These were taken over; that they go is no sign of the others."""
        self._taken.update(positions)


def spans(positions: Iterable[int], most: int = MAX_BATCH_ENTRIES) -> list[Span]:
    """Positions as consecutive spans of at most `most` entries; a run of neighbours needs one proof only."""
    found: list[Span] = []
    for position in sorted(set(positions)):
        if found and found[-1].end == position and found[-1].count < most:
            found[-1] = Span(found[-1].first, found[-1].count + 1)
        else:
            found.append(Span(position, 1))
    return found


def batches(found: Sequence[Span], most: int = MAX_BATCH_ENTRIES) -> list[tuple[Span, ...]]:
    """Spans packed into deliveries of at most `most` entries each, in order."""
    packed: list[tuple[Span, ...]] = []
    current: list[Span] = []
    size = 0
    for span in found:
        if current and size + span.count > most:
            packed.append(tuple(current))
            current, size = [], 0
        current.append(span)
        size += span.count
    if current:
        packed.append(tuple(current))
    return packed


def split(span: Span, most: int = MAX_BATCH_ENTRIES) -> list[Span]:
    """One span cut into pieces of at most `most` entries."""
    return [Span(first, min(most, span.end - first)) for first in range(span.first, span.end, most)]


def refresh_due(latest_time: int, trusting_period: int, now: int) -> bool:
    """True when the client's newest header is a third of the trusting period old (all in nanoseconds)."""
    return now - latest_time >= trusting_period // REFRESH_FRACTION


def eta_seconds(total: int, done: int, elapsed_nanos: int) -> int:
    """Seconds left at the rate so far; 0 when nothing is known yet or nothing is left."""
    if done <= 0 or done >= total:
        return 0
    return -(-(total - done) * elapsed_nanos // (done * 1_000_000_000))
