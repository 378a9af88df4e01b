"""What changed on a ledger block by block, for those who watch records: versions written, and packets closed.

Nothing is kept for watchers: the blocks themselves say what happened in them, so a watch resumes from any height.
Blocking; runs in the reading pool.
"""

from __future__ import annotations

from collections.abc import Iterator

from bridge.ledger.results import applied_operations, closed_packets
from bridge.ledger.rows import HOME, PacketRow, RecordRow
from bridge.protocol.ports import CARGO_PORT
from bridge.store.queries import StoreQueries
from bridge.store.reader import StoreReader
from bridge.v1.transaction_pb2 import ITEM_STATE_APPLIED

VersionKey = tuple[str, bytes, int]


class RecordChanges:
    """Asks one store."""

    def __init__(self, queries: StoreQueries, reader: StoreReader) -> None:
        self._queries = queries
        self._reader = reader

    def of_block(self, height: int) -> list[tuple[RecordRow, VersionKey]]:
        """[CHG-1] Record versions that a block wrote or learned the outcome of, each once, written ones first."""
        written = self._queries.versions_after(height - 1)
        changed: dict[VersionKey, None] = {}
        for version in written:
            if version.height == height:
                changed[(version.origin, version.record_key, version.version)] = None
        for key in self._ended(height):
            changed[key] = None
        records = {row.key: row for row in self._queries.many(RecordRow, list({(o, k): None for o, k, _ in changed}))}
        return [(records[(origin, key)], (origin, key, number)) for origin, key, number in changed]

    def _ended(self, height: int) -> Iterator[VersionKey]:
        """[CHG-2] Versions whose packets were closed in this block: results say which closings took effect."""
        closed = [
            (client_id, sequence)
            for transaction in self._reader.transactions(height)
            if not transaction.code
            for client_id, sequence in _closed(transaction.submitted, transaction.data)
        ]
        packets = {row.key: row for row in self._queries.many(PacketRow, closed)} if closed else {}
        for key in closed:
            packet = packets.get(key)
            if packet is not None and packet.port == CARGO_PORT:
                yield (HOME, packet.record_key, packet.record_version)


def _closed(submitted: bytes, data: bytes) -> Iterator[tuple[str, int]]:
    """(client, sequence) of each packet that an acknowledgement or an act of a transaction closed."""
    for operation, result in applied_operations(submitted, data):
        yield from closed_packets(operation)
        delivery = operation.deliver
        items = [item for run in delivery.runs for item in run.items]
        answers = result.items[len(delivery.headers) :]
        for item, answer in zip(items, answers, strict=True):
            if item.HasField("acknowledgement") and answer.state == ITEM_STATE_APPLIED:
                yield delivery.client_id, item.acknowledgement.sequence
