"""Commitments: the 32-byte values that stand for a packet or an acknowledgement in a ledger's entries.

The formula is IBC v2's, in the hash of the ledger that writes the entry. Every part is hashed before it is joined, so
the parts cannot be shifted against each other. Source: ibc-go `modules/core/04-channel/v2/types/commitment.go`; the
timeout is big-endian there and here, whatever the prose of `PACKET.md` says (a published vector decides).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache

from bridge.v1.packet_pb2 import Packet, Payload

Hash = Callable[[bytes], bytes]

COMMITMENT_VERSION = b"\x02"

MAX_REMEMBERED_CHARACTERS = 400
"""Longest ports, version and encoding whose hashes are remembered, together: what a packet in form can have."""


def packet_commitment(hash_: Hash, packet: Packet) -> bytes:
    """[COM-1] `H(2 | H(destination_client) | H(timeout_seconds) | H(payload hashes))`.

    The timeout is 8 bytes, big-endian. Source client and sequence are bound by the entry's path.
    """
    return opened_commitment(
        hash_, packet.destination_client, packet.timeout_seconds, payloads_digest(hash_, packet.payloads)
    )


def opened_commitment(hash_: Hash, destination_client: str, timeout_seconds: int, digest: bytes) -> bytes:
    """The commitment from its parts: whoever knows them can name a packet and its timeout without its payload."""
    return hash_(_head(hash_, destination_client, timeout_seconds) + digest)


def payloads_digest(hash_: Hash, payloads: Iterable[Payload]) -> bytes:
    """`H(payload hashes)`, the last part of a packet's commitment."""
    return hash_(b"".join([payload_hash(hash_, payload) for payload in payloads]))


def payload_hash(hash_: Hash, payload: Payload) -> bytes:
    """[COM-2] `H(H(source_port) | H(destination_port) | H(version) | H(encoding) | H(value))`."""
    address = (payload.source_port, payload.destination_port, payload.version, payload.encoding)
    known = _address if sum(map(len, address)) <= MAX_REMEMBERED_CHARACTERS else _hash_address
    return hash_(known(hash_, address) + hash_(payload.value))


def acknowledgement_commitment(hash_: Hash, acknowledgement: bytes) -> bytes:
    """[COM-3] `H(2 | H(acknowledgement bytes))`, the bytes being exactly those that were written."""
    return hash_(COMMITMENT_VERSION + hash_(acknowledgement))


@lru_cache(maxsize=256)
def _head(hash_: Hash, destination_client: str, timeout_seconds: int) -> bytes:
    """What the packets of one batch share: the version, the hash of the destination and that of the timeout."""
    return COMMITMENT_VERSION + hash_(destination_client.encode()) + hash_(timeout_seconds.to_bytes(8, "big"))


def _hash_address(hash_: Hash, address: tuple[str, ...]) -> bytes:
    return b"".join([hash_(part.encode()) for part in address])


_address = lru_cache(maxsize=256)(_hash_address)
"""Hashes of ports, version and encoding: the same few in every packet, so remembered."""
