"""The rows of application state: one frozen class per fact, keyed by its first fields.

A row class is a table; its first `key_fields` fields are the primary key. The store keeps a table of the same name and
columns for each (`bridge.store.tables`), so state and its query form are one thing and cannot drift apart.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, ClassVar

Key = tuple[str | int | bytes, ...]

HOME = ""
"""Origin of what belongs to this ledger itself; anything else came through the client of that id."""


class Row:
    """Base of all rows; `key` is the tuple of the first `key_fields` fields."""

    __slots__ = ()
    table: ClassVar[str]
    key_fields: ClassVar[int]

    @property
    def key(self) -> Key:
        """Primary key."""
        return _KEY_OF[type(self)](self)


@dataclass(frozen=True, slots=True)
class ClientRow(Row):
    """A light client (ICS-02). Status EXPIRED is computed from time, so only ACTIVE and FROZEN are stored.

    `trusted_from` is the lowest height that is believed: a recovery from a freeze raises it to the new anchor.
    """

    table: ClassVar[str] = "clients"
    key_fields: ClassVar[int] = 1
    client_id: str
    tracked_ledger_id: str
    profile: str
    suite: str
    frozen: bool
    latest_height: int
    trusting_period: int
    clock_drift: int
    trust_numerator: int
    trust_denominator: int
    counterparty_client_id: str
    next_sequence: int
    authority_suite: str
    authority_public_key: bytes
    evidence: bytes
    pending_count: int
    trusted_from: int


@dataclass(frozen=True, slots=True)
class ConsensusRow(Row):
    """One trusted height of a client; `time` in nanoseconds since the epoch.

    `update` is the update message that proved it, kept as evidence should another header turn up; empty for an anchor.
    """

    table: ClassVar[str] = "consensus_states"
    key_fields: ClassVar[int] = 2
    client_id: str
    height: int
    time: int
    header_hash: bytes
    root: bytes
    next_validators_hash: bytes
    update: bytes


@dataclass(frozen=True, slots=True)
class PacketRow(Row):
    """A packet this ledger sent. `state` is a PacketState number.

    `acknowledgement` is empty while it is COMMITTED, and where both authorities closed it.
    """

    table: ClassVar[str] = "packets"
    key_fields: ClassVar[int] = 2
    client_id: str
    sequence: int
    commitment: bytes
    port: str
    state: int
    acknowledgement: bytes
    record_key: bytes
    record_version: int


@dataclass(frozen=True, slots=True)
class ReceiptRow(Row):
    """A packet this ledger received, with the one outcome it ended in."""

    table: ClassVar[str] = "receipts"
    key_fields: ClassVar[int] = 2
    client_id: str
    sequence: int
    outcome: int
    acknowledgement: bytes


@dataclass(frozen=True, slots=True)
class MemberRow(Row):
    """A member in its newest revision; `origin` is HOME or the client it was relayed through.

    `state` is a MemberState number; `packet_sequence` is that of the packet that announced this revision, or 0.
    """

    table: ClassVar[str] = "members"
    key_fields: ClassVar[int] = 2
    origin: str
    member_id: str
    revision: int
    state: int
    registration: bytes
    signature: bytes
    packet_sequence: int


@dataclass(frozen=True, slots=True)
class KeyRow(Row):
    """A member's key; a revoked key stays, so that what it signed before can still be explained."""

    table: ClassVar[str] = "member_keys"
    key_fields: ClassVar[int] = 3
    origin: str
    member_id: str
    key_id: str
    suite: str
    public_key: bytes
    revoked: bool


@dataclass(frozen=True, slots=True)
class MappingRow(Row):
    """One direction of a mapping: the identifier on the left resolves to the one on the right.

    `side` is "home" where the left one is this ledger's form, "counterparty" where it is the other side's. `state` is a
    MappingState number.
    """

    table: ClassVar[str] = "mappings"
    key_fields: ClassVar[int] = 3
    side: str
    scheme: str
    value: str
    other_scheme: str
    other_value: str
    revision: int
    state: int
    origin: str
    mapping: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class RecordRow(Row):
    """The newest version known of a record.

    `record_key` is the 32-byte digest of its RecordKey in its home ledger's hash, `status` the RecordAct number of that
    version. `local_id` is this ledger's id of the record, `counterparty_id` the other ledger's, empty while not known.
    """

    table: ClassVar[str] = "records"
    key_fields: ClassVar[int] = 2
    origin: str
    record_key: bytes
    type: int
    reference: str
    local_id: str
    counterparty_id: str
    latest_version: int
    status: int
    client_id: str


@dataclass(frozen=True, slots=True)
class VersionRow(Row):
    """One version of a record as signed: `payload` is the RecordPayload as sent, `height` the block that wrote it."""

    table: ClassVar[str] = "record_versions"
    key_fields: ClassVar[int] = 3
    origin: str
    record_key: bytes
    version: int
    digest: bytes
    previous_digest: bytes
    payload: bytes
    client_id: str
    sequence: int
    height: int
    time: int


@dataclass(frozen=True, slots=True)
class CounterRow(Row):
    """A number by name: the last local record serial; the packet that announced a member to a client, 0 for none."""

    table: ClassVar[str] = "counters"
    key_fields: ClassVar[int] = 1
    name: str
    value: int


@dataclass(frozen=True, slots=True)
class PauseRow(Row):
    """A paused or resumed port of a client; `act_time` rises from act to act."""

    table: ClassVar[str] = "pauses"
    key_fields: ClassVar[int] = 2
    client_id: str
    port: str
    paused: bool
    act_time: int


@dataclass(frozen=True, slots=True)
class ValidatorSetRow(Row):
    """A validator set by number; the genesis set is 1. `validators` is the RotateValidatorsAct bytes."""

    table: ClassVar[str] = "validator_sets"
    key_fields: ClassVar[int] = 1
    set_number: int
    validators: bytes
    height: int


ROW_TYPES: tuple[type[Row], ...] = (
    ClientRow,
    ConsensusRow,
    PacketRow,
    ReceiptRow,
    MemberRow,
    KeyRow,
    MappingRow,
    RecordRow,
    VersionRow,
    CounterRow,
    PauseRow,
    ValidatorSetRow,
)


def _key_getter(row_type: type[Row]) -> Callable[[Any], Key]:
    names = [column.name for column in fields(row_type)[: row_type.key_fields]]  # type: ignore[arg-type]
    get: Callable[[Any], Any] = attrgetter(*names)
    return get if len(names) > 1 else lambda row: (get(row),)


_KEY_OF: dict[type[Row], Callable[[Any], Key]] = {row_type: _key_getter(row_type) for row_type in ROW_TYPES}
"""Key getters made once: a key is asked for several times a record."""
