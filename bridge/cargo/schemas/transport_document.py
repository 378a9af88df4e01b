"""Transport documents (DCSA eBL 3.0.4): bills of lading, sea waybills, house bills, and shipping instructions.

What DCSA requires of each field. Rules between fields are in `transport_rules`.
"""

from __future__ import annotations

from bridge.cargo.schemas.common import (
    AMOUNT,
    BOOKING_NUMBER,
    CARGO_ITEMS,
    CHARGES,
    COMMODITY_CODE,
    CONTACT,
    COUNT,
    COUNTRY,
    CURRENCY,
    CUSTOMS_REFERENCES,
    DATE,
    DOCUMENT_NUMBER,
    EQUIPMENT,
    EQUIPMENT_REFERENCE,
    HANDOVER,
    LOCATION,
    MOVEMENT,
    PAYMENT_TERM,
    REEFER_SETTINGS,
    REFERENCE,
    REFERENCES,
    SEALS,
    parties,
)
from bridge.cargo.schemas.fields import Flag, Items, Kind, Text, fields, one_of

FLAG = Flag()

TRANSPORT_DOCUMENT_STATES = one_of(
    "DRAFT",
    "APPROVED",
    "ISSUED",
    "PENDING_SURRENDER_FOR_AMENDMENT",
    "SURRENDERED_FOR_AMENDMENT",
    "PENDING_SURRENDER_FOR_DELIVERY",
    "SURRENDERED_FOR_DELIVERY",
    "VOIDED",
)

_ROLES = (
    "shipper consignee endorsee issuingParty issueTo seller buyer carriersAgentAtDestination onBehalfOfShipper "
    "onBehalfOfConsignee onBehalfOfIssuingParty"
)

_CONSIGNMENT: dict[str, Kind] = {
    "carrierBookingReference!": BOOKING_NUMBER,
    "descriptionOfGoods!": Items(Text(35), least=1, most=150),
    "HSCodes!": Items(COMMODITY_CODE, least=1, most=100),
    "cargoItems!": CARGO_ITEMS,
    "shippingMarks": Items(Text(35), most=100),
    "nationalCommodityCodes": Items(
        fields({"type!": Text(10), "countryCode": COUNTRY, "values!": Items(Text(16), least=1)}), most=50
    ),
    "references": REFERENCES,
}

_EQUIPMENTS = Items(
    fields(
        {
            "equipment!": EQUIPMENT,
            "isShipperOwned!": FLAG,
            "seals!": SEALS,
            "isNonOperatingReefer": FLAG,
            "activeReeferSettings": REEFER_SETTINGS,
        }
    ),
    least=1,
)

_TRANSPORTS = fields(
    {
        "plannedDepartureDate!": DATE,
        "plannedArrivalDate!": DATE,
        "preCarriageBy": Text(50),
        "onCarriageBy": Text(50),
        "placeOfReceipt": LOCATION,
        "portOfLoading!": LOCATION,
        "portOfDischarge!": LOCATION,
        "placeOfDelivery": LOCATION,
        "onwardInlandRouting": LOCATION,
        "vesselVoyages!": Items(
            fields({"vesselName!": Text(50), "carrierExportVoyageNumber!": Text(50)}), least=1, most=20
        ),
    }
)

_BOTH: dict[str, Kind] = {
    "transportDocumentTypeCode!": one_of("BOL", "SWB"),
    "isShippedOnBoardType!": FLAG,
    "isElectronic!": FLAG,
    "isToOrder!": FLAG,
    "freightPaymentTermCode": PAYMENT_TERM,
    "numberOfOriginalsWithCharges": COUNT,
    "numberOfOriginalsWithoutCharges": COUNT,
    "numberOfCopiesWithCharges": COUNT,
    "numberOfCopiesWithoutCharges": COUNT,
    "invoicePayableAt!": LOCATION,
    "partyContactDetails!": Items(CONTACT, least=1, most=20),
    "customsReferences": CUSTOMS_REFERENCES,
    "references": REFERENCES,
    "serviceContractReference": Text(30),
    "shippingInstructionsReference": REFERENCE,
    "transportDocumentSubReference": REFERENCE,
}

TRANSPORT_DOCUMENT = fields(
    {
        **_BOTH,
        "transportDocumentReference!": DOCUMENT_NUMBER,
        "transportDocumentStatus!": TRANSPORT_DOCUMENT_STATES,
        "termsAndConditions!": Text(50_000),
        "receiptTypeAtOrigin!": HANDOVER,
        "deliveryTypeAtDestination!": HANDOVER,
        "cargoMovementTypeAtOrigin!": MOVEMENT,
        "cargoMovementTypeAtDestination!": MOVEMENT,
        "carrierCode!": Text(4),
        "carrierCodeListProvider!": one_of("SMDG", "NMFTA"),
        "transports!": _TRANSPORTS,
        "documentParties!": parties(_ROLES, required="shipper issuingParty"),
        "consignmentItems!": Items(fields(_CONSIGNMENT), least=1),
        "utilizedTransportEquipments!": _EQUIPMENTS,
        "shippedOnBoardDate": DATE,
        "receivedForShipmentDate": DATE,
        "issueDate": DATE,
        "placeOfIssue": LOCATION,
        "declaredValue": AMOUNT,
        "declaredValueCurrency": CURRENCY,
        "charges": CHARGES,
    }
)

SHIPPING_INSTRUCTION = fields(
    {
        **_BOTH,
        "transportDocumentReference": DOCUMENT_NUMBER,
        "documentParties!": parties(_ROLES, required="shipper"),
        "consignmentItems!": Items(fields(_CONSIGNMENT), least=1),
        "utilizedTransportEquipments!": Items(
            fields(
                {
                    "equipmentReference": EQUIPMENT_REFERENCE,
                    "equipment": EQUIPMENT,
                    "isShipperOwned!": FLAG,
                    "seals": SEALS,
                }
            ),
            least=1,
        ),
    }
)

HOUSE_BILL = fields(
    {
        "houseBillOfLadingReference!": REFERENCE,
        "transportDocumentReference": DOCUMENT_NUMBER,
        "isElectronic!": FLAG,
        "isToOrder!": FLAG,
        "issueDate": DATE,
        "shippedOnBoardDate": DATE,
        "receivedForShipmentDate": DATE,
        "placeOfIssue": LOCATION,
        "transports": _TRANSPORTS,
        "placeOfAcceptance": LOCATION,
        "placeOfFinalDelivery": LOCATION,
        "termsAndConditions": Text(50_000),
        "declaredValue": AMOUNT,
        "declaredValueCurrency": CURRENCY,
        "documentParties!": parties(_ROLES, required="shipper issuingParty"),
        "consignmentItems!": Items(
            fields({**_CONSIGNMENT, "carrierBookingReference!": BOOKING_NUMBER, "HSCodes!": Items(COMMODITY_CODE)}),
            least=1,
        ),
        "utilizedTransportEquipments": _EQUIPMENTS,
        "charges": CHARGES,
    }
)
