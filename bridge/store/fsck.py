"""Re-verifies a whole ledger from what is stored: rows, chain, quorums, rebuilt blocks, proofs and bodies.

Nothing is repaired and nothing is written. Every level is checked on its own, so one damaged row yields a finding for
each promise it breaks, and the checker goes on. The light client's own rules judge the chain: what passes here, a
stranger with the genesis anchor would accept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from sqlalchemy import and_, func, select

from bridge.clock import Nanos
from bridge.errors import BridgeError, Reason
from bridge.ledger.rows import HOME, ROW_TYPES, ClientRow, VersionRow
from bridge.ledger.types import KIND_PACKET, BlockFormat, BlockInput, SealedBlock, StoredEntry, TransactionResult
from bridge.light_client.types import ConsensusState, HeaderProfile, TrustOptions
from bridge.light_client.verifier import verify_update
from bridge.protocol.commitments import acknowledgement_commitment, packet_commitment
from bridge.protocol.paths import acknowledgement_path, packet_path
from bridge.store.codec import CODECS, RowCodec
from bridge.store.database import Database
from bridge.store.fsck_packets import misstated_packets
from bridge.store.queries import DOCUMENTS, ERASURES, EXPORTS, StoreQueries
from bridge.store.reader import BLOCKS, ENTRIES, SEALS, TRANSACTIONS, VALIDATOR_SETS, StoreReader
from bridge.store.tables import Meta, RecordIdentifier
from bridge.v1.cargo_pb2 import RecordPayload
from bridge.v1.packet_pb2 import Packet
from bridge.v1.transaction_pb2 import RotateValidatorsAct, Transaction
from bridge.wire import decode_strict

ROWS_AT_A_TIME = 200
"""Rows read from the database at once: a few MB of the largest."""

PROVEN_AT_A_TIME = 256
"""Entries proven under one proof, as in a delivery."""

_FOREVER = 10_000 * 365 * 86_400 * 1_000_000_000
"""Trusting period in nanoseconds for judging the past, where nothing expires."""

_CODECS: tuple[RowCodec[Any], ...] = (
    *(CODECS[row_type] for row_type in ROW_TYPES),
    *(BLOCKS, SEALS, VALIDATOR_SETS, TRANSACTIONS, ENTRIES, DOCUMENTS, EXPORTS, ERASURES),
)

_META = Meta.__table__  # type: ignore[attr-defined]
_IDENTIFIERS = RecordIdentifier.__table__  # type: ignore[attr-defined]

Hash = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Finding:
    """One broken promise: where, which reason, and a sentence."""

    place: str
    reason: Reason
    detail: str

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}: {self.detail}"


def check_ledger(
    database: Database, block_format: BlockFormat, profile: HeaderProfile, hash_of: Callable[[str], Hash]
) -> Iterator[Finding]:
    """[STO-8] Everything `check_rows` finds, then the chain from genesis to tip, every proof, body and statement.

    `block_format` is a new instance at genesis; it rebuilds every block and signs none. `hash_of` gives a suite's hash.
    """
    yield from check_rows(database)
    reader = StoreReader(database)
    yield from _guarded("chain", _check_chain(reader, block_format, profile))
    yield from _guarded("proofs", _check_proofs(reader, block_format, profile))
    yield from _guarded("entries", _check_entries(reader, hash_of(profile.suite_id)))
    yield from _guarded("packets", _check_packets(database))
    yield from _guarded("record_versions", _check_versions(database, profile, hash_of))
    yield from _guarded("erasures", _check_erasures(database))
    yield from _guarded("record_identifiers", _check_identifiers(database))


def check_rows(database: Database) -> Iterator[Finding]:
    """[STO-8] Every row against its digest, the file's own structure, and that heights and positions have no gaps."""
    if database.is_sqlite:
        yield from _guarded("file", _check_file(database))
    for codec in _CODECS:
        yield from _guarded(codec.table.name, _check_table(database, codec))
    yield from _guarded("blocks", _check_counts(database))


def _guarded(place: str, findings: Iterator[Finding]) -> Iterator[Finding]:
    """A check that cannot go on is itself a finding."""
    try:
        yield from findings
    except BridgeError as error:
        yield Finding(place, error.reason, f"the check could not go on: {error}")
    except Exception as error:  # noqa: BLE001 - damaged data can break whatever reads it
        yield Finding(place, Reason.STORAGE_CORRUPT, f"the check could not go on: {type(error).__name__}: {error}")


def _check_file(database: Database) -> Iterator[Finding]:
    with database.reader() as connection:
        for (message,) in connection.exec_driver_sql("PRAGMA integrity_check(20)").all():
            if message != "ok":
                yield Finding("file", Reason.STORAGE_CORRUPT, str(message))


def _check_table(database: Database, codec: RowCodec[Any]) -> Iterator[Finding]:
    with database.reader() as connection:
        for row in connection.execution_options(yield_per=ROWS_AT_A_TIME).execute(select(codec.table)):
            try:
                codec.decode(tuple(row))
            except BridgeError as error:
                yield Finding(codec.table.name, error.reason, str(error))


