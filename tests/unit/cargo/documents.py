"""Documents for tests: one valid document of each record type, small enough to be changed in one place."""

from __future__ import annotations

import copy
import json
from typing import Any

from bridge.cargo.document import Document, load_document
from bridge.v1.cargo_pb2 import RecordType

LEI = "213800HX6IZM1QNBAJ33"
USCC = "91310000MA1FL70B67"

SHIPPER = {
    "partyName": "Harbour Lights Trading Limited",
    "localNames": [{"script": "Hant", "name": "海港燈貿易有限公司"}],
    "address": {"street": "Des Voeux Road Central", "city": "Hong Kong", "countryCode": "HK"},
    "taxLegalReferences": [{"type": "UBI", "countryCode": "HK", "value": "12345678"}],
}
CONSIGNEE = {
    "partyName": "Shanghai Morning Import Co., Ltd.",
    "localNames": [{"script": "Hans", "name": "上海晨光进口有限公司"}],
    "taxLegalReferences": [{"type": "USCC", "countryCode": "CN", "value": USCC}],
}
CARRIER = {
    "partyName": "Pearl Delta Line",
    "identifyingCodes": [{"codeListProvider": "GLEIF", "codeListName": "LEI", "partyCode": LEI}],
}

CONSIGNMENT = {
    "carrierBookingReference": "PDL7700123",
    "descriptionOfGoods": ["Lithium ion batteries"],
    "HSCodes": ["850760"],
    "nationalCommodityCodes": [{"type": "HS", "countryCode": "CN", "values": ["8507600090"]}],
    "cargoItems": [
        {
            "equipmentReference": "CSQU3054383",
            "cargoGrossWeight": {"value": 12000.5, "unit": "KGM"},
            "outerPackaging": {
                "numberOfPackages": 400,
                "packageCode": "4G",
                "dangerousGoods": [
                    {"UNNumber": "3480", "properShippingName": "LITHIUM ION BATTERIES", "imoClass": "9"}
                ],
            },
        }
    ],
}

EQUIPMENT = {
    "equipment": {"equipmentReference": "CSQU3054383", "ISOEquipmentCode": "22G1"},
    "isShipperOwned": False,
    "seals": [{"number": "HK0099"}],
}

TRANSPORTS = {
    "plannedDepartureDate": "2026-05-02",
    "plannedArrivalDate": "2026-05-05",
    "portOfLoading": {"UNLocationCode": "HKHKG", "locationName": "Hong Kong"},
    "portOfDischarge": {"UNLocationCode": "CNSGH", "locationName": "Shanghai"},
    "vesselVoyages": [{"vesselName": "Pearl Dawn", "carrierExportVoyageNumber": "012N"}],
}

TRANSPORT_DOCUMENT = {
    "transportDocumentReference": "PDLHKG26000017",
    "transportDocumentSubReference": "1",
    "transportDocumentStatus": "ISSUED",
    "transportDocumentTypeCode": "BOL",
    "isShippedOnBoardType": True,
    "isElectronic": True,
    "isToOrder": False,
    "freightPaymentTermCode": "PRE",
    "shippedOnBoardDate": "2026-05-02",
    "issueDate": "2026-05-02",
    "termsAndConditions": "As per the carrier's tariff.",
    "receiptTypeAtOrigin": "CY",
    "deliveryTypeAtDestination": "CY",
    "cargoMovementTypeAtOrigin": "FCL",
    "cargoMovementTypeAtDestination": "FCL",
    "carrierCode": "PDL",
    "carrierCodeListProvider": "SMDG",
    "transports": TRANSPORTS,
    "invoicePayableAt": {"UNLocationCode": "HKHKG"},
    "partyContactDetails": [{"name": "Export desk", "phone": "+852 0000 0000"}],
    "documentParties": {"shipper": SHIPPER, "consignee": CONSIGNEE, "issuingParty": CARRIER},
    "consignmentItems": [CONSIGNMENT],
    "utilizedTransportEquipments": [EQUIPMENT],
}

GOODS = {
    "description": "Lithium ion batteries",
    "HSCodes": ["850760"],
    "originCountryCode": "CN",
    "numberOfPackages": 400,
    "quantity": 1600,
    "quantityUnit": "PCE",
    "grossWeight": {"value": 12000.5, "unit": "KGM"},
    "unitPrice": 31.25,
    "amount": 50000,
}

_WITHOUT = ("transportDocumentStatus", "transports", "carrierCode", "carrierCodeListProvider", "termsAndConditions")

