"""Extended: streams that resume, records that are told of once, proof bundles and the export register."""

from __future__ import annotations

import grpc

from bridge.bundle.verify import verify_bundle
from bridge.conformance.carriage import accepted, carry, deliver, familiar, proven, receipt, record_packet
from bridge.conformance.case import Level, case
from bridge.conformance.checks import expect, expect_equal, refused, unmoved
from bridge.conformance.connection import first_messages
from bridge.conformance.following import OPTIONS, prove
from bridge.conformance.issuing import LEGAL_BASIS, transport_event
from bridge.conformance.kit import Kit
from bridge.conformance.naming import CASE_NEEDS
from bridge.conformance.submitting import exports, issue_all, issue_item
from bridge.crypto.signing import Domain, sign_bytes
from bridge.crypto.suites import check_signature, suite
from bridge.errors import Reason
from bridge.light_client.profiles import profile
from bridge.light_client.types import ConsensusState, Entry
from bridge.light_client.verifier import verify_anchor, verify_update
from bridge.protocol.acknowledgements import encode_accepted
from bridge.protocol.commitments import packet_commitment
from bridge.protocol.packets import decode_packet
from bridge.protocol.paths import packet_path
from bridge.protocol.ports import CARGO_PORT, encode_payload
from bridge.v1 import admin_service_pb2 as admin
from bridge.v1 import cargo_service_pb2 as cargo
from bridge.v1 import ledger_service_pb2 as api
from bridge.v1.cargo_pb2 import RECORD_ACT_AMENDED, RecordPayload
from bridge.v1.member_pb2 import MEMBER_ROLE_READER, MEMBER_STATE_REGISTERED, MemberRegistration, SignedMember
from bridge.v1.transaction_pb2 import TrustAnchor
from bridge.wire import encode, timestamp_of

_SEEDED = (*CASE_NEEDS, "seed")
_WATCHED = (*_SEEDED, "capability:watch")
_BUNDLED = (*_SEEDED, "capability:bundles")

MANY_HEADERS = 64
"""Headers asked for in one call, the most there are."""


def _blocks(kit: Kit, after: int, count: int) -> list[api.WatchBlocksResponse]:
    return first_messages(iter(kit.ledger().WatchBlocks(api.WatchBlocksRequest(after_height=after))), count)


def _changes(kit: Kit, after: int, count: int) -> list[cargo.WatchRecordsResponse]:
    return first_messages(iter(kit.cargo().WatchRecords(cargo.WatchRecordsRequest(after_height=after))), count)


@case(
    "EXT-020",
    "MUST tell of every block above any height, in order, and the same to every watcher",
    clauses=("LED-3",),
    level=Level.EXTENDED,
    needs=_WATCHED,
)
def ext_020(kit: Kit) -> None:
    for _ in range(3):
        kit.issue()
    newest = kit.info.height
    first = max(0, newest - 300)
    whole = _blocks(kit, first, newest - first)
    expect_equal([each.height for each in whole], list(range(first + 1, newest + 1)), "every block once, in order")
    counts = [each.entry_count for each in whole]
    expect_equal(counts, sorted(counts), "entries only become more")
    for after in sorted({first, newest - 1, kit.random.randrange(first, newest)}):
        expect_equal(_blocks(kit, after, newest - after), whole[after - first :], f"the same from height {after} on")


@case(
    "EXT-021",
    "MUST tell a waiting watcher of a block as soon as there is one",
    clauses=("LED-3", "SEQ-4"),
    level=Level.EXTENDED,
    needs=_WATCHED,
)
def ext_021(kit: Kit) -> None:
    kit.issue()
    newest = kit.info.height
    stream = iter(kit.ledger().WatchBlocks(api.WatchBlocksRequest(after_height=newest + 1)))
    kit.issue()
    kit.issue()
    (told,) = first_messages(stream, 1)
    expect(told.height == newest + 2, "the first block above the height", got=told.height, expected=newest + 2)


@case(
    "EXT-022",
    "MUST tell of a record when it is issued and when its outcome is known, once each, from any height",
    clauses=("CGO-5", "CHG-1", "CHG-2"),
    level=Level.EXTENDED,
    needs=_WATCHED,
)
def ext_022(kit: Kit) -> None:
    other = familiar(kit)
    start = kit.info.height
    issued = kit.issue(counterparty=other)
    carry(kit, other, other.acknowledgement(issued.sequence, encode_accepted()))
    second = kit.issue(counterparty=other)
    told = _changes(kit, start, 3)
    ids = [each.record.local_record_id for each in told]
    expect_equal(ids, [issued.record_id, issued.record_id, second.record_id], "issued, closed, and the next one issued")
    heights = [each.height for each in told]
    expect_equal(heights, sorted(heights), "in the order of blocks")
    expect_equal(told[1].record.packet_state, api.PACKET_STATE_ACCEPTED, "how it stands once the outcome is known")
    expect_equal(_changes(kit, heights[0], 2), told[1:], "a watcher that resumes is told the rest")


