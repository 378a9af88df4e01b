"""Requests at the gate: one reading of their bytes, and nothing in them that no store can hold.

What a value means is left to its method. Bodies that are signed or hashed travel inside as bytes and have rules of
their own.
"""

from __future__ import annotations

from typing import TypeVar

from google.protobuf.message import Message

from bridge.errors import DecodeError, Reason
from bridge.wire import decode_strict

M = TypeVar("M", bound=Message)

MAX_NUMBER = 2**63 - 1
"""Largest whole number of a request: heights, positions and sequences end here, and so do the integers of databases."""


def decode_request(cls: type[M], data: bytes, most: int) -> M:
    """[GAT-3] [GAT-5] The request in these bytes; DecodeError or LimitError otherwise."""
    request = decode_strict(cls, data, most)
    require_storable(request)
    return request


def require_storable(message: Message) -> None:
    """[GAT-5] Numbers up to 2^63 - 1 and text without NUL, in the message and in those inside; else INVALID_FIELD.

    Lists of messages are left out: what stands in them is read by rules of its own.
    """
    for field, value in message.ListFields():
        values = value if field.is_repeated else (value,)
        if field.cpp_type == field.CPPTYPE_UINT64 and any(number > MAX_NUMBER for number in values):
            raise DecodeError(
                Reason.INVALID_FIELD, "the number is too large", field=field.name, got=max(values), limit=MAX_NUMBER
            )
        if field.type == field.TYPE_STRING and any("\0" in text for text in values):
            raise DecodeError(Reason.INVALID_FIELD, "the text holds a NUL", field=field.name)
        if field.cpp_type == field.CPPTYPE_MESSAGE and not field.is_repeated:
            require_storable(value)
