"""The values that pass between engine, application and block format, and the BlockFormat port the two adapters
implement.

An entry is a provable fact; its body (packet or acknowledgement bytes) travels beside it and is bound by the entry's
value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from bridge.clock import Nanos
from bridge.light_client.types import ConsensusState, Entry
from bridge.v1.transaction_pb2 import OperationResult, RotateValidatorsAct

KIND_PACKET = 1
KIND_ACKNOWLEDGEMENT = 2


@dataclass(frozen=True, slots=True)
class WrittenEntry:
    """An entry the application appended: its kind, the client and sequence it speaks about, and the body it commits
    to.
    """

    entry: Entry
    kind: int
    client_id: str
    sequence: int
    body: bytes
    port: str = ""


@dataclass(frozen=True, slots=True)
class TransactionResult:
    """What one transaction did: 0 when its signature and member were good, results per operation, entries in order.

    A transaction refused as a whole (unknown member, bad signature) has code 1, a reason and nothing else.
    """

    code: int
    reason: str = ""
    detail: str = ""
    operations: tuple[OperationResult, ...] = ()
    entries: tuple[WrittenEntry, ...] = ()
    data: bytes = b""
    """What is hashed of the result: deterministic bytes, bound by the ledger's results hash."""
    submitter_suite: str = ""
    """Suite of the key below; empty when the submitting member or its key is not known."""
    submitter_key: bytes = b""
    """Public key the transaction's signature verified under, for formats whose transactions carry their sender's key.
    """


@dataclass(frozen=True, slots=True)
class BlockResult:
    """What a block did."""

    results: tuple[TransactionResult, ...]
    rotation: RotateValidatorsAct | None = None


@dataclass(frozen=True, slots=True)
class BlockInput:
    """Everything a format needs to build and sign the next block."""

    height: int
    time: Nanos
    transactions: Sequence[bytes]
    """Transaction message bytes, as submitted."""
    results: Sequence[TransactionResult]
    first_position: int
    """Position of the block's first entry on this ledger."""
    rotation: RotateValidatorsAct | None = None
    """Next validators, when a transaction of the block rotates them. The engine cuts such a block around that one
    transaction: it is the only transaction of its block, because some formats know rotations by a block of their own.
    """
    signed: Sequence[tuple[bytes, bytes]] = ()
    """Sign-bytes and signature of each transaction, when they are at hand; a format that needs them can work them out.
    """


@dataclass(frozen=True, slots=True)
class SealedBlock:
    """A block as the store keeps it. All of `header`, `commit`, `extra` are the format's own bytes."""

    height: int
    time: Nanos
    header: bytes
    commit: bytes
    """The quorum: commit or vote set; empty until `BlockFormat.seal` has signed."""
    header_hash: bytes
    validators: bytes
    """The validator set that signed it, in the format's form; stored once per distinct set by its hash."""
    consensus: ConsensusState
    """What a light client holds once it trusts this block."""
    entry_count: int
    """Entries on the ledger after this block."""
    provable_count: int
    """Entries that this block's header can prove: all of them, or those before it."""
    extra: bytes = b""
    """What the format must remember to continue after this block, such as the validator sets that sign next."""
    leaves: Sequence[bytes] = field(default=())
    """One 32-byte hash per entry, where the format keeps a log; else empty."""
    transaction_forms: Sequence[bytes] = field(default=())
    """The format's own form of each transaction, where it differs from what was submitted; else empty."""


class BlockReader(Protocol):
    """What a format may read back from the store to make headers and proofs."""

    def block(self, height: int) -> SealedBlock:
        """The sealed block; NotFoundError HEIGHT_NOT_FOUND otherwise. `leaves` and `transaction_forms` are left
        empty.
        """
        ...

    def transaction_forms(self, height: int) -> Sequence[bytes]:
        """The format's form of each transaction of a block."""
        ...

    def entries(self, first_position: int, count: int) -> Sequence[StoredEntry]:
        """Entries by position; fewer at the end."""
        ...

    def leaves(self, first_position: int, count: int) -> Sequence[bytes]:
        """Leaf hashes by position; for rebuilding a log at start."""
        ...

    def latest_height(self) -> int:
        """Height of the newest sealed block; 0 before the first."""
        ...


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """A written entry with where it stands."""

    position: int
    height: int
    transaction_index: int
    event_index: int
    """Index of the entry among its transaction's entries."""
    written: WrittenEntry


@dataclass(frozen=True, slots=True)
class ProvenRun:
    """A run of consecutive entries under one proof."""

    proof_height: int
    proof: bytes
    entries: Sequence[StoredEntry]


class BlockFormat(Protocol):
    """How one ledger builds, signs and proves its blocks; the Hong Kong and Shanghai adapters each have one.

    Stateful: it holds the chain's tip and what it needs of the past, rebuilt by `restore`. Called by one thread at a
    time. A block is built, stored, and only then sealed (signed): what was signed can never be lost, so nothing else
    can be signed at its height. A block that was stored and not sealed is sealed after a restart, by the same calls.
    """

    def genesis(self) -> ConsensusState:
        """The trust anchor before the first block is made: height 0 where the format can express it, else the first
        block's.
        """
        ...

    def restore(self, reader: BlockReader) -> None:
        """Rebuild the tip from the store at start; the reader shows sealed blocks only."""
        ...

    def next_time(self, now: Nanos) -> Nanos:
        """Time of the next block, asked for before its transactions are executed: `now` as the format's header can say
        it, and not before the tip (after it, where times never repeat).
        """
        ...

    def build(self, block: BlockInput) -> SealedBlock:
        """Build and hash the block after the tip, with `commit` empty; the tip does not move until `advance`."""
        ...

    def seal(self, block: SealedBlock) -> SealedBlock:
        """The same block with its commit: move the signers' high-water mark (`high_water.HighWaterMark.advance_all`),
        then sign.

        The block is the one after the tip, built just now or stored before a crash; nothing else is needed to sign it.
        """
        ...

    def advance(self, sealed: SealedBlock) -> None:
        """The block is stored and sealed: move the tip. Depends on the block alone (`leaves`, `extra`), not on `build`
        before.
        """
        ...

    def needs_proof_block(self) -> bool:
        """True when an empty block is needed to make the newest entries provable."""
        ...

    def update(self, reader: BlockReader, height: int, trusted_height: int) -> bytes:
        """Header update message for `height`, verifiable from `trusted_height`."""
        ...

    def provable_height(self, reader: BlockReader, position: int) -> int:
        """Lowest height whose header proves the entry at `position`; 0 while there is none."""
        ...

    def prove(self, reader: BlockReader, first_position: int, count: int, proof_height: int) -> Sequence[ProvenRun]:
        """Runs that cover the entries; `proof_height` 0 lets the format choose. PreconditionError when not provable
        yet.
        """
        ...
