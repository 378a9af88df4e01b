"""Invariants of two ledgers that hold after every step; each function returns what violates it.

Names are those of the reliability study: I3 no loss, I4 exactly once, I6 acknowledgements match.
"""

from __future__ import annotations

from collections import Counter

from bridge.crypto.suites import suite
from bridge.ledger.rows import HOME, VersionRow
from bridge.ledger.types import KIND_ACKNOWLEDGEMENT, KIND_PACKET
from bridge.protocol.acknowledgements import decode_acknowledgement
from bridge.protocol.commitments import acknowledgement_commitment, packet_commitment
from bridge.protocol.packets import PacketState, decode_packet
from bridge.v1.packet_pb2 import OUTCOME_ACCEPTED, Outcome
from tests.sim.harness import SimLedger, World

ALL = 1 << 30


def no_loss(source: SimLedger) -> list[str]:
    """I3: what was sent is closed or pending, and what is pending stands among the provable entries."""
    found = []
    packets = source.packets()
    pending = [packet for packet in packets if packet.state == PacketState.COMMITTED]
    if source.client().pending_count != len(pending):
        found.append(f"{source.ledger_id}: pending_count {source.client().pending_count}, but {len(pending)} wait")
    if [packet.sequence for packet in packets] != list(range(1, source.client().next_sequence)):
        found.append(f"{source.ledger_id}: sequences have gaps")
    hash_ = suite(source.suite_id).hash
    entries = {
        e.written.sequence: e.written for e in source.store.reader.entries(0, ALL) if e.written.kind == KIND_PACKET
    }
    for packet in packets:
        written = entries.get(packet.sequence)
        if written is None or packet_commitment(hash_, decode_packet(written.body)) != packet.commitment:
            found.append(f"{source.ledger_id}: packet {packet.sequence} is not provable")
    return found


def exactly_once(source: SimLedger, destination: SimLedger) -> list[str]:
    """I4: one receipt, one acknowledgement entry and one effect for a packet, never more."""
    found = []
    written = [e.written for e in destination.store.reader.entries(0, ALL) if e.written.kind == KIND_ACKNOWLEDGEMENT]
    twice = [sequence for sequence, count in Counter(entry.sequence for entry in written).items() if count > 1]
    found += [f"{destination.ledger_id}: {sequence} acknowledged twice" for sequence in twice]
    receipts = {receipt.sequence: receipt for receipt in destination.receipts()}
    if set(receipts) != {entry.sequence for entry in written}:
        found.append(f"{destination.ledger_id}: receipts and acknowledgements differ")
    accepted = {p.sequence for p in source.packets() if p.port == "cargo" and _accepted(receipts, p.sequence)}
    effects = {row.sequence for row in destination.state.scan(VersionRow, ()) if row.origin != HOME}
    if accepted != effects:
        found.append(f"{destination.ledger_id}: accepted {sorted(accepted)}, took effect {sorted(effects)}")
    local_ids = [row.local_id for row in destination.records()]
    if len(set(local_ids)) != len(local_ids):
        found.append(f"{destination.ledger_id}: a local id names two records")
    return found


def acknowledgements_match(source: SimLedger, destination: SimLedger) -> list[str]:
    """I6: the acknowledgement that closed a packet is the one that was written, and hashes to its entry.

    A packet that both authorities closed has none, and took no effect.
    """
    found = []
    hash_ = suite(destination.suite_id).hash
    receipts = {receipt.sequence: receipt for receipt in destination.receipts()}
    entries = {
        e.written.sequence: e.written
        for e in destination.store.reader.entries(0, ALL)
        if e.written.kind == KIND_ACKNOWLEDGEMENT
    }
    for packet in source.packets():
        if packet.state == PacketState.COMMITTED:
            continue
        receipt, entry = receipts.get(packet.sequence), entries.get(packet.sequence)
        if packet.state == PacketState.CLOSED_BY_AUTHORITIES:
            if packet.acknowledgement or (receipt is not None and receipt.outcome == OUTCOME_ACCEPTED):
                found.append(f"{source.ledger_id}: {packet.sequence} was closed and took effect")
            continue
        if receipt is None or entry is None or packet.acknowledgement != receipt.acknowledgement:
            found.append(f"{source.ledger_id}: {packet.sequence} was closed by an acknowledgement nobody wrote")
            continue
        if acknowledgement_commitment(hash_, packet.acknowledgement) != entry.entry.value:
            found.append(f"{source.ledger_id}: {packet.sequence} does not hash to its entry")
        if Outcome.Name(receipt.outcome) != f"OUTCOME_{PacketState(packet.state).name}":
            found.append(f"{source.ledger_id}: {packet.sequence} ended in two ways")
    return found


def mapped_ids_agree(source: SimLedger, destination: SimLedger) -> list[str]:
    """Both sides name each other's id of a record, once both know it."""
    there = {row.record_key: row for row in destination.records(destination.client_id)}
    return [
        f"{source.ledger_id}: {row.local_id} is mapped to {row.counterparty_id}"
        for row in source.records(HOME)
        if row.counterparty_id
        and (row.counterparty_id, row.local_id)
        != (there[row.record_key].local_id, there[row.record_key].counterparty_id)
    ]


def violations(world: World) -> list[str]:
    """Everything that is wrong."""
    found = []
    for source in (world.hk, world.sh):
        destination = world.other(source)
        found += no_loss(source)
        found += exactly_once(source, destination)
        found += acknowledgements_match(source, destination)
        found += mapped_ids_agree(source, destination)
    return found


def _accepted(receipts: dict[int, object], sequence: int) -> bool:
    receipt = receipts.get(sequence)
    return receipt is not None and decode_acknowledgement(receipt.acknowledgement).outcome == OUTCOME_ACCEPTED  # type: ignore[attr-defined]
