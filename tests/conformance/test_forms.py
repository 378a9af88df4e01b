"""Other forms of a message are what they say: a strict decoder refuses each, a lenient one reads the same in most."""

from __future__ import annotations

import pytest

from bridge.conformance.forms import other_forms, split
from bridge.errors import DecodeError, Reason
from bridge.v1.cargo_pb2 import Facts, Party, RecordKey, Statement
from bridge.v1.ledger_service_pb2 import GetHeadersRequest, ListPacketsRequest
from bridge.v1.packet_pb2 import Acknowledgement, Packet, Payload
from bridge.wire import decode_strict, encode

MESSAGES = (
    GetHeadersRequest(trusted_height=1, heights=[2, 300]),
    ListPacketsRequest(client_id="kit-1", kind=1, page_size=3, omit_bodies=True),
    Packet(sequence=1, source_client="aa", destination_client="bb", timeout_seconds=9, payloads=[Payload(value=b"x")]),
    Acknowledgement(outcome=1, result=b"ab"),
    Statement(ledger_id="test-1", key=RecordKey(issuer="A", reference="B"), facts=Facts(parties=[Party(role="x")])),
)

EVERYWHERE = {
    "an unknown field at the end",
    "an unknown field before all",
    "unknown bytes",
    "an empty group",
    "a zero after the end",
    "a tag without a value",
    "more bytes announced than follow",
    "the last byte missing",
    "two fields in the wrong order",
    "a field twice",
    "a tag in two bytes",
}


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.DESCRIPTOR.name)
def test_every_form_is_refused_and_most_read_alike(message):
    found = other_forms(message)
    assert {form.name for form in found} >= EVERYWHERE
    assert len({form.data for form in found}) == len(found)
    for form in found:
        with pytest.raises(DecodeError) as caught:
            decode_strict(type(message), form.data)
        assert caught.value.reason is Reason.MALFORMED_MESSAGE
        if form.alike:
            read = type(message).FromString(form.data)
            read.DiscardUnknownFields()
            assert read == message, form.name


def test_the_forms_of_all_messages_together_are_all_there_are():
    names = {form.name for message in MESSAGES for form in other_forms(message)}
    for name in (
        "a length in one byte more",
        "a number in one byte more",
        "a number with bits above its type",
        "a number in another wire type",
        "a default written out",
        "a message in two pieces",
        "a list number by number",
        "an unknown field inside payloads",
        "a tag in two bytes inside key",
    ):
        assert name in names


def test_fields_are_the_bytes_taken_apart():
    data = encode(MESSAGES[2])
    assert b"".join(field.raw for field in split(data)) == data
    assert [field.number for field in split(data)] == [1, 2, 3, 4, 5]
