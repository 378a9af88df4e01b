"""Creates, pairs, freezes and recovers clients: always by acts of authorities or by proof, never by a packet."""

from __future__ import annotations

from bridge.errors import AlreadyExistsError, PreconditionError, Reason, VerificationError
from bridge.ledger.client import Client, consensus_row
from bridge.ledger.context import BlockContext
from bridge.ledger.handlers.headers import freeze, require_set_in_force
from bridge.ledger.handlers.mappings import announce_mappings
from bridge.ledger.handlers.members import announce_members
from bridge.ledger.prepared import PreparedOperation
from bridge.ledger.rows import ClientRow, ConsensusRow
from bridge.light_client.misbehaviour import verify_misbehaviour
from bridge.light_client.predicates import require_not_expired, require_not_from_future
from bridge.light_client.profiles import profile
from bridge.light_client.types import ClientStatus, ConsensusState, TrustOptions, UntrustedHeader
from bridge.light_client.verifier import verify_anchor
from bridge.protocol.acts import (
    decode_create_client,
    decode_pair_client,
    decode_recover_client,
    decode_signed_act,
    verify_act,
)
from bridge.protocol.clients import Authority, trust_options
from bridge.v1.transaction_pb2 import (
    CreateClientAct,
    OperationResult,
    PairClientAct,
    RecoverClientAct,
    SignedAct,
)


def execute_create_client(ctx: BlockContext, operation: PreparedOperation) -> OperationResult:
    """[CLI-4] Create a client from an anchor, by an act of this ledger's authority; the same act again is a NOOP."""
    signed = decode_signed_act(operation.message.create_client)
    act = decode_create_client(signed.act)
    consensus = validate_create_client(ctx, signed, act)
    row = _client_row(act, consensus)
    existing = ctx.state.get(ClientRow, (act.client_id,))
    if existing is None:
        ctx.state.put(row)
        ctx.state.put(consensus_row(act.client_id, consensus, b""))
        return OperationResult()
    anchored = ctx.state.get(ConsensusRow, (act.client_id, consensus.height))
    if anchored == consensus_row(act.client_id, consensus, b"") and _same_parameters(existing, row):
        return OperationResult(noop=True)
    raise AlreadyExistsError(Reason.CLIENT_EXISTS, "client ids are never used twice", client_id=act.client_id)


def validate_create_client(ctx: BlockContext, signed: SignedAct, act: CreateClientAct) -> ConsensusState:
    """[CLI-5] Signed by this ledger's authority, about another ledger, from an anchor that can carry trust and is
    fresh.
    """
    ctx.require_here(act.ledger_id)
    verify_act(signed, (ctx.config.authority,), ctx.check)
    if act.anchor.ledger_id == ctx.config.ledger_id:
        raise VerificationError(Reason.LEDGER_ID_MISMATCH, "a ledger does not track itself", got=act.anchor.ledger_id)
    consensus = verify_anchor(profile(act.anchor.profile), act.anchor)
    _require_fresh(ctx, consensus, trust_options(act))
    return consensus


def execute_pair_client(ctx: BlockContext, operation: PreparedOperation) -> OperationResult:
    """[CLI-6] Pair a client for good, and announce this ledger's members and mappings to the other side."""
    signed = decode_signed_act(operation.message.pair_client)
    act = decode_pair_client(signed.act)
    client, counterparty = validate_pair_client(ctx, signed, act)
    if client.counterparty_client_id == counterparty:
        return OperationResult(noop=True)
    client.counterparty_client_id = counterparty
    client.dirty = True
    announce_members(ctx, client)
    announce_mappings(ctx, client)
    return OperationResult()


def validate_pair_client(ctx: BlockContext, signed: SignedAct, act: PairClientAct) -> tuple[Client, str]:
    """[CLI-7] Signed by both authorities, about this ledger's client and the ledger it tracks; a pair never changes."""
    first, second = (act.ledger_id_1, act.client_id_1), (act.ledger_id_2, act.client_id_2)
    if ctx.config.ledger_id not in (first[0], second[0]):
        ctx.require_here(first[0])
    here, there = (first, second) if first[0] == ctx.config.ledger_id else (second, first)
    client = ctx.client(here[1])
    if there[0] != client.tracked_ledger_id:
        raise VerificationError(
            Reason.COUNTERPARTY_MISMATCH,
            "the client tracks another ledger",
            got=there[0],
            expected=client.tracked_ledger_id,
        )
    verify_act(signed, (ctx.config.authority, client.authority), ctx.check)
    if client.counterparty_client_id == there[1]:
        return client, there[1]
    if client.counterparty_client_id:
        raise AlreadyExistsError(Reason.CLIENT_ALREADY_PAIRED, "a pair never changes", client_id=here[1], got=there[1])
    # Acknowledgements stand under the other client's name, so they would close the packets of both clients here.
    if any((other.tracked_ledger_id, other.counterparty_client_id) == there for other in ctx.paired_clients()):
        raise AlreadyExistsError(Reason.CLIENT_ALREADY_PAIRED, "the other client has its pair here", got=there[1])
    client.require_active(ctx.time)
    return client, there[1]


