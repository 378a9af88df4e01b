"""Erasing through the door: by whom, of what, and that everything that was committed to still proves."""

from __future__ import annotations

import pytest

from bridge.bundle.verify import verify_bundle
from bridge.conformance.issuing import transport_event as event
from bridge.errors import (
    CallerNotAllowedError,
    DecodeError,
    NotFoundError,
    PreconditionError,
    Reason,
)
from bridge.v1.cargo_pb2 import Statement
from bridge.v1.cargo_service_pb2 import EraseRecordRequest, GetRecordRequest, ListRecordsRequest
from bridge.v1.proof_pb2 import ProofBundle
from tests.unit.rpc.pair import SIDES, refused

pytestmark = pytest.mark.asyncio(loop_scope="package")


@pytest.mark.parametrize("side", SIDES)
async def test_an_erased_record_still_proves_and_says_that_it_was_erased(pair, side):
    document = event(f"erased-{side}")
    item = await pair.item(side, document)
    platform, authority = pair.party(side, "platform").cargo, pair.party(side, "authority").cargo
    record_id = (await platform.issue([item])).results[0].local_record_id
    before = await platform.get(GetRecordRequest(record_id=record_id))
    assert not before.HasField("erase_time")
    folder = pair.folder / side
    assert item.seed in stored(folder)
    answer = await authority.erase(EraseRecordRequest(record_id=record_id))
    assert (answer.local_record_id, answer.erased_versions, answer.erased_before_versions) == (record_id, [1], [])
    assert item.seed not in stored(folder)
    assert document not in stored(folder)
    again = await authority.erase(EraseRecordRequest(record_id=record_id, version=1))
    assert (again.erased_versions, again.erased_before_versions) == ([], [1])
    after = await platform.get(GetRecordRequest(record_id=record_id))
    assert after.erase_time.seconds > 0
    after.ClearField("erase_time")
    assert after == before
    newest = (await platform.list(ListRecordsRequest(page_size=1))).records[0]
    assert (newest.local_record_id, newest.HasField("erase_time")) == (record_id, True)
    data = await platform.export_bundle(record_id)
    report = verify_bundle(data, ProofBundle.FromString(data).anchor, pair.clock.now())
    assert report.accepted, report
    repeated = (await platform.issue([item])).results[0]
    assert (repeated.local_record_id, repeated.noop) == (record_id, True)
    assert item.seed not in stored(folder)


async def test_a_record_is_erased_version_by_version_and_by_its_reference(pair):
    platform, authority = pair.party("hk", "platform").cargo, pair.party("hk", "authority").cargo
    (first,) = (await pair.issue("hk", event("erased-by-name"))).results
    record = await platform.get(GetRecordRequest(record_id=first.local_record_id))
    key = Statement.FromString(record.statement).key
    for version in (2, 10**9):
        request = EraseRecordRequest(record_id=first.local_record_id, version=version)
        await refused(authority.erase(request), NotFoundError, Reason.RECORD_NOT_FOUND)
    answer = await authority.erase(EraseRecordRequest(reference=key.reference))
    assert (answer.local_record_id, answer.erased_versions) == (first.local_record_id, [1])
    again = await authority.erase(EraseRecordRequest(key=key))
    assert (again.local_record_id, again.erased_before_versions) == (first.local_record_id, [1])


async def test_only_the_authority_of_its_home_erases_a_record(pair):
    (result,) = (await pair.issue("hk", event("not-yours-to-erase"))).results
    await pair.settle()
    request = EraseRecordRequest(record_id=result.local_record_id)
    for name in ("platform", "bank"):
        call = pair.party("hk", name).cargo.erase(request)
        await refused(call, CallerNotAllowedError, Reason.CALLER_NOT_ALLOWED)
    there = pair.party("sh", "authority").cargo
    error = await refused(there.erase(request), PreconditionError, Reason.RECORD_NOT_HOME)
    assert error.facts["home_ledger_id"] == "hk-trade-1"
    home = pair.party("hk", "authority").cargo
    await refused(home.erase(EraseRecordRequest()), DecodeError, Reason.FIELD_REQUIRED)
    await refused(
        home.erase(EraseRecordRequest(record_id="HKCB-2026-999999999")), NotFoundError, Reason.RECORD_NOT_FOUND
    )
    record = await pair.party("hk", "platform").cargo.get(GetRecordRequest(record_id=result.local_record_id))
    assert not record.HasField("erase_time")


def stored(folder):
    """Every byte of a side's database and its log."""
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*.db*")) if path.is_file())
