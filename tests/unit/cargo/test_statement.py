"""Statements and payloads at the door: every field's form, versions and acts, digests and signatures."""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.cargo import statement as rules
from bridge.cargo.statement import (
    decode_payload,
    decode_statement,
    record_key_digest,
    statement_digest,
    statement_sign_bytes,
    verify_statement_signature,
)
from bridge.crypto.keys import generate_signer
from bridge.crypto.signing import Domain, sign_bytes
from bridge.crypto.suites import check_signature, suite
from bridge.errors import BridgeError, DecodeError, LimitError, Reason, VerificationError
from bridge.v1.cargo_pb2 import RecordPayload, Statement
from bridge.v1.identifier_pb2 import Identifier, Name
from bridge.wire import encode
from tests.unit.cargo.statements import full_statement, identifier

Change = Callable[[Statement], object]


def changed(change: Change) -> bytes:
    statement = full_statement()
    change(statement)
    return encode(statement)


def second(statement: Statement) -> None:
    statement.version, statement.act, statement.previous_digest = 2, 2, bytes(32)


def test_a_full_statement_is_taken_as_it_is() -> None:
    statement = full_statement()
    assert decode_statement(encode(statement)) == statement


def test_a_later_version_names_its_predecessor() -> None:
    for act in (2, 3):

        def later(statement: Statement, act: int = act) -> None:
            second(statement)
            statement.act = act  # type: ignore[assignment]

        assert decode_statement(changed(later)).version == 2


def test_a_statement_with_empty_facts_passes() -> None:
    def bare(statement: Statement) -> None:
        statement.facts.Clear()
        statement.facts.SetInParent()

    assert not decode_statement(changed(bare)).facts.parties


@pytest.mark.parametrize("text", ["2026-02-28", "2024-02-29", "2026-05-01T00:00:00Z", "2026-06-30T23:59:60Z"])
def test_dates_of_rfc_3339_pass(text: str) -> None:
    assert decode_statement(changed(lambda s: setattr(s.facts.dates[0], "text", text)))


