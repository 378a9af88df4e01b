"""A simulated ledger: a whole adapter in this process, with the door that the relayer under test is given.

What the kit does to its own ledger it does behind the door, as the node; only the relayer comes through it.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

from bridge.clock import NANOS_PER_SECOND, Nanos, SystemClock
from bridge.conformance.counterparty.chain import adapter_kind
from bridge.conformance.counterparty.members import Issuer
from bridge.conformance.counterparty.records import make_record
from bridge.conformance.relayer.door import Doings, Door, Fault, servicer_of
from bridge.conformance.relayer.estate import CARRIER, KEY_ID, Keys
from bridge.ledger.rows import ClientRow, PacketRow, ReceiptRow
from bridge.rpc.adapter import Adapter, start_adapter
from bridge.rpc.identity import Identities
from bridge.rpc.interceptors import Gate
from bridge.rpc.node import LedgerNode
from bridge.rpc.roles import load_roles
from bridge.rpc.server import RunningServer, ServerOptions, start_server
from bridge.rpc.servicers.ledger import LedgerServicer, anchor_at
from bridge.rpc.settings import AdapterSettings
from bridge.rpc.tls import TlsFiles
from bridge.v1.ledger_service_pb2_grpc import add_LedgerServiceServicer_to_server
from bridge.v1.transaction_pb2 import IssueRecord, ItemResult, Operation, OperationResult, TrustAnchor

T = TypeVar("T")

TIMEOUT_SECONDS = 3600
"""Timeout of a packet unless a case asks for another, in seconds ahead."""

RECORDS_PER_TRANSACTION = 200
"""Records issued in one transaction: a few blocks hold a backlog."""

WAIT_SECONDS = 60.0
"""Longest wait of the kit for its own ledgers, in seconds; they answer in milliseconds."""


_STARTING = threading.Lock()


class ShiftedClock:
    """The machine's clock, put back or forward by some nanoseconds."""

    def __init__(self) -> None:
        self.shift = 0

    def now(self) -> Nanos:
        """The shifted time."""
        return Nanos(SystemClock().now() + self.shift)


