"""[BND-1] to [BND-7] Bundles of real blocks verify offline, and every change to one is refused with its reason."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest

from bridge.bundle.verify import MAX_BUNDLE_BYTES, MAX_BUNDLE_HEADERS, decode_bundle, seal_bundle, verify_bundle
from bridge.clock import Nanos
from bridge.errors import DecodeError, LimitError, Reason, VerificationError
from bridge.protocol.clients import encode_anchor
from bridge.protocol.packets import encode_packet
from bridge.protocol.ports import encode_payload
from bridge.v1.member_pb2 import (
    MEMBER_ROLE_ISSUER,
    MEMBER_ROLE_READER,
    MEMBER_STATE_REVOKED,
    MemberRegistration,
    SignedMember,
)
from bridge.v1.packet_pb2 import Packet
from bridge.v1.proof_pb2 import EntryProof, ProofBundle
from bridge.v1.transaction_pb2 import Operation
from bridge.wire import nanos_from, timestamp_of
from tests.sim.harness import SimLedger, World, registration, sign_member
from tests.unit.bundle.bundles import (
    REFERENCE,
    Case,
    edit_packet,
    edit_payload,
    edit_statement,
    make_bundle,
    make_case,
)

SIDES = ("hk", "sh")
Change = Callable[[ProofBundle], object]


@cache
def case(side: str) -> Case:
    return make_case(side)


@cache
def stranger(side: str) -> Case:
    """A ledger of the same name with other validators and another authority."""
    return make_case(side)


def integrity(of: Case, data: bytes) -> str:
    """The code of a bundle whose integrity must not hold; then nothing else is judged either."""
    report = verify_bundle(data, of.anchor, Nanos(of.now()))
    assert not report.accepted
    assert not report.integrity.accepted
    assert (report.status.code, report.identity.code) == ("NOT_JUDGED", "NOT_JUDGED")
    assert report.versions == ()
    return report.integrity.code


@pytest.mark.parametrize("side", SIDES)
def test_a_record_is_proven_by_its_bundle_and_the_anchor(side: str) -> None:
    of = case(side)
    report = verify_bundle(of.data, of.anchor, Nanos(of.now()))
    assert report.accepted
    assert (report.integrity.code, report.status.code, report.identity.code) == ("VERIFIED", "IN_FORCE", "VERIFIED")
    assert [version.statement.version for version in report.versions] == [1, 2]
    newest = report.versions[-1]
    assert newest.statement.key.reference == REFERENCE
    assert {leaf.pointer: leaf.value for leaf in newest.leaves}["/vesselName"] == "MV PEARL"
    assert newest.height > of.anchor.height
    assert "carrier" in report.identity.detail


@pytest.mark.parametrize("side", SIDES)
def test_the_anchor_does_not_age(side: str) -> None:
    of = case(side)
    forty_years = 40 * 366 * 86_400 * 1_000_000_000
    assert verify_bundle(of.data, of.anchor, Nanos(of.now() + forty_years)).accepted


@pytest.mark.parametrize("side", SIDES)
def test_a_header_from_the_future_proves_nothing(side: str) -> None:
    of = case(side)
    an_hour = 3_600 * 1_000_000_000
    report = verify_bundle(of.data, of.anchor, Nanos(of.now() - an_hour))
    assert report.integrity.code == Reason.HEADER_FROM_FUTURE


@pytest.mark.parametrize("side", SIDES)
def test_the_newest_version_alone_is_proven_too(side: str) -> None:
    of = case(side)
    report = verify_bundle(of.spoiled(lambda made: made.versions.pop(0)), of.anchor, Nanos(of.now()))
    assert report.accepted
    assert [version.statement.version for version in report.versions] == [2]


@pytest.mark.parametrize("side", SIDES)
def test_a_voided_record_is_whole_and_has_no_effect(side: str) -> None:
    of = make_case(side, 2, void=True)
    report = verify_bundle(of.data, of.anchor, Nanos(of.now()))
    assert not report.accepted
    assert report.integrity.accepted
    assert report.identity.accepted
    assert (report.status.accepted, report.status.code) == (False, "RECORD_VOIDED")


@pytest.mark.parametrize("side", SIDES)
def test_every_flipped_byte_is_noticed(side: str) -> None:
    of = case(side)
    data = of.data
    places = range(0, len(data), 11)
    for place in places:
        flipped = data[:place] + bytes([data[place] ^ 0x20]) + data[place + 1 :]
        assert integrity(of, flipped) in (Reason.BUNDLE_DAMAGED, Reason.MALFORMED_MESSAGE), place
    assert len(places) > 300


@pytest.mark.parametrize("side", SIDES)
def test_every_flipped_byte_of_a_packet_is_noticed_under_a_fresh_digest(side: str) -> None:
    of = case(side)
    packet = of.bundle.versions[0].packet
    for place in range(0, len(packet), 23):
        flipped = packet[:place] + bytes([packet[place] ^ 1]) + packet[place + 1 :]

        def change(made: ProofBundle, flipped: bytes = flipped) -> None:
            made.versions[0].packet = flipped

        assert integrity(of, of.spoiled(change)), place


def _swap(first: EntryProof, second: EntryProof) -> None:
    first.proof, second.proof = second.proof, first.proof


def _void(made: ProofBundle) -> None:
    edit_payload(made.versions[1], lambda p: edit_statement(p, lambda s: setattr(s, "issuer_key_id", "k2")))


def _leaf(made: ProofBundle) -> None:
    edit_payload(made.versions[0], lambda p: setattr(p.disclosure.leaves[0], "value", "FORGED"))


def _sequence(made: ProofBundle) -> None:
    edit_packet(made.versions[0], lambda p: setattr(p, "sequence", p.sequence + 40))


def _registration(made: ProofBundle) -> None:
    edit_packet(made.members[0], lambda p: setattr(p, "timeout_seconds", p.timeout_seconds + 1))


COMMON: dict[str, tuple[Change, Reason]] = {
    "another format": (lambda m: setattr(m, "format", 2), Reason.INVALID_FIELD),
    "another ledger's name": (lambda m: setattr(m, "ledger_id", "hk-trade-2"), Reason.LEDGER_ID_MISMATCH),
    "another anchor height": (lambda m: setattr(m.anchor, "height", m.anchor.height + 1), Reason.ANCHOR_MISMATCH),
    "another authority": (lambda m: setattr(m.anchor, "authority_public_key", b"\1" * 32), Reason.ANCHOR_MISMATCH),
    "no version": (lambda m: m.ClearField("versions"), Reason.RECORD_NOT_FOUND),
    "no header": (lambda m: m.ClearField("headers"), Reason.CONSENSUS_STATE_NOT_FOUND),
    "versions in another order": (lambda m: m.versions.reverse(), Reason.VERSION_GAP),
    "one version twice": (lambda m: m.versions.append(m.versions[1]), Reason.VERSION_GAP),
    "a height without header": (
        lambda m: setattr(m.versions[0], "proof_height", 10**6),
        Reason.CONSENSUS_STATE_NOT_FOUND,
    ),
    "a registration as version": (lambda m: m.versions[0].CopyFrom(m.members[0]), Reason.PORT_UNKNOWN),
    "a version as registration": (lambda m: m.members[0].CopyFrom(m.versions[0]), Reason.PORT_UNKNOWN),
    "a disclosed value": (_leaf, Reason.PROOF_INVALID),
    "the statement's key id": (_void, Reason.PROOF_INVALID),
    "the packet's sequence": (_sequence, Reason.PROOF_INVALID),
    "a registration's packet": (_registration, Reason.PROOF_INVALID),
    "too many headers": (lambda m: m.headers.extend([b""] * MAX_BUNDLE_HEADERS), Reason.LIMIT_EXCEEDED),
    "too many members": (lambda m: m.members.extend([EntryProof()] * 300), Reason.LIMIT_EXCEEDED),
    "a header that is none": (lambda m: m.headers.insert(0, b"\xff"), Reason.MALFORMED_MESSAGE),
}


@pytest.mark.parametrize("name", COMMON)
@pytest.mark.parametrize("side", SIDES)
def test_a_forged_bundle_is_refused_by_reason(side: str, name: str) -> None:
    change, reason = COMMON[name]
    of = case(side)
    assert integrity(of, of.spoiled(change)) == reason


def test_a_header_must_follow_one_that_is_verified_already() -> None:
    of = case("sh")
    assert len(of.bundle.headers) > 1
    moved = of.spoiled(lambda made: made.headers.append(made.headers.pop(0)))
    assert integrity(of, moved) == Reason.CONSENSUS_STATE_NOT_FOUND


@pytest.mark.parametrize("side", SIDES)
def test_a_proof_is_of_one_entry_only(side: str) -> None:
    of = case(side)
    assert integrity(of, of.spoiled(lambda m: _swap(m.versions[0], m.members[0]))) in (
        Reason.PROOF_INVALID,
        Reason.MALFORMED_MESSAGE,
    )


@pytest.mark.parametrize("side", SIDES)
def test_another_ledger_of_the_same_name_proves_nothing(side: str) -> None:
    of, other = case(side), stranger(side)
    assert integrity(of, other.data) == Reason.ANCHOR_MISMATCH
    replaced = other.spoiled(lambda made: made.anchor.CopyFrom(of.anchor))
    assert integrity(of, replaced) in (Reason.VALIDATOR_SET_MISMATCH, Reason.NOT_ENOUGH_TRUST)


@pytest.mark.parametrize("side", SIDES)
def test_without_the_issuers_registration_there_is_no_identity(side: str) -> None:
    of = case(side)
    report = verify_bundle(of.spoiled(lambda made: made.ClearField("members")), of.anchor, Nanos(of.now()))
    assert report.integrity.accepted
    assert report.status.accepted
    assert (report.identity.accepted, report.identity.code) == (False, "ISSUER_UNKNOWN")


@pytest.mark.parametrize("side", SIDES)
def test_registrations_of_others_are_no_identity_either(side: str) -> None:
    of = case(side)

    def keep_others(made: ProofBundle) -> None:
        others = [each for each in made.members if b"carrier" not in each.packet]
        assert len(others) == 2
        made.ClearField("members")
        made.members.extend(others)

    report = verify_bundle(of.spoiled(keep_others), of.anchor, Nanos(of.now()))
    assert (report.integrity.accepted, report.identity.code) == (True, "ISSUER_UNKNOWN")


@pytest.mark.parametrize(("later", "code"), [(1, "VERIFIED"), (0, "ISSUER_REVOKED")])
@pytest.mark.parametrize("side", SIDES)
def test_what_an_issuer_signed_before_it_was_revoked_stays_valid(side: str, later: int, code: str) -> None:
    of = make_case(side, 1)
    revoked = timestamp_of(nanos_from(of.newest().issue_time, "issue_time") + later)
    act = registration(
        of.ledger.ledger_id,
        "carrier",
        [MEMBER_ROLE_ISSUER],
        [],
        revision=2,
        state=MEMBER_STATE_REVOKED,
        registration_time=revoked,
    )
    (result,) = of.ledger.submit(Operation(register_member=sign_member(of.ledger.authority, act)))
    assert result.code == 0, result
    report = verify_bundle(seal_bundle(make_bundle(of.ledger, of.anchor)), of.anchor, Nanos(of.now()))
    assert report.integrity.accepted
    assert (report.identity.accepted, report.identity.code) == (code == "VERIFIED", code)


@pytest.mark.parametrize("side", SIDES)
def test_a_role_that_was_taken_away_later_does_not_undo_what_was_signed(side: str) -> None:
    of = make_case(side, 1)
    time = timestamp_of(nanos_from(of.newest().issue_time, "issue_time") + 1)
    gone = registration(
        of.ledger.ledger_id, "carrier", [], [], revision=2, state=MEMBER_STATE_REVOKED, registration_time=time
    )
    (result,) = of.ledger.submit(Operation(register_member=sign_member(of.ledger.authority, gone)))
    assert result.code == 0, result
    report = verify_bundle(seal_bundle(make_bundle(of.ledger, of.anchor)), of.anchor, Nanos(of.now()))
    assert (report.identity.accepted, report.identity.code) == (True, "VERIFIED")


@pytest.mark.parametrize("side", SIDES)
def test_a_key_counts_only_from_a_registration_as_issuer(side: str) -> None:
    of = case(side)
    keys, ledger_id = of.ledger.keys, of.ledger.ledger_id
    reader = registration(ledger_id, "carrier", [MEMBER_ROLE_READER], [("k1", keys["carrier"])])
    issuer = registration(ledger_id, "carrier", [MEMBER_ROLE_ISSUER], [("k2", keys["relayer"])], revision=2)

    def replace(made: ProofBundle) -> None:
        made.ClearField("members")
        for member in (reader, issuer):
            value = encode_payload("member", sign_member(of.ledger.authority, member))
            made.members.add(packet=encode_packet("sh-0", "hk-0", 9, 10**9, value)[1])

    report = verify_bundle(of.spoiled(replace), of.anchor, Nanos(of.now()))
    assert (report.integrity.accepted, report.identity.code) == (True, "ISSUER_UNKNOWN")


@pytest.mark.parametrize("side", SIDES)
def test_two_headers_of_one_height_prove_nothing(side: str) -> None:
    world = World()
    ledger: SimLedger = getattr(world, side)
    anchor = encode_anchor(ledger.profile, ledger.engine.genesis(), ledger.speaker)
    twin = ledger.fork()
    twin.commit(twin.transaction(Operation(register_member=b"other")))
    height = ledger.store.reader.latest_height() + 1
    ledger.issue(ledger.record(REFERENCE))
    made = make_bundle(ledger, anchor)
    of = Case(world, ledger, anchor, made)
    assert verify_bundle(of.data, anchor, Nanos(of.now())).accepted

    def fork(spoiled: ProofBundle) -> None:
        spoiled.headers.insert(0, twin.engine.update(height, 0))
        spoiled.headers.insert(0, ledger.engine.update(height, 0))

    assert integrity(of, of.spoiled(fork)) == Reason.HEADER_HASH_MISMATCH


def _unproven(made: ProofBundle) -> None:
    for member in made.members:
        member.proof, member.proof_height = b"", 0


@pytest.mark.parametrize("side", SIDES)
def test_a_registration_older_than_the_anchor_stands_by_its_authoritys_signature(side: str) -> None:
    of = case(side)
    report = verify_bundle(of.spoiled(_unproven), of.anchor, Nanos(of.now()))
    assert report.accepted

    def forge(made: ProofBundle) -> None:
        _unproven(made)
        of_carrier = next(each for each in made.members if b"carrier" in each.packet)
        edit_packet(of_carrier, _forge_registration)

    forged = verify_bundle(of.spoiled(forge), of.anchor, Nanos(of.now()))
    assert (forged.integrity.accepted, forged.identity.code) == (True, "SIGNATURE_INVALID")
    half = of.spoiled(lambda made: made.members[0].ClearField("proof"))
    assert integrity(of, half) in (Reason.PROOF_INVALID, Reason.MALFORMED_MESSAGE)


def _forge_registration(packet: Packet) -> None:
    """Another revision of the same member under the old signature."""
    signed = SignedMember.FromString(packet.payloads[0].value)
    member = MemberRegistration.FromString(signed.registration)
    member.revision += 1
    signed.registration = member.SerializeToString(deterministic=True)
    packet.payloads[0].value = signed.SerializeToString(deterministic=True)


@pytest.mark.parametrize("data", [b"", b"\x08", b"not a bundle", b"\xf2\x07\x00"])
def test_bytes_that_are_no_bundle(data: bytes) -> None:
    with pytest.raises((DecodeError, VerificationError)) as refused:
        decode_bundle(data)
    assert refused.value.reason in (Reason.MALFORMED_MESSAGE, Reason.BUNDLE_DAMAGED)
    assert not verify_bundle(data, case("hk").anchor, Nanos(case("hk").now())).accepted


def test_a_bundle_with_a_field_nobody_knows_is_refused() -> None:
    assert integrity(case("hk"), case("hk").data + b"\xf8\x07\x01") == Reason.MALFORMED_MESSAGE


def test_a_bundle_beyond_the_limit_is_refused_unread() -> None:
    with pytest.raises(LimitError) as refused:
        decode_bundle(b"\0" * (MAX_BUNDLE_BYTES + 1))
    assert refused.value.reason == Reason.LIMIT_EXCEEDED
