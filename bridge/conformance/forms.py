"""Other byte forms of a protobuf message: what parsers take for the same message, or nearly, and nobody may sign.

Every form is wrong in one way. The canonical form is that of `bridge.wire`; which field is absent, singular or nested
is read from the message itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from google.protobuf.message import Message

from bridge.wire import encode

UNKNOWN_NUMBER = 18_999
"""A field number that no message of the contract has; the next thousand is protobuf's own."""

_VARINT, _I64, _LEN, _START, _END = 0, 1, 2, 3, 4
_CONTINUES = 0x80


@dataclass(frozen=True, slots=True)
class Field:
    """One field as it stands in the bytes: tag, and value with its length where it has one."""

    number: int
    wire_type: int
    tag: bytes
    length: bytes
    value: bytes

    @property
    def raw(self) -> bytes:
        """All of it."""
        return self.tag + self.length + self.value


@dataclass(frozen=True, slots=True)
class Form:
    """Bytes, and what is wrong with them. `alike` tells that a lenient parser reads the very same message."""

    name: str
    data: bytes
    alike: bool = True


def other_forms(message: Message) -> list[Form]:
    """Every other form that this message has; its own bytes are in none of them."""
    data = encode(message)
    fields = split(data)
    own = [*_unknown(data), *_ends(data), *_orders(message, fields), *_numbers(message, fields)]
    own += [*_defaults(message, fields), *_pieces(message, fields), *_nested(message, fields)]
    return [form for form in own if form.data != data]


def split(data: bytes) -> list[Field]:
    """The fields of canonical bytes, in order."""
    found, place = [], 0
    while place < len(data):
        start = place
        key, place = _read_varint(data, place)
        tag, start = data[start:place], place
        if key & 7 == _LEN:
            size, place = _read_varint(data, place)
            found.append(Field(key >> 3, _LEN, tag, data[start:place], data[place : place + size]))
            place += size
        else:
            if key & 7 == _VARINT:
                _, place = _read_varint(data, place)
            else:
                place += 8 if key & 7 == _I64 else 4
            found.append(Field(key >> 3, key & 7, tag, b"", data[start:place]))
    return found


def varint(number: int) -> bytes:
    """A number in its shortest form."""
    found = bytearray()
    while number >= _CONTINUES:
        found.append(number & 0x7F | _CONTINUES)
        number >>= 7
    return bytes([*found, number])


def longer(minimal: bytes) -> bytes:
    """The same number in one byte more."""
    return minimal[:-1] + bytes([minimal[-1] | _CONTINUES, 0])


def _unknown(data: bytes) -> Iterator[Form]:
    number = varint(UNKNOWN_NUMBER << 3 | _VARINT) + b"\x01"
    yield Form("an unknown field at the end", data + number)
    yield Form("an unknown field before all", number + data)
    yield Form("unknown bytes", data + varint(UNKNOWN_NUMBER << 3 | _LEN) + b"\x03kit")
    group = varint(UNKNOWN_NUMBER << 3 | _START) + varint(UNKNOWN_NUMBER << 3 | _END)
    yield Form("an empty group", data + group)


def _ends(data: bytes) -> Iterator[Form]:
    yield Form("a zero after the end", data + b"\x00", alike=False)
    yield Form("a tag without a value", data + b"\x08", alike=False)
    yield Form("more bytes announced than follow", data + b"\x0a\x7f", alike=False)
    if data:
        yield Form("the last byte missing", data[:-1], alike=False)


def _orders(message: Message, fields: list[Field]) -> Iterator[Form]:
    """Fields in another order, or twice."""
    for place, (field, following) in enumerate(pairwise(fields)):
        if field.number != following.number:
            swapped = [*fields[:place], following, field, *fields[place + 2 :]]
            yield Form("two fields in the wrong order", _join(swapped))
            break
    for place, field in enumerate(fields):
        if not _descriptor(message, field).is_repeated and _scalar(message, field):
            yield Form("a field twice", _join([*fields[: place + 1], field, *fields[place + 1 :]]))
            break


