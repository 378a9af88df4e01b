"""Clients: made and paired by authorities, updated by proof, frozen by proof, recovered by both authorities."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bridge.crypto.keys import generate_signer
from bridge.crypto.ports import Signer
from bridge.ledger.rows import ClientRow, ConsensusRow
from bridge.protocol.acts import sign_act
from bridge.protocol.clients import encode_anchor
from bridge.protocol.packets import PacketState
from bridge.v1.transaction_pb2 import (
    Delivery,
    MisbehaviourEvidence,
    Operation,
    OperationResult,
    RecoverClientAct,
    SignedAct,
    TrustAnchor,
)
from bridge.wire import encode
from tests.sim.harness import TRUSTING_PERIOD_SECONDS, SimLedger, World, create_act
from tests.sim.looks import everything, states

SIDES = pytest.mark.parametrize("side", ["hk", "sh"])


@pytest.fixture
def world() -> World:
    return World()


def refused(ledger: SimLedger, operation: Operation, reason: str, member: str = "platform") -> OperationResult:
    """Submit what must be refused, and see that nothing moved."""
    rows, entries = everything(ledger.state), len(ledger.store.reader.entries(0, 1 << 30))
    (result,) = ledger.submit(operation, member=member)
    assert (result.code, result.reason) == (1, reason), result
    assert everything(ledger.state) == rows
    assert len(ledger.store.reader.entries(0, 1 << 30)) == entries
    return result


def creation(world: World, *signers: tuple[str, Signer], **over: Any) -> Operation:
    act = create_act(world.hk, world.sh, **({"client_id": "sh-1"} | over))
    chosen = signers or ((world.hk.ledger_id, world.hk.authority),)
    return Operation(create_client=encode(sign_act(act, *chosen)))


def anchor(world: World, **over: Any) -> TrustAnchor:
    made = encode_anchor(world.sh.profile, world.sh.consensus(), world.sh.speaker)
    for field, value in over.items():
        setattr(made, field, value)
    return made


def test_a_client_is_created_once(world: World) -> None:
    made = creation(world)
    assert world.hk.submit(made)[0].code == 0
    rows = everything(world.hk.state)
    (again,) = world.hk.submit(made)
    assert (again.code, again.noop) == (0, True)
    assert everything(world.hk.state) == rows
    refused(world.hk, creation(world, trusting_period_seconds=77), "CLIENT_EXISTS")


@pytest.mark.parametrize(
    ("over", "reason"),
    [
        ({"header_hash": b""}, "TRUST_ANCHOR_INVALID"),
        ({"header_hash": b"\0" * 32}, "TRUST_ANCHOR_INVALID"),
        ({"root": b""}, "TRUST_ANCHOR_INVALID"),
        ({"root": b"\0" * 32 + b"\0\0\0\1"}, "TRUST_ANCHOR_INVALID"),
        ({"next_validators_hash": b"\0" * 32}, "TRUST_ANCHOR_INVALID"),
        ({"authority_public_key": b"\0" * 65}, "TRUST_ANCHOR_INVALID"),
        ({"suite": "sha256-ed25519"}, "TRUST_ANCHOR_INVALID"),
        ({"profile": "fabric"}, "PROFILE_UNKNOWN"),
        ({"ledger_id": "hk-trade-1"}, "LEDGER_ID_MISMATCH"),
    ],
)
def test_an_anchor_that_cannot_carry_trust_is_refused(world: World, over: dict[str, Any], reason: str) -> None:
    refused(world.hk, creation(world, anchor=anchor(world, **over)), reason)


def test_an_empty_anchor_is_refused(world: World) -> None:
    refused(world.hk, creation(world, anchor=TrustAnchor(ledger_id="sh-trade-1")), "PROFILE_UNKNOWN")


def test_an_expired_anchor_is_refused(world: World) -> None:
    old = anchor(world)
    world.hk.tick(TRUSTING_PERIOD_SECONDS)
    refused(world.hk, creation(world, anchor=old), "CLIENT_EXPIRED")


@pytest.mark.parametrize("seconds", [11, TRUSTING_PERIOD_SECONDS, 250_000_000_000 - 1_790_000_000])
def test_an_anchor_from_the_future_is_refused(world: World, seconds: int) -> None:
    early = anchor(world)
    early.header_time.seconds = world.hk.seconds() + seconds
    refused(world.hk, creation(world, anchor=early), "HEADER_FROM_FUTURE")
    freeze(world, world.sh)
    ahead = anchor(world)
    ahead.header_time.seconds = world.hk.seconds() + seconds
    refused(world.hk, recovery(world, anchor=ahead), "HEADER_FROM_FUTURE")


def test_two_clients_of_one_ledger_are_not_paired_with_the_same_client(world: World) -> None:
    assert world.hk.submit(creation(world))[0].code == 0
    refused(world.hk, Operation(pair_client=world.pair_act(client_id_1="sh-1")), "CLIENT_ALREADY_PAIRED")
    assert world.hk.submit(Operation(pair_client=world.pair_act(client_id_1="sh-1", client_id_2="hk-1")))[0].code == 0


def test_only_the_own_authority_creates_a_client(world: World) -> None:
    refused(world.hk, creation(world, (world.sh.ledger_id, world.sh.authority)), "AUTHORITY_SIGNATURE_MISSING")
    refused(world.hk, creation(world, (world.hk.ledger_id, generate_signer("sha256-ed25519"))), "SIGNATURE_INVALID")
    refused(world.hk, creation(world, ledger_id="hk-trade-2"), "LEDGER_ID_MISMATCH")


def test_a_pair_never_changes(world: World) -> None:
    rows = everything(world.hk.state)
    (again,) = world.hk.submit(Operation(pair_client=world.pair_act()))
    assert (again.code, again.noop) == (0, True)
    assert everything(world.hk.state) == rows
    refused(world.hk, Operation(pair_client=world.pair_act(client_id_2="hk-9")), "CLIENT_ALREADY_PAIRED")


@pytest.mark.parametrize(
    ("over", "reason"),
    [
        ({"client_id_1": "sh-9"}, "CLIENT_NOT_FOUND"),
        ({"ledger_id_2": "sh-trade-2"}, "COUNTERPARTY_MISMATCH"),
        ({"ledger_id_1": "aa-trade-1"}, "LEDGER_ID_MISMATCH"),
    ],
)
def test_a_pairing_of_other_clients_is_refused(over: dict[str, Any], reason: str) -> None:
    world = World(paired=False)
    refused(world.hk, Operation(pair_client=world.pair_act(**over)), reason)


def test_a_pairing_needs_both_authorities() -> None:
    world = World(paired=False)
    signed = SignedAct.FromString(world.pair_act())
    for kept in (0, 1):
        alone = SignedAct(act=signed.act, signatures=[signed.signatures[kept]])
        refused(world.hk, Operation(pair_client=encode(alone)), "AUTHORITY_SIGNATURE_MISSING")
    stranger = generate_signer("sm3-sm2")
    act = sign_act(
        create_act(world.hk, world.sh), (world.hk.ledger_id, world.hk.authority), (world.sh.ledger_id, stranger)
    )
    forged = SignedAct(act=signed.act, signatures=[signed.signatures[0], act.signatures[1]])
    refused(world.hk, Operation(pair_client=encode(forged)), "SIGNATURE_INVALID")


def test_nothing_is_sent_or_received_before_pairing() -> None:
    world = World(paired=False)
    rows = everything(world.hk.state)
    result = world.hk.issue(world.hk.record("BL-1"))
    assert (result.code, result.reason) == (1, "CLIENT_NOT_PAIRED")
    assert everything(world.hk.state) == rows
    world.hk.submit(Operation(pair_client=world.pair_act()))
    delivery = world.delivery(world.hk, world.unseen(world.hk))
    assert states(world.deliver(world.hk, delivery)) == ["APPLIED", *["CLIENT_NOT_PAIRED"] * 3]
    assert not world.sh.receipts()


@SIDES
def test_an_identical_header_is_a_noop_and_older_heights_fill_in(world: World, side: str) -> None:
    source = getattr(world, side)
    destination = world.other(source)
    for _ in range(3):
        world.clock.advance(10**9)
        source.commit(source.transaction(Operation(register_member=b"none")))
    top = source.store.reader.latest_height()
    assert states(world.update(source, top)) == ["APPLIED"]
    assert destination.client().latest_height == top
    rows = everything(destination.state)
    assert states(world.update(source, top)) == ["NOOP"]
    assert everything(destination.state) == rows
    assert states(world.update(source, top - 2)) == ["APPLIED"]
    assert states(world.update(source, top - 1)) == ["APPLIED"]
    assert destination.client().latest_height == top
    assert not destination.client().frozen


@SIDES
def test_a_header_from_an_unknown_height_is_refused(world: World, side: str) -> None:
    source = getattr(world, side)
    destination = world.other(source)
    top = source.store.reader.latest_height()
    for _ in range(2):
        world.clock.advance(10**9)
        source.commit(source.transaction(Operation(register_member=b"none")))
    header = source.engine.update(top + 2, top + 1)
    client_id = destination.client_id
    rows = everything(destination.state)
    result = world.deliver(source, Delivery(client_id=client_id, headers=[header, b"\xff", header[:-1]]))
    assert states(result)[0] == "CONSENSUS_STATE_NOT_FOUND"
    assert set(states(result)[1:]) <= {"MALFORMED_MESSAGE", "INVALID_FIELD", "FIELD_REQUIRED", "COMMIT_INVALID"}
    assert everything(destination.state) == rows


def test_an_unknown_client_refuses_the_whole_delivery(world: World) -> None:
    refused(world.sh, Operation(deliver=Delivery(client_id="hk-9")), "CLIENT_NOT_FOUND", "relayer")


def forked(world: World, source: SimLedger) -> tuple[bytes, bytes, int]:
    """Two headers of one height that the same validators signed, and the height; the other side knows neither."""
    known, height = world.other(source).client().latest_height, source.store.reader.latest_height() + 1
    twin = source.fork()
    world.clock.advance(10**9)
    source.commit(source.transaction(Operation(register_member=b"one")))
    twin.commit(twin.transaction(Operation(register_member=b"other")))
    return source.engine.update(height, known), twin.engine.update(height, known), height


def evidence(world: World, source: SimLedger, header_1: bytes, header_2: bytes) -> Operation:
    client_id = world.other(source).client_id
    return Operation(
        submit_misbehaviour=MisbehaviourEvidence(client_id=client_id, header_1=header_1, header_2=header_2)
    )


@SIDES
def test_two_headers_of_one_height_freeze_the_client(world: World, side: str) -> None:
    source = getattr(world, side)
    destination = world.other(source)
    first, second, _ = forked(world, source)
    refused(destination, evidence(world, source, first, first), "MISBEHAVIOUR_INVALID", "relayer")
    refused(destination, evidence(world, source, first, b"\xff"), "MALFORMED_MESSAGE", "relayer")
    (result,) = destination.submit(evidence(world, source, first, second), member="relayer")
    assert result.code == 0
    client = destination.client()
    kept = MisbehaviourEvidence.FromString(client.evidence)
    assert (client.frozen, kept.header_1, kept.header_2) == (True, first, second)
    (again,) = destination.submit(evidence(world, source, first, second), member="relayer")
    assert (again.code, again.noop) == (0, True)


@SIDES
def test_a_conflicting_update_freezes_and_refuses_the_rest(world: World, side: str) -> None:
    source = getattr(world, side)
    destination = world.other(source)
    source.issue(source.record("BL-1"))
    run = world.delivery(source, world.unseen(source)).runs[0]
    first, second, height = forked(world, source)
    client_id = destination.client_id
    assert states(world.deliver(source, Delivery(client_id=client_id, headers=[first]))) == ["APPLIED"]
    result = world.deliver(source, Delivery(client_id=client_id, headers=[second, first], runs=[run]))
    assert states(result) == ["APPLIED", "CLIENT_FROZEN", "CLIENT_FROZEN"]
    client = destination.client()
    kept = MisbehaviourEvidence.FromString(client.evidence)
    assert (client.frozen, kept.header_1, kept.header_2) == (True, second, first)
    row = destination.state.get(ConsensusRow, (client_id, height))
    assert row is not None
    assert row.update == first


def freeze(world: World, source: SimLedger) -> None:
    first, second, _ = forked(world, source)
    assert world.other(source).submit(evidence(world, source, first, second), member="relayer")[0].code == 0


@pytest.mark.parametrize("how", ["CLIENT_FROZEN", "CLIENT_EXPIRED"])
def test_a_client_that_does_not_work_refuses_to_send_and_to_receive(world: World, how: str) -> None:
    world.sh.issue(world.sh.record("BL-9"))
    delivery = world.delivery(world.sh, world.unseen(world.sh))
    if how == "CLIENT_FROZEN":
        freeze(world, world.sh)
    else:
        world.hk.tick(TRUSTING_PERIOD_SECONDS)
    rows = everything(world.hk.state)
    result = world.hk.issue(world.hk.record("BL-1"))
    assert (result.code, result.reason) == (1, how)
    assert states(world.deliver(world.sh, delivery)) == [how] * len(result_items(delivery))
    assert everything(world.hk.state) == rows


def result_items(delivery: Delivery) -> list[object]:
    return [*delivery.headers, *(item for run in delivery.runs for item in run.items)]


def recovery(world: World, *, signers: str = "both", **over: Any) -> Operation:
    fields: dict[str, Any] = {
        "ledger_id": world.hk.ledger_id,
        "client_id": world.hk.client_id,
        "anchor": anchor(world),
        "reason": "agreed on the telephone and in writing",
    }
    who = {"hk": (world.hk.ledger_id, world.hk.authority), "sh": (world.sh.ledger_id, world.sh.authority)}
    chosen = who.values() if signers == "both" else [who[signers]]
    return Operation(recover_client=encode(sign_act(RecoverClientAct(**(fields | over)), *chosen)))


@pytest.mark.parametrize("how", ["frozen", "expired"])
def test_both_authorities_recover_a_client_and_packets_flow_again(world: World, how: str) -> None:
    world.hk.issue(world.hk.record("BL-1"), timeout=world.hk.seconds() + TRUSTING_PERIOD_SECONDS * 2)
    if how == "frozen":
        freeze(world, world.sh)
    else:
        world.hk.tick(TRUSTING_PERIOD_SECONDS)
    world.sh.commit(world.sh.transaction(Operation(register_member=b"none")))
    for missing in ("hk", "sh"):
        refused(world.hk, recovery(world, signers=missing), "AUTHORITY_SIGNATURE_MISSING")
    assert world.hk.submit(recovery(world))[0].code == 0
    client = world.hk.client()
    assert (client.frozen, client.latest_height) == (False, world.sh.store.reader.latest_height())
    assert bool(client.evidence) == (how == "frozen")
    (again,) = world.hk.submit(recovery(world))
    assert (again.code, again.noop) == (0, True)
    if how == "frozen":
        world.settle()
        assert world.hk.packets()[-1].state == PacketState.ACCEPTED
        assert world.hk.issue(world.hk.record("BL-2")).sequence == 5


def test_a_recovery_out_of_place_is_refused(world: World) -> None:
    old = anchor(world)
    world.update(world.sh, old.height)
    world.clock.advance(10**9)
    world.sh.commit(world.sh.transaction(Operation(register_member=b"none")))
    refused(world.hk, recovery(world), "CLIENT_ACTIVE")
    freeze(world, world.sh)
    assert old.height <= world.hk.client().latest_height
    refused(world.hk, recovery(world, anchor=old), "NON_INCREASING_HEIGHT")
    refused(world.hk, recovery(world, anchor=anchor(world, ledger_id="sh-trade-2")), "LEDGER_ID_MISMATCH")
    refused(world.hk, recovery(world, anchor=anchor(world, header_hash=b"\0" * 32)), "TRUST_ANCHOR_INVALID")
    early = anchor(world)
    early.header_time.seconds -= 10_000
    refused(world.hk, recovery(world, anchor=early), "NON_INCREASING_TIME")
    refused(world.hk, recovery(world, client_id="sh-9"), "CLIENT_NOT_FOUND")
    refused(world.hk, recovery(world, ledger_id="hk-trade-2"), "LEDGER_ID_MISMATCH")
    stale = anchor(world)
    world.hk.tick(TRUSTING_PERIOD_SECONDS)
    refused(world.hk, recovery(world, anchor=stale), "CLIENT_EXPIRED")
    assert world.hk.client().frozen


def test_no_packet_and_no_relayer_moves_trust(world: World) -> None:
    acts: list[Callable[[], Operation]] = [
        lambda: creation(world),
        lambda: Operation(pair_client=world.pair_act()),
        lambda: recovery(world),
        lambda: Operation(register_member=world.hk.config.genesis_members[0]),
    ]
    for act in acts:
        refused(world.hk, act(), "ROLE_MISSING", "relayer")
    assert world.hk.state.scan(ClientRow, ()) == [world.hk.client()]
