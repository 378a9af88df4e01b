"""Records through the door: handed in, found again, listed, watched and counted in the register of exports."""

from __future__ import annotations

import asyncio

import pytest

from bridge.bundle.verify import verify_bundle
from bridge.conformance.issuing import transport_event as event
from bridge.errors import CallerNotAllowedError, DecodeError, LimitError, NotFoundError, Reason
from bridge.v1 import cargo_service_pb2 as cargo
from bridge.v1 import ledger_service_pb2 as api
from bridge.v1.cargo_pb2 import RECORD_ACT_AMENDED, RECORD_TYPE_BILL_OF_LADING, RECORD_TYPE_TRANSPORT_EVENT, Statement
from bridge.v1.identifier_pb2 import Identifier
from bridge.v1.proof_pb2 import ProofBundle
from tests.unit.rpc.pair import OTHER, SIDES, height, refused

pytestmark = pytest.mark.asyncio(loop_scope="package")


@pytest.mark.parametrize("side", SIDES)
async def test_a_record_crosses_and_both_sides_find_it_by_either_id(pair, side):
    document = event(f"cross-{side}", container="TCLU4265727", booking=f"BKG-{side}")
    answer = await pair.issue(side, document)
    (result,) = answer.results
    assert (result.reason, result.noop) == ("", False)
    assert 0 < answer.height <= height(pair, side)
    await pair.settle()
    home, away = pair.party(side, "bank").cargo, pair.party(OTHER[side], "bank").cargo
    here = await home.get(cargo.GetRecordRequest(record_id=result.local_record_id))
    there = await away.get(cargo.GetRecordRequest(record_id=result.local_record_id))
    assert here.packet_state == api.PACKET_STATE_ACCEPTED
    assert here.counterparty_record_id == there.local_record_id
    assert there.counterparty_record_id == here.local_record_id
    assert there.statement == here.statement
    assert there.home_ledger_id == here.home_ledger_id == f"{side}-trade-1"
    assert await away.get(cargo.GetRecordRequest(record_id=there.local_record_id)) == there
    key = Statement.FromString(there.statement).key
    assert await away.get(cargo.GetRecordRequest(key=key)) == there
    assert await home.get(cargo.GetRecordRequest(reference=key.reference)) == here
    for view in (home, away):
        found = await view.list(
            cargo.ListRecordsRequest(identifier=Identifier(scheme="reference:booking", value=f"BKG-{side}"))
        )
        assert [record.local_record_id for record in found.records] == [
            (here if view is home else there).local_record_id
        ]


async def test_each_record_of_a_batch_is_answered_on_its_own(pair):
    good = await pair.item("hk", event("batch-1"))
    empty, seedless, tampered, foreign, late = (cargo.IssueItem() for _ in range(5))
    for each in (empty, seedless, tampered, foreign, late):
        each.CopyFrom(good)
    empty.document = b""
    seedless.seed = b"short"
    tampered.document = event("batch-1", container="MSKU1234565")
    foreign.client_id = "nobody"
    foreign.payload = (await pair.item("hk", event("batch-2"))).payload
    foreign.document, foreign.seed = b"{}", bytes(32)
    late.timeout_seconds = 1
    other = await pair.item("hk", event("batch-3"))
    other.timeout_seconds = 1
    answer = await pair.party("hk", "platform").cargo.issue([good, empty, seedless, tampered, foreign, other, good])
    reasons = [result.reason for result in answer.results]
    assert reasons == [
        "",
        "FIELD_REQUIRED",
        "INVALID_FIELD",
        "DOCUMENT_ROOT_MISMATCH",
        "FIELD_REQUIRED",
        "TIMEOUT_INVALID",
        "",
    ]
    assert answer.results[6].noop
    assert answer.results[6].local_record_id == answer.results[0].local_record_id
    again = await pair.party("hk", "platform").cargo.issue([good])
    assert (again.results[0].noop, again.results[0].sequence) == (True, answer.results[0].sequence)


async def test_a_wrong_container_digit_warns(pair):
    result = (await pair.issue("hk", event("digit", container="OOLU7123440"))).results[0]
    assert result.local_record_id
    assert [(f.severity, f.reason) for f in result.findings] == [("warning", "CHECK_DIGIT_WRONG")]


async def test_an_empty_or_oversized_batch_is_refused_whole(pair):
    platform = pair.party("hk", "platform").cargo
    before = await pair.quiet_height("hk")
    await refused(platform.issue([]), DecodeError, Reason.FIELD_REQUIRED)
    await refused(platform.issue([cargo.IssueItem()] * 257), LimitError, Reason.LIMIT_EXCEEDED)
    assert height(pair, "hk") == before


async def test_calls_that_arrive_together_share_a_block(pair):
    items = [await pair.item("hk", event(f"together-{n}")) for n in range(20)]
    platform = pair.party("hk", "platform").cargo
    answers = await asyncio.gather(*(platform.issue([item]) for item in items))
    ids = {answer.results[0].local_record_id for answer in answers}
    assert len(ids) == 20
    assert len({answer.height for answer in answers}) < 20


