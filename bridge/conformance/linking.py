"""Joins a counterparty with the target by acts of both authorities, and lets it confirm the target's members."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bridge.conformance.checks import Failed, NotRun, item_applied
from bridge.conformance.target import MemberKey
from bridge.crypto.ports import Signer
from bridge.errors import BridgeError
from bridge.light_client.profiles import profile
from bridge.v1 import ledger_service_pb2 as api
from bridge.v1.packet_pb2 import Packet
from bridge.v1.transaction_pb2 import Operation, Transaction, TransactionBody
from bridge.wire import decode_strict, encode, timestamp_of

if TYPE_CHECKING:
    from bridge.conformance.counterparty import Counterparty
    from bridge.conformance.kit import Kit

TRUSTING_SECONDS = 14 * 86_400
"""Trusting period of a client of the kit unless its case asks for another, in seconds."""

DRIFT_SECONDS = 10
"""Clock drift of a client of the kit unless its case asks for another, in seconds."""

MAX_PENDING = 500
"""Packets that a fresh client may have pending: one for each member and mapping of the target."""


def link(
    kit: Kit,
    *,
    paired: bool = True,
    trusting_seconds: int = TRUSTING_SECONDS,
    drift_seconds: int = DRIFT_SECONDS,
    trust_level: tuple[int, int] = (1, 3),
    profile_id: str = "",
    **options: Any,
) -> Counterparty:
    """A counterparty of a profile the target takes, with its client on the target; paired unless told otherwise."""
    from bridge.conformance.counterparty import Counterparty  # noqa: PLC0415 it imports what a run may not need
    from bridge.conformance.counterparty.acts import create_client_act, pair_client_act  # noqa: PLC0415

    authority = (kit.target.ledger_id, kit.signer("authority_key"))
    other = Counterparty(
        profile_id=profile_id or kit.other_profile,
        ledger_id=kit.session.fresh_name("test-kit"),
        target_ledger_id=kit.target.ledger_id,
        **options,
    )
    create = create_client_act(
        [authority],
        kit.target.ledger_id,
        other.client_id,
        other.anchor(),
        trusting_period_seconds=trusting_seconds,
        clock_drift_seconds=drift_seconds,
        trust_level=trust_level,
    )
    kit.ledger("authority").CreateClient(api.CreateClientRequest(act=create))
    if paired:
        ends = (kit.target.ledger_id, other.client_id), (other.ledger_id, other.own_client_id)
        act = pair_client_act([authority, (other.ledger_id, other.authority)], *ends)
        kit.ledger("authority").PairClient(api.PairClientRequest(act=act))
    return other


def waiting_packets(kit: Kit, client_id: str) -> list[Packet]:
    """Packets the target sent through a client that nobody acknowledged yet, oldest first."""
    request = api.ListPacketsRequest(
        client_id=client_id, kind=api.PACKET_KIND_SENT, pending_only=True, page_size=MAX_PENDING
    )
    items = kit.ledger().ListPackets(request).items
    return [decode_strict(Packet, item.body) for item in items]


def confirm(kit: Kit, other: Counterparty) -> None:
    """The counterparty accepts everything that waits, so that records may follow; Failed when the target refuses."""
    packets = waiting_packets(kit, other.client_id)
    if packets:
        settle(kit, other, packets)


def settle(kit: Kit, other: Counterparty, packets: Sequence[Packet]) -> api.DeliverResponse:
    """Acknowledge packets of the target as accepted on the counterparty, and deliver that."""
    first = other.entry_count
    for packet in packets:
        other.acknowledge(packet)
    other.advance()
    runs = other.prove(first, len(packets))
    trusted = kit.client(other.client_id).latest_height
    height = max(run.proof_height for run in runs)
    headers = [other.update(height, trusted)] if height > trusted else []
    answer = kit.deliver(other, headers=headers, runs=runs)
    results = [*answer.headers, *answer.items]
    if len(results) != len(headers) + len(packets):
        raise Failed("every item is answered", got=len(results), expected=len(headers) + len(packets))
    for result in results:
        item_applied(result, "an acknowledgement that the counterparty proved takes effect")
    return answer


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
