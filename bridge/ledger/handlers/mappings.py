"""Registers mappings of identifiers at home, announces them, and takes those of the other ledger."""

from __future__ import annotations

from bridge.cargo.mapping import HOME_SIDE, decode_signed_mapping, plan_mapping, verify_mapping_signature
from bridge.ledger.client import Client
from bridge.ledger.context import BlockContext
from bridge.ledger.handlers.sending import announce
from bridge.ledger.prepared import PreparedItem, PreparedOperation
from bridge.ledger.rows import HOME, MappingRow
from bridge.protocol.clients import Authority
from bridge.protocol.ports import IDENTIFIER_PORT
from bridge.v1.identifier_pb2 import SignedMapping
from bridge.v1.transaction_pb2 import OperationResult
from bridge.wire import encode


def execute_register_mapping(ctx: BlockContext, operation: PreparedOperation) -> OperationResult:
    """[MAP-7] Register or revoke a mapping of this ledger's authority and announce it; the same act again is a NOOP."""
    signed = operation.message.register_mapping
    if not _take(ctx, signed, ctx.config.authority, HOME):
        return OperationResult(noop=True)
    sequence = 0
    for client in ctx.paired_clients():
        sequence = announce(ctx, client, IDENTIFIER_PORT, signed) or sequence
    return OperationResult(sequence=sequence)


def receive_mapping(ctx: BlockContext, client: Client, item: PreparedItem) -> bytes:
    """[MAP-8] Take a mapping of the other ledger's authority; a conflict with what stands here rejects it."""
    assert item.payload is not None
    _take(ctx, item.payload.value, client.authority, client.client_id)
    return b""


def announce_mappings(ctx: BlockContext, client: Client) -> None:
    """[MAP-9] Announce every mapping of this ledger's authority to a counterparty that may not know them."""
    for row in ctx.state.scan(MappingRow, (HOME_SIDE,)):
        if row.origin == HOME:
            announce(ctx, client, IDENTIFIER_PORT, encode(SignedMapping(mapping=row.mapping, signature=row.signature)))


def _take(ctx: BlockContext, signed: bytes, authority: Authority, origin: str) -> bool:
    """Verify a mapping and write its two halves; False when it stands already."""
    body, signature = decode_signed_mapping(signed)
    mapping = verify_mapping_signature(
        authority.suite_id, authority.public_key, authority.ledger_id, body, signature, ctx.check
    )
    halves = plan_mapping(
        mapping, lambda side, scheme, value: ctx.state.get(MappingRow, (side, scheme, value)), origin=origin
    )
    for half in halves:
        ctx.state.put(
            MappingRow(
                half.side,
                half.scheme,
                half.value,
                half.other_scheme,
                half.other_value,
                half.revision,
                half.state,
                half.origin,
                half.mapping,
                signature,
            )
        )
    return bool(halves)
