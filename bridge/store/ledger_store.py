"""The BlockStore over SQL: one transaction an accepted block, its seal after it, nothing half.

Rows go to the driver as tuples, table by table, through statements that SQLAlchemy compiled once: half the cost of
dictionaries, and the block path pays it several times a record. Unique keys, not memory, make things exactly-once: rows
that can only be new are inserted plainly, and one that exists already undoes the whole block.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

from sqlalchemy import Table, func, select, text
from sqlalchemy.exc import SQLAlchemyError

from bridge.errors import BridgeError, Reason
from bridge.ledger.rows import ConsensusRow, ReceiptRow, RecordRow, Row, ValidatorSetRow, VersionRow
from bridge.ledger.state import State
from bridge.ledger.storage import BlockWrite, effective, entries_of
from bridge.ledger.types import SealedBlock, StoredEntry
from bridge.store.codec import CODECS, RowCodec, Values, insert_sql, model_codec
from bridge.store.database import Database
from bridge.store.failures import storage_errors
from bridge.store.faults import NO_FAULTS, Faults
from bridge.store.reader import BLOCKS, ENTRIES, SEALS, TRANSACTIONS, VALIDATOR_SETS, StoreReader, read_block
from bridge.store.reader import read_transactions as _read_transactions
from bridge.store.recent import Recent
from bridge.store.state import PeekState, SqlState
from bridge.store.tables import Document, Export, RecordIdentifier

INSERT_ONLY: frozenset[type[Row]] = frozenset({ReceiptRow, VersionRow, ConsensusRow, ValidatorSetRow})
"""[STO-6] Rows that are written once: a second one under the same key is a bug or a second writer, never an update."""

ROWS_A_STATEMENT = (256, 32, 4, 1)
"""Rows one INSERT into SQLite may have: few lengths, so that all their statements stay compiled."""

CHECKPOINT_AFTER_BLOCKS = 16
"""Blocks after which an idle moment is used to fold SQLite's write-ahead log into its file."""

_DOCUMENTS = model_codec(Document)
_EXPORTS = model_codec(Export)
_IDENTIFIERS = RecordIdentifier.__table__  # type: ignore[attr-defined]


