"""The newest sealed blocks and entries, kept in memory: what relayers ask for a moment after it was written.

Only what stands in the database is kept, as it was written; what is not here is read from there. A block and an entry
never change, so what is here cannot be out of date.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bridge.ledger.types import SealedBlock, StoredEntry

MAX_BLOCKS = 256
"""Blocks kept; a header with its votes and set has a few kilobytes."""

MAX_ENTRY_BYTES = 8 * 1024 * 1024
"""Bytes of the entries kept: some two thousand records or ten thousand acknowledgements."""

ENTRY_BYTES = 700
"""Bytes an entry takes beside its body, about."""


class Recent:
    """Written by the writing thread alone, read by any."""

    def __init__(self) -> None:
        self._blocks: dict[int, SealedBlock] = {}
        self._entries: dict[int, StoredEntry] = {}
        self._bytes = 0

    def remember(self, block: SealedBlock, entries: Sequence[StoredEntry]) -> None:
        """Keep a block that was stored and sealed, and its entries."""
        self._blocks[block.height] = replace(block, leaves=(), transaction_forms=())
        while len(self._blocks) > MAX_BLOCKS:
            del self._blocks[next(iter(self._blocks))]
        for entry in entries:
            self._entries[entry.position] = entry
            self._bytes += ENTRY_BYTES + len(entry.written.body)
        while self._bytes > MAX_ENTRY_BYTES:
            oldest = self._entries.pop(next(iter(self._entries)))
            self._bytes -= ENTRY_BYTES + len(oldest.written.body)

    def forget(self) -> None:
        """Keep nothing: what the database holds may be unknown."""
        self._blocks, self._entries, self._bytes = {}, {}, 0

    def block(self, height: int) -> SealedBlock | None:
        """The sealed block, when it is here."""
        return self._blocks.get(height)

    def entries(self, first_position: int, count: int) -> list[StoredEntry] | None:
        """All of these entries, when they are here."""
        known = self._entries
        if first_position not in known or first_position + count - 1 not in known:
            return None
        found = [known.get(position) for position in range(first_position, first_position + count)]
        return None if None in found else [entry for entry in found if entry is not None]
