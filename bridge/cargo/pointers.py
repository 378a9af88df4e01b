"""Finds values in a parsed document by pointer patterns: JSON pointers in which `*` stands for every array element."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

PATTERNS = 1_024
"""Patterns kept in split form; every one is a constant of a table."""

EACH = "*"
"""Stands in a pattern for every element of an array."""


def find(value: Any, pattern: str) -> Iterator[tuple[str, Any]]:
    """Pointer and value of everything the pattern meets, in document order; nothing where the shape is another."""
    return _find(value, _split(pattern), 0, "")


def find_values(value: Any, pattern: str) -> Sequence[Any]:
    """Values of everything the pattern meets, without their pointers: for the many patterns of a summary."""
    found: list[Any] = [value]
    for name in _split(pattern):
        if name == EACH:
            found = [child for parent in found if type(parent) is list for child in parent]
        else:
            found = [parent[name] for parent in found if type(parent) is dict and name in parent]
        if not found:
            break
    return found


def first_text(value: Any, patterns: tuple[str, ...]) -> tuple[str, str] | None:
    """Pointer and text of the first string, not empty, that one of the patterns meets; None otherwise."""
    for pattern in patterns:
        for pointer, found in find(value, pattern):
            if type(found) is str and found:
                return pointer, found
    return None


@lru_cache(maxsize=PATTERNS)
def _split(pattern: str) -> tuple[str, ...]:
    return tuple(pattern.split("/")[1:])


def _find(value: Any, tokens: tuple[str, ...], at: int, pointer: str) -> Iterator[tuple[str, Any]]:
    for place in range(at, len(tokens)):
        name = tokens[place]
        if name == EACH:
            if type(value) is list:
                for index, child in enumerate(value):
                    yield from _find(child, tokens, place + 1, f"{pointer}/{index}")
            return
        if type(value) is not dict or name not in value:
            return
        value = value[name]
        pointer = f"{pointer}/{name}"
    yield pointer, value
