"""kill -9 of any one program at a random moment of a run of 5,000 records loses nothing and doubles nothing.

One deployment takes all four kills, one after the other, each in a run of its own.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import random
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from pathlib import Path

import pytest

from bridge.cli.callers import load_caller
from bridge.cli.deployment import Deployment
from bridge.cli.issuing import Corridor
from bridge.rpc.clients import CargoRecordsClient
from bridge.v1 import cargo_service_pb2 as cargo_api
from bridge.v1 import ledger_service_pb2 as ledger_api
from bridge.v1.cargo_pb2 import Statement
from bridge.v1.cargo_service_pb2 import IssueRecordsRequest

from .conftest import corridor_of, eventually, issue_until_taken, pending, signed, transport_events

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

RECORDS = 5_000
BATCH = 100
KILLED_BEFORE = 40
"""The kill comes with a batch before this one of 50, so that records are always left to come."""


_CORRIDORS: list[Corridor] = []
"""What the signing process signs with; one, put there when the process begins."""


def begin_signing(caller: Path) -> None:
    _CORRIDORS.append(asyncio.run(corridor_of(load_caller(caller))))


def sign_batch(prefix: str) -> bytes:
    """A request of new records; bytes, because messages do not travel between processes."""
    return IssueRecordsRequest(records=signed(_CORRIDORS[0], transport_events(BATCH, prefix))).SerializeToString()


@pytest.fixture(scope="module")
def platform(running: Deployment) -> Iterator[Executor]:
    """A process that signs for the Hong Kong platform while earlier records are on their way."""
    with ProcessPoolExecutor(
        1,
        mp_context=multiprocessing.get_context("spawn"),  # gRPC is running here and does not survive a fork
        initializer=begin_signing,
        initargs=(running.caller_path("hk", "platform"),),
    ) as pool:
        yield pool


class Run:
    """Records handed in batch by batch as they are signed, and what has been taken so far."""

    def __init__(self, deployment: Deployment, batches: Sequence[Future[bytes]], told_at: int) -> None:
        self.deployment = deployment
        self.ids: list[str] = []
        self._batches = batches
        self._told_at = told_at
        self._reached = asyncio.Event()

    async def issue(self) -> None:
        for number, batch in enumerate(self._batches):
            request = IssueRecordsRequest.FromString(await asyncio.wrap_future(batch))
            if number == self._told_at:
                self._reached.set()
            self.ids += await issue_until_taken(self.deployment, "hk", request.records)

    async def kill_and_restart(self, name: str, after: float) -> None:
        """Once the batch is handed in and some seconds more have passed."""
        await self._reached.wait()
        await asyncio.sleep(after)
        program = self.deployment.programs[name]
        program.require_running()
        assert len(self.ids) < RECORDS, "the run was over before the kill"
        await asyncio.to_thread(program.kill)
        program.start()


async def newest_id(deployment: Deployment, side: str) -> str:
    """Local id of the newest record of a side; empty when it has none."""
    async with CargoRecordsClient(deployment.caller(side, "bank").channel()) as records:
        page = await records.list(cargo_api.ListRecordsRequest(page_size=1))
    return page.records[0].local_record_id if page.records else ""


async def written_after(deployment: Deployment, side: str, mark: str) -> list[cargo_api.Record]:
    """Every record a side has written since its newest one was `mark`, which must still be there."""
    found: list[cargo_api.Record] = []
    request = cargo_api.ListRecordsRequest(page_size=500)
    async with CargoRecordsClient(deployment.caller(side, "bank").channel()) as records:
        while True:
            page = await records.list(request)
            for record in page.records:
                if record.local_record_id == mark:
                    return found
                found.append(record)
            request.page_token = page.next_page_token
            if not request.page_token:
                assert not mark, f"{mark} is gone"
                return found


@pytest.mark.parametrize("name", ["hk-adapter", "sh-adapter", "relayer-hk", "relayer-sh"])
async def test_a_killed_program_loses_and_doubles_nothing(name: str, running: Deployment, platform: Executor) -> None:
    seed = time.time_ns() % 1_000_000
    chance = random.Random(seed)
    batch, moment = chance.randrange(KILLED_BEFORE), chance.uniform(0, 0.2)
    print(f"{name} is killed {moment:.3f} s after the start of batch {batch} (seed {seed})")
    marks = {side: await newest_id(running, side) for side in ("hk", "sh")}
    batches = [platform.submit(sign_batch, f"{name}-{number}") for number in range(RECORDS // BATCH)]
    run = Run(running, batches, batch)
    await asyncio.gather(run.issue(), run.kill_and_restart(name, moment))

    async def closed() -> bool:
        return await pending(running, "hk") == 0

    await eventually(closed, "every packet acknowledged", 60)
    home, away = await asyncio.gather(*(written_after(running, side, mark) for side, mark in marks.items()))
    assert len(set(run.ids)) == RECORDS
    assert sorted(record.local_record_id for record in home) == sorted(run.ids)
    assert {record.packet_state for record in home} == {ledger_api.PACKET_STATE_ACCEPTED}
    assert len(away) == RECORDS
    assert len({record.local_record_id for record in away}) == RECORDS
    theirs = {Statement.FromString(record.statement).key.reference: record for record in away}
    for record in home:
        twin = theirs[Statement.FromString(record.statement).key.reference]
        assert record.counterparty_record_id == twin.local_record_id
        assert twin.counterparty_record_id == record.local_record_id
        assert twin.statement == record.statement
