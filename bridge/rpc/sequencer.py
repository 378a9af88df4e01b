"""The asyncio front of the embedded engine: transactions in, outcomes out, blocks cut by one writer thread.

A transaction is decoded and its signatures are checked in a small thread pool while earlier blocks commit; then it
waits for the writer, which takes everything that waits into the next block (group commit, nothing waits to fill one).
When entries still lack a header that proves them and nothing waits, an empty block follows at once; under load the next
full block serves. What may wait is bounded, and what does not fit is refused, not buffered.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

import structlog
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from bridge.clock import Clock, Nanos
from bridge.errors import BridgeError, LedgerUnavailableError, LimitError, Reason, StateChangedError
from bridge.ledger.engine import MAX_BLOCK_ITEMS, BlockNotice, BlockOutcome, Engine, Submission
from bridge.ledger.storage import Attachment
from bridge.ledger.types import TransactionResult

MAX_WAITING_TRANSACTIONS = 2048
"""Transactions admitted and not yet answered: a second of the smallest ones; more are refused, so callers slow down."""

MAX_WAITING_BYTES = 64 * 1024 * 1024
"""Bytes of transactions and attachments admitted and not yet answered: bounds memory under overload."""

PREPARING_THREADS = 2
"""Threads that decode and check signatures: the verifying libraries release the interpreter's lock while they work."""

BLOCK_ATTEMPTS = 4
"""Attempts at a block that lost against another database transaction, before its callers are told."""

HEAL_SECONDS = 1.0
"""Seconds between attempts to write again after the store refused, while nothing else would try."""

_FATAL = frozenset({Reason.DOUBLE_SIGN_REFUSED, Reason.STORAGE_CORRUPT, Reason.SCHEMA_NEWER, Reason.LEDGER_ID_MISMATCH})
"""Refusals after which nothing is written until somebody has looked: going on could only make it worse."""

_LOG = structlog.get_logger("bridge.sequencer")


@dataclass(frozen=True, slots=True)
class TransactionOutcome:
    """Where a transaction went and what it did there."""

    height: int
    time: Nanos
    result: TransactionResult


@dataclass(slots=True)
class _Waiting:
    submission: Submission
    future: asyncio.Future[TransactionOutcome]


