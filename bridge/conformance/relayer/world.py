"""Two simulated ledgers that know each other, and the kit's own hand that may carry between them.

The hand delivers under a relayer member of its own: it makes fresh ledgers ready for a case, and it is the rival that
was faster.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

from bridge.clock import NANOS_PER_SECOND
from bridge.conformance.counterparty.acts import create_client_act, pair_client_act
from bridge.conformance.counterparty.packets import item_of
from bridge.conformance.relayer.estate import CLIENT_IDS, KEY_ID, RIVAL, Estate
from bridge.conformance.relayer.ledger import TIMEOUT_SECONDS, SimulatedLedger
from bridge.ledger.rows import ConsensusRow, PacketRow, ReceiptRow
from bridge.ledger.types import KIND_PACKET, StoredEntry
from bridge.v1.transaction_pb2 import Delivery, EntryRun, ItemResult, Operation, Transaction, TransactionBody
from bridge.wire import encode, timestamp_of

TRUSTING_PERIOD_SECONDS = 86_400
"""Trusting period of both clients, in seconds."""

MAX_ROUNDS = 8
"""Rounds of carrying until nothing is left: announcements, their acknowledgements, and room."""

PROVABLE_SECONDS = 10.0
"""Longest wait until a ledger has cut the block that proves its entries, in seconds."""


class World:
    """Ledgers `a` and `b` with paired clients; everything announced has been carried and acknowledged."""

    def __init__(
        self,
        estate: Estate,
        folder: Path,
        loop: asyncio.AbstractEventLoop,
        *,
        backdated_seconds: int = 0,
        waiting: int = 0,
    ) -> None:
        """Begin both ledgers. `backdated_seconds` puts their clocks back, and lets them go right once all is linked.

        `waiting` packets of the first ledger were sent by then; nobody has carried them.
        """
        self.ledgers: list[SimulatedLedger] = []
        for index, name in enumerate(("a", "b")):
            shift = backdated_seconds * NANOS_PER_SECOND
            settings = estate.begin(index, folder / name, estate.genesis(shift))
            ledger = SimulatedLedger(settings, estate.keys[index], estate.door_tls(index), estate.ports[name], loop)
            ledger.client_id = CLIENT_IDS[index]
            ledger.clock.shift = -shift
            self.ledgers.append(ledger)
        self.a, self.b = self.ledgers
        self._keys = estate.keys
        for ledger in self.ledgers:
            ledger.start()
        self._link()
        self.settle()
        self.waiting = self.a.issue(waiting, timeout_seconds=backdated_seconds + TIMEOUT_SECONDS) if waiting else []
        """Sequences of the packets that wait from the beginning."""
        for ledger in self.ledgers:
            ledger.clock.shift = 0

    def other(self, ledger: SimulatedLedger) -> SimulatedLedger:
        """The one on the other side."""
        return self.b if ledger is self.a else self.a

    def heal(self) -> None:
        """No fault anywhere any more."""
        for ledger in self.ledgers:
            ledger.heal()

    def stop(self) -> None:
        """End both ledgers."""
        self.heal()
        for ledger in self.ledgers:
            ledger.stop()

    def settle(self) -> None:
        """Carry both ways by the kit's own hand until nothing is left."""
        for _ in range(MAX_ROUNDS):
            if not self.carry(self.a) + self.carry(self.b):
                return

    def carry(self, source: SimulatedLedger, sequences: Sequence[int] | None = None) -> int:
        """Deliver what the other side lacks of a ledger, or only these packets; the number of items carried."""
        destination = self.other(source)
        self.await_provable(source)
        entries = [entry for entry in _entries(source) if self._lacks(destination, entry)]
        if sequences is not None:
            entries = [each for each in entries if _is_packet(each) and each.written.sequence in sequences]
        if not entries:
            return 0
        operation = Operation(deliver=self._delivery(source, destination, entries))
        body = encode(
            TransactionBody(
                ledger_id=destination.ledger_id,
                member_id=RIVAL,
                key_id=KEY_ID,
                submission_time=timestamp_of(destination.clock.now()),
                operations=[operation],
            )
        )
        message = destination.node.profile.transaction_sign_bytes(destination.ledger_id, body)
        transaction = encode(Transaction(body=body, signature=destination.keys.rival.sign(message)))
        items = destination.order(transaction)
        _require_taken(items)
        return len(entries)

    def await_provable(self, ledger: SimulatedLedger) -> None:
        """Wait until every entry of a ledger can be proven."""
        until = time.monotonic() + PROVABLE_SECONDS
        while (tip := ledger.node.sequencer.tip).provable_count < tip.entry_count:
            if time.monotonic() > until:
                raise RuntimeError(f"{ledger.ledger_id} cuts no block that proves its entries")
            time.sleep(0.005)

    def _link(self) -> None:
        """Create and pair the clients by acts of both authorities."""
        speakers = [(each.ledger_id, each.keys.authority) for each in self.ledgers]
        for ledger, speaker in zip(self.ledgers, speakers, strict=True):
            act = create_client_act(
                [speaker],
                ledger.ledger_id,
                ledger.client_id,
                self.other(ledger).anchor(),
                trusting_period_seconds=TRUSTING_PERIOD_SECONDS,
            )
            ledger.creation = encode(act)
            ledger.require(Operation(create_client=ledger.creation))
        sides = [(each.ledger_id, each.client_id) for each in self.ledgers]
        pair = encode(pair_client_act(speakers, sides[0], sides[1]))
        for ledger in self.ledgers:
            ledger.require(Operation(pair_client=pair))

    def _lacks(self, destination: SimulatedLedger, entry: StoredEntry) -> bool:
        written, queries = entry.written, destination.node.queries
        if written.kind == KIND_PACKET:
            return queries.get(ReceiptRow, (destination.client_id, written.sequence)) is None
        packet = queries.get(PacketRow, (destination.client_id, written.sequence))
        return packet is not None and not packet.acknowledgement

    def _delivery(
        self, source: SimulatedLedger, destination: SimulatedLedger, entries: Sequence[StoredEntry]
    ) -> Delivery:
        engine, queries = source.node.engine, destination.node.queries
        runs = [
            EntryRun(proof_height=run.proof_height, proof=run.proof, items=[item_of(e.written) for e in run.entries])
            for first, count in _stretches(entries)
            for run in engine.prove(first, count)
        ]
        headers, trusted = [], 0
        for height in sorted({run.proof_height for run in runs}):
            floor = queries.floor(ConsensusRow, (destination.client_id, height))
            trusted = max(trusted, floor.height if floor is not None else 0)
            if trusted < height:
                headers.append(engine.update(height, trusted))
                trusted = height
        return Delivery(client_id=destination.client_id, headers=headers, runs=runs)


def _entries(ledger: SimulatedLedger) -> Sequence[StoredEntry]:
    return ledger.node.reader.entries(0, ledger.entry_count) if ledger.entry_count else ()


def _is_packet(entry: StoredEntry) -> bool:
    return entry.written.kind == KIND_PACKET


def _stretches(entries: Sequence[StoredEntry]) -> list[tuple[int, int]]:
    """Consecutive stretches (first, count) of rising positions."""
    found: list[tuple[int, int]] = []
    for position in sorted(entry.position for entry in entries):
        if found and sum(found[-1]) == position:
            found[-1] = (found[-1][0], found[-1][1] + 1)
        else:
            found.append((position, 1))
    return found


def _require_taken(items: Sequence[ItemResult]) -> None:
    """RuntimeError when the kit's own delivery was refused, because then it is the kit that is wrong."""
    refused = [item.reason for item in items if item.reason]
    if refused:
        raise RuntimeError(f"the kit's own delivery was refused: {refused[0]}")