def _numbers(message: Message, fields: list[Field]) -> Iterator[Form]:
    """Tags, lengths and numbers in more bytes than they need; numbers too wide for their type."""
    rest = _join(fields[1:])
    if fields:
        first = fields[0]
        yield Form("a tag in two bytes", longer(first.tag) + first.length + first.value + rest)
    for place, field in enumerate(fields):
        before, after = _join(fields[:place]), _join(fields[place + 1 :])
        if field.wire_type == _LEN:
            yield Form("a length in one byte more", before + field.tag + longer(field.length) + field.value + after)
            break
    for place, field in enumerate(fields):
        kind = _descriptor(message, field)
        if field.wire_type != _VARINT:
            continue
        before, after = _join(fields[:place]), _join(fields[place + 1 :])
        yield Form("a number in one byte more", before + field.tag + longer(field.value) + after)
        if kind.cpp_type in (kind.CPPTYPE_UINT32, kind.CPPTYPE_INT32, kind.CPPTYPE_ENUM):
            wide = varint(_read_varint(field.value, 0)[0] | 1 << 35)
            yield Form("a number with bits above its type", before + field.tag + wide + after)
        fixed = varint(field.number << 3 | _I64) + _read_varint(field.value, 0)[0].to_bytes(8, "little")
        yield Form("a number in another wire type", before + fixed + after, alike=False)
        break


def _defaults(message: Message, fields: list[Field]) -> Iterator[Form]:
    """A field that is absent, written out with its default."""
    present = {field.number for field in fields}
    kinds: list[Any] = sorted(message.DESCRIPTOR.fields, key=lambda each: int(each.number))
    for kind in kinds:
        if kind.number in present or kind.is_repeated or kind.has_presence:
            continue
        wire = _LEN if kind.type in (kind.TYPE_STRING, kind.TYPE_BYTES) else _VARINT
        written = varint(kind.number << 3 | wire) + b"\x00"
        before = _join([field for field in fields if field.number < kind.number])
        after = _join([field for field in fields if field.number > kind.number])
        yield Form("a default written out", before + written + after)
        return


def _pieces(message: Message, fields: list[Field]) -> Iterator[Form]:
    """A message in two pieces, which a parser puts together; numbers one by one that belong in one list."""
    for place, field in enumerate(fields):
        kind = _descriptor(message, field)
        before, after = _join(fields[:place]), _join(fields[place + 1 :])
        if kind.cpp_type == kind.CPPTYPE_MESSAGE and not kind.is_repeated:
            inner = split(field.value)
            if len(inner) > 1:
                halves = (inner[0].raw, _join(inner[1:]))
                pieces = b"".join(field.tag + varint(len(half)) + half for half in halves)
                yield Form("a message in two pieces", before + pieces + after)
                return
        elif kind.is_repeated and kind.cpp_type == kind.CPPTYPE_UINT64:
            yield Form("a list number by number", before + _unpacked(field) + after)


def _nested(message: Message, fields: list[Field]) -> Iterator[Form]:
    """The first message inside with an unknown field and a tag in two bytes."""
    for place, field in enumerate(fields):
        kind = _descriptor(message, field)
        if kind.cpp_type != kind.CPPTYPE_MESSAGE:
            continue
        before, after = _join(fields[:place]), _join(fields[place + 1 :])
        for name, inner in (
            ("an unknown field inside", field.value + varint(UNKNOWN_NUMBER << 3 | _VARINT) + b"\x01"),
            ("a tag in two bytes inside", longer(field.value[:1]) + field.value[1:] if field.value else b""),
        ):
            yield Form(f"{name} {kind.name}", before + field.tag + varint(len(inner)) + inner + after)
        return


def _unpacked(field: Field) -> bytes:
    tag, place, found = varint(field.number << 3 | _VARINT), 0, b""
    while place < len(field.value):
        start = place
        _, place = _read_varint(field.value, place)
        found += tag + field.value[start:place]
    return found


def _join(fields: list[Field]) -> bytes:
    return b"".join(field.raw for field in fields)


def _descriptor(message: Message, field: Field) -> Any:  # the runtime has two classes of descriptors
    return message.DESCRIPTOR.fields_by_number[field.number]


def _scalar(message: Message, field: Field) -> bool:
    kind = _descriptor(message, field)
    return bool(kind.cpp_type != kind.CPPTYPE_MESSAGE)


def _read_varint(data: bytes, place: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        byte = data[place]
        number |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if byte < _CONTINUES:
            return number, place
