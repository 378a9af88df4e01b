"""How a conformance run reads on a terminal: a progress line, what is not right as it happens, and a summary."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TextIO

from bridge.cli.output import print_line
from bridge.conformance.case import Case, Level
from bridge.conformance.results import BROKEN, CaseResult, RunReport, Status

_QUIET = frozenset({Status.PASS, Status.UNSUPPORTED, Status.NOT_RUN})

_SKIPPED = frozenset({Status.UNSUPPORTED, Status.NOT_RUN, Status.EXPECTED_FAIL})

SENTENCE_CHARACTERS = 78
"""Characters of a sentence on the progress line: an ordinary terminal is 100 wide."""


class CaseLines:
    """Writes progress to one stream and verdicts to another; on a terminal the progress is one line that changes."""

    def __init__(self, out: TextIO, progress: TextIO) -> None:
        self._out = out
        self._progress = progress
        self._alive = progress.isatty()
        self._category = ""
        self._done = 0

    def started(self, index: int, count: int, case: Case) -> None:
        """A case begins."""
        if self._alive:
            text = f"[{index + 1}/{count}] {case.id} {case.sentence}"[:SENTENCE_CHARACTERS]
            self._progress.write(f"\r\x1b[2K{text}")
            self._progress.flush()
        elif case.category != self._category:
            self._category = case.category
            self._progress.write(f"[{index + 1}/{count}] {case.category}\n")
            self._progress.flush()

    def finished(self, result: CaseResult) -> None:
        """A case ended: what is right is only counted."""
        if result.status in _QUIET:
            return
        self._clear()
        case = result.case
        lines = [f"{case.id} {case.sentence} .... {result.status.upper()}"]
        lines += [f"        {result.message}"] if result.message else []
        lines += [f"        got       {result.got}", f"        expected  {result.expected}"]
        lines += [f"        clauses   {', '.join(case.clauses)}", f"        replay    {result.replay}"]
        self._out.write("\n".join(lines) + "\n")
        self._out.flush()

    def close(self) -> None:
        """Leave a clean line behind."""
        self._clear()

    def _clear(self) -> None:
        if self._alive:
            self._progress.write("\r\x1b[2K")
            self._progress.flush()


def print_cases(found: Sequence[Case]) -> None:
    """One case a line."""
    for case in found:
        kind = "refuses" if case.negative else "accepts"
        needs = f" [needs {', '.join(case.needs)}]" if case.needs else ""
        print_line(f"{case.id}  {case.level:8} {kind}  {case.sentence} ({', '.join(case.clauses)}){needs}")
    core = sum(case.level is Level.CORE for case in found)
    negative = sum(case.negative for case in found)
    print_line(f"{len(found)} cases: {core} core, {len(found) - core} extended, {negative} of them assert a refusal")


def claim(report: RunReport, level: Level) -> str:
    """What may be said of the subject after this run."""
    statuses = [result.status for result in report.results if result.case.level is level]
    if report.conformant(level):
        return "conformant"
    if any(status in BROKEN or status is Status.EXPECTED_FAIL for status in statuses):
        return "not conformant"
    if report.pattern:
        return "no claim, cases were chosen by -k"
    return f"no claim, {sum(status is Status.NOT_RUN for status in statuses)} cases could not be run"


def print_summary(report: RunReport) -> None:
    """What was under test, why cases did not run, what it amounts to; the last line is what CI servers read."""
    told = "  ".join(
        f"{name} {report.subject[name]}" for name in ("target", "ledger", "profile") if name in report.subject
    )
    print_line(f"{told or report.mode}  seed {report.seed}  {report.seconds:.1f} s")
    reasons: dict[str, list[str]] = {}
    for result in report.results:
        if result.status in (Status.UNSUPPORTED, Status.NOT_RUN):
            reasons.setdefault(f"{result.status}: {result.message}", []).append(result.case.id)
    for reason, ids in reasons.items():
        print_line(f"  {reason} ({', '.join(ids)})")
    print_line(", ".join(f"{number} {name}" for name, number in report.counts.items() if number) or "nothing ran")
    for level in Level:
        chosen = [result for result in report.results if result.case.level is level]
        if chosen:
            print_line(f"{level}: {claim(report, level)}")
    failed = sum(result.status in BROKEN for result in report.results)
    skipped = sum(result.status in _SKIPPED for result in report.results)
    sys.stdout.flush()
    print_line(f"{len(report.results) - failed - skipped} passed, {failed} failed, {skipped} skipped")
