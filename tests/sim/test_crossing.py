"""A record crosses and its acknowledgement comes back, in both directions, once, whoever relays it."""

from __future__ import annotations

import pytest

from bridge.clock import NANOS_PER_SECOND
from bridge.ledger.rows import HOME, CounterRow, VersionRow
from bridge.ledger.types import KIND_PACKET
from bridge.protocol.packets import PacketState
from bridge.v1.cargo_pb2 import RECORD_ACT_AMENDED, RECORD_ACT_VOIDED, RecordPayload
from bridge.v1.transaction_pb2 import Delivery, EntryRun, Operation, RunItem
from tests.sim.harness import HOUR, SimLedger, World
from tests.sim.looks import everything, states, verdicts

SIDES = pytest.mark.parametrize("side", ["hk", "sh"])


@pytest.fixture
def world() -> World:
    return World()


def sides(world: World, side: str) -> tuple[SimLedger, SimLedger]:
    source: SimLedger = getattr(world, side)
    return source, world.other(source)


def test_members_registered_before_pairing_are_known_on_the_other_side(world: World) -> None:
    for ledger in (world.hk, world.sh):
        assert [packet.state for packet in ledger.packets()] == [PacketState.ACCEPTED] * 3
        assert ledger.client().pending_count == 0


@SIDES
def test_a_record_crosses_and_both_sides_know_both_ids(world: World, side: str) -> None:
    source, destination = sides(world, side)
    issued = source.issue(source.record("BL-1"))
    assert (issued.code, issued.noop, issued.sequence) == (0, False, 4)
    assert source.client().pending_count == 1
    world.settle()
    (here,), (there,) = source.records(HOME), destination.records(destination.client_id)
    assert here.local_id == issued.local_record_id == there.counterparty_id
    assert here.counterparty_id == there.local_id
    assert here.local_id[:4] == source.config.record_id_prefix
    assert there.local_id[:4] == destination.config.record_id_prefix
    assert here.record_key == there.record_key
    assert source.packets()[-1].state == PacketState.ACCEPTED
    assert source.client().pending_count == 0
    version_here = source.state.get(VersionRow, (HOME, here.record_key, 1))
    version_there = destination.state.get(VersionRow, (destination.client_id, here.record_key, 1))
    assert version_here is not None
    assert version_there is not None
    assert (version_here.digest, version_here.payload) == (version_there.digest, version_there.payload)
    assert RecordPayload.FromString(version_there.payload).home_record_id == here.local_id


@SIDES
def test_versions_follow_one_another_until_the_void(world: World, side: str) -> None:
    source, destination = sides(world, side)
    first = source.record("BL-1")
    second = source.record("BL-1", 2, first.digest)
    third = source.record("BL-1", 3, second.digest, act=RECORD_ACT_VOIDED)
    ids = {source.issue(record).local_record_id for record in (first, second, third)}
    assert len(ids) == 1
    world.settle()
    (there,) = destination.records()
    assert (there.latest_version, there.status) == (3, RECORD_ACT_VOIDED)
    assert [packet.state for packet in source.packets()[3:]] == [PacketState.ACCEPTED] * 3
    after = source.issue(source.record("BL-1", 4, third.digest))
    assert (after.code, after.reason) == (1, "RECORD_VOIDED")


@SIDES
@pytest.mark.parametrize("order", [(1, 2, 0), (2, 1, 0), (2, 0, 1), (1, 0, 2)])
def test_versions_converge_in_any_order(world: World, side: str, order: tuple[int, ...]) -> None:
    source, destination = sides(world, side)
    first = source.record("BL-1")
    second = source.record("BL-1", 2, first.digest)
    third = source.record("BL-1", 3, second.digest)
    for record in (first, second, third):
        source.issue(record)
    entries = world.unseen(source)
    heads = []
    for index in order:
        delivered = world.deliver(source, world.delivery(source, [entries[index]]))
        assert verdicts(delivered) == ["ACCEPTED"]
        heads.append(destination.records()[0].latest_version)
    assert heads == [max(order[: n + 1]) + 1 for n in range(3)]
    (there,) = destination.records()
    assert (there.latest_version, there.status, len(destination.state.scan(VersionRow, ()))) == (
        3,
        RECORD_ACT_AMENDED,
        3,
    )
    assert destination.state.get(CounterRow, ("records",)) == CounterRow("records", 1)
    world.settle()
    assert {packet.state for packet in source.packets()} == {PacketState.ACCEPTED}


