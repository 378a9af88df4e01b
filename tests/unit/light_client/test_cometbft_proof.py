"""Membership proofs of the cometbft profile: a run of leaves of the log that a header carries, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bridge.errors import DecodeError, Reason, VerificationError
from bridge.light_client.cometbft import PROFILE, log_app_hash, log_leaf
from bridge.light_client.cometbft_bytes import hash_bytes
from bridge.light_client.types import Entry, OpaqueLeaf
from bridge.merkle.log import MerkleLog
from bridge.v1.proof_pb2 import LogRangeProof
from bridge.wire import encode
from tests.unit.light_client.lightblocks import TRUSTED

ENTRIES = [Entry(b"path/%d" % index, hash_bytes(b"%d" % index)) for index in range(11)]
LOG = MerkleLog(hash_bytes)
LOG.append(log_leaf(entry) for entry in ENTRIES)
PROVING = replace(TRUSTED, root=log_app_hash(LOG.size, LOG.root()))


def proof(first: int, count: int, **changes: object) -> bytes:
    message = LogRangeProof(
        log_size=LOG.size, log_root=LOG.root(), first_index=first, hashes=LOG.range_proof(first, count)
    )
    for name, value in changes.items():
        if isinstance(value, list):
            message.ClearField(name)  # type: ignore[arg-type]
            getattr(message, name).extend(value)
        else:
            setattr(message, name, value)
    return encode(message)


def test_entries_and_runs_are_proven() -> None:
    for first in range(11):
        for count in range(1, 12 - first):
            PROFILE.verify_membership(PROVING, proof(first, count), ENTRIES[first : first + count])
    shown = [OpaqueLeaf(log_leaf(ENTRIES[3])), ENTRIES[4], OpaqueLeaf(log_leaf(ENTRIES[5]))]
    PROFILE.verify_membership(PROVING, proof(3, 3), shown)


@pytest.mark.parametrize(
    ("data", "elements"),
    [
        (proof(3, 1), [ENTRIES[4]]),  # another entry
        (proof(3, 1, first_index=4), [ENTRIES[3]]),  # another index
        (proof(3, 1, first_index=11), [ENTRIES[3]]),
        (proof(3, 1, first_index=2**64 - 1), [ENTRIES[3]]),
        (proof(3, 1, log_size=10), [ENTRIES[3]]),  # another size
        (proof(3, 1, log_size=12), [ENTRIES[3]]),
        (proof(3, 1, log_size=0), [ENTRIES[3]]),
        (proof(3, 1, log_root=b"\1" * 32), [ENTRIES[3]]),
        (proof(3, 1), [Entry(ENTRIES[3].path + b"x", ENTRIES[3].value)]),  # another path
        (proof(3, 1), [Entry(ENTRIES[3].path, hash_bytes(b"4"))]),  # another value
        (proof(3, 2), [ENTRIES[4], ENTRIES[3]]),  # another order
        (proof(3, 2), [ENTRIES[3]]),
        (proof(3, 1), [ENTRIES[3], ENTRIES[4]]),
        (proof(3, 1), []),
        (proof(3, 1, hashes=LOG.range_proof(3, 1)[:-1]), [ENTRIES[3]]),  # a hash is missing
        (proof(3, 1, hashes=[*LOG.range_proof(3, 1), b"\1" * 32]), [ENTRIES[3]]),  # a hash is left over
        (proof(3, 1, hashes=[h[:31] for h in LOG.range_proof(3, 1)]), [ENTRIES[3]]),
        (proof(3, 1), [OpaqueLeaf(b"")]),
    ],
)
def test_proofs_of_something_else(data: bytes, elements: list[Entry | OpaqueLeaf]) -> None:
    with pytest.raises(VerificationError) as caught:
        PROFILE.verify_membership(PROVING, data, elements)
    assert caught.value.reason is Reason.PROOF_INVALID


def test_a_node_is_not_a_leaf() -> None:
    left, right = log_leaf(ENTRIES[0]), log_leaf(ENTRIES[1])
    two = MerkleLog(hash_bytes)
    two.append([left, right])
    trusted = replace(TRUSTED, root=log_app_hash(1, two.root()))
    message = encode(LogRangeProof(log_size=1, log_root=two.root(), first_index=0))
    with pytest.raises(VerificationError) as caught:
        PROFILE.verify_membership(trusted, message, [Entry(left, right)])
    assert caught.value.reason is Reason.PROOF_INVALID


@pytest.mark.parametrize("data", [b"\xff", proof(3, 1) + b"\x28\x01", bytes(9_000)])
def test_proof_bytes_that_do_not_decode(data: bytes) -> None:
    with pytest.raises(DecodeError) as caught:
        PROFILE.verify_membership(PROVING, data, [ENTRIES[3]])
    assert caught.value.reason in (Reason.MALFORMED_MESSAGE, Reason.LIMIT_EXCEEDED)
