"""The right edge of a growing RFC 6962 tree: enough to tell the root with more leaves before any of them is stored.

A tree of n leaves is its complete subtrees, one for each set bit of n, the largest first; these are its peaks.
"""

from __future__ import annotations

from collections.abc import Iterable

from bridge.merkle.rfc6962 import Hash, node_hash

Peaks = tuple[tuple[int, bytes], ...]
"""(level, hash) of every complete subtree, the largest first; a tree without leaves has none."""


def with_leaves(digest: Hash, peaks: Peaks, leaf_hashes: Iterable[bytes]) -> Peaks:
    """The peaks after more leaves: two subtrees of one level become one of the next."""
    stack = list(peaks)
    for leaf in leaf_hashes:
        level, node = 0, leaf
        while stack and stack[-1][0] == level:
            node = node_hash(digest, stack.pop()[1], node)
            level += 1
        stack.append((level, node))
    return tuple(stack)


def peaks_root(digest: Hash, peaks: Peaks) -> bytes:
    """Root of the tree: the peaks joined from the right; the hash of nothing when there are none."""
    if not peaks:
        return digest(b"")
    *others, (_, node) = peaks
    for _, left in reversed(others):
        node = node_hash(digest, left, node)
    return node
