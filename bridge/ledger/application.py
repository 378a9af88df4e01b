"""The deterministic application: what a block of transactions does to a ledger, given its state, height and time.

`execute` depends on nothing else: no clock, no chance, no order of sets. The engine that orders transactions is
interchangeable; one process or a consortium of nodes must come to the same rows, results and entries.
"""

from __future__ import annotations

from collections.abc import Sequence

from bridge.clock import Nanos
from bridge.crypto.ports import SignatureCheck, SignatureTask
from bridge.errors import BridgeError, CallerNotAllowedError, DecodeError, Reason, VerificationError
from bridge.ledger import lookahead
from bridge.ledger.config import ApplicationConfig
from bridge.ledger.context import BlockContext
from bridge.ledger.examined import Examine
from bridge.ledger.handlers.issuers import roles_of
from bridge.ledger.handlers.members import execute_genesis_members
from bridge.ledger.handlers.operations import OPERATIONS
from bridge.ledger.prepared import Prepared, PreparedOperation, PreparedTransaction, prepare
from bridge.ledger.rows import HOME, KeyRow, MemberRow
from bridge.ledger.state import Overlay, State
from bridge.ledger.types import BlockResult, TransactionResult
from bridge.light_client.profiles import profile
from bridge.v1.member_pb2 import MEMBER_STATE_REVOKED
from bridge.v1.transaction_pb2 import OperationResult
from bridge.wire import encode

GENESIS_HEIGHT = 1
"""Height of the first block, which registers the configured members before anything else."""

MAX_DETAIL_CHARACTERS = 500
"""Longest detail of a refusal, in characters; details are for people and are not hashed."""


class Application:
    """One ledger's application. It holds its configuration and nothing else, so it can be shared between threads."""

    def __init__(self, config: ApplicationConfig) -> None:
        self.config = config

    def prepare(self, transactions: Sequence[bytes]) -> list[PreparedTransaction]:
        """[APP-2] Decode transactions once, ahead of execution; never raises, never looks at state."""
        return prepare(transactions)

    def signature_tasks(self, state: State, prepared: Prepared) -> list[SignatureTask]:
        """[APP-5] Signatures that execution will probably ask for, to be checked in threads before it runs."""
        return lookahead.signature_tasks(self.config, state, prepared)

    def examine(self, state: State, prepared: Prepared, examine: Examine) -> None:
        """[APP-12] Have the packets of a delivery examined ahead of execution, wherever `examine` does that."""
        tasks = lookahead.packet_tasks(state, prepared)
        if tasks:
            lookahead.adopt(tasks, examine([task for _, _, task in tasks]))

    def prefetch(self, state: State, prepared: Prepared) -> None:
        """[APP-4] Read the rows execution will probably ask for; `execute` does this itself."""
        lookahead.prefetch(self.config, state, prepared)

    def execute(
        self, state: State, height: int, time: Nanos, prepared: Prepared, check: SignatureCheck
    ) -> tuple[BlockResult, Overlay]:
        """[APP-6] Execute a block; the overlay holds every row it wrote, for the store to write in one transaction.

        A transaction or operation that is refused is answered with its reason and leaves no row and no entry.
        """
        lookahead.prefetch(self.config, state, prepared)
        ctx = BlockContext(self.config, state, height, time, check)
        if height == GENESIS_HEIGHT:
            execute_genesis_members(ctx)
        ctx.alone = len(prepared) == 1 and len(prepared[0].operations) == 1
        results = tuple(_execute_transaction(ctx, transaction) for transaction in prepared)
        return BlockResult(results, ctx.rotation), ctx.close()