REFUSALS: list[tuple[str, Change, Reason]] = [
    ("no ledger", lambda s: s.ClearField("ledger_id"), Reason.INVALID_IDENTIFIER),
    ("ledger with a slash", lambda s: setattr(s, "ledger_id", "hk/1"), Reason.INVALID_IDENTIFIER),
    ("ledger one too long", lambda s: setattr(s, "ledger_id", "h" * 51), Reason.INVALID_IDENTIFIER),
    ("no key", lambda s: s.ClearField("key"), Reason.INVALID_IDENTIFIER),
    ("issuer in no issuer's scheme", lambda s: setattr(s.key, "issuer_scheme", "imo"), Reason.INVALID_IDENTIFIER),
    ("issuer in no scheme", lambda s: setattr(s.key, "issuer_scheme", "smdg"), Reason.INVALID_IDENTIFIER),
    ("issuer in lower case", lambda s: setattr(s.key, "issuer", "ool"), Reason.INVALID_IDENTIFIER),
    ("no type", lambda s: s.key.ClearField("type"), Reason.INVALID_FIELD),
    ("type of the future", lambda s: setattr(s.key, "type", 99), Reason.INVALID_FIELD),
    ("no reference", lambda s: s.key.ClearField("reference"), Reason.INVALID_IDENTIFIER),
    ("reference one too long", lambda s: setattr(s.key, "reference", "R" * 101), Reason.INVALID_IDENTIFIER),
    ("reference in full width", lambda s: setattr(s.key, "reference", "ＯＯＬ1"), Reason.INVALID_IDENTIFIER),
    ("reference with NUL", lambda s: setattr(s.key, "reference", "OOL\x001"), Reason.INVALID_IDENTIFIER),
    ("sub-reference of a space", lambda s: setattr(s.key, "sub_reference", " "), Reason.INVALID_IDENTIFIER),
    ("version 0", lambda s: s.ClearField("version"), Reason.INVALID_FIELD),
    ("version beyond every store", lambda s: (second(s), setattr(s, "version", 2**31)), Reason.INVALID_FIELD),
    ("no act", lambda s: s.ClearField("act"), Reason.INVALID_FIELD),
    ("act of the future", lambda s: setattr(s, "act", 4), Reason.INVALID_FIELD),
    ("version 1 that amends", lambda s: setattr(s, "act", 2), Reason.INVALID_FIELD),
    ("version 2 that issues", lambda s: (second(s), setattr(s, "act", 1)), Reason.INVALID_FIELD),
    ("version 1 with a predecessor", lambda s: setattr(s, "previous_digest", bytes(32)), Reason.INVALID_FIELD),
    ("version 2 without", lambda s: (second(s), s.ClearField("previous_digest")), Reason.INVALID_FIELD),
    ("short predecessor", lambda s: (second(s), setattr(s, "previous_digest", bytes(31))), Reason.INVALID_FIELD),
    ("no root", lambda s: s.ClearField("document_root"), Reason.INVALID_FIELD),
    ("long root", lambda s: setattr(s, "document_root", bytes(33)), Reason.INVALID_FIELD),
    ("no leaves", lambda s: s.ClearField("document_leaf_count"), Reason.LIMIT_EXCEEDED),
    ("a leaf too many", lambda s: setattr(s, "document_leaf_count", 4_001), Reason.LIMIT_EXCEEDED),
    ("no member", lambda s: s.ClearField("issuer_member_id"), Reason.INVALID_IDENTIFIER),
    ("member in capitals", lambda s: setattr(s, "issuer_member_id", "OOCL"), Reason.INVALID_IDENTIFIER),
    ("no key id", lambda s: s.ClearField("issuer_key_id"), Reason.INVALID_IDENTIFIER),
    ("key id with a path", lambda s: setattr(s, "issuer_key_id", "../key"), Reason.INVALID_IDENTIFIER),
    ("no time", lambda s: s.ClearField("issue_time"), Reason.FIELD_REQUIRED),
    ("time before 1970", lambda s: setattr(s.issue_time, "seconds", -1), Reason.INVALID_FIELD),
    ("nanoseconds of a second", lambda s: setattr(s.issue_time, "nanos", 10**9), Reason.INVALID_FIELD),
    ("no legal basis", lambda s: s.ClearField("legal_basis"), Reason.INVALID_FIELD),
    ("basis of the future", lambda s: setattr(s.legal_basis, "kind", 9), Reason.INVALID_FIELD),
    ("no citation", lambda s: s.legal_basis.ClearField("citation"), Reason.INVALID_FIELD),
    ("citation one too long", lambda s: setattr(s.legal_basis, "citation", "c" * 201), Reason.INVALID_FIELD),
    ("no facts", lambda s: s.ClearField("facts"), Reason.FIELD_REQUIRED),
    ("party without role", lambda s: s.facts.parties[0].ClearField("role"), Reason.INVALID_FIELD),
    ("role in camel case", lambda s: setattr(s.facts.parties[0], "role", "issuingParty"), Reason.INVALID_FIELD),
    ("nameless party", lambda s: s.facts.parties.add(role="notify-party"), Reason.FIELD_REQUIRED),
    ("name in no script", lambda s: setattr(s.facts.parties[0].names[0], "script", "Hani"), Reason.INVALID_FIELD),
    (
        "name in NFD",
        lambda s: s.facts.parties[0].names.append(Name(script="Latn", text=unicodedata.normalize("NFD", "Compañía"))),
        Reason.INVALID_FIELD,
    ),
    (
        "wrong USCC",
        lambda s: setattr(s.facts.parties[1].identifiers[0], "value", "91110000600037341M"),
        Reason.CHECK_DIGIT_WRONG,
    ),
    (
        "wrong LEI",
        lambda s: s.facts.parties[0].identifiers.append(identifier("lei", "529900T8BM49ADCSAO55")),
        Reason.CHECK_DIGIT_WRONG,
    ),
    ("unknown scheme", lambda s: setattr(s.facts.equipment[0], "scheme", "box"), Reason.SCHEME_UNKNOWN),
    ("place without role", lambda s: s.facts.places[0].ClearField("role"), Reason.INVALID_FIELD),
    ("place without name", lambda s: s.facts.places.add(role="port-of-call"), Reason.FIELD_REQUIRED),
    (
        "place with a bad code",
        lambda s: setattr(s.facts.places[0].identifier, "value", "HKG"),
        Reason.INVALID_IDENTIFIER,
    ),
    ("place name with bidi", lambda s: setattr(s.facts.places[2], "name", "a\u202eb"), Reason.INVALID_FIELD),
    ("vessel one too long", lambda s: setattr(s.facts, "vessel_name", "v" * 51), Reason.INVALID_FIELD),
    ("voyage with zero width", lambda s: setattr(s.facts, "voyage", "02\u200b3E"), Reason.INVALID_FIELD),
    ("empty equipment", lambda s: s.facts.equipment.append(Identifier()), Reason.SCHEME_UNKNOWN),
    (
        "container in lower case",
        lambda s: setattr(s.facts.equipment[0], "value", "csqu3054383"),
        Reason.INVALID_IDENTIFIER,
    ),
    ("date without meaning", lambda s: s.facts.dates[0].ClearField("meaning"), Reason.INVALID_FIELD),
    ("30 February", lambda s: setattr(s.facts.dates[0], "text", "2026-02-30"), Reason.INVALID_FIELD),
    ("time without offset", lambda s: setattr(s.facts.dates[0], "text", "2026-02-20T10:00:00"), Reason.INVALID_FIELD),
    ("hour 24", lambda s: setattr(s.facts.dates[0], "text", "2026-02-20T24:00:00Z"), Reason.INVALID_FIELD),
    ("date in full width", lambda s: setattr(s.facts.dates[0], "text", "２026-02-20"), Reason.INVALID_FIELD),
]


