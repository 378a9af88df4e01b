"""Commitments against the values that ibc-go and solidity-ibc-eureka publish [COM-1] to [COM-3].

Source: ibc-go `modules/core/04-channel/v2/types/commitment_test.go` (TestCommitPacket, TestCommitAcknowledgement).
"""

from __future__ import annotations

from hashlib import sha256

import pytest

from bridge.crypto.suites import suite
from bridge.protocol.commitments import acknowledgement_commitment, packet_commitment, payload_hash
from bridge.v1.packet_pb2 import Packet, Payload

HASH = suite("sha256-ed25519").hash

TRANSFER = b'{"denom":"uatom","amount":"1000000","sender":"sender","receiver":"receiver","memo":"memo"}'


def _word(number: int) -> bytes:
    return number.to_bytes(32, "big")


def _abi_string(text: bytes) -> bytes:
    return _word(len(text)) + text.ljust(-(-len(text) // 32) * 32, b"\0")


def _abi_transfer() -> bytes:
    """abi.encode of one struct (string denom, string sender, string receiver, uint256 amount, string memo)."""
    strings = [_abi_string(text) for text in (b"uatom", b"sender", b"receiver", b"memo")]
    offsets = [5 * 32 + sum(map(len, strings[:index])) for index in range(4)]
    head = _word(offsets[0]) + _word(offsets[1]) + _word(offsets[2]) + _word(1_000_000) + _word(offsets[3])
    return _word(32) + head + b"".join(strings)


def _packet(encoding: str, value: bytes) -> Packet:
    return Packet(
        sequence=1,
        source_client="07-tendermint-0",
        destination_client="07-tendermint-1",
        timeout_seconds=100,
        payloads=[
            Payload(
                source_port="transfer", destination_port="transfer", version="ics20-1", encoding=encoding, value=value
            )
        ],
    )


PACKETS = [
    ("application/json", TRANSFER, "a096722aa6534040a0efbdae05765132a7b223ad306d6512f3734821bd046505"),
    (
        "application/x-solidity-abi",
        _abi_transfer(),
        "d408dca5088b9b375edb3c4df6bae0e18084fc0dbd90fcd0d028506553c81b25",
    ),
]
ACKNOWLEDGEMENTS = [
    (b"some bytes", "f03b4667413e56aaf086663267913e525c442b56fa1af4fa3f3dab9f37044c5b"),
    (
        sha256(b"UNIVERSAL_ERROR_ACKNOWLEDGEMENT").digest(),
        "e2fb30dfbf7abdeaca82d426534d2b3a9d5444dd2a87fa16d38b77ba1a13ced7",
    ),
]


@pytest.mark.parametrize(("encoding", "value", "expected"), PACKETS)
def test_packets(encoding: str, value: bytes, expected: str) -> None:
    assert packet_commitment(HASH, _packet(encoding, value)).hex() == expected


@pytest.mark.parametrize(("acknowledgement", "expected"), ACKNOWLEDGEMENTS)
def test_acknowledgements(acknowledgement: bytes, expected: str) -> None:
    assert acknowledgement_commitment(HASH, acknowledgement).hex() == expected


def test_four_published_values_were_compared() -> None:
    assert len(PACKETS) + len(ACKNOWLEDGEMENTS) == 4


def test_every_field_but_those_of_the_path_moves_the_commitment() -> None:
    base = _packet("application/json", TRANSFER)
    commitments = {packet_commitment(HASH, base)}
    for field, value in (("destination_client", "07-tendermint-2"), ("timeout_seconds", 101)):
        changed = Packet()
        changed.CopyFrom(base)
        setattr(changed, field, value)
        commitments.add(packet_commitment(HASH, changed))
    for field, text in (
        ("source_port", "transfe"),
        ("destination_port", "rtransfer"),
        ("version", "ics20-2"),
        ("encoding", "application/jso"),
        ("value", b"napplication"),
    ):
        changed = Packet()
        changed.CopyFrom(base)
        setattr(changed.payloads[0], field, text)
        commitments.add(packet_commitment(HASH, changed))
    assert len(commitments) == 8
    path_only = Packet()
    path_only.CopyFrom(base)
    path_only.sequence, path_only.source_client = 2, "other-0"
    assert packet_commitment(HASH, path_only) in commitments


def test_the_hash_is_the_writing_ledgers() -> None:
    base = _packet("application/json", TRANSFER)
    sm3 = suite("sm3-sm2").hash
    assert packet_commitment(sm3, base) != packet_commitment(HASH, base)
    assert payload_hash(sm3, base.payloads[0]) != payload_hash(HASH, base.payloads[0])


def test_a_payload_too_long_to_remember_hashes_the_same_way() -> None:
    long = Payload(source_port="p" * 500, destination_port="d", version="v", encoding="e", value=b"x")
    parts = b"".join(sha256(part).digest() for part in (b"p" * 500, b"d", b"v", b"e", b"x"))
    assert payload_hash(HASH, long) == sha256(parts).digest()
