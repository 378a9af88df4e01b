"""Members: a registration's form, one authority's signature, revisions, and keys that never return."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from bridge.crypto.keys import generate_signer
from bridge.crypto.signing import Domain, sign_bytes
from bridge.crypto.suites import check_signature
from bridge.errors import AlreadyExistsError, BridgeError, DecodeError, Reason, VerificationError
from bridge.protocol import members as rules
from bridge.protocol.members import (
    KeyChange,
    decode_registration,
    decode_signed_member,
    member_sign_bytes,
    plan_member,
    require_key_id,
    require_member_id,
    verify_member_signature,
)
from bridge.v1.identifier_pb2 import Identifier, Name
from bridge.v1.member_pb2 import (
    MEMBER_ROLE_ISSUER,
    MEMBER_ROLE_PLATFORM,
    MEMBER_ROLE_READER,
    MEMBER_STATE_REGISTERED,
    MEMBER_STATE_REVOKED,
    MemberKey,
    MemberRegistration,
    SignedMember,
)
from bridge.wire import encode, timestamp_of

SIGNERS = {suite_id: generate_signer(suite_id) for suite_id in ("sha256-ed25519", "sm3-sm2", "sha256-p256")}
ONE = MemberKey(key_id="key-1", suite="sha256-ed25519", public_key=SIGNERS["sha256-ed25519"].public_key)
TWO = MemberKey(key_id="key-2", suite="sm3-sm2", public_key=SIGNERS["sm3-sm2"].public_key)
THREE = MemberKey(key_id="key-3", suite="sha256-p256", public_key=SIGNERS["sha256-p256"].public_key)


def registration(revision: int = 1, *keys: MemberKey) -> MemberRegistration:
    return MemberRegistration(
        ledger_id="hk-trade-1",
        member_id="oocl-hk",
        revision=revision,
        state=MEMBER_STATE_REGISTERED,
        roles=[MEMBER_ROLE_PLATFORM, MEMBER_ROLE_ISSUER],
        names=[Name(script="Hant", text="東方海外貨櫃航運有限公司"), Name(script="Latn", text="OOCL")],
        identifiers=[Identifier(scheme="hk-ubi", value="12345678"), Identifier(scheme="smdg-carrier", value="OOL")],
        keys=keys or (ONE,),
        registration_time=timestamp_of(1_780_000_000_000_000_000),
    )


def revoked(revision: int = 2) -> MemberRegistration:
    act = registration(revision)
    act.state = MEMBER_STATE_REVOKED
    act.ClearField("keys")
    return act


@dataclass
class Stored:
    revision: int
    registration: bytes


class Book:
    """One member's rows, written as the ledger writes them."""

    def __init__(self) -> None:
        self.member: Stored | None = None
        self.keys: dict[str, KeyChange] = {}

    def act(self, act: MemberRegistration) -> bool:
        body = encode(act)
        plan = plan_member(decode_registration(body), body, self.member, self.keys.values())
        if plan is None:
            return False
        self.keys.update({change.key_id: change for change in plan})
        self.member = Stored(act.revision, body)
        return True

    def standing(self) -> set[str]:
        return {key.key_id for key in self.keys.values() if not key.revoked}

    def refuses(self, reason: Reason, act: MemberRegistration) -> None:
        before = (self.member, dict(self.keys))
        with pytest.raises(AlreadyExistsError) as refusal:
            self.act(act)
        assert refusal.value.reason == reason
        assert (self.member, self.keys) == before


@pytest.mark.parametrize("act", [registration(), registration(3, ONE, TWO, THREE), revoked()])
def test_a_registration_is_taken_as_it_is(act: MemberRegistration) -> None:
    assert decode_registration(encode(act)) == act


def test_a_reader_needs_no_key() -> None:
    act = registration()
    act.ClearField("keys")
    act.ClearField("roles")
    act.roles.append(MEMBER_ROLE_READER)
    assert decode_registration(encode(act)) == act


LOW_ORDER = b"\x01" + bytes(31)

