"""The State port: how the application reads and writes rows, and the overlays that let effects be discarded.

The store implements `State` over SQL and writes what an overlay collected in one transaction; here is also the plain
in-memory state that simulations use. A row is written whole; there is no partial update.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

from bridge.ledger.rows import Key, Row

R = TypeVar("R", bound=Row)


class State(Protocol):
    """Rows by key. Reading is repeatable within a block; nothing else changes state meanwhile."""

    def get(self, row_type: type[R], key: Key) -> R | None:
        """The row, or None."""
        ...

    def floor(self, row_type: type[R], key: Key) -> R | None:
        """The row with the highest key at or below `key` that shares all of it but the last part, or None."""
        ...

    def ceiling(self, row_type: type[R], key: Key) -> R | None:
        """The row with the lowest key at or above `key` that shares all of it but the last part, or None."""
        ...

    def scan(self, row_type: type[R], prefix: Key) -> Iterable[R]:
        """Every row whose key begins with the parts of `prefix`, by key. Rare acts only; never per record."""
        ...

    def prefetch(self, row_type: type[R], keys: Iterable[Key]) -> None:
        """Read these rows now, together, because they will be asked for one by one."""
        ...


class Overlay:
    """Writes on top of a state: kept here until they are applied to what lies below, or dropped."""

    __slots__ = ("_below", "_rows")

    def __init__(self, below: State | Overlay) -> None:
        self._below = below
        self._rows: dict[type[Row], dict[Key, Row]] = {}

    def get(self, row_type: type[R], key: Key) -> R | None:
        """The row as written here, else as it lies below."""
        rows = self._rows.get(row_type)
        if rows is not None and (row := rows.get(key)) is not None:
            return row  # type: ignore[return-value]
        return self._below.get(row_type, key)

    def put(self, row: Row) -> None:
        """Insert or replace a row by its key."""
        rows = self._rows.get(type(row))
        if rows is None:
            rows = self._rows[type(row)] = {}
        rows[row.key] = row

    def floor(self, row_type: type[R], key: Key) -> R | None:
        """As State.floor, over both layers."""
        return _extreme(self._neighbours(row_type, key, lower=True), self._below.floor(row_type, key), highest=True)

    def ceiling(self, row_type: type[R], key: Key) -> R | None:
        """As State.ceiling, over both layers."""
        return _extreme(self._neighbours(row_type, key, lower=False), self._below.ceiling(row_type, key), highest=False)

    def scan(self, row_type: type[R], prefix: Key) -> list[R]:
        """As State.scan, over both layers."""
        found: dict[Key, Row] = {row.key: row for row in self._below.scan(row_type, prefix)}
        found.update((key, row) for key, row in self._rows.get(row_type, {}).items() if key[: len(prefix)] == prefix)
        return [found[key] for key in sorted(found)]  # type: ignore[misc]

    def prefetch(self, row_type: type[R], keys: Iterable[Key]) -> None:
        """Hand down."""
        self._below.prefetch(row_type, keys)

    def apply(self) -> None:
        """Move the writes into the overlay below; only an overlay on an overlay can do this."""
        below = self._below
        if not isinstance(below, Overlay):
            raise TypeError("the lowest overlay is written by the store")
        below.take(self._rows)
        self._rows = {}

    def take(self, tables: dict[type[Row], dict[Key, Row]]) -> None:
        """Write rows that are keyed already."""
        for row_type, rows in tables.items():
            mine = self._rows.get(row_type)
            if mine is None:
                self._rows[row_type] = rows
            else:
                mine.update(rows)

    def discard(self) -> None:
        """Forget the writes; the overlay can be used again."""
        self._rows = {}

    def rows(self) -> Iterator[Row]:
        """Everything written, table by table, in the order of first writing."""
        for rows in self._rows.values():
            yield from rows.values()

    def tables(self) -> dict[type[Row], dict[Key, Row]]:
        """Everything written, by table and key; for the store's bulk write."""
        return self._rows

    def _neighbours(self, row_type: type[R], key: Key, *, lower: bool) -> Iterator[R]:
        for candidate, row in self._rows.get(row_type, {}).items():
            if candidate[:-1] == key[:-1] and (candidate <= key if lower else candidate >= key):
                yield row  # type: ignore[misc]


class MemoryState:
    """A State in dictionaries, for simulations and unit tests; `write` is its transaction."""

    def __init__(self) -> None:
        self._rows: dict[type[Row], dict[Key, Row]] = {}

    def get(self, row_type: type[R], key: Key) -> R | None:
        """The row, or None."""
        return self._rows.get(row_type, {}).get(key)  # type: ignore[return-value]

    def floor(self, row_type: type[R], key: Key) -> R | None:
        """As State.floor."""
        rows = self._rows.get(row_type, {})
        found = [k for k in rows if k[:-1] == key[:-1] and k <= key]
        return rows[max(found)] if found else None  # type: ignore[return-value]

    def ceiling(self, row_type: type[R], key: Key) -> R | None:
        """As State.ceiling."""
        rows = self._rows.get(row_type, {})
        found = [k for k in rows if k[:-1] == key[:-1] and k >= key]
        return rows[min(found)] if found else None  # type: ignore[return-value]

    def scan(self, row_type: type[R], prefix: Key = ()) -> list[R]:
        """As State.scan; without a prefix the whole table."""
        rows = self._rows.get(row_type, {})
        return [rows[key] for key in sorted(rows) if key[: len(prefix)] == prefix]  # type: ignore[misc]

    def prefetch(self, row_type: type[R], keys: Iterable[Key]) -> None:
        """Nothing to do: everything is at hand."""

    def write(self, overlay: Overlay) -> None:
        """Take an overlay's writes, all of them."""
        for row_type, rows in overlay.tables().items():
            self._rows.setdefault(row_type, {}).update(rows)


def _extreme(above: Iterable[R], below: R | None, *, highest: bool) -> R | None:
    candidates = {row.key: row for row in ((below,) if below is not None else ())}
    candidates.update({row.key: row for row in above})
    if not candidates:
        return None
    return candidates[max(candidates) if highest else min(candidates)]
