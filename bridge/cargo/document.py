"""Strict reading and exact writing of document JSON; which fields a document must have is the schemas' business.

The bytes belong to the issuer and are never changed: no Unicode normalisation, no reordering, no rounding. What two
parsers could read differently is refused instead: repeated names, numbers that only a float can hold, lone surrogates.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from decimal import Decimal
from json.encoder import encode_basestring
from typing import Any, NoReturn

from bridge.cargo.leaves import DocumentLeaf, Flaw, flatten
from bridge.errors import DecodeError, LimitError, Reason

MAX_DOCUMENT_BYTES = 256 * 1024
"""Largest document, in bytes: the largest published trade document (125 kB) twice over."""

MAX_FILE_VALUES = 400_000
"""Most values in a file of documents, counted by their commas before parsing: a hundred full documents."""

MAX_NUMBER_CHARACTERS = 64
"""Longest canonical number text: far above any weight or amount, far below what would make 1e999999 a memory attack."""

MAX_EXPONENT_DIGITS = 3
"""Digits of a JSON exponent: an exponent of more could not stay within MAX_NUMBER_CHARACTERS anyway."""

JsonValue = dict[str, Any] | list[Any] | str | Decimal | bool | None
"""What parsing yields; numbers are Decimals built from their canonical text, so nothing was rounded."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_PLAIN_INTEGER_CHARACTERS = 18
_NUMBER = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?)([0-9]+))?")
_SUSPECT_TEXT = re.compile(r"\\[ubfr]|[\x7f-\x9f]")
"""Text without a match cannot hold a forbidden character: raw ones are refused by the parser or the UTF-8 decoder."""


@dataclass(frozen=True, slots=True)
class Document:
    """A document that was read strictly: its bytes, its value and its leaves in document order."""

    data: bytes
    value: dict[str, Any]
    leaves: tuple[DocumentLeaf, ...]


def load_document(data: bytes) -> Document:
    """[DOC-1] Read a document: one JSON object within the limits.

    Raises DecodeError DOCUMENT_INVALID, or LimitError LIMIT_EXCEEDED, with the JSON pointer in `facts["pointer"]`.
    """
    value, suspect = _parse(data, MAX_DOCUMENT_BYTES)
    leaves = tuple(flatten(value, check_text=suspect))
    if not isinstance(value, dict):
        _refuse("a document is a JSON object", "")
    return Document(data=data, value=value, leaves=leaves)


def parse_json(data: bytes, limit: int) -> JsonValue:
    """Read any JSON value of at most `limit` bytes under the rules of a document, but for the count of leaves.

    For files that wrap one document or list many. Raises as `load_document` does.
    """
    if data.count(b",") > MAX_FILE_VALUES:
        raise LimitError(Reason.LIMIT_EXCEEDED, "file has too many values", pointer="", limit=MAX_FILE_VALUES)
    value, suspect = _parse(data, limit)
    flatten(value, check_text=suspect, most=2 * MAX_FILE_VALUES)
    return value


def encode_document(value: JsonValue) -> bytes:
    """[DOC-6] Compact JSON of a parsed value: names in their order, numbers in canonical text, UTF-8.

    Gives a document that was wrapped inside another file bytes of its own; its leaves are those of the wrapped value.
    """
    parts: list[str] = []
    _write(value, parts)
    return "".join(parts).encode()


def canonical_number(token: str) -> str | None:
    """[DOC-4] Canonical decimal text of a JSON number, or None when it is too large to be written out.

    The text is the value's only spelling: no exponent, no leading or trailing zeros, no negative zero. 1, 1.0 and 1e0
    are one text, because re-serialising software changes one into another without changing what the issuer said.
    """
    match = _NUMBER.fullmatch(token)
    if match is None:
        return None
    sign, whole, fraction, exponent_sign, exponent = match.groups(default="")
    if len(token) > MAX_NUMBER_CHARACTERS or len(exponent) > MAX_EXPONENT_DIGITS:
        return None
    digits = whole + fraction
    point = len(whole) + (int(exponent_sign + exponent) if exponent else 0)
    if point <= 0:
        digits, point = "0" * (1 - point) + digits, 1
    if point > len(digits):
        digits += "0" * (point - len(digits))
    whole, fraction = digits[:point].lstrip("0") or "0", digits[point:].rstrip("0")
    text = f"{whole}.{fraction}" if fraction else whole
    if text != "0":
        text = sign + text
    return text if len(text) <= MAX_NUMBER_CHARACTERS else None


def _parse(data: bytes, limit: int) -> tuple[JsonValue, bool]:
    """The value, and whether its text must be looked at for forbidden characters."""
    if len(data) > limit:
        raise LimitError(Reason.LIMIT_EXCEEDED, "document is too large", pointer="", got=len(data), limit=limit)
    if data.startswith(_BYTE_ORDER_MARK):
        _refuse("begins with a byte order mark", "")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise DecodeError(Reason.DOCUMENT_INVALID, "not UTF-8", pointer="", offset=error.start) from error
    try:
        value: JsonValue = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        detail = f"not JSON: {error.msg} at line {error.lineno} column {error.colno}"
        raise DecodeError(Reason.DOCUMENT_INVALID, detail, pointer="", line=error.lineno, column=error.colno) from error
    except RecursionError as error:
        raise LimitError(Reason.LIMIT_EXCEEDED, "nested too deeply", pointer="") from error
    return value, _SUSPECT_TEXT.search(text) is not None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any] | Flaw:
    """[DOC-3] An object whose names are distinct."""
    value = dict(pairs)
    if len(value) == len(pairs):
        return value
    seen: set[str] = set()
    name = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
    return Flaw("has the same name twice", name)


def _integer(token: str) -> Decimal | Flaw:
    """An integer token; nearly all are short and already canonical."""
    if len(token) <= _PLAIN_INTEGER_CHARACTERS and token[0] != "-":
        return Decimal(token)
    return _number(token)


def _number(token: str) -> Decimal | Flaw:
    """[DOC-4] A number, exactly."""
    text = canonical_number(token)
    return Flaw("is a number too large to write out") if text is None else Decimal(text)


def _constant(_: str) -> Flaw:
    """NaN and the infinities, which Python's parser would take and JSON does not have."""
    return Flaw("is not a JSON number")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_number, parse_constant=_constant
)


def _write(value: JsonValue, parts: list[str]) -> None:
    """Append the JSON text of a value that is within the depth limit."""
    if isinstance(value, str):
        parts.append(encode_basestring(value))
    elif isinstance(value, dict):
        separator = "{"
        for name, child in value.items():
            parts += (separator, encode_basestring(name), ":")
            _write(child, parts)
            separator = ","
        parts.append("}" if value else "{}")
    elif isinstance(value, list):
        separator = "["
        for child in value:
            parts.append(separator)
            _write(child, parts)
            separator = ","
        parts.append("]" if value else "[]")
    elif isinstance(value, Decimal):
        parts.append(format(value, "f"))
    else:
        parts.append({True: "true", False: "false", None: "null"}[value])


def _refuse(detail: str, pointer: str) -> NoReturn:
    raise DecodeError(Reason.DOCUMENT_INVALID, detail, pointer=pointer)