@pytest.mark.parametrize(("change", "reason"), [case[1:] for case in REFUSALS], ids=[case[0] for case in REFUSALS])
def test_one_wrong_field_refuses(change: Change, reason: Reason) -> None:
    data = changed(change)
    for _ in range(2):  # A refusal is never remembered as a success.
        with pytest.raises(DecodeError) as refusal:
            decode_statement(data)
        assert refusal.value.reason == reason


LISTS: dict[str, tuple[int, Callable[[Statement], Any]]] = {
    "parties": (rules.MAX_PARTIES, lambda s: s.facts.parties),
    "names": (rules.MAX_NAMES, lambda s: s.facts.parties[0].names),
    "identifiers": (rules.MAX_PARTY_IDENTIFIERS, lambda s: s.facts.parties[0].identifiers),
    "places": (rules.MAX_PLACES, lambda s: s.facts.places),
    "vessels": (rules.MAX_VESSEL_IDENTIFIERS, lambda s: s.facts.vessel_identifiers),
    "equipment": (rules.MAX_EQUIPMENT, lambda s: s.facts.equipment),
    "commodities": (rules.MAX_COMMODITY_CODES, lambda s: s.facts.commodity_codes),
    "dates": (rules.MAX_DATES, lambda s: s.facts.dates),
    "references": (rules.MAX_REFERENCES, lambda s: s.facts.references),
}


@pytest.mark.parametrize(("most", "pick"), LISTS.values(), ids=LISTS.keys())
def test_each_list_has_a_limit(most: int, pick: Callable[[Statement], Any]) -> None:
    statement = full_statement()
    entries = pick(statement)
    entries.extend([entries[0]] * (most - len(entries)))
    assert len(pick(decode_statement(encode(statement)))) == most
    entries.append(entries[0])
    with pytest.raises(LimitError) as refusal:
        decode_statement(encode(statement))
    assert refusal.value.reason == Reason.LIMIT_EXCEEDED


def test_an_oversized_statement_is_refused_before_it_is_read() -> None:
    with pytest.raises(LimitError) as refusal:
        decode_statement(bytes(rules.MAX_STATEMENT_BYTES + 1))
    assert refusal.value.reason == Reason.LIMIT_EXCEEDED


