"""The application's State over SQL: prefetched in batches, hot rows cached, every row checked against its digest.

There is one writer, so what is cached stays true until that writer changes it (`settle`). Reads happen inside the
transaction that will write the block. `PeekState` is the same state for threads that look ahead of the writer; it may
be a block behind, which is enough to guess which signatures will be asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

from sqlalchemy import ColumnElement, Connection, select

from bridge.ledger.rows import (
    ClientRow,
    ConsensusRow,
    KeyRow,
    MappingRow,
    MemberRow,
    PacketRow,
    ReceiptRow,
    RecordRow,
    Row,
    VersionRow,
)
from bridge.ledger.rows import Key as RowKey
from bridge.ledger.state import Overlay
from bridge.store.codec import CODECS, RowCodec
from bridge.store.database import Database
from bridge.store.failures import storage_errors

R = TypeVar("R", bound=Row)

PREFETCH_KEYS = 256
"""Keys read by one statement; statements of this size are compiled by the database once and kept."""

CACHE_ROWS: dict[type[Row], int] = {
    ClientRow: 256,
    ConsensusRow: 512,
    MemberRow: 8_192,
    KeyRow: 16_384,
    MappingRow: 16_384,
    PacketRow: 16_384,
    ReceiptRow: 1_024,
    RecordRow: 8_192,
    VersionRow: 512,
}
"""Rows kept of each table after a block, oldest dropped first: a few tens of MB in all. Keys, members and mappings are
asked for by every record; packets by the acknowledgement that follows soon; versions and receipts hardly ever again."""

CACHE_ROWS_OTHERWISE = 1_024
"""Rows kept of any other table."""


class SqlState:
    """[STO-4] Rows by key from the writing connection. For the writer thread only."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._rows: dict[type[Row], dict[RowKey, Row]] = {row_type: {} for row_type in CODECS}
        self._absent: dict[type[Row], set[RowKey]] = {row_type: set() for row_type in CODECS}

    def get(self, row_type: type[R], key: RowKey) -> R | None:
        """The row, or None."""
        row = self._rows[row_type].get(key)
        if row is None:
            if key in self._absent[row_type]:
                return None
            self._load(row_type, [key])
            row = self._rows[row_type].get(key)
        return row  # type: ignore[return-value]

    def prefetch(self, row_type: type[R], keys: Iterable[RowKey]) -> None:
        """Read what is not known yet, and remember what is not there until the block is settled."""
        rows, absent = self._rows[row_type], self._absent[row_type]
        missing = [key for key in dict.fromkeys(keys) if key not in rows and key not in absent]
        for start in range(0, len(missing), PREFETCH_KEYS):
            self._load(row_type, missing[start : start + PREFETCH_KEYS])

    def floor(self, row_type: type[R], key: RowKey) -> R | None:
        """The row with the highest key at or below `key` that shares all of it but the last part, or None."""
        with storage_errors():
            return read_neighbour(self._database.writer(), row_type, key, upward=False)

    def ceiling(self, row_type: type[R], key: RowKey) -> R | None:
        """The row with the lowest key at or above `key` that shares all of it but the last part, or None."""
        with storage_errors():
            return read_neighbour(self._database.writer(), row_type, key, upward=True)

    def scan(self, row_type: type[R], prefix: RowKey) -> Iterator[R]:
        """Every row whose key begins with the parts of `prefix`, by key."""
        with storage_errors():
            yield from _scan(self._database.writer(), row_type, prefix)

    def settle(self, overlay: Overlay) -> None:
        """The overlay was committed: take its rows over what was cached, and keep no more than the bounds say."""
        for row_type, rows in overlay.tables().items():
            known = self._rows[row_type]
            for key, row in rows.items():
                known.pop(key, None)  # so that what was written last is dropped last
                known[key] = row
        self.trim()

    def trim(self) -> None:
        """Forget what is absent, and the oldest rows beyond the bounds."""
        for row_type, rows in self._rows.items():
            self._absent[row_type].clear()
            excess = len(rows) - CACHE_ROWS.get(row_type, CACHE_ROWS_OTHERWISE)
            for key in list(islice(rows, max(0, excess))):
                del rows[key]

    def forget(self) -> None:
        """Forget everything; after a write whose outcome is not known."""
        for row_type, rows in self._rows.items():
            rows.clear()
            self._absent[row_type].clear()

    def peek(self, row_type: type[R], key: RowKey) -> R | None:
        """A cached row, from any thread; None when it is not cached."""
        return self._rows[row_type].get(key)  # type: ignore[return-value]

    def _load(self, row_type: type[Row], keys: Sequence[RowKey]) -> None:
        rows, absent = self._rows[row_type], self._absent[row_type]
        with storage_errors():
            for row in read_rows(self._database.writer(), row_type, keys):
                rows[row.key] = row
        absent.update(key for key in keys if key not in rows)


