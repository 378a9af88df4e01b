"""A record that is issued before the other ledger has heard of its issuer waits, and crosses."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from bridge.cli.deployment import Deployment
from bridge.cli.issuing import Corridor
from bridge.cli.record_desk import Desk, Terms
from bridge.cli.record_files import read_entries
from bridge.cli.record_issue import wait_for
from bridge.cli.seeds import SeedSource
from bridge.clock import SystemClock
from bridge.rpc.clients import CargoRecordsClient

from .conftest import BASIS, SAMPLES, items

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


async def test_a_record_issued_right_after_pairing_is_accepted(tmp_path: Path) -> None:
    """[ISS-5] The ledger refuses it until the acknowledgement is back; the command asks again until then."""
    deployment = await asyncio.to_thread(Deployment, tmp_path / "d")
    caller, clock = deployment.caller("hk", "platform"), SystemClock()
    try:
        await deployment.start_adapters()
        await deployment.link()
        batch = await items(deployment, "hk", [(SAMPLES / "hk-bl-reefer.json").read_bytes()])
        async with CargoRecordsClient(caller.channel()) as records:
            (early,) = (await records.issue(batch)).results
            assert (early.reason, early.local_record_id) == ("ISSUER_UNCONFIRMED", "")
            deployment.start_relayers()
            corridor = await Corridor.fetch(caller, records)
            desk = Desk(records, corridor, SeedSource(b"\x07" * 32), Terms(86_400, BASIS), clock)
            outcomes = await desk.submit(list(read_entries([SAMPLES / "hk-bl-reefer.json"])))
            (outcome,) = await wait_for(records, outcomes, 30)
        assert (outcome.code, outcome.packet_state) == ("issued", "accepted"), outcome
        assert outcome.counterparty_record_id
    finally:
        await asyncio.to_thread(deployment.stop)
