"""Mappings: form, signature, one to one, revisions that only rise, replays and both authorities at work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.cargo.mapping import (
    COUNTERPARTY_SIDE,
    HOME_SIDE,
    MappingHalf,
    decode_mapping,
    decode_signed_mapping,
    mapping_sign_bytes,
    plan_mapping,
    verify_mapping_signature,
)
from bridge.crypto.keys import generate_signer
from bridge.crypto.signing import Domain, sign_bytes
from bridge.crypto.suites import check_signature
from bridge.errors import AlreadyExistsError, BridgeError, DecodeError, NotFoundError, Reason, VerificationError
from bridge.v1.identifier_pb2 import (
    MAPPING_STATE_REGISTERED,
    MAPPING_STATE_REVOKED,
    Identifier,
    Mapping,
    MappingState,
    SignedMapping,
)
from bridge.wire import encode, timestamp_of

A, A2 = ("hk-ubi", "12345678"), ("hk-ubi", "87654321")
B, B2 = ("uscc", "91110000600037341L"), ("uscc", "9144030071526726XG")
CLIENT = "sh-0"


def mapping(
    home: tuple[str, str] = A,
    counterparty: tuple[str, str] = B,
    revision: int = 1,
    state: MappingState.ValueType = MAPPING_STATE_REGISTERED,
    ledger_id: str = "hk-trade-1",
    at: int = 1_780_000_000_000_000_000,
) -> Mapping:
    return Mapping(
        ledger_id=ledger_id,
        revision=revision,
        state=state,
        home=Identifier(scheme=home[0], value=home[1]),
        counterparty=Identifier(scheme=counterparty[0], value=counterparty[1]),
        registration_time=timestamp_of(at),
    )


class Book:
    """The rows of one ledger, written as the application writes them."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str, str], MappingHalf] = {}

    def act(self, act: Mapping, origin: str = "") -> int:
        halves = plan_mapping(act, lambda *key: self.rows.get(key), origin=origin)
        self.rows.update({(half.side, half.scheme, half.value): half for half in halves})
        return len(halves)

    def resolves(self, side: str, pair: tuple[str, str]) -> tuple[str, str] | None:
        half = self.rows.get((side, *pair))
        return (half.other_scheme, half.other_value) if half and half.state == MAPPING_STATE_REGISTERED else None

    def refuses(self, kind: type[BridgeError], reason: Reason, act: Mapping, origin: str = "") -> None:
        before = dict(self.rows)
        with pytest.raises(kind) as refusal:
            self.act(act, origin)
        assert refusal.value.reason == reason
        assert self.rows == before


@pytest.mark.parametrize(
    ("home", "counterparty"),
    [
        (A, B),
        (("hs8-hk", "85171300"), ("hs10-cn", "8517130000")),
        (("member", "oocl"), ("lei", "213800KUD8LAJWSQ9D15")),
    ],
)
def test_a_mapping_between_things_of_one_kind_passes(home: tuple[str, str], counterparty: tuple[str, str]) -> None:
    body = encode(mapping(home, counterparty))
    assert encode(decode_mapping(body)) == body


REFUSALS: list[tuple[str, Callable[[Mapping], object], Reason]] = [
    ("no ledger", lambda m: m.ClearField("ledger_id"), Reason.INVALID_IDENTIFIER),
    ("revision 0", lambda m: m.ClearField("revision"), Reason.INVALID_FIELD),
    ("revision beyond every store", lambda m: setattr(m, "revision", 2**31), Reason.INVALID_FIELD),
    ("no state", lambda m: m.ClearField("state"), Reason.INVALID_FIELD),
    ("state of the future", lambda m: setattr(m, "state", 7), Reason.INVALID_FIELD),
    ("no time", lambda m: m.ClearField("registration_time"), Reason.FIELD_REQUIRED),
    ("time before 1970", lambda m: setattr(m.registration_time, "seconds", -5), Reason.INVALID_FIELD),
    ("no home", lambda m: m.ClearField("home"), Reason.SCHEME_UNKNOWN),
    ("no counterparty", lambda m: m.ClearField("counterparty"), Reason.SCHEME_UNKNOWN),
    ("wrong check digit", lambda m: setattr(m.counterparty, "value", "91110000600037341M"), Reason.CHECK_DIGIT_WRONG),
    ("spaces", lambda m: setattr(m.home, "value", "1234 5678"), Reason.INVALID_IDENTIFIER),
    ("full width", lambda m: setattr(m.home, "value", "１２３４５６７８"), Reason.INVALID_IDENTIFIER),
    ("to itself", lambda m: m.counterparty.CopyFrom(m.home), Reason.INVALID_FIELD),
    (
        "a firm and a box",
        lambda m: m.counterparty.CopyFrom(Identifier(scheme="iso6346", value="CSQU3054383")),
        Reason.INVALID_FIELD,
    ),
    (
        "two different goods",
        lambda m: m.CopyFrom(mapping(("hs8-hk", "85171300"), ("hs10-cn", "8517140000"))),
        Reason.INVALID_FIELD,
    ),
]


