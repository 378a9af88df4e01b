"""What a mutant is: a fault in a sentence, the changes that make it, and the cases that must notice."""

from __future__ import annotations

from dataclasses import dataclass

from tests.conformance.mutants.mutation import Change


@dataclass(frozen=True, slots=True)
class Mutant:
    """One broken program."""

    name: str
    fault: str
    """What it does wrong, as a sentence."""
    cases: tuple[str, ...]
    """Cases that must fail."""
    changes: tuple[Change, ...]
    control: str
    """A case that must pass all the same: the program is not simply broken."""
    program: str = "hk-adapter"
    """The console script that is changed."""
    facing: str = "cometbft"
    """Header profile of the kit's counterparties, for an adapter."""


def ledger_mutant(
    name: str,
    fault: str,
    cases: str,
    *changes: tuple[str, str, str],
    control: str = "MEM-001",
    program: str = "hk-adapter",
    facing: str = "cometbft",
) -> Mutant:
    """An adapter's mutant; cases are separated by spaces, a change is place, before, after."""
    made = tuple(Change(*change) for change in changes)
    return Mutant(name, fault, tuple(cases.split()), made, control, program, facing)


def program_mutant(
    name: str, fault: str, cases: str, *changes: tuple[str, str, str], control: str, program: str = "cargobridge"
) -> Mutant:
    """As `ledger_mutant`, of a relayer or of the command line's verifier."""
    return ledger_mutant(name, fault, cases, *changes, control=control, program=program)
