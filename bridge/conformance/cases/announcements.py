"""PKT: members and mappings of the other ledger count when its authority signed them, in their own order."""

from __future__ import annotations

from bridge.conformance.carriage import (
    accepted,
    carry,
    familiar,
    members_of,
    receipt,
    record_of,
    reference,
    rejected,
    without_effect,
)
from bridge.conformance.case import case
from bridge.conformance.checks import expect_equal
from bridge.conformance.counterparty.ledger import Counterparty
from bridge.conformance.counterparty.members import (
    Issuer,
    make_issuer,
    registration,
    sign_mapping,
    sign_registration,
)
from bridge.conformance.counterparty.packets import Written
from bridge.conformance.kit import Kit
from bridge.crypto.keys import generate_signer
from bridge.errors import Reason
from bridge.protocol.ports import CARGO_PORT, IDENTIFIER_PORT, MEMBER_PORT, encode_payload
from bridge.v1.cargo_pb2 import Party
from bridge.v1.cargo_service_pb2 import RESOLUTION_FOREIGN, RESOLUTION_MAPPED, Resolution
from bridge.v1.identifier_pb2 import MAPPING_STATE_REVOKED, Identifier, SignedMapping
from bridge.v1.identifier_service_pb2 import RegisterMappingRequest
from bridge.v1.member_pb2 import MEMBER_ROLE_ISSUER, MEMBER_STATE_REVOKED, MemberKey, SignedMember
from bridge.wire import encode

SCHEME = "member"
"""Scheme of the identifiers that these cases map: member ids resolve by mapping alone."""

MAPPINGS = ("capability:mappings",)
"""What a case needs that registers mappings."""


def member_packet(other: Counterparty, signed: bytes) -> Written:
    """A packet with a registration, which no block holds yet."""
    return other.packet(encode_payload(MEMBER_PORT, signed))


def mapping_packet(other: Counterparty, signed: bytes) -> Written:
    """A packet with a mapping, which no block holds yet."""
    return other.packet(encode_payload(IDENTIFIER_PORT, signed))


def newcomer(kit: Kit, other: Counterparty, key_id: str = "k1") -> Issuer:
    """A member of the counterparty that nobody knows yet."""
    return make_issuer(other.ledger_id, other.suite.suite_id, kit.session.fresh_name("member"), key_id)


def pair_of_ids(kit: Kit) -> tuple[tuple[str, str], tuple[str, str]]:
    """Two identifiers that nothing maps yet: the counterparty's form and the target's."""
    return (SCHEME, kit.session.fresh_name("theirs")), (SCHEME, kit.session.fresh_name("ours"))


def named_record(kit: Kit, other: Counterparty, identifier: tuple[str, str]) -> str:
    """A record that names an identifier among its parties, carried and accepted; its local id."""
    facts = other.record("X").statement.facts
    party = Party(role="notify-party", identifiers=[Identifier(scheme=identifier[0], value=identifier[1])])
    facts.parties.append(party)
    record = other.record(reference(kit), facts=facts)
    return receipt(accepted(carry(kit, other, other.packet(encode_payload(CARGO_PORT, record.value)))[0]))


def resolved(kit: Kit, record_id: str, identifier: tuple[str, str]) -> tuple[str, str, str]:
    """How an identifier of a record reads here: scheme, value, and by what."""
    for each in record_of(kit, record_id).identifiers:
        if (each.stated.scheme, each.stated.value) == identifier:
            return each.local.scheme, each.local.value, Resolution.Name(each.resolution).removeprefix("RESOLUTION_")
    return "", "", "nothing"


MAPPED = Resolution.Name(RESOLUTION_MAPPED).removeprefix("RESOLUTION_")
FOREIGN = Resolution.Name(RESOLUTION_FOREIGN).removeprefix("RESOLUTION_")


@case(
    "PKT-160",
    "MUST reject a registration that another key signed than the authority's",
    clauses=("MEM-6", "MEM-11"),
    negative=True,
)
def pkt_160(kit: Kit) -> None:
    other = familiar(kit)
    for signer in (generate_signer(other.suite.suite_id), other.issuer.signer):
        signed = other.member(newcomer(kit, other), signer=signer)
        rejected(kit, other, member_packet(other, signed), Reason.SIGNATURE_INVALID)


