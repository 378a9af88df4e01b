"""PKT: what a ledger sends: numbered without gaps, committed to, provable, and only where it may."""

from __future__ import annotations

from bridge.cargo.mapping import decode_mapping, decode_signed_mapping
from bridge.clock import NANOS_PER_SECOND
from bridge.conformance.carriage import sent, sent_packet, set_pause, state_name
from bridge.conformance.case import case
from bridge.conformance.checks import expect, expect_equal, fail, issue_refused, issue_taken, item_applied
from bridge.conformance.counterparty.ledger import Counterparty
from bridge.conformance.counterparty.members import make_issuer, registration, sign_mapping, sign_registration
from bridge.conformance.following import proves
from bridge.conformance.kit import Kit
from bridge.conformance.submitting import issue_all, issue_item, refuse_issue
from bridge.conformance.updates import freeze
from bridge.conformance.waiting import wait_until
from bridge.crypto.suites import check_signature, suite
from bridge.errors import BridgeError, Reason
from bridge.light_client.types import Entry
from bridge.protocol.commitments import packet_commitment
from bridge.protocol.members import decode_registration, decode_signed_member, verify_member_signature
from bridge.protocol.packets import decode_packet
from bridge.protocol.paths import packet_path
from bridge.protocol.ports import CARGO_PORT, IDENTIFIER_PORT, MEMBER_PORT
from bridge.v1 import admin_service_pb2 as admin_api
from bridge.v1 import cargo_service_pb2 as cargo_api
from bridge.v1 import ledger_service_pb2 as api
from bridge.v1.identifier_pb2 import SignedMapping
from bridge.v1.identifier_service_pb2 import RegisterMappingRequest
from bridge.v1.member_pb2 import MEMBER_ROLE_READER, SignedMember

BATCH = 5
"""Records of a batch: enough to tell a gap."""

TRUSTING_SECONDS = 3
"""Trusting period of a client that is meant to expire while its case waits, in seconds."""

YEAR_SECONDS = 365 * 86_400
"""Furthest that any timeout may lie ahead, in seconds."""


@case(
    "PKT-040",
    "MUST commit to a packet under its path, so that the entry verifies under the ledger's own headers",
    clauses=("SEND-2", "PATH-1", "COM-1", "LED-4"),
    needs=("platform", "seed"),
)
def pkt_040(kit: Kit) -> None:
    other = kit.counterparty()
    since = kit.info.anchor
    issued = kit.issue(counterparty=other)
    item = sent_packet(kit, other, issued.sequence)
    packet = decode_packet(item.body)
    expect_equal(
        (packet.source_client, packet.destination_client, packet.sequence, item.port, state_name(item)),
        (other.client_id, other.own_client_id, issued.sequence, CARGO_PORT, "COMMITTED"),
        "the packet is between the paired clients",
    )
    home = suite(kit.info.suite)
    entry = Entry(packet_path(packet.source_client, packet.sequence), packet_commitment(home.hash, packet))
    proves(kit, since, item.position, entry)


@case(
    "PKT-041",
    "MUST number packets without gaps, though records between them are refused",
    clauses=("SEND-2", "APP-1"),
    needs=("platform", "seed"),
)
def pkt_041(kit: Kit) -> None:
    other = kit.counterparty()
    first = kit.client(other.client_id).next_sequence
    items = [issue_item(kit, other) for _ in range(BATCH)]
    items.insert(2, issue_item(kit, other, timeout_seconds=1))
    results = issue_all(kit, *items)
    issue_refused(results.pop(2), Reason.TIMEOUT_INVALID)
    for result in results:
        issue_taken(result)
    expect_equal([each.sequence for each in results], list(range(first, first + BATCH)), "sequences rise by one")
    client = kit.client(other.client_id)
    expect_equal((client.next_sequence, client.pending_count), (first + BATCH, BATCH), "the client counts them")
    expect_equal([each.sequence for each in sent(kit, other)], list(range(1, first + BATCH)), "each is listed once")


@case(
    "PKT-042",
    "MUST begin the sequences of every client at 1",
    clauses=("SEND-2",),
)
def pkt_042(kit: Kit) -> None:
    for other in (kit.counterparty(), kit.counterparty()):
        numbers = [each.sequence for each in sent(kit, other)]
        expect(bool(numbers), "members are announced to a new counterparty", got=numbers, expected="some packets")
        expect_equal(numbers, list(range(1, len(numbers) + 1)), "sequences begin at 1 and have no gaps")


