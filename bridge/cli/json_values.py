"""Strict reading of JSON values in verification cases: exact types, exact spellings, no second reading of anything.

Python's own readers are lenient where a case must not be (`int` takes "1_0" and " 10", base64 skips strangers), so
every value is matched against its one spelling first. All functions raise DecodeError.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from bridge.clock import NANOS_PER_SECOND, Nanos
from bridge.errors import DecodeError, Reason

_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]{0,19})", re.ASCII)
_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})*", re.ASCII)
_RFC3339 = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9}))?(?:Z|([+-])([0-9]{2}):([0-9]{2}))",
    re.ASCII,
)
_EPOCH_DAY = date(1970, 1, 1).toordinal()


def member(value: Any, name: str) -> Any:
    """The member `name` of a JSON object, which must be there (it may be null)."""
    fields = require_object(value, name)
    if name not in fields:
        raise DecodeError(Reason.FIELD_REQUIRED, f"{name} is required", field=name)
    return fields[name]


def require_object(value: Any, name: str) -> Mapping[str, Any]:
    """A JSON object."""
    if not isinstance(value, dict):
        raise _wrong(name, "an object is expected")
    return value


def require_list(value: Any, name: str) -> list[Any]:
    """A JSON array; null counts as empty, because Go writes an empty slice so."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise _wrong(name, "an array is expected")
    return value


def require_string(value: Any, name: str) -> str:
    """A JSON string."""
    if not isinstance(value, str):
        raise _wrong(name, "a string is expected")
    return value


def number(value: Any, name: str) -> int:
    """A JSON number without fraction; true and false are not numbers."""
    if type(value) is not int:
        raise _wrong(name, "a whole number is expected")
    return value


def decimal(value: Any, name: str) -> int:
    """A 64-bit integer written as a decimal string, without sign for plus, leading zeros, blanks or underscores."""
    text = require_string(value, name)
    if not _DECIMAL.fullmatch(text) or text == "-0":
        raise _wrong(name, "a decimal string is expected")
    return int(text)


def hexadecimal(value: Any, name: str) -> bytes:
    """Bytes in hex of either case; an empty string is no bytes."""
    text = require_string(value, name)
    if not _HEX.fullmatch(text):
        raise _wrong(name, "hex is expected")
    return bytes.fromhex(text)


def base64_bytes(value: Any, name: str) -> bytes:
    """Bytes in padded base64 with nothing else in it; null and an empty string are no bytes."""
    if value is None:
        return b""
    text = require_string(value, name)
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error) as error:
        raise _wrong(name, "base64 is expected") from error
    if base64.b64encode(data).decode() != text:
        raise _wrong(name, "base64 is not in its one form")
    return data


def rfc3339(value: Any, name: str) -> Nanos:
    """Nanoseconds since the epoch of an RFC 3339 time in the years 1 to 9999, exact to the nanosecond."""
    match = _RFC3339.fullmatch(require_string(value, name))
    if match is None:
        raise _wrong(name, "an RFC 3339 time is expected")
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    fraction, sign, offset_hour, offset_minute = match.groups()[6:]
    try:
        days = date(year, month, day).toordinal() - _EPOCH_DAY
    except ValueError as error:
        raise _wrong(name, "there is no such day") from error
    offset = 0 if sign is None else int(f"{sign}1") * (int(offset_hour) * 60 + int(offset_minute))
    if hour > 23 or minute > 59 or second > 59 or int(offset_hour or 0) > 23 or int(offset_minute or 0) > 59:
        raise _wrong(name, "there is no such time of day")
    seconds = days * 86_400 + hour * 3_600 + (minute - offset) * 60 + second
    return Nanos(seconds * NANOS_PER_SECOND + int((fraction or "").ljust(9, "0")))


def _wrong(name: str, expected: str) -> DecodeError:
    return DecodeError(Reason.INVALID_FIELD, f"{name}: {expected}", field=name)
