"""Bookings (DCSA BKG 2.0.5) and arrival notices (DCSA AN 1.0.0): what is needed of each field."""

from __future__ import annotations

from bridge.cargo.schemas.common import (
    BOOKING_NUMBER,
    CHARGES,
    COMMODITY_CODE,
    CONTACT,
    COUNT,
    DATE,
    DATE_TIME,
    DOCUMENT_NUMBER,
    EQUIPMENT,
    EQUIPMENT_TYPE,
    HANDOVER,
    LOCATION,
    MOVEMENT,
    PACKAGING,
    PARTY_IN_FUNCTION,
    PAYMENT_TERM,
    REEFER_SETTINGS,
    REFERENCE,
    REFERENCES,
    SEALS,
    SHIP_NUMBER,
    WEIGHT,
    identified,
    parties,
)
from bridge.cargo.schemas.fields import Flag, Items, Text, fields, one_of

BOOKING = fields(
    {
        "carrierBookingReference": BOOKING_NUMBER,
        "carrierBookingRequestReference": REFERENCE,
        "carrierCode": Text(4),
        "carrierCodeListProvider": one_of("SMDG", "NMFTA"),
        "receiptTypeAtOrigin!": HANDOVER,
        "deliveryTypeAtDestination!": HANDOVER,
        "cargoMovementTypeAtOrigin!": MOVEMENT,
        "cargoMovementTypeAtDestination!": MOVEMENT,
        "isEquipmentSubstitutionAllowed!": Flag(),
        "freightPaymentTermCode": PAYMENT_TERM,
        "serviceContractReference": Text(30),
        "vessel": fields({"name": Text(50), "vesselIMONumber": SHIP_NUMBER}),
        "carrierExportVoyageNumber": Text(50),
        "expectedDepartureDate": DATE,
        "expectedArrivalAtPlaceOfDeliveryStartDate": DATE,
        "expectedArrivalAtPlaceOfDeliveryEndDate": DATE,
        "incoTerms": identified("incoterms-2020", 3),
        "references": REFERENCES,
        "documentParties!": parties(
            "bookingAgent shipper consignee serviceContractOwner carrierBookingOffice", required="bookingAgent"
        ),
        "shipmentLocations!": Items(
            fields({"location!": LOCATION, "locationTypeCode!": one_of("PRE", "POL", "POD", "PDE", "PCF", "OIR")}),
            least=2,
            most=20,
        ),
        "requestedEquipments!": Items(
            fields(
                {
                    "ISOEquipmentCode!": EQUIPMENT_TYPE,
                    "units!": COUNT,
                    "isShipperOwned!": Flag(),
                    "activeReeferSettings": REEFER_SETTINGS,
                    "commodities": Items(
                        fields(
                            {
                                "commodityType!": Text(550),
                                "HSCodes": Items(COMMODITY_CODE, most=100),
                                "cargoGrossWeight": WEIGHT,
                                "outerPackaging": PACKAGING,
                            }
                        ),
                        most=100,
                    ),
                }
            ),
            least=1,
        ),
    }
)

ARRIVAL_NOTICE = fields(
    {
        "issueDateTime!": DATE_TIME,
        "carrierCode!": Text(4),
        "carrierCodeListProvider!": one_of("SMDG", "NMFTA"),
        "carrierContactInformation": Items(CONTACT, most=20),
        "transportDocumentReference!": DOCUMENT_NUMBER,
        "transportDocumentSubReference": REFERENCE,
        "deliveryTypeAtDestination": HANDOVER,
        "documentParties!": Items(PARTY_IN_FUNCTION, least=1, most=50),
        "transport!": fields(
            {
                "placeOfReceipt": LOCATION,
                "portOfLoading": LOCATION,
                "portOfDischarge!": LOCATION,
                "placeOfDelivery": LOCATION,
                "portOfDischargeArrivalDate!": fields({"value!": DATE, "classifier": one_of("PLN", "EST", "ACT")}),
                "legs": Items(
                    fields(
                        {
                            "vesselVoyage": fields(
                                {
                                    "vesselName": Text(50),
                                    "vesselIMONumber": SHIP_NUMBER,
                                    "carrierImportVoyageNumber": Text(50),
                                }
                            )
                        }
                    ),
                    most=20,
                ),
            }
        ),
        "utilizedTransportEquipments!": Items(fields({"equipment!": EQUIPMENT, "seals": SEALS}), least=1),
        "consignmentItems!": Items(
            fields(
                {
                    "descriptionOfGoods!": Items(Text(35), least=1, most=150),
                    "HSCodes": Items(COMMODITY_CODE, most=100),
                    "cargoItems!": Items(
                        fields(
                            {
                                "equipmentReference!": Text(15),
                                "cargoGrossWeight": WEIGHT,
                                "outerPackaging": PACKAGING,
                            }
                        ),
                        least=1,
                    ),
                }
            ),
            least=1,
        ),
        "freeTimes": Items(fields({"duration!": COUNT, "timeUnit!": Text(3)}), most=50),
        "charges": CHARGES,
    }
)
