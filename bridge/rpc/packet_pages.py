"""Pages of sent packets and written acknowledgements: entries by position, with the state each packet is in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

from bridge.errors import NotFoundError, Reason
from bridge.ledger.rows import PacketRow
from bridge.ledger.types import KIND_ACKNOWLEDGEMENT, KIND_PACKET, StoredEntry
from bridge.rpc import limits
from bridge.store.places import EntryPlaces, Place
from bridge.store.queries import StoreQueries
from bridge.v1 import ledger_service_pb2 as api
from bridge.wire import timestamp_of

BLOCK_TIMES_KEPT = 16_384
"""Block times remembered: of the blocks that relayers look at now; a time never changes."""

_KINDS = {
    api.PACKET_KIND_UNSPECIFIED: (KIND_PACKET, KIND_ACKNOWLEDGEMENT),
    api.PACKET_KIND_SENT: (KIND_PACKET,),
    api.PACKET_KIND_ACKNOWLEDGEMENT: (KIND_ACKNOWLEDGEMENT,),
}

_NUMBERS: dict[int, api.PacketKind.ValueType] = {
    KIND_PACKET: api.PACKET_KIND_SENT,
    KIND_ACKNOWLEDGEMENT: api.PACKET_KIND_ACKNOWLEDGEMENT,
}

Found = StoredEntry | Place
"""An entry with its body, or only where it stands."""

Cursor = tuple[int, int]
"""Position from which the next page begins, and the last sent sequence already shown."""


class PacketPager:
    """Asks one store; blocking, so it runs in the reading pool."""

    def __init__(self, queries: StoreQueries, places: EntryPlaces) -> None:
        self._queries = queries
        self._places = places
        self._block_time: Callable[[int], int] = lru_cache(BLOCK_TIMES_KEPT)(self._read_block_time)

    def named(self, request: api.ListPacketsRequest) -> list[api.PacketItem]:
        """The entries about the sequences named, by position; what is not there is left out."""
        found: list[Found] = []
        find = self._places.named if request.omit_bodies else self._queries.entries_by_sequence
        for kind in kinds_of(request.kind):
            found += find(request.client_id, kind, list(request.sequences))
        items = self._items(request.client_id, sorted(found, key=_position))
        if request.pending_only:
            closed = (api.PACKET_STATE_UNSPECIFIED, api.PACKET_STATE_COMMITTED)
            items = [item for item in items if item.state in closed]
        return _cut(items)

    def page(
        self, request: api.ListPacketsRequest, size: int, cursor: Cursor | None
    ) -> tuple[list[api.PacketItem], Cursor | None]:
        """A page of at most `size` items, and where the next one begins when there is one."""
        first, shown = cursor or (request.first_position, 0)
        found: list[Found] = []
        for kind in kinds_of(request.kind):
            pending = kind == KIND_PACKET and request.pending_only
            if request.omit_bodies and pending:
                found += self._places.pending(request.client_id, first, shown, size + 1)
            elif request.omit_bodies:
                found += self._places.page(request.client_id, kind, first, size + 1)
            elif pending:
                found += self._pending(request.client_id, first, shown, size + 1)
            else:
                found += self._queries.entries(request.client_id, kind, first, size + 1)
        found.sort(key=_position)
        items = self._items(request.client_id, found[:size])
        items = items if request.omit_bodies else _cut(items)
        if len(items) == len(found) or not items:
            return items, None
        sent = [item.sequence for item in items if item.kind == api.PACKET_KIND_SENT]
        return items, (items[-1].position + 1, max([shown, *sent]))

    def _pending(self, client_id: str, first: int, shown: int, limit: int) -> list[StoredEntry]:
        """Entries of pending packets from a position on; packets of one client have rising positions."""
        found: list[StoredEntry] = []
        while len(found) < limit:
            rows = self._queries.pending_packets(client_id, limit, shown)
            if not rows:
                break
            shown = rows[-1].sequence
            entries = self._queries.entries_by_sequence(client_id, KIND_PACKET, [row.sequence for row in rows])
            found += [entry for entry in entries if entry.position >= first]
        return found[:limit]

    def _items(self, client_id: str, found: Sequence[Found]) -> list[api.PacketItem]:
        # The writer stores a block before it is sealed; nobody may build on what is not sealed yet.
        entries = [entry for entry in found if isinstance(entry, StoredEntry) and self._is_sealed(entry.height)]
        sent = [(client_id, entry.written.sequence) for entry in entries if entry.written.kind == KIND_PACKET]
        packets = {row.sequence: row for row in self._queries.many(PacketRow, sent)}
        items = [self._item(entry, packets.get(entry.written.sequence)) for entry in entries]
        return items or self._bare_items([place for place in found if isinstance(place, Place)])

    def _bare_items(self, places: Sequence[Place]) -> list[api.PacketItem]:
        times = {height: timestamp_of(self._block_time(height)) for height in {place.height for place in places}}
        return [
            api.PacketItem(
                kind=_NUMBERS[kind],
                position=position,
                height=height,
                sequence=sequence,
                state=api.PacketState.ValueType(state),
                port=port,
                block_time=times[height],
            )
            for position, height, kind, sequence, port, state in places
        ]

    def _item(self, entry: StoredEntry, packet: PacketRow | None) -> api.PacketItem:
        written = entry.written
        item = api.PacketItem(
            position=entry.position,
            height=entry.height,
            sequence=written.sequence,
            body=written.body,
            port=written.port,
            block_time=timestamp_of(self._block_time(entry.height)),
        )
        if written.kind == KIND_ACKNOWLEDGEMENT:
            item.kind = api.PACKET_KIND_ACKNOWLEDGEMENT
            return item
        item.kind = api.PACKET_KIND_SENT
        if packet is not None:
            item.state = api.PacketState.ValueType(packet.state)
            item.acknowledgement = packet.acknowledgement
        return item

    def _is_sealed(self, height: int) -> bool:
        try:
            self._block_time(height)
        except NotFoundError:
            return False
        return True

    def _read_block_time(self, height: int) -> int:
        notices = self._queries.notices(height - 1, 1)
        if not notices or notices[0].height != height:
            raise NotFoundError(Reason.HEIGHT_NOT_FOUND, "the block is not sealed yet", height=height)
        return notices[0].time


def kinds_of(kind: api.PacketKind.ValueType) -> tuple[int, ...]:
    """Kinds of entries a request asks for; an unknown number asks for none."""
    return _KINDS.get(kind, ())


def _position(entry: Found) -> int:
    return entry.position


def _cut(items: Iterable[api.PacketItem]) -> list[api.PacketItem]:
    """Items as far as one answer holds them; always at least the first."""
    kept: list[api.PacketItem] = []
    size = 0
    for item in items:
        size += len(item.body) + len(item.acknowledgement)
        if kept and size > limits.MAX_PAGE_BYTES:
            break
        kept.append(item)
    return kept
