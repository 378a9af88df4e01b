"""Broken relayers and verifiers are caught by the cases that name their fault, which the shipped programs pass."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from bridge.conformance.case import Mode, cases
from bridge.conformance.relayer.bench import RelayerBench
from bridge.conformance.relayer.mode import quiet_ledgers
from bridge.conformance.results import CaseResult
from bridge.conformance.verifier.entrypoint import Entrypoint
from bridge.conformance.verifier.mode import VerifierBench
from tests.conformance.mutants.catalogue import RELAYERS, VERIFIERS
from tests.conformance.mutants.farm import ROOT, SEED, ask, judge, mutant_command, shipped_command
from tests.conformance.mutants.mutant import Mutant

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

RELAYERS_AT_A_TIME = 3
"""Most of a relayer's case is waiting."""

VERIFIERS_AT_A_TIME = 2

Results = dict[str, CaseResult]
Answers = dict[str, Future[Results]]


def relay(command: Sequence[str], case_ids: Sequence[str]) -> Results:
    """Results of relayer cases on a relayer of its own."""
    with RelayerBench([*command, "start", "--config", "{config}"], SEED) as bench:
        return ask(bench, Mode.RELAYER, case_ids)


def verify(command: Sequence[str], case_ids: Sequence[str]) -> Results:
    """Results of verifier cases on a verifier."""
    chosen = [case for case in cases(Mode.VERIFIER) if case.id in case_ids]
    words = shlex.join([*command, "plumbing", "verify-{verb}"])
    with (
        tempfile.TemporaryDirectory() as folder,
        VerifierBench(words, Entrypoint(words, Path(folder)), chosen, SEED) as bench,
    ):
        return ask(bench, Mode.VERIFIER, case_ids)


def answers(
    mutants: Sequence[Mutant], run: Callable[[Sequence[str], Sequence[str]], Results], at_a_time: int
) -> Iterator[Answers]:
    """What comes of the cases on each mutant, and of all of them on the shipped program under an empty name."""
    with ThreadPoolExecutor(at_a_time) as pool, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        found = {m.name: pool.submit(run, mutant_command(m), (m.control, *m.cases)) for m in mutants}
        named = sorted({case_id for mutant in mutants for case_id in (mutant.control, *mutant.cases)})
        found[""] = pool.submit(run, shipped_command(mutants[0].program), named)
        yield found
        for future in found.values():
            future.cancel()


def chosen(request: pytest.FixtureRequest, test: str) -> list[Mutant]:
    """Mutants of the tests of this name that are to run."""
    found = [item for item in request.session.items if item.path == request.path]
    return [item.callspec.params["mutant"] for item in found if item.originalname == test]


@pytest.fixture(scope="module")
def relayed(request: pytest.FixtureRequest) -> Iterator[Answers]:
    with quiet_ledgers():
        yield from answers(chosen(request, "test_relayer_is_caught"), relay, RELAYERS_AT_A_TIME)


@pytest.fixture(scope="module")
def verified(request: pytest.FixtureRequest) -> Iterator[Answers]:
    yield from answers(chosen(request, "test_verifier_is_caught"), verify, VERIFIERS_AT_A_TIME)


@pytest.mark.parametrize("mutant", RELAYERS, ids=lambda mutant: mutant.name)
def test_relayer_is_caught(mutant: Mutant, relayed: Answers) -> None:
    judge(mutant, relayed[""].result(), relayed[mutant.name].result())


@pytest.mark.parametrize("mutant", VERIFIERS, ids=lambda mutant: mutant.name)
def test_verifier_is_caught(mutant: Mutant, verified: Answers) -> None:
    judge(mutant, verified[""].result(), verified[mutant.name].result())
