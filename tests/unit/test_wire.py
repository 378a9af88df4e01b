"""Strict decoding against 23 encodings of one message, and against our own contract."""

from __future__ import annotations

import importlib
import pkgutil

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.timestamp_pb2 import Timestamp

import bridge.v1
from bridge import wire
from bridge.clock import NANOS_PER_SECOND
from bridge.errors import DecodeError, LimitError, Reason
from tests.vectors import load_json

FIELD = descriptor_pb2.FieldDescriptorProto


def sample_class():
    """The vectors' message: R { id, n, s, b, child, m, raw, p, e, oneof k { x, y } }."""
    file = descriptor_pb2.FileDescriptorProto(name="wire_cases.proto", package="wire_cases", syntax="proto3")
    enum = file.enum_type.add(name="E")
    enum.value.add(name="Z", number=0)
    enum.value.add(name="A", number=1)
    record = file.message_type.add(name="R")
    entry = record.nested_type.add(name="MEntry")
    entry.options.map_entry = True
    for name, number in (("key", 1), ("value", 2)):
        entry.field.add(name=name, number=number, type=FIELD.TYPE_STRING, label=FIELD.LABEL_OPTIONAL)
    record.oneof_decl.add(name="k")
    for number, (name, kind, repeated, type_name) in enumerate(
        [
            ("id", FIELD.TYPE_STRING, False, ""),
            ("n", FIELD.TYPE_UINT32, False, ""),
            ("s", FIELD.TYPE_INT32, False, ""),
            ("b", FIELD.TYPE_BOOL, False, ""),
            ("child", FIELD.TYPE_MESSAGE, False, ".wire_cases.R"),
            ("m", FIELD.TYPE_MESSAGE, True, ".wire_cases.R.MEntry"),
            ("raw", FIELD.TYPE_BYTES, False, ""),
            ("p", FIELD.TYPE_UINT32, True, ""),
            ("e", FIELD.TYPE_ENUM, False, ".wire_cases.E"),
            ("x", FIELD.TYPE_STRING, False, ""),
            ("y", FIELD.TYPE_STRING, False, ""),
        ],
        1,
    ):
        label = FIELD.LABEL_REPEATED if repeated else FIELD.LABEL_OPTIONAL
        field = record.field.add(name=name, number=number, type=kind, label=label, type_name=type_name or None)
        if name in "xy":
            field.oneof_index = 0
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("wire_cases.R"))


SAMPLE = sample_class()


def decode(data: bytes):
    """What a decoder of ours does with such a message: strict bytes, then the fields a round trip cannot judge."""
    message = wire.decode_strict(SAMPLE, data)
    wire.require_text(message.id, "id", most=100, least=0)
    if message.e:
        wire.require_known_enum(message, "e")
    return message


def contains_itself(descriptor) -> bool:
    """True when a message can hold, at any depth, another of its own kind."""
    seen, todo = set(), [descriptor]
    while todo:
        for field in todo.pop().fields:
            below = field.message_type
            if below is descriptor:
                return True
            if below is not None and below.full_name not in seen:
                seen.add(below.full_name)
                todo.append(below)
    return False


def our_messages():
    for module in pkgutil.iter_modules(bridge.v1.__path__):
        if module.name.endswith("_pb2"):
            file = importlib.import_module(f"bridge.v1.{module.name}").DESCRIPTOR
            yield from file.message_types_by_name.values()


def reason_of(call, *arguments, **keywords) -> Reason:
    with pytest.raises(DecodeError) as caught:
        call(*arguments, **keywords)
    return caught.value.reason


def test_all_23_encodings_are_judged_as_the_strict_profile_says():
    cases = load_json("vectors", "protobuf_wire_cases.json")["cases"]
    accepted, refused, by_schema = 0, 0, 0
    for case in cases:
        data = bytes.fromhex(case["hex"])
        if case["strict_profile"] == "accept":
            assert decode(data).id == "a"
            accepted += 1
        elif case["desc"] == "nesting depth 100":
            # Depth is bounded by the contract itself: the next test finds no message of ours that could nest like this.
            assert contains_itself(SAMPLE.DESCRIPTOR)
            by_schema += 1
        else:
            assert reason_of(decode, data) in (Reason.MALFORMED_MESSAGE, Reason.INVALID_FIELD), case["desc"]
            refused += 1
    assert len(cases) == 23
    assert (accepted, refused, by_schema) == (1, 21, 1)


def test_no_message_of_the_contract_can_contain_itself():
    messages = list(our_messages())
    assert len(messages) > 50
    assert [message.full_name for message in messages if contains_itself(message)] == []


def test_what_is_encoded_is_decoded():
    message = SAMPLE(id="a", n=7, m={"b": "2", "a": "1"}, p=[1, 2])
    assert wire.decode_strict(SAMPLE, wire.encode(message)) == message


def test_too_many_bytes_are_refused_before_parsing():
    with pytest.raises(LimitError) as caught:
        wire.decode_strict(SAMPLE, b"\xff" * 11, limit=10)
    assert caught.value.reason is Reason.LIMIT_EXCEEDED
    assert reason_of(wire.decode_strict, SAMPLE, b"\xff" * 10, limit=10) is Reason.MALFORMED_MESSAGE


def test_enums_must_be_known_and_not_zero():
    assert wire.require_known_enum(SAMPLE(e=1), "e") == 1
    assert reason_of(wire.require_known_enum, SAMPLE(), "e") is Reason.INVALID_FIELD
    assert reason_of(wire.require_known_enum, SAMPLE(e=99), "e") is Reason.INVALID_FIELD
    assert reason_of(wire.require_known_enum, SAMPLE(n=1), "n") is Reason.INVALID_FIELD


@pytest.mark.parametrize("text", ["a", "MSC OSCAR 12/3", "上海港集裝箱", "Ünïté"])
def test_text_in_any_script_is_taken(text):
    assert wire.require_text(text, "name", most=20) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a" * 21,
        "a\0b",
        "a\nb",
        "a\x7f",
        "a\u0300\u0061\u0308",  # not NFC
        "港\u200b口",  # zero-width space
        "港\u202e口",  # right-to-left override
        "港\x85口",
        "港\ue000口",  # private use
        "港\u2028口",
    ],
)
def test_text_that_hides_something_is_refused(text):
    assert reason_of(wire.require_text, text, "name", most=20) is Reason.INVALID_FIELD


def test_bytes_have_their_length():
    assert wire.require_length(b"ab", "digest", 2) == b"ab"
    assert reason_of(wire.require_length, b"a", "digest", 2) is Reason.INVALID_FIELD
    assert reason_of(wire.require_length, b"abc", "digest", 2) is Reason.INVALID_FIELD


@pytest.mark.parametrize("nanos", [0, 1, NANOS_PER_SECOND, 253_402_300_799_999_999_999])
def test_times_go_there_and_back(nanos):
    assert wire.nanos_from(wire.timestamp_of(nanos), "time") == nanos


@pytest.mark.parametrize(
    ("seconds", "nanos"), [(-1, 0), (253_402_300_800, 0), (0, -1), (0, NANOS_PER_SECOND), (-62_135_596_800, 0)]
)
def test_times_outside_1970_to_9999_are_refused(seconds, nanos):
    assert reason_of(wire.nanos_from, Timestamp(seconds=seconds, nanos=nanos), "time") is Reason.INVALID_FIELD
