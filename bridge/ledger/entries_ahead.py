"""A BlockReader with the entries of one range read before, for proving them under a lock that is held only briefly."""

from __future__ import annotations

from collections.abc import Sequence

from bridge.ledger.types import BlockReader, SealedBlock, StoredEntry


class EntriesAhead:
    """BlockReader (`bridge.ledger.types`); entries never change, so it does not matter when they were read."""

    def __init__(self, reader: BlockReader, first_position: int, count: int) -> None:
        self._reader = reader
        self._range = (first_position, count)
        self._entries = reader.entries(first_position, count) if first_position >= 0 and count > 0 else ()

    def block(self, height: int) -> SealedBlock:
        """As BlockReader.block."""
        return self._reader.block(height)

    def transaction_forms(self, height: int) -> Sequence[bytes]:
        """As BlockReader.transaction_forms."""
        return self._reader.transaction_forms(height)

    def entries(self, first_position: int, count: int) -> Sequence[StoredEntry]:
        """As BlockReader.entries."""
        if (first_position, count) == self._range:
            return self._entries
        return self._reader.entries(first_position, count)

    def leaves(self, first_position: int, count: int) -> Sequence[bytes]:
        """As BlockReader.leaves."""
        return self._reader.leaves(first_position, count)

    def latest_height(self) -> int:
        """As BlockReader.latest_height."""
        return self._reader.latest_height()