@case(
    "PKT-043",
    "MUST refuse a record toward a client that does not exist",
    clauses=("SEND-1", "ISS-3"),
    negative=True,
    needs=("platform", "seed"),
)
def pkt_043(kit: Kit) -> None:
    other = kit.shared()
    refuse_issue(kit, other, issue_item(kit, other, client_id="kit-nobody"), Reason.CLIENT_NOT_FOUND)


@case(
    "PKT-044",
    "MUST refuse a record through a client that is not paired",
    clauses=("SEND-1", "CLI-3"),
    negative=True,
    needs=("platform", "seed"),
)
def pkt_044(kit: Kit) -> None:
    other = kit.counterparty(paired=False)
    refuse_issue(kit, other, issue_item(kit, other), Reason.CLIENT_NOT_PAIRED)


@case(
    "PKT-045",
    "MUST refuse a record through a frozen client",
    clauses=("SEND-1", "CLI-2"),
    negative=True,
    needs=("platform", "seed"),
)
def pkt_045(kit: Kit) -> None:
    other = kit.counterparty()
    item = issue_item(kit, other)
    for header in other.equivocate(other.advance()):
        item_applied(kit.deliver(other, headers=[header]).headers[0], "two headers of one height freeze the client")
    refuse_issue(kit, other, item, Reason.CLIENT_FROZEN)


@case(
    "PKT-046",
    "MUST refuse a record through an expired client",
    clauses=("SEND-1", "CLI-2", "UPD-8"),
    negative=True,
    needs=("platform", "seed"),
)
def pkt_046(kit: Kit) -> None:
    other = kit.counterparty(act={"trusting_period_seconds": TRUSTING_SECONDS})
    item = issue_item(kit, other)
    wait_until(kit, other.seconds + TRUSTING_SECONDS + 1)
    refuse_issue(kit, other, item, Reason.CLIENT_EXPIRED)


@case(
    "PKT-047",
    "MUST refuse a record whose timeout has passed",
    clauses=("SEND-1",),
    negative=True,
    needs=("platform", "seed"),
)
def pkt_047(kit: Kit) -> None:
    other = kit.shared()
    now = kit.clock.now() // NANOS_PER_SECOND
    for timeout in (0, 1, now - 1, now):
        item = issue_item(kit, other, timeout_seconds=timeout)
        refuse_issue(kit, other, item, Reason.TIMEOUT_INVALID, what=f"a timeout of {timeout} at {now}")


@case(
    "PKT-048",
    "MUST refuse a record whose timeout is further ahead than the corridor allows, and take one within",
    clauses=("SEND-1", "CGO-3"),
    negative=True,
    needs=("platform", "seed"),
)
def pkt_048(kit: Kit) -> None:
    other = kit.shared()
    most = kit.cargo().GetCorridor(cargo_api.GetCorridorRequest(client_id=other.client_id)).max_timeout_seconds
    expect(0 < most <= YEAR_SECONDS, "the longest timeout", got=most, expected="at most 365 days")
    now = kit.clock.now() // NANOS_PER_SECOND
    for timeout in (now + most + 60, 2**63 - 1, 2**64 - 1):
        item = issue_item(kit, other, timeout_seconds=timeout)
        refuse_issue(kit, other, item, Reason.TIMEOUT_INVALID, Reason.INVALID_FIELD, what=f"a timeout of {timeout}")
    issue_taken(issue_all(kit, issue_item(kit, other, timeout_seconds=now + most - 60))[0])


@case(
    "PKT-049",
    "MUST refuse a record through a paused port, and take it after",
    clauses=("SEND-1", "PAU-1"),
    negative=True,
    needs=("platform", "seed", "authority_key", "capability:pause"),
)
def pkt_049(kit: Kit) -> None:
    other = kit.counterparty()
    item = issue_item(kit, other)
    set_pause(kit, other, CARGO_PORT, paused=True)
    refuse_issue(kit, other, item, Reason.PORT_PAUSED)
    set_pause(kit, other, CARGO_PORT, paused=False)
    issue_taken(issue_all(kit, item)[0])


@case(
    "PKT-050",
    "MUST announce its members to a new counterparty in packets that carry the authority's signature",
    clauses=("CLI-6", "MEM-12", "PORT-1"),
)
def pkt_050(kit: Kit) -> None:
    other = kit.counterparty(confirmed=False)
    packets = [decode_packet(each.body) for each in sent(kit, other)]
    expect(bool(packets), "members are announced", got=len(packets), expected="one at least")
    home = kit.info
    authority = home.anchor.authority_suite, home.anchor.authority_public_key
    for packet in packets:
        payload = packet.payloads[0]
        if payload.destination_port != MEMBER_PORT:
            continue
        try:
            body, signature = decode_signed_member(payload.value)
            verify_member_signature(*authority, home.ledger_id, body, signature, check_signature)
        except BridgeError as error:
            fail("a registration that the ledger's authority signed", got=error, expected="a SignedMember")