def test_issuing_the_same_version_again_answers_the_first_result(world: World) -> None:
    record = world.hk.record("BL-1")
    first = world.hk.issue(record)
    world.hk.tick(2 * HOUR)
    rows = everything(world.hk.state)
    again = world.hk.issue(record, timeout=1)
    assert (again.noop, again.sequence, again.local_record_id) == (True, first.sequence, first.local_record_id)
    assert everything(world.hk.state) == rows


@SIDES
def test_a_second_delivery_is_a_noop_that_answers_the_first_outcome(world: World, side: str) -> None:
    source, destination = sides(world, side)
    source.issue(source.record("BL-1"))
    delivery = world.delivery(source, world.unseen(source))
    first = world.deliver(source, delivery)
    rows, entries = everything(destination.state), len(destination.store.reader.entries(0, 1 << 30))
    again = world.deliver(source, delivery)
    assert states(first)[-1] == "APPLIED"
    assert states(again) == ["NOOP"] * len(delivery.headers) + ["NOOP"]
    assert again.items[-1].acknowledgement == first.items[-1].acknowledgement
    assert everything(destination.state) == rows
    assert len(destination.store.reader.entries(0, 1 << 30)) == entries


def test_a_second_acknowledgement_is_a_noop(world: World) -> None:
    world.hk.issue(world.hk.record("BL-1"))
    world.relay(world.hk)
    delivery = world.delivery(world.sh, world.unseen(world.sh))
    assert states(world.deliver(world.sh, delivery))[-1] == "APPLIED"
    rows = everything(world.hk.state)
    assert states(world.deliver(world.sh, delivery)) == ["NOOP", "NOOP"]
    assert everything(world.hk.state) == rows


def test_two_relayers_in_one_block_do_the_work_once(world: World) -> None:
    world.hk.issue(world.hk.record("BL-1"))
    delivery = world.delivery(world.hk, world.unseen(world.hk))
    transactions = []
    for _ in range(2):
        world.sh.tick()
        transactions.append(world.sh.transaction(Operation(deliver=delivery), member="relayer"))
    results = [result.operations[0] for result in world.sh.commit(*transactions)]
    assert [states(result)[-1] for result in results] == ["APPLIED", "NOOP"]
    assert results[0].items[-1].acknowledgement == results[1].items[-1].acknowledgement
    assert len(world.sh.records()) == 1


@SIDES
@pytest.mark.parametrize(("offset", "expected"), [(-1, "ACCEPTED"), (0, "EXPIRED"), (1, "EXPIRED")])
def test_the_outcome_turns_at_the_timeout_to_the_second(world: World, side: str, offset: int, expected: str) -> None:
    source, destination = sides(world, side)
    timeout = source.seconds() + 100
    source.issue(source.record("BL-1"), timeout)
    delivery = world.delivery(source, world.unseen(source))
    world.clock.advance((timeout + offset) * NANOS_PER_SECOND - world.clock.now())
    assert verdicts(world.deliver(source, delivery)) == [expected]
    assert len(destination.records()) == (expected == "ACCEPTED")
    world.settle()
    assert source.packets()[-1].state == PacketState[expected]
    assert source.client().pending_count == 0
    if expected == "EXPIRED":
        world.clock.advance(-60 * NANOS_PER_SECOND)
        assert states(world.deliver(source, delivery))[-1] == "NOOP"
        assert not destination.records()


def test_an_opaque_item_stands_in_for_a_neighbour(world: World) -> None:
    for reference in ("BL-1", "BL-2", "BL-3"):
        world.hk.issue(world.hk.record(reference))
    entries = world.unseen(world.hk)
    delivery = world.delivery(world.hk, entries)
    leaf = world.hk.store.reader.leaves(entries[1].position, 1)[0]
    delivery.runs[0].items[1].CopyFrom(RunItem(opaque=leaf))
    result = world.deliver(world.hk, delivery)
    assert states(result) == ["APPLIED", "APPLIED", "NOOP", "APPLIED"]
    assert [row.reference for row in sorted(world.sh.records(), key=lambda row: row.reference)] == ["BL-1", "BL-3"]


@SIDES
def test_a_bad_run_refuses_its_own_items_only(world: World, side: str) -> None:
    source, destination = sides(world, side)
    for reference in ("BL-1", "BL-2"):
        source.issue(source.record(reference))
    first, second = world.unseen(source)
    delivery = world.delivery(source, [first])
    bad = EntryRun()
    bad.CopyFrom(delivery.runs[0])
    bad.items[0].packet = second.written.body
    (proven,) = world.delivery(source, [second]).runs
    result = world.deliver(
        source, Delivery(client_id=destination.client_id, headers=delivery.headers, runs=[bad, delivery.runs[0]])
    )
    assert states(result)[-2:] == ["PROOF_INVALID", "APPLIED"]
    assert [row.reference for row in destination.records()] == ["BL-1"]
    assert proven.items[0].packet == second.written.body


