"""Where each record type keeps what facts are made of: pointer patterns only, no code.

Facts cross with every statement, whatever the corridor policy says of the document; so nothing about prices is among
them, contract numbers included.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from bridge.v1.cargo_pb2 import RecordType


@dataclass(frozen=True, slots=True)
class ReferenceList:
    """A list of references that code their own kind: names of the two fields, and kinds by code."""

    pattern: str
    kind_name: str
    value_name: str
    kinds: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class FactFields:
    """Patterns of one type. Of names, voyages and countries the first found counts; of the rest every one."""

    places: tuple[tuple[str, str], ...] = ()
    coded_places: tuple[tuple[str, Mapping[str, str]], ...] = ()
    vessel_names: tuple[str, ...] = ()
    vessel_numbers: tuple[str, ...] = ()
    voyages: tuple[str, ...] = ()
    equipment: tuple[str, ...] = ()
    commodity_codes: tuple[str, ...] = ()
    national_codes: tuple[str, ...] = ()
    tariff_countries: tuple[str, ...] = ()
    dates: tuple[tuple[str, str], ...] = ()
    references: tuple[tuple[str, str], ...] = ()
    reference_lists: tuple[ReferenceList, ...] = ()


REFERENCE_CODES = MappingProxyType(
    {
        "AAO": "consignee",
        "AES": "export-declaration",
        "CR": "customer",
        "CSI": "customer",
        "ECR": "freight-forwarder",
        "EQ": "equipment",
        "FF": "freight-forwarder",
        "INV": "invoice",
        "PO": "purchase-order",
        "SI": "shipper",
        "SPO": "purchase-order",
    }
)
"""DCSA reference type codes."""

DOCUMENT_CODES = MappingProxyType(
    {
        "ARN": "arrival-notice",
        "BKG": "booking",
        "CBR": "booking",
        "CUS": "customs",
        "DEO": "delivery-order",
        "INV": "invoice",
        "SHI": "shipping-instruction",
        "TRD": "transport-document",
    }
)
"""DCSA document type codes."""

_LOCATION_CODES = MappingProxyType(
    {
        "PRE": "place-of-receipt",
        "POL": "port-of-loading",
        "POD": "port-of-discharge",
        "PDE": "place-of-delivery",
        "PCF": "pre-carriage-from",
        "OIR": "onward-inland-routing",
    }
)


def _route(base: str) -> tuple[tuple[str, str], ...]:
    """The five places of a carriage below a pointer."""
    return (
        ("place-of-receipt", f"{base}/placeOfReceipt"),
        ("port-of-loading", f"{base}/portOfLoading"),
        ("port-of-discharge", f"{base}/portOfDischarge"),
        ("place-of-delivery", f"{base}/placeOfDelivery"),
        ("onward-inland-routing", f"{base}/onwardInlandRouting"),
    )


def _coded(pattern: str, kinds: Mapping[str, str] = REFERENCE_CODES) -> ReferenceList:
    return ReferenceList(pattern, "type", "value", kinds)


_CONSIGNMENT = ("/consignmentItems/*/HSCodes/*",)
_NATIONAL = ("/consignmentItems/*/nationalCommodityCodes/*",)
_EQUIPMENT = (
    "/utilizedTransportEquipments/*/equipment/equipmentReference",
    "/utilizedTransportEquipments/*/equipmentReference",
)

_TRANSPORT_DOCUMENT = FactFields(
    places=(
        *_route("/transports"),
        ("place-of-acceptance", "/placeOfAcceptance"),
        ("place-of-final-delivery", "/placeOfFinalDelivery"),
        ("place-of-issue", "/placeOfIssue"),
        ("invoice-payable-at", "/invoicePayableAt"),
    ),
    vessel_names=("/transports/vesselVoyages/*/vesselName",),
    vessel_numbers=("/transports/vesselVoyages/*/vesselIMONumber",),
    voyages=("/transports/vesselVoyages/*/carrierExportVoyageNumber",),
    equipment=_EQUIPMENT,
    commodity_codes=_CONSIGNMENT,
    national_codes=_NATIONAL,
    dates=(
        ("planned-departure", "/transports/plannedDepartureDate"),
        ("planned-arrival", "/transports/plannedArrivalDate"),
        ("shipped-on-board", "/shippedOnBoardDate"),
        ("received-for-shipment", "/receivedForShipmentDate"),
        ("issue", "/issueDate"),
    ),
    references=(
        ("booking", "/consignmentItems/*/carrierBookingReference"),
        ("shipping-instruction", "/shippingInstructionsReference"),
        ("transport-document", "/transportDocumentReference"),
        ("house-bill", "/houseBillOfLadingReference"),
    ),
    reference_lists=(_coded("/references/*"), _coded("/consignmentItems/*/references/*")),
)

_BOOKING = FactFields(
    coded_places=(("/shipmentLocations/*", _LOCATION_CODES),),
    vessel_names=("/vessel/name",),
    vessel_numbers=("/vessel/vesselIMONumber",),
    voyages=("/carrierExportVoyageNumber",),
    commodity_codes=("/requestedEquipments/*/commodities/*/HSCodes/*",),
    national_codes=("/requestedEquipments/*/commodities/*/nationalCommodityCodes/*",),
    dates=(
        ("expected-departure", "/expectedDepartureDate"),
        ("expected-arrival-from", "/expectedArrivalAtPlaceOfDeliveryStartDate"),
        ("expected-arrival-until", "/expectedArrivalAtPlaceOfDeliveryEndDate"),
    ),
    references=(
        ("booking", "/carrierBookingReference"),
        ("booking", "/carrierBookingRequestReference"),
    ),
    reference_lists=(_coded("/references/*"),),
)

_ARRIVAL_NOTICE = FactFields(
    places=_route("/transport"),
    vessel_names=("/transport/legs/*/vesselVoyage/vesselName",),
    vessel_numbers=("/transport/legs/*/vesselVoyage/vesselIMONumber",),
    voyages=("/transport/legs/*/vesselVoyage/carrierImportVoyageNumber",),
    equipment=_EQUIPMENT,
    commodity_codes=_CONSIGNMENT,
    national_codes=_NATIONAL,
    dates=(("issue", "/issueDateTime"), ("arrival", "/transport/portOfDischargeArrivalDate/value")),
    references=(
        ("transport-document", "/transportDocumentReference"),
        ("booking", "/consignmentItems/*/carrierBookingReference"),
    ),
)

_CALLS = ("/transportCall", "/payload/transportCall", "/transportDetails/transportCall")

_TRANSPORT_EVENT = FactFields(
    places=(
        ("event", "/eventLocation"),
        ("event", "/payload/eventLocation"),
        ("event", "/payload/location"),
        *(("transport-call", pattern) for call in _CALLS for pattern in (call, f"{call}/location")),
    ),
    vessel_names=(
        *(f"{call}/vessel/{name}" for call in _CALLS for name in ("vesselName", "name")),
        "/transportDetails/transportCall/vesselTransport/vesselName",
    ),
    vessel_numbers=(
        *(f"{call}/vessel/vesselIMONumber" for call in _CALLS),
        "/transportDetails/transportCall/vesselTransport/vesselIMONumber",
    ),
    voyages=(
        *(f"{call}/{name}" for call in _CALLS for name in ("carrierExportVoyageNumber", "exportVoyageNumber")),
        "/transportDetails/transportCall/exportVoyageNumberOrReference/carrierVoyageNumber",
    ),
    equipment=("/equipmentReference", "/payload/equipmentReference", "/equipmentDetails/equipmentReference"),
    dates=(
        ("event", "/eventDateTime"),
        ("event", "/payload/eventDateTime"),
        ("created", "/eventCreatedDateTime"),
        ("created", "/metadata/eventCreatedDateTime"),
        ("updated", "/eventUpdatedDateTime"),
    ),
    references=(("transport-event", "/metadata/retractedEventID"),),
    reference_lists=(
        ReferenceList("", "documentTypeCode", "documentID", DOCUMENT_CODES),
        ReferenceList("/payload", "documentTypeCode", "documentReference", DOCUMENT_CODES),
        ReferenceList("/documentReferences/*", "documentReferenceType", "documentReferenceValue", DOCUMENT_CODES),
        _coded("/payload/relatedDocumentReferences/*", DOCUMENT_CODES),
        ReferenceList("/shipmentDetails/documentReference", "typeCode", "reference", DOCUMENT_CODES),
        ReferenceList("/shipmentDetails/additionalDocumentReferences/*", "typeCode", "reference", DOCUMENT_CODES),
        ReferenceList("/references/*", "referenceType", "referenceValue", REFERENCE_CODES),
        _coded("/payload/references/*"),
    ),
)


def _trade(*dates: tuple[str, str], numbers: tuple[tuple[str, str], ...]) -> FactFields:
    """The types of our own, which share their goods, parties and shipment."""
    return FactFields(
        places=(
            ("port-of-loading", "/portOfLoading"),
            ("port-of-discharge", "/portOfDischarge"),
            ("warehouse", "/warehouse"),
        ),
        vessel_names=("/vesselName",),
        voyages=("/voyageNumber",),
        equipment=("/goodsItems/*/equipmentReference",),
        commodity_codes=("/goodsItems/*/HSCodes/*",),
        tariff_countries=("/declarationCountryCode",),
        dates=(("issue", "/issueDate"), ("departure", "/departureDate"), *dates),
        references=(
            *numbers,
            ("invoice", "/invoiceNumber"),
            ("transport-document", "/transportDocumentReference"),
            ("booking", "/carrierBookingReference"),
            ("purchase-order", "/purchaseOrderReference"),
            ("letter-of-credit", "/letterOfCreditReference"),
        ),
        reference_lists=(_coded("/references/*"),),
    )


FACT_FIELDS: Mapping[int, FactFields] = MappingProxyType(
    {
        RecordType.RECORD_TYPE_BILL_OF_LADING: _TRANSPORT_DOCUMENT,
        RecordType.RECORD_TYPE_HOUSE_BILL_OF_LADING: _TRANSPORT_DOCUMENT,
        RecordType.RECORD_TYPE_SEA_WAYBILL: _TRANSPORT_DOCUMENT,
        RecordType.RECORD_TYPE_SHIPPING_INSTRUCTION: _TRANSPORT_DOCUMENT,
        RecordType.RECORD_TYPE_BOOKING: _BOOKING,
        RecordType.RECORD_TYPE_ARRIVAL_NOTICE: _ARRIVAL_NOTICE,
        RecordType.RECORD_TYPE_TRANSPORT_EVENT: _TRANSPORT_EVENT,
        RecordType.RECORD_TYPE_COMMERCIAL_INVOICE: _trade(("due", "/dueDate"), numbers=()),
        RecordType.RECORD_TYPE_PACKING_LIST: _trade(numbers=(("packing-list", "/packingListNumber"),)),
        RecordType.RECORD_TYPE_CUSTOMS_DECLARATION: _trade(
            ("declaration", "/declarationDate"), numbers=(("customs", "/declarationNumber"),)
        ),
        RecordType.RECORD_TYPE_CERTIFICATE_OF_ORIGIN: _trade(
            numbers=(("certificate-of-origin", "/certificateNumber"),)
        ),
        RecordType.RECORD_TYPE_WAREHOUSE_RECEIPT: _trade(
            ("receipt", "/receiptDate"), numbers=(("warehouse-receipt", "/warehouseReceiptNumber"),)
        ),
    }
)
"""Patterns by record type."""
