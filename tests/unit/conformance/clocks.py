"""A clock for ledgers in memory that follow the machine's time, as counterparties of the kit do."""

from __future__ import annotations

from bridge.clock import ManualClock, Nanos, SystemClock


class Following(ManualClock):
    """The machine's clock, which a test may set ahead."""

    def now(self) -> Nanos:
        return Nanos(SystemClock().now() + super().now())


def following() -> Following:
    return Following(Nanos(0))