@case(
    "PKT-161",
    "MUST reject a member of another ledger than the client tracks, even one of its own",
    clauses=("MEM-6", "MEM-11"),
    negative=True,
    needs=("authority_key",),
)
def pkt_161(kit: Kit) -> None:
    other = familiar(kit)
    for ledger_id, authority in (
        ("test-elsewhere-1", other.authority),
        (kit.target.ledger_id, other.authority),
        (kit.target.ledger_id, kit.signer("authority_key")),
    ):
        issuer = make_issuer(ledger_id, other.suite.suite_id, kit.session.fresh_name("member"))
        signed = sign_registration(authority, ledger_id, registration(issuer, other.now))
        rejected(kit, other, member_packet(other, signed), Reason.LEDGER_ID_MISMATCH, what=ledger_id)


@case(
    "PKT-162",
    "MUST reject another content under a revision that stands",
    clauses=("MEM-11",),
    negative=True,
)
def pkt_162(kit: Kit) -> None:
    other = familiar(kit)
    member = newcomer(kit, other)
    accepted(carry(kit, other, member_packet(other, other.member(member)))[0])
    second = Issuer(other.ledger_id, member.member_id, "k2", generate_signer(other.suite.suite_id))
    rejected(kit, other, member_packet(other, other.member(second)), Reason.REVISION_CONFLICT)


@case(
    "PKT-163",
    "MUST accept an earlier revision that comes late, and change nothing by it",
    clauses=("MEM-11",),
    negative=True,
)
def pkt_163(kit: Kit) -> None:
    other = familiar(kit)
    member = newcomer(kit, other)
    later = Issuer(other.ledger_id, member.member_id, "k2", generate_signer(other.suite.suite_id))
    first, second = other.member(member), other.member(later, revision=2)
    accepted(carry(kit, other, member_packet(other, second))[0], "revisions may be skipped")
    with without_effect(kit, other, "a late revision"):
        accepted(carry(kit, other, member_packet(other, first))[0], "a late revision is no conflict")
    held = next(each for each in members_of(kit, other) if each.registration.member_id == member.member_id)
    expect_equal((held.registration.revision, held.registration.keys[0].key_id), (2, "k2"), "the highest stands")


@case(
    "PKT-164",
    "MUST reject a key that was revoked when it comes back, under its own id or another",
    clauses=("MEM-8", "MEM-11"),
    negative=True,
)
def pkt_164(kit: Kit) -> None:
    other = familiar(kit)
    member = newcomer(kit, other)
    renewed = Issuer(other.ledger_id, member.member_id, "k2", generate_signer(other.suite.suite_id))
    for revision, issuer in ((1, member), (2, renewed)):
        accepted(carry(kit, other, member_packet(other, other.member(issuer, revision=revision)))[0])
    again = Issuer(other.ledger_id, member.member_id, "k3", member.signer)
    other_key = Issuer(other.ledger_id, member.member_id, "k1", generate_signer(other.suite.suite_id))
    for issuer in (member, again, other_key):
        signed = other.member(issuer, revision=3)
        rejected(kit, other, member_packet(other, signed), Reason.INVALID_PUBLIC_KEY, what=f"key {issuer.key_id}")