def _check_counts(database: Database) -> Iterator[Finding]:
    """Heights run from 1 without gaps, each sealed but perhaps the newest; positions from 0 up to the entry count."""
    blocks, seals, entries, transactions = (c.table for c in (BLOCKS, SEALS, ENTRIES, TRANSACTIONS))
    with database.reader() as connection:

        def numbers(model_table: Any, column: str) -> tuple[int, int]:
            query = select(func.count(), func.coalesce(func.max(model_table.c[column]), 0)).select_from(model_table)
            count, most = connection.execute(query).one()
            return count, most

        block_count, height = numbers(blocks, "height")
        seal_count, sealed = numbers(seals, "height")
        entry_count, position = numbers(entries, "position")
        claimed = connection.execute(select(blocks.c.entry_count).where(blocks.c.height == height)).scalar() or 0
        sent = connection.execute(select(func.coalesce(func.sum(blocks.c.transaction_count), 0))).scalar() or 0
        kept = connection.execute(select(func.count()).select_from(transactions)).scalar() or 0
        first = connection.execute(select(blocks.c.header_hash).where(blocks.c.height == 1)).scalar() or b""
        meta = {row.key: row.value for row in connection.execute(select(_META))}
    for holds, detail in (
        (block_count == height, f"{block_count} blocks up to height {height}"),
        (seal_count == sealed and sealed in (height, height - 1), f"{seal_count} seals up to {sealed} of {height}"),
        (entry_count == claimed and position == max(0, entry_count - 1), f"{entry_count} entries of {claimed}"),
        (kept == sent, f"{kept} transactions of {sent}"),
        (meta.get("genesis", "") == first.hex(), "the genesis on record is not the first block"),
        (set(meta) <= {"ledger_id", "genesis"}, "the store says things about itself that nobody wrote"),
    ):
        if not holds:
            yield Finding("blocks", Reason.STORAGE_CORRUPT, detail)


def _check_chain(reader: StoreReader, block_format: BlockFormat, profile: HeaderProfile) -> Iterator[Finding]:
    """Rebuild every block from its transactions and results, and verify its header from the one before."""
    trusted = block_format.genesis()
    position = 0
    for height in range(1, reader.latest_height() + 1):
        stored = reader.block(height)
        entries = reader.entries(position, stored.entry_count - position)
        given = _input_of(reader, stored, position, entries)
        yield from _check_submitted(given)
        built = block_format.build(given)
        yield from _compare(stored, built, reader, position)
        # Where stored and rebuilt differ the stored one goes on: its successors follow it.
        block_format.advance(replace(stored, leaves=built.leaves, transaction_forms=built.transaction_forms))
        trusted = _verified(reader, block_format, profile, trusted, stored)
        if trusted != stored.consensus:
            yield Finding(f"block {height}", Reason.HEADER_INVALID, "the stored consensus state is not the header's")
        position = stored.entry_count


def _input_of(reader: StoreReader, stored: SealedBlock, position: int, entries: Any) -> BlockInput:
    by_transaction = {
        index: tuple(entry.written for entry in group)
        for index, group in groupby(entries, key=lambda entry: entry.transaction_index)
    }
    transactions = reader.transactions(stored.height)
    rotation = reader.rotation(stored.height)
    return BlockInput(
        height=stored.height,
        time=stored.time,
        transactions=[transaction.submitted for transaction in transactions],
        results=[
            TransactionResult(
                code=t.code,
                reason=t.reason,
                detail=t.detail,
                entries=by_transaction.get(t.transaction_index, ()),
                data=t.data,
                submitter_suite=t.submitter_suite,
                submitter_key=t.submitter_key,
            )
            for t in transactions
        ],
        first_position=position,
        rotation=RotateValidatorsAct.FromString(rotation) if rotation else None,
    )


def _check_submitted(given: BlockInput) -> Iterator[Finding]:
    """A transaction is kept as it came through the door, which takes one form only."""
    for index, submitted in enumerate(given.transactions):
        try:
            decode_strict(Transaction, submitted)
        except BridgeError as error:
            yield Finding(f"block {given.height} transaction {index}", error.reason, str(error))


def _compare(stored: SealedBlock, built: SealedBlock, reader: StoreReader, position: int) -> Iterator[Finding]:
    place = f"block {stored.height}"
    for name in ("header_hash", "header", "validators", "extra", "consensus", "entry_count", "provable_count"):
        if getattr(stored, name) != getattr(built, name):
            yield Finding(place, Reason.HEADER_HASH_MISMATCH, f"{name} is not what its transactions make")
    if built.leaves and list(built.leaves) != list(reader.leaves(position, len(built.leaves))):
        yield Finding(place, Reason.STORAGE_CORRUPT, "leaf hashes are not those of the entries")
    if built.transaction_forms and list(built.transaction_forms) != list(reader.transaction_forms(stored.height)):
        yield Finding(place, Reason.STORAGE_CORRUPT, "transactions are not what was submitted and resulted")


