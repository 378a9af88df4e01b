"""IDM: every write answers its first result when it is called again, and only the very same write does."""

from __future__ import annotations

from bridge.clock import NANOS_PER_SECOND
from bridge.conformance.carriage import (
    familiar,
    member_entries,
    records_of,
    reference,
    sent,
    set_pause,
)
from bridge.conformance.case import case
from bridge.conformance.checks import expect, expect_equal, issue_refused, issue_taken, item_applied, refused, unmoved
from bridge.conformance.counterparty.ledger import Counterparty
from bridge.conformance.counterparty.members import make_issuer, registration, sign_mapping, sign_registration
from bridge.conformance.issuing import item_of, prepare, transport_event
from bridge.conformance.kit import Kit
from bridge.conformance.submitting import exports, issue_all, issue_item
from bridge.crypto.keys import generate_signer
from bridge.errors import Reason
from bridge.protocol.ports import CARGO_PORT
from bridge.v1 import admin_service_pb2 as admin_api
from bridge.v1 import cargo_service_pb2 as cargo_api
from bridge.v1 import identifier_service_pb2 as identifier_api
from bridge.v1 import ledger_service_pb2 as api
from bridge.v1.identifier_pb2 import SignedMapping
from bridge.v1.member_pb2 import MEMBER_ROLE_READER, SignedMember
from bridge.v1.transaction_pb2 import MisbehaviourEvidence

SOURCE = ("platform", "seed")
"""What a case needs that has the target send a packet."""

ACTS = ("authority", "authority_key")
"""What a case needs that has the target's authority act."""


def same_issue(kit: Kit, other: Counterparty, item: cargo_api.IssueItem, first: cargo_api.IssueResult) -> None:
    """Issue a version again; Failed unless it is a NOOP with the first result and nothing moves."""
    with unmoved(kit, other.client_id):
        again = issue_all(kit, item)[0]
        issue_taken(again, "a version that was taken before")
        expect(again.noop, "it is answered as a repetition", got=again.noop, expected=True)
        expect_equal(
            (again.local_record_id, again.sequence), (first.local_record_id, first.sequence), "the first result"
        )


@case(
    "IDM-030",
    "MUST answer a record version that was issued before with its first sequence and id, and send nothing",
    clauses=("ISS-2", "CAL-2"),
    negative=True,
    needs=SOURCE,
)
def idm_030(kit: Kit) -> None:
    other = familiar(kit)
    item = issue_item(kit, other)
    first = issue_all(kit, item)[0]
    expect(not first.noop, "the first time it is no repetition", got=first.noop, expected=False)
    for _ in range(3):
        same_issue(kit, other, item, first)


@case(
    "IDM-031",
    "MUST send a record version once that stands several times in one call",
    clauses=("ISS-2", "BAT-1"),
    negative=True,
    needs=SOURCE,
)
def idm_031(kit: Kit) -> None:
    other = kit.counterparty()
    item = issue_item(kit, other)
    results = issue_all(kit, item, item, item)
    for result in results:
        issue_taken(result)
    expect_equal([result.noop for result in results], [False, True, True], "one is new")
    expect_equal(len({(each.sequence, each.local_record_id) for each in results}), 1, "one sequence and one id")
    expect_equal(kit.client(other.client_id).pending_count, 1, "one packet left")


@case(
    "IDM-032",
    "MUST answer the first result of a record version whatever has changed since: its client, its port, its timeout",
    clauses=("ISS-2",),
    negative=True,
    needs=(*SOURCE, *ACTS, "capability:pause"),
)
def idm_032(kit: Kit) -> None:
    other = kit.counterparty()
    item = issue_item(kit, other)
    first = issue_all(kit, item)[0]
    item.timeout_seconds = 1
    same_issue(kit, other, item, first)
    set_pause(kit, other, CARGO_PORT, paused=True)
    same_issue(kit, other, item, first)
    for header in other.equivocate(other.advance()):
        item_applied(kit.deliver(other, headers=[header]).headers[0])
    same_issue(kit, other, item, first)


