"""Issuing records: each document checked against its statement, the good ones ordered together, each answered.

Documents are checked in the worker processes where there are some. Whatever waits goes to the next free one, so that
calls with one record each share the way there when there are many.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from bridge.cargo.policy import CorridorPolicy
from bridge.cargo.proven import remember_disclosure
from bridge.errors import DecodeError, LedgerUnavailableError, LimitError, Reason
from bridge.ledger.rows import HOME
from bridge.ledger.storage import Attachment, ExportNote
from bridge.rpc import limits
from bridge.rpc.batcher import OperationBatcher
from bridge.rpc.checking import DocumentTask, DocumentVerdict, check_task
from bridge.rpc.node import Applied, LedgerNode
from bridge.rpc.workers import Workers
from bridge.v1 import cargo_service_pb2 as api
from bridge.v1.transaction_pb2 import IssueRecord, Operation

CHECKING_THREADS = 2
"""Threads that wait for worker processes, or check documents themselves where there are none."""

RECORDS_PER_BATCH = 32
"""Records checked in one go: long enough to be worth the hand-over, short enough that all workers get some."""

Operations = Sequence[tuple[Operation, Attachment | None]]


@dataclass(slots=True)
class _Waiting:
    task: DocumentTask
    verdict: asyncio.Future[DocumentVerdict]


class DocumentChecker:
    """Checks documents batch by batch. Used by one event loop; `close` ends its threads."""

    def __init__(self, policy: CorridorPolicy, workers: Workers) -> None:
        self._policy = policy
        self._workers = workers
        self._pool = ThreadPoolExecutor(CHECKING_THREADS, thread_name_prefix="documents")
        self._waiting: deque[_Waiting] = deque()
        self._under_way: set[asyncio.Task[None]] = set()

    async def check(self, tasks: Sequence[DocumentTask]) -> list[DocumentVerdict]:
        """[CGO-2] A verdict on each document, in order."""
        loop = asyncio.get_running_loop()
        waiting = [_Waiting(task, loop.create_future()) for task in tasks]
        self._waiting.extend(waiting)
        self._flush()
        return [await each.verdict for each in waiting]

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown()

    def _flush(self) -> None:
        while self._waiting and len(self._under_way) < CHECKING_THREADS:
            batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), RECORDS_PER_BATCH))]
            task = asyncio.ensure_future(self._judge(batch))
            self._under_way.add(task)
            task.add_done_callback(self._landed)

    def _landed(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._flush()

    async def _judge(self, batch: Sequence[_Waiting]) -> None:
        tasks = [each.task for each in batch]
        try:
            verdicts = await asyncio.get_running_loop().run_in_executor(self._pool, self._check, tasks)
        except BaseException:
            for each in batch:
                if not each.verdict.done():
                    each.verdict.set_exception(
                        LedgerUnavailableError(Reason.LEDGER_UNAVAILABLE, "not checked, and nothing was done; repeat")
                    )
            raise
        for each, verdict in zip(batch, verdicts, strict=True):
            if not each.verdict.done():
                each.verdict.set_result(verdict)

    def _check(self, tasks: Sequence[DocumentTask]) -> list[DocumentVerdict]:
        """Verdicts of a worker process; what none could give is found here."""
        found = self._workers.check(tasks)
        return [verdict or check_task(task, self._policy) for task, verdict in zip(tasks, found, strict=True)]


class RecordIssuer:
    """Issues records for one node."""

    def __init__(self, node: LedgerNode, workers: Workers) -> None:
        self._suite_id = node.config.suite_id
        self._batcher = OperationBatcher(node)
        self._checker = DocumentChecker(node.config.policy, workers)

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
        tasks = [DocumentTask(self._suite_id, item.payload, item.document, item.seed) for item in items]
        verdicts = await self._checker.check(tasks)
        taken = [_operation(*pair) for pair in zip(items, verdicts, strict=True) if not pair[1].reason]
        applied = iter(await self._batcher.submit(taken) if taken else ())
        results, height = [], 0
        for verdict in verdicts:
            answer = next(applied) if not verdict.reason else None
            height = max(height, answer.height if answer is not None else 0)
            results.append(_result(verdict, answer))
        return api.IssueRecordsResponse(results=results, height=height)

    def close(self) -> None:
        """End the checker's threads."""
        self._checker.close()


def _operation(item: api.IssueItem, verdict: DocumentVerdict) -> tuple[Operation, Attachment]:
    """The operation that issues a record, and what is kept beside it."""
    remember_disclosure(verdict.proven)
    issue = IssueRecord(client_id=item.client_id, timeout_seconds=item.timeout_seconds, payload=item.payload)
    attachment = Attachment(
        origin=HOME,
        record_key=verdict.record_key,
        version=verdict.version,
        digest=verdict.digest,
        document=item.document,
        seed=item.seed,
        identifiers=verdict.identifiers,
        export=ExportNote(record_type=verdict.record_type, pointers=verdict.pointers, legal_basis=verdict.legal_basis),
    )
    return Operation(issue_record=issue), attachment


def _result(verdict: DocumentVerdict, applied: Applied | None) -> api.IssueResult:
    result = api.IssueResult(
        findings=[
            api.Finding(severity=severity, pointer=pointer, reason=reason, detail=detail)
            for severity, pointer, reason, detail in verdict.findings
        ]
    )
    if applied is None:
        result.reason, result.detail = verdict.reason, verdict.detail
    elif applied.result.code:
        result.reason, result.detail = applied.result.reason, applied.result.detail
    else:
        result.local_record_id = applied.result.local_record_id
        result.sequence = applied.result.sequence
        result.noop = applied.result.noop
    return result
