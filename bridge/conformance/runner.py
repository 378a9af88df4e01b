"""Runs cases on a bench, one after the other, and makes a verdict of each; what a case is about is not known here.

A bench is what cases of one mode need: it says what is missing for a case, makes the case's kit, and tells what is
under test.
"""

from __future__ import annotations

import shlex
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Protocol

import grpc

from bridge.clock import NANOS_PER_SECOND, SystemClock
from bridge.conformance.case import Case, Level, Strength
from bridge.conformance.checks import Failed, NotRun, Unsupported, describe, show
from bridge.conformance.connection import Exchange
from bridge.conformance.expected import ExpectedFailures
from bridge.conformance.reports.dump import write_dump
from bridge.conformance.results import CaseResult, RunReport, Status

PROFILES: dict[str, frozenset[Level]] = {
    "core": frozenset({Level.CORE}),
    "extended": frozenset({Level.EXTENDED}),
    "all": frozenset(Level),
}
"""Levels that each choice of --profile runs."""

_TRACE_LINES = 6


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What the caller asks of a run, whatever the mode."""

    profile: str = "core"
    pattern: str = ""
    seed: int = 0
    dump: Path | None = None
    expected: ExpectedFailures = field(default_factory=ExpectedFailures)
    replay: tuple[str, ...] = ()
    """The command line that repeats the run, without -k, --seed and --dump."""
    on_start: Callable[[int, int, Case], None] = field(default=lambda _index, _count, _case: None)
    on_result: Callable[[CaseResult], None] = field(default=lambda _result: None)

    def replay_command(self, case: Case) -> str:
        """The command that runs this case alone, with the same seed, and dumps what it sent."""
        tail = ("-k", case.id, "--profile", "all", "--seed", str(self.seed), "--dump", str(self.dump or "out"))
        command = list(self.replay)
        cut = command.index("--") if "--" in command else len(command)
        return shlex.join([*command[:cut], *tail, *command[cut:]])


class CaseKit(Protocol):
    """What the runner takes from a kit after its case."""

    def shown(self) -> Mapping[str, bytes]:
        """Bytes kept as evidence, by name."""
        ...


class Bench(Protocol):
    """What cases of one mode run on."""

    def undeclared(self, case: Case) -> str:
        """What the subject does not declare and the case is about; empty when there is nothing."""
        ...

    def missing(self, case: Case) -> str:
        """Why the case cannot be run here; empty when it can."""
        ...

    def kit(self, case: Case) -> Any:
        """A fresh kit (`CaseKit`) for the case."""
        ...

    def exchanges(self) -> Sequence[Exchange]:
        """Calls made since the last time this was asked."""
        ...

    def subject(self) -> Mapping[str, str]:
        """What is under test, for the report."""
        ...


def select(cases: Sequence[Case], profile: str, pattern: str) -> list[Case]:
    """Cases of a profile that a pattern chooses: comma-separated ids, wildcards, or words of id and sentence."""
    wanted = [part.strip() for part in pattern.split(",") if part.strip()]
    return [
        case
        for case in cases
        if case.level in PROFILES[profile] and (not wanted or any(_matches(case, part) for part in wanted))
    ]


def run_cases(cases: Sequence[Case], bench: Bench, options: RunOptions, mode: str) -> RunReport:
    """Run the cases in order; every one gets a status, whatever happens."""
    started, begun = datetime.fromtimestamp(SystemClock().now() // NANOS_PER_SECOND, UTC), time.monotonic()
    results = []
    for index, case in enumerate(cases):
        options.on_start(index, len(cases), case)
        result = run_case(case, bench, options)
        options.on_result(result)
        results.append(result)
    return RunReport(
        mode=mode,
        subject=dict(bench.subject()),
        seed=options.seed,
        profile=options.profile,
        pattern=options.pattern,
        started=started.isoformat(timespec="seconds").replace("+00:00", "Z"),
        seconds=round(time.monotonic() - begun, 3),
        results=results,
    )


def run_case(case: Case, bench: Bench, options: RunOptions) -> CaseResult:
    """One case's result, dumped when that is asked for; nothing a target does is raised."""
    if reason := bench.undeclared(case):
        return CaseResult(case, Status.UNSUPPORTED, message=reason)
    if reason := bench.missing(case):
        return CaseResult(case, Status.NOT_RUN, message=reason)
    bench.exchanges()
    kit: Any = None
    begun = time.monotonic()
    try:
        kit = bench.kit(case)
        case.run(kit)
    except Exception as error:  # noqa: BLE001 whatever a target provokes is a verdict, not the end of the run
        verdict = _verdict(error)
    else:
        verdict = _Verdict(Status.PASS)
    status = _judge(case, verdict.status, options.expected)
    if status is Status.UNEXPECTED_PASS:
        verdict = _Verdict(status, "the case passes; take it off the list", "pass", "fail, as the list says")
    result = CaseResult(
        case,
        status,
        milliseconds=round(1_000 * (time.monotonic() - begun)),
        message=verdict.message,
        got=verdict.got,
        expected=verdict.expected,
        replay="" if status is Status.PASS else options.replay_command(case),
        evidence=dict(kit.shown()) if kit is not None else {},
        exchanges=tuple(bench.exchanges()),
    )
    if options.dump is not None:
        write_dump(options.dump, result)
    return result


@dataclass(frozen=True, slots=True)
class _Verdict:
    status: Status
    message: str = ""
    got: str = ""
    expected: str = ""


def _verdict(error: Exception) -> _Verdict:
    if isinstance(error, Failed):
        return _Verdict(Status.FAIL, error.message, error.got, error.expected)
    if isinstance(error, NotRun):
        return _Verdict(Status.NOT_RUN, str(error))
    if isinstance(error, Unsupported):
        return _Verdict(Status.UNSUPPORTED, str(error))
    if isinstance(error, grpc.RpcError):
        return _Verdict(Status.FAIL, "a call that must succeed did not", show(describe(error)), "an answer")
    place = " < ".join(
        f"{Path(frame.filename).name}:{frame.lineno} {frame.name}"
        for frame in reversed(traceback.extract_tb(error.__traceback__)[-_TRACE_LINES:])
    )
    return _Verdict(Status.FAIL, f"the case could not be finished, at {place}", show(f"{error!r}"), "a verdict")


def _judge(case: Case, status: Status, expected: ExpectedFailures) -> Status:
    """SHOULD warns; what is expected to fail must fail."""
    if status not in (Status.PASS, Status.FAIL):
        return status
    if expected.covers(case):
        return Status.EXPECTED_FAIL if status is Status.FAIL else Status.UNEXPECTED_PASS
    if status is Status.FAIL and case.strength is Strength.SHOULD:
        return Status.WARN
    return status


def _matches(case: Case, part: str) -> bool:
    return fnmatchcase(case.id, part) or part.lower() in f"{case.id} {case.sentence}".lower()