def execute_submit_misbehaviour(ctx: BlockContext, operation: PreparedOperation) -> OperationResult:
    """[MIS-4] Freeze a client when two headers prove that its ledger equivocated; NOOP when it is frozen already."""
    client = ctx.client(operation.client_id)
    if client.frozen:
        return OperationResult(noop=True)
    validate_misbehaviour(ctx, client, operation)
    freeze(client, operation.headers[0].data, operation.headers[1].data)
    return OperationResult()


def validate_misbehaviour(ctx: BlockContext, client: Client, operation: PreparedOperation) -> None:
    """[MIS-5] Both headers verify from states the client trusts and that are not expired, and contradict each other.

    As for updates, validators answer for the heights that were theirs to sign [UPD-12].
    """
    sides: list[tuple[ConsensusState, UntrustedHeader]] = []
    for header in operation.headers:
        untrusted = header.opened(client.profile)
        trusted = ctx.require_consensus(client, untrusted.trusted_height)
        require_not_expired(trusted, client.options, ctx.time)
        require_set_in_force(ctx, client, trusted, untrusted.height)
        sides.append((trusted, untrusted))
    verify_misbehaviour(client.profile, sides[0], sides[1], client.options, ctx.check)


def execute_recover_client(ctx: BlockContext, operation: PreparedOperation) -> OperationResult:
    """[CLI-8] Give a frozen or expired client a new anchor; its pairing, sequences, receipts and evidence stay.

    [CLI-10] After a freeze nothing below the anchor is believed any more: whoever signed twice may have slipped in
    heights that nobody has missed yet, and the evidence that was dealt with must not freeze the client again.
    """
    signed = decode_signed_act(operation.message.recover_client)
    act = decode_recover_client(signed.act)
    client = ctx.client(act.client_id)
    ctx.require_here(act.ledger_id)
    verify_act(signed, (ctx.config.authority, client.authority), ctx.check)
    consensus = verify_anchor(client.profile, act.anchor)
    row = consensus_row(client.client_id, consensus, b"")
    if ctx.state.get(ConsensusRow, row.key) == row and client.status(ctx.time) is ClientStatus.ACTIVE:
        return OperationResult(noop=True)
    validate_recover_client(ctx, client, act, consensus)
    if client.frozen:
        client.trusted_from = consensus.height
    client.frozen = False
    client.latest = consensus
    client.authority = Authority(act.anchor.ledger_id, act.anchor.authority_suite, act.anchor.authority_public_key)
    client.dirty = True
    ctx.state.put(row)
    return OperationResult()


def validate_recover_client(
    ctx: BlockContext, client: Client, act: RecoverClientAct, consensus: ConsensusState
) -> None:
    """[CLI-9] Only a client that does not work is recovered, from an anchor of its ledger above all it trusts, and
    fresh.
    """
    if client.status(ctx.time) is ClientStatus.ACTIVE:
        raise PreconditionError(Reason.CLIENT_ACTIVE, "the client is active", client_id=client.client_id)
    if act.anchor.ledger_id != client.tracked_ledger_id:
        raise VerificationError(
            Reason.LEDGER_ID_MISMATCH, "anchor", got=act.anchor.ledger_id, expected=client.tracked_ledger_id
        )
    if consensus.height <= client.latest.height:
        raise VerificationError(
            Reason.NON_INCREASING_HEIGHT, "anchor", got=consensus.height, expected_above=client.latest.height
        )
    if consensus.time < client.latest.time:
        raise VerificationError(
            Reason.NON_INCREASING_TIME, "anchor", got=consensus.time, expected_from=client.latest.time
        )
    _require_fresh(ctx, consensus, client.options)


def _require_fresh(ctx: BlockContext, anchored: ConsensusState, options: TrustOptions) -> None:
    """[CLI-11] An anchor is neither expired nor from the future, or a client would be trusted beyond its period.

    Raises PreconditionError CLIENT_EXPIRED or VerificationError HEADER_FROM_FUTURE.
    """
    require_not_expired(anchored, options, ctx.time)
    require_not_from_future(anchored, options, ctx.time)


def _client_row(act: CreateClientAct, consensus: ConsensusState) -> ClientRow:
    options = trust_options(act)
    return ClientRow(
        client_id=act.client_id,
        tracked_ledger_id=consensus.ledger_id,
        profile=act.anchor.profile,
        suite=act.anchor.suite,
        frozen=False,
        latest_height=consensus.height,
        trusting_period=options.trusting_period,
        clock_drift=options.clock_drift,
        trust_numerator=options.trust_numerator,
        trust_denominator=options.trust_denominator,
        counterparty_client_id="",
        next_sequence=1,
        authority_suite=act.anchor.authority_suite,
        authority_public_key=act.anchor.authority_public_key,
        evidence=b"",
        pending_count=0,
        trusted_from=consensus.height,
    )


def _same_parameters(left: ClientRow, right: ClientRow) -> bool:
    """Whether two rows were made by one act, whatever became of the client since."""
    fields = (
        "tracked_ledger_id",
        "profile",
        "suite",
        "trusting_period",
        "clock_drift",
        "trust_numerator",
        "trust_denominator",
    )
    return all(getattr(left, field) == getattr(right, field) for field in fields)
