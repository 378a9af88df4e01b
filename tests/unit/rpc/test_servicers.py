"""The four services over two real ledgers in one process: what is answered, what is refused, and by which error."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from bridge.bundle.verify import verify_bundle
from bridge.cargo.mapping import mapping_sign_bytes
from bridge.crypto.keys import public_key_from_pem
from bridge.errors import (
    AlreadyExistsError,
    BridgeError,
    CallerNotAllowedError,
    DecodeError,
    LimitError,
    NotFoundError,
    PreconditionError,
    Reason,
    VerificationError,
)
from bridge.protocol.members import member_sign_bytes
from bridge.v1 import cargo_service_pb2 as cargo
from bridge.v1 import ledger_service_pb2 as api
from bridge.v1.cargo_pb2 import (
    RECORD_ACT_AMENDED,
    RECORD_TYPE_BILL_OF_LADING,
    RECORD_TYPE_TRANSPORT_EVENT,
    Statement,
)
from bridge.v1.identifier_pb2 import MAPPING_STATE_REGISTERED, Identifier, Mapping, SignedMapping
from bridge.v1.member_pb2 import (
    MEMBER_ROLE_READER,
    MEMBER_STATE_REGISTERED,
    MemberRegistration,
    SignedMember,
)
from bridge.v1.packet_pb2 import Packet
from bridge.v1.proof_pb2 import ProofBundle
from bridge.v1.transaction_pb2 import (
    Delivery,
    MisbehaviourEvidence,
    Operation,
    PauseAct,
    RotateValidatorsAct,
    SignedAct,
    Transaction,
    ValidatorInfo,
)
from bridge.wire import encode, timestamp_of
from tests.unit.rpc.pair import OTHER, Pair, event, linked_pair

pytestmark = pytest.mark.asyncio(loop_scope="module")

SIDES = ("hk", "sh")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pair(tmp_path_factory) -> AsyncIterator[Pair]:
    async with linked_pair(tmp_path_factory.mktemp("pair")) as opened:
        yield opened


async def refused(awaitable, cls: type[BridgeError], reason: Reason) -> BridgeError:
    with pytest.raises(BridgeError) as caught:
        await awaitable
    assert (type(caught.value), caught.value.reason) == (cls, reason)
    return caught.value


def height(pair: Pair, side: str) -> int:
    return pair.adapters[side].node.sequencer.tip.height


@pytest.mark.parametrize("side", SIDES)
async def test_info_names_the_ledger_and_an_anchor_at_its_height(pair, side):
    info = await pair.party(side, "bank").ledger.info()
    assert info.ledger_id == info.anchor.ledger_id == f"{side}-trade-1"
    assert info.height == info.anchor.height == info.provable_height == height(pair, side)
    assert (info.engine, info.api_version, bool(info.software_version)) == ("embedded", "bridge.v1", True)


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


@pytest.mark.parametrize("side", SIDES)
async def test_its_bundle_verifies_offline_and_any_flipped_byte_does_not(pair, side):
    await pair.issue(side, event(f"bundle-{side}"))
    platform = pair.party(side, "platform").cargo
    newest = (await platform.list(cargo.ListRecordsRequest(page_size=1))).records[0]
    data = await platform.export_bundle(newest.local_record_id)
    bundle = ProofBundle.FromString(data)
    assert bundle.anchor.height == 0
    report = verify_bundle(data, bundle.anchor, pair.clock.now())
    assert report.accepted, report
    for at in range(0, len(data), 97):
        flipped = data[:at] + bytes([data[at] ^ 0x20]) + data[at + 1 :]
        assert not verify_bundle(flipped, bundle.anchor, pair.clock.now()).accepted


@pytest.mark.parametrize("side", SIDES)
async def test_a_reader_pins_an_anchor_once_and_verifies_what_comes_later(pair, side):
    anchor = (await pair.party(side, "bank").ledger.info()).anchor
    result = (await pair.issue(side, event(f"pinned-{side}"))).results[0]
    data = await pair.party(side, "bank").cargo.export_bundle(result.local_record_id, anchor.height)
    report = verify_bundle(data, anchor, pair.clock.now())
    assert report.accepted, report
    assert not verify_bundle(data, ProofBundle.FromString(data).anchor.__class__(), pair.clock.now()).accepted


async def test_a_version_older_than_the_anchor_is_proven_where_a_log_keeps_it(pair):
    for side, provable in (("hk", True), ("sh", False)):
        result = (await pair.issue(side, event(f"older-{side}"))).results[0]
        await pair.issue(side, event(f"newer-{side}"))
        anchor = (await pair.party(side, "bank").ledger.info()).anchor
        export = pair.party(side, "bank").cargo.export_bundle(result.local_record_id, anchor.height)
        if provable:
            assert verify_bundle(await export, anchor, pair.clock.now()).accepted
        else:
            await refused(export, PreconditionError, Reason.HEIGHT_NOT_FOUND)


async def test_a_bundle_of_the_other_sides_record_names_whom_to_ask(pair):
    result = (await pair.issue("hk", event("away"))).results[0]
    await pair.settle()
    error = await refused(
        pair.party("sh", "bank").cargo.export_bundle(result.local_record_id), PreconditionError, Reason.RECORD_NOT_HOME
    )
    assert error.facts == {"home_ledger_id": "hk-trade-1", "home_record_id": result.local_record_id}
    bank = pair.party("sh", "bank").cargo
    await refused(bank.export_bundle("SHCB-2026-999999999"), NotFoundError, Reason.RECORD_NOT_FOUND)
    await refused(bank.export_bundle(""), DecodeError, Reason.FIELD_REQUIRED)
    await refused(bank.export_bundle("x" * 65), DecodeError, Reason.INVALID_FIELD)
    await refused(
        pair.party("hk", "bank").cargo.export_bundle(result.local_record_id, 10**9),
        NotFoundError,
        Reason.HEIGHT_NOT_FOUND,
    )


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


async def test_packets_are_listed_by_position_by_sequence_and_by_what_waits(pair):
    await pair.issue("hk", *(event(f"packets-{n}") for n in range(7)))
    relayer, client_id = pair.relayer("hk"), pair.client("hk")
    everything = []
    request = api.ListPacketsRequest(client_id=client_id, page_size=4)
    while True:
        page = await relayer.packets(request)
        everything += page.items
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    positions = [item.position for item in everything]
    assert positions == sorted(set(positions))
    sent = [item for item in everything if item.kind == api.PACKET_KIND_SENT]
    pending_request = api.ListPacketsRequest(
        client_id=client_id, kind=api.PACKET_KIND_SENT, pending_only=True, page_size=3
    )
    pending = []
    while True:
        page = await relayer.packets(pending_request)
        pending += page.items
        if not page.next_page_token:
            break
        pending_request.page_token = page.next_page_token
    assert [item.sequence for item in pending] == [s.sequence for s in sent if s.state == api.PACKET_STATE_COMMITTED]
    assert len(pending) >= 7
    assert all(Packet.FromString(item.body).sequence == item.sequence for item in pending)
    named = await relayer.packets(
        api.ListPacketsRequest(
            client_id=client_id, kind=api.PACKET_KIND_SENT, sequences=[sent[2].sequence, 10**6, sent[0].sequence]
        )
    )
    assert [item.sequence for item in named.items] == [sent[0].sequence, sent[2].sequence]
    tail = await relayer.packets(api.ListPacketsRequest(client_id=client_id, first_position=positions[-2]))
    assert [item.position for item in tail.items] == positions[-2:]
    await pair.settle()
    done = await relayer.packets(api.ListPacketsRequest(client_id=client_id, sequences=[sent[-1].sequence]))
    closed = next(item for item in done.items if item.kind == api.PACKET_KIND_SENT)
    assert closed.state == api.PACKET_STATE_ACCEPTED
    assert closed.acknowledgement
    await refused(relayer.packets(api.ListPacketsRequest(client_id="nobody")), NotFoundError, Reason.CLIENT_NOT_FOUND)
    await refused(
        relayer.packets(api.ListPacketsRequest(client_id=client_id, sequences=range(1, 502))),
        LimitError,
        Reason.LIMIT_EXCEEDED,
    )
    await refused(
        relayer.packets(api.ListPacketsRequest(client_id=client_id, page_token="abc")),
        DecodeError,
        Reason.INVALID_PAGE_TOKEN,
    )


@pytest.mark.parametrize("side", SIDES)
async def test_headers_rise_and_blocks_are_watched_without_a_gap(pair, side):
    relayer, tip = pair.relayer(side), height(pair, side)
    assert len(await relayer.headers(1, list(range(2, tip + 1)))) == tip - 1
    for trusted, heights in ((1, []), (2, [2]), (1, [3, 2]), (5, [3])):
        await refused(relayer.headers(trusted, heights), DecodeError, Reason.NON_INCREASING_HEIGHT)
    await refused(relayer.headers(1, [tip + 1]), NotFoundError, Reason.HEIGHT_NOT_FOUND)
    await refused(relayer.headers(1, range(2, 67)), LimitError, Reason.LIMIT_EXCEEDED)
    heights = []
    async for notice in relayer.watch_blocks(0):
        heights.append(notice.height)
        if notice.height == tip:
            break
    assert heights == list(range(1, tip + 1))


async def test_a_watch_waits_for_the_next_block(pair):
    tip = height(pair, "sh")
    stream = pair.relayer("sh").watch_blocks(tip)
    waiting = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    await pair.issue("sh", event("next-block"))
    assert (await waiting).height == tip + 1


async def test_proofs_of_nothing_or_too_much_are_refused(pair):
    relayer = pair.relayer("hk")
    count = (await relayer.info()).entry_count
    await refused(relayer.prove(api.ProveEntriesRequest(first_position=0)), DecodeError, Reason.FIELD_REQUIRED)
    await refused(relayer.prove(api.ProveEntriesRequest(count=513)), LimitError, Reason.LIMIT_EXCEEDED)
    await refused(
        relayer.prove(api.ProveEntriesRequest(first_position=count, count=1)), NotFoundError, Reason.PACKET_NOT_FOUND
    )
    await refused(
        relayer.prove(api.ProveEntriesRequest(first_position=count - 1, count=1, proof_height=1)),
        PreconditionError,
        Reason.HEIGHT_NOT_FOUND,
    )


async def test_a_second_delivery_is_a_noop_with_the_first_acknowledgement(pair):
    await pair.issue("hk", event("twice"))
    delivery = await pair.delivery("hk")
    transaction = [pair.transaction("sh", [Operation(deliver=delivery)]) for _ in range(2)]
    first = await pair.relayer("sh").deliver(transaction[0])
    second = await pair.relayer("sh").deliver(transaction[1])
    assert [item.state for item in first.items] == [1] * len(first.items)
    assert [item.state for item in second.items] == [2] * len(first.items)
    assert [i.acknowledgement for i in first.items] == [i.acknowledgement for i in second.items]
    assert len(first.headers) == len(delivery.headers)
    await pair.settle()


async def test_deliveries_that_are_none_are_refused_and_change_nothing(pair):
    relayer = pair.relayer("sh")
    before = await pair.quiet_height("sh")
    deliver = Operation(deliver=Delivery(client_id=pair.client("sh")))
    await refused(relayer.deliver(Transaction(body=b"\xff")), DecodeError, Reason.MALFORMED_MESSAGE)
    await refused(relayer.deliver(Transaction()), CallerNotAllowedError, Reason.CALLER_NOT_ALLOWED)
    stranger = pair.transaction("sh", [deliver], member="relayer-sh")
    await refused(relayer.deliver(stranger), CallerNotAllowedError, Reason.CALLER_NOT_ALLOWED)
    for operations in ([], [deliver, deliver], [Operation(set_pause=b"x")]):
        await refused(relayer.deliver(pair.transaction("sh", operations)), DecodeError, Reason.INVALID_FIELD)
    assert height(pair, "sh") == before
    forged = pair.transaction("sh", [deliver])
    forged.signature = bytes(64)
    await refused(relayer.deliver(forged), VerificationError, Reason.SIGNATURE_INVALID)
    nowhere = pair.transaction("sh", [Operation(deliver=Delivery(client_id="nobody"))])
    await refused(relayer.deliver(nowhere), NotFoundError, Reason.CLIENT_NOT_FOUND)


async def test_clients_tell_their_state_and_a_trusted_floor(pair):
    relayer = pair.relayer("sh")
    (info,) = (await relayer.clients(api.ListClientsRequest(floor_height=10**6))).clients
    assert (info.client_id, info.state) == (pair.client("sh"), api.CLIENT_STATE_ACTIVE)
    assert info.counterparty_client_id == pair.client("hk")
    assert info.floor.height == info.latest_height
    assert info.floor.header_hash == info.latest_header_hash
    assert info.trusting_period_seconds == 86_400
    (low,) = (
        await relayer.clients(api.ListClientsRequest(client_id=info.client_id, floor_height=info.oldest_height))
    ).clients
    assert low.floor.height == info.oldest_height
    assert not (await relayer.clients(api.ListClientsRequest(client_id="nobody"))).clients


async def test_client_acts_are_refused_by_the_reason_the_ledger_gives(pair):
    authority = pair.party("hk", "authority").ledger
    unsigned = SignedAct(act=b"x")
    with pytest.raises(BridgeError) as caught:
        await authority.create_client(unsigned)
    assert caught.value.reason in (Reason.MALFORMED_MESSAGE, Reason.AUTHORITY_SIGNATURE_MISSING)
    with pytest.raises(BridgeError):
        await authority.pair_client(unsigned)
    evidence = MisbehaviourEvidence(client_id="nobody", header_1=b"x", header_2=b"y")
    await refused(authority.submit_misbehaviour(evidence), NotFoundError, Reason.CLIENT_NOT_FOUND)


async def test_members_are_registered_listed_and_relayed(pair):
    ledger_id, signer = pair.authority("hk")
    registration = encode(
        MemberRegistration(
            ledger_id=ledger_id,
            member_id="harbour-bank",
            revision=1,
            state=MEMBER_STATE_REGISTERED,
            roles=[MEMBER_ROLE_READER],
            registration_time=timestamp_of(pair.clock.now()),
        )
    )
    signed = SignedMember(registration=registration, signature=signer.sign(member_sign_bytes(ledger_id, registration)))
    admin = pair.party("hk", "authority").admin
    answer = await admin.register_member(signed)
    assert answer.sequence
    await pair.settle()
    listed: list[tuple[str, str]] = []
    token = ""
    while True:
        page = await pair.party("sh", "authority").admin.members(2, token)
        listed += [(entry.origin_client_id, entry.registration.member_id) for entry in page.members]
        token = page.next_page_token
        if not token:
            break
    assert (pair.client("sh"), "harbour-bank") in listed
    assert listed == sorted(listed)
    forged = SignedMember(registration=registration, signature=bytes(64))
    with pytest.raises(VerificationError):
        await admin.register_member(forged)


async def test_mappings_are_registered_resolved_and_in_conflict_refused(pair):
    ledger_id, signer = pair.authority("hk")

    def mapping(home: str, other: str) -> SignedMapping:
        body = encode(
            Mapping(
                ledger_id=ledger_id,
                revision=1,
                state=MAPPING_STATE_REGISTERED,
                home=Identifier(scheme="hk-ubi", value=home),
                counterparty=Identifier(scheme="uscc", value=other),
                registration_time=timestamp_of(pair.clock.now()),
            )
        )
        return SignedMapping(mapping=body, signature=signer.sign(mapping_sign_bytes(ledger_id, body)))

    service = pair.party("hk", "authority").identifiers
    answer = await service.register(mapping("12345678", "91310000MA1FL70B67"))
    assert answer.sequence
    await refused(
        service.register(mapping("87654321", "91310000MA1FL70B67")), AlreadyExistsError, Reason.MAPPING_CONFLICT
    )
    await pair.settle()
    uscc, ubi = Identifier(scheme="uscc", value="91310000MA1FL70B67"), Identifier(scheme="hk-ubi", value="12345678")
    for side, asked, local in (("hk", uscc, ubi), ("sh", ubi, uscc)):
        resolved = await pair.party(side, "bank").identifiers.resolve(asked)
        assert (resolved.local, resolved.resolution) == (local, cargo.RESOLUTION_MAPPED)
        own = await pair.party(side, "bank").identifiers.resolve(local)
        assert (own.local, own.resolution) == (local, cargo.RESOLUTION_EQUIVALENT)
    entries = (await pair.party("sh", "bank").identifiers.mappings("hk-ubi")).mappings
    assert [(e.origin_ledger_id, e.mapping.home.value) for e in entries] == [("hk-trade-1", "12345678")]
    assert not (await pair.party("sh", "bank").identifiers.mappings("lei")).mappings
    foreign = await pair.party("sh", "bank").identifiers.resolve(Identifier(scheme="hk-ubi", value="11111111"))
    assert foreign.resolution == cargo.RESOLUTION_FOREIGN
    with pytest.raises(DecodeError):
        await pair.party("sh", "bank").identifiers.resolve(Identifier(scheme="uscc", value="1"))


async def test_a_paused_port_takes_no_record_until_it_is_resumed(pair):
    admin = pair.party("hk", "authority").admin

    async def pause(*, paused: bool) -> None:
        act = PauseAct(
            ledger_id="hk-trade-1",
            client_id=pair.client("hk"),
            port="cargo",
            paused=paused,
            act_time=timestamp_of(pair.clock.now()),
        )
        assert await admin.set_pause(pair.act(act, "hk"))

    await pause(paused=True)
    assert (await pair.issue("hk", event("paused"))).results[0].reason == "PORT_PAUSED"
    await pause(paused=False)
    assert (await pair.issue("hk", event("paused"))).results[0].reason == ""


@pytest.mark.parametrize("side", SIDES)
async def test_validators_rotate_and_bundles_find_their_way(pair, side):
    node = pair.adapters[side].node
    before = await pair.quiet_height(side)
    settings_key = pair.folder / side / "keys" / "validator-1.pub.pem"
    _, key = public_key_from_pem(settings_key.read_bytes())
    act = RotateValidatorsAct(
        ledger_id=node.config.ledger_id,
        set_number=2,
        validators=[ValidatorInfo(node_id=f"{side}-validator-9", public_key=key, voting_power=1)],
    )
    admin = pair.party(side, "authority").admin
    assert await admin.rotate_validators(pair.act(act, side)) == before + 1
    result = (await pair.issue(side, event(f"rotated-{side}"))).results[0]
    await pair.settle()
    data = await pair.party(side, "bank").cargo.export_bundle(result.local_record_id)
    assert verify_bundle(data, ProofBundle.FromString(data).anchor, pair.clock.now()).accepted
    await refused(admin.rotate_validators(SignedAct(act=b"\xff")), DecodeError, Reason.MALFORMED_MESSAGE)
