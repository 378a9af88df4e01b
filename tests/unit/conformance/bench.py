"""A bench without a target: cases made on the spot, for tests of what is around them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bridge.conformance.case import Case, Level, Mode
from bridge.conformance.connection import Exchange
from bridge.conformance.results import RunReport
from bridge.conformance.runner import RunOptions, run_cases


class NoKit:
    """What a case gets."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def shown(self) -> Mapping[str, bytes]:
        return self.kept


class StillBench:
    """Nothing is under test; what is missing or undeclared is what a case's needs say."""

    def __init__(self) -> None:
        self.calls: list[Exchange] = []

    def undeclared(self, case: Case) -> str:
        return "not declared" if "capability:x" in case.needs else ""

    def missing(self, case: Case) -> str:
        return "no hook kill" if "kill" in case.needs else ""

    def kit(self, case: Case) -> NoKit:
        return NoKit()

    def exchanges(self) -> list[Exchange]:
        taken, self.calls = self.calls, []
        return taken

    def subject(self) -> Mapping[str, str]:
        return {"target": "nowhere:1", "ledger": "test-<b>none</b>", "capabilities": "a, b"}


def made(
    name: str = "HDR-001",
    run: Callable[[Any], None] = lambda _kit: None,
    *,
    sentence: str = "MUST do it",
    level: Level = Level.CORE,
    needs: tuple[str, ...] = (),
    negative: bool = False,
) -> Case:
    return Case(name, sentence, ("UPD-7",), negative, level, needs, Mode.LEDGER, run)


def report_of(*cases: Case, bench: StillBench | None = None, **options: Any) -> RunReport:
    chosen = RunOptions(replay=("cargobridge", "conformance", "--target", "a folder"), **options)
    return run_cases(cases, bench or StillBench(), chosen, Mode.LEDGER)
