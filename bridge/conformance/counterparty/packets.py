"""Packets and acknowledgements as a counterparty commits to them: the entry, the body, and the item that is delivered.

A written thing knows its place once it stands in a block. Its entry may be replaced before that, so that a ledger
commits to something else than what is delivered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bridge.ledger.types import KIND_ACKNOWLEDGEMENT, KIND_PACKET, StoredEntry, WrittenEntry
from bridge.light_client.types import Entry
from bridge.protocol.commitments import acknowledgement_commitment, packet_commitment
from bridge.protocol.paths import acknowledgement_path, packet_path
from bridge.v1.packet_pb2 import Packet
from bridge.v1.transaction_pb2 import RunItem, WrittenAcknowledgement
from bridge.wire import encode

Hash = Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class Written:
    """A packet or an acknowledgement of the counterparty; `position` is -1 until a block holds it."""

    entry: WrittenEntry
    packet: Packet | None = None
    position: int = -1
    height: int = 0

    @property
    def sequence(self) -> int:
        """Sequence of the packet it is, or answers."""
        return self.entry.sequence

    @property
    def body(self) -> bytes:
        """Packet or acknowledgement bytes."""
        return self.entry.body

    @property
    def item(self) -> RunItem:
        """The item of a run that delivers it."""
        return item_of(self.entry)


def write_packet(hash_function: Hash, packet: Packet) -> Written:
    """The entry that commits to a packet, whatever the packet says."""
    commitment = packet_commitment(hash_function, packet)
    entry = Entry(packet_path(packet.source_client, packet.sequence), commitment)
    port = packet.payloads[0].source_port if packet.payloads else ""
    return Written(
        WrittenEntry(entry, KIND_PACKET, packet.source_client, packet.sequence, encode(packet), port), packet
    )


def write_acknowledgement(hash_function: Hash, client_id: str, sequence: int, acknowledgement: bytes) -> Written:
    """The entry that commits to an acknowledgement written by `client_id`, the destination of the packet it answers."""
    commitment = acknowledgement_commitment(hash_function, acknowledgement)
    entry = Entry(acknowledgement_path(client_id, sequence), commitment)
    return Written(WrittenEntry(entry, KIND_ACKNOWLEDGEMENT, client_id, sequence, acknowledgement))


def item_of(entry: WrittenEntry) -> RunItem:
    """A written entry as an item of a run."""
    if entry.kind == KIND_PACKET:
        return RunItem(packet=entry.body)
    return RunItem(acknowledgement=WrittenAcknowledgement(sequence=entry.sequence, acknowledgement=entry.body))


def items_of(entries: list[StoredEntry]) -> list[RunItem]:
    """Stored entries as items of a run."""
    return [item_of(each.written) for each in entries]
