"""Routes payloads to the application of their port: a fixed table, so that no packet can reach anything else."""

from __future__ import annotations

from collections.abc import Callable

from bridge.errors import NotFoundError, Reason
from bridge.ledger.client import Client
from bridge.ledger.context import BlockContext
from bridge.ledger.handlers.arrivals import close_record, receive_record
from bridge.ledger.handlers.mappings import receive_mapping
from bridge.ledger.handlers.members import receive_member
from bridge.ledger.prepared import PreparedItem
from bridge.ledger.rows import PacketRow
from bridge.protocol.ports import CARGO_PORT, IDENTIFIER_PORT, MEMBER_PORT
from bridge.v1.packet_pb2 import Acknowledgement

_RECEIVERS: dict[str, Callable[[BlockContext, Client, PreparedItem], bytes]] = {
    MEMBER_PORT: receive_member,
    IDENTIFIER_PORT: receive_mapping,
    CARGO_PORT: receive_record,
}


def receive_payload(ctx: BlockContext, client: Client, item: PreparedItem) -> bytes:
    """[PORT-3] Hand a payload to its port; the result goes into the acknowledgement. Any BridgeError rejects the
    packet.
    """
    if item.rejection is not None:
        raise item.rejection
    receiver = _RECEIVERS.get(item.port)
    if receiver is None:
        raise NotFoundError(Reason.PORT_UNKNOWN, "no application has this port", port=item.port)
    return receiver(ctx, client, item)


def close_packet(ctx: BlockContext, packet: PacketRow, outcome: Acknowledgement) -> None:
    """[PORT-4] Tell the sending application how its packet ended. Cannot refuse: a packet must not stay open for
    ever.
    """
    if packet.port == CARGO_PORT:
        close_record(ctx, packet, outcome)
