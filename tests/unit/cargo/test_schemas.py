"""Field tables and rules: one valid document a type, and a change that each rule refuses with reason and pointer."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.cargo.detect import detect
from bridge.cargo.findings import MAX_FINDINGS
from bridge.cargo.schemas.validate import TABLES, validate_document
from bridge.errors import DecodeError, Reason
from bridge.v1.cargo_pb2 import RecordType
from tests.unit.cargo.changes import Change, both, drop, put, to_order
from tests.unit.cargo.documents import DOCUMENTS, loaded, sample
from tests.unit.cargo.test_document import VALUES

BOL = RecordType.RECORD_TYPE_BILL_OF_LADING
SWB = RecordType.RECORD_TYPE_SEA_WAYBILL
SI = RecordType.RECORD_TYPE_SHIPPING_INSTRUCTION
EVENT = RecordType.RECORD_TYPE_TRANSPORT_EVENT


def found(record_type: int, change: Change | None = None) -> list[tuple[str, str, Reason]]:
    document = sample(record_type)
    if change is not None:
        change(document)
    return [(str(f.severity), f.pointer, f.reason) for f in validate_document(loaded(document).value, record_type)]


def test_every_type_has_a_table_and_a_sample() -> None:
    types = set(RecordType.values()) - {0}
    assert set(TABLES) | {EVENT} == types == set(DOCUMENTS)


@pytest.mark.parametrize("record_type", sorted(DOCUMENTS))
def test_a_valid_document_has_no_finding_and_is_recognised(record_type: int) -> None:
    assert found(record_type) == []
    assert detect(sample(record_type)) == record_type


@pytest.mark.parametrize("record_type", sorted(DOCUMENTS))
def test_each_required_field_is_missed_where_it_should_be(record_type: int) -> None:
    document = sample(record_type)
    table = TABLES.get(record_type)
    names = table.required if table is not None else ("metadata",)
    for name in names:
        changed = {key: value for key, value in document.items() if key != name}
        findings = validate_document(loaded(changed).value, record_type)
        assert any(f.pointer.startswith(f"/{name}") and f.refuses for f in findings) or record_type == EVENT
    assert names


INVALID = Reason.INVALID_FIELD
REQUIRED = Reason.FIELD_REQUIRED

REFUSED: list[tuple[int, Change, str, Reason]] = [
    (BOL, put("isToOrder", "yes"), "/isToOrder", INVALID),
    (BOL, put("transportDocumentReference", "X" * 21), "/transportDocumentReference", INVALID),
    (BOL, put("transportDocumentReference", ""), "/transportDocumentReference", INVALID),
    (BOL, put("transportDocumentReference", " X"), "/transportDocumentReference", INVALID),
    (BOL, put("transportDocumentReference", 17), "/transportDocumentReference", INVALID),
    (BOL, put("transportDocumentStatus", "LOST"), "/transportDocumentStatus", INVALID),
    (BOL, put("transportDocumentTypeCode", "SWB"), "/transportDocumentTypeCode", INVALID),
    (SWB, put("transportDocumentTypeCode", "BOL"), "/transportDocumentTypeCode", INVALID),
    (BOL, put("carrierCodeListProvider", "OTHER"), "/carrierCodeListProvider", INVALID),
    (BOL, put("termsAndConditions", "x" * 50_001), "/termsAndConditions", INVALID),
    (BOL, put("transports", []), "/transports", INVALID),
    (BOL, drop("transports/portOfLoading"), "/transports/portOfLoading", REQUIRED),
    (
        BOL,
        put("transports/portOfLoading/UNLocationCode", "HK"),
        "/transports/portOfLoading/UNLocationCode",
        Reason.INVALID_IDENTIFIER,
    ),
    (
        BOL,
        put("transports/portOfLoading/UNLocationCode", "XYABC"),
        "/transports/portOfLoading/UNLocationCode",
        Reason.INVALID_IDENTIFIER,
    ),
    (BOL, put("transports/plannedArrivalDate", "2026-02-30"), "/transports/plannedArrivalDate", INVALID),
    (BOL, put("transports/plannedArrivalDate", "2/3/2026"), "/transports/plannedArrivalDate", INVALID),
    (BOL, put("consignmentItems", []), "/consignmentItems", INVALID),
    (BOL, put("consignmentItems/0/HSCodes/0", "8507"), "/consignmentItems/0/HSCodes/0", INVALID),
    (BOL, put("consignmentItems/0/HSCodes/0", "85076O"), "/consignmentItems/0/HSCodes/0", Reason.INVALID_IDENTIFIER),
    (
        BOL,
        put("consignmentItems/0/cargoItems/0/cargoGrossWeight/value", -1),
        "/consignmentItems/0/cargoItems/0/cargoGrossWeight/value",
        INVALID,
    ),
    (
        BOL,
        put("consignmentItems/0/cargoItems/0/cargoGrossWeight/value", "12"),
        "/consignmentItems/0/cargoItems/0/cargoGrossWeight/value",
        INVALID,
    ),
    (
        BOL,
        put("consignmentItems/0/cargoItems/0/outerPackaging/numberOfPackages", 1.5),
        "/consignmentItems/0/cargoItems/0/outerPackaging/numberOfPackages",
        INVALID,
    ),
    (
        BOL,
        put("documentParties/issuingParty/identifyingCodes/0/partyCode", "213800HX6IZM1QNBAJ34"),
        "/documentParties/issuingParty/identifyingCodes/0/partyCode",
        Reason.CHECK_DIGIT_WRONG,
    ),
    (
        BOL,
        put("documentParties/consignee/taxLegalReferences/0/value", "91310000MA1FL70B68"),
        "/documentParties/consignee/taxLegalReferences/0/value",
        Reason.CHECK_DIGIT_WRONG,
    ),
    (
        BOL,
        put("documentParties/shipper/taxLegalReferences/0/value", "1234567"),
        "/documentParties/shipper/taxLegalReferences/0/value",
        Reason.INVALID_IDENTIFIER,
    ),
    # [TD-2] [TD-3] title
    (SWB, both(to_order), "/isToOrder", INVALID),
    (BOL, put("isToOrder", True), "/documentParties/consignee", INVALID),
    (BOL, drop("documentParties/consignee"), "/documentParties/consignee", REQUIRED),
    (SI, drop("documentParties/consignee"), "/documentParties/consignee", REQUIRED),
    (BOL, put("documentParties/endorsee", {"partyName": "Bank"}), "/documentParties/endorsee", INVALID),
    # [TD-4] copies
    (BOL, put("numberOfOriginalsWithCharges", 2), "/numberOfOriginalsWithCharges", INVALID),
    (
        BOL,
        both(put("numberOfOriginalsWithCharges", 1), put("numberOfOriginalsWithoutCharges", 1)),
        "/numberOfOriginalsWithCharges",
        INVALID,
    ),
    (BOL, put("numberOfCopiesWithoutCharges", 1), "/numberOfCopiesWithoutCharges", INVALID),
    # [TD-5] dates
    (BOL, put("receivedForShipmentDate", "2026-05-01"), "/receivedForShipmentDate", INVALID),
    # [TD-6] equipment
    (
        BOL,
        put("consignmentItems/0/cargoItems/0/equipmentReference", "TCLU4265727"),
        "/consignmentItems/0/cargoItems/0/equipmentReference",
        INVALID,
    ),
    (
        BOL,
        lambda d: d["utilizedTransportEquipments"].append(d["utilizedTransportEquipments"][0]),
        "/utilizedTransportEquipments/1/equipment/equipmentReference",
        INVALID,
    ),
    # [TD-7] reefers
    (
        BOL,
        put("utilizedTransportEquipments/0/equipment/ISOEquipmentCode", "45R1"),
        "/utilizedTransportEquipments/0/activeReeferSettings",
        REQUIRED,
    ),
    (
        BOL,
        put("utilizedTransportEquipments/0/activeReeferSettings", {}),
        "/utilizedTransportEquipments/0/activeReeferSettings",
        INVALID,
    ),
    (
        BOL,
        both(
            put("utilizedTransportEquipments/0/isNonOperatingReefer", True),
            put("utilizedTransportEquipments/0/activeReeferSettings", {}),
        ),
        "/utilizedTransportEquipments/0/activeReeferSettings",
        INVALID,
    ),
    # [TD-8] packages
    (
        BOL,
        drop("consignmentItems/0/cargoItems/0/outerPackaging/packageCode"),
        "/consignmentItems/0/cargoItems/0/outerPackaging/packageCode",
        REQUIRED,
    ),
    # [TD-9] pairs
    (BOL, put("transports/preCarriageBy", "RAIL"), "/transports/placeOfReceipt", REQUIRED),
    (BOL, put("declaredValue", 5), "/declaredValueCurrency", REQUIRED),
    (BOL, put("declaredValueCurrency", "HKD"), "/declaredValue", REQUIRED),
    (
        BOL,
        both(
            put("utilizedTransportEquipments/0/equipment/ISOEquipmentCode", "45R1"),
            put("utilizedTransportEquipments/0/activeReeferSettings", {"temperatureSetpoint": -5}),
        ),
        "/utilizedTransportEquipments/0/activeReeferSettings/temperatureUnit",
        REQUIRED,
    ),
    (
        BOL,
        both(
            put("utilizedTransportEquipments/0/equipment/ISOEquipmentCode", "45R1"),
            put("utilizedTransportEquipments/0/activeReeferSettings", {"airExchangeUnit": "MQH"}),
        ),
        "/utilizedTransportEquipments/0/activeReeferSettings/airExchangeSetpoint",
        REQUIRED,
    ),
    # [TD-10] customs
    (
        BOL,
        put("customsReferences", [{"type": "CTN", "countryCode": "SN", "values": ["1"]}] * 2),
        "/customsReferences/1/type",
        INVALID,
    ),
    # our own types
    (RecordType.RECORD_TYPE_COMMERCIAL_INVOICE, put("totalAmount", "50,000"), "/totalAmount", INVALID),
    (RecordType.RECORD_TYPE_COMMERCIAL_INVOICE, put("currencyCode", "CNH"), "/currencyCode", Reason.INVALID_IDENTIFIER),
    (RecordType.RECORD_TYPE_COMMERCIAL_INVOICE, put("incoTerms", "DAT"), "/incoTerms", Reason.INVALID_IDENTIFIER),
    (RecordType.RECORD_TYPE_CUSTOMS_DECLARATION, put("declarationType", "BOTH"), "/declarationType", INVALID),
    (RecordType.RECORD_TYPE_CERTIFICATE_OF_ORIGIN, drop("goodsItems/0/HSCodes"), "/goodsItems/0/HSCodes", REQUIRED),
    (RecordType.RECORD_TYPE_WAREHOUSE_RECEIPT, drop("goodsItems/0/quantity"), "/goodsItems/0/quantity", REQUIRED),
    (
        RecordType.RECORD_TYPE_PACKING_LIST,
        put("documentParties/shipper/localNames/0/script", "Hans-CN"),
        "/documentParties/shipper/localNames/0/script",
        INVALID,
    ),
    (
        RecordType.RECORD_TYPE_BOOKING,
        put("shipmentLocations/0/locationTypeCode", "XXX"),
        "/shipmentLocations/0/locationTypeCode",
        INVALID,
    ),
    (RecordType.RECORD_TYPE_BOOKING, put("requestedEquipments/0/units", 0.5), "/requestedEquipments/0/units", INVALID),
    (RecordType.RECORD_TYPE_ARRIVAL_NOTICE, put("issueDateTime", "2026-05-04"), "/issueDateTime", INVALID),
    (
        RecordType.RECORD_TYPE_HOUSE_BILL_OF_LADING,
        drop("documentParties/consignee"),
        "/documentParties/consignee",
        REQUIRED,
    ),
    # events
    (EVENT, put("metadata/eventID", "incorrect"), "/metadata/eventID", INVALID),
    (EVENT, put("metadata/eventType", "PARTY"), "/metadata/eventType", INVALID),
    (EVENT, put("payload/equipmentEventTypeCode", "LOST"), "/payload/equipmentEventTypeCode", INVALID),
    (EVENT, put("payload/eventDateTime", "2026-05-05 09:00:00"), "/payload/eventDateTime", INVALID),
    (EVENT, put("payload/eventDateTime", "2026-05-05T09:00:00"), "/payload/eventDateTime", INVALID),
    (EVENT, put("payload/eventDateTime", "2026-05-05T09:00:00+24:00"), "/payload/eventDateTime", INVALID),
    (EVENT, put("metadata/eventCreatedDateTime", "1999-05-05T09:00:00Z"), "/metadata/eventCreatedDateTime", INVALID),
    (EVENT, put("metadata/eventCreatedDateTime", "2099-05-05T09:00:00Z"), "/metadata/eventCreatedDateTime", INVALID),
    (EVENT, drop("payload"), "/payload", REQUIRED),
]


@pytest.mark.parametrize(("record_type", "change", "pointer", "reason"), REFUSED)
def test_a_broken_rule_refuses(record_type: int, change: Change, pointer: str, reason: Reason) -> None:
    assert ("error", pointer, reason) in found(record_type, change)


WARNED: list[tuple[int, Change, str, Reason]] = [
    (BOL, both(to_order, drop("documentParties/notifyParties")), "/documentParties/notifyParties", REQUIRED),
    (
        BOL,
        both(
            put("utilizedTransportEquipments/0/equipment/equipmentReference", "CSQU3054384"),
            put("consignmentItems/0/cargoItems/0/equipmentReference", "CSQU3054384"),
        ),
        "/utilizedTransportEquipments/0/equipment/equipmentReference",
        Reason.CHECK_DIGIT_WRONG,
    ),
    (
        BOL,
        both(
            put("utilizedTransportEquipments/0/equipment/equipmentReference", "SHIPPEROWN1"),
            put("consignmentItems/0/cargoItems/0/equipmentReference", "SHIPPEROWN1"),
        ),
        "/utilizedTransportEquipments/0/equipment/equipmentReference",
        Reason.INVALID_IDENTIFIER,
    ),
    (
        RecordType.RECORD_TYPE_BOOKING,
        put("vessel/vesselIMONumber", "7654321"),
        "/vessel/vesselIMONumber",
        Reason.CHECK_DIGIT_WRONG,
    ),
    (
        BOL,
        put("transports/portOfLoading/UNLocationCode", "HKZZZ"),
        "/transports/portOfLoading/UNLocationCode",
        Reason.INVALID_IDENTIFIER,
    ),
    (
        BOL,
        put(
            "documentParties/shipper/identifyingCodes",
            [{"codeListProvider": "W3C", "codeListName": "DID", "partyCode": "12"}],
        ),
        "/documentParties/shipper/identifyingCodes/0/partyCode",
        Reason.INVALID_IDENTIFIER,
    ),
    (
        BOL,
        put("documentParties/shipper/localNames/0/name", "Морской порт"),
        "/documentParties/shipper/localNames/0/name",
        INVALID,
    ),
]


@pytest.mark.parametrize(("record_type", "change", "pointer", "reason"), WARNED)
def test_what_published_documents_get_wrong_only_warns(
    record_type: int, change: Change, pointer: str, reason: Reason
) -> None:
    assert found(record_type, change) == [("warning", pointer, reason)]


def test_a_bill_to_order_with_a_notify_party_is_clean() -> None:
    assert found(BOL, to_order) == []


def test_an_operating_reefer_with_its_settings_is_clean() -> None:
    settings = {"temperatureSetpoint": -5, "temperatureUnit": "CEL"}
    change = both(
        put("utilizedTransportEquipments/0/equipment/ISOEquipmentCode", "45R1"),
        put("utilizedTransportEquipments/0/activeReeferSettings", settings),
    )
    assert found(BOL, change) == []


def test_fields_of_a_carrier_s_own_are_neither_checked_nor_refused() -> None:
    assert found(BOL, put("advancedManifestFilings", [{"x": None}])) == []


def test_a_retraction_needs_no_payload() -> None:
    change = both(drop("payload"), put("metadata/retractedEventID", "957e4966-dad0-4111-9f8f-fb7216c43907"))
    assert found(EVENT, change) == []


def test_warnings_never_crowd_out_what_refuses() -> None:
    def many(document: dict[str, Any]) -> None:
        parties = [{"partyName": "Имя"} for _ in range(MAX_FINDINGS * 2)]
        document["documentParties"]["other"] = [{"party": party, "partyFunction": "ZZZ"} for party in parties]
        document["declaredValue"] = 1

    findings = found(BOL, many)
    assert len(findings) == MAX_FINDINGS
    assert ("error", "/declaredValueCurrency", REQUIRED) in findings


def test_an_unknown_record_type_is_refused() -> None:
    for record_type in (0, 13):
        with pytest.raises(DecodeError) as caught:
            validate_document({}, record_type)
        assert caught.value.reason is INVALID


@given(st.sampled_from(sorted(DOCUMENTS)), st.data())
def test_no_value_anywhere_makes_the_judge_raise(record_type: int, data: st.DataObject) -> None:
    document: Any = sample(record_type)
    target = document
    while True:
        keys = list(target) if isinstance(target, dict) else list(range(len(target)))
        key = data.draw(st.sampled_from(keys))
        inner = target[key]
        if not isinstance(inner, dict | list) or not inner or data.draw(st.booleans()):
            break
        target = inner
    target[key] = data.draw(VALUES)
    for finding in validate_document(loaded(document).value, record_type):
        assert finding.pointer.startswith("/")
        assert finding.detail
