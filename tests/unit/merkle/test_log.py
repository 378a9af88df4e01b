"""The growing log agrees with the plain functions at every size it ever had."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import Reason, VerificationError
from bridge.merkle import rfc6962
from bridge.merkle.log import MerkleLog


def digest(data: bytes) -> bytes:
    return sha256(data).digest()


LEAVES = [digest(index.to_bytes(2, "big")) for index in range(1000)]


def filled(count: int) -> MerkleLog:
    log = MerkleLog(digest)
    log.append(LEAVES[:count])
    return log


def test_the_root_is_right_at_every_size_to_130_now_and_later():
    log, grown = filled(130), MerkleLog(digest)
    for size in range(131):
        expected = rfc6962.root(digest, LEAVES[:size])
        assert log.root(size) == expected
        assert grown.root() == expected
        assert grown.size == size
        grown.append(LEAVES[size : size + 1])


@given(st.lists(st.integers(0, 70), max_size=8))
def test_it_does_not_matter_how_leaves_are_batched(batches):
    log, size = MerkleLog(digest), 0
    for count in batches:
        log.append(iter(LEAVES[size : size + count]))
        size += count
    assert log.root() == rfc6962.root(digest, LEAVES[:size])


def test_every_range_of_every_size_to_34_is_proved_like_the_plain_function_does():
    log = filled(70)
    for size in range(1, 35):
        for first in range(size):
            for count in range(1, size - first + 1):
                proof = log.range_proof(first, count, size)
                assert proof == rfc6962.prove_range(digest, LEAVES[:size], first, count)


@given(st.data())
def test_ranges_at_older_sizes_verify(data):
    log = filled(1000)
    size = data.draw(st.integers(1, 1000))
    first = data.draw(st.integers(0, size - 1))
    count = data.draw(st.integers(1, size - first))
    proof = log.range_proof(first, count, size)
    rfc6962.verify_range(digest, log.root(size), size, first, LEAVES[first : first + count], proof)


def test_leaves_are_read_back():
    assert filled(9).leaf_hashes(3, 4) == LEAVES[3:7]


def test_a_leaf_of_another_length_is_refused_and_nothing_is_added():
    log = filled(3)
    for bad in (b"", LEAVES[0][:31], LEAVES[0] + b"\0"):
        with pytest.raises(VerificationError) as caught:
            log.append([LEAVES[3], bad])
        assert caught.value.reason is Reason.PROOF_INVALID
    assert log.size == 3
    assert log.root() == rfc6962.root(digest, LEAVES[:3])


def test_nothing_outside_the_log_is_proved():
    log = filled(5)
    for call in (
        lambda: log.root(6),
        lambda: log.root(-1),
        lambda: log.range_proof(0, 6),
        lambda: log.range_proof(0, 0),
        lambda: log.range_proof(-1, 1),
        lambda: log.range_proof(0, 1, 6),
        lambda: log.range_proof(3, 1, 3),
        lambda: log.leaf_hashes(5, 1),
    ):
        with pytest.raises(IndexError):
            call()