@pytest.mark.parametrize(("change", "reason"), [case[1:] for case in REFUSALS], ids=[case[0] for case in REFUSALS])
def test_one_wrong_field_refuses(change: Callable[[Mapping], object], reason: Reason) -> None:
    wrong = mapping()
    change(wrong)
    with pytest.raises(DecodeError) as refusal:
        decode_mapping(encode(wrong))
    assert refusal.value.reason == reason


@pytest.mark.parametrize(
    ("signed", "reason"),
    [
        (SignedMapping(mapping=b"m"), Reason.FIELD_REQUIRED),
        (SignedMapping(signature=b"s"), Reason.FIELD_REQUIRED),
        (SignedMapping(mapping=b"m", signature=b"s" * 97), Reason.LIMIT_EXCEEDED),
        (SignedMapping(mapping=b"m" * 2_000, signature=b"s"), Reason.LIMIT_EXCEEDED),
    ],
)
def test_a_signed_mapping_needs_both_parts_in_bounds(signed: SignedMapping, reason: Reason) -> None:
    with pytest.raises(DecodeError) as refusal:
        decode_signed_mapping(encode(signed))
    assert refusal.value.reason == reason


def test_bytes_that_do_not_round_trip_are_refused() -> None:
    for data in (encode(mapping()) + b"\x98\x06\x01", encode(mapping()) + b"\x10\x01", b"\xff"):
        with pytest.raises(DecodeError) as refusal:
            decode_mapping(data)
        assert refusal.value.reason == Reason.MALFORMED_MESSAGE


@pytest.mark.parametrize("suite_id", ["sha256-ed25519", "sm3-sm2"])
def test_only_the_ledgers_own_authority_signs_its_mappings(suite_id: str) -> None:
    signer, other = generate_signer(suite_id), generate_signer(suite_id)
    body = encode(mapping())
    signed = SignedMapping(mapping=body, signature=signer.sign(mapping_sign_bytes("hk-trade-1", body)))
    read, signature = decode_signed_mapping(encode(signed))
    verified = verify_mapping_signature(suite_id, signer.public_key, "hk-trade-1", read, signature, check_signature)
    assert verified == mapping()
    member_signature = signer.sign(sign_bytes(Domain.MEMBER, "hk-trade-1", body))
    for key, ledger_id, given_signature, reason in (
        (other.public_key, "hk-trade-1", signature, Reason.SIGNATURE_INVALID),
        (signer.public_key, "hk-trade-1", member_signature, Reason.SIGNATURE_INVALID),
        (signer.public_key, "sh-trade-1", signature, Reason.LEDGER_ID_MISMATCH),
    ):
        with pytest.raises(VerificationError) as refusal:
            verify_mapping_signature(suite_id, key, ledger_id, body, given_signature, check_signature)
        assert refusal.value.reason == reason


def test_a_mapping_is_stored_in_both_directions_on_both_sides() -> None:
    home, away = Book(), Book()
    assert home.act(mapping()) == 2
    assert away.act(mapping(), CLIENT) == 2
    assert home.resolves(HOME_SIDE, A) == B
    assert home.resolves(COUNTERPARTY_SIDE, B) == A
    assert away.resolves(COUNTERPARTY_SIDE, A) == B
    assert away.resolves(HOME_SIDE, B) == A


def test_an_identical_repeat_does_nothing() -> None:
    book = Book()
    book.act(mapping())
    before = dict(book.rows)
    assert book.act(mapping()) == 0
    assert book.rows == before


