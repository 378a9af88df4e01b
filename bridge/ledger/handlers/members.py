"""Registers members and their keys at home, announces them, and takes those of the other ledger."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bridge.errors import AlreadyExistsError, Reason
from bridge.ledger.client import Client
from bridge.ledger.context import BlockContext
from bridge.ledger.handlers.issuers import announcement_counter
from bridge.ledger.handlers.sending import announce
from bridge.ledger.prepared import PreparedItem, PreparedOperation
from bridge.ledger.rows import HOME, CounterRow, KeyRow, MemberRow
from bridge.protocol.clients import Authority
from bridge.protocol.members import KeyChange, decode_signed_member, plan_member, verify_member_signature
from bridge.protocol.ports import MEMBER_PORT
from bridge.v1.member_pb2 import MemberRegistration, SignedMember
from bridge.v1.transaction_pb2 import OperationResult
from bridge.wire import encode


@dataclass(frozen=True, slots=True)
class _Before:
    """Stands in for the revision before one that was relayed: the home ledger attests that there was one."""

    revision: int
    registration: bytes = b""


def execute_register_member(ctx: BlockContext, operation: PreparedOperation) -> OperationResult:
    """[MEM-9] Register, rotate or revoke a member of this ledger and announce it; the same act again is a NOOP."""
    signed = operation.message.register_member
    row = _register(ctx, signed)
    if row is None:
        return OperationResult(noop=True)
    sequence = 0
    for client in ctx.paired_clients():
        sequence = _announce(ctx, client, row, signed) or sequence
    return OperationResult(sequence=sequence)


def execute_genesis_members(ctx: BlockContext) -> None:
    """[MEM-10] Register the configured members, each signed by the authority like any other, before the first
    transaction.
    """
    for signed in ctx.config.genesis_members:
        _register(ctx, signed)


def receive_member(ctx: BlockContext, client: Client, item: PreparedItem) -> bytes:
    """[MEM-11] Take a member of the other ledger in its newest revision; a late, older one changes nothing.

    Revisions may arrive with gaps, because a counterparty that is paired late hears of the newest only. Raises
    AlreadyExistsError REVISION_CONFLICT for another registration under a revision that stands.
    """
    assert item.payload is not None
    body, signature = decode_signed_member(item.payload.value)
    registration = _verified(ctx, client.authority, body, signature)
    standing = ctx.state.get(MemberRow, (client.client_id, registration.member_id))
    if standing is not None and registration.revision <= standing.revision:
        if registration.revision == standing.revision and body != standing.registration:
            raise AlreadyExistsError(
                Reason.REVISION_CONFLICT, "the revision stands with another content", got=registration.revision
            )
        return b""
    keys = ctx.state.scan(KeyRow, (client.client_id, registration.member_id))
    changes = plan_member(registration, body, _Before(registration.revision - 1), keys)
    _write(ctx, client.client_id, registration, body, signature, changes or ())
    return b""


def announce_members(ctx: BlockContext, client: Client) -> None:
    """[MEM-12] Announce every member of this ledger, revoked ones too, to a counterparty that may not know them."""
    for row in ctx.state.scan(MemberRow, (HOME,)):
        signed = SignedMember(registration=row.registration, signature=row.signature)
        _announce(ctx, client, row, encode(signed))


def _announce(ctx: BlockContext, client: Client, row: MemberRow, signed: bytes) -> int:
    """Send a registration to one counterparty and note under which sequence, 0 when the port is paused."""
    sequence = announce(ctx, client, MEMBER_PORT, signed)
    ctx.state.put(CounterRow(announcement_counter(client.client_id, row.member_id), sequence))
    ctx.confirmed.clear()
    if sequence:
        ctx.state.put(replace(row, packet_sequence=sequence))
    return sequence


def _register(ctx: BlockContext, signed: bytes) -> MemberRow | None:
    body, signature = decode_signed_member(signed)
    registration = _verified(ctx, ctx.config.authority, body, signature)
    standing = ctx.state.get(MemberRow, (HOME, registration.member_id))
    keys = ctx.state.scan(KeyRow, (HOME, registration.member_id))
    changes = plan_member(registration, body, standing, keys)
    return None if changes is None else _write(ctx, HOME, registration, body, signature, changes)


def _verified(ctx: BlockContext, authority: Authority, body: bytes, signature: bytes) -> MemberRegistration:
    return verify_member_signature(
        authority.suite_id, authority.public_key, authority.ledger_id, body, signature, ctx.check
    )


def _write(
    ctx: BlockContext,
    origin: str,
    registration: MemberRegistration,
    body: bytes,
    signature: bytes,
    changes: tuple[KeyChange, ...],
) -> MemberRow:
    """The member's newest revision, and every key that is new or no longer signs."""
    ctx.issuers.clear()
    member_id = registration.member_id
    row = MemberRow(origin, member_id, registration.revision, registration.state, body, signature, 0)
    ctx.state.put(row)
    for key in changes:
        ctx.state.put(KeyRow(origin, member_id, key.key_id, key.suite, key.public_key, key.revoked))
    return row
