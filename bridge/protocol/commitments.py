"""Commitments: the 32-byte values that stand for a packet or an acknowledgement in a ledger's entries.

The formula is IBC v2's, in the hash of the ledger that writes the entry. Every part is hashed before it is joined, so
the parts cannot be shifted against each other. Source: ibc-go `modules/core/04-channel/v2/types/commitment.go`; the
timeout is big-endian there and here, whatever the prose of `PACKET.md` says (a published vector decides).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from bridge.v1.packet_pb2 import Packet, Payload

Hash = Callable[[bytes], bytes]

COMMITMENT_VERSION = b"\x02"


def packet_commitment(hash_: Hash, packet: Packet) -> bytes:
    """[COM-1] `H(2 | H(destination_client) | H(timeout_seconds) | H(payload hashes))`.

    The timeout is 8 bytes, big-endian. Source client and sequence are bound by the entry's path.
    """
    payloads = b"".join(payload_hash(hash_, payload) for payload in packet.payloads)
    timeout = packet.timeout_seconds.to_bytes(8, "big")
    parts = (COMMITMENT_VERSION, _text_hash(hash_, packet.destination_client), hash_(timeout), hash_(payloads))
    return hash_(b"".join(parts))


def payload_hash(hash_: Hash, payload: Payload) -> bytes:
    """[COM-2] `H(H(source_port) | H(destination_port) | H(version) | H(encoding) | H(value))`."""
    return hash_(
        b"".join(
            (
                _text_hash(hash_, payload.source_port),
                _text_hash(hash_, payload.destination_port),
                _text_hash(hash_, payload.version),
                _text_hash(hash_, payload.encoding),
                hash_(payload.value),
            )
        )
    )


def acknowledgement_commitment(hash_: Hash, acknowledgement: bytes) -> bytes:
    """[COM-3] `H(2 | H(acknowledgement bytes))`, the bytes being exactly those that were written."""
    return hash_(COMMITMENT_VERSION + hash_(acknowledgement))


@lru_cache(maxsize=256)
def _text_hash(hash_: Hash, text: str) -> bytes:
    """Hash of a port, version, encoding or client id: the same few in every packet, so remembered."""
    return hash_(text.encode())
