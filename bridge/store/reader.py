"""Reading sealed blocks and entries back, each row checked against its digest, from any thread."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, func, select

from bridge.clock import Nanos
from bridge.errors import BridgeError, NotFoundError, Reason
from bridge.ledger.types import SealedBlock, StoredEntry, WrittenEntry
from bridge.light_client.types import ConsensusState, Entry
from bridge.store.codec import RowCodec, model_codec
from bridge.store.database import Database
from bridge.store.recent import Recent
from bridge.store.tables import Block, EntryRecord, Seal, TransactionRecord, ValidatorSetBlob

BLOCKS = model_codec(Block)
SEALS = model_codec(Seal)
VALIDATOR_SETS = model_codec(ValidatorSetBlob)
TRANSACTIONS = model_codec(TransactionRecord)


RECENT_ENTRIES = 512
"""Entries up to which the newest ones are looked for in memory: those of one proof."""


def _stored_entry(*values: Any) -> StoredEntry:
    position, height, transaction, event, kind, client_id, sequence, port, path, value, body, _leaf = values
    written = WrittenEntry(Entry(path, value), kind, client_id, sequence, body, port)
    return StoredEntry(position, height, transaction, event, written)


ENTRIES: RowCodec[StoredEntry] = RowCodec(EntryRecord, _stored_entry, tuple)


class StoreReader:
    """BlockReader (`bridge.ledger.types`) over SQL. Every call reads one snapshot."""

    def __init__(self, database: Database, recent: Recent | None = None) -> None:
        self._database = database
        self._recent = recent or Recent()

    def block(self, height: int) -> SealedBlock:
        """The sealed block; NotFoundError HEIGHT_NOT_FOUND otherwise."""
        known = self._recent.block(height)
        if known is not None:
            return known
        with self._database.reader() as connection:
            found = connection.execute(select(Seal.__table__).where(Seal.height == height)).first()  # type: ignore[arg-type, attr-defined]
            if found is None:
                raise NotFoundError(Reason.HEIGHT_NOT_FOUND, "no such block", height=height)
            return read_block(connection, self._database.ledger_id, height, SEALS.decode(tuple(found)).commit)

    def transactions(self, height: int) -> Sequence[TransactionRecord]:
        """The transactions of a block with their results, in order."""
        with self._database.reader() as connection:
            return read_transactions(connection, height)

    def rotation(self, height: int) -> bytes:
        """The RotateValidatorsAct a block executed, or nothing."""
        with self._database.reader() as connection:
            found = connection.execute(select(BLOCKS.table).where(BLOCKS.table.c.height == height)).one()
            return bytes(BLOCKS.decode(tuple(found)).rotation)

    def transaction_forms(self, height: int) -> Sequence[bytes]:
        """The format's form of each transaction of a block."""
        return [transaction.form for transaction in self.transactions(height)]

    def entries(self, first_position: int, count: int) -> Sequence[StoredEntry]:
        """Entries by position; fewer at the end."""
        known = self._recent.entries(first_position, count) if count <= RECENT_ENTRIES else None
        if known is not None:
            return known
        table = ENTRIES.table
        query = (
            select(table)
            .where(table.c.position >= first_position, table.c.position < first_position + count)
            .order_by(table.c.position)
        )
        with self._database.reader() as connection:
            return [ENTRIES.decode(row) for row in connection.execute(query).all()]

    def leaves(self, first_position: int, count: int) -> Sequence[bytes]:
        """Leaf hashes by position; for rebuilding a log at start.

        They are not checked one by one: the log's root stands in a signed header, and `restore` compares with that.
        """
        table = ENTRIES.table
        query = (
            select(table.c.leaf)
            .where(table.c.position >= first_position, table.c.position < first_position + count)
            .order_by(table.c.position)
        )
        with self._database.reader() as connection:
            return list(connection.execute(query).scalars())

    def latest_height(self) -> int:
        """Height of the newest sealed block; 0 before the first."""
        with self._database.reader() as connection:
            return connection.execute(select(func.max(SEALS.table.c.height))).scalar() or 0


def read_block(connection: Connection, ledger_id: str, height: int, commit: bytes) -> SealedBlock:
    """A stored block with the commit given; NotFoundError HEIGHT_NOT_FOUND when there is none."""
    found = connection.execute(select(BLOCKS.table).where(BLOCKS.table.c.height == height)).first()
    if found is None:
        raise NotFoundError(Reason.HEIGHT_NOT_FOUND, "no such block", height=height)
    block: Block = BLOCKS.decode(tuple(found))
    blob = connection.execute(
        select(VALIDATOR_SETS.table).where(VALIDATOR_SETS.table.c.hash == block.validators_hash)
    ).first()
    if blob is None:
        raise BridgeError(Reason.STORAGE_CORRUPT, "a block without its validator set", height=height)
    validators: bytes = VALIDATOR_SETS.decode(tuple(blob)).validators
    if hashlib.sha256(validators).digest() != block.validators_hash:
        raise BridgeError(Reason.STORAGE_CORRUPT, "a validator set under another's hash", height=height)
    return SealedBlock(
        height=block.height,
        time=Nanos(block.time),
        header=block.header,
        commit=commit,
        header_hash=block.header_hash,
        validators=validators,
        consensus=ConsensusState(
            ledger_id=ledger_id,
            height=block.height,
            time=Nanos(block.time),
            header_hash=block.header_hash,
            root=block.root,
            next_validators_hash=block.next_validators_hash,
        ),
        entry_count=block.entry_count,
        provable_count=block.provable_count,
        extra=block.extra,
    )


def read_transactions(connection: Connection, height: int) -> list[TransactionRecord]:
    """The transactions of a block in order."""
    table = TRANSACTIONS.table
    query = select(table).where(table.c.height == height).order_by(table.c.transaction_index)
    return [TRANSACTIONS.decode(tuple(row)) for row in connection.execute(query)]
