"""Where entries stand, without their bodies: what a relayer plans by, read from indexes and the heads of rows.

A body is several kilobytes and a plan needs none of it. Rows are not checked against their digest here, because that
covers the body; a place that was wrong would lead to a proof that fails, never to a fact that is false.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Select, func, literal, literal_column, select

from bridge.ledger.rows import PacketRow
from bridge.ledger.types import KIND_PACKET
from bridge.store.codec import CODECS
from bridge.store.database import Database
from bridge.store.reader import ENTRIES, SEALS
from bridge.store.tables import COMMITTED

_ENTRY = ENTRIES.table.c
_PACKET = CODECS[PacketRow].table.c
_SEALED = SEALS.table.c.height


class Place(NamedTuple):
    """An entry of a sealed block; `state` is that of a sent packet, 0 for an acknowledgement."""

    position: int
    height: int
    kind: int
    sequence: int
    port: str
    state: int


class EntryPlaces:
    """Asks one database; blocking, from any thread. `limit` rows are returned at most."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def pending(self, client_id: str, first_position: int, after_sequence: int, limit: int) -> list[Place]:
        """Sent packets without acknowledgement from a position on, by sequence and so by position."""
        # Only a number that stands in the statement matches the condition of the index over pending packets.
        pending = _PACKET.state == literal_column(str(COMMITTED))
        query = (
            _sent()
            .where(
                func.coalesce(_PACKET.client_id, "") == client_id,
                _PACKET.sequence > after_sequence,
                pending,
                _ENTRY.position >= first_position,
            )
            .order_by(_PACKET.client_id, _PACKET.sequence)
            .limit(limit)
        )
        return self._read(query)

    def page(self, client_id: str, kind: int, first_position: int, limit: int) -> list[Place]:
        """Entries of a client and kind from a position on, by position."""
        # By position, not by the index of clients, which would collect and sort everything that is left.
        query = _of_kind(kind).where(
            func.coalesce(_ENTRY.client_id, "") == client_id, _ENTRY.kind == kind, _ENTRY.position >= first_position
        )
        return self._read(query.order_by(_ENTRY.position).limit(limit))

    def named(self, client_id: str, kind: int, sequences: Sequence[int]) -> list[Place]:
        """Entries of a client and kind that speak about these packets, by position."""
        query = _of_kind(kind).where(_ENTRY.client_id == client_id, _ENTRY.kind == kind, _ENTRY.sequence.in_(sequences))
        return self._read(query.order_by(_ENTRY.position))

    def _read(self, query: Select[Any]) -> list[Place]:
        with self._database.reader() as connection:
            return [Place._make(row) for row in connection.execute(query).all()]


def _of_kind(kind: int) -> Select[Any]:
    if kind == KIND_PACKET:
        return _sent()
    columns = (_ENTRY.position, _ENTRY.height, _ENTRY.kind, _ENTRY.sequence, _ENTRY.port, literal(0))
    return select(*columns).join(SEALS.table, _ENTRY.height == _SEALED)


def _sent() -> Select[Any]:
    """Entries of sent packets with the packets' states."""
    columns = (_ENTRY.position, _ENTRY.height, _ENTRY.kind, _ENTRY.sequence, _ENTRY.port, _PACKET.state)
    same = (
        (_ENTRY.client_id == _PACKET.client_id) & (_ENTRY.sequence == _PACKET.sequence) & (_ENTRY.kind == KIND_PACKET)
    )
    packets = CODECS[PacketRow].table
    return select(*columns).select_from(packets).join(ENTRIES.table, same).join(SEALS.table, _ENTRY.height == _SEALED)
