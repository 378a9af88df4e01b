"""Erases documents and their seeds for good, and keeps that they were erased, when, and on whose call.

What the ledger committed to stays: statements, disclosed leaves, entries. Without the seed nothing else of a document
can be found from its root, and without the bytes there is nothing to find; docs/erasing.md says what is out of reach.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select

from bridge.errors import LedgerUnavailableError, Reason
from bridge.store.database import Database
from bridge.store.failures import storage_errors
from bridge.store.queries import DOCUMENTS, ERASURES

_DOCUMENT = DOCUMENTS.table.c
_ERASED = ERASURES.table.c


@dataclass(frozen=True, slots=True)
class Erased:
    """Versions of a record whose documents were erased by this call, and those erased before."""

    now: tuple[int, ...]
    before: tuple[int, ...]


class DocumentEraser:
    """Works on one database, beside its writer; blocking."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def erase(self, origin: str, record_key: bytes, version: int, time: int, caller: str) -> Erased:
        """[ERA-1] Erase the document and seed of a record's version, or of every version when it is 0.

        Both are deleted and the erasure is written in one transaction, with deleted bytes overwritten; then the
        write-ahead log, which may still show them, is emptied. Again is harmless. Raises LedgerUnavailableError when
        the log could not be emptied: nothing is shown any more, and repeating the call empties it.
        """
        with self._database.eraser() as connection:
            with storage_errors(), connection.begin():
                found = self._erase(connection, origin, record_key, version, time, caller)
            if self._database.is_sqlite and not self._empty_log(connection):
                raise LedgerUnavailableError(
                    Reason.LEDGER_UNAVAILABLE, "readers keep the write-ahead log busy; erase again to empty it"
                )
        return found

    def _erase(
        self, connection: Connection, origin: str, record_key: bytes, version: int, time: int, caller: str
    ) -> Erased:
        held = select(_DOCUMENT.version).where(_DOCUMENT.origin == origin, _DOCUMENT.record_key == record_key)
        gone = select(_ERASED.version).where(_ERASED.origin == origin, _ERASED.record_key == record_key)
        if version:
            held, gone = held.where(_DOCUMENT.version == version), gone.where(_ERASED.version == version)
        before = tuple(connection.execute(gone.order_by(_ERASED.version)).scalars())
        now = tuple(connection.execute(held.order_by(_DOCUMENT.version)).scalars())
        for each in now:
            key = (origin, record_key, each)
            connection.execute(
                delete(DOCUMENTS.table).where(
                    _DOCUMENT.origin == origin, _DOCUMENT.record_key == record_key, _DOCUMENT.version == each
                )
            )
            values = ERASURES.seal((*key, time, caller))
            connection.execute(insert(ERASURES.table).values(dict(zip(ERASURES.names, values, strict=True))))
        return Erased(now, before)

    def _empty_log(self, connection: Connection) -> bool:
        """Fold SQLite's write-ahead log into the file and cut it to nothing; False while a reader needs it."""
        driver = connection.connection.driver_connection
        assert driver is not None
        with storage_errors():
            busy, _, _ = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return not busy
