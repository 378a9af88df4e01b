"""Packets [PKT-1] to [PKT-3] and ports [PORT-1], [PORT-2]."""

from __future__ import annotations

from typing import Any

import pytest

from bridge.errors import BridgeError, DecodeError, LimitError, NotFoundError, Reason, VerificationError
from bridge.protocol.packets import (
    MAX_PAYLOAD_VALUE_BYTES,
    MAX_TIMEOUT_SECONDS,
    PacketState,
    decode_packet,
    encode_packet,
    require_payload,
)
from bridge.protocol.paths import MAX_SEQUENCE
from bridge.protocol.ports import ENCODING, encode_payload, require_known_port, require_routable
from bridge.v1 import ledger_service_pb2
from bridge.v1.packet_pb2 import Packet, Payload
from bridge.wire import encode


def packet(**over: Any) -> Packet:
    fields: dict[str, Any] = {
        "sequence": 7,
        "source_client": "sh-0",
        "destination_client": "hk-0",
        "timeout_seconds": 1_790_000_000,
        "payloads": [encode_payload("cargo", b"value")],
    }
    return Packet(**(fields | over))


def payload(**over: Any) -> Payload:
    fields: dict[str, Any] = {
        "source_port": "cargo",
        "destination_port": "cargo",
        "version": "cargo-1",
        "encoding": ENCODING,
        "value": b"value",
    }
    return Payload(**(fields | over))


def test_a_packet_round_trips() -> None:
    made, data = encode_packet("sh-0", "hk-0", 7, 1_790_000_000, encode_payload("cargo", b"value"))
    decoded = decode_packet(data)
    assert decoded == made == packet()
    assert require_routable(require_payload(decoded)) == "cargo"


@pytest.mark.parametrize(
    ("over", "reason"),
    [
        ({"sequence": 0}, Reason.INVALID_FIELD),
        ({"sequence": MAX_SEQUENCE + 1}, Reason.INVALID_FIELD),
        ({"timeout_seconds": 0}, Reason.INVALID_FIELD),
        ({"timeout_seconds": MAX_TIMEOUT_SECONDS + 1}, Reason.INVALID_FIELD),
        ({"source_client": ""}, Reason.INVALID_IDENTIFIER),
        ({"source_client": "SH-0"}, Reason.INVALID_IDENTIFIER),
        ({"destination_client": "h"}, Reason.INVALID_IDENTIFIER),
    ],
)
def test_a_packet_without_a_proper_address_is_refused(over: dict[str, Any], reason: Reason) -> None:
    with pytest.raises(DecodeError) as caught:
        decode_packet(encode(packet(**over)))
    assert caught.value.reason is reason


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        encode(packet()) + b"\x30\x01",
        encode(packet()) + encode(packet()),
        b"\x08\x87\x00" + encode(packet())[2:],
    ],
    ids=["empty", "garbage", "unknown field", "doubled", "long varint"],
)
def test_bytes_with_another_reading_are_refused(data: bytes) -> None:
    with pytest.raises(DecodeError) as caught:
        decode_packet(data)
    assert caught.value.reason in (Reason.MALFORMED_MESSAGE, Reason.INVALID_IDENTIFIER)


def test_a_packet_above_the_limit_is_not_parsed() -> None:
    big = packet(payloads=[payload(value=b"x" * (MAX_PAYLOAD_VALUE_BYTES + 5000))])
    with pytest.raises(LimitError) as caught:
        decode_packet(encode(big))
    assert caught.value.reason is Reason.LIMIT_EXCEEDED


@pytest.mark.parametrize(
    ("payloads", "reason"),
    [
        ([], Reason.INVALID_FIELD),
        ([payload(), payload()], Reason.INVALID_FIELD),
        ([payload(source_port="")], Reason.INVALID_IDENTIFIER),
        ([payload(destination_port="Cargo")], Reason.INVALID_IDENTIFIER),
        ([payload(version="")], Reason.INVALID_FIELD),
        ([payload(version="v" * 33)], Reason.INVALID_FIELD),
        ([payload(version="cargo\n1")], Reason.INVALID_FIELD),
        ([payload(encoding="")], Reason.INVALID_FIELD),
        ([payload(encoding="e" * 65)], Reason.INVALID_FIELD),
        ([payload(value=b"")], Reason.FIELD_REQUIRED),
        ([payload(value=b"x" * (MAX_PAYLOAD_VALUE_BYTES + 1))], Reason.LIMIT_EXCEEDED),
    ],
)
def test_payloads_out_of_bounds_are_refused(payloads: list[Payload], reason: Reason) -> None:
    with pytest.raises(DecodeError) as caught:
        require_payload(packet(payloads=payloads))
    assert caught.value.reason is reason


def test_a_payload_at_the_limit_stands() -> None:
    assert require_payload(packet(payloads=[payload(value=b"x" * MAX_PAYLOAD_VALUE_BYTES)])).source_port == "cargo"


@pytest.mark.parametrize(
    ("over", "error", "reason"),
    [
        ({"destination_port": "title", "source_port": "title"}, NotFoundError, Reason.PORT_UNKNOWN),
        ({"source_port": "member"}, NotFoundError, Reason.PORT_UNKNOWN),
        ({"version": "cargo-2"}, VerificationError, Reason.PAYLOAD_VERSION_UNKNOWN),
        ({"encoding": "application/json"}, DecodeError, Reason.INVALID_FIELD),
    ],
)
def test_payloads_that_have_no_route(over: dict[str, Any], error: type[BridgeError], reason: Reason) -> None:
    with pytest.raises(error) as caught:
        require_routable(payload(**over))
    assert caught.value.reason is reason


@pytest.mark.parametrize("port", ["member", "identifier", "cargo"])
def test_every_known_port_has_a_route(port: str) -> None:
    assert require_known_port(port) == require_routable(encode_payload(port, b"x")) == port


@pytest.mark.parametrize("port", ["", "title"])
def test_unknown_ports(port: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        require_known_port(port)
    assert caught.value.reason is Reason.PORT_UNKNOWN


def test_states_have_the_numbers_of_the_api() -> None:
    names = dict(ledger_service_pb2.PacketState.items())
    assert {f"PACKET_STATE_{state.name}": state.value for state in PacketState} == {
        name: number for name, number in names.items() if number
    }
