"""Proof bundles made of the real blocks of two ledgers in memory, and ways to spoil them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bridge.bundle.verify import BUNDLE_FORMAT, seal_bundle
from bridge.ledger.types import KIND_PACKET
from bridge.protocol.clients import encode_anchor
from bridge.v1.cargo_pb2 import RECORD_ACT_VOIDED, RecordPayload, Statement
from bridge.v1.packet_pb2 import Packet
from bridge.v1.proof_pb2 import EntryProof, ProofBundle
from bridge.v1.transaction_pb2 import TrustAnchor
from tests.sim.harness import SimLedger, World

REFERENCE = "HKG0012345"


@dataclass(frozen=True)
class Case:
    """A ledger with a record of some versions, the anchor its reader pinned, and the bundle that proves it."""

    world: World
    ledger: SimLedger
    anchor: TrustAnchor
    bundle: ProofBundle

    @property
    def data(self) -> bytes:
        return seal_bundle(self.copy())

    def copy(self) -> ProofBundle:
        made = ProofBundle()
        made.CopyFrom(self.bundle)
        return made

    def spoiled(self, change: Callable[[ProofBundle], object]) -> bytes:
        """The bundle with a change and a fresh digest, as a forger would send it."""
        made = self.copy()
        change(made)
        return seal_bundle(made)

    def newest(self) -> Statement:
        packet = Packet.FromString(self.bundle.versions[-1].packet)
        return Statement.FromString(RecordPayload.FromString(packet.payloads[0].value).statement)

    def now(self) -> int:
        return self.world.clock.now()


def make_case(side: str, versions: int = 2, *, void: bool = False, anchor_height: int = 0) -> Case:
    """A record of `versions` versions on one side, the last of them voiding it if asked."""
    world = World()
    ledger: SimLedger = getattr(world, side)
    previous = b""
    for version in range(1, versions + 1):
        act = {"act": RECORD_ACT_VOIDED} if void and version == versions else {}
        record = ledger.record(REFERENCE, version, previous, **act)
        result = ledger.issue(record)
        assert result.code == 0, result
        previous = record.digest
        world.settle()
    state = ledger.store.block(anchor_height).consensus if anchor_height else ledger.engine.genesis()
    anchor = encode_anchor(ledger.profile, state, ledger.speaker)
    return Case(world, ledger, anchor, make_bundle(ledger, anchor))


def make_bundle(ledger: SimLedger, anchor: TrustAnchor) -> ProofBundle:
    """Every version of the record and every member, proven from the anchor; not sealed yet."""
    proofs: dict[str, list[EntryProof]] = {"cargo": [], "member": []}
    heights = set()
    for entry in ledger.store.entries(0, 1 << 30):
        packet = Packet()
        if entry.written.kind == KIND_PACKET:
            packet.ParseFromString(entry.written.body)
        for payload in packet.payloads:
            (run,) = ledger.engine.prove(entry.position, 1)
            heights.add(run.proof_height)
            proof = EntryProof(packet=entry.written.body, proof_height=run.proof_height, proof=run.proof)
            proofs[payload.source_port].append(proof)
    headers, trusted = [], anchor.height
    for height in sorted(heights - {anchor.height}):
        headers.append(ledger.engine.update(height, trusted))
        trusted = height
    return ProofBundle(
        format=BUNDLE_FORMAT,
        ledger_id=ledger.ledger_id,
        headers=headers,
        versions=proofs["cargo"],
        members=proofs["member"],
        anchor=anchor,
    )


def edit_packet(proof: EntryProof, change: Callable[[Packet], object]) -> None:
    """Change a proven packet in place."""
    packet = Packet.FromString(proof.packet)
    change(packet)
    proof.packet = packet.SerializeToString(deterministic=True)


def edit_payload(proof: EntryProof, change: Callable[[RecordPayload], object]) -> None:
    """Change the record payload of a proven packet in place."""

    def edit(packet: Packet) -> None:
        payload = RecordPayload.FromString(packet.payloads[0].value)
        change(payload)
        packet.payloads[0].value = payload.SerializeToString(deterministic=True)

    edit_packet(proof, edit)


def edit_statement(payload: RecordPayload, change: Callable[[Statement], object]) -> None:
    """Change a payload's statement in place; its signature stays what it was."""
    statement = Statement.FromString(payload.statement)
    change(statement)
    payload.statement = statement.SerializeToString(deterministic=True)
