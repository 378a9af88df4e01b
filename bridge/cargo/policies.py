"""The policies that ship: what a counterparty's bank, forwarder or customs needs of each record type, and no personal
data.

`standard` leaves out every contact person, telephone and e-mail, street addresses, addresses as printed (a sole
trader's is a home), terms and conditions and remarks in free text. `gated` also leaves out prices and charges below
the total; it suits a side whose law lists shipping data for export control, where each further field is a decision on
record.
"""

from __future__ import annotations

from types import MappingProxyType

from bridge.cargo.policy import CorridorPolicy
from bridge.v1.cargo_pb2 import RecordType

_PARTY = (
    "partyName",
    "partyFunction",
    "localNames/**",
    "identifyingCodes/**",
    "taxLegalReferences/**",
    "address/city",
    "address/stateRegion",
    "address/countryCode",
    "reference",
)

_PLACE = (
    "UNLocationCode",
    "locationName",
    "facility/**",
    "address/city",
    "address/stateRegion",
    "address/countryCode",
)


def _under(base: str, *fields: str) -> tuple[str, ...]:
    """Patterns of fields below a pointer."""
    return tuple(f"{base}/{field}" for field in fields)


_DOCUMENT_PARTIES = (
    *_under("/documentParties/*", *_PARTY),
    *_under("/documentParties/notifyParties/*", *_PARTY),
    *_under("/documentParties/other/*/party", *_PARTY),
    "/documentParties/other/*/partyFunction",
)

_GOODS_PRICES = _under("/goodsItems/*", "unitPrice", "amount")

_GOODS = _under(
    "/goodsItems/*",
    "description",
    "HSCodes/**",
    "originCountryCode",
    "numberOfPackages",
    "packageDescription",
    "shippingMarks/**",
    "quantity",
    "quantityUnit",
    "netWeight/**",
    "grossWeight/**",
    "equipmentReference",
)

_SHIPMENT = (
    "/transportDocumentReference",
    "/carrierBookingReference",
    "/references/**",
    "/vesselName",
    "/voyageNumber",
    "/departureDate",
    *_under("/portOfLoading", *_PLACE),
    *_under("/portOfDischarge", *_PLACE),
)

_CONSIGNMENT = (
    *_under(
        "/consignmentItems/*",
        "carrierBookingReference",
        "commoditySubReference",
        "descriptionOfGoods/**",
        "HSCodes/**",
        "nationalCommodityCodes/**",
        "shippingMarks/**",
        "references/**",
        "customsReferences/**",
    ),
    *_under(
        "/consignmentItems/*/cargoItems/*",
        "equipmentReference",
        "cargoGrossWeight/**",
        "cargoNetWeight/**",
        "cargoGrossVolume/**",
        "cargoNetVolume/**",
        "outerPackaging/packageCode",
        "outerPackaging/imoPackagingCode",
        "outerPackaging/numberOfPackages",
        "outerPackaging/description",
    ),
    *_under(
        # Emergency contacts of dangerous goods are persons; what the goods are is not.
        "/consignmentItems/*/cargoItems/*/outerPackaging/dangerousGoods/*",
        "UNNumber",
        "NANumber",
        "properShippingName",
        "technicalName",
        "imoClass",
        "subsidiaryRisk1",
        "subsidiaryRisk2",
        "packingGroup",
        "EMSNumber",
        "isMarinePollutant",
        "isLimitedQuantity",
        "isReportableQuantity",
        "grossWeight/**",
        "netWeight/**",
    ),
)

_EQUIPMENT = (
    "/utilizedTransportEquipments/*/equipment/**",
    "/utilizedTransportEquipments/*/isShipperOwned",
    "/utilizedTransportEquipments/*/isNonOperatingReefer",
    "/utilizedTransportEquipments/*/activeReeferSettings/**",
    "/utilizedTransportEquipments/*/seals/**",
)

_TRANSPORT_HEAD = (
    "/transportDocumentReference",
    "/transportDocumentSubReference",
    "/transportDocumentStatus",
    "/transportDocumentTypeCode",
    "/shippingInstructionsReference",
    "/documentStatus",
    "/isShippedOnBoardType",
    "/isElectronic",
    "/isToOrder",
    "/freightPaymentTermCode",
    "/numberOfOriginalsWithCharges",
    "/numberOfOriginalsWithoutCharges",
    "/numberOfCopiesWithCharges",
    "/numberOfCopiesWithoutCharges",
    "/shippedOnBoardDate",
    "/receivedForShipmentDate",
    "/issueDate",
    "/receiptTypeAtOrigin",
    "/deliveryTypeAtDestination",
    "/cargoMovementTypeAtOrigin",
    "/cargoMovementTypeAtDestination",
    "/carrierCode",
    "/carrierCodeListProvider",
    "/references/**",
    "/customsReferences/**",
    "/exportLicense/**",
    "/importLicense/**",
    *_under("/placeOfIssue", *_PLACE),
    *_under("/invoicePayableAt", *_PLACE),
)

