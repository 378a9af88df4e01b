"""`--mode relayer`: runs the relayer cases against a command, on three benches at a time.

Most of a case is waiting for what a relayer does next, so three relayers under test, each between two ledgers of its
own, take a third of the time of one. What is told of a run is told in the order of the cases all the same.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import structlog

from bridge.conformance.case import Case, Mode, cases
from bridge.conformance.relayer.bench import RelayerBench
from bridge.conformance.relayer.program import require_command
from bridge.conformance.results import CaseResult, RunReport
from bridge.conformance.runner import RunOptions, run_cases, select

BENCHES = 3
"""Benches at a time: more would measure this machine, not the relayer."""


def run_relayer_mode(command: Sequence[str], options: RunOptions) -> RunReport:
    """Every chosen relayer case against `command`, whose `{config}` becomes the path of a relayer configuration.

    Raises DecodeError CONFIGURATION_INVALID for a command that cannot be meant.
    """
    require_command(command)
    chosen = select(cases(Mode.RELAYER), options.profile, options.pattern)
    told = _InOrder(chosen, options)
    waiting, begun = deque(chosen), time.monotonic()
    stop = threading.Event()

    def work() -> list[RunReport]:
        reports = []
        with RelayerBench(command, options.seed) as bench:
            while waiting and not stop.is_set():
                try:
                    case = waiting.popleft()
                except IndexError:
                    break
                reports.append(run_cases([case], bench, told.options, Mode.RELAYER.value))
        return reports

    with quiet_ledgers(), ThreadPoolExecutor(BENCHES, thread_name_prefix="bench") as pool:
        try:
            futures = [pool.submit(work) for _ in range(min(BENCHES, len(chosen)))]
            reports = [report for future in futures for report in future.result()]
        finally:
            stop.set()
    return _together(reports, time.monotonic() - begun)


@contextmanager
def quiet_ledgers() -> Iterator[None]:
    """What the simulated ledgers log is nobody's business while a report is printed; their calls are in the journal."""
    before: dict[str, Any] = structlog.get_config()
    structlog.configure(processors=[_drop], cache_logger_on_first_use=False)
    try:
        yield
    finally:
        structlog.configure(**before)


class _InOrder:
    """Tells of cases in their order, whichever ends first."""

    def __init__(self, chosen: Sequence[Case], options: RunOptions) -> None:
        self._chosen = chosen
        self._tell = options
        self._done: dict[str, CaseResult] = {}
        self._next = 0
        self._lock = threading.Lock()
        self.options = replace(options, on_start=lambda _index, _count, _case: None, on_result=self._finished)
        self._begin()

    def _begin(self) -> None:
        if self._next < len(self._chosen):
            self._tell.on_start(self._next, len(self._chosen), self._chosen[self._next])

    def _finished(self, result: CaseResult) -> None:
        with self._lock:
            self._done[result.case.id] = result
            while self._next < len(self._chosen) and self._chosen[self._next].id in self._done:
                self._tell.on_result(self._done[self._chosen[self._next].id])
                self._next += 1
                self._begin()


def _together(reports: Sequence[RunReport], seconds: float) -> RunReport:
    """One report of all cases, in their order."""
    first = min(reports, key=lambda report: report.started)
    results = sorted((result for report in reports for result in report.results), key=lambda each: each.case.order)
    return replace(first, results=results, seconds=round(seconds, 3))


def _drop(_logger: Any, _method: str, _event: Any) -> Any:
    raise structlog.DropEvent