def test_neither_identifier_is_mapped_twice() -> None:
    book = Book()
    book.act(mapping())
    book.refuses(AlreadyExistsError, Reason.MAPPING_CONFLICT, mapping(A, B2, revision=2))
    book.refuses(AlreadyExistsError, Reason.MAPPING_CONFLICT, mapping(A2, B, revision=2))


def test_a_conflict_holds_across_both_authorities() -> None:
    book = Book()
    book.act(mapping())
    book.refuses(
        AlreadyExistsError, Reason.MAPPING_CONFLICT, mapping(B, A2, revision=2, ledger_id="sh-trade-1"), CLIENT
    )
    book.refuses(
        AlreadyExistsError, Reason.MAPPING_CONFLICT, mapping(B2, A, revision=2, ledger_id="sh-trade-1"), CLIENT
    )


@pytest.mark.parametrize("revision", [2, 3])
def test_the_first_revision_is_one(revision: int) -> None:
    Book().refuses(AlreadyExistsError, Reason.REVISION_CONFLICT, mapping(revision=revision))


def test_the_same_revision_with_other_bytes_is_refused() -> None:
    book = Book()
    book.act(mapping())
    book.refuses(AlreadyExistsError, Reason.REVISION_CONFLICT, mapping(at=1_780_000_000_000_000_001))


def test_revoking_frees_both_and_history_goes_on() -> None:
    book = Book()
    book.act(mapping())
    book.act(mapping(revision=2, state=MAPPING_STATE_REVOKED))
    assert book.resolves(HOME_SIDE, A) is None
    assert book.resolves(COUNTERPARTY_SIDE, B) is None
    book.act(mapping(revision=3))
    assert book.resolves(HOME_SIDE, A) == B


def test_only_what_stands_is_revoked() -> None:
    book = Book()
    book.refuses(NotFoundError, Reason.MAPPING_NOT_FOUND, mapping(state=MAPPING_STATE_REVOKED))
    book.act(mapping())
    book.refuses(NotFoundError, Reason.MAPPING_NOT_FOUND, mapping(A, B2, 2, MAPPING_STATE_REVOKED))
    book.act(mapping(revision=2, state=MAPPING_STATE_REVOKED))
    book.refuses(NotFoundError, Reason.MAPPING_NOT_FOUND, mapping(revision=3, state=MAPPING_STATE_REVOKED))


def test_old_bytes_are_never_played_again_even_after_both_moved_on() -> None:
    book = Book()
    first = mapping()
    book.act(first)
    book.act(mapping(revision=2, state=MAPPING_STATE_REVOKED))
    book.refuses(AlreadyExistsError, Reason.REVISION_CONFLICT, first)
    book.act(mapping(A, B2, revision=3))
    book.act(mapping(A, B2, 4, MAPPING_STATE_REVOKED))
    book.act(mapping(A2, B, revision=3))
    book.act(mapping(A2, B, 4, MAPPING_STATE_REVOKED))
    book.refuses(AlreadyExistsError, Reason.REVISION_CONFLICT, first)
    book.refuses(AlreadyExistsError, Reason.REVISION_CONFLICT, mapping(A, B2, revision=3))
    book.act(mapping(revision=5))
    assert book.resolves(HOME_SIDE, A) == B


def test_both_authorities_may_say_the_same_and_the_first_stands() -> None:
    book = Book()
    book.act(mapping())
    before = dict(book.rows)
    assert book.act(mapping(B, A, ledger_id="sh-trade-1"), CLIENT) == 0
    assert book.rows == before


def test_only_the_authority_that_registered_revokes() -> None:
    book = Book()
    book.act(mapping())
    theirs = mapping(B, A, 2, MAPPING_STATE_REVOKED, ledger_id="sh-trade-1")
    book.refuses(AlreadyExistsError, Reason.MAPPING_CONFLICT, theirs, CLIENT)
    book.act(mapping(revision=2, state=MAPPING_STATE_REVOKED))
    assert book.act(mapping(B, A, revision=3, ledger_id="sh-trade-1"), CLIENT) == 2


ACTS = st.tuples(
    st.sampled_from([A, A2]),
    st.sampled_from([B, B2]),
    st.integers(1, 6),
    st.sampled_from([MAPPING_STATE_REGISTERED, MAPPING_STATE_REVOKED]),
    st.booleans(),
)


