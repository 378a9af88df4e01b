"""Joins a counterparty with the target by acts of both authorities, and lets it confirm the target's members."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bridge.conformance.checks import NotRun, item_applied
from bridge.conformance.counterparty.ledger import Counterparty
from bridge.conformance.counterparty.packets import Written
from bridge.conformance.target import MemberKey
from bridge.crypto.ports import Signer
from bridge.errors import BridgeError
from bridge.light_client.profiles import profile
from bridge.v1 import ledger_service_pb2 as api
from bridge.v1.packet_pb2 import Packet
from bridge.v1.transaction_pb2 import Operation, Transaction, TransactionBody
from bridge.wire import decode_strict, encode, timestamp_of

if TYPE_CHECKING:
    from bridge.conformance.kit import Kit

MAX_PENDING = 500
"""Packets that a fresh client may have pending: one for each member and mapping of the target."""


def link(
    kit: Kit, *, paired: bool = True, profile_id: str = "", act: Mapping[str, Any], **options: Any
) -> Counterparty:
    """A counterparty of a profile the target takes, with its client on the target; paired unless told otherwise.

    `act` overrides fields of the creating act, as `acts.create_client_act` names them.
    """
    authority = (kit.target.ledger_id, kit.signer("authority_key"))
    other = Counterparty(profile_id or kit.other_profile, **options)
    create = other.create_act(authority, **act)
    kit.ledger("authority").CreateClient(api.CreateClientRequest(act=create))
    if paired:
        kit.ledger("authority").PairClient(api.PairClientRequest(act=other.pair_act(authority)))
    return other


def waiting_packets(kit: Kit, client_id: str) -> list[Packet]:
    """Packets the target sent through a client that nobody acknowledged yet, oldest first."""
    request = api.ListPacketsRequest(
        client_id=client_id, kind=api.PACKET_KIND_SENT, pending_only=True, page_size=MAX_PENDING
    )
    items = kit.ledger().ListPackets(request).items
    return [decode_strict(Packet, item.body) for item in items]


def confirm(kit: Kit, other: Counterparty) -> None:
    """The counterparty accepts all that waits, so that records may follow; Failed when the target refuses it."""
    packets = waiting_packets(kit, other.client_id)
    if packets:
        written = other.commit(*(other.acknowledgement(packet.sequence) for packet in packets))
        answer = carry(kit, other, *written)
        for result in [*answer.headers, *answer.items]:
            item_applied(result, "an acknowledgement that the counterparty proved takes effect")


def carry(kit: Kit, other: Counterparty, *written: Written) -> api.DeliverResponse:
    """Deliver what a counterparty wrote, with the headers that its client on the target lacks."""
    trusted = kit.client(other.client_id).latest_height
    headers, runs = other.delivery(*written, trusted_height=trusted)
    return kit.deliver(other, headers=headers, runs=runs)


def signed_transaction(kit: Kit, operations: Sequence[Operation], member: MemberKey, signer: Signer) -> Transaction:
    """Operations in a transaction of a member, signed as the target's profile signs."""
    try:
        form = profile(kit.target_profile)
    except BridgeError as error:
        raise NotRun(f"the target's header profile is not installed here: {error}") from error
    body = encode(
        TransactionBody(
            ledger_id=kit.target.ledger_id,
            member_id=member.member_id,
            key_id=member.key_id,
            submission_time=timestamp_of(kit.clock.now()),
            operations=operations,
        )
    )
    return Transaction(body=body, signature=signer.sign(form.transaction_sign_bytes(kit.target.ledger_id, body)))
