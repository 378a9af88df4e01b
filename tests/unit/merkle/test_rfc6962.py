"""RFC 6962 trees against the recursive definition, exhaustively for small sizes and at random for larger ones."""

from __future__ import annotations

import contextlib
import random
from hashlib import sha256
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.errors import Reason, VerificationError
from bridge.merkle import rfc6962

MAX_EXHAUSTIVE = 130


def digest(data: bytes) -> bytes:
    return sha256(data).digest()


LEAVES = [rfc6962.leaf_hash(digest, index.to_bytes(2, "big")) for index in range(300)]


def mth(leaves: list[bytes]) -> bytes:
    """The RFC's own recursive definition."""
    if not leaves:
        return digest(b"")
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return digest(b"\x01" + mth(leaves[:split]) + mth(leaves[split:]))


ROOTS = [mth(LEAVES[:size]) for size in range(MAX_EXHAUSTIVE + 1)]


def refused(call, *arguments) -> str:
    with pytest.raises(VerificationError) as caught:
        call(digest, *arguments)
    assert caught.value.reason is Reason.PROOF_INVALID
    return caught.value.detail


def test_roots_follow_the_recursive_definition():
    for size, expected in enumerate(ROOTS):
        assert rfc6962.root(digest, LEAVES[:size]) == expected


def test_every_inclusion_proof_of_small_trees_verifies():
    for size in range(1, 66):
        for index in range(size):
            path = rfc6962.prove_inclusion(digest, LEAVES[:size], index)
            assert len(path) <= (size - 1).bit_length()
            rfc6962.verify_inclusion(digest, ROOTS[size], size, index, LEAVES[index], path)


def test_an_inclusion_proof_holds_for_one_index_only():
    for size in range(2, 34):
        for index in range(size):
            path = rfc6962.prove_inclusion(digest, LEAVES[:size], index)
            for other in range(size + 2):
                if other != index:
                    refused(rfc6962.verify_inclusion, ROOTS[size], size, other, LEAVES[index], path)


def test_every_consistency_proof_of_small_trees_verifies():
    for size in range(1, 66):
        for first in range(1, size + 1):
            path = rfc6962.prove_consistency(digest, LEAVES[:size], first)
            rfc6962.verify_consistency(digest, ROOTS[first], first, ROOTS[size], size, path)


def test_a_consistency_proof_holds_for_its_sizes_and_roots_only():
    for size in range(2, 20):
        for first in range(1, size):
            path = rfc6962.prove_consistency(digest, LEAVES[:size], first)
            verify = rfc6962.verify_consistency
            refused(verify, ROOTS[first], first, ROOTS[size + 1], size, path)
            refused(verify, ROOTS[first - 1], first, ROOTS[size], size, path)
            refused(verify, ROOTS[first], first, ROOTS[size], size, [*path, LEAVES[0]])
            refused(verify, ROOTS[first], first, ROOTS[size], size, path[:-1])


def test_consistency_from_nothing_is_refused_even_with_equal_roots():
    assert "sizes" in refused(rfc6962.verify_consistency, ROOTS[0], 0, ROOTS[0], 0, [])
    refused(rfc6962.verify_consistency, ROOTS[0], 0, ROOTS[4], 4, [])
    refused(rfc6962.verify_consistency, ROOTS[4], 4, ROOTS[3], 3, [])
    refused(rfc6962.verify_consistency, ROOTS[4], 4, ROOTS[3], 4, [])


def test_every_run_of_small_trees_verifies():
    for size in range(1, 34):
        leaves = LEAVES[:size]
        for first in range(size):
            for count in range(1, size - first + 1):
                proof = rfc6962.prove_range(digest, leaves, first, count)
                assert proof == rfc6962.prove_subset(digest, leaves, range(first, first + count))
                rfc6962.verify_range(digest, ROOTS[size], size, first, leaves[first : first + count], proof)