async def test_versions_follow_and_each_can_be_read(pair):
    first, item = await pair.prepare("hk", event("amended"))
    platform = pair.party("hk", "platform").cargo
    issued = (await platform.issue([item])).results[0]
    changed = event("amended", booking="VHLB999999")
    _, second = await pair.prepare("hk", changed, version=2, previous=first.digest, act=RECORD_ACT_AMENDED)
    _, gap = await pair.prepare("hk", changed, version=4, previous=first.digest, act=RECORD_ACT_AMENDED)
    answer = await platform.issue([second, gap])
    assert [result.reason for result in answer.results] == ["", "VERSION_GAP"]
    newest = await platform.get(cargo.GetRecordRequest(record_id=issued.local_record_id))
    assert (newest.version, newest.latest_version) == (2, 2)
    older = await platform.get(cargo.GetRecordRequest(record_id=issued.local_record_id, version=1))
    assert (older.version, older.latest_version) == (1, 2)
    await refused(
        platform.get(cargo.GetRecordRequest(record_id=issued.local_record_id, version=9)),
        NotFoundError,
        Reason.RECORD_NOT_FOUND,
    )
    report = verify_bundle(
        data := await platform.export_bundle(issued.local_record_id),
        ProofBundle.FromString(data).anchor,
        pair.clock.now(),
    )
    assert [version.statement.version for version in report.versions] == [1, 2]


async def test_records_are_listed_newest_first_in_pages_and_filtered(pair):
    await pair.issue("hk", *(event(f"list-{n}") for n in range(5)))
    bank = pair.party("hk", "bank").cargo
    seen: list[str] = []
    request = cargo.ListRecordsRequest(page_size=3, home_ledger_id="hk-trade-1")
    while True:
        page = await bank.list(request)
        seen += [record.local_record_id for record in page.records]
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    assert seen == sorted(seen, reverse=True)
    assert len(seen) == len(set(seen)) >= 5
    assert not (await bank.list(cargo.ListRecordsRequest(type=RECORD_TYPE_BILL_OF_LADING))).records
    assert (await bank.list(cargo.ListRecordsRequest(type=RECORD_TYPE_TRANSPORT_EVENT))).records
    assert not (await bank.list(cargo.ListRecordsRequest(home_ledger_id="elsewhere"))).records
    request.type = RECORD_TYPE_TRANSPORT_EVENT
    await refused(bank.list(request), DecodeError, Reason.INVALID_PAGE_TOKEN)
    await refused(bank.list(cargo.ListRecordsRequest(page_size=-1)), DecodeError, Reason.INVALID_FIELD)
    place = cargo.ListRecordsRequest(identifier=Identifier(scheme="un-locode", value="HKHKG"))
    await refused(bank.list(place), DecodeError, Reason.INVALID_FIELD)
    unknown = cargo.ListRecordsRequest(identifier=Identifier(scheme="shoe-size", value="44"))
    await refused(bank.list(unknown), DecodeError, Reason.SCHEME_UNKNOWN)


async def test_a_record_that_is_not_there_or_not_alone_is_refused(pair):
    bank = pair.party("hk", "bank").cargo
    await refused(bank.get(cargo.GetRecordRequest()), DecodeError, Reason.FIELD_REQUIRED)
    for request in (
        cargo.GetRecordRequest(record_id="HKCB-2026-999999999"),
        cargo.GetRecordRequest(reference="nothing"),
        cargo.GetRecordRequest(key={"issuer": "nobody"}),
    ):
        await refused(bank.get(request), NotFoundError, Reason.RECORD_NOT_FOUND)


async def test_a_watch_tells_what_was_written_and_what_was_acknowledged(pair):
    start = height(pair, "sh")
    result = (await pair.issue("sh", event("watched"))).results[0]
    await pair.settle()
    seen = []
    async for change in pair.party("sh", "bank").cargo.watch(start):
        if change.record.local_record_id == result.local_record_id:
            seen.append((change.height, change.record.packet_state))
        if len(seen) == 2:
            break
    assert seen[0][0] == start + 1
    assert seen[1][0] > seen[0][0]
    # The record is told as it stands now, so both notices know the outcome.
    assert {state for _, state in seen} == {api.PACKET_STATE_ACCEPTED}


async def test_the_export_register_names_fields_and_basis(pair):
    result = (await pair.issue("sh", event("export"))).results[0]
    platform = pair.party("sh", "platform").cargo
    entries = [entry for entry in (await platform.exports(500)).exports if entry.sequence == result.sequence]
    assert [entry.local_record_id for entry in entries] == [result.local_record_id]
    assert "/payload/equipmentReference" in entries[0].pointers
    assert entries[0].legal_basis.citation == "Test rules, section 1"
    first = await platform.exports(1)
    second = await platform.exports(1, first.next_page_token)
    assert first.exports[0].sequence < second.exports[0].sequence
    await refused(pair.party("sh", "bank").cargo.exports(), CallerNotAllowedError, Reason.CALLER_NOT_ALLOWED)


async def test_the_corridor_tells_what_may_cross(pair):
    for side in SIDES:
        corridor = await pair.party(side, "bank").cargo.corridor()
        assert corridor.client_id == pair.client(side)
        assert len(corridor.rules) == 12
        assert all(rule.pointer_patterns for rule in corridor.rules)
    await refused(pair.party("hk", "bank").cargo.corridor("nobody"), NotFoundError, Reason.CLIENT_NOT_FOUND)
