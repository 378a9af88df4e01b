"""Kinds that many tables share: parties, addresses, places, weights, codes and the checks on identifiers.

Lengths are DCSA's where DCSA has the field (eBL 3.0.4, BKG 2.0.5, TNT 3.0.0). Field names in the tables are DCSA's too,
also in the types of our own, so that one reader understands every document.
"""

from __future__ import annotations

import re
from decimal import Decimal

from bridge.cargo.commodities import scheme_of
from bridge.cargo.identifiers import check_identifier, equipment_identifier, normalise
from bridge.cargo.places import COUNTRIES, INTERNATIONAL_WATERS
from bridge.cargo.problems import Problem, Severity
from bridge.cargo.problems import error as problem
from bridge.cargo.schemas.fields import (
    Fields,
    Items,
    Kind,
    Number,
    Text,
    TextCheck,
    fields,
    is_date,
    is_date_time,
    one_of,
)
from bridge.errors import DecodeError, Reason

MAX_PARTY_NAME_CHARACTERS = 140
"""Longest party name. DCSA allows 70; legal names in both languages of this corridor need more."""

MAX_REFERENCE_CHARACTERS = 100
"""Longest reference of any kind, the most DCSA allows anywhere."""

MAX_TRANSPORT_DOCUMENT_REFERENCE_CHARACTERS = 20
"""Longest number of a bill of lading (DCSA)."""

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_EDGES = re.compile(r"\S(.*\S)?", re.DOTALL)


def identified(scheme: str, most: int, *, refuses: bool = True) -> Text:
    """Text that is an identifier of a scheme, in any spelling that `normalise` understands.

    With `refuses` false every problem is reported as a warning: for codes that published documents often get wrong.
    """

    def check(value: str) -> Problem | None:
        found = check_identifier(scheme, normalise(scheme, value))
        return found if found is None or refuses else Problem(Severity.WARNING, found.reason, found.detail)

    return Text(most, check=check)


def _equipment(value: str) -> Problem | None:
    """[SCH-5] A container number with a wrong check digit, or none at all, is a warning: DCSA allows other numbers."""
    found = check_identifier(*equipment_identifier(value))
    return None if found is None else Problem(Severity.WARNING, found.reason, found.detail)


def _place(value: str) -> Problem | None:
    """[SCH-4] A place code that is only unknown is a warning; one of no country at all names no place."""
    code = normalise("un-locode", value)
    if len(code) == 5 and code[:2].isalpha() and code[:2] not in COUNTRIES and code[:2] != INTERNATIONAL_WATERS:
        return problem(Reason.INVALID_IDENTIFIER, "the first two letters are no country of ISO 3166-1")
    return check_identifier("un-locode", code)


def _trimmed(value: str) -> Problem | None:
    """A reference begins and ends with a character that can be seen: its outer spaces would make another reference."""
    return None if _EDGES.fullmatch(value) else problem(Reason.INVALID_FIELD, "begins or ends with a space")


def _commodity_code(value: str) -> Problem | None:
    """[SCH-6] Digits of some tariff; which one, the document does not always say."""
    try:
        scheme_of(value)
    except DecodeError as refusal:
        return problem(refusal.reason, refusal.detail)
    return None


def matches(pattern: re.Pattern[str], detail: str) -> TextCheck:
    """A check that text is wholly of a form."""

    def check(value: str) -> Problem | None:
        return None if pattern.fullmatch(value) else problem(Reason.INVALID_FIELD, detail)

    return check


DATE = Text(10, check=is_date)
DATE_TIME = Text(40, check=is_date_time)
UUID = Text(36, check=matches(_UUID, "is not a UUID"))
REFERENCE = Text(MAX_REFERENCE_CHARACTERS, check=_trimmed)
DOCUMENT_NUMBER = Text(MAX_TRANSPORT_DOCUMENT_REFERENCE_CHARACTERS, check=_trimmed)
BOOKING_NUMBER = Text(35, check=_trimmed)
COUNTRY = identified("iso3166", 2)
CURRENCY = identified("iso4217", 3)
AMOUNT = Number(least=Decimal(0))
COUNT = Number(least=Decimal(0), whole=True)
COMMODITY_CODE = Text(16, least=6, check=_commodity_code)
EQUIPMENT_REFERENCE = Text(15, check=_equipment)
EQUIPMENT_TYPE = Text(4, check=matches(re.compile(r"[0-9A-Z]{4}"), "is not a 4-character ISO 6346 type code"))
PLACE_CODE = Text(5, check=_place)
SHIP_NUMBER = identified("imo", 8, refuses=False)
PARTY_FUNCTION = Text(3)
PAYMENT_TERM = one_of("PRE", "COL")
HANDOVER = one_of("CY", "SD", "CFS")
MOVEMENT = one_of("FCL", "LCL")

