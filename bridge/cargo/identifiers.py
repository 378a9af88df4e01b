"""Identifiers at the door: bring a value into its scheme's compact form, and say what is wrong with it.

An identifier is compared as text, so each has exactly one spelling here: ASCII, upper case where the scheme has no
case, no separators. People's spellings are normalised where a document is read; what is signed must be compact
already.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from bridge.cargo.problems import Problem, Severity, error
from bridge.cargo.schemes import ISO6346_FORM, MAX_IDENTIFIER_CHARACTERS, SCHEMES, Kind, Scheme
from bridge.errors import DecodeError, Reason
from bridge.wire import require_text

__all__ = [
    "SCHEMES",
    "Kind",
    "Problem",
    "Severity",
    "check_identifier",
    "equipment_identifier",
    "normalise",
    "require_identifier",
]

CHECKED_IDENTIFIERS = 16_384
"""Verdicts kept in memory, in identifiers: parties and ports repeat from record to record; about 4 MiB a memory."""

FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
"""Full-width forms of ASCII, and the ideographic space, to ASCII: an input method decides which of them a person
types.
"""

_LOWER_TO_UPPER = {code: code - 32 for code in range(ord("a"), ord("z") + 1)}
# str.upper() is not used: it turns dotless i and long s, which are other letters, into I and S.

_BRN_CERTIFICATE = re.compile(r"([0-9]{8}-[0-9]{3})-[0-9]{2}-[0-9]{2}-[0-9A-Z]", re.ASCII)
"""Number and branch, then month, year and class of the certificate, which change with every renewal."""


def normalise(scheme: str, value: str) -> str:
    """[ID-2] The value in the scheme's compact form; a value that cannot be valid comes back as near to it as may be.

    Full-width ASCII becomes ASCII, letters become upper case where the scheme has no case, separators and outer
    spaces go. "IMO " before a ship number and the renewal part of a business registration certificate go too; its
    branch stays. DecodeError SCHEME_UNKNOWN for a scheme that is not in the list.
    """
    known = SCHEMES.get(scheme)
    if known is None:
        raise DecodeError(Reason.SCHEME_UNKNOWN, "no such identifier scheme", scheme=scheme[:MAX_IDENTIFIER_CHARACTERS])
    return _compact(known, value)


def check_identifier(scheme: str, value: str) -> Problem | None:
    """[ID-1] [ID-3] What is wrong with a value, or None. Never raises, whatever it is given.

    The value is judged as it stands: one that `normalise` would change is an error, since two spellings of one
    identifier would be two identifiers. SCHEME_UNKNOWN and INVALID_IDENTIFIER are errors; CHECK_DIGIT_WRONG is an
    error for USCC and LEI and a warning for containers and ships; an unknown place, country or region code is a
    warning.
    """
    if not isinstance(scheme, str) or not isinstance(value, str):
        return error(Reason.INVALID_IDENTIFIER, "an identifier is text")  # type: ignore[unreachable]
    if len(scheme) > MAX_IDENTIFIER_CHARACTERS or len(value) > MAX_IDENTIFIER_CHARACTERS:
        return error(Reason.INVALID_IDENTIFIER, f"an identifier has at most {MAX_IDENTIFIER_CHARACTERS} characters")
    return _checked(scheme, value)


@lru_cache(maxsize=CHECKED_IDENTIFIERS)
def require_identifier(scheme: str, value: str) -> str:
    """[ID-1] The value when nothing refuses it.

    DecodeError INVALID_IDENTIFIER, CHECK_DIGIT_WRONG or SCHEME_UNKNOWN otherwise. Refusals are not remembered.
    """
    known = SCHEMES.get(scheme)
    if known is not None and known.only_warns and known.form is not None and known.form.fullmatch(value):
        return value
    problem = check_identifier(scheme, value)
    if problem is not None and problem.severity is Severity.ERROR:
        raise DecodeError(problem.reason, problem.detail, scheme=scheme[:40], value=value[:40])
    return value


def equipment_identifier(reference: str) -> tuple[str, str]:
    """[ID-4] Scheme and compact value of a number painted on equipment: `iso6346` by its form, whatever its check
    digit, else `equipment`.
    """
    value = normalise("iso6346", reference)
    return ("iso6346", value) if ISO6346_FORM.fullmatch(value) else ("equipment", normalise("equipment", reference))


@lru_cache(maxsize=CHECKED_IDENTIFIERS)
def _checked(scheme: str, value: str) -> Problem | None:
    known = SCHEMES.get(scheme)
    if known is None:
        return error(Reason.SCHEME_UNKNOWN, "no such identifier scheme")
    if known.form is None:
        return _check_text(known, value)
    if not known.form.fullmatch(value):
        compact = _compact(known, value)
        if compact != value and known.form.fullmatch(compact):
            return error(Reason.INVALID_IDENTIFIER, f"not in compact form, which is {compact}")
        return error(Reason.INVALID_IDENTIFIER, f"not in the form of {scheme}")
    return known.check(value) if known.check is not None else None


def _check_text(scheme: Scheme, value: str) -> Problem | None:
    """[ID-5] Free text has no look-alike twins: printable, NFC, no outer, double or foreign spaces, no full-width
    ASCII.
    """
    if value.isascii() and value.isprintable() and value == " ".join(value.split()) and value:
        return None
    try:
        require_text(value, scheme.name, most=MAX_IDENTIFIER_CHARACTERS)
    except DecodeError as refusal:
        return error(Reason.INVALID_IDENTIFIER, refusal.detail)
    if not value.isascii() and any(unicodedata.category(char) == "Zs" and char != " " for char in value):
        return error(Reason.INVALID_IDENTIFIER, "a space other than U+0020")
    if _compact(scheme, value) != value:
        return error(Reason.INVALID_IDENTIFIER, "not in compact form: outer or double spaces, or full-width characters")
    return None


def _compact(scheme: Scheme, value: str) -> str:
    text = value if value.isascii() else value.translate(FULL_WIDTH)
    if scheme.folds_case:
        text = text.translate(_LOWER_TO_UPPER)
    if scheme.form is None:
        return " ".join(part for part in text.split(" ") if part)
    text = text.strip(" ")
    for separator in scheme.separators:
        text = text.replace(separator, "")
    if scheme.name == "imo":
        return text.removeprefix("IMO")
    if scheme.name == "hk-brn" and (certificate := _BRN_CERTIFICATE.fullmatch(text)):
        return certificate[1]
    return text