@case(
    "PKT-051",
    "MUST list packets by client, by sequence, and the pending ones alone, with their committed bytes",
    clauses=("LED-2",),
    needs=("platform", "seed"),
)
def pkt_051(kit: Kit) -> None:
    other = kit.counterparty()
    issued = [kit.issue(counterparty=other) for _ in range(3)]
    request = api.ListPacketsRequest(client_id=other.client_id, kind=api.PACKET_KIND_SENT, pending_only=True)
    pending = kit.ledger().ListPackets(request).items
    expect_equal([each.sequence for each in pending], [each.sequence for each in issued], "pending packets alone")
    item = sent_packet(kit, other, issued[1].sequence)
    expect_equal(item.body, pending[1].body, "one packet has one body")
    settled = [each for each in sent(kit, other) if each.sequence < issued[0].sequence]
    expect_equal({state_name(each) for each in settled}, {"ACCEPTED"}, "what was acknowledged is not pending")


def registered_member(kit: Kit) -> str:
    """Have the target's authority register a member that only reads; its id."""
    authority, ledger_id = kit.signer("authority_key"), kit.target.ledger_id
    member = make_issuer(ledger_id, authority.suite_id, kit.session.fresh_name("bank"))
    body = registration(member, kit.clock.now(), roles=[MEMBER_ROLE_READER])
    signed = SignedMember.FromString(sign_registration(authority, ledger_id, body))
    kit.admin().RegisterMember(admin_api.RegisterMemberRequest(member=signed))
    return member.member_id


def announced_members(kit: Kit, other: Counterparty) -> list[str]:
    """Member ids that were announced to a counterparty, by sequence."""
    found = []
    for item in sent(kit, other):
        payload = decode_packet(item.body).payloads[0]
        if payload.destination_port == MEMBER_PORT:
            found.append(decode_registration(decode_signed_member(payload.value)[0]).member_id)
    return found


@case(
    "PKT-052",
    "MUST announce a member through a frozen client too, because a revocation must not wait",
    clauses=("SEND-3", "MEM-9"),
    needs=("authority", "authority_key"),
)
def pkt_052(kit: Kit) -> None:
    other = kit.counterparty()
    freeze(kit, other)
    member_id = registered_member(kit)
    expect_equal(announced_members(kit, other)[-1], member_id, "the newest announcement")


@case(
    "PKT-053",
    "MUST hold announcements back while their port is paused, and make them when it resumes",
    clauses=("SEND-3", "PAU-1", "MEM-12"),
    negative=True,
    needs=("authority", "authority_key", "capability:pause"),
)
def pkt_053(kit: Kit) -> None:
    other = kit.counterparty()
    set_pause(kit, other, MEMBER_PORT, paused=True)
    before, held = announced_members(kit, other), kit.client(other.client_id)
    member_id = registered_member(kit)
    expect_equal(announced_members(kit, other), before, "a paused port announces nothing")
    expect_equal(kit.client(other.client_id), held, "its client did not move")
    set_pause(kit, other, MEMBER_PORT, paused=False)
    after = announced_members(kit, other)[len(before) :]
    expect_equal(sorted(after), sorted(set(before) | {member_id}), "each member is announced when the port resumes")


@case(
    "PKT-054",
    "MUST announce its own mappings to a new counterparty, and none of other authorities",
    clauses=("CLI-6", "MAP-9"),
    needs=("authority", "authority_key", "capability:mappings"),
)
def pkt_054(kit: Kit) -> None:
    authority, ledger_id = kit.signer("authority_key"), kit.target.ledger_id
    ours, theirs = ("member", kit.session.fresh_name("ours")), ("member", kit.session.fresh_name("theirs"))
    signed = sign_mapping(authority, ledger_id, ours, theirs, kit.clock.now())
    kit.identifier("authority").RegisterMapping(RegisterMappingRequest(mapping=SignedMapping.FromString(signed)))
    other = kit.counterparty()
    payloads = [decode_packet(item.body).payloads[0] for item in sent(kit, other)]
    mappings = [
        decode_mapping(decode_signed_mapping(payload.value)[0])
        for payload in payloads
        if payload.destination_port == IDENTIFIER_PORT
    ]
    expect_equal({each.ledger_id for each in mappings}, {ledger_id}, "mappings of the target's own authority")
    expect(
        ours[1] in {each.home.value for each in mappings}, "the newest is among them", got=len(mappings), expected=ours
    )