ADDRESS = fields(
    {
        "street": Text(70),
        "streetNumber": Text(50),
        "floor": Text(50),
        "postCode": Text(10),
        "POBox": Text(20),
        "city": Text(35),
        "stateRegion": Text(65),
        "countryCode": COUNTRY,
    }
)

LOCATION = fields(
    {
        "locationName": Text(100),
        "UNLocationCode": PLACE_CODE,
        "address": ADDRESS,
        "facility": fields({"facilityCode!": Text(11), "facilityCodeListProvider!": one_of("SMDG", "BIC")}),
    }
)

CONTACT = fields({"name!": Text(35), "phone": Text(30), "email": Text(100)})

NAME_IN_SCRIPT = fields({"script!": one_of("Hant", "Hans", "Latn"), "name!": Text(MAX_PARTY_NAME_CHARACTERS)})

_PARTY_FIELDS: dict[str, Kind] = {
    "partyName!": Text(MAX_PARTY_NAME_CHARACTERS),
    # Ours: DCSA has one name for a party and no field for its name in Chinese.
    "localNames": Items(NAME_IN_SCRIPT, least=1, most=8),
    "address": ADDRESS,
    "displayedAddress": Items(Text(35), most=6),
    "partyContactDetails": Items(CONTACT, most=20),
    "identifyingCodes": Items(
        fields({"codeListProvider!": Text(100), "codeListName": Text(100), "partyCode!": Text(150)}), most=20
    ),
    "taxLegalReferences": Items(
        fields({"type!": Text(50), "countryCode!": COUNTRY, "value!": Text(MAX_REFERENCE_CHARACTERS)}), most=20
    ),
    "reference": Text(35),
}

PARTY = fields(_PARTY_FIELDS)

PARTY_IN_FUNCTION = fields({"partyFunction!": PARTY_FUNCTION, **_PARTY_FIELDS})

OTHER_PARTIES = Items(fields({"party!": PARTY, "partyFunction!": PARTY_FUNCTION}), most=50)

WEIGHT = fields({"value!": AMOUNT, "unit!": one_of("KGM", "LBR")})

VOLUME = fields({"value!": AMOUNT, "unit!": one_of("MTQ", "FTQ", "LTR")})

SEALS = Items(fields({"number!": Text(15)}), most=50)

CHARGES = Items(
    fields(
        {
            "chargeName!": Text(50),
            "currencyAmount!": AMOUNT,
            "currencyCode!": CURRENCY,
            "paymentTermCode!": PAYMENT_TERM,
            "unitPrice": AMOUNT,
            "quantity": AMOUNT,
        }
    ),
    most=200,
)

CUSTOMS_REFERENCES = Items(
    fields({"type!": Text(50), "countryCode!": COUNTRY, "values!": Items(Text(MAX_REFERENCE_CHARACTERS), least=1)}),
    most=50,
)

DANGEROUS_GOODS = Items(
    fields(
        {
            "UNNumber": identified("un-number", 4),
            "NANumber": Text(4, least=4),
            "properShippingName!": Text(250),
            "imoClass!": Text(4),
            "packingGroup": Number(least=Decimal(1), whole=True),
            "EMSNumber": Text(7),
        }
    ),
    most=100,
)

PACKAGING = fields(
    {
        "packageCode": Text(2, least=2),
        "imoPackagingCode": Text(5),
        "numberOfPackages": COUNT,
        "description": Text(100),
        "dangerousGoods": DANGEROUS_GOODS,
    }
)

REEFER_SETTINGS = fields(
    {
        "temperatureSetpoint": Number(),
        "temperatureUnit": one_of("CEL", "FAH"),
        "airExchangeSetpoint": AMOUNT,
        "airExchangeUnit": one_of("MQH", "FQH"),
        "o2Setpoint": AMOUNT,
        "co2Setpoint": AMOUNT,
        "humiditySetpoint": AMOUNT,
    }
)

REFERENCES = Items(fields({"type!": Text(3), "value!": Text(MAX_REFERENCE_CHARACTERS)}), most=100)

CARGO_ITEMS = Items(
    fields(
        {
            "equipmentReference!": Text(15),
            "cargoGrossWeight!": WEIGHT,
            "cargoNetWeight": WEIGHT,
            "cargoGrossVolume": VOLUME,
            "outerPackaging": PACKAGING,
        }
    ),
    least=1,
)

EQUIPMENT = fields(
    {
        "equipmentReference!": EQUIPMENT_REFERENCE,
        "ISOEquipmentCode": EQUIPMENT_TYPE,
        "tareWeight": WEIGHT,
    }
)


def parties(roles: str, required: str = "") -> Fields:
    """A `documentParties` object: names of the roles that take one party, and of those that must be there."""
    needed = required.split()
    table = {role + ("!" if role in needed else ""): PARTY for role in roles.split()}
    return fields({**table, "notifyParties": Items(PARTY, most=20), "other": OTHER_PARTIES})
