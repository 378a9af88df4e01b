"""A remark on one value: what is wrong with it, and whether that refuses it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bridge.errors import Reason


class Severity(StrEnum):
    """How much a problem weighs. Published documents hold many wrong check digits, so not every fault may refuse."""

    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault of one value; an ERROR refuses the value, a WARNING goes to the people who read it."""

    severity: Severity
    reason: Reason
    detail: str


def warning(reason: Reason, detail: str) -> Problem:
    """A problem that refuses nothing."""
    return Problem(Severity.WARNING, reason, detail)


def error(reason: Reason, detail: str) -> Problem:
    """A problem that refuses the value."""
    return Problem(Severity.ERROR, reason, detail)
