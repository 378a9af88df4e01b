"""What came of a run: a status for every case, the evidence behind it, and what the run as a whole amounts to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from bridge.conformance.case import Case, Level
from bridge.conformance.connection import Exchange


class Status(StrEnum):
    """What became of a case."""

    PASS = "pass"  # noqa: S105 a verdict
    FAIL = "fail"
    WARN = "warn"
    UNSUPPORTED = "unsupported"
    NOT_RUN = "not-run"
    EXPECTED_FAIL = "expected-fail"
    UNEXPECTED_PASS = "unexpected-pass"  # noqa: S105


BROKEN = frozenset({Status.FAIL, Status.UNEXPECTED_PASS})
"""Statuses that make a run fail."""

RAN = frozenset(Status) - {Status.UNSUPPORTED, Status.NOT_RUN}
"""Statuses of cases that were run to a verdict."""


@dataclass(frozen=True, slots=True)
class CaseResult:
    """One case and what became of it."""

    case: Case
    status: Status
    milliseconds: int = 0
    message: str = ""
    """What was asserted when it failed, or why it was not run."""
    got: str = ""
    expected: str = ""
    replay: str = ""
    evidence: Mapping[str, bytes] = field(default_factory=dict)
    exchanges: Sequence[Exchange] = ()


@dataclass(frozen=True, slots=True)
class RunReport:
    """A whole run. `subject` says what was under test: names and values, in the order they are shown."""

    mode: str
    subject: Mapping[str, str]
    seed: int
    profile: str
    pattern: str
    started: str
    """RFC 3339, UTC."""
    seconds: float
    results: Sequence[CaseResult]

    @property
    def counts(self) -> dict[str, int]:
        """Number of cases of each status, all statuses named."""
        found = Counter(result.status for result in self.results)
        return {status.value: found[status] for status in Status}

    @property
    def ran(self) -> int:
        """Cases run to a verdict."""
        return sum(result.status in RAN for result in self.results)

    @property
    def succeeded(self) -> bool:
        """Something ran, and nothing is broken that was not expected to be."""
        return self.ran > 0 and not any(result.status in BROKEN for result in self.results)

    def conformant(self, level: Level) -> bool:
        """Every case of the level was run and passed or only warns; none was left out, not run, or excused.

        Cases about what the subject does not declare are no part of the claim, which the report says.
        """
        found = [each.status for each in self.results if each.case.level is level]
        claimed = [status for status in found if status is not Status.UNSUPPORTED]
        right = all(status in (Status.PASS, Status.WARN) for status in claimed)
        return bool(claimed) and right and not self.pattern
