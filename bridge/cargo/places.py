"""UN/LOCODE places: the form of a code, and which codes of Hong Kong and Shanghai name one port.

A whole code table is not ours to keep. Two rules of the corridor need a table: Shanghai's port goes by several codes,
and Hong Kong's areas have codes with digits. Which code is canonical, and why (sources: trade documents of SMDG,
UN/LOCODE):

- CNSGH is the entry of Shanghai as a city and sea port, hence canonical. CNSHA is the entry of the airport, which
  much shipping software uses for the port; CNSHG is a second port entry that terminal lists give as an alias. Both
  are *equivalent* to CNSGH.
- CNWIG and CNWGQ both name Waigaoqiao; CNWIG is canonical, being the one that the table files under Shanghai.
- Waigaoqiao, Yangshan (CNYSN), Pudong (CNPDG) and the airports are *part of* Shanghai and are never replaced by it: a
  consignee who reads Shanghai for Yangshan sends the truck to the wrong shore.
- HKHKG is the port of Hong Kong; its other HK codes are parts of it. CNHKG stands in one public table and is nobody's
  code.
"""

from __future__ import annotations

import re
from types import MappingProxyType

from bridge.cargo.problems import Problem, error, warning
from bridge.errors import Reason

UN_LOCODE = re.compile(r"[A-Z]{2}[A-Z2-9]{3}", re.ASCII)
"""Country, then three letters or digits 2 to 9: UN/LOCODE leaves out 0 and 1 because they look like letters."""

SHANGHAI = "CNSGH"
HONG_KONG = "HKHKG"

ALIASES = MappingProxyType({"CNSHA": SHANGHAI, "CNSHG": SHANGHAI, "CNWGQ": "CNWIG"})
"""Code -> the canonical code of the same place."""

PART_OF = MappingProxyType({"CNWIG": SHANGHAI, "CNYSN": SHANGHAI, "CNPDG": SHANGHAI, "CNPVG": "CNPDG"})
"""Canonical code -> the place it lies in; being part of a place is not being that place."""

_HONG_KONG_CODES = (
    "HK8ST HK8TT HK9CK HK9FL HK9HH HK9HT HK9HV HK9KT HK9LM HK9LT HK9LY HK9ML HK9MO HK9NC HK9RP HK9SK "
    "HK9SP HK9ST HK9TH HK9TK HK9TT HK9TW HK9WF HK9WT HK9YM HK9YT HKABD HKALC HKCHW HKCL4 HKCSW HKCWB "
    "HKFOT HKGOM HKHKC HKHKG HKKCO HKKTZ HKKWN HKLAM HKLCK HKMKK HKMLV HKMUN HKMWN HKNPT HKPFL HKQBY "
    "HKSGS HKSHW HKSKK HKSSP HKSTN HKSTT HKTKO HKTKT HKTKW HKTLS HKTNO HKTOL HKTPO HKTSI HKTST HKTSW "
    "HKVIC HKWNI HKWON HKWTS HKYUE HKZTW"
)
HONG_KONG_CODES = frozenset(_HONG_KONG_CODES.split())
"""Every code of Hong Kong (improved-un-locodes, public domain)."""

NOT_PLACES = MappingProxyType({"CNHKG": HONG_KONG})
"""Codes that are written by mistake -> what is usually meant; they are remarked on, never corrected silently."""

_COUNTRIES = (
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT "
    "BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH "
    "ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT "
    "HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS "
    "LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI "
    "NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG "
    "SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG "
    "UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW"
)
COUNTRIES = frozenset(_COUNTRIES.split())
"""ISO 3166-1 alpha-2; an unlisted one is remarked on, because the list outlives no edition."""

INTERNATIONAL_WATERS = "XZ"
"""Country part of the UN/LOCODE entries for installations in international waters."""


def check_place_code(code: str) -> Problem | None:
    """[PLACE-1] What is wrong with a UN/LOCODE in compact form: a bad form is an error, an unknown code a warning."""
    if not UN_LOCODE.fullmatch(code):
        return error(Reason.INVALID_IDENTIFIER, "a UN/LOCODE is two letters, then three letters or digits 2 to 9")
    if code in NOT_PLACES:
        return warning(Reason.INVALID_IDENTIFIER, f"not an entry of UN/LOCODE; {NOT_PLACES[code]} may be meant")
    if code[:2] == "HK" and code not in HONG_KONG_CODES:
        return warning(Reason.INVALID_IDENTIFIER, "not a known place of Hong Kong")
    if code[:2] not in COUNTRIES and code[:2] != INTERNATIONAL_WATERS:
        return warning(Reason.INVALID_IDENTIFIER, "the first two letters are no country of ISO 3166-1")
    return None


def canonical_place(code: str) -> str:
    """[PLACE-2] The one code under which a place is compared; the code itself where no other names the place."""
    return ALIASES.get(code, code)


def is_same_place(code: str, other: str) -> bool:
    """[PLACE-2] True when two codes name one place, such as CNSHA and CNSGH."""
    return canonical_place(code) == canonical_place(other)


def is_part_of(code: str, whole: str) -> bool:
    """[PLACE-3] True when `code` lies in `whole` and is not it, such as CNYSN in CNSHA, or HK9CK in HKHKG."""
    place, wanted = canonical_place(code), canonical_place(whole)
    if wanted == HONG_KONG:
        return place != HONG_KONG and place in HONG_KONG_CODES
    while place in PART_OF:
        place = PART_OF[place]
        if place == wanted:
            return True
    return False
