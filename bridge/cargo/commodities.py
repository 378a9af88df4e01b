"""Commodity codes: the first six digits are the world's, the rest is one side's own and never becomes the other's.

Hong Kong uses 8 digits, the mainland 8 of tariff, 10 with supervision and 13 with inspection; documents carry bare
digits. An 8-digit Hong Kong code and a 10-digit mainland code agree at most in their HS subheading, and only within
one HS edition. To pad or cut one into the other would declare goods that nobody classified, so no function here does.
"""

from __future__ import annotations

from bridge.cargo.schemes import SCHEMES, Kind
from bridge.errors import DecodeError, Reason

HS_DIGITS = 6
"""Digits of an HS subheading, the part all customs share."""

_SCHEME_BY_COUNTRY = {("HK", 8): "hs8-hk", ("CN", 8): "hs8-cn", ("CN", 10): "hs10-cn", ("CN", 13): "hs13-cn"}


def scheme_of(code: str, country: str | None = None) -> str:
    """[HS-1] The scheme of bare digits that a document gives, with the ISO 3166 country whose tariff they are from.

    Six digits are `hs6`. More are that country's scheme where it has one of that length, and `hs-national` otherwise: a
    length alone does not tell whose tariff it is. DecodeError INVALID_IDENTIFIER when it is no code of 6 to 16 digits.
    """
    compact = code.replace(" ", "").replace(".", "")
    scheme = (
        "hs6" if len(compact) == HS_DIGITS else _SCHEME_BY_COUNTRY.get((country or "", len(compact)), "hs-national")
    )
    form = SCHEMES[scheme].form
    if form is None or not form.fullmatch(compact):
        raise DecodeError(Reason.INVALID_IDENTIFIER, "a commodity code has 6 to 16 digits and a chapter", got=code)
    return scheme


def subheading(scheme: str, value: str) -> str:
    """[HS-2] The HS subheading, six digits, that a commodity code lies in; DecodeError INVALID_IDENTIFIER if it is
    none.
    """
    known = SCHEMES.get(scheme)
    if known is None or known.kind is not Kind.COMMODITY or known.form is None or not known.form.fullmatch(value):
        raise DecodeError(Reason.INVALID_IDENTIFIER, "not a commodity code", scheme=scheme, value=value)
    return value[:HS_DIGITS]


def is_equivalent(first: tuple[str, str], second: tuple[str, str]) -> bool:
    """[HS-2] [HS-3] True when two (scheme, value) codes agree as far as their schemes can be compared.

    Within one scheme that is the whole code; across schemes it is the HS subheading, which is all they share. Codes
    of one side's tariff in two lengths also compare by subheading only: supervision digits are no part of a tariff
    line.
    """
    if first[0] == second[0]:
        return subheading(*first) == subheading(*second) and first[1] == second[1]
    return subheading(*first) == subheading(*second)
