"""Operations of several calls in one transaction: whatever waits goes now, nothing waits for a batch to fill.

A few transactions may be under way at once; while they are, what arrives gathers, so a busy ledger gets large batches
and an idle one answers at once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from bridge.errors import BridgeError, LedgerUnavailableError, LimitError, Reason
from bridge.ledger.storage import Attachment
from bridge.rpc import limits
from bridge.rpc.node import Applied, LedgerNode
from bridge.v1.transaction_pb2 import Operation

MAX_TRANSACTIONS_UNDER_WAY = 4
"""Transactions of a batcher ordered and not yet answered: the engine's block takes as many of 256 operations."""


@dataclass(slots=True)
class _Waiting:
    operation: Operation
    attachment: Attachment | None
    size: int
    answer: asyncio.Future[Applied]


class OperationBatcher:
    """Batches the operations of one node. Used by one event loop."""

    def __init__(self, node: LedgerNode) -> None:
        self._node = node
        self._waiting: deque[_Waiting] = deque()
        self._under_way: set[asyncio.Task[None]] = set()

    async def submit(self, operations: Sequence[tuple[Operation, Attachment | None]]) -> list[Applied]:
        """[BAT-1] Execute operations, in order but perhaps not in one transaction; one answer each, refusals included.

        Raises LimitError LIMIT_EXCEEDED when too many wait, and what ordering raises; then the outcome of some may be
        unknown, and repeating all of them answers the first results.
        """
        if len(self._waiting) + len(operations) > limits.MAX_WAITING_OPERATIONS:
            raise LimitError(Reason.LIMIT_EXCEEDED, "too many operations wait; slow down", waiting=len(self._waiting))
        loop = asyncio.get_running_loop()
        waiting = [
            _Waiting(operation, attachment, operation.ByteSize(), loop.create_future())
            for operation, attachment in operations
        ]
        self._waiting.extend(waiting)
        # One turn of the loop lets calls that arrived together go together.
        loop.call_soon(self._flush)
        answers = await asyncio.gather(*(each.answer for each in waiting), return_exceptions=True)
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        return [answer for answer in answers if isinstance(answer, Applied)]

    def _flush(self) -> None:
        while self._waiting and len(self._under_way) < MAX_TRANSACTIONS_UNDER_WAY:
            task = asyncio.ensure_future(self._order(self._take()))
            self._under_way.add(task)
            task.add_done_callback(self._landed)

    def _landed(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._flush()

    def _take(self) -> list[_Waiting]:
        """[BAT-2] The next transaction's operations: within the limits, and at least one."""
        batch: list[_Waiting] = []
        size = 0
        while self._waiting and len(batch) < limits.MAX_RECORDS_PER_CALL:
            size += self._waiting[0].size
            if batch and size > limits.MAX_BATCH_BYTES:
                break
            batch.append(self._waiting.popleft())
        return batch

    async def _order(self, batch: Sequence[_Waiting]) -> None:
        attachments = [each.attachment for each in batch if each.attachment is not None]
        try:
            outcome = await self._node.submit([each.operation for each in batch], attachments)
            answers = [Applied(outcome.height, result) for result in outcome.result.operations]
            for each, answer in zip(batch, answers, strict=True):
                if not each.answer.done():
                    each.answer.set_result(answer)
        except BridgeError as error:
            _fail(batch, error)
        except BaseException:
            _fail(batch, LedgerUnavailableError(Reason.LEDGER_UNAVAILABLE, "the outcome is unknown; repeat the call"))
            raise


def _fail(batch: Sequence[_Waiting], error: BridgeError) -> None:
    for each in batch:
        if not each.answer.done():
            each.answer.set_exception(error)
