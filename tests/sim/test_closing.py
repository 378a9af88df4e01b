"""Packets to a ledger that never comes back [CLO-1..5], and what comes after they were closed [ACK-4]."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from bridge.crypto.keys import generate_signer
from bridge.crypto.suites import suite
from bridge.ledger.rows import HOME, MemberRow
from bridge.ledger.types import KIND_PACKET
from bridge.protocol.acknowledgements import EXPIRED_ACKNOWLEDGEMENT, encode_accepted, encode_rejected
from bridge.protocol.acts import closed_packet, sign_act
from bridge.protocol.clients import encode_anchor
from bridge.protocol.packets import PacketState, decode_packet
from bridge.v1.member_pb2 import MEMBER_ROLE_ISSUER
from bridge.v1.transaction_pb2 import (
    ClosedPacket,
    ClosePacketsAct,
    Delivery,
    EntryRun,
    Operation,
    RecoverClientAct,
    RunItem,
    WrittenAcknowledgement,
)
from bridge.wire import encode, timestamp_of
from tests.sim.harness import HOUR, TRUSTING_PERIOD_SECONDS, SimLedger, World, registration, sign_member
from tests.sim.invariants import violations
from tests.sim.looks import everything, states, verdicts
from tests.sim.test_clients import creation, freeze, refused
from tests.sim.test_governance import pause

SIDES = pytest.mark.parametrize("side", ["hk", "sh"])
DRIFT = 10
YEAR = 366 * 86_400


@pytest.fixture
def world() -> World:
    return World()


def named(ledger: SimLedger, *sequences: int) -> list[ClosedPacket]:
    """Packets as an act names them."""
    bodies = {
        entry.written.sequence: entry.written.body
        for entry in ledger.store.reader.entries(0, 1 << 30)
        if entry.written.kind == KIND_PACKET
    }
    return [closed_packet(suite(ledger.suite_id).hash, decode_packet(bodies[each])) for each in sequences]


def closing(
    world: World, ledger: SimLedger, packets: Sequence[ClosedPacket], *, signers: Any = None, **over: Any
) -> Operation:
    there = world.other(ledger)
    fields: dict[str, Any] = {
        "ledger_id": ledger.ledger_id,
        "client_id": ledger.client_id,
        "counterparty_ledger_id": there.ledger_id,
        "counterparty_client_id": there.client_id,
        "packets": packets,
        "act_time": timestamp_of(world.clock.now()),
        "reason": "the other ledger was wound up",
    }
    both = [(each.ledger_id, each.authority) for each in (ledger, there)]
    return Operation(close_packets=encode(sign_act(ClosePacketsAct(**(fields | over)), *(signers or both))))


def stranded(world: World, ledger: SimLedger, count: int = 1) -> list[ClosedPacket]:
    """Packets whose timeout has passed, through a client that has expired."""
    sequences = [ledger.issue(ledger.record(f"BL-{number}")).sequence for number in range(count)]
    ledger.tick(TRUSTING_PERIOD_SECONDS)
    return named(ledger, *sequences)


def recover(world: World, ledger: SimLedger) -> None:
    """The other ledger came back: both authorities recover the client from its newest block."""
    there = world.other(ledger)
    there.commit(there.transaction(Operation(register_member=b"none")))
    act = RecoverClientAct(
        ledger_id=ledger.ledger_id,
        client_id=ledger.client_id,
        anchor=encode_anchor(there.profile, there.consensus(), there.speaker),
        reason="it came back after all",
    )
    signed = sign_act(act, *((each.ledger_id, each.authority) for each in (ledger, there)))
    assert ledger.submit(Operation(recover_client=encode(signed)))[0].code == 0


def acknowledgement(world: World, ledger: SimLedger, sequence: int, body: bytes) -> list[str]:
    """What the ledger answers to an acknowledgement, and that nothing moved."""
    rows = everything(ledger.state)
    item = RunItem(acknowledgement=WrittenAcknowledgement(sequence=sequence, acknowledgement=body))
    run = EntryRun(proof_height=ledger.client().latest_height, items=[item])
    answer = world.deliver(world.other(ledger), Delivery(client_id=ledger.client_id, runs=[run]))
    assert everything(ledger.state) == rows
    return states(answer)


@SIDES
@pytest.mark.parametrize("how", ["frozen", "expired"])
def test_both_authorities_close_what_waits_for_a_ledger_that_is_gone(world: World, side: str, how: str) -> None:
    ledger: SimLedger = getattr(world, side)
    sequences = [ledger.issue(ledger.record(f"BL-{number}")).sequence for number in range(3)]
    if how == "frozen":
        freeze(world, world.other(ledger))
        ledger.tick(HOUR + DRIFT)
    else:
        ledger.tick(TRUSTING_PERIOD_SECONDS)
    records = ledger.records(HOME)
    act = closing(world, ledger, named(ledger, *sequences[:2]))
    (result,) = ledger.submit(act)
    assert (result.code, result.noop) == (0, False)
    assert [packet.state for packet in ledger.packets()[-3:]] == [
        PacketState.CLOSED_BY_AUTHORITIES,
        PacketState.CLOSED_BY_AUTHORITIES,
        PacketState.COMMITTED,
    ]
    assert {packet.acknowledgement for packet in ledger.packets()[-3:]} == {b""}
    assert ledger.client().pending_count == 1
    assert ledger.records(HOME) == records
    assert violations(world) == []
    rows = everything(ledger.state)
    (again,) = ledger.submit(act)
    assert (again.code, again.noop) == (0, True)
    assert everything(ledger.state) == rows


@SIDES
def test_a_closing_needs_both_authorities_and_no_one_else(world: World, side: str) -> None:
    ledger: SimLedger = getattr(world, side)
    there = world.other(ledger)
    packets = stranded(world, ledger)
    own, other = (ledger.ledger_id, ledger.authority), (there.ledger_id, there.authority)
    for signers in ([own], [other], [own, other, ("third-1", ledger.authority)]):
        refused(ledger, closing(world, ledger, packets, signers=signers), "AUTHORITY_SIGNATURE_MISSING")
    stranger = generate_signer(there.suite_id)
    for signers in ([own, (there.ledger_id, stranger)], [(ledger.ledger_id, there.authority), other]):
        refused(ledger, closing(world, ledger, packets, signers=signers), "SIGNATURE_INVALID")
    for member in ("relayer", "carrier"):
        refused(ledger, closing(world, ledger, packets), "ROLE_MISSING", member)


@pytest.mark.parametrize(
    ("over", "reason"),
    [
        ({"ledger_id": "hk-trade-2"}, "LEDGER_ID_MISMATCH"),
        ({"ledger_id": "sh-trade-1"}, "LEDGER_ID_MISMATCH"),
        ({"client_id": "sh-9"}, "CLIENT_NOT_FOUND"),
        ({"client_id": "sh-1"}, "CLIENT_NOT_PAIRED"),
        ({"counterparty_ledger_id": "sh-trade-2"}, "COUNTERPARTY_MISMATCH"),
        ({"counterparty_client_id": "hk-9"}, "COUNTERPARTY_MISMATCH"),
        ({"act_time": None}, "FIELD_REQUIRED"),
        ({"reason": ""}, "INVALID_FIELD"),
    ],
)
def test_a_closing_between_other_clients_or_out_of_form_is_refused(
    world: World, over: dict[str, Any], reason: str
) -> None:
    assert world.hk.submit(creation(world))[0].code == 0
    packets = stranded(world, world.hk)
    refused(world.hk, closing(world, world.hk, packets, **over), reason)


@SIDES
def test_nothing_but_the_packets_named_is_closed(world: World, side: str) -> None:
    ledger: SimLedger = getattr(world, side)
    first, second = stranded(world, ledger, 2)
    swapped = ClosedPacket(
        sequence=second.sequence, timeout_seconds=first.timeout_seconds, payloads_digest=first.payloads_digest
    )
    early = ClosedPacket(
        sequence=first.sequence, timeout_seconds=first.timeout_seconds - 1, payloads_digest=first.payloads_digest
    )
    for wrong in ([swapped], [early], [first, swapped]):
        refused(ledger, closing(world, ledger, wrong), "COMMITMENT_MISMATCH")
    refused(ledger, closing(world, ledger, []), "FIELD_REQUIRED")
    refused(ledger, closing(world, ledger, [second, first]), "INVALID_FIELD")
    never = ClosedPacket(sequence=99, timeout_seconds=first.timeout_seconds, payloads_digest=first.payloads_digest)
    for wrong in ([never], [first, second, never]):
        refused(ledger, closing(world, ledger, wrong), "PACKET_NOT_FOUND")


def test_a_packet_that_has_its_end_refuses_the_whole_act(world: World) -> None:
    accepted = world.hk.issue(world.hk.record("BL-done")).sequence
    world.settle()
    first, second = stranded(world, world.hk, 2)
    done = named(world.hk, accepted)
    for wrong in (done, [*done, first, second]):
        refused(world.hk, closing(world, world.hk, wrong), "PACKET_SETTLED")
    assert world.hk.submit(closing(world, world.hk, [first]))[0].code == 0
    refused(world.hk, closing(world, world.hk, [first, second]), "PACKET_SETTLED")
    assert world.hk.submit(closing(world, world.hk, [second]))[0].code == 0
    assert world.hk.submit(closing(world, world.hk, [first, second]))[0].noop
    assert violations(world) == []


@SIDES
def test_packets_of_a_client_that_works_are_not_closed(world: World, side: str) -> None:
    ledger: SimLedger = getattr(world, side)
    (packet,) = named(ledger, ledger.issue(ledger.record("BL-1")).sequence)
    refused(ledger, closing(world, ledger, [packet]), "CLIENT_ACTIVE")
    ledger.tick(HOUR + DRIFT)
    refused(ledger, closing(world, ledger, [packet]), "CLIENT_ACTIVE")


@SIDES
def test_a_packet_that_may_still_be_accepted_is_not_closed(world: World, side: str) -> None:
    ledger: SimLedger = getattr(world, side)
    (packet,) = named(ledger, ledger.issue(ledger.record("BL-1")).sequence)
    freeze(world, world.other(ledger))
    refused(ledger, closing(world, ledger, [packet]), "TIMEOUT_NOT_REACHED")
    floor = packet.timeout_seconds + DRIFT
    ledger.tick(floor - 2 - ledger.seconds())
    early = closing(world, ledger, [packet])
    refused(ledger, early, "TIMEOUT_NOT_REACHED")
    later = closing(world, ledger, [packet], act_time=timestamp_of((floor + 60) * 10**9))
    refused(ledger, later, "TIMEOUT_NOT_REACHED")
    ledger.tick(2 * DRIFT)
    refused(ledger, early, "TIMEOUT_NOT_REACHED")
    assert ledger.submit(later)[0].code == 0
    assert violations(world) == []


def test_an_act_from_the_future_is_refused(world: World) -> None:
    packets = stranded(world, world.hk)
    for ahead in (602, YEAR):
        at = timestamp_of(world.clock.now() + ahead * 10**9)
        refused(world.hk, closing(world, world.hk, packets, act_time=at), "INVALID_FIELD")


def test_an_act_is_stale_once_the_ledger_was_heard_of_again(world: World) -> None:
    packets = stranded(world, world.hk)
    act = closing(world, world.hk, packets)
    world.hk.tick(60)
    recover(world, world.hk)
    refused(world.hk, act, "CLIENT_ACTIVE")
    freeze(world, world.sh)
    refused(world.hk, act, "STATE_CHANGED")
    world.hk.tick(TRUSTING_PERIOD_SECONDS)
    refused(world.hk, act, "STATE_CHANGED")
    assert world.hk.submit(closing(world, world.hk, packets))[0].code == 0


def test_a_ledger_that_comes_back_can_only_let_a_closed_packet_expire(world: World) -> None:
    (packet,) = stranded(world, world.hk)
    assert world.hk.submit(closing(world, world.hk, [packet]))[0].code == 0
    recover(world, world.hk)
    recover(world, world.sh)
    (entry,) = [each for each in world.unseen(world.hk) if each.written.sequence == packet.sequence]
    assert verdicts(world.deliver(world.hk, world.delivery(world.hk, [entry]))) == ["EXPIRED"]
    assert violations(world) == []
    (answer,) = [
        each for each in world.sh.store.reader.entries(0, 1 << 30) if each.written.body == EXPIRED_ACKNOWLEDGEMENT
    ]
    result = world.deliver(world.sh, world.delivery(world.sh, [answer]))
    assert states(result)[-1] == "NOOP"
    assert world.hk.packets()[-1].state == PacketState.CLOSED_BY_AUTHORITIES
    assert violations(world) == []
    assert world.hk.issue(world.hk.record("BL-next")).code == 0
    world.settle()
    assert world.hk.packets()[-1].state == PacketState.ACCEPTED


@SIDES
def test_an_acknowledgement_after_the_closing_changes_nothing(world: World, side: str) -> None:
    ledger: SimLedger = getattr(world, side)
    (packet,) = stranded(world, ledger)
    assert ledger.submit(closing(world, ledger, [packet]))[0].code == 0
    recover(world, ledger)
    assert acknowledgement(world, ledger, packet.sequence, EXPIRED_ACKNOWLEDGEMENT) == ["NOOP"]
    assert acknowledgement(world, ledger, packet.sequence, encode_rejected("ISSUER_REVOKED")) == ["NOOP"]
    for accepted in (encode_accepted(), encode_accepted(b"receipt")):
        assert acknowledgement(world, ledger, packet.sequence, accepted) == ["ACKNOWLEDGEMENT_CONFLICT"]
    assert acknowledgement(world, ledger, packet.sequence, b"\xff") == ["MALFORMED_MESSAGE"]


def test_authorities_that_attested_wrongly_are_found_out(world: World) -> None:
    sequence = world.sh.issue(world.sh.record("BL-1")).sequence
    assert world.relay(world.sh) == 1
    answer = world.unseen(world.hk)
    world.sh.tick(TRUSTING_PERIOD_SECONDS)
    assert world.sh.submit(closing(world, world.sh, named(world.sh, sequence)))[0].code == 0
    assert violations(world) == [f"sh-trade-1: {sequence} was closed and took effect"]
    recover(world, world.sh)
    packets = world.sh.packets()
    result = world.deliver(world.hk, world.delivery(world.hk, answer))
    assert states(result)[-1] == "ACKNOWLEDGEMENT_CONFLICT"
    assert world.sh.packets() == packets


def test_what_a_closed_announcement_said_is_announced_anew(world: World) -> None:
    member = registration("hk-trade-1", "late-line", [MEMBER_ROLE_ISSUER], [("k1", generate_signer("sha256-ed25519"))])
    (result,) = world.hk.submit(Operation(register_member=sign_member(world.hk.authority, member)))
    world.hk.tick(YEAR)
    assert world.hk.submit(closing(world, world.hk, named(world.hk, result.sequence)))[0].code == 0
    recover(world, world.hk)
    recover(world, world.sh)
    world.settle()
    assert world.sh.state.get(MemberRow, (world.sh.client_id, "late-line")) is None
    assert world.hk.submit(pause(world.hk, "member"))[0].code == 0
    world.hk.tick(1)
    assert world.hk.submit(pause(world.hk, "member", paused=False))[0].code == 0
    world.settle()
    assert world.sh.state.get(MemberRow, (world.sh.client_id, "late-line")) is not None
    assert violations(world) == []
