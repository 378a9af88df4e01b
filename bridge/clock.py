"""The only reader of wall-clock time; everything else is handed `now`, or a Clock.

Times are integers: nanoseconds since 1970-01-01T00:00:00 UTC. A float or a `datetime` cannot hold a header's time
exactly.
"""

from __future__ import annotations

import time
from typing import NewType, Protocol

Nanos = NewType("Nanos", int)

NANOS_PER_SECOND = 1_000_000_000
NANOS_PER_MILLISECOND = 1_000_000


class Clock(Protocol):
    """Where a program gets the time from."""

    def now(self) -> Nanos:
        """Wall-clock time in nanoseconds since the epoch, UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> Nanos:
        """Wall-clock time in nanoseconds since the epoch, UTC."""
        return Nanos(time.time_ns())


class ManualClock:
    """A clock that stands still until it is moved; for simulations and tests."""

    def __init__(self, start: Nanos) -> None:
        self._now = start

    def now(self) -> Nanos:
        """The time it was set to."""
        return self._now

    def advance(self, nanos: int) -> None:
        """Move by `nanos`, which may be negative: clocks do that."""
        self._now = Nanos(self._now + nanos)