@given(st.lists(ACTS, max_size=30))
def test_whatever_comes_mappings_stay_one_to_one_and_revisions_rise(
    acts: list[tuple[tuple[str, str], tuple[str, str], int, MappingState.ValueType, bool]],
) -> None:
    book = Book()
    for ours, theirs, revision, state, relayed in acts:
        before = dict(book.rows)
        act = mapping(*((theirs, ours) if relayed else (ours, theirs)), revision, state)
        try:
            book.act(act, CLIENT if relayed else "")
        except BridgeError:
            assert book.rows == before
        for key, half in book.rows.items():
            old = before.get(key, half)
            released = replace(old, state=MAPPING_STATE_REVOKED)
            assert half in (old, released) or half.revision > old.revision
        for pair in (A, A2):
            found = book.resolves(HOME_SIDE, pair)
            assert found is None or book.resolves(COUNTERPARTY_SIDE, found) == pair
        for pair in (B, B2):
            found = book.resolves(COUNTERPARTY_SIDE, pair)
            assert found is None or book.resolves(HOME_SIDE, found) == pair


def test_a_revocation_that_comes_first_is_kept_and_the_late_registration_changes_nothing() -> None:
    away = Book()
    away.act(mapping(revision=2, state=MAPPING_STATE_REVOKED), CLIENT)
    assert away.act(mapping(revision=1), CLIENT) == 0
    assert away.resolves(HOME_SIDE, B) is None


def test_a_counterparty_that_was_paired_late_takes_the_newest_revision() -> None:
    away = Book()
    assert away.act(mapping(revision=7), CLIENT) == 2
    assert away.resolves(HOME_SIDE, B) == A


def test_relayed_acts_never_overwrite_what_this_authority_wrote() -> None:
    away = Book()
    away.act(mapping(B, A2, ledger_id="sh-trade-1"))
    theirs = mapping(A, B, revision=9)
    away.refuses(AlreadyExistsError, Reason.MAPPING_CONFLICT, theirs, CLIENT)
    away.refuses(AlreadyExistsError, Reason.MAPPING_CONFLICT, mapping(A, B, 9, MAPPING_STATE_REVOKED), CLIENT)
    away.act(mapping(B, A2, 2, MAPPING_STATE_REVOKED, ledger_id="sh-trade-1"))
    away.refuses(AlreadyExistsError, Reason.REVISION_CONFLICT, mapping(A, B, revision=2), CLIENT)
    assert away.act(theirs, CLIENT) == 2


def test_one_relayed_revision_has_one_content() -> None:
    away = Book()
    away.act(mapping(), CLIENT)
    away.refuses(AlreadyExistsError, Reason.REVISION_CONFLICT, mapping(at=1_780_000_000_000_000_001), CLIENT)


def test_an_identifier_that_moved_on_leaves_the_former_one_free() -> None:
    away = Book()
    away.act(mapping(), CLIENT)
    away.act(mapping(A, B2, revision=3), CLIENT)
    assert away.resolves(HOME_SIDE, B) is None
    away.act(mapping(revision=2, state=MAPPING_STATE_REVOKED), CLIENT)
    assert away.resolves(HOME_SIDE, B2) == A
    assert away.resolves(COUNTERPARTY_SIDE, A) == B2


@given(st.lists(ACTS, max_size=30), st.randoms(use_true_random=False))
def test_relayed_acts_converge_in_any_order(
    acts: list[tuple[tuple[str, str], tuple[str, str], int, MappingState.ValueType, bool]], order: Random
) -> None:
    home, away = Book(), Book()
    sent = []
    for ours, theirs, revision, state, _ in acts:
        act = mapping(ours, theirs, revision, state)
        try:
            home.act(act)
        except BridgeError:
            continue
        sent.append(act)
    order.shuffle(sent)
    for act in sent:
        away.act(act, CLIENT)
    for pair in (A, A2):
        assert away.resolves(COUNTERPARTY_SIDE, pair) == home.resolves(HOME_SIDE, pair)
    for pair in (B, B2):
        assert away.resolves(HOME_SIDE, pair) == home.resolves(COUNTERPARTY_SIDE, pair)