def _execute_transaction(ctx: BlockContext, transaction: PreparedTransaction) -> TransactionResult:
    """[APP-7] Execute a transaction's operations one by one, each for itself, when its submitter may submit at all."""
    key: KeyRow | None = None
    ctx.entries = []
    try:
        key = _submitter_key(ctx, transaction)
        roles = validate_transaction(ctx, transaction, key)
    except BridgeError as error:
        return TransactionResult(
            code=1,
            reason=error.reason,
            detail=_detail(error),
            submitter_suite=key.suite if key is not None else "",
            submitter_key=key.public_key if key is not None else b"",
        )
    operations = tuple(_execute_operation(ctx, operation, roles) for operation in transaction.operations)
    return TransactionResult(
        code=0,
        operations=operations,
        entries=tuple(ctx.entries),
        data=result_data(operations),
        submitter_suite=key.suite,
        submitter_key=key.public_key,
    )


def _submitter_key(ctx: BlockContext, transaction: PreparedTransaction) -> KeyRow:
    """[APP-8] The key of a member of this ledger that the transaction names; MEMBER_UNKNOWN or MEMBER_REVOKED
    otherwise.
    """
    if transaction.submitter is None:
        raise transaction.error or DecodeError(Reason.MALFORMED_MESSAGE, "no transaction")
    member_id, key_id = transaction.submitter
    member = ctx.state.get(MemberRow, (HOME, member_id))
    key = ctx.state.get(KeyRow, (HOME, member_id, key_id))
    if member is None or key is None:
        raise VerificationError(Reason.MEMBER_UNKNOWN, "no such member or key", member_id=member_id, key_id=key_id)
    if member.state == MEMBER_STATE_REVOKED or key.revoked:
        raise VerificationError(Reason.MEMBER_REVOKED, "it is revoked", member_id=member_id, key_id=key_id)
    return key


def validate_transaction(ctx: BlockContext, transaction: PreparedTransaction, key: KeyRow) -> frozenset[int]:
    """[APP-9] For this ledger, in its suite, signed by the key over the profile's sign-bytes; returns the member's
    roles.
    """
    body, message = transaction.body, transaction.transaction
    assert body is not None
    assert message is not None
    config = ctx.config
    if body.ledger_id != config.ledger_id:
        raise VerificationError(Reason.LEDGER_ID_MISMATCH, "transaction", got=body.ledger_id, expected=config.ledger_id)
    if key.suite != config.suite_id:
        raise VerificationError(Reason.SIGNATURE_INVALID, "submissions are signed in the ledger's suite", got=key.suite)
    sign_bytes = transaction.sign_bytes(profile(config.profile_id), config.ledger_id)
    ctx.check(key.suite, key.public_key, sign_bytes, message.signature)
    member = ctx.state.get(MemberRow, (HOME, body.member_id))
    assert member is not None
    return roles_of(member.registration)


def _execute_operation(ctx: BlockContext, operation: PreparedOperation, roles: frozenset[int]) -> OperationResult:
    """[APP-10] Execute one operation; a refusal is its answer, and nothing of it stays."""
    try:
        if operation.error is not None:
            raise operation.error
        handler, allowed = OPERATIONS[operation.kind]
        if not roles & allowed:
            raise CallerNotAllowedError(Reason.ROLE_MISSING, "the submitter has no role for this", kind=operation.kind)
        return ctx.attempt(lambda: handler(ctx, operation))
    except BridgeError as error:
        return OperationResult(code=1, reason=error.reason, detail=_detail(error))


def result_data(operations: Sequence[OperationResult]) -> bytes:
    """[APP-11] What is hashed of a transaction's results: each result's bytes without its detail, after their length.

    Lengths are 4 bytes, big-endian.
    """
    parts: list[bytes] = []
    for operation in operations:
        hashed = operation
        if operation.detail:
            hashed = OperationResult()
            hashed.CopyFrom(operation)
            hashed.ClearField("detail")
        data = encode(hashed)
        parts += (len(data).to_bytes(4, "big"), data)
    return b"".join(parts)


def _detail(error: BridgeError) -> str:
    return str(error)[:MAX_DETAIL_CHARACTERS]