def test_a_run_that_names_an_entry_twice_is_refused(world: World) -> None:
    world.hk.issue(world.hk.record("BL-1"))
    delivery = world.delivery(world.hk, world.unseen(world.hk))
    delivery.runs[0].items.add().CopyFrom(delivery.runs[0].items[0])
    assert states(world.deliver(world.hk, delivery))[-2:] == ["PROOF_INVALID", "PROOF_INVALID"]
    assert not world.sh.records()


@SIDES
def test_every_flipped_byte_of_a_packet_or_proof_is_refused(world: World, side: str) -> None:
    source, destination = sides(world, side)
    source.issue(source.record("BL-1"))
    delivery = world.delivery(source, world.unseen(source))
    header_only = Delivery(client_id=delivery.client_id, headers=delivery.headers)
    world.deliver(source, header_only)
    rows = everything(destination.state)
    runs = []
    packet, proof = delivery.runs[0].items[0].packet, delivery.runs[0].proof
    for index in range(0, len(packet), 7):
        run = EntryRun()
        run.CopyFrom(delivery.runs[0])
        run.items[0].packet = packet[:index] + bytes((packet[index] ^ 1,)) + packet[index + 1 :]
        runs.append(run)
    for index in range(0, len(proof), 5):
        run = EntryRun()
        run.CopyFrom(delivery.runs[0])
        run.proof = proof[:index] + bytes((proof[index] ^ 1,)) + proof[index + 1 :]
        runs.append(run)
    result = world.deliver(source, Delivery(client_id=delivery.client_id, runs=runs))
    assert len(result.items) > 100
    assert {item.state for item in result.items} == {3}, states(result)
    assert set(states(result)) <= {
        "PROOF_INVALID",
        "MALFORMED_MESSAGE",
        "COUNTERPARTY_MISMATCH",
        "INVALID_IDENTIFIER",
        "LIMIT_EXCEEDED",
    }
    assert everything(destination.state) == rows


def test_a_packet_of_other_clients_is_refused(world: World) -> None:
    world.hk.issue(world.hk.record("BL-1"))
    (entry,) = world.unseen(world.hk)
    delivery = world.delivery(world.hk, [entry])
    body = entry.written.body.replace(b"hk-0", b"hk-9")
    delivery.runs[0].items[0].packet = body
    assert body != entry.written.body
    assert states(world.deliver(world.hk, delivery))[-1] == "COUNTERPARTY_MISMATCH"
    assert entry.written.kind == KIND_PACKET


@pytest.mark.parametrize("height", [0, 1, 2**63, 2**64 - 1])
def test_a_proof_under_a_height_nobody_trusts_is_refused(world: World, height: int) -> None:
    world.hk.issue(world.hk.record("BL-1"))
    delivery = world.delivery(world.hk, world.unseen(world.hk))
    delivery.runs[0].proof_height = height
    assert states(world.deliver(world.hk, delivery))[-1] == "CONSENSUS_STATE_NOT_FOUND"
    assert not world.sh.records()


def test_an_acknowledgement_for_a_packet_never_sent_is_refused(world: World) -> None:
    world.hk.issue(world.hk.record("BL-1"))
    world.relay(world.hk)
    delivery = world.delivery(world.sh, world.unseen(world.sh))
    delivery.runs[0].items[0].acknowledgement.sequence = 99
    assert states(world.deliver(world.sh, delivery))[-1] == "PACKET_NOT_FOUND"
    assert world.hk.packets()[-1].state == PacketState.COMMITTED


def test_another_acknowledgement_for_a_closed_packet_is_refused(world: World) -> None:
    world.hk.issue(world.hk.record("BL-1"))
    world.relay(world.hk)
    delivery = world.delivery(world.sh, world.unseen(world.sh))
    world.deliver(world.sh, delivery)
    rows = everything(world.hk.state)
    delivery.runs[0].items[0].acknowledgement.acknowledgement = b"\x08\x03"
    assert states(world.deliver(world.sh, delivery))[-1] == "ACKNOWLEDGEMENT_CONFLICT"
    assert everything(world.hk.state) == rows
