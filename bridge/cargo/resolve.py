"""Every identifier of a statement in its local form: mapped, equivalent by rule, or kept foreign and flagged.

The stated form is never lost: a resolution stands beside it. Rules come after mappings, because an authority that
registered a mapping knows more than a rule does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

from bridge.cargo.places import canonical_place
from bridge.cargo.schemes import SCHEMES
from bridge.v1.cargo_pb2 import Statement

RULED_IDENTIFIERS = 16_384
"""Answers of the rules kept in memory, in identifiers; about 4 MiB."""

Pair = tuple[str, str]
"""(scheme, value)."""

Mapped = Callable[[str, str], Pair | None]
"""The local form that a registered mapping gives an identifier of the other side, or None."""


class Resolution(IntEnum):
    """How an identifier got its local form; numbers as in the `Resolution` of the cargo service."""

    MAPPED = 1
    EQUIVALENT = 2
    FOREIGN = 3


@dataclass(frozen=True, slots=True)
class Resolved:
    """One identifier as stated and as this side writes it; the same text where nothing else is known."""

    stated: Pair
    local: Pair
    resolution: Resolution


def resolve_identifiers(statement: Statement, mapped: Mapped, country: str) -> list[Resolved]:
    """[RES-1] Every distinct identifier of a statement in order of appearance, issuer first, in the form of this side.

    `country` is the ISO 3166 code of this side, whose own schemes are local here whoever states them.
    """
    return [resolve_identifier(scheme, value, mapped, country) for scheme, value in identifiers_of(statement)]


def resolve_identifier(scheme: str, value: str, mapped: Mapped, country: str) -> Resolved:
    """[RES-2] One identifier in the form of this side: a mapping first, then a rule, else foreign.

    A place is also looked up under its canonical code, so that one mapping serves all aliases of a port.
    """
    found = mapped(scheme, value)
    ruled = _by_rule(scheme, value, country)
    if found is None and ruled.local[1] != value:
        found = mapped(*ruled.local)
    return ruled if found is None else Resolved((scheme, value), found, Resolution.MAPPED)


def identifiers_of(statement: Statement) -> list[Pair]:
    """Every distinct identifier that a statement states, in order of appearance, issuer first."""
    return list(dict.fromkeys(_stated(statement)))


def _stated(statement: Statement) -> Iterator[Pair]:
    yield statement.key.issuer_scheme, statement.key.issuer
    facts = statement.facts
    for party in facts.parties:
        for identifier in party.identifiers:
            yield identifier.scheme, identifier.value
    for place in facts.places:
        if place.HasField("identifier"):
            yield place.identifier.scheme, place.identifier.value
    for group in (facts.vessel_identifiers, facts.equipment, facts.commodity_codes, facts.references):
        for identifier in group:
            yield identifier.scheme, identifier.value


@lru_cache(maxsize=RULED_IDENTIFIERS)
def _by_rule(scheme: str, value: str, country: str) -> Resolved:
    """[RES-3] A scheme that the world shares is equivalent, in the canonical code of a place; so is this side's own.

    Another country's scheme, a ledger's own member ids and a code of unknown tariff stay foreign: nothing is derived
    from their digits.
    """
    known = SCHEMES.get(scheme)
    local = (scheme, canonical_place(value)) if scheme == "un-locode" else (scheme, value)
    is_shared = known is not None and known.country in ("", country)
    return Resolved((scheme, value), local, Resolution.EQUIVALENT if is_shared else Resolution.FOREIGN)
