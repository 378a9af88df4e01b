"""What handlers work with while one block executes: the state so far, the clock of the block, the entries written.

Clients and counters are opened once a block and written back at its end (`close`). They are changed by execute steps
only, which cannot refuse; rows written by an operation that is refused are dropped with its overlay.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from bridge.cargo.record_ids import make_record_id
from bridge.clock import NANOS_PER_SECOND, Nanos
from bridge.crypto.ports import SignatureCheck
from bridge.crypto.suites import suite
from bridge.errors import BridgeError, NotFoundError, PreconditionError, Reason, VerificationError
from bridge.ledger.client import Client, consensus_of, open_client
from bridge.ledger.config import ApplicationConfig
from bridge.ledger.rows import ClientRow, ConsensusRow, CounterRow, KeyRow, PauseRow
from bridge.ledger.state import Overlay, State
from bridge.ledger.types import WrittenEntry
from bridge.light_client.types import ConsensusState
from bridge.v1.transaction_pb2 import RotateValidatorsAct

T = TypeVar("T")

RECORD_COUNTER = "records"

MAX_HEIGHT = 2**63 - 1
"""Highest height: what a signed 64-bit column holds."""


class BlockContext:
    """One block in execution. Not shared between threads."""

    def __init__(
        self, config: ApplicationConfig, state: State, height: int, time: Nanos, check: SignatureCheck
    ) -> None:
        self.config = config
        self.suite = suite(config.suite_id)
        self.height = height
        self.time = time
        self.seconds = time // NANOS_PER_SECOND
        self.check = check
        self.block = Overlay(state)
        self.state = self.block
        """Where handlers read and write now; inside `attempt` the overlay that may still be dropped."""
        self.entries: list[WrittenEntry] = []
        """Entries of the transaction in execution."""
        self.rotation: RotateValidatorsAct | None = None
        self.alone = False
        """True while the block holds one transaction with one operation, as a rotation must travel."""
        self.issuers: dict[tuple[str, str, str], KeyRow] = {}
        """Keys of issuers that may sign, as found in this block; whoever writes a member empties it."""
        self.confirmed: set[tuple[str, str]] = set()
        """Clients and members whose announcement there was accepted, as found in this block; emptied like `issuers`."""
        self._clients: dict[str, Client] = {}
        self._consensus: dict[tuple[str, int], ConsensusState] = {}
        self._counters: dict[str, int] = {}
        self._pauses: dict[tuple[str, str], bool] = {}

    def attempt(self, action: Callable[[], T]) -> T:
        """[APP-1] Run `action` so that a BridgeError leaves no row and no entry behind."""
        outer, mark = self.state, len(self.entries)
        self.state = inner = Overlay(outer)
        try:
            result = action()
        except BridgeError:
            del self.entries[mark:]
            raise
        finally:
            self.state = outer
        inner.apply()
        return result

    def require_here(self, ledger_id: str) -> None:
        """[ACT-8] What an authority signed takes effect on the ledger it names; VerificationError
        LEDGER_ID_MISMATCH.
        """
        if ledger_id != self.config.ledger_id:
            raise VerificationError(Reason.LEDGER_ID_MISMATCH, "act", got=ledger_id, expected=self.config.ledger_id)

    def client(self, client_id: str) -> Client:
        """The working copy of a client; NotFoundError CLIENT_NOT_FOUND."""
        client = self._clients.get(client_id)
        if client is None:
            client = open_client(self.state, client_id)
            if client is None:
                raise NotFoundError(Reason.CLIENT_NOT_FOUND, "no such client", client_id=client_id)
            self._clients[client_id] = client
        return client

    def consensus(self, client: Client, height: int) -> ConsensusState | None:
        """[CLI-10] The trusted state of a client at a height, or None; heights that no store can hold have none, and
        those from before a recovery from a freeze are trusted no more.
        """
        if not client.trusted_from <= height <= MAX_HEIGHT:
            return None
        key = (client.client_id, height)
        found = self._consensus.get(key)
        if found is None:
            row = self.state.get(ConsensusRow, key)
            if row is None:
                return None
            found = self._consensus[key] = consensus_of(row, client.tracked_ledger_id)
        return found

    def require_consensus(self, client: Client, height: int) -> ConsensusState:
        """The trusted state of a client at a height; PreconditionError CONSENSUS_STATE_NOT_FOUND when it has none."""
        found = self.consensus(client, height)
        if found is None:
            raise PreconditionError(
                Reason.CONSENSUS_STATE_NOT_FOUND,
                "the client trusts nothing at that height",
                client_id=client.client_id,
                height=height,
            )
        return found

    def paired_clients(self) -> list[Client]:
        """Every paired client, by id. For rare acts: it reads the table of clients."""
        rows = self.state.scan(ClientRow, ())
        clients = [self.client(row.client_id) for row in rows]
        return [client for client in clients if client.counterparty_client_id]

    def is_paused(self, client_id: str, port: str) -> bool:
        """Whether a port of a client is paused."""
        key = (client_id, port)
        paused = self._pauses.get(key)
        if paused is None:
            row = self.state.get(PauseRow, key)
            paused = self._pauses[key] = row is not None and row.paused
        return paused

    def set_paused(self, row: PauseRow) -> None:
        """Write a pause."""
        self.state.put(row)
        self._pauses[row.key] = row.paused  # type: ignore[index]

    def next_record_id(self) -> str:
        """[RID-3] The next local record id; serials rise by one over the ledger's life and are never used twice."""
        serial = self._counters.get(RECORD_COUNTER)
        if serial is None:
            row = self.state.get(CounterRow, (RECORD_COUNTER,))
            serial = row.value if row is not None else 0
        serial += 1
        self._counters[RECORD_COUNTER] = serial
        return make_record_id(self.config.record_id_prefix, self.time, serial)

    def close(self) -> Overlay:
        """Write back what was opened and changed, and return everything the block wrote."""
        for client in self._clients.values():
            if client.dirty:
                self.block.put(client.row())
                client.dirty = False
        for name, value in self._counters.items():
            self.block.put(CounterRow(name, value))
        return self.block
