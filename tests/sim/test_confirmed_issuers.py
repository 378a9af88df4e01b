"""A record leaves only once the other ledger has confirmed its issuer: no order of delivery can cost it."""

from __future__ import annotations

from bridge.crypto.keys import generate_signer
from bridge.protocol.acts import sign_act
from bridge.protocol.packets import PacketState
from bridge.v1.member_pb2 import MEMBER_ROLE_ISSUER
from bridge.v1.transaction_pb2 import Operation, OperationResult, PauseAct
from bridge.wire import encode, timestamp_of
from tests.sim.harness import SimLedger, World, registration, sign_member
from tests.sim.looks import everything
from tests.sim.records import Issuer, make_record


def refused(ledger: SimLedger, result: OperationResult, before: object) -> None:
    assert (result.code, result.reason) == (1, "ISSUER_UNCONFIRMED")
    assert everything(ledger.state) == before


def revision(ledger: SimLedger, number: int, *names: str) -> bytes:
    """The carrier's registration in a later revision, with the keys of these ids; "k1" is the one it began with."""
    keys = [(name, ledger.keys.setdefault(name, generate_signer(ledger.suite_id))) for name in names if name != "k1"]
    keys += [("k1", ledger.keys["carrier"])] if "k1" in names else []
    member = registration(ledger.ledger_id, "carrier", [MEMBER_ROLE_ISSUER], keys, number)
    return sign_member(ledger.authority, member)


def test_right_after_pairing_an_issuer_waits_for_the_other_ledgers_word() -> None:
    """[ISS-5] Announced is not confirmed: only the acknowledgement lets a record leave."""
    world = World(paired=False, validators=1)
    world.pair()
    before = everything(world.hk.state)
    refused(world.hk, world.hk.issue(world.hk.record("BL-1")), before)
    world.relay(world.hk)
    before = everything(world.hk.state)
    refused(world.hk, world.hk.issue(world.hk.record("BL-1")), before)
    world.relay(world.sh)
    assert world.hk.issue(world.hk.record("BL-1")).code == 0
    world.settle()
    assert [packet.state for packet in world.hk.packets()] == [PacketState.ACCEPTED] * 4


def test_a_new_key_signs_once_the_other_ledger_knows_it() -> None:
    """[ISS-5] The newest registration counts, so that a record by a new key cannot overtake it."""
    world = World(validators=1)
    hk = world.hk
    (result,) = hk.submit(Operation(register_member=revision(hk, 2, "k1", "k2")))
    assert result.code == 0
    record = make_record(Issuer(hk.ledger_id, hk.suite_id, "carrier", "k2", hk.keys["k2"]), "BL-1")
    before = everything(hk.state)
    refused(hk, hk.issue(record), before)
    world.settle()
    assert hk.issue(record).code == 0
    world.settle()
    assert hk.packets()[-1].state == PacketState.ACCEPTED


def test_a_registration_that_a_pause_holds_back_confirms_nothing() -> None:
    """[ISS-5] What was not announced cannot have been confirmed, even where an earlier revision was."""
    world = World(validators=1)
    hk = world.hk
    pause(hk, paused=True)
    (result,) = hk.submit(Operation(register_member=revision(hk, 2, "k1", "k2")))
    assert (result.code, result.sequence) == (0, 0)
    before = everything(hk.state)
    refused(hk, hk.issue(hk.record("BL-1")), before)
    pause(hk, paused=False)
    world.settle()
    assert hk.issue(hk.record("BL-1")).code == 0


def pause(ledger: SimLedger, *, paused: bool) -> None:
    ledger.tick()
    act = PauseAct(
        ledger_id=ledger.ledger_id,
        client_id=ledger.client_id,
        port="member",
        paused=paused,
        act_time=timestamp_of(ledger.clock.now()),
    )
    (result,) = ledger.submit(Operation(set_pause=encode(sign_act(act, (ledger.ledger_id, ledger.authority)))))
    assert result.code == 0, result