_ROUTE = (
    "/transports/plannedDepartureDate",
    "/transports/plannedArrivalDate",
    "/transports/preCarriageBy",
    "/transports/onCarriageBy",
    "/transports/vesselVoyages/**",
    *(
        pattern
        for place in ("placeOfReceipt", "portOfLoading", "portOfDischarge", "placeOfDelivery", "onwardInlandRouting")
        for pattern in _under(f"/transports/{place}", *_PLACE)
    ),
)

_TRANSPORT_DOCUMENT = (*_TRANSPORT_HEAD, *_ROUTE, *_DOCUMENT_PARTIES, *_CONSIGNMENT, *_EQUIPMENT)

_TRANSPORT_PRICES = ("/charges/**", "/declaredValue", "/declaredValueCurrency", "/serviceContractReference")

_BOOKING = (
    "/carrierBookingReference",
    "/carrierBookingRequestReference",
    "/bookingStatus",
    "/carrierCode",
    "/carrierCodeListProvider",
    "/receiptTypeAtOrigin",
    "/deliveryTypeAtDestination",
    "/cargoMovementTypeAtOrigin",
    "/cargoMovementTypeAtDestination",
    "/isEquipmentSubstitutionAllowed",
    "/freightPaymentTermCode",
    "/incoTerms",
    "/vessel/**",
    "/carrierExportVoyageNumber",
    "/expectedDepartureDate",
    "/expectedArrivalAtPlaceOfDeliveryStartDate",
    "/expectedArrivalAtPlaceOfDeliveryEndDate",
    "/references/**",
    *_DOCUMENT_PARTIES,
    "/shipmentLocations/*/locationTypeCode",
    *_under("/shipmentLocations/*/location", *_PLACE),
    *_under("/requestedEquipments/*", "ISOEquipmentCode", "units", "isShipperOwned", "activeReeferSettings/**"),
    *_under("/requestedEquipments/*/commodities/*", "commodityType", "HSCodes/**", "cargoGrossWeight/**"),
)

_ARRIVAL_NOTICE = (
    "/issueDateTime",
    "/carrierCode",
    "/carrierCodeListProvider",
    "/transportDocumentReference",
    "/transportDocumentSubReference",
    "/deliveryTypeAtDestination",
    *_under("/documentParties/*", *_PARTY),
    "/transport/portOfDischargeArrivalDate/**",
    "/transport/legs/*/vesselVoyage/**",
    *(
        pattern
        for place in ("placeOfReceipt", "portOfLoading", "portOfDischarge", "placeOfDelivery")
        for pattern in _under(f"/transport/{place}", *_PLACE)
    ),
    *_CONSIGNMENT,
    *_EQUIPMENT,
    "/freeTimes/**",
)

_HAPPENING = (
    "eventClassifierCode",
    "eventDateTime",
    "transportEventTypeCode",
    "equipmentEventTypeCode",
    "shipmentEventTypeCode",
    "documentTypeCode",
    "documentID",
    "documentReference",
    "equipmentReference",
    "ISOEquipmentCode",
    "emptyIndicatorCode",
    "isTransshipmentMove",
    "facilityTypeCode",
    "reason",
    "seals/**",
    "references/**",
    "documentReferences/**",
    "transportCall/transportCallID",
    "transportCall/transportCallReference",
    "transportCall/modeOfTransport",
    "transportCall/UNLocationCode",
    "transportCall/facilityCode",
    "transportCall/facilityCodeListProvider",
    "transportCall/exportVoyageNumber",
    "transportCall/importVoyageNumber",
    "transportCall/carrierExportVoyageNumber",
    "transportCall/carrierImportVoyageNumber",
    "transportCall/vessel/**",
    *(f"{place}/{field}" for place in ("transportCall/location", "eventLocation", "location") for field in _PLACE),
)

_TRANSPORT_EVENT = (
    # One list for the three published forms: flat, wrapped into metadata and payload, and sorted into parts.
    *_under("", "eventID", "eventType", "eventCreatedDateTime", "eventUpdatedDateTime", *_HAPPENING),
    *_under(
        "/metadata",
        "eventID",
        "eventType",
        "eventCreatedDateTime",
        "retractedEventID",
        "publisherRole",
        "publisher/partyName",
        "publisher/carrierCode",
        "publisher/carrierCodeListProvider",
    ),
    *_under("/payload", *_HAPPENING),
    "/eventRouting/originatingParty/**",
    "/eventClassification/**",
    "/transportDetails/transportCall/transportCallReference",
    "/transportDetails/transportCall/modeOfTransport",
    "/transportDetails/transportCall/vesselTransport/**",
    "/transportDetails/transportCall/portVisitReference",
    *_under("/transportDetails/transportCall/location", *_PLACE),
    "/equipmentDetails/equipmentReference",
    "/equipmentDetails/ISOEquipmentCode",
    "/equipmentDetails/emptyIndicatorCode",
    "/equipmentDetails/isTransshipmentMove",
    "/equipmentDetails/seals/**",
    "/shipmentDetails/documentReference/**",
    "/shipmentDetails/additionalDocumentReferences/**",
)

