"""A record crosses, both ways, proven: found by either id, verified offline, refused when anything was touched."""

from __future__ import annotations

import random

import pytest

from bridge.bundle.verify import verify_bundle
from bridge.cli.deployment import Deployment
from bridge.clock import SystemClock
from bridge.errors import BridgeError, NotFoundError, PreconditionError
from bridge.rpc.clients import CargoRecordsClient, LedgerClient
from bridge.v1 import cargo_service_pb2 as cargo_api
from bridge.v1 import ledger_service_pb2 as ledger_api
from bridge.v1.cargo_pb2 import RecordPayload, Statement
from bridge.v1.transaction_pb2 import TrustAnchor

from .conftest import OTHER, SAMPLES, eventually, issue_until_taken, items, pending

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="module")]

BY_SIDE = {
    "hk": ["hk-bl-dangerous-goods.json", "hk-bl-reefer.json"],
    "sh": ["sh-sea-waybill.json", "sh-arrival-notice.json"],
}


async def anchor_of(deployment: Deployment, side: str) -> TrustAnchor:
    async with LedgerClient(deployment.caller(side, "authority").channel()) as ledger:
        return (await ledger.info()).genesis_anchor


@pytest.mark.parametrize("side", ["hk", "sh"])
async def test_a_record_is_found_on_the_other_side_by_either_id_and_its_bundle_verifies(
    running: Deployment, side: str
) -> None:
    anchor = await anchor_of(running, side)
    batch = await items(running, side, [(SAMPLES / name).read_bytes() for name in BY_SIDE[side]])
    ids = await issue_until_taken(running, side, batch)

    async def crossed() -> bool:
        return await pending(running, side) == 0

    await eventually(crossed, "every packet acknowledged", 30)
    async with (
        CargoRecordsClient(running.caller(side, "bank").channel()) as home,
        CargoRecordsClient(running.caller(OTHER[side], "bank").channel()) as away,
    ):
        for item, local_id in zip(batch, ids, strict=True):
            ours = await home.get(cargo_api.GetRecordRequest(record_id=local_id))
            assert ours.packet_state == ledger_api.PACKET_STATE_ACCEPTED
            assert ours.counterparty_record_id
            theirs = await away.get(cargo_api.GetRecordRequest(record_id=local_id))
            again = await away.get(cargo_api.GetRecordRequest(record_id=ours.counterparty_record_id))
            assert theirs == again
            assert theirs.local_record_id == ours.counterparty_record_id
            assert theirs.counterparty_record_id == local_id
            payload = RecordPayload.FromString(item.payload)
            assert theirs.statement == payload.statement
            assert theirs.disclosure == payload.disclosure
            by_key = await away.get(cargo_api.GetRecordRequest(key=Statement.FromString(payload.statement).key))
            assert by_key == theirs
            report = verify_bundle(await home.export_bundle(local_id, anchor.height), anchor, SystemClock().now())
            assert report.accepted, report
            with pytest.raises(PreconditionError) as refused:
                await away.export_bundle(local_id, anchor.height)
            assert "RECORD_NOT_HOME" in str(refused.value)


@pytest.mark.parametrize("side", ["hk", "sh"])
async def test_every_flipped_byte_of_a_bundle_is_refused_with_a_reason(running: Deployment, side: str) -> None:
    anchor = await anchor_of(running, side)
    name = BY_SIDE[side][0]
    batch = await items(running, side, [(SAMPLES / name).read_bytes().replace(b"2611000", b"2611700")])
    if side == "sh":
        batch = await items(running, side, [(SAMPLES / name).read_bytes().replace(b"26110088", b"26117088")])
    (local_id,) = await issue_until_taken(running, side, batch)

    async def crossed() -> bool:
        return await pending(running, side) == 0

    await eventually(crossed, "acknowledged", 30)
    async with CargoRecordsClient(running.caller(side, "bank").channel()) as home:
        bundle = await home.export_bundle(local_id, anchor.height)
    now = SystemClock().now()
    assert verify_bundle(bundle, anchor, now).accepted
    chosen = random.Random(7)
    for position in range(len(bundle)):
        changed = bytearray(bundle)
        changed[position] ^= 1 << chosen.randrange(8)
        report = verify_bundle(bytes(changed), anchor, now)
        assert not report.accepted, position
        assert report.integrity.code, position


async def test_a_repeated_issue_is_answered_with_the_first_result(running: Deployment) -> None:
    batch = await items(running, "hk", [(SAMPLES / BY_SIDE["hk"][1]).read_bytes().replace(b"26110002", b"26119002")])
    first = await issue_until_taken(running, "hk", batch)
    async with CargoRecordsClient(running.caller("hk", "platform").channel()) as records:
        answer = await records.issue(batch)
    assert [result.local_record_id for result in answer.results] == first
    assert all(result.noop for result in answer.results)


async def test_a_stranger_reads_nothing(running: Deployment) -> None:
    async with CargoRecordsClient(running.caller("hk", "monitor").channel()) as records:
        with pytest.raises(BridgeError) as refused:
            await records.list(cargo_api.ListRecordsRequest())
    assert refused.value.reason == "CALLER_NOT_ALLOWED"


async def test_an_unknown_record_is_not_found(running: Deployment) -> None:
    async with CargoRecordsClient(running.caller("hk", "bank").channel()) as records:
        with pytest.raises(NotFoundError) as missing:
            await records.get(cargo_api.GetRecordRequest(record_id="HKCB-2026-999999999"))
    assert missing.value.reason == "RECORD_NOT_FOUND"
