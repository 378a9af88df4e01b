"""Rows as tuples of column values, each with the digest that stands beside it.

The digest covers every column and the table's name, so a flipped bit anywhere in a stored row is found when it is read.
It guards against decay of disk and memory, not against somebody who can rewrite the file: that is what header hashes,
quorums and proofs are for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from operator import attrgetter, itemgetter
from typing import Any, Generic, TypeVar

from sqlalchemy import Boolean, Dialect, LargeBinary, String, Table, insert
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import SQLModel

from bridge.errors import BridgeError, Reason
from bridge.ledger.rows import ROW_TYPES, Row
from bridge.store.tables import MIRRORS

R = TypeVar("R")

DIGEST_BYTES = 16
"""Bytes kept of the SHA-256 beside a row: against decay 16 are as good as 32, and every row pays for them."""

LOCK_KEPT_BYTES = 2047
"""Bytes up to which hashlib keeps the interpreter's lock. Letting go of it for two microseconds costs the writer its
turn, which it gets back when the other threads have had theirs."""

PIECES_BYTES = 64 * 1024
"""Bytes above which hashing takes so long that others should have their turn."""

Values = tuple[Any, ...]


class RowCodec(Generic[R]):
    """Values and digests of one table; `build` makes what a row is handed out as."""

    def __init__(self, model: type[SQLModel], build: Callable[..., R], getter: Callable[[Any], Values]) -> None:
        table: Table = model.__table__  # type: ignore[attr-defined]
        names = [column.name for column in table.columns]
        if names[-1] != "row_digest":
            raise TypeError(f"{table.name} does not end in its digest")
        self.table = table
        self.names: Sequence[str] = names
        self.key_names = [column.name for column in table.primary_key]
        self._build = build
        self._getter = getter
        columns = list(table.columns)[:-1]
        blobs = [i for i, column in enumerate(columns) if isinstance(column.type, LargeBinary)]
        scalars = [i for i in range(len(columns)) if i not in blobs]
        self._booleans = [i for i, column in enumerate(columns) if isinstance(column.type, Boolean)]
        self._blobs = _getter(blobs)
        self._scalars = _getter(scalars)
        marks = ["%s" if isinstance(columns[i].type, String) else "%d" for i in scalars]
        self._head = "\0".join((table.name, *marks))

    def digest(self, values: Values) -> bytes:
        """Digest of table name, scalars as text and blobs, with NUL between; TypeError for values of another type."""
        head = (self._head % self._scalars(values)).encode()
        return _sha256(b"\0".join((head, *self._blobs(values))))[:DIGEST_BYTES]

    def encode(self, row: Any) -> Values:
        """Column values of a row with its digest, for inserting."""
        values = self._plain(self._getter(row))
        return (*values, self.digest(values))

    def seal(self, values: Values) -> Values:
        """The values with their digest appended, for tables that are written without a row class."""
        return (*values, self.digest(values))

    def decode(self, stored: Sequence[Any]) -> R:
        """The row of stored column values; BridgeError STORAGE_CORRUPT when the digest does not match."""
        values = self._plain(tuple(stored[:-1]))
        try:
            sound = self.digest(values) == stored[-1]
        except TypeError:  # a flipped bit can make bytes a number
            sound = False
        if not sound:
            raise BridgeError(
                Reason.STORAGE_CORRUPT,
                "a stored row does not match its digest",
                table=self.table.name,
                key=values[: len(self.key_names)],
            )
        return self._build(*values)

    def select_sql(self, dialect: Dialect, count: int) -> str:
        """SELECT of all columns for `count` keys, given as one flat list of positional parameters."""
        mark = "%s" if dialect.paramstyle == "format" else "?"
        row = "(" + ", ".join([mark] * len(self.key_names)) + ")"
        quote = dialect.identifier_preparer.quote
        columns = ", ".join(f"t.{quote(name)}" for name in self.names)
        match = " AND ".join(f"t.{quote(name)} = k.column{i}" for i, name in enumerate(self.key_names, 1))
        keys = ", ".join([row] * count)
        # CROSS JOIN keeps SQLite from scanning the table; `(a, b) IN (VALUES ...)` would not use the index at all.
        return f"SELECT {columns} FROM (VALUES {keys}) AS k CROSS JOIN {quote(self.table.name)} AS t WHERE {match}"  # noqa: S608 - names are ours

    def _plain(self, values: Values) -> Values:
        if not self._booleans:
            return values
        plain = list(values)
        for index in self._booleans:
            plain[index] = bool(plain[index])
        return tuple(plain)


def insert_sql(table: Table, dialect: Dialect, conflict: str = "refuse", count: int = 1) -> str:
    """INSERT of `count` rows with positional parameters; on a key that exists: "refuse", "replace" the row or "keep"
    it.
    """
    statement: Any
    if conflict == "refuse":
        statement = insert(table)
    else:
        statement = (postgresql if dialect.name == "postgresql" else sqlite).insert(table)
        key_names = [column.name for column in table.primary_key]
        rest = [column.name for column in table.columns if column.name not in key_names]
        if conflict == "keep":
            statement = statement.on_conflict_do_nothing(index_elements=key_names)
        else:
            statement = statement.on_conflict_do_update(
                index_elements=key_names, set_={name: statement.excluded[name] for name in rest}
            )
    text = str(statement.compile(dialect=dialect))
    if count == 1:
        return text
    row = "(" + ", ".join(["%s" if dialect.paramstyle == "format" else "?"] * len(table.columns)) + ")"
    if text.count(row) != 1:
        raise TypeError(f"an INSERT of {table.name} is not written as expected")
    return text.replace(row, ", ".join([row] * count))


def _sha256(data: bytes) -> bytes:
    """SHA-256; a record's worth of bytes goes in by pieces, for which hashlib keeps the interpreter's lock."""
    if not LOCK_KEPT_BYTES < len(data) <= PIECES_BYTES:
        return hashlib.sha256(data).digest()
    state = hashlib.sha256(data[:LOCK_KEPT_BYTES])
    for start in range(LOCK_KEPT_BYTES, len(data), LOCK_KEPT_BYTES):
        state.update(data[start : start + LOCK_KEPT_BYTES])
    return state.digest()


def _getter(indexes: list[int]) -> Callable[[Values], Values]:
    if not indexes:
        return lambda _values: ()
    if len(indexes) == 1:
        index = indexes[0]
        return lambda values: (values[index],)
    return itemgetter(*indexes)


def _identity(values: Values) -> Values:
    return values


def model_codec(model: type[SQLModel]) -> RowCodec[Any]:
    """Codec of a table without a row class: tuples in, model instances out."""
    names = [column.name for column in model.__table__.columns][:-1]  # type: ignore[attr-defined]

    def build(*values: Any) -> SQLModel:
        return model(**dict(zip(names, values, strict=True)), row_digest=b"")

    return RowCodec(model, build, _identity)


def _row_codec(model: type[SQLModel], row_type: type[Row]) -> RowCodec[Any]:
    names = [column.name for column in model.__table__.columns][:-1]  # type: ignore[attr-defined]
    return RowCodec(model, row_type, attrgetter(*names))


CODECS: dict[type[Row], RowCodec[Any]] = {
    row_type: _row_codec(model, row_type) for model, row_type in zip(MIRRORS, ROW_TYPES, strict=True)
}
"""Codec of every mirrored table by its row class."""
