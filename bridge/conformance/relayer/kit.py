"""What a relayer case works with: both ledgers, the relayer, what it did since the case began, and waiting."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import grpc

from bridge.conformance.case import Case
from bridge.conformance.checks import expect, fail
from bridge.conformance.connection import open_channel
from bridge.conformance.relayer.door import UNLIMITED, Call, Fault
from bridge.conformance.relayer.estate import LEDGER_IDS
from bridge.conformance.relayer.journal import Made, deliveries
from bridge.conformance.relayer.ledger import SimulatedLedger
from bridge.conformance.relayer.program import Program
from bridge.errors import Reason
from bridge.ledger.rows import PacketRow
from bridge.protocol.packets import PacketState
from bridge.v1.relayer_service_pb2_grpc import RelayerServiceStub

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bridge.conformance.relayer.bench import RelayerBench
    from bridge.conformance.relayer.world import World

EFFECT_SECONDS = 20.0
"""Longest time until something waited for has happened, in seconds: what the bridge promises after any failure."""

ASK_SECONDS = 10
"""Deadline of a question to the relayer, in seconds."""

SAID_CHARACTERS = 300
"""Characters of the relayer's last words that a verdict quotes."""

POLL_SECONDS = 0.02


class RelayerKit:
    """One case's tools."""

    def __init__(self, bench: RelayerBench, case: Case) -> None:
        self.case = case
        self.kept: dict[str, bytes] = {}
        self._bench = bench
        self._since = 0.0
        self._channels: list[grpc.Channel] = []

    def begin(self) -> None:
        """From now on what the relayer does belongs to the case."""
        self._since = time.monotonic()

    def shown(self) -> Mapping[str, bytes]:
        """Evidence; the runner takes it after the case, which is when its channels close."""
        for channel in self._channels:
            channel.close()
        return {"relayer.log": self.relayer.tail().encode(), **self.kept}

    # who is there

    @property
    def world(self) -> World:
        """The two ledgers."""
        return self._bench.world

    @property
    def a(self) -> SimulatedLedger:
        """The first ledger."""
        return self.world.a

    @property
    def b(self) -> SimulatedLedger:
        """The second ledger."""
        return self.world.b

    @property
    def relayer(self) -> Program:
        """The relayer under test."""
        return self._bench.relayer

    @property
    def secrets(self) -> Sequence[str]:
        """What nobody may read in the relayer's output."""
        return self._bench.estate.secrets

    def start(self) -> None:
        """Start the relayer; it is running when a case begins."""
        self._bench.start_relayer()

    def renew(self, *, backdated_seconds: int = 0, waiting: int = 0) -> None:
        """Two fresh ledgers, which the next case does not find; the relayer is stopped."""
        self._bench.renew(backdated_seconds=backdated_seconds, waiting=waiting)
        self._bench.worn = True

    def wear(self) -> None:
        """The next case shall find two fresh ledgers: this one breaks something for good."""
        self._bench.worn = True

    def status_door(self, caller: str = "operator") -> RelayerServiceStub:
        """RelayerService of the relayer under test."""
        channel = open_channel(self._bench.estate.relayer_door, self._bench.estate.caller_tls(caller))
        self._channels.append(channel)
        return RelayerServiceStub(channel)

    # what it did

    def calls(self, method: str = "", ledger: SimulatedLedger | None = None) -> list[Call]:
        """Calls since the case began, in order."""
        return [
            call
            for call in self._bench.calls()
            if call.at >= self._since
            and method in ("", call.method)
            and (ledger is None or call.ledger_id == ledger.ledger_id)
        ]

    def calls_since_start(self) -> list[Call]:
        """Calls since the relayer was started last."""
        return [call for call in self._bench.calls() if call.at >= self._bench.started_at]

    def deliveries(self, ledger: SimulatedLedger | None = None) -> list[Made]:
        """Deliveries since the case began."""
        return deliveries(self.calls(ledger=ledger))

    def rest(self, seconds: float) -> float:
        """Let time pass while the relayer does what it likes; the moment it began."""
        begun = time.monotonic()
        time.sleep(seconds)
        return begun

    # what comes of it

    def wait(self, holds: Callable[[], bool], what: str, seconds: float = EFFECT_SECONDS) -> float:
        """Wait until something holds; the seconds it took. Failed when it does not in time."""
        begun = time.monotonic()
        while not holds():
            running = self.relayer.running
            if not running or time.monotonic() - begun > seconds:
                got = f"not after {seconds:.0f} s" if running else f"the relayer ended with {self.relayer.exit_code}"
                said = self.relayer.tail()[-SAID_CHARACTERS:]
                fail(what, got=f"{got}; pending {self._pending()}; it says: {said}", expected=what)
            time.sleep(POLL_SECONDS)
        return time.monotonic() - begun

    def received(self, ledger: SimulatedLedger, sequences: Sequence[int], seconds: float = EFFECT_SECONDS) -> float:
        """Wait until a ledger took these packets in."""
        return self.wait(
            lambda: ledger.received_all(sequences), f"{ledger.ledger_id} receives {_named(sequences)}", seconds
        )

    def closed(self, ledger: SimulatedLedger, sequences: Sequence[int], seconds: float = EFFECT_SECONDS) -> None:
        """Wait until these packets of a ledger are acknowledged as accepted."""

        def closed() -> bool:
            return all(_state(ledger.packet(sequence)) != PacketState.COMMITTED for sequence in sequences)

        self.wait(closed, f"{_named(sequences)} of {ledger.ledger_id} are acknowledged", seconds)
        states = {_state(ledger.packet(sequence)) for sequence in sequences}
        expect(states == {PacketState.ACCEPTED}, "the packets were accepted", got=states, expected="ACCEPTED")

    def settled(self, seconds: float = EFFECT_SECONDS) -> None:
        """Wait until nothing is pending on either ledger."""
        self.wait(lambda: not any(self._pending().values()), "nothing is pending on either ledger", seconds)

    def crosses(self) -> None:
        """One packet each way crosses and is acknowledged: the relayer is well."""
        sent = [(ledger, ledger.issue()) for ledger in (self.a, self.b)]
        for ledger, sequences in sent:
            self.closed(ledger, sequences)

    def out_of_order(self, ledger: SimulatedLedger) -> Fault:
        """Every call at a ledger's door is refused until it is healed."""
        return ledger.spoil(Fault("", UNLIMITED, refuse=Reason.LEDGER_UNAVAILABLE))

    @contextmanager
    def knocks(self, ledger: SimulatedLedger) -> Iterator[list[float]]:
        """The door of a ledger is closed; whoever connects is sent away and written down."""
        ledger.close_door()
        found: list[float] = []
        listener = socket.create_server(("127.0.0.1", ledger.port))
        thread = threading.Thread(target=_send_away, args=(listener, found), name="knocks", daemon=True)
        thread.start()
        try:
            yield found
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
            thread.join()
            ledger.open_door()

    def other_names(self) -> dict[str, str]:
        """Each ledger's counterparty, by id."""
        return {LEDGER_IDS[0]: LEDGER_IDS[1], LEDGER_IDS[1]: LEDGER_IDS[0]}

    def _pending(self) -> dict[str, int]:
        return {each.ledger_id: each.pending() for each in self.world.ledgers}


def _state(row: PacketRow | None) -> PacketState:
    return PacketState(row.state) if row is not None else PacketState.COMMITTED


def _named(sequences: Sequence[int]) -> str:
    """Packets by their sequences, however many."""
    if len(sequences) == 1:
        return f"packet {sequences[0]}"
    return f"{len(sequences)} packets from {sequences[0]} to {sequences[-1]}"


def _send_away(listener: socket.socket, found: list[float]) -> None:
    """Accept and close until the listener is closed."""
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        found.append(time.monotonic())
        connection.close()