@case(
    "IDM-033",
    "MUST answer an earlier version with its own first result, though later ones stand",
    clauses=("ISS-2", "VER-1"),
    negative=True,
    needs=(*SOURCE, "capability:amendment"),
)
def idm_033(kit: Kit) -> None:
    other, document = familiar(kit), transport_event(reference(kit))
    first = kit.issue(document, counterparty=other)
    kit.issue(document, counterparty=other, version=2, previous_digest=first.prepared.digest, act=2)
    same_issue(kit, other, first.item, first.result)


@case(
    "IDM-034",
    "MUST refuse a version that differs from the one issued in its signed bytes alone",
    clauses=("ISS-2", "VER-1", "REC-5"),
    negative=True,
    needs=SOURCE,
)
def idm_034(kit: Kit) -> None:
    other, document = familiar(kit), transport_event(reference(kit))
    first = kit.issue(document, counterparty=other)
    later = kit.clock.now() + NANOS_PER_SECOND
    twin = item_of(kit, prepare(kit, document, other, issue_time=later), other)
    with unmoved(kit, other.client_id):
        issue_refused(issue_all(kit, twin)[0], Reason.VERSION_CONFLICT)
    same_issue(kit, other, first.item, first.result)


@case(
    "IDM-035",
    "MUST answer the act that made a client again, and refuse any other for its id",
    clauses=("CLI-4",),
    negative=True,
    needs=ACTS,
)
def idm_035(kit: Kit) -> None:
    authority = kit.target.ledger_id, kit.signer("authority_key")
    other = Counterparty(kit.other_profile)
    create = kit.ledger("authority").CreateClient
    request = api.CreateClientRequest(act=other.create_act(authority))
    create(request)
    with unmoved(kit, other.client_id):
        expect_equal(create(request).client_id, other.client_id, "the same act names the same client")
        other.advance()
        for act in (
            other.create_act(authority, anchor=other.anchor(other.height)),
            other.create_act(authority, trusting_period_seconds=60),
            Counterparty(kit.other_profile, client_id=other.client_id).create_act(authority),
        ):
            refused(lambda act=act: create(api.CreateClientRequest(act=act)), Reason.CLIENT_EXISTS)  # type: ignore[misc]


@case(
    "IDM-036",
    "MUST answer the act that paired a client again, and refuse to pair it otherwise",
    clauses=("CLI-7", "LED-8"),
    negative=True,
    needs=ACTS,
)
def idm_036(kit: Kit) -> None:
    other = kit.counterparty()
    authority = kit.target.ledger_id, kit.signer("authority_key")
    pair = kit.ledger("authority").PairClient
    announced = len(sent(kit, other))
    with unmoved(kit, other.client_id):
        answer = pair(api.PairClientRequest(act=other.pair_act(authority)))
        expect_equal(answer.counterparty_client_id, other.own_client_id, "the same pair")
        mine, other.own_client_id = other.own_client_id, "target-9"
        wrong = api.PairClientRequest(act=other.pair_act(authority))
        other.own_client_id = mine
        refused(lambda: pair(wrong), Reason.CLIENT_ALREADY_PAIRED)
    expect_equal(len(sent(kit, other)), announced, "nothing is announced twice")


@case(
    "IDM-037",
    "MUST answer a registration again without announcing it again, and refuse another of its revision",
    clauses=("MEM-7", "MEM-9", "ADS-1"),
    negative=True,
    needs=ACTS,
)
def idm_037(kit: Kit) -> None:
    other = kit.counterparty()
    authority, ledger_id = kit.signer("authority_key"), kit.target.ledger_id
    member = make_issuer(ledger_id, authority.suite_id, kit.session.fresh_name("bank"))
    register = kit.admin().RegisterMember

    def request(**over: object) -> admin_api.RegisterMemberRequest:
        body = registration(member, kit.clock.now() - 1, roles=[MEMBER_ROLE_READER], **over)
        signed = sign_registration(authority, ledger_id, body)
        return admin_api.RegisterMemberRequest(member=SignedMember.FromString(signed))

    first = request(revision=1)
    register(first)
    with unmoved(kit, other.client_id):
        register(first)
        for wrong in (request(revision=1), request(revision=3)):
            refused(lambda wrong=wrong: register(wrong), Reason.REVISION_CONFLICT)  # type: ignore[misc]
    held = [each for each in member_entries(kit) if each.registration.member_id == member.member_id]
    expect_equal([each.registration.revision for each in held], [1], "it is registered once")