class Sequencer:
    """Cuts the blocks of one engine. All methods belong to the event loop that called `start`."""

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        *,
        max_transactions: int = MAX_WAITING_TRANSACTIONS,
        max_bytes: int = MAX_WAITING_BYTES,
    ) -> None:
        """`max_transactions` and `max_bytes` bound what is admitted and not yet answered."""
        self.engine = engine
        self._clock = clock
        self._max_transactions = max_transactions
        self._max_bytes = max_bytes
        self._admitted = 0
        self._admitted_bytes = 0
        self._pool = ThreadPoolExecutor(PREPARING_THREADS, thread_name_prefix="prepare")
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._ready = threading.Condition()
        self._waiting: deque[_Waiting] = deque()
        self._preparing = 0
        self._stopping = False
        self._refusal: BridgeError | None = None
        self._retry = Retrying(
            retry=retry_if_exception_type(StateChangedError),
            stop=stop_after_attempt(BLOCK_ATTEMPTS),
            wait=wait_random_exponential(multiplier=0.01, max=0.5),
            reraise=True,
        )

    @property
    def tip(self) -> BlockNotice:
        """The newest sealed block."""
        return self.engine.tip

    @property
    def refusal(self) -> BridgeError | None:
        """Why nothing can be written now, for the health service; None while all is well."""
        return self._refusal

    async def start(self) -> BlockNotice:
        """Recover the ledger, make its first block if it is new, and begin to cut blocks."""
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        tip = await asyncio.to_thread(self.engine.start, self._clock.now())
        self._thread.start()
        return tip

    async def submit(self, transaction: bytes, attachments: Sequence[Attachment] = ()) -> TransactionOutcome:
        """[SEQ-1] Have a transaction ordered and executed; return its result once the block is stored and sealed.

        Raises DecodeError for what is no transaction: it never enters a block.
        Raises LimitError LIMIT_EXCEEDED when too much waits, LimitError STORAGE_FULL when the block could not be stored
        (nothing happened), LedgerUnavailableError LEDGER_STOPPING while stopping, and LedgerUnavailableError otherwise
        when the outcome is not known: repeat the call, which answers the first result if there was one.
        """
        size = len(transaction) + sum(len(attachment.document) for attachment in attachments)
        self._admit(size)
        try:
            submission = await self._prepare(transaction, attachments)
            if submission.prepared.error is not None:
                raise submission.prepared.error
            waiting = _Waiting(submission, self._loop.create_future())
            with self._ready:
                self._waiting.append(waiting)
                self._ready.notify()
            return await waiting.future
        finally:
            self._admitted -= 1
            self._admitted_bytes -= size

    async def wait_above(self, height: int) -> BlockNotice:
        """[SEQ-4] The newest block once it is above `height`. LedgerUnavailableError LEDGER_STOPPING when stopping."""
        while self.engine.tip.height <= height:
            if self._stopping:
                raise LedgerUnavailableError(Reason.LEDGER_STOPPING, "the ledger is stopping")
            await self._news.wait()
        return self.engine.tip

    async def stop(self) -> None:
        """[SEQ-5] Refuse what is new, finish what was admitted, then close the store."""
        with self._ready:
            self._stopping = True
            self._ready.notify()
        self._tell_watchers()
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join)
        self._pool.shutdown()
        await asyncio.to_thread(self.engine.store.close)

    def _admit(self, size: int) -> None:
        """[SEQ-2] Take a transaction in, or refuse it before any work is spent on it."""
        if self._stopping:
            raise LedgerUnavailableError(Reason.LEDGER_STOPPING, "the ledger is stopping")
        if self._refusal is not None and self._refusal.reason in _FATAL:
            raise self._refusal
        if self._admitted >= self._max_transactions or (
            self._admitted and self._admitted_bytes + size > self._max_bytes
        ):
            raise LimitError(
                Reason.LIMIT_EXCEEDED,
                "too many transactions wait; slow down",
                waiting=self._admitted,
                bytes=self._admitted_bytes,
            )
        self._admitted += 1
        self._admitted_bytes += size

    async def _prepare(self, transaction: bytes, attachments: Sequence[Attachment]) -> Submission:
        with self._ready:
            self._preparing += 1
        try:
            return await self._loop.run_in_executor(
                self._pool, self.engine.prepare, transaction, attachments, self._pool
            )
        finally:
            with self._ready:
                self._preparing -= 1
                self._ready.notify()

    def _run(self) -> None:
        """The writer thread: blocks while there is work, housekeeping when there is none."""
        while True:
            batch = self._take()
            if batch is None:
                return
            self._commit(batch)
            if not self._waiting and self._refusal is None and self.engine.needs_proof_block():
                self._commit([])
            if not self._waiting:
                self._rest()

    def _take(self) -> list[_Waiting] | None:
        """What goes into the next block; [SEQ-6] nothing, to try whether the store works again; None at the end."""
        with self._ready:
            while not self._waiting:
                if self._stopping and not self._preparing:
                    return None
                healing = self._refusal is not None and self._refusal.reason not in _FATAL
                signalled = self._ready.wait(HEAL_SECONDS if healing else None)
                if not signalled and not self._stopping:
                    return []
            front = [waiting.submission for waiting in islice(self._waiting, MAX_BLOCK_ITEMS)]
            return [self._waiting.popleft() for _ in range(self.engine.fits(front))]

    def _commit(self, batch: list[_Waiting]) -> None:
        submissions = [waiting.submission for waiting in batch]
        try:
            outcome = self._retry(self.engine.commit_block, submissions, self._clock.now())
        except BridgeError as error:
            self._refuse(batch, error)
        except Exception as error:  # noqa: BLE001 - a bug must not stop the writer; it is logged and answered
            _LOG.exception("block.failed", transactions=len(batch))
            if len(batch) > 1:
                # [SEQ-3] One transaction that breaks the application must not take its neighbours with it.
                for waiting in batch:
                    self._commit([waiting])
                return
            self._call(self._fail, batch, error)
        else:
            if self._refusal is not None:
                _LOG.info("store.healed", height=outcome.notice.height)
                self._refusal = None
            self._call(self._resolve, batch, outcome)

    def _refuse(self, batch: list[_Waiting], error: BridgeError) -> None:
        """Remember what keeps the store from writing; a refusal of the block itself, such as a bad set, passes by."""
        if isinstance(error, LedgerUnavailableError) or error.reason is Reason.STORAGE_FULL or error.reason in _FATAL:
            if self._refusal is None or self._refusal.reason is not error.reason:
                _LOG.error("store.refused", reason=str(error.reason), detail=error.detail, fatal=error.reason in _FATAL)
            self._refusal = error
        self._call(self._fail, batch, error)

    def _rest(self) -> None:
        try:
            self.engine.store.rest()
        except BridgeError as error:
            _LOG.warning("store.rest_failed", reason=str(error.reason))

    def _call(self, function: object, *arguments: object) -> None:
        """Hand an answer to the event loop; when that is gone, nobody waits for answers any more."""
        try:
            self._loop.call_soon_threadsafe(function, *arguments)  # type: ignore[arg-type]
        except RuntimeError:
            _LOG.warning("loop.gone")

    def _resolve(self, batch: list[_Waiting], outcome: BlockOutcome) -> None:
        notice = outcome.notice
        for waiting, result in zip(batch, outcome.results, strict=True):
            if not waiting.future.done():
                waiting.future.set_result(TransactionOutcome(notice.height, notice.time, result))
        self._tell_watchers()

    def _fail(self, batch: list[_Waiting], error: Exception) -> None:
        for waiting in batch:
            if not waiting.future.done():
                waiting.future.set_exception(error)

    def _tell_watchers(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()
