"""The port to what keeps a ledger: blocks, state and the things that lie beside records.

A block is written in one transaction and sealed (signed) only after that; `bridge.store.ledger_store` implements the
port over SQL, and here is the in-memory one for simulations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from bridge.errors import NotFoundError, Reason, StateChangedError
from bridge.ledger.rows import VersionRow
from bridge.ledger.state import MemoryState, Overlay, State
from bridge.ledger.types import BlockInput, BlockReader, SealedBlock, StoredEntry


@dataclass(frozen=True, slots=True)
class ExportNote:
    """What the export register says about a version that leaves: which fields, and on which legal basis (its bytes)."""

    record_type: int
    pointers: tuple[str, ...]
    legal_basis: bytes


@dataclass(frozen=True, slots=True)
class Attachment:
    """[STO-5] What is kept beside one record version and is no part of the ledger.

    It is stored with the block that writes exactly this version: `digest` is the statement's digest as in VersionRow,
    so what came with a refused or different version is dropped. `identifiers` are (scheme, value) pairs to find the
    record by. A document is stored when `document` is not empty.
    """

    origin: str
    record_key: bytes
    version: int
    digest: bytes
    document: bytes = b""
    seed: bytes = b""
    identifiers: tuple[tuple[str, str], ...] = ()
    export: ExportNote | None = None


@dataclass(frozen=True, slots=True)
class BlockWrite:
    """Everything that becomes durable with one block."""

    block: SealedBlock
    """As built: `commit` is empty."""
    input: BlockInput
    overlay: Overlay
    attachments: Sequence[Attachment] = ()


class BlockStore(Protocol):
    """Where a ledger lives. One thread writes; `reader` may be used by any."""

    @property
    def state(self) -> State:
        """The application's state after the newest stored block. For the writing thread."""
        ...

    @property
    def peek(self) -> State:
        """The state, perhaps a block behind, for threads that prepare work ahead."""
        ...

    @property
    def reader(self) -> BlockReader:
        """Sealed blocks and their entries."""
        ...

    def write_block(self, write: BlockWrite) -> None:
        """[STO-2] Make a block and all it changed durable, or nothing of it.

        LimitError STORAGE_FULL, StateChangedError: nothing was written. LedgerUnavailableError: `holds` tells.
        """
        ...

    def write_seal(self, block: SealedBlock) -> None:
        """[STO-3] Keep the commit of the newest block; unsynced, because it can be signed again after a crash."""
        ...

    def unsealed(self) -> SealedBlock | None:
        """The newest block if it was stored and not sealed, complete with leaves and transaction forms."""
        ...

    def holds(self, height: int, header_hash: bytes) -> bool:
        """Whether the block at `height` is stored and is this one; settles what an interrupted write left open."""
        ...

    def abandon(self) -> None:
        """Give up the block in execution: what was read for it is released."""
        ...

    def rest(self) -> None:
        """Nothing waits: a moment for housekeeping."""
        ...

    def close(self) -> None:
        """Release everything."""
        ...


def effective(overlay: Overlay, attachments: Sequence[Attachment]) -> list[tuple[Attachment, VersionRow]]:
    """[STO-5] The attachments whose very version the block writes, each once, with that version."""
    written = overlay.tables().get(VersionRow, {})
    found: dict[tuple[str, bytes, int], tuple[Attachment, VersionRow]] = {}
    for attachment in attachments:
        key = (attachment.origin, attachment.record_key, attachment.version)
        row = written.get(key)
        if isinstance(row, VersionRow) and row.digest == attachment.digest:
            found.setdefault(key, (attachment, row))
    return list(found.values())


def entries_of(write: BlockWrite) -> list[StoredEntry]:
    """The block's entries with their places."""
    position = write.input.first_position
    entries = []
    for index, result in enumerate(write.input.results):
        for event, written in enumerate(result.entries):
            entries.append(StoredEntry(position, write.block.height, index, event, written))
            position += 1
    return entries


class MemoryStore:
    """A BlockStore in memory, for simulations and unit tests. It is its own BlockReader."""

    def __init__(self) -> None:
        self._state = MemoryState()
        self._blocks: list[SealedBlock] = []
        self._entries: list[StoredEntry] = []
        self._leaves: list[bytes] = []
        self.attachments: list[Attachment] = []

    @property
    def state(self) -> MemoryState:
        """As BlockStore.state."""
        return self._state

    peek = state

    @property
    def reader(self) -> BlockReader:
        """As BlockStore.reader."""
        return self

    def write_block(self, write: BlockWrite) -> None:
        """As BlockStore.write_block."""
        if write.block.height != len(self._blocks) + 1:
            raise StateChangedError(Reason.STATE_CHANGED, "a block at that height exists", height=write.block.height)
        self._state.write(write.overlay)
        self._blocks.append(write.block)
        self._entries += entries_of(write)
        self._leaves += write.block.leaves
        self.attachments += [attachment for attachment, _ in effective(write.overlay, write.attachments)]

    def write_seal(self, block: SealedBlock) -> None:
        """As BlockStore.write_seal."""
        self._blocks[block.height - 1] = block

    def unsealed(self) -> SealedBlock | None:
        """As BlockStore.unsealed."""
        return self._blocks[-1] if self._blocks and not self._blocks[-1].commit else None

    def holds(self, height: int, header_hash: bytes) -> bool:
        """As BlockStore.holds."""
        return height <= len(self._blocks) and self._blocks[height - 1].header_hash == header_hash

    def abandon(self) -> None:
        """Nothing to release."""

    def rest(self) -> None:
        """Nothing to keep."""

    def close(self) -> None:
        """Nothing to close."""

    def block(self, height: int) -> SealedBlock:
        """As BlockReader.block."""
        if not 1 <= height <= self.latest_height():
            raise NotFoundError(Reason.HEIGHT_NOT_FOUND, "no such block", height=height)
        return replace(self._blocks[height - 1], leaves=(), transaction_forms=())

    def transaction_forms(self, height: int) -> Sequence[bytes]:
        """As BlockReader.transaction_forms."""
        self.block(height)
        return self._blocks[height - 1].transaction_forms

    def entries(self, first_position: int, count: int) -> Sequence[StoredEntry]:
        """As BlockReader.entries."""
        return self._entries[first_position : first_position + count]

    def leaves(self, first_position: int, count: int) -> Sequence[bytes]:
        """As BlockReader.leaves."""
        return self._leaves[first_position : first_position + count]

    def latest_height(self) -> int:
        """As BlockReader.latest_height."""
        return len(self._blocks) - (self.unsealed() is not None)
