"""Pauses and rotations: acts of a ledger's authority on the ledger itself."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.crypto.keys import generate_signer
from bridge.ledger.rows import PauseRow, ValidatorSetRow
from bridge.protocol.acts import sign_act
from bridge.protocol.packets import PacketState
from bridge.v1.member_pb2 import MEMBER_ROLE_READER
from bridge.v1.transaction_pb2 import Operation, PauseAct, RotateValidatorsAct, ValidatorInfo
from bridge.wire import encode, timestamp_of
from tests.sim.harness import HOUR, SimLedger, World, registration, sign_member
from tests.sim.looks import everything, states, verdicts

SIDES = pytest.mark.parametrize("side", ["hk", "sh"])


@pytest.fixture
def world() -> World:
    return World()


def pause(ledger: SimLedger, port: str = "cargo", *, paused: bool = True, signer: Any = None, **over: Any) -> Operation:
    fields: dict[str, Any] = {
        "ledger_id": ledger.ledger_id,
        "client_id": ledger.client_id,
        "port": port,
        "paused": paused,
        "act_time": timestamp_of(ledger.clock.now()),
    }
    act = PauseAct(**(fields | over))
    return Operation(set_pause=encode(sign_act(act, (ledger.ledger_id, signer or ledger.authority))))


def refused(ledger: SimLedger, operation: Operation, reason: str) -> None:
    rows = everything(ledger.state)
    (result,) = ledger.submit(operation)
    assert (result.code, result.reason) == (1, reason), result
    assert everything(ledger.state) == rows


def test_a_paused_port_sends_nothing_and_leaves_arrivals_for_later(world: World) -> None:
    timeout = world.sh.seconds() + HOUR
    world.sh.issue(world.sh.record("BL-1"), timeout)
    delivery = world.delivery(world.sh, world.unseen(world.sh))
    assert world.hk.submit(pause(world.hk))[0].code == 0
    issued = world.hk.issue(world.hk.record("BL-2"))
    assert (issued.code, issued.reason) == (1, "PORT_PAUSED")
    assert states(world.deliver(world.sh, delivery)) == ["APPLIED", "PORT_PAUSED"]
    assert world.sh.packets()[-1].state == PacketState.COMMITTED
    world.clock.advance(10**9)
    assert world.hk.submit(pause(world.hk, paused=False))[0].code == 0
    assert verdicts(world.deliver(world.sh, delivery)) == ["ACCEPTED"]
    assert world.hk.issue(world.hk.record("BL-2")).code == 0


def test_a_packet_expires_at_a_paused_port_and_acknowledgements_still_close(world: World) -> None:
    world.hk.issue(world.hk.record("BL-2"))
    world.relay(world.hk)
    timeout = world.sh.seconds() + HOUR
    world.sh.issue(world.sh.record("BL-1"), timeout)
    world.hk.submit(pause(world.hk))
    world.hk.tick(HOUR)
    world.settle()
    assert world.sh.packets()[-1].state == PacketState.EXPIRED
    assert world.hk.packets()[-1].state == PacketState.ACCEPTED


def test_members_registered_while_their_port_was_paused_are_announced_on_resuming(world: World) -> None:
    world.hk.submit(pause(world.hk, "member"))
    key = generate_signer(world.hk.suite_id)
    bank = registration(world.hk.ledger_id, "bank", [MEMBER_ROLE_READER], [("k1", key)])
    (made,) = world.hk.submit(Operation(register_member=sign_member(world.hk.authority, bank)))
    assert (made.code, made.sequence) == (0, 0)
    world.clock.advance(10**9)
    world.hk.submit(pause(world.hk, "member", paused=False))
    world.settle()
    assert {packet.state for packet in world.hk.packets()} == {PacketState.ACCEPTED}
    assert len(world.hk.packets()) == 3 + 4


def test_an_old_pause_cannot_be_played_again(world: World) -> None:
    first = pause(world.hk)
    world.hk.submit(first)
    (again,) = world.hk.submit(first)
    assert (again.code, again.noop) == (0, True)
    world.clock.advance(10**9)
    world.hk.submit(pause(world.hk, paused=False))
    refused(world.hk, first, "REVISION_CONFLICT")
    row = world.hk.state.get(PauseRow, (world.hk.client_id, "cargo"))
    assert row is not None
    assert not row.paused


@pytest.mark.parametrize("seconds", [601, 250_000_000_000 - 1_790_000_000])
def test_a_pause_from_the_future_is_refused(world: World, seconds: int) -> None:
    late = timestamp_of(world.hk.clock.now())
    late.seconds += seconds
    refused(world.hk, pause(world.hk, act_time=late), "INVALID_FIELD")
    late.seconds += 600 - seconds
    assert world.hk.submit(pause(world.hk, act_time=late))[0].code == 0


def test_a_pause_by_anybody_else_or_of_something_else_is_refused(world: World) -> None:
    refused(world.hk, pause(world.hk, signer=world.hk.keys["platform"]), "SIGNATURE_INVALID")
    refused(world.hk, pause(world.hk, ledger_id="hk-trade-2"), "LEDGER_ID_MISMATCH")
    refused(world.hk, pause(world.hk, client_id="sh-9"), "CLIENT_NOT_FOUND")
    refused(world.hk, pause(world.hk, "title"), "PORT_UNKNOWN")


def rotation(ledger: SimLedger, set_number: int, count: int = 4, **over: Any) -> Operation:
    """Keep all validators but the first, which is replaced."""
    fresh = generate_signer(ledger.suite_id)
    ledger.validator_keys.append(fresh)
    ledger.format._signers[fresh.public_key] = fresh  # type: ignore[attr-defined]
    kept = ledger.validator_keys[-count:]
    infos = [
        ValidatorInfo(node_id=f"v-{key.public_key.hex()[-8:]}", public_key=key.public_key, voting_power=1)
        for key in kept
    ]
    fields: dict[str, Any] = {"ledger_id": ledger.ledger_id, "set_number": set_number, "validators": infos}
    act = RotateValidatorsAct(**(fields | over))
    return Operation(rotate_validators=encode(sign_act(act, (ledger.ledger_id, ledger.authority))))


@SIDES
def test_validators_rotate_and_the_other_side_follows(world: World, side: str) -> None:
    ledger: SimLedger = getattr(world, side)
    for set_number in (2, 3, 4):
        world.clock.advance(10**9)
        act = rotation(ledger, set_number)
        assert ledger.submit(act)[0].code == 0
        rows = everything(ledger.state)
        (again,) = ledger.submit(act)
        assert (again.code, again.noop) == (0, True)
        assert everything(ledger.state) == rows
        assert states(world.update(ledger, world.other(ledger).client().latest_height + 1))[0] in ("APPLIED", "NOOP")
        for height in range(world.other(ledger).client().latest_height + 1, ledger.store.reader.latest_height() + 1):
            assert states(world.update(ledger, height)) == ["APPLIED"]
        ledger.issue(ledger.record(f"BL-{set_number}"))
        world.settle()
        assert ledger.packets()[-1].state == PacketState.ACCEPTED
    assert [row.set_number for row in ledger.state.scan(ValidatorSetRow, ())] == [2, 3, 4]


@SIDES
def test_a_rotation_out_of_turn_is_refused(world: World, side: str) -> None:
    ledger: SimLedger = getattr(world, side)
    refused(ledger, rotation(ledger, 3), "REVISION_CONFLICT")
    refused(ledger, rotation(ledger, 2, ledger_id="elsewhere-1"), "LEDGER_ID_MISMATCH")
    refused(ledger, rotation(ledger, 2, validators=[]), "VALIDATOR_SET_INVALID")
    act = rotation(ledger, 2)
    results = ledger.submit(Operation(register_member=b"none"), act)
    assert results[1].reason == "STATE_CHANGED"
    assert not ledger.state.scan(ValidatorSetRow, ())
