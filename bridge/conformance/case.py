"""A conformance case: its id, its sentence, its clauses and the function that decides it; and the register of them all.

A case function takes a kit and returns when the target is right. It raises `Failed` (through the helpers of `checks`)
when the target is wrong, and nothing else is a verdict.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from typing import Any, TypeVar

CATEGORIES: dict[str, str] = {
    "ID": "identity and capabilities",
    "TLS": "TLS and roles",
    "LIM": "limits and deadlines",
    "HDR": "headers",
    "MEM": "membership",
    "PKT": "packets",
    "IDM": "idempotency and two relayers",
    "IDN": "identifiers and Unicode",
    "ENC": "canonical bytes",
    "MIS": "misbehaviour and recovery",
    "OPS": "operations",
    "EXT": "extended",
    "REL": "relayers",
    "VER": "verifiers",
}
"""Categories in the order of a run, and what each is about."""

_ID = re.compile(r"(?P<category>[A-Z]{2,3})-(?P<number>\d{3})")
_CLAUSE = re.compile(r"[A-Z]+-\d+")

CaseFunction = Callable[[Any], None]
F = TypeVar("F", bound=CaseFunction)


class Level(StrEnum):
    """What a case counts for: a ledger that fails a core case is not safe to link."""

    CORE = "core"
    EXTENDED = "extended"


class Strength(StrEnum):
    """How binding the sentence is: a broken SHOULD warns."""

    MUST = "MUST"
    SHOULD = "SHOULD"


class Mode(StrEnum):
    """What is under test."""

    LEDGER = "ledger"
    RELAYER = "relayer"
    VERIFIER = "verifier"


@dataclass(frozen=True, slots=True)
class Case:
    """One case. `needs` names what it cannot run without; see `Target.lacks`."""

    id: str
    sentence: str
    clauses: tuple[str, ...]
    negative: bool
    level: Level
    needs: tuple[str, ...]
    mode: Mode
    run: CaseFunction

    @property
    def category(self) -> str:
        """The letters of the id."""
        return self.id.partition("-")[0]

    @property
    def strength(self) -> Strength:
        """The first word of the sentence."""
        return Strength(self.sentence.partition(" ")[0])

    @property
    def order(self) -> tuple[int, str]:
        """Where it stands in a run: by category, then by number."""
        return list(CATEGORIES).index(self.category), self.id


_REGISTER: dict[str, Case] = {}


def case(
    id: str,  # noqa: A002 it is what everybody calls it
    sentence: str,
    *,
    clauses: Sequence[str],
    negative: bool = False,
    level: Level = Level.CORE,
    needs: Sequence[str] = (),
    mode: Mode = Mode.LEDGER,
) -> Callable[[F], F]:
    """Register the decorated function as a case; ValueError when id, sentence or clauses are not in form.

    `needs` may name hooks ("reset", "restart", "kill"), identities ("platform", "reader", ...), keys ("authority_key",
    "relayer_key", "second_relayer", "seed", "tls_ca_key"), capabilities ("capability:rotation") and header profiles of
    counterparties ("profile:cometbft").
    """
    match = _ID.fullmatch(id)
    if match is None or match["category"] not in CATEGORIES:
        raise ValueError(f"{id}: a case id is CATEGORY-NNN with a category of {', '.join(CATEGORIES)}")
    if sentence.partition(" ")[0] not in set(Strength) or not sentence.partition(" ")[2]:
        raise ValueError(f"{id}: the sentence must begin with MUST or SHOULD")
    if not clauses or not all(_CLAUSE.fullmatch(clause) for clause in clauses):
        raise ValueError(f"{id}: name the clauses of docs/protocol.md that it holds, such as UPD-7")

    def register(run: F) -> F:
        if id in _REGISTER and _REGISTER[id].run.__module__ != run.__module__:
            raise ValueError(f"{id} is registered twice: in {_REGISTER[id].run.__module__} and {run.__module__}")
        _REGISTER[id] = Case(id, sentence, tuple(clauses), negative, level, tuple(needs), mode, run)
        return run

    return register


def cases(mode: Mode | None = None) -> tuple[Case, ...]:
    """Every case of a mode, or of all, in the order of a run."""
    import_module("bridge.conformance.cases")
    found = [each for each in _REGISTER.values() if mode is None or each.mode is mode]
    return tuple(sorted(found, key=lambda each: each.order))
