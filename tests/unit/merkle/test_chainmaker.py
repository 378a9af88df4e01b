"""ChainMaker's tree, compared with the original's padded array, and its ambiguity closed by the count."""

from __future__ import annotations

from hashlib import sha256

import pytest

from bridge.errors import Reason, VerificationError
from bridge.merkle import chainmaker


def digest(data: bytes) -> bytes:
    return sha256(data).digest()


LEAVES = [digest(index.to_bytes(2, "big")) for index in range(140)]


def padded_array_root(leaves: list[bytes]) -> bytes | None:
    """The original's way: an array padded to a power of two, in which a missing node is None."""
    width = 1 << (len(leaves) - 1).bit_length()
    level: list[bytes | None] = [*leaves, *[None] * (width - len(leaves))]
    while len(level) > 1:
        above: list[bytes | None] = []
        for left, right in zip(level[::2], level[1::2], strict=True):
            above.append(None if left is None else digest(left + (left if right is None else right)))
        level = above
    return level[0]


def refused(*arguments) -> str:
    with pytest.raises(VerificationError) as caught:
        chainmaker.verify_path(digest, *arguments)
    assert caught.value.reason is Reason.PROOF_INVALID
    return caught.value.detail


def test_the_tree_equals_the_padded_array_for_1_to_129_leaves():
    for count in range(1, 130):
        assert chainmaker.tree_root(digest, LEAVES[:count]) == padded_array_root(LEAVES[:count])


def test_one_leaf_is_the_root_and_none_has_an_empty_root():
    assert chainmaker.tree_root(digest, LEAVES[:1]) == LEAVES[0]
    assert chainmaker.tree_root(digest, []) == b""


def test_every_path_for_1_to_129_leaves_verifies():
    for count in range(1, 130):
        leaves = LEAVES[:count]
        root = chainmaker.tree_root(digest, leaves)
        for index in {0, 1 % count, count // 2, max(0, count - 2), count - 1}:
            siblings = chainmaker.path(digest, leaves, index)
            chainmaker.verify_path(digest, leaves[index], index, count, siblings, root)


def test_a_path_holds_for_one_index_and_one_count_only():
    for count in range(2, 20):
        leaves = LEAVES[:count]
        root = chainmaker.tree_root(digest, leaves)
        for index in range(count):
            siblings = chainmaker.path(digest, leaves, index)
            for other in range(count + 1):
                if other != index:
                    refused(leaves[index], other, count, siblings, root)


def test_a_repeated_last_leaf_has_the_same_root_and_is_refused_by_the_count():
    a, b, c = LEAVES[:3]
    root = chainmaker.tree_root(digest, [a, b, c])
    assert root == chainmaker.tree_root(digest, [a, b, c, c])
    siblings = chainmaker.path(digest, [a, b, c, c], 3)
    assert "inside" in refused(c, 3, 3, siblings, root)
    # Under the forged count the leaf stands beside itself where the tree would have another leaf.
    assert "repeated" in refused(c, 3, 4, siblings, root)
    assert "repeated" in refused(c, 2, 4, siblings, root)
    chainmaker.verify_path(digest, c, 2, 3, siblings, root)


def test_the_last_of_an_odd_level_must_be_its_own_sibling():
    leaves = LEAVES[:5]
    root = chainmaker.tree_root(digest, leaves)
    siblings = chainmaker.path(digest, leaves, 4)
    assert "repeated" in refused(leaves[4], 4, 5, [LEAVES[9], *siblings[1:]], root)
    assert "repeated" in refused(leaves[0], 0, 5, [leaves[0], *chainmaker.path(digest, leaves, 0)[1:]], root)


def test_the_form_of_a_path_is_checked():
    leaves = LEAVES[:6]
    root = chainmaker.tree_root(digest, leaves)
    siblings = chainmaker.path(digest, leaves, 1)
    chainmaker.verify_path(digest, leaves[1], 1, 6, siblings, root)
    assert "length" in refused(leaves[1], 1, 6, siblings[:-1], root)
    assert "length" in refused(leaves[1], 1, 6, [*siblings, root], root)
    assert "length" in refused(leaves[1], 1, 6, [siblings[0][:31], *siblings[1:]], root)
    assert "length" in refused(leaves[1][:5], 1, 6, siblings, root)
    assert "length" in refused(leaves[1], 1, 6, siblings, root + b"\0")
    assert "root" in refused(leaves[1], 1, 6, siblings[::-1], root)
    assert "root" in refused(leaves[2], 1, 6, siblings, root)
    assert "count" in refused(leaves[1], 0, 0, [], root)
    assert "count" in refused(leaves[1], 0, 2**32, siblings, root)
    assert "inside" in refused(leaves[1], -1, 6, siblings, root)
    with pytest.raises(IndexError):
        chainmaker.path(digest, leaves, 6)
    with pytest.raises(IndexError):
        chainmaker.path(digest, leaves, -1)
