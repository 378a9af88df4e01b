"""Re-verifies the standing of sent packets: each against its entry, its acknowledgement, or the act that closed it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any

from sqlalchemy import select

from bridge.errors import BridgeError
from bridge.ledger.results import applied_operations, closed_packets
from bridge.ledger.rows import ClientRow, Key, PacketRow
from bridge.ledger.types import KIND_PACKET
from bridge.protocol.acknowledgements import decode_acknowledgement
from bridge.protocol.packets import PacketState
from bridge.store.codec import CODECS, RowCodec
from bridge.store.database import Database
from bridge.store.queries import StoreQueries
from bridge.store.reader import TRANSACTIONS
from bridge.v1.packet_pb2 import Outcome

ROWS_AT_A_TIME = 200
"""Rows read from the database at once: a few MB of the largest."""

OPEN = (PacketState.COMMITTED, PacketState.CLOSED_BY_AUTHORITIES)
"""States that a packet has without an acknowledgement."""


def misstated_packets(database: Database) -> Iterator[tuple[str, str]]:
    """[STO-10] (place, what is wrong) for each sent packet that is not as its entry, outcome or act says."""
    queries = StoreQueries(database)
    closed: set[Key] | None = None
    pending: Counter[str] = Counter()
    rows = _rows(database, CODECS[PacketRow])
    while packets := list(islice(rows, ROWS_AT_A_TIME)):
        values = _committed(queries, packets)
        for packet in packets:
            place = f"packets {packet.client_id} {packet.sequence}"
            pending[packet.client_id] += packet.state == PacketState.COMMITTED
            if values.get(packet.key) != packet.commitment:
                yield place, "the commitment is not that of an entry"
            if not _agrees(packet):
                yield place, "state and acknowledgement say different things"
            if packet.state == PacketState.CLOSED_BY_AUTHORITIES:
                closed = _closed_by_acts(database) if closed is None else closed
                if packet.key not in closed:
                    yield place, "no act of the authorities closed it"
    for client in _rows(database, CODECS[ClientRow]):
        if client.pending_count != pending[client.client_id]:
            yield f"clients {client.client_id}", f"{pending[client.client_id]} packets wait, not {client.pending_count}"


def _committed(queries: StoreQueries, packets: list[PacketRow]) -> dict[Key, bytes]:
    """The value of each packet's entry."""
    found: dict[Key, bytes] = {}
    for client_id in {packet.client_id for packet in packets}:
        sequences = [packet.sequence for packet in packets if packet.client_id == client_id]
        for entry in queries.entries_by_sequence(client_id, KIND_PACKET, sequences):
            found[(client_id, entry.written.sequence)] = entry.written.entry.value
    return found


def _agrees(packet: PacketRow) -> bool:
    if packet.state in OPEN:
        return not packet.acknowledgement
    try:
        outcome = Outcome.Name(decode_acknowledgement(packet.acknowledgement).outcome)
        return outcome == f"OUTCOME_{PacketState(packet.state).name}"
    except (BridgeError, ValueError):
        return False


def _closed_by_acts(database: Database) -> set[Key]:
    """Packets that applied acts closed. Reads every transaction, so it is asked only where a packet is said to be."""
    return {
        key
        for transaction in _rows(database, TRANSACTIONS)
        if not transaction.code
        for operation, _ in applied_operations(transaction.submitted, transaction.data)
        for key in closed_packets(operation)
    }


def _rows(database: Database, codec: RowCodec[Any]) -> Iterator[Any]:
    with database.reader() as connection:
        for row in connection.execution_options(yield_per=ROWS_AT_A_TIME).execute(select(codec.table)):
            yield codec.decode(tuple(row))
