"""The tables: one for every row class of `bridge.ledger.rows`, and those for blocks, entries and what lies beside them.

Every table but `meta` and the index of identifiers ends in `row_digest`: a digest over all other columns of the row,
checked whenever the row is read (`bridge.store.codec`). No column is nullable; absent text is "", absent bytes empty.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Index, Integer, LargeBinary, String, text
from sqlmodel import Field, SQLModel

INTEGER = BigInteger().with_variant(Integer(), "sqlite")
"""64-bit signed; plain INTEGER on SQLite, where only that spelling makes a row id."""

TEXT = String().with_variant(String(collation="C"), "postgresql")
"""Text that sorts by its bytes on both databases, so that pages and neighbours agree."""

BLOB = LargeBinary()

COMMITTED = 1
"""PacketState number of a packet that waits for its acknowledgement; the partial index below is over these."""


def _text(*, key: bool = False) -> Any:
    return Field(sa_type=TEXT, primary_key=key, nullable=False)


def _integer(*, key: bool = False) -> Any:
    return Field(
        sa_type=INTEGER,
        primary_key=key,
        nullable=False,
        sa_column_kwargs={"autoincrement": False} if key else {},
    )


def _blob(*, key: bool = False) -> Any:
    return Field(sa_type=BLOB, primary_key=key, nullable=False)


_WITHOUT_ROWID = {"sqlite_with_rowid": False}
"""For small rows: the key's tree holds the row itself, one tree instead of two."""


class Client(SQLModel, table=True):
    """Mirror of ClientRow."""

    __tablename__ = "clients"
    client_id: str = _text(key=True)
    tracked_ledger_id: str = _text()
    profile: str = _text()
    suite: str = _text()
    frozen: bool
    latest_height: int = _integer()
    trusting_period: int = _integer()
    clock_drift: int = _integer()
    trust_numerator: int = _integer()
    trust_denominator: int = _integer()
    counterparty_client_id: str = _text()
    next_sequence: int = _integer()
    authority_suite: str = _text()
    authority_public_key: bytes = _blob()
    evidence: bytes = _blob()
    pending_count: int = _integer()
    trusted_from: int = _integer()
    row_digest: bytes = _blob()


class Consensus(SQLModel, table=True):
    """Mirror of ConsensusRow."""

    __tablename__ = "consensus_states"
    client_id: str = _text(key=True)
    height: int = _integer(key=True)
    time: int = _integer()
    header_hash: bytes = _blob()
    root: bytes = _blob()
    next_validators_hash: bytes = _blob()
    update: bytes = _blob()
    row_digest: bytes = _blob()


class Packet(SQLModel, table=True):
    """Mirror of PacketRow."""

    __tablename__ = "packets"
    __table_args__ = (
        Index(
            "packets_pending",
            "client_id",
            "sequence",
            sqlite_where=text(f"state = {COMMITTED}"),
            postgresql_where=text(f"state = {COMMITTED}"),
        ),
        _WITHOUT_ROWID,
    )
    client_id: str = _text(key=True)
    sequence: int = _integer(key=True)
    commitment: bytes = _blob()
    port: str = _text()
    state: int = _integer()
    acknowledgement: bytes = _blob()
    record_key: bytes = _blob()
    record_version: int = _integer()
    row_digest: bytes = _blob()


class Receipt(SQLModel, table=True):
    """Mirror of ReceiptRow. Its key is what makes a packet take effect at most once."""

    __tablename__ = "receipts"
    __table_args__ = (_WITHOUT_ROWID,)
    client_id: str = _text(key=True)
    sequence: int = _integer(key=True)
    outcome: int = _integer()
    acknowledgement: bytes = _blob()
    row_digest: bytes = _blob()


class Member(SQLModel, table=True):
    """Mirror of MemberRow."""

    __tablename__ = "members"
    origin: str = _text(key=True)
    member_id: str = _text(key=True)
    revision: int = _integer()
    state: int = _integer()
    registration: bytes = _blob()
    signature: bytes = _blob()
    packet_sequence: int = _integer()
    row_digest: bytes = _blob()


class MemberKey(SQLModel, table=True):
    """Mirror of KeyRow."""

    __tablename__ = "member_keys"
    origin: str = _text(key=True)
    member_id: str = _text(key=True)
    key_id: str = _text(key=True)
    suite: str = _text()
    public_key: bytes = _blob()
    revoked: bool
    row_digest: bytes = _blob()


class Mapping(SQLModel, table=True):
    """Mirror of MappingRow."""

    __tablename__ = "mappings"
    side: str = _text(key=True)
    scheme: str = _text(key=True)
    value: str = _text(key=True)
    other_scheme: str = _text()
    other_value: str = _text()
    revision: int = _integer()
    state: int = _integer()
    origin: str = _text()
    mapping: bytes = _blob()
    signature: bytes = _blob()
    row_digest: bytes = _blob()


class Record(SQLModel, table=True):
    """Mirror of RecordRow, found by its key, by either side's record id or by its reference."""

    __tablename__ = "records"
    __table_args__ = (
        Index("records_local_id", "local_id"),
        Index(
            "records_counterparty_id",
            "counterparty_id",
            sqlite_where=text("counterparty_id <> ''"),
            postgresql_where=text("counterparty_id <> ''"),
        ),
        Index("records_reference", "reference"),
    )
    origin: str = _text(key=True)
    record_key: bytes = _blob(key=True)
    type: int = _integer()
    reference: str = _text()
    local_id: str = _text()
    counterparty_id: str = _text()
    latest_version: int = _integer()
    status: int = _integer()
    client_id: str = _text()
    row_digest: bytes = _blob()