class PeekState:
    """The state as of the last block or so, for threads that prepare transactions ahead of the writer.

    What it finds decides only which signatures are checked early; the writer decides on `SqlState` what they are worth.
    One is made for each batch and remembers what it read for that batch only.
    """

    def __init__(self, database: Database, state: SqlState) -> None:
        self._database = database
        self._state = state
        self._rows: dict[tuple[type[Row], RowKey], Row | None] = {}

    def get(self, row_type: type[R], key: RowKey) -> R | None:
        """The row, or None."""
        row = self._state.peek(row_type, key)
        if row is None:
            if (row_type, key) not in self._rows:
                self.prefetch(row_type, [key])
            row = self._rows[row_type, key]  # type: ignore[assignment]
        return row

    def prefetch(self, row_type: type[R], keys: Iterable[RowKey]) -> None:
        """Read together what the writer's cache does not hold."""
        missing = [key for key in dict.fromkeys(keys) if self._state.peek(row_type, key) is None]
        for start in range(0, len(missing), PREFETCH_KEYS):
            part = missing[start : start + PREFETCH_KEYS]
            with self._database.reader() as connection:
                found = {row.key: row for row in read_rows(connection, row_type, part)}
            self._rows.update({(row_type, key): found.get(key) for key in part})

    def floor(self, row_type: type[R], key: RowKey) -> R | None:
        """As State.floor."""
        with self._database.reader() as connection:
            return read_neighbour(connection, row_type, key, upward=False)

    def ceiling(self, row_type: type[R], key: RowKey) -> R | None:
        """As State.ceiling."""
        with self._database.reader() as connection:
            return read_neighbour(connection, row_type, key, upward=True)

    def scan(self, row_type: type[R], prefix: RowKey) -> list[R]:
        """As State.scan."""
        with self._database.reader() as connection:
            return list(_scan(connection, row_type, prefix))


def read_rows(connection: Connection, row_type: type[R], keys: Sequence[RowKey]) -> list[R]:
    """Those rows that exist, checked, in no particular order."""
    codec: RowCodec[R] = CODECS[row_type]
    parameters = tuple(part for key in keys for part in key)
    # Statements have one of a few lengths, so that databases can keep them compiled.
    count = 1
    while count < len(keys):
        count *= 2
    parameters += tuple(keys[-1]) * (count - len(keys)) if len(keys) > 1 else ()
    found = connection.exec_driver_sql(codec.select_sql(connection.dialect, count), parameters).all()
    return [codec.decode(row) for row in dict.fromkeys(map(tuple, found))]


def read_neighbour(connection: Connection, row_type: type[R], key: RowKey, *, upward: bool) -> R | None:
    """The row at or next to `key` among those that share all of it but the last part, or None."""
    codec: RowCodec[R] = CODECS[row_type]
    columns = [codec.table.c[name] for name in codec.key_names]
    last = columns[-1]
    conditions: list[ColumnElement[bool]] = [column == part for column, part in zip(columns[:-1], key, strict=False)]
    conditions.append(last >= key[-1] if upward else last <= key[-1])
    query = select(codec.table).where(*conditions).order_by(last.asc() if upward else last.desc()).limit(1)
    found = connection.execute(query).first()
    return None if found is None else codec.decode(tuple(found))


def _scan(connection: Connection, row_type: type[R], prefix: RowKey) -> Iterator[R]:
    codec: RowCodec[R] = CODECS[row_type]
    columns = [codec.table.c[name] for name in codec.key_names]
    conditions = [column == part for column, part in zip(columns, prefix, strict=False)]
    for found in connection.execute(select(codec.table).where(*conditions).order_by(*columns)):
        yield codec.decode(tuple(found))
