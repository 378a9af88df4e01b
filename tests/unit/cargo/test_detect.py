"""Files: what is found in them, under which key, and that nothing in a file makes the reader raise."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.cargo.detect import MAX_FILE_BYTES, LoadedDocument, Refusal, detect, load_file
from bridge.cargo.document import load_document
from bridge.cargo.record_keys import record_key
from bridge.errors import DecodeError, Reason
from bridge.v1.cargo_pb2 import RecordType
from tests.unit.cargo.documents import DOCUMENTS, TRANSPORT_DOCUMENT, loaded, sample, to_bytes
from tests.unit.cargo.test_document import VALUES

BOL = RecordType.RECORD_TYPE_BILL_OF_LADING
EVENT = RecordType.RECORD_TYPE_TRANSPORT_EVENT


def only(value: Any) -> LoadedDocument | Refusal:
    results = load_file(to_bytes(value))
    assert len(results) == 1
    return results[0]


def key_of(record_type: int, **changes: Any) -> tuple[str, str, str, str]:
    key = record_key(loaded({**sample(record_type), **changes}).value, record_type, "member-1")
    assert key.type == record_type
    return key.issuer_scheme, key.issuer, key.reference, key.sub_reference


@pytest.mark.parametrize("record_type", sorted(DOCUMENTS))
def test_a_file_that_is_a_document_keeps_its_bytes(record_type: int) -> None:
    data = to_bytes(sample(record_type))
    (result,) = load_file(data)
    assert isinstance(result, LoadedDocument)
    assert (result.pointer, result.record_type, result.document.data) == ("", record_type, data)


@pytest.mark.parametrize(
    ("wrapped", "pointer"),
    [
        (
            {"amendedTransportDocumentStatus": "X", "amendedTransportDocument": TRANSPORT_DOCUMENT},
            "/amendedTransportDocument",
        ),
        ({"specversion": "1.0", "data": {"transportDocument": TRANSPORT_DOCUMENT}}, "/data/transportDocument"),
        ({"document": TRANSPORT_DOCUMENT, "issueTo": {}}, "/document"),
        ({"transportDocument": TRANSPORT_DOCUMENT}, "/transportDocument"),
        ([TRANSPORT_DOCUMENT], "/0"),
        ([{"document": TRANSPORT_DOCUMENT}], "/0/document"),
    ],
)
def test_a_wrapped_document_has_the_leaves_it_has_alone(wrapped: Any, pointer: str) -> None:
    result = only(wrapped)
    assert isinstance(result, LoadedDocument)
    assert result.pointer == pointer
    assert result.document.leaves == load_document(to_bytes(TRANSPORT_DOCUMENT)).leaves
    assert load_document(result.document.data).leaves == result.document.leaves


def test_signed_parts_of_a_wrapper_are_remarked_on() -> None:
    result = only({"transportDocument": TRANSPORT_DOCUMENT, "envelopeManifestSignedContent": "e30.e30.e30"})
    assert [(str(f.severity), f.pointer) for f in result.findings] == [("warning", "/envelopeManifestSignedContent")]


def test_findings_of_a_wrapped_document_name_pointers_of_the_file() -> None:
    result = only({"document": {**TRANSPORT_DOCUMENT, "isToOrder": 1}})
    assert isinstance(result, Refusal)
    assert result.findings[0].pointer == "/document/isToOrder"


def test_lists_are_taken_entry_by_entry() -> None:
    event, other = sample(EVENT), sample(EVENT)
    other["metadata"]["eventID"] = "3ac63340-3f64-434b-8410-67942a2cef22"
    broken = sample(EVENT)
    broken["metadata"]["eventID"] = "x"
    results = load_file(to_bytes({"events": [event, broken, other]}))
    assert [(type(result), result.pointer) for result in results] == [
        (LoadedDocument, "/events/0"),
        (Refusal, "/events/1"),
        (LoadedDocument, "/events/2"),
    ]


def test_two_entries_of_one_key_refuse_each_other() -> None:
    event, same = sample(EVENT), sample(EVENT)
    same["payload"]["equipmentEventTypeCode"] = "LOAD"
    other = sample(EVENT)
    other["metadata"]["publisher"]["carrierCode"] = "EMC"
    results = load_file(to_bytes([event, same, other]))
    assert [result.findings[0].reason for result in results[:2]] == [Reason.RECORD_AMBIGUOUS] * 2
    assert isinstance(results[2], LoadedDocument)  # another publisher's event under the same id is another record


@pytest.mark.parametrize(
    ("data", "reason", "detail"),
    [
        (b"", Reason.DOCUMENT_INVALID, "line 1 column 1"),
        (b'{\n"a": ACTOR}', Reason.DOCUMENT_INVALID, "line 2 column 6"),
        (b"[]", Reason.DOCUMENT_INVALID, "empty list"),
        (b"7", Reason.DOCUMENT_INVALID, "JSON object"),
        (b'{"hello":1}', Reason.DOCUMENT_INVALID, "no record type"),
        (b'{"statusCode":404,"errors":[]}', Reason.DOCUMENT_INVALID, "error reply"),
        (b'{"endorsementChain":[]}', Reason.DOCUMENT_INVALID, "endorsement chain"),
        (b'{"specversion":"1.0","data":{"transportDocumentReference":"X"}}', Reason.DOCUMENT_INVALID, "notification"),
        (b'{"a":1,"a":2}', Reason.DOCUMENT_INVALID, "twice"),
        (b" " * (MAX_FILE_BYTES + 1), Reason.LIMIT_EXCEEDED, "too large"),
        (b"[" * 50_000, Reason.LIMIT_EXCEEDED, "deeply"),
    ],
)
def test_a_file_that_is_no_record_says_why(data: bytes, reason: Reason, detail: str) -> None:
    (result,) = load_file(data)
    assert isinstance(result, Refusal)
    assert result.findings[0].reason is reason
    assert detail in result.findings[0].detail


def test_a_document_over_the_limit_inside_a_larger_file_is_refused_alone() -> None:
    huge = {**TRANSPORT_DOCUMENT, "remarks": "x" * 300_000}
    results = load_file(to_bytes([huge, {**TRANSPORT_DOCUMENT, "transportDocumentReference": "OTHER"}]))
    assert isinstance(results[0], Refusal)
    assert (results[0].findings[0].reason, results[0].findings[0].pointer) == (Reason.LIMIT_EXCEEDED, "/0")
    assert isinstance(results[1], LoadedDocument)


def test_keys_name_the_carrier_where_the_document_does() -> None:
    assert key_of(BOL) == ("smdg-carrier", "PDL", "PDLHKG26000017", "1")
    assert key_of(RecordType.RECORD_TYPE_ARRIVAL_NOTICE) == ("scac", "PDLU", "PDLHKG26000017", "")
    assert key_of(EVENT)[:2] == ("smdg-carrier", "PDL")


def test_everything_else_is_numbered_by_its_member() -> None:
    assert key_of(RecordType.RECORD_TYPE_COMMERCIAL_INVOICE) == ("member", "member-1", "INV-2026-118", "")
    assert key_of(RecordType.RECORD_TYPE_BOOKING)[:3] == ("member", "member-1", "PDL7700123")
    house = key_of(RecordType.RECORD_TYPE_HOUSE_BILL_OF_LADING)
    assert house == ("member", "member-1", "HLT-HBL-2026-0001", "")


def test_a_draft_goes_by_its_booking_or_the_customer_s_reference() -> None:
    instruction = key_of(
        RecordType.RECORD_TYPE_SHIPPING_INSTRUCTION,
        shippingInstructionsReference="",
        consignmentItems=[{"carrierBookingReference": "BKG1", "commoditySubReference": "A"}],
    )
    assert instruction == ("member", "member-1", "BKG1", "A")
    booking = key_of(
        RecordType.RECORD_TYPE_BOOKING, carrierBookingReference=None, references=[{"type": "CR", "value": "KN-1"}]
    )
    assert booking == ("member", "member-1", "KN-1", "")


def test_references_are_brought_into_one_spelling() -> None:
    assert key_of(RecordType.RECORD_TYPE_PACKING_LIST, packingListNumber=" PL  １ ")[2] == "PL 1"


@pytest.mark.parametrize(
    ("record_type", "changes", "pointer", "reason"),
    [
        (BOL, {"transportDocumentReference": None}, "/transportDocumentReference", Reason.FIELD_REQUIRED),
        (BOL, {"carrierCode": None}, "/carrierCode", Reason.FIELD_REQUIRED),
        (BOL, {"carrierCodeListProvider": "OTHER"}, "/carrierCode", Reason.FIELD_REQUIRED),
        (BOL, {"carrierCode": "PDLU"}, "/carrierCode", Reason.INVALID_IDENTIFIER),
        (BOL, {"transportDocumentReference": "a\u200bb"}, "/transportDocumentReference", Reason.INVALID_IDENTIFIER),
        (
            RecordType.RECORD_TYPE_WAREHOUSE_RECEIPT,
            {"warehouseReceiptNumber": 7},
            "/warehouseReceiptNumber",
            Reason.FIELD_REQUIRED,
        ),
    ],
)
def test_a_document_without_a_key_is_refused(
    record_type: int, changes: dict[str, Any], pointer: str, reason: Reason
) -> None:
    with pytest.raises(DecodeError) as caught:
        key_of(record_type, **changes)
    assert (caught.value.reason, caught.value.facts["pointer"]) == (reason, pointer)


def test_an_event_of_a_publisher_without_a_code_is_its_member_s() -> None:
    event = sample(EVENT)
    event["metadata"]["publisher"]["carrierCode"] = "EXCO"
    assert record_key(loaded(event).value, EVENT, "member-1").issuer == "member-1"


@given(st.binary(max_size=80))
def test_no_bytes_make_the_reader_raise(data: bytes) -> None:
    assert load_file(data)


@given(VALUES, st.sampled_from(["events", "data", "document", "metadata", "transportDocumentTypeCode", "eventType"]))
def test_no_value_makes_the_reader_raise(value: Any, name: str) -> None:
    for shaped in (value, {name: value}, [value, {name: value}], {"data": {name: value}}):
        for result in load_file(to_bytes(shaped)):
            assert result.findings or isinstance(result, LoadedDocument)
            if isinstance(result, Refusal):
                assert result.findings[0].refuses


def test_types_are_told_by_their_fields() -> None:
    assert detect({}) is None
    assert detect({"transportDocumentTypeCode": "BOL"}) == RecordType.RECORD_TYPE_SHIPPING_INSTRUCTION
    assert detect({"transportDocumentTypeCode": "SWB", "carrierCode": "X"}) == RecordType.RECORD_TYPE_SEA_WAYBILL
    assert detect({"packingListNumber": "1", "invoiceNumber": "2"}) == RecordType.RECORD_TYPE_PACKING_LIST
    assert detect({"metadata": {"source": "x"}}) is None
