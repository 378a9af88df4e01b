"""Receives and acknowledges packets; what a payload means is its port's affair (`ports.py`).

Source: ibc-go `modules/core/04-channel/v2/keeper/packet.go`, reduced to inclusion: a packet ends in exactly one
acknowledgement, and the destination alone decides which.
"""

from __future__ import annotations

from bridge.errors import BridgeError, NotFoundError, Reason, VerificationError
from bridge.ledger.client import Client
from bridge.ledger.context import BlockContext
from bridge.ledger.handlers.ports import close_packet, receive_payload
from bridge.ledger.prepared import PreparedItem
from bridge.ledger.rows import PacketRow, ReceiptRow
from bridge.ledger.types import KIND_ACKNOWLEDGEMENT, WrittenEntry
from bridge.light_client.types import Entry
from bridge.protocol.acknowledgements import EXPIRED_ACKNOWLEDGEMENT, encode_accepted, encode_rejected
from bridge.protocol.commitments import acknowledgement_commitment
from bridge.protocol.packets import PacketState
from bridge.protocol.paths import acknowledgement_path
from bridge.v1.packet_pb2 import OUTCOME_ACCEPTED, OUTCOME_EXPIRED, OUTCOME_REJECTED
from bridge.v1.transaction_pb2 import ITEM_STATE_APPLIED, ITEM_STATE_NOOP, ITEM_STATE_REFUSED, ItemResult

_STATE_OF_OUTCOME = {
    OUTCOME_ACCEPTED: PacketState.ACCEPTED.value,
    OUTCOME_REJECTED: PacketState.REJECTED.value,
    OUTCOME_EXPIRED: PacketState.EXPIRED.value,
}


def refused(sequence: int, reason: Reason) -> ItemResult:
    """[DEL-1] The answer for an item that did not verify: nothing was stored."""
    return ItemResult(state=ITEM_STATE_REFUSED, sequence=sequence, reason=reason)


def receive_packet(ctx: BlockContext, client: Client, item: PreparedItem) -> ItemResult:
    """[RECV-1] A proven packet that has no receipt yet ends here: receipt, effect and acknowledgement in one write.

    ACCEPTED when its port took it, REJECTED with the reason when it did not (its effects are dropped), EXPIRED when the
    ledger's time has reached the timeout. While its port is paused it is left for later: REFUSED PORT_PAUSED.
    """
    assert item.packet is not None
    if ctx.seconds >= item.packet.timeout_seconds:
        return _write_receipt(ctx, client, item, OUTCOME_EXPIRED, EXPIRED_ACKNOWLEDGEMENT)
    if item.port and ctx.is_paused(client.client_id, item.port):
        return refused(item.sequence, Reason.PORT_PAUSED)
    try:
        result = ctx.attempt(lambda: receive_payload(ctx, client, item))
    except BridgeError as error:
        return _write_receipt(ctx, client, item, OUTCOME_REJECTED, encode_rejected(error.reason))
    return _write_receipt(ctx, client, item, OUTCOME_ACCEPTED, encode_accepted(result))


def _write_receipt(
    ctx: BlockContext, client: Client, item: PreparedItem, outcome: int, acknowledgement: bytes
) -> ItemResult:
    """[RECV-2] Receipt and acknowledgement entry, which together say that the packet has been dealt with for ever."""
    client_id, sequence = client.client_id, item.sequence
    ctx.state.put(ReceiptRow(client_id, sequence, outcome, acknowledgement))
    commitment = acknowledgement_commitment(ctx.suite.hash, acknowledgement)
    entry = Entry(acknowledgement_path(client_id, sequence), commitment)
    ctx.entries.append(WrittenEntry(entry, KIND_ACKNOWLEDGEMENT, client_id, sequence, acknowledgement, item.port))
    return ItemResult(state=ITEM_STATE_APPLIED, sequence=sequence, acknowledgement=acknowledgement)


def settled_packet(ctx: BlockContext, client: Client, item: PreparedItem) -> ItemResult | None:
    """[RECV-3] The first outcome of a packet that was received before, or None. A second delivery changes nothing."""
    receipt = ctx.state.get(ReceiptRow, (client.client_id, item.sequence))
    if receipt is None:
        return None
    return ItemResult(state=ITEM_STATE_NOOP, sequence=item.sequence, acknowledgement=receipt.acknowledgement)


def acknowledge_packet(ctx: BlockContext, client: Client, item: PreparedItem) -> ItemResult:
    """[ACK-2] A proven acknowledgement closes its packet: the state says how, and the port records or compensates."""
    packet = _sent_packet(ctx, client, item.sequence)
    assert item.outcome is not None
    closed = PacketRow(
        packet.client_id,
        packet.sequence,
        packet.commitment,
        packet.port,
        _STATE_OF_OUTCOME[item.outcome.outcome],
        item.body,
        packet.record_key,
        packet.record_version,
    )
    ctx.state.put(closed)
    client.pending_count -= 1
    client.dirty = True
    close_packet(ctx, closed, item.outcome)
    return ItemResult(state=ITEM_STATE_APPLIED, sequence=item.sequence)


def settled_acknowledgement(ctx: BlockContext, client: Client, item: PreparedItem) -> ItemResult | None:
    """[ACK-3] NOOP when the packet was closed by the same bytes before, None while it is open.

    Raises NotFoundError PACKET_NOT_FOUND for a packet that was never sent, VerificationError ACKNOWLEDGEMENT_CONFLICT
    for one that was closed by other bytes.
    """
    packet = _sent_packet(ctx, client, item.sequence)
    if packet.state == PacketState.COMMITTED:
        return None
    if packet.state == PacketState.CLOSED_BY_AUTHORITIES:
        return _after_closing(client, item)
    if packet.acknowledgement != item.body:
        raise VerificationError(
            Reason.ACKNOWLEDGEMENT_CONFLICT,
            "the packet was closed by another acknowledgement",
            client_id=client.client_id,
            sequence=item.sequence,
        )
    return ItemResult(state=ITEM_STATE_NOOP, sequence=item.sequence)


def _after_closing(client: Client, item: PreparedItem) -> ItemResult:
    """[ACK-4] What comes after both authorities closed a packet changes nothing: NOOP where nothing took effect there.

    Raises VerificationError ACKNOWLEDGEMENT_CONFLICT for an ACCEPTED: the authorities attested that there was none.
    """
    assert item.outcome is not None
    if item.outcome.outcome == OUTCOME_ACCEPTED:
        raise VerificationError(
            Reason.ACKNOWLEDGEMENT_CONFLICT,
            "both authorities closed the packet as never accepted",
            client_id=client.client_id,
            sequence=item.sequence,
        )
    return ItemResult(state=ITEM_STATE_NOOP, sequence=item.sequence)


def _sent_packet(ctx: BlockContext, client: Client, sequence: int) -> PacketRow:
    packet = ctx.state.get(PacketRow, (client.client_id, sequence))
    if packet is None:
        raise NotFoundError(
            Reason.PACKET_NOT_FOUND, "no such packet was sent", client_id=client.client_id, sequence=sequence
        )
    return packet
