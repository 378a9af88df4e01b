"""The small language the field tables are written in, and the one walk that checks a document against a table.

A table says which fields must be there, of what kind, how long and from which list. It is open: a field it does not
name is neither checked nor refused, because carriers add fields of their own and DCSA's schemas are open too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from bridge.cargo.findings import Finding, at, error
from bridge.cargo.problems import Problem
from bridge.cargo.problems import error as problem
from bridge.errors import Reason

TextCheck = Callable[[str], Problem | None]
"""Looks at one text: None when it is good, else what is wrong with it."""

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_DATE_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


@dataclass(frozen=True, slots=True)
class Text:
    """A string of `least` to `most` characters, from a closed list when `choices` is given, then put to `check`."""

    most: int
    least: int = 1
    choices: frozenset[str] | None = None
    check: TextCheck | None = None


@dataclass(frozen=True, slots=True)
class Number:
    """A JSON number, not below `least` when given; whole when `whole`."""

    least: Decimal | None = None
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Flag:
    """JSON true or false."""


@dataclass(frozen=True, slots=True)
class Items:
    """An array of `least` to `most` elements of one kind."""

    of: Kind
    least: int = 0
    most: int = 4_000


@dataclass(frozen=True, slots=True)
class Fields:
    """An object: kinds of the fields it may have, and names of those it must have, in order and as a set."""

    kinds: Mapping[str, Kind]
    required: tuple[str, ...]
    needed: frozenset[str]


Kind = Text | Number | Flag | Items | Fields


def fields(table: Mapping[str, Kind]) -> Fields:
    """An object from a table; a name that ends in "!" is required."""
    required = tuple(name[:-1] for name in table if name.endswith("!"))
    return Fields({name.removesuffix("!"): kind for name, kind in table.items()}, required, frozenset(required))


def one_of(*choices: str) -> Text:
    """Text from a closed list; each argument may hold several codes, separated by spaces."""
    choices = tuple(choice for text in choices for choice in text.split())
    return Text(max(map(len, choices)), choices=frozenset(choices))


def check_fields(value: Any, kind: Kind, pointer: str = "") -> list[Finding]:
    """[SCH-1] Findings of `value` against its table, in the table's order."""
    findings: list[Finding] = []
    _check(value, kind, pointer, findings)
    return findings


def is_date(text: str) -> Problem | None:
    """[SCH-2] A calendar date of RFC 3339 that exists."""
    if _DATE.fullmatch(text) and _exists(text):
        return None
    return problem(Reason.INVALID_FIELD, "is not a date (YYYY-MM-DD)")


def is_date_time(text: str) -> Problem | None:
    """[SCH-2] A date-time of RFC 3339 with its offset, that exists, from 2000 to 2089: outside lies a clock error."""
    if not (_DATE_TIME.fullmatch(text) and _exists(text[:19], text[19:])):
        return problem(Reason.INVALID_FIELD, "is not a date-time with offset (RFC 3339)")
    if not "2000" <= text[:4] < "2090":
        return problem(Reason.INVALID_FIELD, "is outside the years 2000 to 2089")
    return None


def _exists(text: str, rest: str = "") -> bool:
    """Whether a date or date-time of the right shape names a moment of the calendar."""
    try:
        if len(text) == 10:
            date.fromisoformat(text)
        else:
            datetime.fromisoformat(text.upper())
    except ValueError:
        return False
    offset = rest[-6:]
    return offset[0:1] not in ("+", "-") or (offset[1:3] < "24" and offset[4:6] < "60")


def _check(value: Any, kind: Kind, pointer: str, findings: list[Finding]) -> None:
    """Append the findings of one value."""
    if type(kind) is Text:
        _check_text(value, kind, pointer, findings)
    elif type(kind) is Fields:
        _check_object(value, kind, pointer, findings)
    elif type(kind) is Items:
        if type(value) is not list or not kind.least <= len(value) <= kind.most:
            findings.append(
                error(pointer, Reason.INVALID_FIELD, f"must be an array of {kind.least} to {kind.most} elements")
            )
            return
        for index, child in enumerate(value):
            _check(child, kind.of, f"{pointer}/{index}", findings)
    elif type(kind) is Number:
        _check_number(value, kind, pointer, findings)
    elif type(value) is not bool:
        findings.append(error(pointer, Reason.INVALID_FIELD, "must be true or false"))


def _check_object(value: Any, kind: Fields, pointer: str, findings: list[Finding]) -> None:
    if type(value) is not dict:
        findings.append(error(pointer, Reason.INVALID_FIELD, "must be an object"))
        return
    if not value.keys() >= kind.needed:
        missing = [name for name in kind.required if name not in value]
        findings.extend(error(f"{pointer}/{name}", Reason.FIELD_REQUIRED, "is required") for name in missing)
    kinds = kind.kinds
    for name, child in value.items():
        child_kind = kinds.get(name)
        if child_kind is not None:
            _check(child, child_kind, f"{pointer}/{name}", findings)


def _check_text(value: Any, kind: Text, pointer: str, findings: list[Finding]) -> None:
    if type(value) is not str:
        findings.append(error(pointer, Reason.INVALID_FIELD, "must be a string"))
    elif not kind.least <= len(value) <= kind.most:
        detail = f"must have {kind.least} to {kind.most} characters, has {len(value)}"
        findings.append(error(pointer, Reason.INVALID_FIELD, detail))
    elif kind.choices is not None and value not in kind.choices:
        findings.append(error(pointer, Reason.INVALID_FIELD, _choices(kind.choices)))
    elif kind.check is not None and (found := kind.check(value)) is not None:
        findings.append(at(pointer, found))


def _check_number(value: Any, kind: Number, pointer: str, findings: list[Finding]) -> None:
    if type(value) is not Decimal:
        findings.append(error(pointer, Reason.INVALID_FIELD, "must be a number"))
    elif kind.whole and value != value.to_integral_value():
        findings.append(error(pointer, Reason.INVALID_FIELD, "must be a whole number"))
    elif kind.least is not None and value < kind.least:
        findings.append(error(pointer, Reason.INVALID_FIELD, f"must not be below {kind.least}"))


def _choices(choices: Iterable[str]) -> str:
    """Sentence that lists a short closed list and only counts a long one."""
    names = sorted(choices)
    return "must be one of " + ", ".join(names) if len(names) <= 12 else f"is not one of {len(names)} known codes"