@case(
    "EXT-023",
    "MUST tell of records that arrive, and not of those that were rejected or came twice",
    clauses=("CGO-5", "CHG-1", "RECV-3"),
    negative=True,
    level=Level.EXTENDED,
    needs=_WATCHED,
)
def ext_023(kit: Kit) -> None:
    other = familiar(kit)
    start = kit.info.height
    first, last = record_packet(kit, other), record_packet(kit, other)
    runs = proven(kit, other, first)
    ids = [receipt(accepted(deliver(kit, other, runs)[0]))]
    deliver(kit, other, runs)
    carry(kit, other, other.packet(encode_payload(CARGO_PORT, b"\x00 no record")))
    ids.append(receipt(accepted(carry(kit, other, last)[0])))
    told = _changes(kit, start, 2)
    expect_equal([each.record.local_record_id for each in told], ids, "what arrived, once each")


def _follow(kit: Kit, anchor: TrustAnchor, height: int) -> ConsensusState:
    """The target's own state at a height, as a light client that pinned an anchor believes it."""
    rules = profile(kit.target_profile)
    state = verify_anchor(rules, anchor)
    while state.height < height:
        heights = range(state.height + 1, min(state.height + MANY_HEADERS, height) + 1)
        request = api.GetHeadersRequest(trusted_height=state.height, heights=heights)
        answer = kit.ledger().GetHeaders(request)
        expect_equal(len(answer.headers), len(heights), "one header a height")
        for header in answer.headers:
            state = verify_update(rules, state, rules.decode_update(header), OPTIONS, kit.clock.now(), check_signature)
    return state


@case(
    "EXT-024",
    "MUST serve headers of every height that verify one from the other, from its genesis on",
    clauses=("LED-1", "LED-10"),
    level=Level.EXTENDED,
    needs=("relayer",),
)
def ext_024(kit: Kit) -> None:
    height = min(kit.info.height, 3 * MANY_HEADERS)
    anchor = kit.target.anchor() or kit.info.genesis_anchor
    expect_equal(_follow(kit, anchor, height).height, height, "a light client follows it from its genesis")


@case(
    "EXT-025",
    "MUST prove a long range of entries, each in its place, under its own headers",
    clauses=("LED-4", "MRK-4", "CMK-16"),
    level=Level.EXTENDED,
    needs=_SEEDED,
)
def ext_025(kit: Kit) -> None:
    other, since = kit.shared(), kit.info.anchor
    results = issue_all(kit, *(issue_item(kit, other) for _ in range(40)))
    request = api.ListPacketsRequest(client_id=other.client_id, kind=api.PACKET_KIND_SENT, page_size=500)
    request.sequences.extend(result.sequence for result in results)
    items = kit.ledger().ListPackets(request).items
    first = items[0].position
    expect_equal([each.position for each in items], list(range(first, first + 40)), "the packets stand side by side")
    prove(kit, first + 39)
    runs = kit.ledger().ProveEntries(api.ProveEntriesRequest(first_position=first, count=40)).runs
    shown = [item.packet for run in runs for item in run.items]
    expect_equal(shown, [each.body for each in items], "every entry is shown with its bytes, in order")
    rules, home = profile(kit.target_profile), suite(kit.info.suite)
    for run in runs:
        state = _follow(kit, since, run.proof_height)
        packets = [decode_packet(item.packet) for item in run.items]
        entries = [
            Entry(packet_path(packet.source_client, packet.sequence), packet_commitment(home.hash, packet))
            for packet in packets
        ]
        rules.verify_membership(state, run.proof, entries)


def _bundle(kit: Kit, record_id: str, anchor_height: int = 0) -> bytes:
    request = cargo.ExportBundleRequest(record_id=record_id, anchor_height=anchor_height)
    return kit.cargo().ExportBundle(request).bundle


