"""The port by which tests break a durable step: before it happened, or after it happened and nobody was told."""

from __future__ import annotations

from typing import Protocol


class Faults(Protocol):
    """Called around every durable step; raising is the fault."""

    def before(self, step: str) -> None:
        """The step has not happened yet: raising here is "failed and not applied"."""
        ...

    def after(self, step: str) -> None:
        """The step has happened: raising here is "failed but applied"."""
        ...


class _NoFaults:
    def before(self, step: str) -> None:
        """Go on."""

    def after(self, step: str) -> None:
        """Go on."""


NO_FAULTS: Faults = _NoFaults()