REFUSALS: list[tuple[str, Callable[[MemberRegistration], object], Reason]] = [
    ("no ledger", lambda m: m.ClearField("ledger_id"), Reason.INVALID_IDENTIFIER),
    ("no member", lambda m: m.ClearField("member_id"), Reason.INVALID_IDENTIFIER),
    ("member in capitals", lambda m: setattr(m, "member_id", "OOCL"), Reason.INVALID_IDENTIFIER),
    ("member in Cyrillic", lambda m: setattr(m, "member_id", "ооcl"), Reason.INVALID_IDENTIFIER),
    ("revision 0", lambda m: m.ClearField("revision"), Reason.INVALID_FIELD),
    ("revision beyond every store", lambda m: setattr(m, "revision", 2**31), Reason.INVALID_FIELD),
    ("no state", lambda m: m.ClearField("state"), Reason.INVALID_FIELD),
    ("state of the future", lambda m: setattr(m, "state", 5), Reason.INVALID_FIELD),
    ("no time", lambda m: m.ClearField("registration_time"), Reason.FIELD_REQUIRED),
    ("time before 1970", lambda m: setattr(m.registration_time, "seconds", -1), Reason.INVALID_FIELD),
    ("no role", lambda m: m.ClearField("roles"), Reason.FIELD_REQUIRED),
    ("role twice", lambda m: m.roles.append(MEMBER_ROLE_ISSUER), Reason.INVALID_FIELD),
    ("role of the future", lambda m: m.roles.append(9), Reason.INVALID_FIELD),
    ("role unspecified", lambda m: m.roles.append(0), Reason.INVALID_FIELD),
    ("name in no script", lambda m: setattr(m.names[0], "script", "Zyyy"), Reason.INVALID_FIELD),
    ("name with bidi", lambda m: setattr(m.names[1], "text", "OO\u202ecl"), Reason.INVALID_FIELD),
    ("unknown scheme", lambda m: m.identifiers.append(Identifier(scheme="x", value="1")), Reason.SCHEME_UNKNOWN),
    ("wrong UBI", lambda m: setattr(m.identifiers[0], "value", "1234567"), Reason.INVALID_IDENTIFIER),
    (
        "wrong USCC",
        lambda m: m.identifiers.append(Identifier(scheme="uscc", value="91110000600037341M")),
        Reason.CHECK_DIGIT_WRONG,
    ),
    ("no key", lambda m: m.ClearField("keys"), Reason.FIELD_REQUIRED),
    ("key without id", lambda m: m.keys[0].ClearField("key_id"), Reason.INVALID_IDENTIFIER),
    ("key of no suite", lambda m: setattr(m.keys[0], "suite", "rsa"), Reason.INVALID_FIELD),
    ("short key", lambda m: setattr(m.keys[0], "public_key", bytes(31)), Reason.INVALID_PUBLIC_KEY),
    ("low-order key", lambda m: setattr(m.keys[0], "public_key", LOW_ORDER), Reason.INVALID_PUBLIC_KEY),
    ("key of another suite", lambda m: setattr(m.keys[0], "public_key", TWO.public_key), Reason.INVALID_PUBLIC_KEY),
    (
        "key id twice",
        lambda m: m.keys.append(MemberKey(key_id="key-1", suite=TWO.suite, public_key=TWO.public_key)),
        Reason.INVALID_FIELD,
    ),
    (
        "key twice",
        lambda m: m.keys.append(MemberKey(key_id="key-9", suite=ONE.suite, public_key=ONE.public_key)),
        Reason.INVALID_PUBLIC_KEY,
    ),
    ("revoked with a key", lambda m: setattr(m, "state", MEMBER_STATE_REVOKED), Reason.INVALID_FIELD),
    ("a key too many", lambda m: m.keys.extend([ONE] * rules.MAX_KEYS), Reason.LIMIT_EXCEEDED),
    ("a name too many", lambda m: m.names.extend([m.names[0]] * rules.MAX_NAMES), Reason.LIMIT_EXCEEDED),
    (
        "an identifier too many",
        lambda m: m.identifiers.extend([m.identifiers[0]] * rules.MAX_IDENTIFIERS),
        Reason.LIMIT_EXCEEDED,
    ),
]


@pytest.mark.parametrize(("change", "reason"), [case[1:] for case in REFUSALS], ids=[case[0] for case in REFUSALS])
def test_one_wrong_field_refuses(change: Callable[[MemberRegistration], object], reason: Reason) -> None:
    act = registration()
    change(act)
    with pytest.raises(BridgeError) as refusal:
        decode_registration(encode(act))
    assert refusal.value.reason == reason


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (encode(registration()) + b"\x98\x06\x01", Reason.MALFORMED_MESSAGE),
        (encode(registration()) + b"\x18\x01", Reason.MALFORMED_MESSAGE),
        (b"\xff", Reason.MALFORMED_MESSAGE),
        (bytes(rules.MAX_REGISTRATION_BYTES + 1), Reason.LIMIT_EXCEEDED),
    ],
)
def test_bytes_that_do_not_round_trip_are_refused(data: bytes, reason: Reason) -> None:
    with pytest.raises(DecodeError) as refusal:
        decode_registration(data)
    assert refusal.value.reason == reason


