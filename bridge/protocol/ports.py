"""The ports packets are addressed to: a static allow-list, each with the one payload version and encoding it reads.

No port can change what is trusted about headers: clients are made, paired and recovered by authorities' acts only.
"""

from __future__ import annotations

from bridge.errors import DecodeError, NotFoundError, Reason, VerificationError
from bridge.v1.packet_pb2 import Payload

MEMBER_PORT = "member"
IDENTIFIER_PORT = "identifier"
CARGO_PORT = "cargo"

ENCODING = "application/x-protobuf"

PORT_VERSIONS = {MEMBER_PORT: "member-1", IDENTIFIER_PORT: "identifier-1", CARGO_PORT: "cargo-1"}
"""Version of each port's payload value: SignedMember, SignedMapping, RecordPayload."""


def encode_payload(port: str, value: bytes) -> Payload:
    """A payload from a port to the same port on the other side."""
    return Payload(source_port=port, destination_port=port, version=PORT_VERSIONS[port], encoding=ENCODING, value=value)


def require_known_port(port: str) -> str:
    """[PORT-1] The port itself when it is on the list; NotFoundError PORT_UNKNOWN otherwise."""
    if port not in PORT_VERSIONS:
        raise NotFoundError(Reason.PORT_UNKNOWN, "no application has this port", port=port)
    return port


def require_routable(payload: Payload) -> str:
    """[PORT-2] The port of a payload that goes from a known port to the same port in the version and encoding it reads.

    An application reachable under two names would slip past a pause of one of them, so both ports must be equal. Raises
    NotFoundError PORT_UNKNOWN, VerificationError PAYLOAD_VERSION_UNKNOWN, DecodeError INVALID_FIELD.
    """
    port = require_known_port(payload.destination_port)
    if payload.source_port != port:
        raise NotFoundError(Reason.PORT_UNKNOWN, "a port talks to its like", got=payload.source_port, expected=port)
    if payload.version != PORT_VERSIONS[port]:
        raise VerificationError(
            Reason.PAYLOAD_VERSION_UNKNOWN, "payload version", got=payload.version, expected=PORT_VERSIONS[port]
        )
    if payload.encoding != ENCODING:
        raise DecodeError(Reason.INVALID_FIELD, "payload encoding", field="encoding", got=payload.encoding)
    return port
