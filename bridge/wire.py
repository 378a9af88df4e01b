"""Strict decoding of protobuf messages: bytes that do not round-trip, or carry unknown fields, are refused.

A hash or signature over protobuf bytes only means something when the bytes have one reading. The rule here:
what was parsed, cleared of unknown fields and written again must be exactly what came in. That refuses fields out of
order, duplicates, explicit defaults, non-minimal varints, truncated integers, wrong wire types and unknown fields.
Unknown enum values and control characters inside strings survive a round trip, so message decoders check those
themselves (`require_known_enum`, `require_text`).
Source: shared study of 23 wire cases; protobuf.dev "Serialization is not canonical".
"""

from __future__ import annotations

import unicodedata
from typing import TypeVar

from google.protobuf.message import DecodeError as ProtobufDecodeError
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from bridge.clock import NANOS_PER_SECOND, Nanos
from bridge.errors import DecodeError, LimitError, Reason

M = TypeVar("M", bound=Message)

MAX_MESSAGE_BYTES = 8 * 1024 * 1024
"""Largest message that is parsed at all, in bytes: twice the largest delivery, so that parsing has a bound."""

MAX_TIMESTAMP_SECONDS = 253_402_300_799
"""Last second of year 9999, the end of protobuf's Timestamp range."""


def decode_strict(cls: type[M], data: bytes, limit: int = MAX_MESSAGE_BYTES) -> M:
    """[WIRE-1] [WIRE-4] Parse `data` as `cls`; DecodeError MALFORMED_MESSAGE, LimitError LIMIT_EXCEEDED otherwise."""
    if len(data) > limit:
        raise LimitError(Reason.LIMIT_EXCEEDED, f"{cls.__name__} is too large", got=len(data), limit=limit)
    message = cls()
    try:
        message.ParseFromString(data)
    except ProtobufDecodeError as error:
        raise DecodeError(Reason.MALFORMED_MESSAGE, f"not a {cls.__name__}") from error
    message.DiscardUnknownFields()  # type: ignore[no-untyped-call, unused-ignore]
    if message.SerializeToString(deterministic=True) != data:
        raise DecodeError(Reason.MALFORMED_MESSAGE, f"{cls.__name__} does not round-trip")
    return message


def encode(message: Message) -> bytes:
    """Bytes of a message of ours, in the one form `decode_strict` takes."""
    return message.SerializeToString(deterministic=True)


def require_known_enum(message: Message, field: str) -> int:
    """[WIRE-2] The enum's number if it is known and not zero; DecodeError INVALID_FIELD otherwise."""
    number = int(getattr(message, field))
    enum = message.DESCRIPTOR.fields_by_name[field].enum_type
    if number == 0 or enum is None or number not in enum.values_by_number:
        raise DecodeError(Reason.INVALID_FIELD, f"{field} has no known value", field=field, got=number)
    return number


def require_text(text: str, field: str, *, most: int, least: int = 1) -> str:
    """[WIRE-3] Text of `least` to `most` characters in NFC without control or format characters; DecodeError else."""
    if not least <= len(text) <= most:
        raise DecodeError(
            Reason.INVALID_FIELD, f"{field} must have {least} to {most} characters", field=field, got=len(text)
        )
    if text.isascii():
        if not text.isprintable():
            raise DecodeError(Reason.INVALID_FIELD, f"{field} has control characters", field=field)
        return text
    if unicodedata.normalize("NFC", text) != text:
        raise DecodeError(Reason.INVALID_FIELD, f"{field} is not in Unicode NFC", field=field)
    if any(unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") for char in text):
        raise DecodeError(Reason.INVALID_FIELD, f"{field} has control or format characters", field=field)
    return text


def require_length(data: bytes, field: str, length: int) -> bytes:
    """Bytes of exactly `length`; DecodeError INVALID_FIELD otherwise."""
    if len(data) != length:
        raise DecodeError(
            Reason.INVALID_FIELD, f"{field} must have {length} bytes", field=field, got=len(data), expected=length
        )
    return data


def nanos_from(stamp: Timestamp, field: str) -> Nanos:
    """[WIRE-5] Nanoseconds since the epoch of a Timestamp in 1970..9999; DecodeError INVALID_FIELD otherwise."""
    if not (0 <= stamp.seconds <= MAX_TIMESTAMP_SECONDS and 0 <= stamp.nanos < NANOS_PER_SECOND):
        raise DecodeError(Reason.INVALID_FIELD, f"{field} is out of range", field=field)
    return Nanos(stamp.seconds * NANOS_PER_SECOND + stamp.nanos)


def timestamp_of(nanos: int) -> Timestamp:
    """Timestamp of nanoseconds since the epoch."""
    return Timestamp(seconds=nanos // NANOS_PER_SECOND, nanos=nanos % NANOS_PER_SECOND)
