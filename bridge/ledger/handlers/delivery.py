"""Delivers what another ledger proved: headers first, then runs of packets and acknowledgements, each item on its own.

One refused item never sinks the others, and a run whose proof fails refuses only its own items.
"""

from __future__ import annotations

from bridge.errors import BridgeError, DecodeError, Reason, VerificationError
from bridge.ledger.client import Client
from bridge.ledger.context import BlockContext
from bridge.ledger.handlers.headers import deliver_header
from bridge.ledger.handlers.receiving import (
    acknowledge_packet,
    receive_packet,
    refused,
    settled_acknowledgement,
    settled_packet,
)
from bridge.ledger.prepared import PreparedItem, PreparedOperation, PreparedRun
from bridge.light_client.types import ConsensusState, Entry, OpaqueLeaf, RunElement
from bridge.protocol.commitments import acknowledgement_commitment
from bridge.protocol.paths import acknowledgement_path, packet_path
from bridge.v1.transaction_pb2 import ITEM_STATE_NOOP, ItemResult, OperationResult

Answer = ItemResult | None


def execute_deliver(ctx: BlockContext, operation: PreparedOperation) -> OperationResult:
    """[DEL-2] Take a delivery; the answer has one result for each header, then one for each run item.

    The operation itself is refused only when its client does not exist.
    """
    client = ctx.client(operation.client_id)
    results = [deliver_header(ctx, client, header) for header in operation.headers]
    for run in operation.runs:
        results.extend(deliver_run(ctx, client, run))
    return OperationResult(items=results)


def deliver_run(ctx: BlockContext, client: Client, run: PreparedRun) -> list[ItemResult]:
    """[DEL-3] Take a run: what was settled before is a NOOP; the rest takes effect when the run's proof holds."""
    try:
        trusted = validate_run(ctx, client, run)
    except BridgeError as error:
        return [refused(item.sequence, error.reason) for item in run.items]
    answers = _settled(ctx, client, run.items)
    if any(answer is None for answer in answers):
        try:
            client.profile.verify_membership(trusted, run.proof, _elements(client, run.items))
        except BridgeError as error:
            return [
                answer or refused(item.sequence, error.reason) for item, answer in zip(run.items, answers, strict=True)
            ]
    return [answer or execute_item(ctx, client, item) for item, answer in zip(run.items, answers, strict=True)]


def validate_run(ctx: BlockContext, client: Client, run: PreparedRun) -> ConsensusState:
    """[DEL-4] The trusted state a run is proven under: of an ACTIVE, paired client, at a height it knows."""
    client.require_active(ctx.time)
    client.require_paired()
    return ctx.require_consensus(client, run.proof_height)


def execute_item(ctx: BlockContext, client: Client, item: PreparedItem) -> ItemResult:
    """[DEL-5] Give a proven item its effect."""
    if item.packet is not None:
        return receive_packet(ctx, client, item)
    if item.acknowledgement:
        return acknowledge_packet(ctx, client, item)
    return ItemResult(state=ITEM_STATE_NOOP)


def _settled(ctx: BlockContext, client: Client, items: list[PreparedItem]) -> list[Answer]:
    """[DEL-6] Answers that need no proof: refusals, and items that had their effect before. None where a proof decides.

    An opaque item needs a proof only for the sake of its neighbours.
    """
    answers: list[Answer] = []
    seen: set[tuple[bool, int]] = set()
    for item in items:
        answer: Answer
        try:
            answer = _settled_item(ctx, client, item)
            name = (item.acknowledgement, item.sequence)
            if answer is None and name in seen:
                raise VerificationError(Reason.PROOF_INVALID, "a run names an entry once", sequence=item.sequence)
            seen.add(name)
        except BridgeError as error:
            answer = refused(item.sequence, error.reason)
        answers.append(answer)
    return answers


def _settled_item(ctx: BlockContext, client: Client, item: PreparedItem) -> Answer:
    if item.error is not None:
        raise item.error
    if item.packet is not None:
        packet = item.packet
        if packet.source_client != client.counterparty_client_id or packet.destination_client != client.client_id:
            raise VerificationError(
                Reason.COUNTERPARTY_MISMATCH,
                "the packet is between other clients",
                got=f"{packet.source_client} {packet.destination_client}",
                expected=f"{client.counterparty_client_id} {client.client_id}",
            )
        return settled_packet(ctx, client, item)
    if item.acknowledgement:
        return settled_acknowledgement(ctx, client, item)
    return ItemResult(state=ITEM_STATE_NOOP)


def _elements(client: Client, items: list[PreparedItem]) -> list[RunElement]:
    """[DEL-7] The entries a run claims, rebuilt from its items: paths from the pairing, values from the bytes."""
    hash_ = client.suite.hash
    elements: list[RunElement] = []
    for item in items:
        if item.packet is not None:
            packet = item.packet
            path = packet_path(packet.source_client, packet.sequence)
            elements.append(Entry(path, item.commitment(client.suite)))
        elif item.error is not None:
            raise DecodeError(Reason.PROOF_INVALID, "an item of the run cannot be read, so the run proves nothing")
        elif item.acknowledgement:
            path = acknowledgement_path(client.counterparty_client_id, item.sequence)
            elements.append(Entry(path, acknowledgement_commitment(hash_, item.body)))
        else:
            elements.append(OpaqueLeaf(item.body))
    return elements