@pytest.mark.parametrize("tail", [b"\x98\x06\x01", b"\x18\x01", b"\x00", b"\xff"])
def test_unknown_fields_and_second_spellings_are_refused(tail: bytes) -> None:
    with pytest.raises(DecodeError) as refusal:
        decode_statement(encode(full_statement()) + tail)
    assert refusal.value.reason == Reason.MALFORMED_MESSAGE


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_flipped_byte_refuses_or_reads_as_another_statement(at: int, flip: int) -> None:
    data = bytearray(encode(full_statement()))
    data[at % len(data)] ^= flip
    try:
        statement = decode_statement(bytes(data))
    except BridgeError:
        return
    assert encode(statement) == bytes(data)
    assert statement != full_statement()


def payload_of(statement: bytes, signature: bytes = b"s" * 64, home_record_id: str = "") -> RecordPayload:
    return RecordPayload(statement=statement, signature=signature, home_record_id=home_record_id)


def test_a_payload_with_both_parts_passes() -> None:
    payload = payload_of(encode(full_statement()), home_record_id="HKCB-2026-000000042")
    assert decode_payload(encode(payload)) == payload


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"statement": b""}, Reason.FIELD_REQUIRED),
        ({"signature": b""}, Reason.FIELD_REQUIRED),
        ({"signature": b"s" * 97}, Reason.LIMIT_EXCEEDED),
        ({"home_record_id": "HKCB-26-1"}, Reason.INVALID_IDENTIFIER),
    ],
)
def test_a_payload_with_a_wrong_part_is_refused(fields: dict[str, Any], reason: Reason) -> None:
    with pytest.raises(DecodeError) as refusal:
        decode_payload(encode(payload_of(**{"statement": b"statement", **fields})))
    assert refusal.value.reason == reason


def test_digests_depend_on_every_part_and_on_the_suite() -> None:
    sha, sm3 = suite("sha256-ed25519"), suite("sm3-sm2")
    key = full_statement().key
    other = full_statement().key
    other.sub_reference = "Version_2"
    assert record_key_digest(sha, key) == sha.hash(encode(key))
    assert len({record_key_digest(sha, key), record_key_digest(sm3, key), record_key_digest(sha, other)}) == 3
    assert statement_digest(sha, encode(full_statement())) == sha.hash(encode(full_statement()))


@pytest.mark.parametrize("suite_id", ["sha256-ed25519", "sm3-sm2", "sha256-p256"])
def test_a_signature_holds_for_its_bytes_ledger_key_and_domain_only(suite_id: str) -> None:
    signer, other = generate_signer(suite_id), generate_signer(suite_id)
    body = encode(full_statement())
    signature = signer.sign(statement_sign_bytes("hk-trade-1", body))
    payload = payload_of(body, signature=signature)
    assert verify_statement_signature(suite_id, signer.public_key, "hk-trade-1", payload, check_signature) == body
    for key, ledger_id, wrong in (
        (other.public_key, "hk-trade-1", payload),
        (signer.public_key, "sh-trade-1", payload),
        (signer.public_key, "hk-trade-1", payload_of(body + b" ", signature=signature)),
        (signer.public_key, "hk-trade-1", payload_of(body, signature=signer.sign(body))),
        (
            signer.public_key,
            "hk-trade-1",
            payload_of(body, signature=signer.sign(sign_bytes(Domain.MAPPING, "hk-trade-1", body))),
        ),
    ):
        with pytest.raises(VerificationError) as refusal:
            verify_statement_signature(suite_id, key, ledger_id, wrong, check_signature)
        assert refusal.value.reason == Reason.SIGNATURE_INVALID


def test_memories_stay_bounded() -> None:
    for serial in range(rules.CHECKED_FORMS + 10):
        rules._PARTIES.add(serial.to_bytes(4, "big"))
    assert len(rules._PARTIES._forms) <= rules.CHECKED_FORMS
    rules._PARTIES.add(bytes(rules.MAX_CHECKED_BYTES + 1))
    assert bytes(rules.MAX_CHECKED_BYTES + 1) not in rules._PARTIES


def test_decoding_stays_cheap() -> None:
    """A statement is decoded at every hop; the bound is twenty times what it takes, to hold on any machine."""
    data = encode(full_statement())
    decode_statement(data)
    start = time.process_time_ns()
    for _ in range(1_000):
        decode_statement(data)
    assert (time.process_time_ns() - start) / 1_000 < 500_000
