"""The embedded engine: one process orders, executes, stores and seals blocks of any format.

A block goes through five steps: execute, build, store, seal, advance. Storing is one transaction; sealing moves the
signers' mark and signs. Whatever step a crash or an error interrupts, the store alone says how far it came, and
`recover` finishes it: a stored block is sealed, an unstored one never was. When blocks are cut is the sequencer's
business (`bridge.rpc.sequencer`); the engine only says what fits into one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Protocol

from bridge.clock import Nanos
from bridge.crypto.cache import VerifiedSignatures
from bridge.crypto.ports import SignatureCheck, SignatureTask
from bridge.errors import BridgeError, LedgerUnavailableError, LimitError, PreconditionError, Reason
from bridge.ledger.entries_ahead import EntriesAhead
from bridge.ledger.examined import Examine
from bridge.ledger.high_water import HighWaterMark
from bridge.ledger.prepared import Prepared, PreparedTransaction
from bridge.ledger.state import Overlay, State
from bridge.ledger.storage import Attachment, BlockStore, BlockWrite
from bridge.ledger.types import BlockFormat, BlockInput, BlockResult, ProvenRun, SealedBlock, TransactionResult
from bridge.light_client.types import ConsensusState

MAX_BLOCK_BYTES = 4 * 1024 * 1024
"""Submitted bytes of a block, unless one transaction alone is larger: bounds the memory and time one block takes."""

MAX_BLOCK_ITEMS = 1024
"""Operations and delivered items of a block, unless one transaction alone has more: four deliveries of 256 packets."""

Attach = Callable[[State, PreparedTransaction], Sequence[Attachment]]
"""What belongs beside the records that a transaction brings; never raises."""


class Application(Protocol):
    """The deterministic application (`bridge.ledger.application`), as the engine needs it."""

    def prepare(self, transactions: Sequence[bytes]) -> Prepared:
        """Decode; never raises, never looks at state. Any thread."""
        ...

    def examine(self, state: State, prepared: Prepared, examine: Examine) -> None:
        """Have what depends on bytes alone found out elsewhere, and remember it. Any thread."""
        ...

    def signature_tasks(self, state: State, prepared: Prepared) -> Sequence[SignatureTask]:
        """The signatures that execution will probably ask for. Any thread."""
        ...

    def execute(
        self, state: State, height: int, time: Nanos, prepared: Prepared, check: SignatureCheck
    ) -> tuple[BlockResult, Overlay]:
        """What the transactions do at this height and time; depends on nothing else."""
        ...


@dataclass(frozen=True, slots=True)
class Submission:
    """A transaction ready to be executed, with what is to be kept beside the records it writes."""

    prepared: PreparedTransaction
    attachments: Sequence[Attachment] = ()

    @property
    def weight(self) -> int:
        """Operations and delivered items."""
        return sum(1 + sum(len(run.items) for run in operation.runs) for operation in self.prepared.operations)


@dataclass(frozen=True, slots=True)
class BlockNotice:
    """That a block stands, and how far the ledger is with it."""

    height: int
    time: Nanos
    entry_count: int
    provable_count: int


@dataclass(frozen=True, slots=True)
class BlockOutcome:
    """What a block did, transaction by transaction."""

    notice: BlockNotice
    results: Sequence[TransactionResult]


class Engine:
    """One ledger. `commit_block` and `recover` belong to one thread; everything else may be called by any."""

    def __init__(
        self,
        block_format: BlockFormat,
        application: Application,
        store: BlockStore,
        mark: HighWaterMark,
        signatures: VerifiedSignatures | None = None,
        attach: Attach | None = None,
        examine: Examine | None = None,
    ) -> None:
        """Take over a ledger; `start` makes it ready. `mark` is the one the format signs under.

        `attach` adds what is to be kept beside the records of a transaction, once that is decoded; any thread calls it.
        `examine` examines delivered packets in other processes.
        """
        self.store = store
        self._format = block_format
        self._application = application
        self._mark = mark
        self._signatures = signatures or VerifiedSignatures()
        self._attach = attach
        self._examine = examine
        self._format_lock = threading.Lock()
        self._doubtful = True
        self._tip = BlockNotice(0, Nanos(0), 0, 0)

    @property
    def tip(self) -> BlockNotice:
        """The newest sealed block."""
        return self._tip

    def start(self, now: Nanos) -> BlockNotice:
        """[EMB-1] Finish what a crash left, and make the first, empty block of a new ledger.

        Raises PreconditionError DOUBLE_SIGN_REFUSED when store and signers' mark do not belong together.
        """
        self.recover()
        if self._tip.height == 0:
            self.commit_block([], now)
        return self._tip

    def prepare(
        self, transaction: bytes, attachments: Sequence[Attachment] = (), executor: Executor | None = None
    ) -> Submission:
        """[EMB-2] Decode a transaction and check its signatures ahead of its block. Any thread; refuses nothing."""
        prepared = self._application.prepare([transaction])
        if self._examine is not None:
            self._application.examine(self.store.peek, prepared, self._examine)
        tasks = self._application.signature_tasks(self.store.peek, prepared)
        self._signatures.check_ahead(tasks, executor)
        more = self._attach(self.store.peek, prepared[0]) if self._attach is not None else ()
        return Submission(prepared[0], (*attachments, *more))

    def commit_block(self, submissions: Sequence[Submission], now: Nanos) -> BlockOutcome:
        """[EMB-3] Execute, store and seal the next block; return what it did.

        When this raises LimitError, StateChangedError or a refusal of the format, no block was made. After
        LedgerUnavailableError it is not known; the next call begins with `recover`.
        """
        if self._doubtful:
            self.recover()
        height = self._tip.height + 1
        try:
            with self._format_lock:
                time = self._format.next_time(now)
            result, overlay = self._application.execute(
                self.store.state, height, time, [s.prepared for s in submissions], self._signatures
            )
            given = BlockInput(
                height=height,
                time=time,
                transactions=[s.prepared.raw for s in submissions],
                results=result.results,
                first_position=self._tip.entry_count,
                rotation=result.rotation,
                signed=_signed(submissions),
            )
            with self._format_lock:
                block = self._format.build(given)
        except BaseException:
            self.store.abandon()
            raise
        attachments = [attachment for submission in submissions for attachment in submission.attachments]
        self._store_block(BlockWrite(block, given, overlay, attachments))
        try:
            self._seal(block)
        except (LedgerUnavailableError, LimitError):
            self._seal_again(height)
        return BlockOutcome(self._tip, result.results)

    def recover(self) -> None:
        """[EMB-1] Make format, caches and tip what the store says, and seal the newest block if that is missing."""
        self._doubtful = True
        unsealed = self.store.unsealed()
        reader = self.store.reader
        with self._format_lock:
            self._format.restore(reader)
        height = reader.latest_height()
        newest = reader.block(height) if height else None
        self._require_mark(newest, unsealed)
        self._tip = _notice(newest) if newest is not None else BlockNotice(0, Nanos(0), 0, 0)
        if unsealed is not None:
            self._seal(unsealed)
        self._doubtful = False

    def fits(self, waiting: Sequence[Submission]) -> int:
        """[EMB-4] How many of the waiting make the next block: a rotation goes alone, others up to the limits."""
        size, weight = 0, 0
        for index, submission in enumerate(waiting):
            size += len(submission.prepared.raw)
            weight += submission.weight
            if index and (submission.prepared.is_rotation or size > MAX_BLOCK_BYTES or weight > MAX_BLOCK_ITEMS):
                return index
            if submission.prepared.is_rotation:
                return 1
        return len(waiting)

    def needs_proof_block(self) -> bool:
        """Whether an empty block is needed to make the newest entries provable."""
        with self._format_lock:
            return self._format.needs_proof_block()

    def genesis(self) -> ConsensusState:
        """The trust anchor before the first block."""
        with self._format_lock:
            return self._format.genesis()

    def update(self, height: int, trusted_height: int) -> bytes:
        """Header update message for `height`, verifiable from `trusted_height`."""
        with self._format_lock:
            return self._format.update(self.store.reader, height, trusted_height)

    def provable_height(self, position: int) -> int:
        """Lowest height whose header proves the entry at `position`; 0 while there is none."""
        with self._format_lock:
            return self._format.provable_height(self.store.reader, position)

    def prove(self, first_position: int, count: int, proof_height: int = 0) -> Sequence[ProvenRun]:
        """Runs that cover the entries; `proof_height` 0 lets the format choose."""
        reader = EntriesAhead(self.store.reader, first_position, count)  # the writer need not wait for reading
        with self._format_lock:
            return self._format.prove(reader, first_position, count, proof_height)

    def _store_block(self, write: BlockWrite) -> None:
        """[EMB-3] Store, and settle at once what an unclear answer of the database meant."""
        block = write.block
        try:
            self.store.write_block(write)
        except LimitError:
            raise
        except Exception as error:
            self._doubtful = True
            if not isinstance(error, LedgerUnavailableError) or not self.store.holds(block.height, block.header_hash):
                raise
            self._doubtful = False

    def _seal(self, block: SealedBlock) -> None:
        self._doubtful = True
        with self._format_lock:
            sealed = self._format.seal(block)
        self.store.write_seal(sealed)
        with self._format_lock:
            self._format.advance(sealed)
        self._tip = _notice(sealed)
        self._doubtful = False

    def _seal_again(self, height: int) -> None:
        """A stored block stands, sealed or not: try once more, else say that the outcome must be asked for."""
        try:
            self.recover()
        except BridgeError as error:
            raise LedgerUnavailableError(
                error.reason, "the block is stored and waits for its seal; repeat the call", height=height
            ) from error

    def _require_mark(self, newest: SealedBlock | None, unsealed: SealedBlock | None) -> None:
        """[STO-1] The mark stands at the newest sealed block, or at the stored one after it; else one was restored."""
        height, digest = self._mark.latest()
        allowed = [(0, b"") if newest is None else (newest.height, newest.header_hash)]
        if unsealed is not None:
            allowed.append((unsealed.height, unsealed.header_hash))
        if (height, digest) not in allowed:
            raise PreconditionError(
                Reason.DOUBLE_SIGN_REFUSED,
                "the signers' mark and the store do not belong together; one of them is a restored copy",
                marked_height=height,
                stored_height=allowed[-1][0],
            )


def _signed(submissions: Sequence[Submission]) -> Sequence[tuple[bytes, bytes]]:
    """What each submitter signed and its signature; nothing when one of them was not read that far."""
    found = [submission.prepared.signed for submission in submissions]
    return [] if None in found else [pair for pair in found if pair is not None]


def _notice(block: SealedBlock) -> BlockNotice:
    return BlockNotice(block.height, block.time, block.entry_count, block.provable_count)
