"""Worker processes: they answer in order, are replaced when they die, and end when their parent closes the pipe."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from bridge.ledger.examined import PacketTask, examine
from bridge.ledger.lookahead import packet_tasks
from bridge.ledger.prepared import prepare
from bridge.rpc.worker import read_frame, write_frame
from bridge.rpc.workers import CHUNK, LEAST_BATCH, Workers
from bridge.v1.transaction_pb2 import Operation
from tests.sim.harness import World


@pytest.fixture(scope="module")
def tasks() -> list[PacketTask]:
    world = World()
    issued = [world.hk.record(f"BL-{number}") for number in range(4)]
    for record in issued:
        world.hk.issue(record)
    delivery = world.delivery(world.hk, world.unseen(world.hk))
    submitted = world.sh.transaction(Operation(deliver=delivery), member="relayer")
    return [task for _, _, task in packet_tasks(world.sh.state, prepare([submitted]))]


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    made = Workers(2)
    yield made
    made.close()


def many(tasks: list[PacketTask], count: int) -> list[PacketTask]:
    return [tasks[index % len(tasks)] for index in range(count)]


def test_answers_come_in_order_over_several_chunks(workers: Workers, tasks: list[PacketTask]) -> None:
    given = many(tasks, 2 * CHUNK + 5)
    given[7] = given[7]._replace(body=b"\xff")
    found = workers.examine(given)
    assert len(found) == len(given)
    assert found[7] is None
    assert [each for index, each in enumerate(found) if index != 7] == [
        examine(task) for index, task in enumerate(given) if index != 7
    ]


def test_a_small_batch_is_left_to_the_caller(workers: Workers, tasks: list[PacketTask]) -> None:
    assert workers.examine(many(tasks, LEAST_BATCH - 1)) == [None] * (LEAST_BATCH - 1)


def test_no_workers_leave_everything_to_the_caller(tasks: list[PacketTask]) -> None:
    none = Workers(0)
    assert none.examine(many(tasks, CHUNK)) == [None] * CHUNK
    none.close()


def test_a_killed_worker_costs_its_batch_only(tasks: list[PacketTask]) -> None:
    one = Workers(1)
    try:
        assert None not in one.examine(many(tasks, LEAST_BATCH))
        (pid,) = one.pids()
        os.kill(pid, signal.SIGKILL)
        assert one.examine(many(tasks, LEAST_BATCH)) == [None] * LEAST_BATCH
        assert None not in one.examine(many(tasks, LEAST_BATCH))
        assert one.pids() != [pid]
    finally:
        one.close()


def test_a_worker_ends_with_its_pipe_and_not_by_the_groups_signals() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "bridge.rpc.worker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    write_frame(process.stdin, {})
    write_frame(process.stdin, ("packets", []))
    assert read_frame(process.stdout) == []
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGINT)
    write_frame(process.stdin, ("packets", []))
    assert read_frame(process.stdout) == []
    process.stdin.close()
    assert process.wait(10) == 0
    process.stdout.close()
