"""Transport events in the three published forms of DCSA track and trace: 2.2, 3.0 beta and 3.0.

2.2 is one flat object; the beta wraps it into `metadata` and `payload`, and a retraction is metadata alone; 3.0 sorts
the fields into parts. All are in use, so a document keeps its form and only its form's table judges it.
"""

from __future__ import annotations

from typing import Any

from bridge.cargo.schemas.common import (
    DATE_TIME,
    EQUIPMENT_REFERENCE,
    LOCATION,
    PLACE_CODE,
    REFERENCE,
    SHIP_NUMBER,
    UUID,
)
from bridge.cargo.schemas.fields import Fields, Flag, Items, Kind, Text, fields, one_of

CLASSIFIERS = one_of("PLN", "EST", "ACT", "REQ")

SHIPMENT_EVENTS = one_of(
    "AMCF AMCN AMDC AMPR AMRE APPR CACF CADC CANC CARE CMPL CONF DECL DRFT HOLD ISSU PENA PENC PENM PENU PSAM PSDL",
    "RECE REJE RELS REQS SUAM SUBM SUDL SURR UPCF UPCN UPDC UPDT UPRE VOID",
)

DOCUMENT_TYPES = one_of(
    "AMF ARN BKG CAS CBR CEA CEO CQU CRO CUC CUS DEI DEO DGD FCE HCE ICE INV OOG PCE PFD SHI SRM TRD TRO VCE VGM"
)

EQUIPMENT_EVENTS = one_of("AVDO AVPU CROS CUSI CUSR CUSS DISC DROP GTIN GTOT INSP LOAD PICK RMVD RSEA STRP STUF")

TRANSPORT_EVENTS = one_of("ARRI", "DEPA", "OMIT")

FILLING = one_of("EMPTY", "LADEN")

MODES = one_of("VESSEL", "RAIL", "TRUCK", "BARGE")

_VESSEL = fields({"vesselIMONumber": SHIP_NUMBER, "vesselName": Text(50), "name": Text(50)})

_CALL = fields(
    {
        "transportCallID": Text(100),
        "transportCallReference": Text(100),
        "modeOfTransport": MODES,
        "UNLocationCode": PLACE_CODE,
        "location": LOCATION,
        "vessel": _VESSEL,
        "exportVoyageNumber": Text(50),
        "importVoyageNumber": Text(50),
        "carrierExportVoyageNumber": Text(50),
        "carrierImportVoyageNumber": Text(50),
    }
)

_PLACE = fields({"UNLocationCode": PLACE_CODE, "locationName": Text(100)})

_HAPPENING: dict[str, Kind] = {
    "eventClassifierCode!": CLASSIFIERS,
    "eventDateTime!": DATE_TIME,
    "equipmentReference": EQUIPMENT_REFERENCE,
    "emptyIndicatorCode": FILLING,
    "isTransshipmentMove": Flag(),
    "transportCall": _CALL,
    "eventLocation": _PLACE,
    "location": _PLACE,
    "documentID": REFERENCE,
    "documentReference": REFERENCE,
    "documentTypeCode": DOCUMENT_TYPES,
}

_CODES: dict[str, dict[str, Kind]] = {
    "TRANSPORT": {"transportEventTypeCode!": TRANSPORT_EVENTS, "transportCall!": _CALL},
    "SHIPMENT": {"shipmentEventTypeCode!": SHIPMENT_EVENTS, "documentTypeCode!": DOCUMENT_TYPES},
    "EQUIPMENT": {"equipmentEventTypeCode!": EQUIPMENT_EVENTS},
    "REEFER": {},
    "IOT": {},
}

_EVENT_TYPE = one_of(*_CODES)

_IDENTITY: dict[str, Kind] = {"eventID!": UUID, "eventCreatedDateTime!": DATE_TIME, "eventType!": _EVENT_TYPE}

_FLAT = {name: fields({**_IDENTITY, **_HAPPENING, **codes}) for name, codes in _CODES.items()}

