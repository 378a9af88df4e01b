"""Names keep their script: how a name's script is told, what a name may hold, and how two names are compared.

Which Chinese characters are simplified and which traditional is told by two national character sets that every Python
has: GB 2312 (1980) holds the simplified forms, Big5 (1984) the traditional ones, and both hold the many that never
changed. A character in the first only speaks for Hans, in the second only for Hant; one in both, or in neither, says
nothing.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from bridge.cargo.identifiers import FULL_WIDTH
from bridge.cargo.problems import Problem, error, warning
from bridge.errors import DecodeError, Reason
from bridge.wire import require_text

SCRIPTS = ("Hant", "Hans", "Latn")
"""ISO 15924 codes a name may have."""

MAX_NAME_CHARACTERS = 140
"""Longest name in characters: twice what DCSA allows, because registered names in Latin letters run long."""

CHECKED_NAMES = 8_192
"""Verdicts kept in memory, in names: parties repeat from record to record; about 4 MiB."""

_WIDTH = FULL_WIDTH | {0xFFE0: 0xA2, 0xFFE1: 0xA3, 0xFFE5: 0xA5}
"""Full-width ASCII, and the full-width signs for cent, pound and yen."""


def detect_script(text: str) -> str | None:
    """[NAME-2] "Latn", "Hans" or "Hant" where the characters tell; None where they do not.

    Text with any Han character is Hans or Hant by the majority of the characters that only one of the two sets holds,
    and undecided when there is no majority, as with a name whose characters never changed.
    """
    simplified = traditional = 0
    han = latin = other = False
    for char in text:
        if _is_han(char):
            han = True
            in_simplified, in_traditional = _is_encodable(char, "gb2312"), _is_encodable(char, "big5")
            simplified += in_simplified and not in_traditional
            traditional += in_traditional and not in_simplified
        elif char.isalpha():
            latin, other = (True, other) if _is_latin(char) else (latin, True)
    if not han:
        return "Latn" if latin and not other else None
    if simplified == traditional:
        return None
    return "Hans" if simplified > traditional else "Hant"


def check_name(script: str, text: str) -> Problem | None:
    """[NAME-1] [NAME-3] What is wrong with a name in its declared script, or None. Never raises.

    Errors: an unknown script, text that is not NFC or holds control or format characters, letters of a third script
    (which look like Latin ones), Han characters in a Latin name. A name whose characters speak for the other Chinese
    script is a warning: registers hold such names.
    """
    if script not in SCRIPTS:
        return error(Reason.INVALID_FIELD, "a name's script is Hant, Hans or Latn")
    if len(text) > MAX_NAME_CHARACTERS:
        return error(Reason.INVALID_FIELD, f"a name has at most {MAX_NAME_CHARACTERS} characters")
    return _checked(script, text)


def require_name(script: str, text: str) -> str:
    """[NAME-1] The name when nothing refuses it; DecodeError INVALID_FIELD otherwise."""
    problem = check_name(script, text)
    if problem is not None and problem.severity == "error":
        raise DecodeError(problem.reason, problem.detail, field="name", script=script)
    return text


def fold(text: str) -> str:
    """[NAME-4] The form in which two names are compared: half width, no case, single spaces, NFC. Never stored or
    signed.

    Scripts are not folded into each other: that is a translation, with more than one answer for many characters.
    """
    half = unicodedata.normalize("NFC", text).translate(_WIDTH).casefold()
    return unicodedata.normalize("NFC", " ".join(half.split()))


@lru_cache(maxsize=CHECKED_NAMES)
def _checked(script: str, text: str) -> Problem | None:
    try:
        require_text(text, "name", most=MAX_NAME_CHARACTERS)
    except DecodeError as refusal:
        return error(Reason.INVALID_FIELD, refusal.detail)
    if text != text.strip():
        return error(Reason.INVALID_FIELD, "a name has no outer spaces")
    if text.isascii():
        return None
    for char in text:
        if char.isalpha() and not _is_latin(char) and (script == "Latn" or not _is_han(char)):
            return error(Reason.INVALID_FIELD, f"a letter that is not {script}")
    found = detect_script(text)
    if script != "Latn" and found not in (script, "Latn", None):
        return warning(Reason.INVALID_FIELD, f"the characters are {found} rather than {script}")
    return None


def _is_han(char: str) -> bool:
    return unicodedata.name(char, "").startswith(("CJK UNIFIED IDEOGRAPH", "CJK COMPATIBILITY IDEOGRAPH"))


def _is_latin(char: str) -> bool:
    return char.isascii() or unicodedata.name(char, "").startswith(
        ("LATIN ", "FULLWIDTH LATIN ", "FEMININE ", "MASCULINE ")
    )


def _is_encodable(char: str, codec: str) -> bool:
    try:
        char.encode(codec)
    except UnicodeEncodeError:
        return False
    return True