DOCUMENTS: dict[int, dict[str, Any]] = {
    RecordType.RECORD_TYPE_BILL_OF_LADING: TRANSPORT_DOCUMENT,
    RecordType.RECORD_TYPE_SEA_WAYBILL: {**TRANSPORT_DOCUMENT, "transportDocumentTypeCode": "SWB"},
    RecordType.RECORD_TYPE_HOUSE_BILL_OF_LADING: {
        "houseBillOfLadingReference": "HLT-HBL-2026-0001",
        "transportDocumentReference": "PDLHKG26000017",
        "isElectronic": True,
        "isToOrder": False,
        "documentParties": {"shipper": SHIPPER, "consignee": CONSIGNEE, "issuingParty": SHIPPER},
        "consignmentItems": [CONSIGNMENT],
        "utilizedTransportEquipments": [EQUIPMENT],
        "transports": TRANSPORTS,
    },
    RecordType.RECORD_TYPE_SHIPPING_INSTRUCTION: {
        "shippingInstructionsReference": "SI-2026-0009",
        **{name: value for name, value in TRANSPORT_DOCUMENT.items() if name not in _WITHOUT},
    },
    RecordType.RECORD_TYPE_BOOKING: {
        "carrierBookingReference": "PDL7700123",
        "receiptTypeAtOrigin": "CY",
        "deliveryTypeAtDestination": "CY",
        "cargoMovementTypeAtOrigin": "FCL",
        "cargoMovementTypeAtDestination": "FCL",
        "isEquipmentSubstitutionAllowed": False,
        "expectedDepartureDate": "2026-05-01",
        "vessel": {"name": "Pearl Dawn", "vesselIMONumber": "9321483"},
        "documentParties": {"bookingAgent": SHIPPER},
        "shipmentLocations": [
            {"location": {"UNLocationCode": "HKHKG"}, "locationTypeCode": "POL"},
            {"location": {"UNLocationCode": "CNSGH"}, "locationTypeCode": "POD"},
        ],
        "requestedEquipments": [
            {
                "ISOEquipmentCode": "22G1",
                "units": 1,
                "isShipperOwned": False,
                "commodities": [{"commodityType": "Batteries", "HSCodes": ["85076000"]}],
            }
        ],
    },
    RecordType.RECORD_TYPE_ARRIVAL_NOTICE: {
        "issueDateTime": "2026-05-04T08:00:00+08:00",
        "carrierCode": "PDLU",
        "carrierCodeListProvider": "NMFTA",
        "transportDocumentReference": "PDLHKG26000017",
        "documentParties": [
            {"partyFunction": "OS", **SHIPPER},
            {"partyFunction": "CN", **CONSIGNEE},
            {"partyFunction": "NI", **CONSIGNEE},
        ],
        "transport": {
            "portOfLoading": {"UNLocationCode": "HKHKG"},
            "portOfDischarge": {"UNLocationCode": "CNYSN"},
            "portOfDischargeArrivalDate": {"value": "2026-05-05", "classifier": "EST"},
            "legs": [{"vesselVoyage": {"vesselName": "Pearl Dawn", "carrierImportVoyageNumber": "012N"}}],
        },
        "utilizedTransportEquipments": [EQUIPMENT],
        "consignmentItems": [{name: CONSIGNMENT[name] for name in ("descriptionOfGoods", "HSCodes", "cargoItems")}],
    },
    RecordType.RECORD_TYPE_TRANSPORT_EVENT: {
        "metadata": {
            "eventID": "3ac63340-3f64-434b-8410-67942a2cef21",
            "eventCreatedDateTime": "2026-05-05T09:25:00+08:00",
            "eventType": "EQUIPMENT",
            "publisher": {"partyName": "Pearl Delta Line", "carrierCode": "PDL", "carrierCodeListProvider": "SMDG"},
            "publisherRole": "CA",
        },
        "payload": {
            "eventClassifierCode": "ACT",
            "eventDateTime": "2026-05-05T09:00:00+08:00",
            "equipmentEventTypeCode": "DISC",
            "equipmentReference": "CSQU3054383",
            "transportCall": {"location": {"UNLocationCode": "CNYSN", "locationName": "Yangshan"}},
            "relatedDocumentReferences": [{"type": "TRD", "value": "PDLHKG26000017"}],
        },
    },
    RecordType.RECORD_TYPE_COMMERCIAL_INVOICE: {
        "invoiceNumber": "INV-2026-118",
        "issueDate": "2026-04-28",
        "documentParties": {"seller": SHIPPER, "buyer": CONSIGNEE},
        "currencyCode": "HKD",
        "incoTerms": "CIF",
        "namedPlace": "Shanghai",
        "goodsItems": [GOODS],
        "totalAmount": 50000,
    },
    RecordType.RECORD_TYPE_PACKING_LIST: {
        "packingListNumber": "PL-2026-118",
        "invoiceNumber": "INV-2026-118",
        "issueDate": "2026-04-28",
        "documentParties": {"shipper": SHIPPER, "consignee": CONSIGNEE},
        "goodsItems": [GOODS],
        "totalNumberOfPackages": 400,
        "totalGrossWeight": {"value": 12000.5, "unit": "KGM"},
    },
    RecordType.RECORD_TYPE_CUSTOMS_DECLARATION: {
        "declarationNumber": "222920261000000017",
        "declarationType": "IMPORT",
        "declarationCountryCode": "CN",
        "declarationDate": "2026-05-06",
        "documentParties": {"declarant": CONSIGNEE},
        "goodsItems": [{**GOODS, "HSCodes": ["8507600090"]}],
    },
    RecordType.RECORD_TYPE_CERTIFICATE_OF_ORIGIN: {
        "certificateNumber": "COO-2026-55",
        "issueDate": "2026-04-29",
        "agreement": "CEPA",
        "documentParties": {"issuingAuthority": {"partyName": "Trade Chamber"}, "exporter": SHIPPER},
        "originCountryCode": "HK",
        "goodsItems": [GOODS],
    },
    RecordType.RECORD_TYPE_WAREHOUSE_RECEIPT: {
        "warehouseReceiptNumber": "WR-77",
        "issueDate": "2026-05-07",
        "isNegotiable": False,
        "documentParties": {"warehouseKeeper": CARRIER, "depositor": SHIPPER},
        "warehouse": {"UNLocationCode": "CNSGH", "locationName": "Waigaoqiao shed 4"},
        "goodsItems": [GOODS],
    },
}
"""A valid document by record type; `document_bytes` copies, so that a test may change what it takes."""


def sample(record_type: int) -> dict[str, Any]:
    """A copy that may be changed."""
    return copy.deepcopy(DOCUMENTS[record_type])


def to_bytes(value: Any) -> bytes:
    """JSON bytes of a value made in Python."""
    return json.dumps(value, ensure_ascii=False).encode()


def loaded(value: dict[str, Any]) -> Document:
    """The value as it comes out of strict reading, numbers as Decimals."""
    return load_document(to_bytes(value))
