"""Preparing a record version and checking it against its document, for both suites."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from bridge.cargo.disclosure import disclose, verify_disclosure
from bridge.cargo.document import load_document
from bridge.cargo.leaves import document_root
from bridge.cargo.policies import STANDARD
from bridge.cargo.prepare import Issuer, PreparedRecord, check_document, prepare_record
from bridge.cargo.statement import decode_payload, decode_statement, verify_statement_signature
from bridge.clock import Nanos
from bridge.crypto.keys import generate_signer
from bridge.crypto.suites import check_signature, suite
from bridge.errors import BridgeError, DecodeError, Reason, VerificationError
from bridge.v1.cargo_pb2 import Disclosure, LegalBasis, LegalBasisKind, RecordAct, RecordKey, RecordType, Statement
from tests.unit.cargo.documents import DOCUMENTS, sample, to_bytes

BOL = RecordType.RECORD_TYPE_BILL_OF_LADING
BOOKING = RecordType.RECORD_TYPE_BOOKING
SEED = b"\x21" * 32
BASIS = LegalBasis(kind=LegalBasisKind.LEGAL_BASIS_KIND_STATUTE, citation="PRC Maritime Code 2025 ch. IV s. 5")
NOW = Nanos(1_777_700_000_000_000_000)


def issuer(suite_id: str = "sha256-ed25519") -> Issuer:
    return Issuer("hk-trade-1", suite(suite_id), "carrier-1", "key-1", generate_signer(suite_id))


ISSUER = issuer()


def prepare(document: bytes, record_type: int = BOL, by: Issuer = ISSUER, **changes: Any) -> PreparedRecord:
    arguments: dict[str, Any] = {
        "issuer": by,
        "seed": SEED,
        "allowed": STANDARD.allowing(record_type),
        "issue_time": NOW,
        "legal_basis": BASIS,
    }
    return prepare_record(document, record_type, **(arguments | changes))


def check(record: PreparedRecord, **changes: Any) -> object:
    payload = decode_payload(record.payload)
    statement = decode_statement(payload.statement)
    arguments: dict[str, Any] = {
        "document": record.document,
        "seed": record.seed,
        "statement": statement,
        "disclosure": payload.disclosure,
        "suite": ISSUER.suite,
        "allowed": STANDARD.allowing(statement.key.type),
    } | changes
    return check_document(
        arguments.pop("document"),
        arguments.pop("seed"),
        arguments.pop("statement"),
        arguments.pop("disclosure"),
        **arguments,
    )


def refusal(record: PreparedRecord, **changes: Any) -> BridgeError:
    with pytest.raises(BridgeError) as caught:
        check(record, **changes)
    return caught.value


@pytest.mark.parametrize("suite_id", ["sha256-ed25519", "sm3-sm2"])
@pytest.mark.parametrize("record_type", sorted(DOCUMENTS))
def test_every_type_is_prepared_signed_proven_and_checked(record_type: int, suite_id: str) -> None:
    by = issuer(suite_id)
    record = prepare(to_bytes(sample(record_type)), record_type, by)
    payload = decode_payload(record.payload)
    statement = decode_statement(payload.statement)
    verify_statement_signature(suite_id, by.signer.public_key, by.ledger_id, payload, check_signature)
    leaves = verify_disclosure(by.suite, statement.document_root, statement.document_leaf_count, payload.disclosure)
    assert leaves
    assert all(STANDARD.allows(record_type, leaf.pointer) for leaf in leaves)
    assert check(record, suite=by.suite) == ()
    assert record.digest == by.suite.hash(payload.statement)
    assert record.key == statement.key
    assert "seed" not in repr(record)


def test_a_later_version_names_the_one_before() -> None:
    first = prepare(to_bytes(sample(BOL)))
    second = prepare(
        to_bytes({**sample(BOL), "freightPaymentTermCode": "COL"}),
        version=2,
        previous_digest=first.digest,
        act=RecordAct.RECORD_ACT_AMENDED,
    )
    assert decode_statement(second.statement).previous_digest == first.digest
    assert second.key == first.key


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"version": 2}, Reason.INVALID_FIELD),
        ({"seed": b"short"}, Reason.INVALID_FIELD),
        ({"legal_basis": LegalBasis()}, Reason.INVALID_FIELD),
        ({"act": RecordAct.RECORD_ACT_VOIDED}, Reason.INVALID_FIELD),
    ],
)
def test_arguments_out_of_form_are_refused(changes: dict[str, Any], reason: Reason) -> None:
    with pytest.raises(DecodeError) as caught:
        prepare(to_bytes(sample(BOL)), **changes)
    assert caught.value.reason is reason


@pytest.mark.parametrize(
    ("document", "pointer", "reason"),
    [
        (b"{", "", Reason.DOCUMENT_INVALID),
        (b"{}", "/transportDocumentTypeCode", Reason.FIELD_REQUIRED),
        (to_bytes({**sample(BOL), "isToOrder": "no"}), "/isToOrder", Reason.INVALID_FIELD),
        (to_bytes({**sample(BOL), "carrierCode": "PEARL"}), "/carrierCode", Reason.INVALID_FIELD),
        (to_bytes({**sample(BOL), "carrierCode": "PDLX"}), "/carrierCode", Reason.INVALID_IDENTIFIER),
    ],
)
def test_a_refused_document_is_not_signed(document: bytes, pointer: str, reason: Reason) -> None:
    with pytest.raises(DecodeError) as caught:
        prepare(document)
    assert (caught.value.reason, caught.value.facts["pointer"]) == (reason, pointer)


def test_another_document_or_seed_leads_to_another_root() -> None:
    record = prepare(to_bytes(sample(BOL)))
    changed = to_bytes({**sample(BOL), "termsAndConditions": "None."})
    assert refusal(record, document=changed).reason is Reason.DOCUMENT_ROOT_MISMATCH
    assert refusal(record, seed=os.urandom(32)).reason is Reason.DOCUMENT_ROOT_MISMATCH
    more = to_bytes({**sample(BOL), "remark": "x"})
    assert refusal(record, document=more).reason is Reason.DOCUMENT_ROOT_MISMATCH


def test_white_space_is_no_part_of_a_document() -> None:
    record = prepare(to_bytes(sample(BOL)))
    assert check(record, document=json.dumps(sample(BOL), indent=2, ensure_ascii=False).encode()) == ()


def test_a_statement_with_other_facts_is_refused() -> None:
    record = prepare(to_bytes(sample(BOL)))
    statement = decode_statement(record.statement)
    statement.facts.vessel_name = "Pearl Dusk"
    error = refusal(record, statement=statement)
    assert (error.reason, error.facts["fields"]) == (Reason.FACTS_MISMATCH, "vessel_name")


def test_a_statement_under_another_number_is_refused() -> None:
    record = prepare(to_bytes(sample(BOL)))
    statement = decode_statement(record.statement)
    statement.key.reference = "PDLHKG26000018"
    error = refusal(record, statement=statement)
    assert (error.reason, error.facts["field"]) == (Reason.FACTS_MISMATCH, "key")
    with pytest.raises(VerificationError) as caught:
        prepare(to_bytes(sample(BOL)), key=statement.key)
    assert caught.value.reason is Reason.FACTS_MISMATCH


def test_a_disclosure_of_more_or_less_than_is_allowed_is_refused() -> None:
    record = prepare(to_bytes(sample(BOL)))
    tree = document_root(ISSUER.suite, SEED, load_document(record.document).leaves)
    less: Disclosure = disclose(ISSUER.suite, tree, lambda _: False)
    more = disclose(ISSUER.suite, tree, lambda _: True)
    for disclosure in (less, more):
        verify_disclosure(ISSUER.suite, tree.root, len(tree.leaves), disclosure)
        assert refusal(record, disclosure=disclosure).reason is Reason.DISCLOSURE_NOT_ALLOWED


def test_a_document_checked_as_another_type_is_refused() -> None:
    record = prepare(to_bytes(sample(BOL)))
    statement: Statement = decode_statement(record.statement)
    statement.key.type = RecordType.RECORD_TYPE_SEA_WAYBILL
    assert refusal(record, statement=statement).reason is Reason.INVALID_FIELD


def test_the_contact_persons_of_a_document_do_not_cross() -> None:
    record = prepare(to_bytes(sample(BOL)))
    assert b"Export desk" not in record.payload
    assert b"Harbour Lights" in record.payload


def without_number() -> dict[str, Any]:
    document = sample(BOOKING)
    del document["carrierBookingReference"]
    return document


def test_a_document_without_a_number_takes_the_one_its_member_gives() -> None:
    key = RecordKey(issuer_scheme="member", issuer="carrier-1", type=BOOKING, reference="REQ-1")
    record = prepare(to_bytes(without_number()), BOOKING, key=key)
    assert record.key == key
    assert check(record) == ()


@pytest.mark.parametrize(
    "key",
    [
        RecordKey(issuer_scheme="member", issuer="carrier-2", type=BOOKING, reference="REQ-1"),
        RecordKey(issuer_scheme="smdg-carrier", issuer="PDL", type=BOOKING, reference="REQ-1"),
        RecordKey(issuer_scheme="member", issuer="carrier-1", type=BOL, reference="REQ-1"),
    ],
)
def test_a_number_of_somebody_else_s_is_refused(key: RecordKey) -> None:
    with pytest.raises(VerificationError) as caught:
        prepare(to_bytes(without_number()), BOOKING, key=key)
    assert caught.value.reason is Reason.FACTS_MISMATCH


def test_a_document_without_a_number_and_no_key_is_refused() -> None:
    with pytest.raises(DecodeError) as caught:
        prepare(to_bytes(without_number()), BOOKING)
    assert (caught.value.reason, caught.value.facts["pointer"]) == (Reason.FIELD_REQUIRED, "/carrierBookingReference")
