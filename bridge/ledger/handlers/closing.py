"""Closes packets to a ledger that never comes back: by an act of both authorities, never by this ledger alone.

A packet ends by what its destination says of it. Where nobody there will ever say anything again, both authorities may
say that nothing took effect; what keeps that from being a second truth is checked here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bridge.clock import NANOS_PER_SECOND
from bridge.errors import (
    AlreadyExistsError,
    NotFoundError,
    PreconditionError,
    Reason,
    StateChangedError,
    VerificationError,
)
from bridge.ledger.client import Client
from bridge.ledger.context import BlockContext
from bridge.ledger.handlers.ports import close_packet
from bridge.ledger.prepared import PreparedOperation
from bridge.ledger.rows import PacketRow
from bridge.light_client.types import ClientStatus
from bridge.protocol.acts import decode_close_packets, decode_signed_act, verify_act
from bridge.protocol.clients import MAX_CLOCK_DRIFT_SECONDS
from bridge.protocol.commitments import opened_commitment
from bridge.protocol.packets import PacketState
from bridge.v1.packet_pb2 import OUTCOME_EXPIRED, Acknowledgement
from bridge.v1.transaction_pb2 import ClosedPacket, ClosePacketsAct, OperationResult, SignedAct
from bridge.wire import nanos_from

_WITHOUT_EFFECT = Acknowledgement(outcome=OUTCOME_EXPIRED)
"""How a port hears of a packet that was closed: as of one that expired."""


def execute_close_packets(ctx: BlockContext, operation: PreparedOperation) -> OperationResult:
    """[CLO-1] Close every packet the act names, or none; its port hears of it as of an expired one.

    The same packets again are a NOOP.
    """
    signed = decode_signed_act(operation.message.close_packets)
    act = decode_close_packets(signed.act)
    client = validate_closing_client(ctx, signed, act)
    packets = validate_named_packets(ctx, client, act.packets)
    if all(packet.state == PacketState.CLOSED_BY_AUTHORITIES for packet in packets):
        return OperationResult(noop=True)
    validate_open_packets(packets)
    validate_closing_time(ctx, client, act)
    for packet in packets:
        closed = replace(packet, state=PacketState.CLOSED_BY_AUTHORITIES.value)
        ctx.state.put(closed)
        close_packet(ctx, closed, _WITHOUT_EFFECT)
    client.pending_count -= len(packets)
    client.dirty = True
    return OperationResult()


def validate_closing_client(ctx: BlockContext, signed: SignedAct, act: ClosePacketsAct) -> Client:
    """[CLO-2] Signed by both authorities, about this ledger's client and the one it is paired with.

    Raises VerificationError LEDGER_ID_MISMATCH, COUNTERPARTY_MISMATCH, AUTHORITY_SIGNATURE_MISSING or
    SIGNATURE_INVALID, NotFoundError CLIENT_NOT_FOUND, PreconditionError CLIENT_NOT_PAIRED.
    """
    ctx.require_here(act.ledger_id)
    client = ctx.client(act.client_id)
    there = (client.tracked_ledger_id, client.require_paired())
    if (act.counterparty_ledger_id, act.counterparty_client_id) != there:
        raise VerificationError(
            Reason.COUNTERPARTY_MISMATCH,
            "the client is paired with another one",
            got=f"{act.counterparty_ledger_id} {act.counterparty_client_id}",
            expected=" ".join(there),
        )
    verify_act(signed, (ctx.config.authority, client.authority), ctx.check)
    return client


def validate_named_packets(ctx: BlockContext, client: Client, named: Sequence[ClosedPacket]) -> list[PacketRow]:
    """[CLO-3] Each packet was sent through the client, and its commitment is made of what the act says of it.

    So the timeout is the packet's own, and nothing else can be closed. Raises NotFoundError PACKET_NOT_FOUND or
    VerificationError COMMITMENT_MISMATCH.
    """
    ctx.state.prefetch(PacketRow, [(client.client_id, each.sequence) for each in named])
    packets: list[PacketRow] = []
    for each in named:
        packet = ctx.state.get(PacketRow, (client.client_id, each.sequence))
        if packet is None:
            raise NotFoundError(Reason.PACKET_NOT_FOUND, "no such packet was sent", sequence=each.sequence)
        commitment = opened_commitment(
            ctx.suite.hash, client.counterparty_client_id, each.timeout_seconds, each.payloads_digest
        )
        if commitment != packet.commitment:
            raise VerificationError(
                Reason.COMMITMENT_MISMATCH, "the act means another packet", sequence=each.sequence, got=commitment
            )
        packets.append(packet)
    return packets


def validate_open_packets(packets: Sequence[PacketRow]) -> None:
    """[CLO-4] Every packet waits for its end: one that has it refuses the whole act; AlreadyExistsError
    PACKET_SETTLED.
    """
    for packet in packets:
        if packet.state != PacketState.COMMITTED:
            raise AlreadyExistsError(
                Reason.PACKET_SETTLED,
                "the packet has its end already",
                sequence=packet.sequence,
                state=PacketState(packet.state).name,
            )


def validate_closing_time(ctx: BlockContext, client: Client, act: ClosePacketsAct) -> None:
    """[CLO-5] The client does not work, and act and block come after every timeout by the client's clock drift.

    So a destination whose clock is no further behind than that can only answer EXPIRED from then on. What was heard of
    it after the act makes the act stale, since its authorities could not know. Raises PreconditionError CLIENT_ACTIVE
    or TIMEOUT_NOT_REACHED, StateChangedError STATE_CHANGED, VerificationError INVALID_FIELD for an act from the future.
    """
    if client.status(ctx.time) is ClientStatus.ACTIVE:
        raise PreconditionError(
            Reason.CLIENT_ACTIVE, "packets of an active client end by acknowledgements", client_id=client.client_id
        )
    act_time = nanos_from(act.act_time, "act_time")
    latest = ctx.time + MAX_CLOCK_DRIFT_SECONDS * NANOS_PER_SECOND
    if act_time > latest:
        raise VerificationError(Reason.INVALID_FIELD, "the act is from the future", got=act_time, limit=latest)
    if act_time <= client.latest.time:
        raise StateChangedError(
            Reason.STATE_CHANGED, "the ledger was heard of after the act", got=act_time, above=client.latest.time
        )
    drift = client.options.clock_drift
    for packet in act.packets:
        floor = packet.timeout_seconds * NANOS_PER_SECOND + drift
        if min(act_time, ctx.time) < floor:
            raise PreconditionError(
                Reason.TIMEOUT_NOT_REACHED,
                "the other ledger may still accept the packet",
                sequence=packet.sequence,
                got=min(act_time, ctx.time),
                not_before=floor,
            )