class SimulatedLedger:
    """One ledger with its door. Methods are for the kit's thread; the ledger lives in the loop's."""

    def __init__(
        self, settings: AdapterSettings, keys: Keys, door_tls: TlsFiles, port: int, loop: asyncio.AbstractEventLoop
    ) -> None:
        self.ledger_id = settings.ledger_id
        self.keys = keys
        self.clock = ShiftedClock()
        self.client_id = ""
        """Its client of the other ledger."""
        self.creation = b""
        """The act that created that client."""
        self.doings = Doings(self.ledger_id)
        self._settings = settings
        self._door_tls = door_tls
        self.port = port
        self._loop = loop
        self._adapter: Adapter | None = None
        self._door: RunningServer | None = None
        self._records = 0

    # its life

    def start(self) -> None:
        """Open the ledger and its door; one at a time, because the schema's migrations are not for several threads."""
        with _STARTING:
            self._wait(self._start())

    def stop(self) -> None:
        """Close both."""
        self._wait(self._stop())

    def close_door(self) -> None:
        """Nobody gets in any more; the ledger goes on behind it."""
        self._wait(self._close_door())

    def open_door(self) -> None:
        """Let callers in again, at the same place."""
        self._wait(self._open_door())

    async def _start(self) -> None:
        self._adapter = await start_adapter(self._settings, adapter_kind(self._settings.profile), self.clock)
        await self._open_door()

    async def _stop(self) -> None:
        await self._close_door()
        adapter, self._adapter = self._adapter, None
        if adapter is not None:
            await adapter.stop()

    async def _open_door(self) -> None:
        roles = load_roles(self._settings.roles)
        gate = Gate(Identities(SystemClock(), lambda: roles.denied), lambda: roles)
        options = ServerOptions(listen=f"127.0.0.1:{self.port}", tls=self._door_tls, drain_seconds=0)
        door = servicer_of(Door(LedgerServicer(self.node), self.doings))
        self._door = await start_server(options, gate, lambda server: add_LedgerServiceServicer_to_server(door, server))

    async def _close_door(self) -> None:
        door, self._door = self._door, None
        if door is not None:
            await door.stop()

    # faults

    def spoil(self, fault: Fault) -> Fault:
        """Let a fault happen from now on."""
        self.doings.faults.append(fault)
        return fault

    def heal(self) -> None:
        """No fault any more; what was stalled goes on."""
        faults, self.doings.faults = self.doings.faults, []
        for fault in faults:
            self._loop.call_soon_threadsafe(fault.lifted.set)

    # what is on it

    @property
    def node(self) -> LedgerNode:
        """The ledger behind the door."""
        assert self._adapter is not None
        return self._adapter.node

    def pending(self) -> int:
        """Packets sent and not closed."""
        row = self.node.queries.get(ClientRow, (self.client_id,))
        return row.pending_count if row is not None else 0

    def packet(self, sequence: int) -> PacketRow | None:
        """A packet it sent."""
        return self.node.queries.get(PacketRow, (self.client_id, sequence))

    def received(self, sequence: int) -> bool:
        """Whether it took a packet of the other ledger in."""
        return self.node.queries.get(ReceiptRow, (self.client_id, sequence)) is not None

    def received_all(self, sequences: Sequence[int]) -> bool:
        """Whether it took all of these in."""
        keys = [(self.client_id, sequence) for sequence in sequences]
        return len(self.node.queries.many(ReceiptRow, keys)) == len(keys)

    @property
    def height(self) -> int:
        """Newest height."""
        return self.node.sequencer.tip.height

    @property
    def entry_count(self) -> int:
        """Entries so far."""
        return self.node.sequencer.tip.entry_count

    def anchor(self) -> TrustAnchor:
        """The anchor at the newest height."""
        return anchor_at(self.node, self.height)

    # what the kit does to it

    def submit(self, *operations: Operation) -> list[OperationResult]:
        """Order one transaction of the node; each operation's result."""
        return list(self._wait(self.node.submit(operations)).result.operations)

    def order(self, transaction: bytes) -> list[ItemResult]:
        """Order a signed transaction with one delivery; the result of each of its items."""
        (result,) = self._wait(self.node.order(transaction)).result.operations
        if result.code:
            raise RuntimeError(f"the kit's own {self.ledger_id} refused: {result.reason} {result.detail}")
        return list(result.items)

    def require(self, *operations: Operation) -> list[OperationResult]:
        """As `submit`; RuntimeError when one was refused, because then it is the kit that is wrong."""
        results = self.submit(*operations)
        for result in results:
            if result.code:
                raise RuntimeError(f"the kit's own {self.ledger_id} refused: {result.reason} {result.detail}")
        return results

    def issue(self, count: int = 1, timeout_seconds: int = TIMEOUT_SECONDS) -> list[int]:
        """Issue so many fresh records toward the other ledger; their sequences."""
        issuer = Issuer(self.ledger_id, CARRIER, KEY_ID, self.keys.carrier)
        timeout = self.clock.now() // NANOS_PER_SECOND + timeout_seconds
        operations = []
        for _ in range(count):
            self._records += 1
            reference = f"KIT{time.time_ns()}{self._records:06d}"[-30:]
            value = make_record(issuer, reference, self.clock.now(), home_record_id="").value
            issue = IssueRecord(client_id=self.client_id, timeout_seconds=timeout, payload=value)
            operations.append(Operation(issue_record=issue))
        results: list[OperationResult] = []
        for start in range(0, count, RECORDS_PER_TRANSACTION):
            results += self.require(*operations[start : start + RECORDS_PER_TRANSACTION])
        return [result.sequence for result in results]

    def call(self, function: Callable[..., T], *arguments: Any) -> T:
        """Run a function in the ledger's loop."""

        async def run() -> T:
            return function(*arguments)

        return self._wait(run())

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        future: Future[T] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return future.result(WAIT_SECONDS)