class LedgerStore:
    """BlockStore (`bridge.ledger.storage`) of one database. `faults` lets tests break each durable step."""

    def __init__(self, database: Database, faults: Faults = NO_FAULTS) -> None:
        self.database = database
        self._faults = faults
        self._state = SqlState(database)
        self._recent = Recent()
        self._reader = StoreReader(database, self._recent)
        self._written: tuple[int, list[StoredEntry]] = (0, [])
        self._statements: dict[tuple[str, str, int], str] = {}
        self._validator_sets: set[bytes] = set()
        self._since_checkpoint = 0

    @property
    def state(self) -> SqlState:
        """The application's state; for the writing thread."""
        return self._state

    @property
    def peek(self) -> State:
        """The state for a thread that looks ahead; a new view each time."""
        return PeekState(self.database, self._state)

    @property
    def reader(self) -> StoreReader:
        """Sealed blocks, entries and transactions; for any thread."""
        return self._reader

    def write_block(self, write: BlockWrite) -> None:
        """[STO-2] Make a block and all it changed durable, or nothing of it."""
        connection = self.database.writer()
        try:
            with storage_errors():
                self._insert_block(write)
                for row_type, rows in write.overlay.tables().items():
                    codec = CODECS[row_type]
                    conflict = "refuse" if row_type in INSERT_ONLY else "replace"
                    self._insert(codec, map(codec.encode, rows.values()), conflict)
                self._insert_attachments(write)
                self._faults.before("write_block")
                connection.commit()
                self._faults.after("write_block")
        except BaseException:
            self._state.forget()  # whether it was written may be unknown
            self.abandon()
            raise
        self._state.settle(write.overlay)
        self._validator_sets.add(_sha256(write.block.validators))
        self._since_checkpoint += 1

    def write_seal(self, block: SealedBlock) -> None:
        """[STO-3] Keep the commit of the newest block, unsynced; the next block's sync takes it along."""
        connection = self.database.writer()
        try:
            with storage_errors():
                if self.database.is_sqlite:
                    self.database.driver_execute("PRAGMA synchronous = NORMAL")
                else:
                    connection.execute(text("SET LOCAL synchronous_commit = off"))
                self._insert(SEALS, [SEALS.seal((block.height, block.commit))])
                self._faults.before("write_seal")
                connection.commit()
                self._faults.after("write_seal")
            self._recent.remember(block, self._written[1] if self._written[0] == block.height else [])
        except BaseException:
            self.abandon()
            raise
        finally:
            if self.database.is_sqlite:
                self.database.driver_execute("PRAGMA synchronous = FULL")

    def unsealed(self) -> SealedBlock | None:
        """The newest block if it was stored and not sealed. Forgets all caches: a crash or a doubt came before."""
        self.abandon()
        self._state.forget()
        self._recent.forget()
        self._written = (0, [])
        with self.database.reader() as connection:
            height = connection.execute(select(func.max(BLOCKS.table.c.height))).scalar() or 0
            sealed = connection.execute(select(func.max(SEALS.table.c.height))).scalar() or 0
            if height == sealed:
                return None
            if height != sealed + 1:
                raise BridgeError(Reason.STORAGE_CORRUPT, "more than one block without seal", height=height, got=sealed)
            block = read_block(connection, self.database.ledger_id, height, b"")
            forms = [transaction.form for transaction in _read_transactions(connection, height)]
            below = select(BLOCKS.table.c.entry_count).where(BLOCKS.table.c.height == height - 1)
            first = connection.execute(below).scalar() or 0
        leaves = self._reader.leaves(first, block.entry_count - first)
        return SealedBlock(
            **{name: getattr(block, name) for name in block.__slots__ if name not in ("leaves", "transaction_forms")},
            leaves=tuple(leaves) if any(leaves) else (),
            transaction_forms=tuple(forms) if any(forms) else (),
        )

    def holds(self, height: int, header_hash: bytes) -> bool:
        """Whether the block at `height` is stored, and is this one."""
        with self.database.reader() as connection:
            query = select(BLOCKS.table.c.header_hash).where(BLOCKS.table.c.height == height)
            return connection.execute(query).scalar() == header_hash

    def abandon(self) -> None:
        """Roll back whatever is open on the writing connection; one that cannot even do that is replaced."""
        self._state.trim()
        try:
            self.database.writer().rollback()
        except SQLAlchemyError:
            self.database.drop_writer()

    def rest(self) -> None:
        """Nothing waits: fold the log now, so that no commit has to."""
        if self.database.is_sqlite and self._since_checkpoint >= CHECKPOINT_AFTER_BLOCKS:
            self.database.driver_execute("PRAGMA wal_checkpoint(PASSIVE)")
            self._since_checkpoint = 0

    def close(self) -> None:
        """Close the database."""
        self.database.close()

    def _insert_block(self, write: BlockWrite) -> None:
        block, given = write.block, write.input
        validators_hash = _sha256(block.validators)
        rotation = given.rotation.SerializeToString(deterministic=True) if given.rotation is not None else b""
        columns = (
            *(block.height, block.time, block.header, block.header_hash, validators_hash),
            *(block.consensus.root, block.consensus.next_validators_hash, block.extra, rotation),
            *(len(given.transactions), block.entry_count, block.provable_count),
        )
        self._insert(BLOCKS, [BLOCKS.seal(columns)])
        if validators_hash not in self._validator_sets:
            self._insert(VALIDATOR_SETS, [VALIDATOR_SETS.seal((validators_hash, block.validators))], "keep")
        if block.height == 1:
            self.database.writer().execute(
                text("INSERT INTO meta (key, value) VALUES ('genesis', :value)"), {"value": block.header_hash.hex()}
            )
        forms: Sequence[bytes] = block.transaction_forms or [b""] * len(given.transactions)
        transactions = [
            (
                *(block.height, index, submitted, form, result.code, result.reason, result.detail, result.data),
                *(result.submitter_suite, result.submitter_key),
            )
            for index, (submitted, form, result) in enumerate(
                zip(given.transactions, forms, given.results, strict=True)
            )
        ]
        self._insert(TRANSACTIONS, map(TRANSACTIONS.seal, transactions))
        entries = entries_of(write)
        self._written = (block.height, entries)
        leaves: Sequence[bytes] = block.leaves or [b""] * len(entries)
        self._insert(ENTRIES, (ENTRIES.seal(_entry_values(e, leaf)) for e, leaf in zip(entries, leaves, strict=True)))

    def _insert_attachments(self, write: BlockWrite) -> None:
        documents: list[Values] = []
        identifiers: dict[Values, None] = {}
        exports: list[Values] = []
        for attachment, version in effective(write.overlay, write.attachments):
            if attachment.document:
                documents.append(
                    _DOCUMENTS.seal((*version.key, attachment.document, attachment.seed)),
                )
            record = write.overlay.get(RecordRow, (attachment.origin, attachment.record_key))
            if record is not None:
                identifiers.update(((*pair, record.local_id), None) for pair in attachment.identifiers)
            note = attachment.export
            if note is not None:
                columns = (
                    *(version.client_id, version.sequence, version.record_key, version.version),
                    *(note.record_type, json.dumps(note.pointers), note.legal_basis, version.height, version.time),
                )
                exports.append(_EXPORTS.seal(columns))
        self._insert(_DOCUMENTS, documents)
        self._insert_values(_IDENTIFIERS, sorted(identifiers), "keep")
        self._insert(_EXPORTS, exports)

    def _insert(self, codec: RowCodec[Any], rows: Iterable[Values], conflict: str = "refuse") -> None:
        self._insert_values(codec.table, list(rows), conflict)

    def _insert_values(self, table: Table, rows: Sequence[Values], conflict: str) -> None:
        """PostgreSQL takes rows in a pipeline; SQLite many in one statement, for a reason of Python's.

        Its driver lets go of the interpreter's lock for every step, which is a row; where other threads are busy, each
        row then waits for its turn to go on, ten times as long as it takes to write.
        """
        writer = self.database.writer()
        if not self.database.is_sqlite:
            if rows:
                writer.exec_driver_sql(self._statement(table, conflict, 1), list(rows))
            return
        start = 0
        for count in ROWS_A_STATEMENT:
            while len(rows) - start >= count:
                values = tuple(chain.from_iterable(rows[start : start + count]))
                writer.exec_driver_sql(self._statement(table, conflict, count), values)
                start += count

    def _statement(self, table: Table, conflict: str, count: int) -> str:
        name = (table.name, conflict, count)
        statement = self._statements.get(name)
        if statement is None:
            statement = self._statements[name] = insert_sql(table, self.database.dialect, conflict, count)
        return statement


def _entry_values(stored: StoredEntry, leaf: bytes) -> Values:
    written = stored.written
    return (
        *(stored.position, stored.height, stored.transaction_index, stored.event_index, written.kind),
        *(written.client_id, written.sequence, written.port, written.entry.path, written.entry.value),
        *(written.body, leaf),
    )


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
