"""The corridor policy: which fields of which record type may cross, and nothing else may.

A rule is a JSON pointer in which `*` stands for any one segment and a last `**` for any rest, none included. Which
policy an adapter runs is configuration; the shipped ones are in `policies`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from bridge.errors import DecodeError, LimitError, PreconditionError, Reason
from bridge.v1.cargo_pb2 import RecordType

MAX_PATTERNS = 500
"""Most patterns of one record type: five times the longest shipped list, and still one regular expression."""

MAX_PATTERN_CHARACTERS = 256
"""Longest pattern in characters; also the longest pointer that is remembered."""

MAX_REMEMBERED = 16_384
"""Pointers remembered as allowed, of each type: the same few hundred come with every record; at most 8 MiB a type."""

_SEGMENT = re.compile(r"(?:[^~/*]|~[01])*|\*")
_TYPE_PREFIX = "RECORD_TYPE_"


class CorridorPolicy:
    """Patterns by record type; immutable, and safe to ask from any thread.

    Raises DecodeError INVALID_FIELD for a pattern that is none and for a type that is not in the list, and LimitError
    LIMIT_EXCEEDED for too many. A type without an entry may not cross at all; one with no pattern crosses as a
    statement without a field of its document.
    """

    __slots__ = ("_allowed", "_rules", "_seen")

    def __init__(self, rules: Mapping[int, Iterable[str]]) -> None:
        self._rules = {record_type: tuple(patterns) for record_type, patterns in rules.items()}
        self._allowed = {record_type: _compile(record_type, patterns) for record_type, patterns in self._rules.items()}
        self._seen: dict[int, set[str]] = {record_type: set() for record_type in self._rules}

    @classmethod
    def from_names(cls, rules: Mapping[str, Iterable[str]]) -> CorridorPolicy:
        """[POL-4] A policy from configuration: types by name, such as "bill-of-lading"; DecodeError INVALID_FIELD."""
        return cls({record_type_of(name): patterns for name, patterns in rules.items()})

    @property
    def rules(self) -> dict[int, tuple[str, ...]]:
        """Patterns by record type, to be shown to people."""
        return dict(self._rules)

    def carries(self, record_type: int) -> bool:
        """[POL-1] True when records of the type may cross."""
        return record_type in self._rules

    def allows(self, record_type: int, pointer: str) -> bool:
        """[POL-2] True when a rule of the type names the field."""
        seen = self._seen.get(record_type)
        if seen is None:
            return False
        if pointer in seen:
            return True
        if not self._allowed[record_type](pointer):
            return False
        if len(pointer) <= MAX_PATTERN_CHARACTERS:
            if len(seen) >= MAX_REMEMBERED:
                seen.clear()
            seen.add(pointer)
        return True

    def allowing(self, record_type: int) -> Callable[[str], bool]:
        """[POL-2] The question `allows` of one type, for choosing what a disclosure shows."""
        return lambda pointer: self.allows(record_type, pointer)

    def require_type(self, record_type: int) -> None:
        """[POL-1] Return when the type may cross; PreconditionError RECORD_TYPE_NOT_ALLOWED otherwise."""
        if record_type not in self._rules:
            raise PreconditionError(Reason.RECORD_TYPE_NOT_ALLOWED, "no rule lets this type cross", type=record_type)

    def require_allowed(self, record_type: int, pointers: Iterable[str]) -> None:
        """[POL-3] Return when the type and every pointer may cross.

        PreconditionError RECORD_TYPE_NOT_ALLOWED or DISCLOSURE_NOT_ALLOWED otherwise: one field too many refuses all,
        since a disclosure cannot be cut down without a new proof.
        """
        self.require_type(record_type)
        seen = self._seen[record_type]
        for pointer in pointers:
            if pointer not in seen and not self.allows(record_type, pointer):
                raise PreconditionError(Reason.DISCLOSURE_NOT_ALLOWED, "no rule lets this field cross", pointer=pointer)


def record_type_of(name: str) -> int:
    """The RecordType number of a name such as "bill-of-lading"; DecodeError INVALID_FIELD when there is none."""
    number = RecordType.DESCRIPTOR.values_by_name.get(_TYPE_PREFIX + name.upper().replace("-", "_"))
    if number is None or number.number == 0:
        raise DecodeError(Reason.INVALID_FIELD, "no such record type", field="type", got=name[:40])
    return int(number.number)


def record_type_name(record_type: int) -> str:
    """The name of a RecordType number, such as "bill-of-lading"; DecodeError INVALID_FIELD when there is none."""
    value = RecordType.DESCRIPTOR.values_by_number.get(record_type)
    if value is None or value.number == 0:
        raise DecodeError(Reason.INVALID_FIELD, "no such record type", field="type", got=record_type)
    return str(value.name.removeprefix(_TYPE_PREFIX)).lower().replace("_", "-")


def _compile(record_type: int, patterns: tuple[str, ...]) -> Callable[[str], object]:
    """One question for all patterns of a type."""
    record_type_name(record_type)
    if len(patterns) > MAX_PATTERNS:
        raise LimitError(Reason.LIMIT_EXCEEDED, "too many patterns", got=len(patterns), limit=MAX_PATTERNS)
    expressions = [_expression(pattern) for pattern in patterns]
    return re.compile("|".join(expressions), re.DOTALL).fullmatch if expressions else lambda _: None


def _expression(pattern: str) -> str:
    if not pattern.startswith("/") or len(pattern) > MAX_PATTERN_CHARACTERS:
        raise DecodeError(Reason.INVALID_FIELD, "a pattern is a JSON pointer", field="policy", got=pattern[:80])
    segments = pattern.split("/")[1:]
    rest = segments[-1] == "**"
    if rest:
        segments.pop()
    for segment in segments:
        if not _SEGMENT.fullmatch(segment):
            raise DecodeError(
                Reason.INVALID_FIELD, "* stands for a whole segment, ** only last", field="policy", got=pattern[:80]
            )
    written = "".join("/" + ("[^/]*" if segment == "*" else re.escape(segment)) for segment in segments)
    return written + "(?:/.*)?" if rest else written
