"""kill -9 of any one program in the middle of 5,000 records loses nothing and doubles nothing."""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path

import pytest

from bridge.cli.deployment import Deployment, deployed
from bridge.rpc.clients import CargoRecordsClient
from bridge.v1 import cargo_service_pb2 as cargo_api
from bridge.v1 import ledger_service_pb2 as ledger_api
from bridge.v1.cargo_pb2 import Statement
from bridge.v1.cargo_service_pb2 import IssueItem

from .conftest import eventually, issue_until_taken, items, pending, transport_events

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

RECORDS = 5_000
BATCH = 100


async def every_record(deployment: Deployment, side: str) -> list[cargo_api.Record]:
    found: list[cargo_api.Record] = []
    token = ""
    async with CargoRecordsClient(deployment.caller(side, "bank").channel()) as records:
        while True:
            page = await records.list(cargo_api.ListRecordsRequest(page_size=500, page_token=token))
            found.extend(page.records)
            token = page.next_page_token
            if not token:
                return found


async def issue_all(deployment: Deployment, side: str, made: list[IssueItem]) -> list[str]:
    ids: list[str] = []
    for first in range(0, len(made), BATCH):
        ids += await issue_until_taken(deployment, side, made[first : first + BATCH])
    return ids


async def kill_and_restart(deployment: Deployment, name: str, after: float) -> None:
    await asyncio.sleep(after)
    program = deployment.programs[name]
    await asyncio.to_thread(program.kill)
    program.start()


@pytest.mark.parametrize("name", ["hk-adapter", "sh-adapter", "relayer-hk", "relayer-sh"])
async def test_a_killed_program_loses_and_doubles_nothing(name: str, tmp_path: Path) -> None:
    seed = time.time_ns() % 1_000_000
    moment = random.Random(seed).uniform(0.2, 2.5)
    print(f"{name} is killed after {moment:.3f} s (seed {seed})")
    async with deployed(tmp_path / "d") as deployment:
        made = await items(deployment, "hk", list(transport_events(RECORDS, f"K{seed}")))
        ids, _ = await asyncio.gather(issue_all(deployment, "hk", made), kill_and_restart(deployment, name, moment))

        async def closed() -> bool:
            return await pending(deployment, "hk") == 0

        await eventually(closed, "every packet acknowledged", 60)
        home, away = await every_record(deployment, "hk"), await every_record(deployment, "sh")
    assert len(set(ids)) == RECORDS
    assert sorted(record.local_record_id for record in home) == sorted(ids)
    assert {record.packet_state for record in home} == {ledger_api.PACKET_STATE_ACCEPTED}
    assert len(away) == RECORDS
    assert len({record.local_record_id for record in away}) == RECORDS
    theirs = {Statement.FromString(record.statement).key.reference: record for record in away}
    for record in home:
        twin = theirs[Statement.FromString(record.statement).key.reference]
        assert record.counterparty_record_id == twin.local_record_id
        assert twin.counterparty_record_id == record.local_record_id
        assert twin.statement == record.statement
