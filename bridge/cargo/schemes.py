"""The closed list of identifier schemes: for each its compact form, what it names, who uses it and how it is checked.

Check digits are computed by python-stdnum; the forms are ours, because the library also takes full-width digits,
letters that are no letters of the scheme, and numbers of any length. What a value *means*, and how two relate, is
said in `places` and `commodities`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from stdnum import imo, iso6346
from stdnum.cn import uscc
from stdnum.iso7064 import mod_97_10

from bridge.cargo.places import COUNTRIES, UN_LOCODE, check_place_code
from bridge.cargo.problems import Problem, error, warning
from bridge.errors import Reason

MAX_IDENTIFIER_CHARACTERS = 100
"""Longest identifier in characters: the longest reference DCSA allows. Longer ones are refused before anything looks
at them.
"""


class Kind(StrEnum):
    """What an identifier names; only identifiers of one kind can name the same thing."""

    PARTY = "party"
    EQUIPMENT = "equipment"
    VESSEL = "vessel"
    PLACE = "place"
    COMMODITY = "commodity"
    DOCUMENT = "document"
    CODE = "code"


@dataclass(frozen=True, slots=True)
class Scheme:
    """One scheme.

    `country` is the ISO 3166 code of the side whose registers use it, "" for schemes the world shares, and None where
    a value means nothing outside the ledger or platform that gave it. `separators` are characters people write
    between the parts; `folds_case` is False where case carries meaning. `form` is None for free text.
    """

    name: str
    kind: Kind
    form: re.Pattern[str] | None
    country: str | None = ""
    separators: str = " "
    folds_case: bool = True
    check: Callable[[str], Problem | None] | None = None
    only_warns: bool = False


USCC_FORM = re.compile(r"[0-9A-HJ-NPQRTUWXY]{2}[0-9]{6}[0-9A-HJ-NPQRTUWXY]{10}", re.ASCII)
ISO6346_FORM = re.compile(r"[A-Z]{3}[UJZ][0-9]{7}", re.ASCII)
"""Owner, category U, J or Z, serial, check digit. Category R, which stdnum takes, is not in the standard: scheme
`equipment`.
"""

MEMBER_FORM = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
"""RFC 1034 label in lower case, 1 to 63 characters."""

REGIONS = frozenset(
    "10 11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65 71 81 82".split()  # noqa: SIM905 -- a table reads better as words
)
"""First two digits of GB/T 2260 region codes; 10 is the state itself."""

INCOTERMS_2020 = frozenset("EXW FCA CPT CIP DAP DPU DDP FAS FOB CFR CIF".split())  # noqa: SIM905 -- as above

REFERENCE_KINDS = (
    "booking",
    "transport-document",
    "house-bill",
    "shipping-instruction",
    "arrival-notice",
    "transport-event",
    "delivery-order",
    "manifest",
    "export-declaration",
    "import-declaration",
    "customs",
    "certificate-of-origin",
    "licence",
    "invoice",
    "packing-list",
    "purchase-order",
    "contract",
    "letter-of-credit",
    "insurance",
    "warehouse-receipt",
    "inspection",
    "seal",
    "shipper",
    "consignee",
    "freight-forwarder",
    "customer",
    "equipment",
    "other",
)
"""Kinds of document a reference may point at; schemes `reference:<kind>`."""

PARTY_CODE_PROVIDERS = (
    "wave",
    "carx",
    "edox",
    "iqax",
    "essd",
    "idt",
    "eteu",
    "bole",
    "trgo",
    "secr",
    "epiu",
    "dcsa",
    "smdg",
    "zzz",
)
"""Platforms and lists that give parties codes of their own (DCSA code lists; zzz: agreed between parties); `party-
code:<provider>`.
"""


def _check_uscc(value: str) -> Problem | None:
    # calc_check_digit, not validate: validate wants eight leading digits and so refuses village and township
    # collectives (N...).
    if uscc.calc_check_digit(value[:17]) != value[17]:
        return error(Reason.CHECK_DIGIT_WRONG, "the last character does not fit the rest (GB 32100)")
    if value[2:4] not in REGIONS:
        return warning(Reason.INVALID_IDENTIFIER, "no region has this code (GB/T 2260)")
    return None


def _check_lei(value: str) -> Problem | None:
    if mod_97_10.checksum(value) != 1:
        return error(Reason.CHECK_DIGIT_WRONG, "the last two digits do not fit the rest (ISO 17442)")
    return None


def _check_container(value: str) -> Problem | None:
    # A remainder of 10 is written 0; ISO 6346 advises against such serials, yet they are painted on boxes, so 0 passes.
    if iso6346.calc_check_digit(value[:10]) != value[10]:
        return warning(Reason.CHECK_DIGIT_WRONG, "the last digit does not fit the rest (ISO 6346)")
    return None


def _check_equipment(value: str) -> Problem | None:
    if ISO6346_FORM.fullmatch(value):
        return error(Reason.INVALID_IDENTIFIER, "a number in the form of ISO 6346 belongs in that scheme")
    return warning(Reason.INVALID_IDENTIFIER, "not a number in the form of ISO 6346")


def _check_imo(value: str) -> Problem | None:
    if imo.calc_check_digit(value[:6]) != value[6]:
        return warning(Reason.CHECK_DIGIT_WRONG, "the last digit does not fit the rest (IMO ship number)")
    return None


def _check_terminal(value: str) -> Problem | None:
    return check_place_code(value[:5])


def _check_country(value: str) -> Problem | None:
    return None if value in COUNTRIES else warning(Reason.INVALID_IDENTIFIER, "no country of ISO 3166-1 has this code")


def _check_currency(value: str) -> Problem | None:
    if value in ("CNH", "RMB"):
        return error(Reason.INVALID_IDENTIFIER, "not in ISO 4217: write CNY and name the market beside it")
    return None


def _check_incoterm(value: str) -> Problem | None:
    return None if value in INCOTERMS_2020 else error(Reason.INVALID_IDENTIFIER, "not a rule of Incoterms 2020")


def _form(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.ASCII)


_DASHED = " -"

_LIST = (
    # Parties.
    Scheme("hk-ubi", Kind.PARTY, _form(r"[0-9]{8}"), "HK", _DASHED),
    Scheme("hk-brn", Kind.PARTY, _form(r"[0-9]{8}-[0-9]{3}"), "HK"),
    Scheme("hk-dummy-brn", Kind.PARTY, _form(r"[A-Z][0-9]{7}"), "HK", _DASHED),
    Scheme("hk-cr", Kind.PARTY, _form(r"F?[0-9]{7}"), "HK", _DASHED),
    Scheme("uscc", Kind.PARTY, USCC_FORM, "CN", _DASHED, check=_check_uscc),
    Scheme("cn-customs-enterprise", Kind.PARTY, _form(r"[0-9]{4}[0-9A-Z]{6}"), "CN"),
    Scheme("lei", Kind.PARTY, _form(r"[0-9A-Z]{18}[0-9]{2}"), separators=_DASHED, check=_check_lei),
    Scheme("duns", Kind.PARTY, _form(r"[0-9]{9}"), separators=_DASHED),
    Scheme("did", Kind.PARTY, _form(r"did:[a-z0-9]+:[A-Za-z0-9._:%-]+"), separators="", folds_case=False),
    Scheme("member", Kind.PARTY, MEMBER_FORM, None, "", folds_case=False),
    Scheme("smdg-carrier", Kind.PARTY, _form(r"[A-Z0-9]{3}")),
    Scheme("scac", Kind.PARTY, _form(r"[A-Z]{2,4}")),
    *(Scheme(f"party-code:{name}", Kind.PARTY, None, folds_case=False) for name in PARTY_CODE_PROVIDERS),
    # Equipment, vessels, places.
    Scheme("iso6346", Kind.EQUIPMENT, ISO6346_FORM, separators=_DASHED, check=_check_container, only_warns=True),
    Scheme("equipment", Kind.EQUIPMENT, _form(r"[A-Z0-9]([A-Z0-9./_-]{0,18}[A-Z0-9])?"), check=_check_equipment),
    Scheme("imo", Kind.VESSEL, _form(r"[0-9]{7}"), check=_check_imo, only_warns=True),
    Scheme("mmsi", Kind.VESSEL, _form(r"[0-9]{9}")),
    Scheme("un-locode", Kind.PLACE, UN_LOCODE, check=check_place_code, only_warns=True),
    Scheme(
        "smdg-terminal", Kind.PLACE, _form(r"[A-Z]{2}[A-Z2-9]{3}:[A-Z0-9]{1,6}"), check=_check_terminal, only_warns=True
    ),
    Scheme(
        "bic-facility", Kind.PLACE, _form(r"[A-Z]{2}[A-Z2-9]{3}[A-Z0-9]{4}"), check=_check_terminal, only_warns=True
    ),
    # Commodities: digits only, and no chapter 00.
    Scheme("hs6", Kind.COMMODITY, _form(r"(?!00)[0-9]{6}"), separators=" ."),
    Scheme("hs8-hk", Kind.COMMODITY, _form(r"(?!00)[0-9]{8}"), "HK", " ."),
    Scheme("hs8-cn", Kind.COMMODITY, _form(r"(?!00)[0-9]{8}"), "CN", " ."),
    Scheme("hs10-cn", Kind.COMMODITY, _form(r"(?!00)[0-9]{10}"), "CN", " ."),
    Scheme("hs13-cn", Kind.COMMODITY, _form(r"(?!00)[0-9]{13}"), "CN", " ."),
    Scheme("hs-national", Kind.COMMODITY, _form(r"(?!00)[0-9]{7,16}"), None, " ."),
    # Documents.
    Scheme("customs-declaration-cn", Kind.DOCUMENT, _form(r"[0-9]{4}20[0-9]{2}[01IE][0-9A-Z]{9}"), "CN"),
    *(Scheme(f"reference:{name}", Kind.DOCUMENT, None, separators="", folds_case=False) for name in REFERENCE_KINDS),
    # Codes.
    Scheme("iso3166", Kind.CODE, _form(r"[A-Z]{2}"), check=_check_country, only_warns=True),
    Scheme("iso4217", Kind.CODE, _form(r"[A-Z]{3}"), check=_check_currency),
    Scheme("incoterms-2020", Kind.CODE, _form(r"[A-Z]{3}"), check=_check_incoterm),
    Scheme("un-number", Kind.CODE, _form(r"[0-9]{4}")),
)

SCHEMES = MappingProxyType({scheme.name: scheme for scheme in _LIST})
"""Every scheme by name. A country's own scheme does not turn foreign values away: it says whose register gave them."""

ISSUER_SCHEMES = frozenset({"member", "smdg-carrier", "scac", "lei", "uscc", "hk-ubi", "hk-brn"})
"""Schemes that may name a record's issuer in its key: registers and lists in which a code has one owner."""
