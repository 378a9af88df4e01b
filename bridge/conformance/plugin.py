"""The cases as a pytest plugin: every case is a test, with the same verdicts as on the command line.

    pytest -p bridge.conformance.plugin --pyargs bridge.conformance.pytest_cases --conformance-target DIR

A suite of one's own that holds `from bridge.conformance.pytest_cases import test_case` runs them beside its tests.
Cases that cannot be run are skipped, expected failures are strict, a broken SHOULD is a warning.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.conformance.case import Case, Mode, cases
from bridge.conformance.expected import ExpectedFailures
from bridge.conformance.ledger_mode import LedgerBench
from bridge.conformance.preflight import examine
from bridge.conformance.results import BROKEN, CaseResult, Status
from bridge.conformance.runner import PROFILES, RunOptions, run_case, select
from bridge.conformance.target import Target
from bridge.errors import BridgeError

ARGUMENT = "conformance_case"
"""Argument of a test that runs once for each case."""

OPTIONS = pytest.StashKey[RunOptions]()


class ConformanceWarning(UserWarning):
    """A SHOULD that the target breaks."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of the command line that make sense here; -k and --junitxml are pytest's own."""
    group = parser.getgroup("conformance", "conformance of a bridge ledger")
    group.addoption("--conformance-target", metavar="PATH", help="target.toml, or the folder of one")
    group.addoption("--conformance-profile", choices=sorted(PROFILES), default="core", help="cases to run")
    group.addoption("--conformance-expected-failures", metavar="FILE", help="case ids that must fail")
    group.addoption("--conformance-seed", type=int, default=1, help="seed of every choice the kit makes")
    group.addoption("--conformance-dump", metavar="DIR", help="write what each case sent and got")
    group.addoption("--conformance-i-know", action="store_true", help="run on a ledger without the test- prefix")


def pytest_configure(config: pytest.Config) -> None:
    """Read the options once."""
    file = config.getoption("--conformance-expected-failures")
    dump = config.getoption("--conformance-dump")
    target = config.getoption("--conformance-target") or ""
    try:
        expected = ExpectedFailures.load(Path(file)) if file else ExpectedFailures()
        expected.require_known(cases(Mode.LEDGER))
    except BridgeError as error:
        raise pytest.UsageError(str(error)) from error
    config.stash[OPTIONS] = RunOptions(
        profile=config.getoption("--conformance-profile"),
        seed=config.getoption("--conformance-seed"),
        dump=Path(dump) if dump else None,
        expected=expected,
        replay=("cargobridge", "conformance", "--target", target),
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each case of the chosen profile."""
    if ARGUMENT in metafunc.fixturenames:
        chosen = select(cases(Mode.LEDGER), metafunc.config.stash[OPTIONS].profile, "")
        metafunc.parametrize(ARGUMENT, chosen, ids=[case.id for case in chosen])


@pytest.fixture(scope="session")
def conformance_bench(request: pytest.FixtureRequest) -> Iterator[LedgerBench]:
    """A session on the target; the whole run errs when it cannot be reached."""
    path = request.config.getoption("--conformance-target")
    if not path:
        pytest.fail("name the target: --conformance-target PATH", pytrace=False)
    try:
        target, info = examine(Target.load(Path(path)), i_know=request.config.getoption("--conformance-i-know"))
    except BridgeError as error:
        pytest.fail(str(error), pytrace=False)
    bench = LedgerBench(target, info, request.config.stash[OPTIONS].seed)
    yield bench
    bench.close()


def run_as_test(case: Case, bench: LedgerBench, options: RunOptions) -> None:
    """Run one case and say it as pytest says it."""
    result = run_case(case, bench, options)
    if result.status in BROKEN:
        pytest.fail(_told(result), pytrace=False)
    if result.status is Status.EXPECTED_FAIL:
        pytest.xfail(result.message)
    if result.status in (Status.NOT_RUN, Status.UNSUPPORTED):
        pytest.skip(f"{result.status}: {result.message}")
    if result.status is Status.WARN:
        warnings.warn(ConformanceWarning(_told(result)), stacklevel=2)


def _told(result: CaseResult) -> str:
    case = result.case
    return (
        f"{case.id} {case.sentence}\n  {result.message}\n  got       {result.got}\n  expected  {result.expected}\n"
        f"  clauses   {', '.join(case.clauses)}\n  replay    {result.replay}"
    )