@case(
    "PKT-165",
    "MUST reject a key that no honest member can have",
    clauses=("MEM-5", "CRY-3", "CRY-4"),
    negative=True,
)
def pkt_165(kit: Kit) -> None:
    other = familiar(kit)
    suite_id = other.suite.suite_id
    wrong = {
        "sha256-ed25519": (b"\x01" + bytes(31), bytes(32), b"\xff" * 32, b"\x01" * 31),
        "sm3-sm2": (bytes(65), b"\x04" + b"\xff" * 64, b"\x04" + b"\x01" * 64, b"\x02" + b"\x01" * 32),
        "sha256-p256": (bytes(65), b"\x04" + b"\xff" * 64, b"\x04" + b"\x01" * 64, b"\x02" + b"\x01" * 32),
    }
    for public_key in wrong[suite_id]:
        key = MemberKey(key_id="k1", suite=suite_id, public_key=public_key)
        signed = other.member(newcomer(kit, other), keys=[key])
        rejected(kit, other, member_packet(other, signed), Reason.INVALID_PUBLIC_KEY, what=public_key.hex())
    key = MemberKey(key_id="k1", suite="sha256-ed448", public_key=bytes(32))
    unknown = other.member(newcomer(kit, other), keys=[key])
    rejected(kit, other, member_packet(other, unknown), Reason.INVALID_FIELD, Reason.SUITE_UNAVAILABLE)


@case(
    "PKT-166",
    "MUST reject a registration whose fields are not in form, though the authority signed it",
    clauses=("MEM-2", "MEM-3", "MEM-4", "MEM-5"),
    negative=True,
)
def pkt_166(kit: Kit) -> None:
    other = familiar(kit)
    member = newcomer(kit, other)
    for name, over, reasons in (
        ("revision 0", {"revision": 0}, (Reason.INVALID_FIELD,)),
        ("no state", {"state": 0}, (Reason.INVALID_FIELD,)),
        ("no role", {"roles": []}, (Reason.FIELD_REQUIRED,)),
        ("one role twice", {"roles": [MEMBER_ROLE_ISSUER] * 2}, (Reason.INVALID_FIELD,)),
        ("an unknown role", {"roles": [9]}, (Reason.INVALID_FIELD,)),
        ("no key", {"keys": []}, (Reason.FIELD_REQUIRED,)),
        ("one key twice", {"keys": [member.key] * 2}, (Reason.INVALID_FIELD, Reason.INVALID_PUBLIC_KEY)),
        ("a revoked member with a key", {"state": MEMBER_STATE_REVOKED}, (Reason.INVALID_FIELD,)),
        ("an id in capitals", {"member_id": "Carrier"}, (Reason.INVALID_IDENTIFIER,)),
    ):
        rejected(kit, other, member_packet(other, other.member(member, **over)), *reasons, what=name)


@case(
    "PKT-167",
    "MUST reject a registration without a signature, or with a field that nobody knows",
    clauses=("MEM-1", "MEM-2", "WIRE-1"),
    negative=True,
)
def pkt_167(kit: Kit) -> None:
    other = familiar(kit)
    signed = SignedMember.FromString(other.member(newcomer(kit, other)))
    unsigned = encode(SignedMember(registration=signed.registration))
    rejected(kit, other, member_packet(other, unsigned), Reason.FIELD_REQUIRED)
    longer = sign_registration(other.authority, other.ledger_id, signed.registration + b"\x98\x06\x01")
    rejected(kit, other, member_packet(other, longer), Reason.MALFORMED_MESSAGE)


@case(
    "PKT-168",
    "MUST never take a counterparty's member for one of its own",
    clauses=("MEM-11", "APP-8"),
    negative=True,
    needs=("seed", "platform"),
)
def pkt_168(kit: Kit) -> None:
    other, seed = familiar(kit), kit.member("seed")
    signer = generate_signer(other.suite.suite_id)
    namesake = Issuer(other.ledger_id, seed.member_id, seed.key_id, signer)
    accepted(carry(kit, other, member_packet(other, other.member(namesake)))[0], "a name is the counterparty's to give")
    kit.issue(counterparty=other)


@case(
    "PKT-170",
    "MUST resolve an identifier of a record by the mapping that the counterparty's authority registered",
    clauses=("RES-1", "RES-2", "MAP-7"),
    needs=MAPPINGS,
)
def pkt_170(kit: Kit) -> None:
    other = familiar(kit)
    theirs, ours = pair_of_ids(kit)
    record_id = named_record(kit, other, theirs)
    expect_equal(resolved(kit, record_id, theirs), (*theirs, FOREIGN), "kept as it was stated, and flagged")
    accepted(carry(kit, other, mapping_packet(other, other.mapping(theirs, ours)))[0])
    expect_equal(resolved(kit, record_id, theirs), (*ours, MAPPED), "the form of this side, the stated one beside it")
    revoked = other.mapping(theirs, ours, revision=2, state=MAPPING_STATE_REVOKED)
    accepted(carry(kit, other, mapping_packet(other, revoked))[0])
    expect_equal(resolved(kit, record_id, theirs), (*theirs, FOREIGN), "a revoked mapping no longer resolves")


