"""Packets examined by their bytes alone: what passes is adopted, what does not gets its reason where it is executed."""

from __future__ import annotations

import pytest

from bridge.crypto.suites import suite
from bridge.errors import VerificationError
from bridge.ledger.examined import Examined, PacketTask, examine
from bridge.ledger.lookahead import packet_tasks
from bridge.ledger.prepared import PreparedItem, PreparedRecord, prepare
from bridge.protocol.commitments import packet_commitment
from bridge.v1.packet_pb2 import Packet
from bridge.v1.transaction_pb2 import Operation, RunItem
from tests.sim.harness import SimLedger, World

COUNT = 3


@pytest.fixture
def world() -> World:
    made = World()
    for number in range(COUNT):
        made.hk.issue(made.hk.record(f"BL-{number}"))
    return made


def delivery(world: World) -> bytes:
    return world.sh.transaction(Operation(deliver=world.delivery(world.hk, world.unseen(world.hk))), member="relayer")


def tasks(world: World) -> list[PacketTask]:
    return [task for _, _, task in packet_tasks(world.sh.state, prepare([delivery(world)]))]


def no_check(*_: object) -> None:
    raise AssertionError("it was checked before")


def test_every_record_whose_issuer_is_known_is_a_task(world: World) -> None:
    found = tasks(world)
    assert len(found) == COUNT
    assert {task.suite_id for task in found} == {world.hk.suite_id}
    assert {task.public_key for task in found} == {world.hk.keys["carrier"].public_key}


def test_what_passes_has_the_digests_that_execution_would_find(world: World) -> None:
    home = suite(world.hk.suite_id)
    for task in tasks(world):
        found = examine(task)
        assert found is not None
        item = PreparedItem(RunItem(packet=task.body))
        assert item.record is not None
        assert found.commitment == packet_commitment(home.hash, Packet.FromString(task.body)) == item.commitment(home)
        assert (found.record_key, found.statement) == item.record.digests(home)


@pytest.mark.parametrize("place", range(0, 700, 23))
def test_no_changed_byte_passes_with_the_same_digests(world: World, place: int) -> None:
    task = tasks(world)[0]
    at = place % len(task.body)
    changed = task.body[:at] + bytes([task.body[at] ^ 1]) + task.body[at + 1 :]
    found = examine(task._replace(body=changed))
    # Client ids, sequence and timeout are the packet's own; the commitment binds what the proof is about.
    assert found is None or changed != task.body
    whole = examine(task)
    assert whole is not None
    if found is not None:
        assert found.statement == whole.statement


def test_another_key_or_suite_does_not_pass(world: World) -> None:
    task = tasks(world)[0]
    assert examine(task._replace(public_key=world.hk.authority.public_key)) is None
    assert examine(task._replace(key_suite="sha256-p256")) is None
    assert examine(task._replace(suite_id="sm3-sm2")) is None
    assert examine(task._replace(suite_id="unknown")) is None
    assert examine(task._replace(body=b"\xff")) is None


def test_an_adopted_record_is_not_examined_again_for_the_same_key_and_suite(world: World) -> None:
    task = tasks(world)[0]
    home = suite(world.hk.suite_id)
    record = PreparedRecord(Packet.FromString(task.body).payloads[0].value)
    glance = record.glance()
    assert glance is not None
    record.adopt(glance, home.suite_id, (b"k" * 32, b"d" * 32), (task.key_suite, task.public_key))
    assert record.error is None
    assert record.digests(home) == (b"k" * 32, b"d" * 32)
    record.require_signed_by(task.key_suite, task.public_key, no_check)
    record.require_disclosed(home)
    assert not record.is_signed_by(task.key_suite, world.hk.authority.public_key)
    with pytest.raises(VerificationError) as refused:
        record.require_disclosed(suite("sm3-sm2"))
    assert refused.value.reason == "DOCUMENT_ROOT_MISMATCH"


def everything(ledger: SimLedger) -> list[object]:
    return sorted(map(repr, (*ledger.records(), *ledger.receipts(), *ledger.packets())))


def test_a_ledger_that_examines_ahead_comes_to_the_same_rows(world: World) -> None:
    calls: list[int] = []

    def ahead(given: list[PacketTask]) -> list[Examined | None]:
        calls.append(len(given))
        # Every other answer is missing, as when a worker was lost.
        return [examine(task) if index % 2 else None for index, task in enumerate(given)]

    submitted = delivery(world)
    fork = world.sh.fork()
    fork.engine._examine = ahead
    plain = world.sh.commit(submitted)
    helped = fork.commit(submitted)
    assert calls == [COUNT]
    assert plain == helped
    assert everything(world.sh) == everything(fork)
    assert len(world.sh.records("hk-0")) == COUNT
