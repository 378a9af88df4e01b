"""Updates a client with headers of the ledger it tracks, and freezes it when they show that the ledger equivocated.

Source: ICS-02; ibc-go `modules/light-clients/07-tendermint/{update,misbehaviour_handle}.go`.
"""

from __future__ import annotations

from bridge.errors import BridgeError, PreconditionError, Reason, VerificationError
from bridge.ledger.client import Client, consensus_row
from bridge.ledger.context import MAX_HEIGHT, BlockContext
from bridge.ledger.prepared import PreparedHeader
from bridge.ledger.rows import ConsensusRow
from bridge.light_client.types import ConsensusState
from bridge.light_client.verifier import verify_update
from bridge.v1.transaction_pb2 import (
    ITEM_STATE_APPLIED,
    ITEM_STATE_NOOP,
    ITEM_STATE_REFUSED,
    ItemResult,
    MisbehaviourEvidence,
)
from bridge.wire import encode


def deliver_header(ctx: BlockContext, client: Client, header: PreparedHeader) -> ItemResult:
    """[UPD-9] Take one header: APPLIED when it verified, NOOP when it is known already, REFUSED otherwise.

    A header that verifies and contradicts what is known is APPLIED too: it freezes the client.
    """
    try:
        proven = validate_header(ctx, client, header)
    except BridgeError as error:
        return ItemResult(state=ITEM_STATE_REFUSED, reason=error.reason)
    if proven is None:
        return ItemResult(state=ITEM_STATE_NOOP)
    execute_header(ctx, client, header, proven)
    return ItemResult(state=ITEM_STATE_APPLIED)


def validate_header(ctx: BlockContext, client: Client, header: PreparedHeader) -> ConsensusState | None:
    """[UPD-10] The consensus state the header proves from a stored one, at any height, or None when it is known
    already.

    Heights may be filled in below the newest one, or two relayers would block each other. Raises what decoding and
    `verify_update` raise, CLIENT_FROZEN, and CONSENSUS_STATE_NOT_FOUND.
    """
    if client.frozen:
        raise PreconditionError(Reason.CLIENT_FROZEN, "the client is frozen", client_id=client.client_id)
    untrusted = header.opened(client.profile)
    if untrusted.height > MAX_HEIGHT:
        raise VerificationError(Reason.HEADER_INVALID, "height", got=untrusted.height, limit=MAX_HEIGHT)
    known = ctx.consensus(client, untrusted.height)
    if known is not None and known.header_hash == untrusted.header_hash:
        return None
    trusted = ctx.require_consensus(client, untrusted.trusted_height)
    proven = verify_update(client.profile, trusted, untrusted, client.options, ctx.time, ctx.check)
    require_set_in_force(ctx, client, trusted, proven.height)
    return proven


def require_set_in_force(ctx: BlockContext, client: Client, trusted: ConsensusState, height: int) -> None:
    """[UPD-12] No height the client trusts between `trusted` and `height` names other validators than `trusted` does.

    Validators that were rotated out, perhaps because their keys were stolen, would otherwise sign new headers from an
    old height until that expires. PreconditionError CONSENSUS_STATE_NOT_FOUND: verify from the nearer height.
    """
    if trusted.height in (client.latest.height, height - 1):
        return
    nearest = ctx.state.floor(ConsensusRow, (client.client_id, min(height - 1, MAX_HEIGHT)))
    if nearest is not None and nearest.next_validators_hash != trusted.next_validators_hash:
        raise PreconditionError(
            Reason.CONSENSUS_STATE_NOT_FOUND,
            "a nearer trusted height names other validators; verify from there",
            client_id=client.client_id,
            height=nearest.height,
            got=trusted.height,
        )


def execute_header(ctx: BlockContext, client: Client, header: PreparedHeader, proven: ConsensusState) -> None:
    """[UPD-11] Store the state, or freeze the client when the state contradicts a known one."""
    contradicted = _contradicted(ctx, client, proven)
    if contradicted is not None:
        if contradicted.height > proven.height:
            freeze(client, contradicted.update, header.data)
        else:
            freeze(client, header.data, contradicted.update)
        return
    ctx.state.put(consensus_row(client.client_id, proven, header.data))
    if proven.height > client.latest.height:
        client.latest = proven
        client.dirty = True


def freeze(client: Client, header_1: bytes, header_2: bytes) -> None:
    """[MIS-2] Freeze a client and keep both headers, the higher first; only an act of both authorities thaws it."""
    client.frozen = True
    client.evidence = encode(MisbehaviourEvidence(client_id=client.client_id, header_1=header_1, header_2=header_2))
    client.dirty = True


def _contradicted(ctx: BlockContext, client: Client, proven: ConsensusState) -> ConsensusRow | None:
    """[MIS-3] The known state that cannot stand beside `proven`: another header at its height, or times out of
    order.
    """
    client_id, height = client.client_id, proven.height
    at = ctx.state.get(ConsensusRow, (client_id, height))
    if at is not None:
        return at
    strict = client.profile.strict_time
    below = ctx.state.floor(ConsensusRow, (client_id, height))
    if below is not None and (proven.time < below.time or (strict and proven.time == below.time)):
        return below
    if height > client.latest.height:
        return None
    above = ctx.state.ceiling(ConsensusRow, (client_id, height))
    if above is not None and (proven.time > above.time or (strict and proven.time == above.time)):
        return above
    return None