_METADATA = fields(
    {
        **_IDENTITY,
        "retractedEventID": UUID,
        "publisher!": fields({"partyName": Text(100), "carrierCode": Text(4), "carrierCodeListProvider": Text(5)}),
        "publisherRole!": Text(3),
    }
)

_WRAPPED = {
    name: fields({"metadata!": _METADATA, "payload!": fields({**_HAPPENING, **codes})})
    for name, codes in _CODES.items()
}

_RETRACTION = fields({"metadata!": _METADATA})

_DOCUMENT_REFERENCE = fields({"typeCode!": DOCUMENT_TYPES, "reference!": REFERENCE})

_CODES_3: dict[str, dict[str, Kind]] = {
    "TRANSPORT": {"transportEventTypeCode!": TRANSPORT_EVENTS},
    "SHIPMENT": {"shipmentEventTypeCode!": SHIPMENT_EVENTS},
    "EQUIPMENT": {"equipmentEventTypeCode!": EQUIPMENT_EVENTS},
    "REEFER": {"reeferEventTypeCode!": Text(4)},
    "IOT": {"iotEventTypeCode!": Text(4)},
}

_DETAILS = {
    "TRANSPORT": "transportDetails",
    "SHIPMENT": "shipmentDetails",
    "EQUIPMENT": "equipmentDetails",
    "REEFER": "reeferDetails",
    "IOT": "iotDetails",
}

_PARTS: dict[str, Kind] = {
    "shipmentDetails": fields(
        {
            "documentReference!": _DOCUMENT_REFERENCE,
            "additionalDocumentReferences": Items(_DOCUMENT_REFERENCE, most=100),
        }
    ),
    "equipmentDetails": fields({"equipmentReference": EQUIPMENT_REFERENCE, "emptyIndicatorCode": FILLING}),
    "transportDetails": fields(
        {
            "transportCall!": fields(
                {
                    "transportCallReference": Text(100),
                    "modeOfTransport": MODES,
                    "vesselTransport": _VESSEL,
                }
            )
        }
    ),
    "reeferDetails": fields({}),
    "iotDetails": fields({}),
}


def _event_3(kind: str) -> Fields:
    return fields(
        {
            "eventID!": REFERENCE,
            "eventDateTime!": DATE_TIME,
            "eventUpdatedDateTime!": DATE_TIME,
            "eventRouting!": fields(
                {
                    "originatingParty!": fields(
                        {
                            "partyCode!": Text(150),
                            "codeListProvider!": Text(100),
                            "codeListName": Text(100),
                            "partyFunction": Text(3),
                        }
                    )
                }
            ),
            "eventClassification!": fields(
                {"eventTypeCode!": _EVENT_TYPE, "eventClassifierCode!": CLASSIFIERS, **_CODES_3[kind]}
            ),
            "eventLocation": LOCATION,
            **{name + ("!" if name == _DETAILS[kind] else ""): part for name, part in _PARTS.items()},
        }
    )


_SORTED = {kind: _event_3(kind) for kind in _CODES_3}


def is_event(value: dict[str, Any]) -> bool:
    """Whether an object has the shape of an event in any of the three forms, whatever is wrong inside."""
    metadata = value.get("metadata")
    if type(metadata) is dict:
        return "eventType" in metadata
    return "eventType" in value or "eventClassification" in value


def event_table(value: dict[str, Any]) -> Fields:
    """[EVT-1] The table of the event's form and type; an unknown type is judged as a shipment event, and refused."""
    if "eventClassification" in value:
        classification = value["eventClassification"]
        kind = classification.get("eventTypeCode") if type(classification) is dict else None
        return _SORTED[_known(kind)]
    metadata = value.get("metadata")
    if type(metadata) is not dict:
        return _FLAT[_known(value.get("eventType"))]
    if "payload" not in value and "retractedEventID" in metadata:
        return _RETRACTION
    return _WRAPPED[_known(metadata.get("eventType"))]


def _known(kind: object) -> str:
    return kind if type(kind) is str and kind in _CODES else "SHIPMENT"
