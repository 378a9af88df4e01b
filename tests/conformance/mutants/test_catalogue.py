"""The catalogue of mutants: names and cases are there, and every change still applies to the source as it is."""

from __future__ import annotations

import pytest

from bridge.conformance.case import cases
from tests.conformance.mutants import serve
from tests.conformance.mutants.catalogue import LEDGERS, MUTANTS, RELAYERS, VERIFIERS
from tests.conformance.mutants.mutant import Mutant, ledger_mutant
from tests.conformance.mutants.mutation import Change, MutationError, changed_code, function_at

PREDICATES = "bridge.light_client.predicates"


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=MUTANTS)
def test_every_change_applies_and_changes_something(mutant: Mutant) -> None:
    assert mutant.changes
    for place in {change.place for change in mutant.changes}:
        function = function_at(place)
        changes = [change for change in mutant.changes if change.place == place]
        assert changed_code(function, changes).co_code != function.__code__.co_code


def test_names_are_distinct_and_cases_exist() -> None:
    known = {case.id for case in cases()}
    assert len(MUTANTS) == len(LEDGERS) + len(RELAYERS) + len(VERIFIERS)
    for mutant in MUTANTS.values():
        assert mutant.cases
        assert mutant.control not in mutant.cases
        assert {*mutant.cases, mutant.control} <= known, mutant.name
        assert mutant.fault.endswith(".")


def test_a_program_whose_change_does_not_apply_is_not_started(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stale = ledger_mutant("stale", "It does nothing.", "HDR-001", (f"{PREDICATES}:is_expired", "not there", "x"))
    monkeypatch.setitem(MUTANTS, "stale", stale)
    with pytest.raises(SystemExit) as ended:
        serve.main(["stale", "--", "hk-adapter", "--help"])
    assert ended.value.code == serve.EXIT_NOT_APPLIED
    assert "mutant stale" in capsys.readouterr().err


@pytest.mark.parametrize(
    "change",
    [
        Change(f"{PREDICATES}:no_such_function", "x", "y"),
        Change("bridge.light_client.no_such_module:is_expired", "x", "y"),
        Change(f"{PREDICATES}:is_expired", "text that is not there", "y"),
        Change(f"{PREDICATES}:is_expired", "t", "y"),
        Change(f"{PREDICATES}:is_expired", "return not trusted", "return ) trusted"),
        Change(f"{PREDICATES}:is_expired", "now: Nanos)", "then: Nanos)"),
        Change("bridge.light_client.types:TrustOptions", "x", "y"),
    ],
)
def test_a_change_that_does_not_apply_is_an_error(change: Change) -> None:
    with pytest.raises(MutationError):
        changed_code(function_at(change.place), [change])
