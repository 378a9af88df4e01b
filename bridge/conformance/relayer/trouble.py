"""What befalls ledgers in relayer cases, by real acts and real evidence: freezes, rotations, pauses, empty blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from bridge.conformance.counterparty.chain import Chain
from bridge.conformance.counterparty.forge_chainmaker import forge_chainmaker
from bridge.conformance.counterparty.forge_cometbft import forge_cometbft
from bridge.conformance.counterparty.forgery import Forgery
from bridge.conformance.counterparty.ledger import other_root
from bridge.conformance.relayer.ledger import SimulatedLedger
from bridge.conformance.relayer.world import World
from bridge.crypto.ports import Signer
from bridge.ledger.rows import ClientRow, ConsensusRow
from bridge.light_client.types import HeaderProfile
from bridge.protocol.acts import sign_act
from bridge.v1.transaction_pb2 import (
    MisbehaviourEvidence,
    Operation,
    PauseAct,
    RotateValidatorsAct,
    SignedAct,
    ValidatorInfo,
)
from bridge.wire import encode, timestamp_of

_FORGERS = {"cometbft": forge_cometbft, "chainmaker": forge_chainmaker}


@dataclass(frozen=True, slots=True)
class _Shadow:
    """A simulated ledger as the forgers take one: its profile, its validators' keys and its honest updates."""

    ledger: SimulatedLedger

    @property
    def profile(self) -> HeaderProfile:
        return self.ledger.node.profile

    @property
    def keys(self) -> dict[bytes, Signer]:
        return {signer.public_key: signer for signer in self.ledger.keys.validators}

    def update(self, height: int, trusted_height: int) -> bytes:
        return self.ledger.node.engine.update(height, trusted_height)


def freeze(world: World, ledger: SimulatedLedger) -> None:
    """The client of the other ledger on `ledger` is frozen by two headers that the other one's validators signed."""
    other = world.other(ledger)
    tick(other)
    world.await_provable(other)
    row = ledger.node.queries.get(ClientRow, (ledger.client_id,))
    assert row is not None
    trusted = ledger.node.queries.floor(ConsensusRow, (ledger.client_id, other.height - 1))
    assert trusted is not None
    height = other.height
    honest = other.node.engine.update(height, trusted.height)
    forged = _FORGERS[other.node.profile.profile_id](
        cast("Chain", _Shadow(other)), height, trusted.height, Forgery(change=other_root)
    )
    evidence = MisbehaviourEvidence(client_id=ledger.client_id, header_1=forged, header_2=honest)
    ledger.require(Operation(submit_misbehaviour=evidence))


def tick(ledger: SimulatedLedger) -> None:
    """A block without packets: an act that took effect long ago, again."""
    ledger.require(Operation(create_client=ledger.creation))


def rotate(ledger: SimulatedLedger) -> None:
    """The second of a ledger's two validators alone from now on, so that the old set vouches for nothing."""
    validator = ledger.keys.validators[1]
    info = ValidatorInfo(node_id="node-1", public_key=validator.public_key, voting_power=1)
    act = RotateValidatorsAct(ledger_id=ledger.ledger_id, set_number=2, validators=[info])
    ledger.require(Operation(rotate_validators=encode(_signed(ledger, act))))


def pause(ledger: SimulatedLedger, port: str, *, paused: bool) -> None:
    """Pause or resume a port of a ledger's client."""
    act = PauseAct(
        ledger_id=ledger.ledger_id,
        client_id=ledger.client_id,
        port=port,
        paused=paused,
        act_time=timestamp_of(ledger.clock.now()),
    )
    ledger.require(Operation(set_pause=encode(_signed(ledger, act))))


def _signed(ledger: SimulatedLedger, act: RotateValidatorsAct | PauseAct) -> SignedAct:
    return sign_act(act, (ledger.ledger_id, ledger.keys.authority))
