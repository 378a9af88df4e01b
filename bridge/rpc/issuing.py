"""Issuing records: each document checked against its statement, the good ones ordered together, each answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from bridge.cargo.findings import Finding
from bridge.cargo.leaves import SALT_LENGTH
from bridge.cargo.policy import CorridorPolicy
from bridge.cargo.prepare import check_document
from bridge.cargo.statement import decode_payload, decode_statement, record_key_digest, statement_digest
from bridge.crypto.ports import Suite
from bridge.crypto.suites import suite
from bridge.errors import BridgeError, DecodeError, LimitError, Reason
from bridge.ledger.rows import HOME
from bridge.ledger.storage import Attachment, ExportNote
from bridge.rpc import limits
from bridge.rpc.batcher import OperationBatcher
from bridge.rpc.node import Applied, LedgerNode
from bridge.rpc.record_index import indexed_identifiers
from bridge.v1 import cargo_service_pb2 as api
from bridge.v1.transaction_pb2 import IssueRecord, Operation
from bridge.wire import encode

CHECKING_THREADS = 2
"""Threads that check documents: hashing releases the interpreter's lock for large leaves only, so more gain nothing."""

RECORDS_PER_CHUNK = 32
"""Records checked in one go of a thread: long enough to be worth the hand-over, short enough to let others in."""


@dataclass(frozen=True, slots=True)
class CheckedItem:
    """What came of one item: an operation with its attachment, or the refusal; and the document's findings."""

    operation: Operation | None = None
    attachment: Attachment | None = None
    findings: tuple[Finding, ...] = ()
    error: BridgeError | None = None


class RecordIssuer:
    """Issues records for one node."""

    def __init__(self, node: LedgerNode) -> None:
        self._policy: CorridorPolicy = node.config.policy
        self._suite: Suite = suite(node.config.suite_id)
        self._batcher = OperationBatcher(node)
        self._pool = ThreadPoolExecutor(CHECKING_THREADS, thread_name_prefix="documents")

    async def issue(self, items: Sequence[api.IssueItem]) -> api.IssueRecordsResponse:
        """[CGO-1] Check and order a batch; results in request order, and the height that holds the last of them.

        Raises LimitError LIMIT_EXCEEDED for too many, DecodeError FIELD_REQUIRED for none, and what ordering raises.
        """
        if not items:
            raise DecodeError(Reason.FIELD_REQUIRED, "records must not be empty", field="records")
        if len(items) > limits.MAX_RECORDS_PER_CALL:
            raise LimitError(
                Reason.LIMIT_EXCEEDED, "too many records", got=len(items), limit=limits.MAX_RECORDS_PER_CALL
            )
        checked = await self._check(items)
        taken = [(each.operation, each.attachment) for each in checked if each.operation is not None]
        applied = iter(await self._batcher.submit(taken) if taken else ())
        results, height = [], 0
        for each in checked:
            answer = next(applied) if each.operation is not None else None
            height = max(height, answer.height if answer is not None else 0)
            results.append(_result(each, answer))
        return api.IssueRecordsResponse(results=results, height=height)

    def close(self) -> None:
        """End the pool."""
        self._pool.shutdown()

    async def _check(self, items: Sequence[api.IssueItem]) -> list[CheckedItem]:
        loop = asyncio.get_running_loop()
        chunks = [items[start : start + RECORDS_PER_CHUNK] for start in range(0, len(items), RECORDS_PER_CHUNK)]
        work: Callable[[Sequence[api.IssueItem]], list[CheckedItem]] = self._check_chunk
        done = await asyncio.gather(*(loop.run_in_executor(self._pool, work, chunk) for chunk in chunks))
        return [checked for chunk in done for checked in chunk]

    def _check_chunk(self, items: Sequence[api.IssueItem]) -> list[CheckedItem]:
        return [check_item(item, self._suite, self._policy) for item in items]


def check_item(item: api.IssueItem, home: Suite, policy: CorridorPolicy) -> CheckedItem:
    """[CGO-2] One item: statement, disclosure and facts must be made from its document. Never raises a BridgeError.

    What only the ledger can judge (issuer's key, version, client, timeout) is left to execution.
    """
    try:
        if not item.document:
            raise DecodeError(
                Reason.FIELD_REQUIRED, "the document is needed to check what was signed", field="document"
            )
        if len(item.seed) != SALT_LENGTH:
            raise DecodeError(Reason.INVALID_FIELD, f"the seed must have {SALT_LENGTH} bytes", field="seed")
        payload = decode_payload(item.payload)
        statement = decode_statement(payload.statement)
        record_type = statement.key.type
        policy.require_type(record_type)
        allowed = policy.allowing(record_type)
        findings = check_document(item.document, item.seed, statement, payload.disclosure, suite=home, allowed=allowed)
    except BridgeError as error:
        return CheckedItem(error=error)
    issue = IssueRecord(client_id=item.client_id, timeout_seconds=item.timeout_seconds, payload=item.payload)
    attachment = Attachment(
        origin=HOME,
        record_key=record_key_digest(home, statement.key),
        version=statement.version,
        digest=statement_digest(home, payload.statement),
        document=item.document,
        seed=item.seed,
        identifiers=indexed_identifiers(statement),
        export=ExportNote(
            record_type=record_type,
            pointers=tuple(leaf.pointer for leaf in payload.disclosure.leaves),
            legal_basis=encode(statement.legal_basis),
        ),
    )
    return CheckedItem(Operation(issue_record=issue), attachment, findings)


def _result(checked: CheckedItem, applied: Applied | None) -> api.IssueResult:
    result = api.IssueResult(findings=[_finding(each) for each in checked.findings])
    if checked.error is not None:
        result.reason, result.detail = str(checked.error.reason), str(checked.error.detail)
    elif applied is not None and applied.result.code:
        result.reason, result.detail = applied.result.reason, applied.result.detail
    elif applied is not None:
        result.local_record_id = applied.result.local_record_id
        result.sequence = applied.result.sequence
        result.noop = applied.result.noop
    return result


def _finding(finding: Finding) -> api.Finding:
    return api.Finding(
        severity=str(finding.severity), pointer=finding.pointer, reason=str(finding.reason), detail=finding.detail
    )