def test_runs_at_the_edges_of_every_size_to_130_verify():
    for size in range(1, MAX_EXHAUSTIVE + 1):
        leaves = LEAVES[:size]
        for first, count in {
            (0, size),
            (0, 1),
            (size - 1, 1),
            (size // 2, size - size // 2),
            (size // 3, size // 3 or 1),
        }:
            proof = rfc6962.prove_range(digest, leaves, first, count)
            rfc6962.verify_range(digest, ROOTS[size], size, first, leaves[first : first + count], proof)


@given(st.data())
def test_a_run_moved_changed_or_with_other_hashes_is_refused(data):
    size = data.draw(st.integers(2, MAX_EXHAUSTIVE))
    first = data.draw(st.integers(0, size - 1))
    count = data.draw(st.integers(1, size - first))
    run = LEAVES[first : first + count]
    proof = rfc6962.prove_range(digest, LEAVES[:size], first, count)
    verify = rfc6962.verify_range
    rfc6962.verify_range(digest, ROOTS[size], size, first, run, proof)

    refused(verify, ROOTS[size], size, first, run, [*proof, LEAVES[0]])
    refused(verify, ROOTS[size - 1], size, first, run, proof)
    place = data.draw(st.integers(0, count - 1))
    refused(verify, ROOTS[size], size, first, [*run[:place], LEAVES[299], *run[place + 1 :]], proof)
    if proof:
        place = data.draw(st.integers(0, len(proof) - 1))
        refused(verify, ROOTS[size], size, first, run, [*proof[:place], *proof[place + 1 :]])
        refused(verify, ROOTS[size], size, first, run, [*proof[:place], LEAVES[299], *proof[place + 1 :]])
        refused(verify, ROOTS[size], size, first, run, [*proof[:place], proof[place][:-1], *proof[place + 1 :]])
    if count > 1:
        refused(verify, ROOTS[size], size, first, run[:-1], proof)
        if run[0] != run[-1]:
            refused(verify, ROOTS[size], size, first, run[::-1], proof)
    other = data.draw(st.integers(0, size - count))
    if other != first:
        refused(verify, ROOTS[size], size, other, run, proof)


def test_the_form_of_a_run_is_checked_before_it_is_hashed():
    verify = rfc6962.verify_range
    assert "empty" in refused(verify, ROOTS[4], 4, 0, [], [ROOTS[4]])
    assert "size" in refused(verify, ROOTS[0], 0, 0, [LEAVES[0]], [])
    assert "size" in refused(verify, ROOTS[4], 2**64, 0, [LEAVES[0]], [])
    assert "inside" in refused(verify, ROOTS[4], 4, 4, [LEAVES[0]], [])
    assert "inside" in refused(verify, ROOTS[4], 4, -1, [LEAVES[0]], [])
    assert "inside" in refused(verify, ROOTS[4], 4, 3, LEAVES[:2], [])
    assert "too many" in refused(verify, ROOTS[4], 4, 0, LEAVES[:1], [LEAVES[0]] * 129)
    assert "length" in refused(verify, ROOTS[4], 4, 0, [LEAVES[0] + b"\0"], [])
    assert "root" in refused(verify, b"", 1, 0, [LEAVES[0]], [])


def test_the_deepest_tree_takes_64_levels_and_no_more():
    path = [LEAVES[level] for level in range(64)]
    expected = LEAVES[100]
    for node in path:
        expected = rfc6962.node_hash(digest, expected, node)
    rfc6962.verify_inclusion(digest, expected, rfc6962.MAX_SIZE, 0, LEAVES[100], path)
    refused(rfc6962.verify_inclusion, expected, rfc6962.MAX_SIZE, 0, LEAVES[100], [*path, LEAVES[64]])


def test_a_node_is_not_a_leaf():
    left, right = LEAVES[0], LEAVES[1]
    assert rfc6962.leaf_hash(digest, left + right) != rfc6962.node_hash(digest, left, right)
    refused(rfc6962.verify_inclusion, ROOTS[2], 1, 0, rfc6962.leaf_hash(digest, left + right), [])


def test_every_subset_of_trees_to_nine_leaves_leads_to_the_root():
    for size in range(1, 10):
        for shown in range(size + 1):
            for indices in combinations(range(size), shown):
                hidden = rfc6962.prove_subset(digest, LEAVES[:size], indices)
                leaves = {index: LEAVES[index] for index in indices}
                assert rfc6962.subset_root(digest, size, leaves, hidden) == ROOTS[size]


@given(st.integers(1, MAX_EXHAUSTIVE), st.data())
def test_a_subset_leads_to_the_root_and_to_nothing_else(size, data):
    indices = data.draw(st.sets(st.integers(0, size - 1), min_size=1))
    hidden = rfc6962.prove_subset(digest, LEAVES[:size], indices)
    leaves = {index: LEAVES[index] for index in indices}
    assert rfc6962.subset_root(digest, size, leaves, hidden) == ROOTS[size]
    assert len(hidden) <= len(indices) * (size - 1).bit_length()

    changed = data.draw(st.sampled_from(sorted(indices)))
    assert rfc6962.subset_root(digest, size, {**leaves, changed: LEAVES[299]}, hidden) != ROOTS[size]
    assert "left-over" in refused(rfc6962.subset_root, size, leaves, [*hidden, LEAVES[0]]) or len(hidden) == 0
    if hidden:
        assert "too few" in refused(rfc6962.subset_root, size, leaves, hidden[:-1])
        place = data.draw(st.integers(0, len(hidden) - 1))
        mended = [*hidden[:place], LEAVES[298], *hidden[place + 1 :]]
        assert rfc6962.subset_root(digest, size, leaves, mended) != ROOTS[size]


def test_the_form_of_a_subset_is_checked():
    subset = rfc6962.subset_root
    assert "size" in refused(subset, 0, {}, [])
    assert "inside" in refused(subset, 2, {2: LEAVES[0]}, [LEAVES[0]])
    assert "inside" in refused(subset, 2, {-1: LEAVES[0]}, [LEAVES[0]])
    assert "length" in refused(subset, 2, {0: LEAVES[0]}, [LEAVES[1][:31]])
    assert "length" in refused(subset, 2, {0: b""}, [LEAVES[1]])
    assert "too few" in refused(subset, 2, {}, [])
    assert "too many" in refused(subset, 2, {}, [LEAVES[0]] * 65)


def test_the_same_hashes_under_another_size_lead_to_the_same_root_so_sizes_must_be_bound():
    hidden = rfc6962.prove_subset(digest, LEAVES[:3], [2])
    assert len(hidden) == 1
    assert rfc6962.subset_root(digest, 2, {1: LEAVES[2]}, hidden) == ROOTS[3]


def test_provers_refuse_what_is_not_in_the_tree():
    for call in (
        lambda: rfc6962.prove_range(digest, LEAVES[:3], 3, 1),
        lambda: rfc6962.prove_range(digest, LEAVES[:3], 0, 0),
        lambda: rfc6962.prove_range(digest, LEAVES[:3], -1, 1),
        lambda: rfc6962.prove_subset(digest, LEAVES[:3], [3]),
        lambda: rfc6962.prove_subset(digest, LEAVES[:3], [-1]),
        lambda: rfc6962.prove_subset(digest, [], []),
        lambda: rfc6962.prove_consistency(digest, LEAVES[:3], 0),
        lambda: rfc6962.prove_consistency(digest, LEAVES[:3], 4),
    ):
        with pytest.raises(IndexError):
            call()


def test_only_our_error_leaves_the_verifiers():
    chance = random.Random(6962)
    for _ in range(2000):
        size, first, count = (chance.choice([-1, 0, 1, 2, 3, 7, 2**63, 2**64 - 1]) for _ in range(3))
        nodes = [chance.randbytes(chance.choice([0, 31, 32, 32, 32, 33])) for _ in range(chance.randrange(5))]
        leaves = [chance.randbytes(32) for _ in range(max(0, min(count, 3)))]
        for call, arguments in (
            (rfc6962.verify_range, (ROOTS[3], size, first, leaves, nodes)),
            (rfc6962.verify_consistency, (ROOTS[3], first, ROOTS[4], size, nodes)),
        ):
            refused(call, *arguments)
        with contextlib.suppress(VerificationError):
            assert rfc6962.subset_root(digest, size, dict(enumerate(leaves, first)), nodes) != ROOTS[3]
