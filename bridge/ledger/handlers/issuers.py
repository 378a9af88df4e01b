"""Who signed: members and keys as this ledger knows them, for submissions and for statements of either side."""

from __future__ import annotations

from functools import lru_cache

from bridge.errors import PreconditionError, Reason, VerificationError
from bridge.ledger.context import BlockContext
from bridge.ledger.rows import CounterRow, KeyRow, MemberRow, PacketRow
from bridge.ledger.state import Overlay, State
from bridge.protocol.packets import PacketState
from bridge.v1.cargo_pb2 import Statement
from bridge.v1.member_pb2 import MEMBER_ROLE_ISSUER, MEMBER_STATE_REVOKED, MemberRegistration

MAX_REMEMBERED_REGISTRATIONS = 4096
"""Registrations whose roles are remembered; a registration has a few hundred bytes."""


@lru_cache(maxsize=MAX_REMEMBERED_REGISTRATIONS)
def roles_of(registration: bytes) -> frozenset[int]:
    """Roles a stored registration gives; it was decoded strictly when it was taken."""
    return frozenset(MemberRegistration.FromString(registration).roles)


def known_issuer(ctx: BlockContext, origin: str, statement: Statement) -> KeyRow:
    """As `issuer_key`, looked up once a block for each issuer."""
    name = (origin, statement.issuer_member_id, statement.issuer_key_id)
    key = ctx.issuers.get(name)
    if key is None:
        key = ctx.issuers[name] = issuer_key(ctx.state, *name)
    return key


def announcement_counter(client_id: str, member_id: str) -> str:
    """Name of the counter that keeps under which sequence a member was last announced through a client."""
    return f"announced/{client_id}/{member_id}"


def require_confirmed(ctx: BlockContext, client_id: str, member_id: str) -> None:
    """[ISS-5] The other ledger has accepted the newest registration of a member of this one.

    Packets arrive in any order, and whoever carries them could let a record overtake its issuer's registration: it
    would be rejected for good. Raises PreconditionError ISSUER_UNCONFIRMED.
    """
    if (client_id, member_id) in ctx.confirmed:
        return
    counter = ctx.state.get(CounterRow, (announcement_counter(client_id, member_id),))
    packet = ctx.state.get(PacketRow, (client_id, counter.value)) if counter is not None else None
    if packet is None or packet.state != PacketState.ACCEPTED.value:
        detail = "the other ledger has not confirmed the issuer's registration yet; try again"
        raise PreconditionError(Reason.ISSUER_UNCONFIRMED, detail, member_id=member_id, client_id=client_id)
    ctx.confirmed.add((client_id, member_id))


def issuer_key(state: State | Overlay, origin: str, member_id: str, key_id: str) -> KeyRow:
    """[ISS-1] The key of that id, of a member that may sign statements now.

    Raises VerificationError ISSUER_UNKNOWN, ISSUER_REVOKED (the member or the key), or ROLE_MISSING.
    """
    member = state.get(MemberRow, (origin, member_id))
    if member is None:
        raise VerificationError(Reason.ISSUER_UNKNOWN, "no such member", member_id=member_id)
    if member.state == MEMBER_STATE_REVOKED:
        raise VerificationError(Reason.ISSUER_REVOKED, "the member is revoked", member_id=member_id)
    if MEMBER_ROLE_ISSUER not in roles_of(member.registration):
        raise VerificationError(Reason.ROLE_MISSING, "the member is no issuer", member_id=member_id)
    key = state.get(KeyRow, (origin, member_id, key_id))
    if key is None:
        raise VerificationError(Reason.ISSUER_UNKNOWN, "no such key", member_id=member_id, key_id=key_id)
    if key.revoked:
        raise VerificationError(Reason.ISSUER_REVOKED, "the key is revoked", member_id=member_id, key_id=key_id)
    return key
