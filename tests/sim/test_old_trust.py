"""What was trusted once and must not be trusted for ever: heights from before a recovery, validators rotated out."""

from __future__ import annotations

import pytest

from bridge.ledger.rows import ConsensusRow
from bridge.ledger.state import State
from bridge.protocol.acts import sign_act
from bridge.protocol.clients import encode_anchor
from bridge.v1.transaction_pb2 import Delivery, MisbehaviourEvidence, Operation, RecoverClientAct
from bridge.wire import encode
from tests.sim.harness import SimLedger, World
from tests.sim.looks import everything, states
from tests.sim.test_governance import rotation

SIDES = pytest.mark.parametrize("side", ["hk", "sh"])
NOTHING = Operation(register_member=b"none")


@pytest.fixture
def world() -> World:
    return World()


def delivery_of(world: World, side: str, ledger: SimLedger) -> Delivery:
    """What `ledger`, standing in for one side, has to deliver."""
    honest = getattr(world, side)
    setattr(world, side, ledger)
    made = world.delivery(ledger, world.unseen(ledger))
    setattr(world, side, honest)
    return made


def blocks(world: World, ledger: SimLedger, count: int) -> None:
    for _ in range(count):
        world.clock.advance(10**9)
        ledger.commit(ledger.transaction(NOTHING))


def recover(world: World, source: SimLedger) -> None:
    """A fresh anchor at the newest honest block, signed by both authorities."""
    here = world.other(source)
    act = RecoverClientAct(
        ledger_id=here.ledger_id,
        client_id=here.client_id,
        anchor=encode_anchor(source.profile, source.consensus(), source.speaker),
        reason="the validators' keys were stolen",
    )
    both = ((ledger.ledger_id, ledger.authority) for ledger in (here, source))
    assert here.submit(Operation(recover_client=encode(sign_act(act, *both))))[0].code == 0


def heights(state: State) -> list[int]:
    return [row.height for row in state.scan(ConsensusRow, ())]


@SIDES
def test_after_a_recovery_nothing_from_before_the_freeze_is_believed(world: World, side: str) -> None:
    source: SimLedger = getattr(world, side)
    here = world.other(source)
    thief = source.fork()
    known, height = here.client().latest_height, source.store.reader.latest_height() + 1
    world.clock.advance(10**9)
    thief.issue(thief.record("BL-FORGED"))
    forged = delivery_of(world, side, thief)
    taken = Delivery(client_id=here.client_id, headers=forged.headers)
    assert set(states(world.deliver(source, taken))) == {"APPLIED"}
    blocks(world, source, 2)
    blocks(world, thief, 6)
    conflict, twin = source.engine.update(height, known), thief.engine.update(height, known)
    proof = MisbehaviourEvidence(client_id=here.client_id, header_1=conflict, header_2=twin)
    assert here.submit(Operation(submit_misbehaviour=proof), member="relayer")[0].code == 0
    assert here.client().frozen
    blocks(world, source, 2)
    recover(world, source)
    rows = everything(here.state)

    # A packet under a root that only the thief's header had.
    runs = Delivery(client_id=here.client_id, runs=forged.runs)
    assert set(states(world.deliver(source, runs))) == {"CONSENSUS_STATE_NOT_FOUND"}
    # A header of the thief above the new anchor, from a height that was trusted before.
    above = thief.engine.update(source.store.reader.latest_height() + 1, known)
    late = Delivery(client_id=here.client_id, headers=[above])
    assert states(world.deliver(source, late)) == ["CONSENSUS_STATE_NOT_FOUND"]
    # The evidence that was dealt with, which would freeze the client again.
    (again,) = here.submit(Operation(submit_misbehaviour=proof), member="relayer")
    assert (again.code, again.reason) == (1, "CONSENSUS_STATE_NOT_FOUND")
    assert everything(here.state) == rows


@SIDES
def test_a_recovered_client_follows_its_ledger_from_the_new_anchor(world: World, side: str) -> None:
    source: SimLedger = getattr(world, side)
    here = world.other(source)
    known, height = here.client().latest_height, source.store.reader.latest_height() + 1
    twin = source.fork()
    blocks(world, source, 1)
    world.clock.advance(10**9)
    twin.commit(twin.transaction(Operation(register_member=b"other")))
    proof = MisbehaviourEvidence(
        client_id=here.client_id,
        header_1=source.engine.update(height, known),
        header_2=twin.engine.update(height, known),
    )
    assert here.submit(Operation(submit_misbehaviour=proof), member="relayer")[0].code == 0
    blocks(world, source, 1)
    recover(world, source)
    anchored = here.client().latest_height
    assert here.client().trusted_from == anchored
    source.issue(source.record("BL-1"))
    world.settle()
    assert here.client().latest_height > anchored
    assert not here.client().frozen
    assert [row.reference for row in here.records(here.client_id)] == ["BL-1"]


@SIDES
def test_validators_that_were_rotated_out_sign_nothing_above_their_rotation(world: World, side: str) -> None:
    source: SimLedger = getattr(world, side)
    here = world.other(source)
    known = here.client().latest_height
    retired = source.fork()
    world.clock.advance(10**9)
    for set_number in (2, 3, 4, 5):
        assert source.submit(rotation(source, set_number))[0].code == 0
        world.clock.advance(10**9)
        source.commit(source.transaction(NOTHING))
        for height in range(here.client().latest_height + 1, source.store.reader.latest_height() + 1):
            assert states(world.update(source, height)) == ["APPLIED"]
    blocks(world, retired, source.store.reader.latest_height() - known + 3)
    rows = everything(here.state)
    for height in (here.client().latest_height + 1, here.client().latest_height):
        forged = Delivery(client_id=here.client_id, headers=[retired.engine.update(height, known)])
        assert states(world.deliver(source, forged)) == ["CONSENSUS_STATE_NOT_FOUND"]
    # Nor do their signatures at heights that were not theirs any more freeze the client.
    height = here.client().latest_height
    proof = MisbehaviourEvidence(
        client_id=here.client_id,
        header_1=retired.engine.update(height, known),
        header_2=source.engine.update(height, height - 1),
    )
    (result,) = here.submit(Operation(submit_misbehaviour=proof), member="relayer")
    assert (result.code, result.reason) == (1, "CONSENSUS_STATE_NOT_FOUND")
    assert everything(here.state) == rows


@SIDES
def test_what_validators_signed_twice_in_their_own_time_still_freezes(world: World, side: str) -> None:
    source: SimLedger = getattr(world, side)
    here = world.other(source)
    known, height = here.client().latest_height, source.store.reader.latest_height() + 1
    twin = source.fork()
    blocks(world, source, 1)
    world.clock.advance(10**9)
    twin.commit(twin.transaction(Operation(register_member=b"other")))
    honest, other = source.engine.update(height, known), twin.engine.update(height, known)
    world.clock.advance(10**9)
    assert source.submit(rotation(source, 2))[0].code == 0
    blocks(world, source, 2)
    for later in range(height + 1, source.store.reader.latest_height() + 1):
        assert states(world.update(source, later)) == ["APPLIED"]
    proof = MisbehaviourEvidence(client_id=here.client_id, header_1=honest, header_2=other)
    assert here.submit(Operation(submit_misbehaviour=proof), member="relayer")[0].code == 0
    assert here.client().frozen
