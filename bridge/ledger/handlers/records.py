"""Issues, amends and voids records at home: one version after the other, signed, within the corridor policy, then
sent.
"""

from __future__ import annotations

from bridge.cargo.proven import require_disclosure
from bridge.cargo.record_ids import MAX_MADE_CHARACTERS
from bridge.cargo.statement import verify_statement_signature
from bridge.errors import PreconditionError, Reason, VerificationError
from bridge.ledger.context import BlockContext
from bridge.ledger.handlers.issuers import known_issuer, require_confirmed
from bridge.ledger.handlers.sending import execute_send, validate_send
from bridge.ledger.prepared import PreparedOperation
from bridge.ledger.rows import HOME, RecordRow, VersionRow
from bridge.protocol.packets import MAX_PAYLOAD_VALUE_BYTES
from bridge.protocol.ports import CARGO_PORT
from bridge.v1.cargo_pb2 import RECORD_ACT_VOIDED, RecordPayload, Statement
from bridge.v1.transaction_pb2 import IssueRecord, OperationResult

HOME_RECORD_ID_TAG = b"\x22"
"""Tag of RecordPayload.home_record_id: field 4, length-delimited. It is the last field, so it can be appended."""

MAX_ISSUED_BYTES = MAX_PAYLOAD_VALUE_BYTES - len(HOME_RECORD_ID_TAG) - 1 - MAX_MADE_CHARACTERS
"""Largest payload an issuer may hand in, in bytes: with the home record id it is still what the other side takes."""


def execute_issue_record(ctx: BlockContext, operation: PreparedOperation) -> OperationResult:
    """[ISS-2] Issue one version of a record and send it; the same version again is a NOOP that answers the first
    result.
    """
    issue = operation.message.issue_record
    assert operation.record is not None
    payload, statement = operation.record.opened()
    if statement.ledger_id != ctx.config.ledger_id:
        raise VerificationError(
            Reason.LEDGER_ID_MISMATCH, "home ledger", got=statement.ledger_id, expected=ctx.config.ledger_id
        )
    key, digest = operation.record.digests(ctx.suite)
    record = ctx.state.get(RecordRow, (HOME, key))
    issued = ctx.state.get(VersionRow, (HOME, key, statement.version)) if record is not None else None
    if record is not None and issued is not None and issued.digest == digest:
        return OperationResult(sequence=issued.sequence, local_record_id=record.local_id, noop=True)
    validate_version(ctx, record, key, statement)
    validate_issue(ctx, issue, payload, statement, record)
    return _execute_issue(ctx, issue, statement, record, key, digest)


def validate_version(ctx: BlockContext, record: RecordRow | None, key: bytes, statement: Statement) -> None:
    """[VER-1] A version is one above the newest and names its digest; nothing follows a void.

    Raises VerificationError VERSION_CONFLICT, or PreconditionError VERSION_GAP, RECORD_VOIDED. That version 1 issues
    and names no other is the statement's own rule.
    """
    version, latest = statement.version, record.latest_version if record is not None else 0
    if version <= latest:
        raise VerificationError(Reason.VERSION_CONFLICT, "the version stands with another content", got=version)
    if record is not None and record.status == RECORD_ACT_VOIDED:
        raise PreconditionError(Reason.RECORD_VOIDED, "nothing follows a void", version=version)
    if version > latest + 1:
        raise PreconditionError(Reason.VERSION_GAP, "an earlier version comes first", got=version, expected=latest + 1)
    if latest:
        previous = ctx.state.get(VersionRow, (HOME, key, latest))
        if previous is None or previous.digest != statement.previous_digest:
            raise VerificationError(
                Reason.VERSION_CONFLICT, "the version does not name the one before", got=statement.previous_digest
            )


def validate_issue(
    ctx: BlockContext, issue: IssueRecord, payload: RecordPayload, statement: Statement, record: RecordRow | None
) -> None:
    """[ISS-3] Signed by a registered issuer's key, disclosing only what the corridor allows, through an open client."""
    client = ctx.client(issue.client_id)
    if record is not None and record.client_id != issue.client_id:
        raise VerificationError(
            Reason.COUNTERPARTY_MISMATCH, "the record is sent elsewhere", got=issue.client_id, expected=record.client_id
        )
    if payload.home_record_id:
        raise VerificationError(Reason.INVALID_FIELD, "the ledger assigns the home record id", field="home_record_id")
    if len(issue.payload) > MAX_ISSUED_BYTES:
        raise VerificationError(Reason.LIMIT_EXCEEDED, "payload", got=len(issue.payload), limit=MAX_ISSUED_BYTES)
    validate_send(ctx, client, CARGO_PORT, issue.payload, issue.timeout_seconds)
    key = known_issuer(ctx, HOME, statement)
    require_confirmed(ctx, client.client_id, statement.issuer_member_id)
    verify_statement_signature(key.suite, key.public_key, ctx.config.ledger_id, payload, ctx.check)
    require_disclosure(ctx.suite, statement.document_root, statement.document_leaf_count, payload.disclosure)
    ctx.config.policy.require_allowed(statement.key.type, [leaf.pointer for leaf in payload.disclosure.leaves])


def _execute_issue(
    ctx: BlockContext,
    issue: IssueRecord,
    statement: Statement,
    record: RecordRow | None,
    key: bytes,
    digest: bytes,
) -> OperationResult:
    """[ISS-4] The version, the record's new head, and the packet that carries them with the local record id."""
    client = ctx.client(issue.client_id)
    local_id = record.local_id if record is not None else ctx.next_record_id()
    value = issue.payload + _home_record_id(local_id)
    sequence = execute_send(ctx, client, CARGO_PORT, value, issue.timeout_seconds, key, statement.version)
    ctx.state.put(
        RecordRow(
            HOME,
            key,
            statement.key.type,
            statement.key.reference,
            local_id,
            record.counterparty_id if record is not None else "",
            statement.version,
            statement.act,
            issue.client_id,
        )
    )
    ctx.state.put(
        VersionRow(
            HOME,
            key,
            statement.version,
            digest,
            statement.previous_digest,
            value,
            issue.client_id,
            sequence,
            ctx.height,
            ctx.time,
        )
    )
    return OperationResult(sequence=sequence, local_record_id=local_id)


def _home_record_id(local_id: str) -> bytes:
    """The field that is appended to the issuer's payload: the bytes stay in the one form that strict decoding takes."""
    text = local_id.encode()
    return HOME_RECORD_ID_TAG + bytes((len(text),)) + text