@pytest.mark.parametrize(
    ("signed", "reason"),
    [
        (SignedMember(registration=b"r"), Reason.FIELD_REQUIRED),
        (SignedMember(signature=b"s"), Reason.FIELD_REQUIRED),
        (SignedMember(registration=b"r", signature=b"s" * 97), Reason.LIMIT_EXCEEDED),
    ],
)
def test_a_signed_member_needs_both_parts_in_bounds(signed: SignedMember, reason: Reason) -> None:
    with pytest.raises(DecodeError) as refusal:
        decode_signed_member(encode(signed))
    assert refusal.value.reason == reason


@pytest.mark.parametrize("suite_id", SIGNERS)
def test_only_the_ledgers_own_authority_registers_its_members(suite_id: str) -> None:
    signer, other = SIGNERS[suite_id], generate_signer(suite_id)
    body = encode(registration())
    signed = SignedMember(registration=body, signature=signer.sign(member_sign_bytes("hk-trade-1", body)))
    read, signature = decode_signed_member(encode(signed))
    key = signer.public_key
    assert verify_member_signature(suite_id, key, "hk-trade-1", read, signature, check_signature) == registration()
    other_domain = signer.sign(sign_bytes(Domain.ACT, "hk-trade-1", body))
    for public_key, ledger_id, given, reason in (
        (other.public_key, "hk-trade-1", signature, Reason.SIGNATURE_INVALID),
        (key, "hk-trade-1", other_domain, Reason.SIGNATURE_INVALID),
        (key, "sh-trade-1", signature, Reason.LEDGER_ID_MISMATCH),
    ):
        with pytest.raises(VerificationError) as refusal:
            verify_member_signature(suite_id, public_key, ledger_id, body, given, check_signature)
        assert refusal.value.reason == reason


def test_an_identical_repeat_does_nothing() -> None:
    book = Book()
    assert book.act(registration())
    assert not book.act(registration())
    assert book.standing() == {"key-1"}


def test_revisions_rise_by_one() -> None:
    book = Book()
    book.refuses(Reason.REVISION_CONFLICT, registration(2))
    book.act(registration())
    book.refuses(Reason.REVISION_CONFLICT, registration(3))
    book.refuses(Reason.REVISION_CONFLICT, registration(1, TWO))


def test_a_key_is_revoked_by_leaving_it_out() -> None:
    book = Book()
    book.act(registration(1, ONE, TWO))
    book.act(registration(2, TWO, THREE))
    assert book.standing() == {"key-2", "key-3"}
    assert book.keys["key-1"].revoked


def test_a_revoked_key_does_not_return_under_any_id() -> None:
    book = Book()
    book.act(registration(1, ONE, TWO))
    book.act(registration(2, TWO))
    book.refuses(Reason.INVALID_PUBLIC_KEY, registration(3, TWO, ONE))
    renamed = MemberKey(key_id="key-9", suite=ONE.suite, public_key=ONE.public_key)
    book.refuses(Reason.INVALID_PUBLIC_KEY, registration(3, TWO, renamed))


def test_a_key_id_names_one_key_for_ever() -> None:
    book = Book()
    book.act(registration(1, ONE))
    other = MemberKey(key_id="key-1", suite=TWO.suite, public_key=TWO.public_key)
    book.refuses(Reason.INVALID_PUBLIC_KEY, registration(2, other))
    swapped = (
        MemberKey(key_id="key-1", suite=TWO.suite, public_key=TWO.public_key),
        MemberKey(key_id="key-2", suite=ONE.suite, public_key=ONE.public_key),
    )
    book.act(registration(2, ONE, TWO))
    book.refuses(Reason.INVALID_PUBLIC_KEY, registration(3, *swapped))


def test_a_revoked_member_keeps_no_key_and_comes_back_with_new_ones() -> None:
    book = Book()
    book.act(registration())
    book.act(revoked())
    assert book.standing() == set()
    book.refuses(Reason.INVALID_PUBLIC_KEY, registration(3, ONE))
    book.act(registration(3, TWO))
    assert book.standing() == {"key-2"}


@pytest.mark.parametrize("text", ["a", "oocl-hk", "a" * 63, "a1"])
def test_member_ids_are_labels(text: str) -> None:
    assert require_member_id(text) == text
    assert require_key_id(text) == text


@pytest.mark.parametrize("text", ["", "-a", "a-", "a_b", "A", "a" * 65, "a\n", "\uff41", "a.", "á"])
def test_other_ids_are_refused(text: str) -> None:
    for require in (require_member_id, require_key_id):
        if require is require_key_id and text == "a_b":
            continue
        with pytest.raises(DecodeError) as refusal:
            require(text)
        assert refusal.value.reason == Reason.INVALID_IDENTIFIER
