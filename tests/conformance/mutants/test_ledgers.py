"""Every broken adapter is caught by the cases that name its fault, which the unbroken adapter passes.

Two adapters run at a time: each test waits for the result of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from bridge.conformance.results import CaseResult
from tests.conformance.mutants.catalogue import LEDGERS
from tests.conformance.mutants.farm import ROOT, Farm, judge, mutant_command, shipped_command
from tests.conformance.mutants.mutant import Mutant

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

AT_A_TIME = 2
"""Adapters that run at a time: more would only wait for each other."""

Answers = dict[str, Future[dict[str, CaseResult]]]


def _unbroken(mutant: Mutant) -> str:
    return f"unbroken-{mutant.program}-{mutant.facing}"


@pytest.fixture(scope="module")
def answers(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answers]:
    """What comes of the cases on each mutant that is to be tested, and on the unbroken adapters."""
    wanted = [item.callspec.params["mutant"] for item in request.session.items if item.path == request.path]
    farm = Farm(tmp_path_factory.mktemp("mutants"))
    for program in sorted({mutant.program for mutant in wanted}):
        farm.prepare(program)
    with ThreadPoolExecutor(AT_A_TIME) as pool, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        found: Answers = {}
        for mutant in wanted:
            name = _unbroken(mutant)
            if name not in found:
                named = {c for m in wanted if _unbroken(m) == name for c in (*m.cases, m.control)}
                shipped = shipped_command(mutant.program)
                found[name] = pool.submit(farm.ask, name, mutant.program, shipped, mutant.facing, sorted(named))
        for mutant in wanted:
            asked = (mutant.control, *mutant.cases)
            command = mutant_command(mutant)
            found[mutant.name] = pool.submit(farm.ask, mutant.name, mutant.program, command, mutant.facing, asked)
        yield found
        for future in found.values():
            future.cancel()


@pytest.mark.parametrize("mutant", LEDGERS, ids=lambda mutant: mutant.name)
def test_mutant_is_caught_by_the_case_that_names_its_fault(mutant: Mutant, answers: Answers) -> None:
    judge(mutant, answers[_unbroken(mutant)].result(), answers[mutant.name].result())
