"""What every servicer of one ledger shares: the sequencer, the store's queries, the node's key and a pool for reads."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from bridge.clock import Clock
from bridge.crypto.ports import Signer
from bridge.ledger.config import ApplicationConfig
from bridge.ledger.engine import Engine
from bridge.ledger.storage import Attachment
from bridge.light_client.profiles import profile
from bridge.rpc.interceptors import CALLER
from bridge.rpc.paging import PageTokens
from bridge.rpc.reasons import error_of
from bridge.rpc.roles import RoleTable
from bridge.rpc.sequencer import Sequencer, TransactionOutcome
from bridge.store.erasing import DocumentEraser
from bridge.store.places import EntryPlaces
from bridge.store.queries import StoreQueries
from bridge.store.reader import StoreReader
from bridge.v1.transaction_pb2 import Operation, OperationResult, Transaction, TransactionBody
from bridge.wire import encode, timestamp_of

READING_THREADS = 4
"""Threads that read the store and build proofs for callers; half of the store's reading connections."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class NodeKey:
    """The member this node submits as, with its key."""

    member_id: str
    key_id: str
    signer: Signer


@dataclass(frozen=True, slots=True)
class Applied:
    """One operation that took effect, or had done so before, and the height that answers."""

    height: int
    result: OperationResult


class LedgerNode:
    """One ledger behind its doors. `country` is the ISO 3166 code of its side, for resolving identifiers."""

    def __init__(
        self,
        config: ApplicationConfig,
        sequencer: Sequencer,
        queries: StoreQueries,
        places: EntryPlaces,
        reader: StoreReader,
        eraser: DocumentEraser,
        key: NodeKey,
        roles: Callable[[], RoleTable],
        clock: Clock,
        country: str,
    ) -> None:
        self.config = config
        self.sequencer = sequencer
        self.queries = queries
        self.places = places
        self.reader = reader
        self.eraser = eraser
        self.country = country
        self.clock = clock
        self.profile = profile(config.profile_id)
        self.tokens = PageTokens(secrets.token_bytes(32))
        self._key = key
        self._roles = roles
        self._pool = ThreadPoolExecutor(READING_THREADS, thread_name_prefix="read")

    @property
    def engine(self) -> Engine:
        """The engine, for headers and proofs; its methods block, so ask them through `ask`."""
        return self.sequencer.engine

    async def ask(self, question: Callable[..., T], *arguments: object) -> T:
        """Run a blocking read in the pool."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, question, *arguments)

    def require_member(self, member_id: str) -> None:
        """[NOD-1] The caller of this call may submit as the member; CallerNotAllowedError otherwise."""
        self._roles().require_member(CALLER.get(), member_id)

    async def apply(self, operation: Operation) -> Applied:
        """[NOD-2] Have one operation executed under the node's own member key; raise the refusal it met."""
        outcome = await self.submit([operation])
        return Applied(outcome.height, require_applied(outcome.result.operations[0]))

    async def submit(
        self, operations: Sequence[Operation], attachments: Sequence[Attachment] = ()
    ) -> TransactionOutcome:
        """[NOD-2] Order one transaction of the node; raises when all of it was refused, not when an operation was."""
        key = self._key
        body = encode(
            TransactionBody(
                ledger_id=self.config.ledger_id,
                member_id=key.member_id,
                key_id=key.key_id,
                submission_time=timestamp_of(self.clock.now()),
                operations=operations,
            )
        )
        signature = key.signer.sign(self.profile.transaction_sign_bytes(self.config.ledger_id, body))
        return await self.order(encode(Transaction(body=body, signature=signature)), attachments)

    async def order(self, transaction: bytes, attachments: Sequence[Attachment] = ()) -> TransactionOutcome:
        """[NOD-3] Order a signed transaction; raises when it was refused as a whole."""
        outcome = await self.sequencer.submit(transaction, attachments)
        if outcome.result.code:
            raise error_of(outcome.result.reason, outcome.result.detail)
        return outcome

    def close(self) -> None:
        """End the pool."""
        self._pool.shutdown()


def require_applied(result: OperationResult) -> OperationResult:
    """[NOD-4] The result of an operation that took effect; the error that its reason stands for otherwise."""
    if result.code:
        raise error_of(result.reason, result.detail)
    return result