class Version(SQLModel, table=True):
    """Mirror of VersionRow."""

    __tablename__ = "record_versions"
    __table_args__ = (Index("record_versions_height", "height"),)
    origin: str = _text(key=True)
    record_key: bytes = _blob(key=True)
    version: int = _integer(key=True)
    digest: bytes = _blob()
    previous_digest: bytes = _blob()
    payload: bytes = _blob()
    client_id: str = _text()
    sequence: int = _integer()
    height: int = _integer()
    time: int = _integer()
    row_digest: bytes = _blob()


class Counter(SQLModel, table=True):
    """Mirror of CounterRow."""

    __tablename__ = "counters"
    name: str = _text(key=True)
    value: int = _integer()
    row_digest: bytes = _blob()


class Pause(SQLModel, table=True):
    """Mirror of PauseRow."""

    __tablename__ = "pauses"
    client_id: str = _text(key=True)
    port: str = _text(key=True)
    paused: bool
    act_time: int = _integer()
    row_digest: bytes = _blob()


class ValidatorSet(SQLModel, table=True):
    """Mirror of ValidatorSetRow."""

    __tablename__ = "validator_sets"
    set_number: int = _integer(key=True)
    validators: bytes = _blob()
    height: int = _integer()
    row_digest: bytes = _blob()


class Block(SQLModel, table=True):
    """A block as built; its key is the compare-and-swap that stops a second writer."""

    __tablename__ = "blocks"
    height: int = _integer(key=True)
    time: int = _integer()
    header: bytes = _blob()
    header_hash: bytes = _blob()
    validators_hash: bytes = _blob()
    root: bytes = _blob()
    next_validators_hash: bytes = _blob()
    extra: bytes = _blob()
    rotation: bytes = _blob()
    transaction_count: int = _integer()
    entry_count: int = _integer()
    provable_count: int = _integer()
    row_digest: bytes = _blob()


class Seal(SQLModel, table=True):
    """The quorum of a stored block; a block without one is sealed before anything else happens."""

    __tablename__ = "seals"
    height: int = _integer(key=True)
    commit: bytes = _blob()
    row_digest: bytes = _blob()


class ValidatorSetBlob(SQLModel, table=True):
    """A validator set in the format's own bytes, once per distinct set; `hash` is the SHA-256 of the bytes."""

    __tablename__ = "validator_set_blobs"
    hash: bytes = _blob(key=True)
    validators: bytes = _blob()
    row_digest: bytes = _blob()


class TransactionRecord(SQLModel, table=True):
    """A transaction as submitted, in the format's form where that differs, with its result."""

    __tablename__ = "transactions"
    height: int = _integer(key=True)
    transaction_index: int = _integer(key=True)
    submitted: bytes = _blob()
    form: bytes = _blob()
    code: int = _integer()
    reason: str = _text()
    detail: str = _text()
    data: bytes = _blob()
    submitter_suite: str = _text()
    submitter_key: bytes = _blob()
    row_digest: bytes = _blob()


class EntryRecord(SQLModel, table=True):
    """An entry by its position, with the body it commits to and its leaf hash where the format keeps a log."""

    __tablename__ = "entries"
    __table_args__ = (Index("entries_by_client", "client_id", "kind", "sequence"),)
    position: int = _integer(key=True)
    height: int = _integer()
    transaction_index: int = _integer()
    event_index: int = _integer()
    kind: int = _integer()
    client_id: str = _text()
    sequence: int = _integer()
    port: str = _text()
    path: bytes = _blob()
    value: bytes = _blob()
    body: bytes = _blob()
    leaf: bytes = _blob()
    row_digest: bytes = _blob()


class Document(SQLModel, table=True):
    """A document beside its record version, off the ledger; without the seed nothing of it can be proven or guessed."""

    __tablename__ = "documents"
    origin: str = _text(key=True)
    record_key: bytes = _blob(key=True)
    version: int = _integer(key=True)
    document: bytes = _blob()
    seed: bytes = _blob()
    row_digest: bytes = _blob()


class Erasure(SQLModel, table=True):
    """That the document and seed of a version were erased: when, and on whose call."""

    __tablename__ = "erasures"
    origin: str = _text(key=True)
    record_key: bytes = _blob(key=True)
    version: int = _integer(key=True)
    time: int = _integer()
    caller: str = _text()
    row_digest: bytes = _blob()


class RecordIdentifier(SQLModel, table=True):
    """An identifier or reference a record names, for finding the record by it; an index, which proves nothing.

    The record stands in it by its local id, because those rise: a carrier's or vessel's newest records then share a
    page, where record keys would dirty one page each.
    """

    __tablename__ = "record_identifiers"
    __table_args__ = (_WITHOUT_ROWID,)
    scheme: str = _text(key=True)
    value: str = _text(key=True)
    local_id: str = _text(key=True)


class Export(SQLModel, table=True):
    """The export register: what left the ledger, when and on which legal basis. `pointers` is a JSON array."""

    __tablename__ = "exports"
    __table_args__ = (Index("exports_height", "height"),)
    client_id: str = _text(key=True)
    sequence: int = _integer(key=True)
    record_key: bytes = _blob()
    version: int = _integer()
    type: int = _integer()
    pointers: str = _text()
    legal_basis: bytes = _blob()
    height: int = _integer()
    time: int = _integer()
    row_digest: bytes = _blob()


class Meta(SQLModel, table=True):
    """What the store says about itself: ledger id and genesis header hash."""

    __tablename__ = "meta"
    key: str = _text(key=True)
    value: str = _text()


MIRRORS: tuple[type[SQLModel], ...] = (
    Client,
    Consensus,
    Packet,
    Receipt,
    Member,
    MemberKey,
    Mapping,
    Record,
    Version,
    Counter,
    Pause,
    ValidatorSet,
)
"""In the order of `bridge.ledger.rows.ROW_TYPES`."""