@case(
    "EXT-030",
    "MUST export a bundle that proves all versions of a record offline, from the genesis and from a newer anchor",
    clauses=("CGO-6", "BUN-1", "BUN-2", "BUN-3", "BUN-4"),
    level=Level.EXTENDED,
    needs=(*_BUNDLED, "capability:amendment"),
)
def ext_030(kit: Kit) -> None:
    newer, document = kit.info.anchor, transport_event(kit.session.fresh_name("call"))
    first = kit.issue(document)
    second = kit.issue(document, version=2, previous_digest=first.prepared.digest, act=RECORD_ACT_AMENDED)
    for anchor in (kit.target.anchor() or kit.info.genesis_anchor, newer):
        data = _bundle(kit, first.record_id, anchor.height)
        kit.evidence(f"bundle-from-{anchor.height}", data)
        report = verify_bundle(data, anchor, kit.clock.now())
        for name in ("integrity", "status", "identity"):
            found = getattr(report, name)
            expect(found.accepted, f"{name} of a bundle from height {anchor.height}", got=found, expected="accepted")
        shown = [each.statement.SerializeToString(deterministic=True) for each in report.versions]
        expect_equal(shown, [first.prepared.statement, second.prepared.statement], "both versions, as they were signed")


@case(
    "EXT-034",
    "MUST export a bundle with the registration that its own counterparty was told, though others were told later",
    clauses=("CGO-6", "BUN-2", "CLI-6"),
    level=Level.EXTENDED,
    needs=_BUNDLED,
)
def ext_034(kit: Kit) -> None:
    """A member is announced to every counterparty, to each under another sequence."""
    issued = kit.issue()
    ledger_id = kit.target.ledger_id
    registration = encode(
        MemberRegistration(
            ledger_id=ledger_id,
            member_id=kit.session.fresh_name("a-kit"),
            revision=1,
            state=MEMBER_STATE_REGISTERED,
            roles=[MEMBER_ROLE_READER],
            registration_time=timestamp_of(kit.clock.now()),
        )
    )
    signature = kit.signer("authority_key").sign(sign_bytes(Domain.MEMBER, ledger_id, registration))
    member = SignedMember(registration=registration, signature=signature)
    kit.admin().RegisterMember(admin.RegisterMemberRequest(member=member))
    kit.counterparty(confirmed=False)
    anchor = kit.info.genesis_anchor
    report = verify_bundle(_bundle(kit, issued.record_id), anchor, kit.clock.now())
    expect(report.accepted, "all three verdicts", got=(report.integrity, report.identity), expected="accepted")


@case(
    "EXT-031",
    "MUST refuse to export a record of the other side, and name the ledger to ask",
    clauses=("CGO-6",),
    negative=True,
    level=Level.EXTENDED,
    needs=(*CASE_NEEDS, "capability:bundles"),
)
def ext_031(kit: Kit) -> None:
    other = familiar(kit)
    local_id = receipt(accepted(carry(kit, other, record_packet(kit, other))[0]))
    with unmoved(kit):
        refusal = refused(
            lambda: _bundle(kit, local_id), Reason.RECORD_NOT_HOME, code=grpc.StatusCode.FAILED_PRECONDITION
        )
    expect_equal(refusal.error.facts.get("home_ledger_id"), other.ledger_id, "the ledger to ask is named")


@case(
    "EXT-032",
    "MUST refuse to export what is not there, or from an anchor that is not there",
    clauses=("CGO-6", "BUN-1"),
    negative=True,
    level=Level.EXTENDED,
    needs=_BUNDLED,
)
def ext_032(kit: Kit) -> None:
    issued = kit.issue()
    missing, code = grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT
    with unmoved(kit):
        refused(lambda: _bundle(kit, "KITCB-1999-000000001"), Reason.RECORD_NOT_FOUND, code=missing)
        for height in (kit.info.height + 1_000, 2**62):
            refused(lambda each=height: _bundle(kit, issued.record_id, each), Reason.HEIGHT_NOT_FOUND, code=missing)  # type: ignore[misc]
        refused(lambda: _bundle(kit, ""), Reason.FIELD_REQUIRED, code=code)
        refused(lambda: _bundle(kit, "x" * 65), Reason.INVALID_FIELD, code=code)


@case(
    "EXT-033",
    "MUST register what left, field by field, with its legal basis, and nothing that stayed",
    clauses=("CGO-7", "STO-5", "DIS-1"),
    level=Level.EXTENDED,
    needs=(*_SEEDED, "capability:export-register"),
)
def ext_033(kit: Kit) -> None:
    other = kit.shared()
    issued = kit.issue(counterparty=other)
    found = [each for each in exports(kit) if each.local_record_id == issued.record_id]
    expect_equal(len(found), 1, "one line for the version")
    line = found[0]
    payload = RecordPayload.FromString(issued.prepared.payload)
    expect_equal(list(line.pointers), [leaf.pointer for leaf in payload.disclosure.leaves], "exactly the fields shown")
    expect_equal((line.client_id, line.sequence, line.version), (other.client_id, issued.sequence, 1), "which packet")
    expect_equal(line.legal_basis, LEGAL_BASIS, "the ground it left on")
