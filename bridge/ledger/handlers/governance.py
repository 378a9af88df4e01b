"""Acts of this ledger's authority on the ledger itself: pausing a port, replacing the validators."""

from __future__ import annotations

from bridge.clock import NANOS_PER_SECOND
from bridge.errors import AlreadyExistsError, PreconditionError, Reason, VerificationError
from bridge.ledger.context import BlockContext
from bridge.ledger.handlers.mappings import announce_mappings
from bridge.ledger.handlers.members import announce_members
from bridge.ledger.prepared import PreparedOperation
from bridge.ledger.rows import PauseRow, ValidatorSetRow
from bridge.protocol.acts import decode_pause, decode_rotate_validators, decode_signed_act, verify_act
from bridge.protocol.clients import MAX_CLOCK_DRIFT_SECONDS
from bridge.protocol.paths import MAX_SEQUENCE
from bridge.protocol.ports import IDENTIFIER_PORT, MEMBER_PORT
from bridge.v1.transaction_pb2 import OperationResult, RotateValidatorsAct
from bridge.wire import nanos_from

GENESIS_SET_NUMBER = 1
"""Number of the validator set a ledger begins with; it is configuration and has no row."""


def execute_set_pause(ctx: BlockContext, operation: PreparedOperation) -> OperationResult:
    """[PAU-1] Pause or resume a port of a client; what could not be announced while it was paused is announced now."""
    signed = decode_signed_act(operation.message.set_pause)
    act = decode_pause(signed.act)
    ctx.require_here(act.ledger_id)
    verify_act(signed, (ctx.config.authority,), ctx.check)
    client = ctx.client(act.client_id)
    row = PauseRow(act.client_id, act.port, act.paused, nanos_from(act.act_time, "act_time"))
    if ctx.state.get(PauseRow, row.key) == row:
        return OperationResult(noop=True)
    was_paused = validate_set_pause(ctx, row)
    ctx.set_paused(row)
    if was_paused and not act.paused and client.counterparty_client_id:
        if act.port == MEMBER_PORT:
            announce_members(ctx, client)
        elif act.port == IDENTIFIER_PORT:
            announce_mappings(ctx, client)
    return OperationResult()


def validate_set_pause(ctx: BlockContext, row: PauseRow) -> bool:
    """[PAU-2] Acts on a port come in the order of their times, or an old act could be replayed; REVISION_CONFLICT.

    An act from the future would keep every later one out until then: VerificationError INVALID_FIELD. Returns whether
    the port is paused now.
    """
    latest = ctx.time + MAX_CLOCK_DRIFT_SECONDS * NANOS_PER_SECOND
    if row.act_time > latest:
        raise VerificationError(Reason.INVALID_FIELD, "the act is from the future", got=row.act_time, limit=latest)
    standing = ctx.state.get(PauseRow, row.key)
    if standing is not None and row.act_time <= standing.act_time:
        raise AlreadyExistsError(
            Reason.REVISION_CONFLICT, "a later act stands", got=row.act_time, expected_above=standing.act_time
        )
    return standing is not None and standing.paused


def execute_rotate_validators(ctx: BlockContext, operation: PreparedOperation) -> OperationResult:
    """[ROT-1] Replace the validator set from the next heights on; the format says from which."""
    signed = decode_signed_act(operation.message.rotate_validators)
    act = decode_rotate_validators(signed.act, ctx.config.suite_id)
    ctx.require_here(act.ledger_id)
    verify_act(signed, (ctx.config.authority,), ctx.check)
    standing = ctx.state.floor(ValidatorSetRow, (MAX_SEQUENCE,))
    if standing is not None and standing.validators == signed.act:
        return OperationResult(noop=True)
    validate_rotate_validators(ctx, act, standing)
    ctx.state.put(ValidatorSetRow(act.set_number, signed.act, ctx.height))
    ctx.rotation = act
    return OperationResult()


def validate_rotate_validators(ctx: BlockContext, act: RotateValidatorsAct, standing: ValidatorSetRow | None) -> None:
    """[ROT-2] Sets are numbered without gaps, and a rotation is the only operation of its block, as formats need it."""
    expected = (standing.set_number if standing is not None else GENESIS_SET_NUMBER) + 1
    if act.set_number != expected:
        raise AlreadyExistsError(Reason.REVISION_CONFLICT, "set number", got=act.set_number, expected=expected)
    if not ctx.alone:
        raise PreconditionError(Reason.STATE_CHANGED, "a rotation is the only operation of its block; submit it alone")