_INVOICE = (
    "/invoiceNumber",
    "/issueDate",
    "/dueDate",
    "/currencyCode",
    "/totalAmount",
    "/incoTerms",
    "/namedPlace",
    "/purchaseOrderReference",
    "/letterOfCreditReference",
    *_DOCUMENT_PARTIES,
    *_GOODS,
    *_SHIPMENT,
)

_PACKING_LIST = (
    "/packingListNumber",
    "/issueDate",
    "/invoiceNumber",
    "/totalNumberOfPackages",
    "/totalGrossWeight/**",
    *_DOCUMENT_PARTIES,
    *_GOODS,
    *_SHIPMENT,
)

_CUSTOMS_DECLARATION = (
    "/declarationNumber",
    "/declarationType",
    "/declarationCountryCode",
    "/declarationDate",
    "/customsOffice",
    "/customsReferences/**",
    *_DOCUMENT_PARTIES,
    *_GOODS,
    *_SHIPMENT,
)

_CERTIFICATE_OF_ORIGIN = (
    "/certificateNumber",
    "/issueDate",
    "/agreement",
    "/originCountryCode",
    "/destinationCountryCode",
    "/invoiceNumber",
    *_DOCUMENT_PARTIES,
    *_GOODS,
    *_SHIPMENT,
)

_WAREHOUSE_RECEIPT = (
    "/warehouseReceiptNumber",
    "/issueDate",
    "/receiptDate",
    "/isNegotiable",
    *_under("/warehouse", *_PLACE),
    *_DOCUMENT_PARTIES,
    *_GOODS,
    *_SHIPMENT,
)

_GATED_RULES: dict[int, tuple[str, ...]] = {
    RecordType.RECORD_TYPE_BILL_OF_LADING: _TRANSPORT_DOCUMENT,
    RecordType.RECORD_TYPE_HOUSE_BILL_OF_LADING: _TRANSPORT_DOCUMENT,
    RecordType.RECORD_TYPE_SEA_WAYBILL: _TRANSPORT_DOCUMENT,
    RecordType.RECORD_TYPE_BOOKING: _BOOKING,
    RecordType.RECORD_TYPE_SHIPPING_INSTRUCTION: _TRANSPORT_DOCUMENT,
    RecordType.RECORD_TYPE_ARRIVAL_NOTICE: _ARRIVAL_NOTICE,
    RecordType.RECORD_TYPE_TRANSPORT_EVENT: _TRANSPORT_EVENT,
    RecordType.RECORD_TYPE_COMMERCIAL_INVOICE: _INVOICE,
    RecordType.RECORD_TYPE_PACKING_LIST: _PACKING_LIST,
    RecordType.RECORD_TYPE_CUSTOMS_DECLARATION: _CUSTOMS_DECLARATION,
    RecordType.RECORD_TYPE_CERTIFICATE_OF_ORIGIN: _CERTIFICATE_OF_ORIGIN,
    RecordType.RECORD_TYPE_WAREHOUSE_RECEIPT: _WAREHOUSE_RECEIPT,
}

_PRICES: dict[int, tuple[str, ...]] = {
    RecordType.RECORD_TYPE_BILL_OF_LADING: _TRANSPORT_PRICES,
    RecordType.RECORD_TYPE_HOUSE_BILL_OF_LADING: _TRANSPORT_PRICES,
    RecordType.RECORD_TYPE_SEA_WAYBILL: _TRANSPORT_PRICES,
    RecordType.RECORD_TYPE_BOOKING: ("/serviceContractReference",),
    RecordType.RECORD_TYPE_SHIPPING_INSTRUCTION: _TRANSPORT_PRICES,
    RecordType.RECORD_TYPE_ARRIVAL_NOTICE: ("/charges/**",),
    RecordType.RECORD_TYPE_COMMERCIAL_INVOICE: _GOODS_PRICES,
    RecordType.RECORD_TYPE_CUSTOMS_DECLARATION: ("/currencyCode", "/totalAmount", *_GOODS_PRICES),
}

GATED = CorridorPolicy(_GATED_RULES)
"""No personal data and no prices below a total."""

STANDARD = CorridorPolicy({kind: (*rules, *_PRICES.get(kind, ())) for kind, rules in _GATED_RULES.items()})
"""No personal data."""

POLICIES = MappingProxyType({"standard": STANDARD, "gated": GATED})
"""Shipped policies by the name that configuration uses."""
