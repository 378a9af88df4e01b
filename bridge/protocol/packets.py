"""Packets: building, strict decoding and field rules. What a payload's value means belongs to its port's application.

Two steps, because a packet that a ledger has committed to must end in an acknowledgement: `decode_packet` decides
whether the bytes are a packet at all and whom it is for; `require_payload` decides whether it can be routed, and its
refusal becomes a REJECTED acknowledgement. Source: ibc-go `modules/core/04-channel/v2/types/packet.go` (ValidateBasic).
"""

from __future__ import annotations

from enum import IntEnum
from functools import lru_cache

from bridge.errors import DecodeError, LimitError, Reason
from bridge.protocol.paths import MAX_SEQUENCE, require_client_id, require_port
from bridge.v1.packet_pb2 import Packet, Payload
from bridge.wire import decode_strict, encode, require_text

MAX_PAYLOAD_VALUE_BYTES = 768 * 1024
"""Largest payload value, in bytes: a document of 4,000 leaves disclosed whole, with its salts and pointers."""

MAX_PACKET_BYTES = MAX_PAYLOAD_VALUE_BYTES + 4096
"""Largest packet, in bytes: one payload and its addresses."""

MAX_VERSION_CHARACTERS = 32
"""Longest payload version; "cargo-1" has seven."""

MAX_ENCODING_CHARACTERS = 64
"""Longest payload encoding; it is a media type."""

MAX_TIMEOUT_SECONDS = 253_402_300_799
"""Last second of the year 9999, where every form of time in the bridge ends."""


class PacketState(IntEnum):
    """Standing of a sent packet on its source ledger; the numbers are those of the API's PacketState."""

    COMMITTED = 1
    ACCEPTED = 2
    REJECTED = 3
    EXPIRED = 4
    CLOSED_BY_AUTHORITIES = 5


def encode_packet(
    source_client: str, destination_client: str, sequence: int, timeout_seconds: int, payload: Payload
) -> tuple[Packet, bytes]:
    """A packet with one payload, and the exact bytes to commit to and carry."""
    packet = Packet(
        sequence=sequence,
        source_client=source_client,
        destination_client=destination_client,
        timeout_seconds=timeout_seconds,
        payloads=[payload],
    )
    return packet, encode(packet)


def decode_packet(data: bytes) -> Packet:
    """[PKT-1] A packet with well-formed client ids, a sequence and a timeout; DecodeError or LimitError otherwise."""
    packet = decode_strict(Packet, data, MAX_PACKET_BYTES)
    require_client_id(packet.source_client, "source_client")
    require_client_id(packet.destination_client, "destination_client")
    if not 0 < packet.sequence <= MAX_SEQUENCE:
        raise DecodeError(Reason.INVALID_FIELD, "sequences start at 1", field="sequence", got=packet.sequence)
    if not 0 < packet.timeout_seconds <= MAX_TIMEOUT_SECONDS:
        raise DecodeError(
            Reason.INVALID_FIELD, "a packet has a timeout", field="timeout_seconds", got=packet.timeout_seconds
        )
    return packet


def require_payload(packet: Packet) -> Payload:
    """[PKT-2] The packet's one payload, with ports, version, encoding and a value within bounds.

    Raises DecodeError INVALID_FIELD or INVALID_IDENTIFIER, LimitError LIMIT_EXCEEDED.
    """
    if len(packet.payloads) != 1:
        raise DecodeError(
            Reason.INVALID_FIELD, "a packet carries exactly one payload", field="payloads", got=len(packet.payloads)
        )
    payload = packet.payloads[0]
    _require_address(payload.source_port, payload.destination_port, payload.version, payload.encoding)
    size = len(payload.value)
    if not size:
        raise DecodeError(Reason.FIELD_REQUIRED, "a payload has a value", field="value")
    if size > MAX_PAYLOAD_VALUE_BYTES:
        raise LimitError(Reason.LIMIT_EXCEEDED, "payload value", got=size, limit=MAX_PAYLOAD_VALUE_BYTES)
    return payload


@lru_cache(maxsize=256)
def _require_address(source_port: str, destination_port: str, version: str, encoding: str) -> None:
    """[PKT-3] Ports, version and encoding in form. What is in form is remembered; it is the same in every packet."""
    require_port(source_port, "source_port")
    require_port(destination_port, "destination_port")
    require_text(version, "version", most=MAX_VERSION_CHARACTERS)
    require_text(encoding, "encoding", most=MAX_ENCODING_CHARACTERS)
