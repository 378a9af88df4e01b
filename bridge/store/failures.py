"""What the database says, in the words of the error tree."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError

from bridge.errors import BridgeError, LedgerUnavailableError, LimitError, Reason, StateChangedError

_SERIALIZATION = frozenset({"40001", "40P01"})
"""PostgreSQL: serialization failure and deadlock; the transaction did nothing and may be done again."""

_DISK_FULL = frozenset({"53100", "54000"})
"""PostgreSQL: disk full, program limit exceeded."""


def translate(error: SQLAlchemyError) -> BridgeError:
    """[STO-9] The refusal an error of the database stands for.

    A full disk, a lost compare-and-swap and a damaged file are certain: nothing was written. Anything else may have
    happened or not, and says LEDGER_UNAVAILABLE.
    """
    if isinstance(error, IntegrityError):
        return StateChangedError(Reason.STATE_CHANGED, "a row that must be new exists already", cause=_cause(error))
    if isinstance(error, DBAPIError):
        if isinstance(error.orig, sqlite3.Error):
            return _from_sqlite(error.orig, _cause(error))
        code = str(getattr(error.orig, "sqlstate", None) or "")
        if code in _SERIALIZATION:
            return StateChangedError(Reason.STATE_CHANGED, "another transaction came first", cause=_cause(error))
        if code in _DISK_FULL:
            return LimitError(Reason.STORAGE_FULL, "the database has no space left; nothing was written")
    return LedgerUnavailableError(Reason.LEDGER_UNAVAILABLE, "the database did not answer", cause=_cause(error))


def _from_sqlite(error: sqlite3.Error, cause: str) -> BridgeError:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return LimitError(Reason.STORAGE_FULL, "the database has no space left; nothing was written")
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) or str(error).startswith("Could not decode"):
        return BridgeError(Reason.STORAGE_CORRUPT, "the database file is damaged", cause=cause)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StateChangedError(Reason.STATE_CHANGED, "another writer holds the database", cause=cause)
    return LedgerUnavailableError(Reason.LEDGER_UNAVAILABLE, "the database did not answer", cause=cause)


@contextmanager
def storage_errors() -> Iterator[None]:
    """Let only errors of the tree out."""
    try:
        yield
    except SQLAlchemyError as error:
        raise translate(error) from error


def _cause(error: SQLAlchemyError) -> str:
    original = getattr(error, "orig", None)
    return type(original or error).__name__ + ": " + str(original or error).split("\n", 1)[0]