@case(
    "IDM-038",
    "MUST answer a mapping again without announcing it again, and refuse another of its revision",
    clauses=("MAP-4", "MAP-7", "IDS-1"),
    negative=True,
    needs=(*ACTS, "capability:mappings"),
)
def idm_038(kit: Kit) -> None:
    other = kit.counterparty()
    authority, ledger_id = kit.signer("authority_key"), kit.target.ledger_id
    ours, theirs = ("member", kit.session.fresh_name("ours")), ("member", kit.session.fresh_name("theirs"))
    register = kit.identifier("authority").RegisterMapping

    def request(revision: int) -> identifier_api.RegisterMappingRequest:
        signed = sign_mapping(authority, ledger_id, ours, theirs, kit.clock.now(), revision=revision)
        return identifier_api.RegisterMappingRequest(mapping=SignedMapping.FromString(signed))

    first = request(1)
    register(first)
    with unmoved(kit, other.client_id):
        register(first)
        for wrong in (request(1), request(3)):
            refused(lambda wrong=wrong: register(wrong), Reason.REVISION_CONFLICT)  # type: ignore[misc]


@case(
    "IDM-039",
    "MUST refuse a mapping that its authority did not sign, first and again",
    clauses=("MAP-3",),
    negative=True,
    needs=(*ACTS, "capability:mappings"),
)
def idm_039(kit: Kit) -> None:
    other = familiar(kit)
    stranger = generate_signer(kit.signer("authority_key").suite_id)
    ids = ("member", kit.session.fresh_name("ours")), ("member", kit.session.fresh_name("theirs"))
    signed = sign_mapping(stranger, kit.target.ledger_id, *ids, kit.clock.now())
    request = identifier_api.RegisterMappingRequest(mapping=SignedMapping.FromString(signed))
    with unmoved(kit, other.client_id):
        for _ in range(2):
            refused(lambda: kit.identifier("authority").RegisterMapping(request), Reason.SIGNATURE_INVALID)


@case(
    "IDM-040",
    "MUST answer a pause again, and refuse an older act that is played again",
    clauses=("PAU-2", "ADS-4"),
    negative=True,
    needs=(*ACTS, "capability:pause"),
)
def idm_040(kit: Kit) -> None:
    other = kit.counterparty()
    paused = set_pause(kit, other, CARGO_PORT, paused=True)
    pause = kit.admin().SetPause
    with unmoved(kit, other.client_id):
        pause(admin_api.SetPauseRequest(act=kit.act(paused)))
    resumed = set_pause(kit, other, CARGO_PORT, paused=False)
    with unmoved(kit, other.client_id):
        refused(lambda: pause(admin_api.SetPauseRequest(act=kit.act(paused))), Reason.REVISION_CONFLICT)
        pause(admin_api.SetPauseRequest(act=kit.act(resumed)))


@case(
    "IDM-041",
    "MUST answer evidence against a frozen client with its state, and keep the evidence it has",
    clauses=("MIS-4", "LED-9"),
    negative=True,
)
def idm_041(kit: Kit) -> None:
    other = kit.counterparty()
    height = other.advance()
    first, second = other.equivocate(height)
    evidence = MisbehaviourEvidence(client_id=other.client_id, header_1=first, header_2=second)
    submit = kit.ledger().SubmitMisbehaviour
    request = api.SubmitMisbehaviourRequest(evidence=evidence)
    expect_equal(submit(request).state, api.CLIENT_STATE_FROZEN, "the client is frozen")
    with unmoved(kit, other.client_id):
        expect_equal(submit(request).state, api.CLIENT_STATE_FROZEN, "the client stays frozen")


@case(
    "IDM-042",
    "MUST keep one record of a version that two calls issued, and one line in the register of exports",
    clauses=("ISS-2", "CGO-7", "STO-5"),
    negative=True,
    needs=(*SOURCE, "capability:export-register"),
)
def idm_042(kit: Kit) -> None:
    other = kit.counterparty()
    item = issue_item(kit, other)
    first, _ = issue_all(kit, item)[0], issue_all(kit, item)[0]
    lines = [each for each in exports(kit) if each.client_id == other.client_id]
    expect_equal([each.local_record_id for each in lines], [first.local_record_id], "one line of the register")
    expect_equal(len(records_of(kit, other)), 0, "it is at home here, not there")
