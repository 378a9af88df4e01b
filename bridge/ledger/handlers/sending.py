"""Sends packets: what must hold before one leaves, and the commitment that makes it provable.

Source: ibc-go `modules/core/04-channel/v2/keeper/packet.go` (sendPacket).
"""

from __future__ import annotations

from bridge.errors import PreconditionError, Reason, VerificationError
from bridge.ledger.client import Client
from bridge.ledger.context import BlockContext
from bridge.ledger.rows import PacketRow
from bridge.ledger.types import KIND_PACKET, WrittenEntry
from bridge.light_client.types import Entry
from bridge.protocol.commitments import packet_commitment
from bridge.protocol.packets import MAX_PAYLOAD_VALUE_BYTES, PacketState, encode_packet
from bridge.protocol.paths import MAX_SEQUENCE, packet_path
from bridge.protocol.ports import encode_payload


def validate_send(ctx: BlockContext, client: Client, port: str, value: bytes, timeout_seconds: int) -> None:
    """[SEND-1] A packet leaves through an ACTIVE, paired client and an open port, with a timeout ahead but not too far.

    Raises PreconditionError (CLIENT_FROZEN, CLIENT_EXPIRED, CLIENT_NOT_PAIRED, PORT_PAUSED) or VerificationError
    TIMEOUT_INVALID, LIMIT_EXCEEDED.
    """
    client.require_active(ctx.time)
    client.require_paired()
    if ctx.is_paused(client.client_id, port):
        raise PreconditionError(Reason.PORT_PAUSED, "the port is paused", client_id=client.client_id, port=port)
    latest = ctx.seconds + ctx.config.max_timeout_ahead
    if not ctx.seconds < timeout_seconds <= latest:
        raise VerificationError(Reason.TIMEOUT_INVALID, "timeout", got=timeout_seconds, above=ctx.seconds, limit=latest)
    if len(value) > MAX_PAYLOAD_VALUE_BYTES:
        raise VerificationError(Reason.LIMIT_EXCEEDED, "payload value", got=len(value), limit=MAX_PAYLOAD_VALUE_BYTES)
    if client.next_sequence > MAX_SEQUENCE:
        raise PreconditionError(Reason.LIMIT_EXCEEDED, "no sequence left", client_id=client.client_id)


def execute_send(
    ctx: BlockContext,
    client: Client,
    port: str,
    value: bytes,
    timeout_seconds: int,
    record_key: bytes = b"",
    record_version: int = 0,
) -> int:
    """[SEND-2] Commit to a packet under the client's next sequence, which is returned and never used again."""
    sequence = client.next_sequence
    packet, body = encode_packet(
        client.client_id, client.counterparty_client_id, sequence, timeout_seconds, encode_payload(port, value)
    )
    commitment = packet_commitment(ctx.suite.hash, packet)
    client.next_sequence += 1
    client.pending_count += 1
    client.dirty = True
    ctx.state.put(
        PacketRow(
            client.client_id, sequence, commitment, port, PacketState.COMMITTED.value, b"", record_key, record_version
        )
    )
    entry = Entry(packet_path(client.client_id, sequence), commitment)
    ctx.entries.append(WrittenEntry(entry, KIND_PACKET, client.client_id, sequence, body, port))
    return sequence


def announce(ctx: BlockContext, client: Client, port: str, value: bytes) -> int:
    """[SEND-3] Send what the other side should know about this ledger, with the longest timeout; 0 when the port is
    paused.

    Announcements leave through a frozen or expired client too: that client says what this ledger believes of the other
    one, while a revocation is news for the other one and must not wait.
    """
    if not client.counterparty_client_id or ctx.is_paused(client.client_id, port):
        return 0
    return execute_send(ctx, client, port, value, ctx.seconds + ctx.config.max_timeout_ahead)