def _verified(
    reader: StoreReader,
    block_format: BlockFormat,
    profile: HeaderProfile,
    trusted: ConsensusState,
    stored: SealedBlock,
) -> ConsensusState:
    untrusted = profile.decode_update(block_format.update(reader, stored.height, trusted.height))
    return verify_update(profile, trusted, untrusted, TrustOptions(_FOREVER), Nanos(stored.time))


def _check_proofs(reader: StoreReader, block_format: BlockFormat, profile: HeaderProfile) -> Iterator[Finding]:
    """Prove every provable entry as a relayer would have it, and verify the proof."""
    block_format.restore(reader)  # the chain's check may have stopped half-way
    height = reader.latest_height()
    provable = reader.block(height).provable_count if height else 0
    for first in range(0, provable, PROVEN_AT_A_TIME):
        for run in block_format.prove(reader, first, min(PROVEN_AT_A_TIME, provable - first), 0):
            elements = [entry.written.entry for entry in run.entries]
            try:
                profile.verify_membership(reader.block(run.proof_height).consensus, run.proof, elements)
            except BridgeError as error:
                yield Finding(f"entries from {run.entries[0].position}", error.reason, str(error))


def _check_entries(reader: StoreReader, hash_: Hash) -> Iterator[Finding]:
    """Every entry's path and value against its body."""
    position = 0
    while entries := reader.entries(position, ROWS_AT_A_TIME):
        for stored in entries:
            if not _is_body_bound(stored, hash_):
                yield Finding(f"entry {stored.position}", Reason.COMMITMENT_MISMATCH, "the body is another's")
        position += len(entries)


def _is_body_bound(stored: StoredEntry, hash_: Hash) -> bool:
    written = stored.written
    if written.kind == KIND_PACKET:
        packet = Packet.FromString(written.body)
        path, value = packet_path(packet.source_client, packet.sequence), packet_commitment(hash_, packet)
    else:
        path = acknowledgement_path(written.client_id, written.sequence)
        value = acknowledgement_commitment(hash_, written.body)
    return path == written.entry.path and value == written.entry.value


def _check_packets(database: Database) -> Iterator[Finding]:
    """Every sent packet against its entry, its acknowledgement, or the act that closed it."""
    for place, detail in misstated_packets(database):
        yield Finding(place, Reason.STORAGE_CORRUPT, detail)


def _check_versions(database: Database, profile: HeaderProfile, hash_of: Callable[[str], Hash]) -> Iterator[Finding]:
    """Every version's digest against the statement it holds, in the hash of its home ledger."""
    queries = StoreQueries(database)
    hashes = {HOME: hash_of(profile.suite_id)}
    codec: RowCodec[VersionRow] = CODECS[VersionRow]
    with database.reader() as connection:
        for row in connection.execution_options(yield_per=ROWS_AT_A_TIME).execute(select(codec.table)):
            version = codec.decode(tuple(row))
            if version.origin not in hashes:
                client = queries.get(ClientRow, (version.origin,))
                hashes[version.origin] = hash_of(client.suite if client is not None else profile.suite_id)
            statement = RecordPayload.FromString(version.payload).statement
            if hashes[version.origin](statement) != version.digest:
                place = f"record_versions {version.record_key.hex()} {version.version}"
                yield Finding(place, Reason.STORAGE_CORRUPT, "the digest is not the statement's")


def _check_erasures(database: Database) -> Iterator[Finding]:
    """What was erased is not there."""
    erased, held = ERASURES.table, DOCUMENTS.table
    names = ERASURES.key_names
    query = select(*(erased.c[name] for name in names)).join(
        held, and_(*(held.c[name] == erased.c[name] for name in names))
    )
    with database.reader() as connection:
        for _, record_key, version in connection.execute(query):
            place = f"documents {record_key.hex()} {version}"
            yield Finding(place, Reason.STORAGE_CORRUPT, "the document was erased and is there")


def _check_identifiers(database: Database) -> Iterator[Finding]:
    """Every indexed identifier stands in a version of the record it leads to."""
    queries = StoreQueries(database)
    query = select(_IDENTIFIERS).order_by(_IDENTIFIERS.c.local_id)
    with database.reader() as connection:
        rows = connection.execution_options(yield_per=ROWS_AT_A_TIME).execute(query)
        for local_id, group in groupby(rows, key=lambda row: row.local_id):
            payloads = [
                version.payload
                for record in queries.records_by_id(local_id)
                for version in queries.page(VersionRow, ROWS_AT_A_TIME, prefix=record.key)
            ]
            for scheme, value, _ in group:
                if not any(scheme.encode() in payload and value.encode() in payload for payload in payloads):
                    yield Finding(f"record_identifiers {local_id}", Reason.STORAGE_CORRUPT, "no such identifier there")
