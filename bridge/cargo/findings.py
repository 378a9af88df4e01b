"""A finding: a problem with the place in the document where it stands."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bridge.cargo.problems import Problem, Severity
from bridge.errors import Reason

MAX_FINDINGS = 100
"""Most findings reported on one document: enough to mend it, not enough to make a reply out of a hostile one."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding: severity, JSON pointer, stable reason, and a sentence for people without the value itself."""

    severity: Severity
    pointer: str
    reason: Reason
    detail: str

    @property
    def refuses(self) -> bool:
        """True when a document with this finding must not be issued."""
        return self.severity is Severity.ERROR


def error(pointer: str, reason: Reason, detail: str) -> Finding:
    """A finding that refuses."""
    return Finding(Severity.ERROR, pointer, reason, detail)


def warning(pointer: str, reason: Reason, detail: str) -> Finding:
    """A finding that does not."""
    return Finding(Severity.WARNING, pointer, reason, detail)


def at(pointer: str, problem: Problem) -> Finding:
    """The finding that `problem` is of the value at `pointer`."""
    return Finding(problem.severity, pointer, problem.reason, problem.detail)


def refusals(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings that refuse, in order."""
    return tuple(finding for finding in findings if finding.refuses)
