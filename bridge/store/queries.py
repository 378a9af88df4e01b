"""What servicers ask of a ledger: records, entries, clients, members and exports, each row checked against its digest.

Every call reads one snapshot, never waits for the writer and may come from any thread. Lists are paged by key, in an
order both databases agree on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, and_, func, literal_column, select, tuple_

from bridge.clock import Nanos
from bridge.ledger.engine import BlockNotice
from bridge.ledger.rows import Key, PacketRow, RecordRow, Row, VersionRow
from bridge.ledger.types import StoredEntry
from bridge.store.codec import CODECS, RowCodec, model_codec
from bridge.store.database import Database
from bridge.store.reader import BLOCKS, ENTRIES
from bridge.store.state import read_neighbour, read_rows
from bridge.store.tables import COMMITTED, Document, Erasure, Export, Record, RecordIdentifier, Seal, Version

R = TypeVar("R", bound=Row)
T = TypeVar("T")

DOCUMENTS: RowCodec[Document] = model_codec(Document)
EXPORTS: RowCodec[Export] = model_codec(Export)
ERASURES: RowCodec[Erasure] = model_codec(Erasure)
_IDENTIFIERS = RecordIdentifier.__table__  # type: ignore[attr-defined]
_RECORD = Record.__table__.c  # type: ignore[attr-defined]
_VERSION = Version.__table__.c  # type: ignore[attr-defined]


class StoreQueries:
    """Questions to one database. Limits are the caller's: `limit` rows are returned at most."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, row_type: type[R], key: Key) -> R | None:
        """The row, or None."""
        found = self.many(row_type, [key])
        return found[0] if found else None

    def many(self, row_type: type[R], keys: Sequence[Key]) -> list[R]:
        """Those rows that exist, in no particular order."""
        if not keys:
            return []
        with self._database.reader() as connection:
            return read_rows(connection, row_type, keys)

    def floor(self, row_type: type[R], key: Key) -> R | None:
        """As State.floor."""
        with self._database.reader() as connection:
            return read_neighbour(connection, row_type, key, upward=False)

    def ceiling(self, row_type: type[R], key: Key) -> R | None:
        """As State.ceiling."""
        with self._database.reader() as connection:
            return read_neighbour(connection, row_type, key, upward=True)

    def page(self, row_type: type[R], limit: int, after: Key | None = None, prefix: Key = ()) -> list[R]:
        """Rows in key order, after the key `after`, whose key begins with `prefix`."""
        codec: RowCodec[R] = CODECS[row_type]
        columns = [codec.table.c[name] for name in codec.key_names]
        query = select(codec.table).where(*(column == part for column, part in zip(columns, prefix, strict=False)))
        if after is not None:
            query = query.where(_beyond(columns, after))
        return self._read(codec, query.order_by(*columns).limit(limit))

    def records_by_id(self, record_id: str) -> list[RecordRow]:
        """Records that either side calls `record_id`."""
        # Two questions, each with its own index: asked as one they would walk all records. The second index holds no
        # empty ids, and says so in the same words.
        found = self._records(_RECORD.local_id == record_id)
        theirs = _RECORD.counterparty_id == record_id
        found += self._records(and_(theirs, _RECORD.counterparty_id != literal_column("''")))
        return list({row.key: row for row in found}.values())

    def records_by_reference(self, reference: str, limit: int = 100) -> list[RecordRow]:
        """Records whose key has this reference, whoever issued them."""
        return self._records(_RECORD.reference == reference, limit)

    def records(
        self,
        limit: int,
        after: str = "",
        *,
        origin: str | None = None,
        record_type: int | None = None,
        identifier: tuple[str, str] | None = None,
        newest_first: bool = False,
    ) -> list[RecordRow]:
        """Records by local id, after such an id; of one origin, of one type, naming an identifier (scheme, value).

        Ids rise with time; `newest_first` walks them downwards.
        """
        query = select(CODECS[RecordRow].table)
        if after:
            query = query.where(_RECORD.local_id < after if newest_first else _RECORD.local_id > after)
        if origin is not None:
            query = query.where(_unindexed(_RECORD.origin) == origin)
        if record_type is not None:
            query = query.where(_RECORD.type == record_type)
        if identifier is not None:
            scheme, value = identifier
            query = query.join(_IDENTIFIERS, _IDENTIFIERS.c.local_id == _RECORD.local_id).where(
                _IDENTIFIERS.c.scheme == scheme, _IDENTIFIERS.c.value == value
            )
        order = _RECORD.local_id.desc() if newest_first else _RECORD.local_id
        return self._read(CODECS[RecordRow], query.order_by(order).limit(limit))

    def versions_after(self, height: int) -> list[VersionRow]:
        """All versions of the next block above `height` that wrote any; empty when there is none yet."""
        table = CODECS[VersionRow].table
        next_height = select(func.min(_VERSION.height)).where(_VERSION.height > height).scalar_subquery()
        query = select(table).where(_VERSION.height == next_height)
        return self._read(CODECS[VersionRow], query.order_by(_VERSION.origin, _VERSION.sequence))

    def document(self, origin: str, record_key: bytes, version: int) -> Document | None:
        """The document beside a version, if this side holds it."""
        column = DOCUMENTS.table.c
        query = select(DOCUMENTS.table).where(
            column.origin == origin, column.record_key == record_key, column.version == version
        )
        return next(iter(self._read(DOCUMENTS, query)), None)

    def erasures(self, keys: Sequence[tuple[str, bytes, int]]) -> dict[tuple[str, bytes, int], int]:
        """When the documents beside these versions were erased; what was not erased is left out."""
        if not keys:
            return {}
        record_keys = list({record_key for _, record_key, _ in keys})
        query = select(ERASURES.table).where(ERASURES.table.c.record_key.in_(record_keys))
        rows = self._read(ERASURES, query)
        found = {(row.origin, row.record_key, row.version): row.time for row in rows}
        return {key: found[key] for key in keys if key in found}

    def exports(self, limit: int, after: tuple[int, str, int] = (0, "", 0)) -> list[Export]:
        """The export register by (height, client id, sequence), after such a place."""
        column = EXPORTS.table.c
        order = [column.height, column.client_id, column.sequence]
        return self._read(EXPORTS, select(EXPORTS.table).where(_beyond(order, after)).order_by(*order).limit(limit))

    def entries(self, client_id: str, kind: int, first_position: int, limit: int) -> list[StoredEntry]:
        """Entries of a client and kind from a position on."""
        column = ENTRIES.table.c
        query = select(ENTRIES.table).where(
            column.position >= first_position, _unindexed(column.client_id) == client_id, column.kind == kind
        )
        return self._read(ENTRIES, query.order_by(column.position).limit(limit))

    def entries_by_sequence(self, client_id: str, kind: int, sequences: Sequence[int]) -> list[StoredEntry]:
        """Entries of a client and kind that speak about these packets, by position."""
        column = ENTRIES.table.c
        query = select(ENTRIES.table).where(
            column.client_id == client_id, column.kind == kind, column.sequence.in_(sequences)
        )
        return self._read(ENTRIES, query.order_by(column.position))

    def entries_of_port(self, client_id: str, kind: int, port: str, limit: int) -> list[StoredEntry]:
        """Entries of a client, kind and port, oldest first. Reads all the client's entries: for rare questions."""
        column = ENTRIES.table.c
        query = select(ENTRIES.table).where(column.client_id == client_id, column.kind == kind, column.port == port)
        return self._read(ENTRIES, query.order_by(column.position).limit(limit))

    def pending_packets(self, client_id: str, limit: int, after_sequence: int = 0) -> list[PacketRow]:
        """Packets without acknowledgement, by sequence; served by an index over just these."""
        codec: RowCodec[PacketRow] = CODECS[PacketRow]
        column = codec.table.c
        # A bound number would not match the condition of the index, and then the primary key is walked through all that
        # was ever sent.
        pending = column.state == literal_column(str(COMMITTED))
        query = select(codec.table).where(
            _unindexed(column.client_id) == client_id, column.sequence > after_sequence, pending
        )
        return self._read(codec, query.order_by(column.client_id, column.sequence).limit(limit))

    def notices(self, after_height: int, limit: int) -> list[BlockNotice]:
        """Notices of the sealed blocks above a height."""
        seals = Seal.__table__  # type: ignore[attr-defined]
        column = BLOCKS.table.c
        query = (
            select(column.height, column.time, column.entry_count, column.provable_count)
            .join(seals, seals.c.height == column.height)
            .where(column.height > after_height)
            .order_by(column.height)
            .limit(limit)
        )
        with self._database.reader() as connection:
            return [BlockNotice(h, Nanos(t), count, provable) for h, t, count, provable in connection.execute(query)]

    def _records(self, condition: ColumnElement[bool], limit: int = 100) -> list[RecordRow]:
        codec: RowCodec[RecordRow] = CODECS[RecordRow]
        return self._read(codec, select(codec.table).where(condition).order_by(_RECORD.local_id).limit(limit))

    def _read(self, codec: RowCodec[T], query: Select[Any]) -> list[T]:
        with self._database.reader() as connection:
            return [codec.decode(tuple(row)) for row in connection.execute(query).all()]


def _unindexed(column: ColumnElement[str]) -> ColumnElement[str]:
    """The column in a form no index serves: rows are to be walked in the order asked for, not collected and sorted."""
    return func.coalesce(column, "")


def _beyond(columns: Sequence[ColumnElement[Any]], after: Sequence[Any]) -> ColumnElement[bool]:
    return columns[0] > after[0] if len(columns) == 1 else tuple_(*columns) > tuple_(*after)