@case(
    "PKT-171",
    "MUST reject a mapping that another key signed than the authority's",
    clauses=("MAP-3",),
    negative=True,
    needs=MAPPINGS,
)
def pkt_171(kit: Kit) -> None:
    other = familiar(kit)
    signed = other.mapping(*pair_of_ids(kit), signer=generate_signer(other.suite.suite_id))
    rejected(kit, other, mapping_packet(other, signed), Reason.SIGNATURE_INVALID)


@case(
    "PKT-172",
    "MUST reject a mapping of another ledger's authority",
    clauses=("MAP-3",),
    negative=True,
    needs=MAPPINGS,
)
def pkt_172(kit: Kit) -> None:
    other = familiar(kit)
    for ledger_id in ("test-elsewhere-1", kit.target.ledger_id):
        signed = sign_mapping(other.authority, ledger_id, *pair_of_ids(kit), other.now)
        rejected(kit, other, mapping_packet(other, signed), Reason.LEDGER_ID_MISMATCH, what=ledger_id)


@case(
    "PKT-173",
    "MUST reject a mapping of an identifier that another authority mapped, and keep the first",
    clauses=("MAP-5", "MAP-8"),
    negative=True,
    needs=(*MAPPINGS, "authority_key"),
)
def pkt_173(kit: Kit) -> None:
    other, third = familiar(kit), kit.counterparty()
    theirs, ours = pair_of_ids(kit)
    signed = sign_mapping(kit.signer("authority_key"), kit.target.ledger_id, ours, theirs, kit.clock.now())
    kit.identifier("authority").RegisterMapping(RegisterMappingRequest(mapping=SignedMapping.FromString(signed)))
    foreign, local = pair_of_ids(kit)
    accepted(carry(kit, other, mapping_packet(other, other.mapping(foreign, local)))[0])
    for ledger, left, right in ((other, (SCHEME, "third"), ours), (other, theirs, local), (third, foreign, ours)):
        rejected(kit, ledger, mapping_packet(ledger, ledger.mapping(left, right, revision=5)), Reason.MAPPING_CONFLICT)
    expect_equal(resolved(kit, named_record(kit, other, foreign), foreign), (*local, MAPPED), "the first stands")


@case(
    "PKT-175",
    "MUST let no second act of one revision move an identifier that is mapped",
    clauses=("MAP-10",),
    negative=True,
    needs=MAPPINGS,
)
def pkt_175(kit: Kit) -> None:
    other = familiar(kit)
    theirs, ours = pair_of_ids(kit)
    accepted(carry(kit, other, mapping_packet(other, other.mapping(theirs, ours)))[0])
    third = (SCHEME, kit.session.fresh_name("third"))
    with without_effect(kit, other, "an act that comes too late"):
        for left, right in ((third, ours), (theirs, third)):
            accepted(carry(kit, other, mapping_packet(other, other.mapping(left, right)))[0])
    expect_equal(resolved(kit, named_record(kit, other, theirs), theirs), (*ours, MAPPED), "the first stands")


@case(
    "PKT-174",
    "MUST reject a mapping between things of two kinds, or of an identifier to itself",
    clauses=("MAP-2",),
    negative=True,
    needs=MAPPINGS,
)
def pkt_174(kit: Kit) -> None:
    other = familiar(kit)
    theirs, _ = pair_of_ids(kit)
    for left, right in ((theirs, theirs), (theirs, ("un-locode", "CNSGH")), (("hs6", "850760"), ("hs6", "850440"))):
        rejected(kit, other, mapping_packet(other, other.mapping(left, right)), Reason.INVALID_FIELD)
