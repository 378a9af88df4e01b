"""An append-only RFC 6962 log in memory: roots and range proofs at any size it ever had.

Only complete subtrees are kept, one packed byte string a level, which is about 64 bytes a leaf. One writer at a time;
readers of sizes already reached may run beside it.
Source: RFC 6962 2.1; RFC 9162 2.1.2.
"""

from __future__ import annotations

from collections.abc import Iterable

from bridge.errors import Reason, VerificationError
from bridge.merkle.rfc6962 import DIGEST_BYTES, NODE_PREFIX, Hash, node_hash

_PAIR_BYTES = 2 * DIGEST_BYTES


class MerkleLog:
    """A growing list of leaf hashes with its tree."""

    def __init__(self, digest: Hash) -> None:
        self._digest = digest
        self._levels: list[bytearray] = [bytearray()]
        self._size = 0

    @property
    def size(self) -> int:
        """Number of leaves."""
        return self._size

    def append(self, leaf_hashes: Iterable[bytes]) -> None:
        """Add leaves at the end; VerificationError PROOF_INVALID if one is not a digest, and then none is added."""
        added = list(leaf_hashes)
        if any(len(leaf) != DIGEST_BYTES for leaf in added):
            raise VerificationError(Reason.PROOF_INVALID, "a leaf hash has a wrong length", expected=DIGEST_BYTES)
        self._levels[0] += b"".join(added)
        digest = self._digest
        below, level = self._levels[0], 1
        while len(below) >= _PAIR_BYTES:
            if level == len(self._levels):
                self._levels.append(bytearray())
            nodes = self._levels[level]
            pairs = range(2 * len(nodes), len(below) - DIGEST_BYTES, _PAIR_BYTES)
            nodes += b"".join([digest(NODE_PREFIX + below[at : at + _PAIR_BYTES]) for at in pairs])
            below, level = nodes, level + 1
        self._size += len(added)

    def leaf_hashes(self, first: int, count: int) -> list[bytes]:
        """The leaf hashes from `first` on. Raises IndexError outside the log."""
        self._require_inside(first, count, self._size)
        return [self._node(0, at) for at in range(first, first + count)]

    def root(self, size: int | None = None) -> bytes:
        """Root of the first `size` leaves, all if None. Raises IndexError outside the log."""
        size = self._size if size is None else size
        if not 0 <= size <= self._size:
            raise IndexError(size, self._size)
        return self._ragged(size, size) if size else self._digest(b"")

    def range_proof(self, first: int, count: int, size: int | None = None) -> list[bytes]:
        """What `rfc6962.verify_range` needs for `count` leaves at `size`. Raises IndexError outside the log."""
        size = self._size if size is None else size
        self._require_inside(first, count, size)
        proof: list[bytes] = []
        start, end, width, level = first, first + count, size, 0
        while width > 1:
            if start & 1:
                proof.append(self._node(level, start - 1))
            if end & 1 and end < width:
                complete = (end + 1) << level <= size
                proof.append(self._node(level, end) if complete else self._ragged(size, size - (end << level)))
            start, end, width, level = start >> 1, (end + 1) >> 1, (width + 1) >> 1, level + 1
        return proof

    def _node(self, level: int, at: int) -> bytes:
        """Hash of a complete subtree."""
        return bytes(self._levels[level][at * DIGEST_BYTES : (at + 1) * DIGEST_BYTES])

    def _ragged(self, size: int, count: int) -> bytes:
        """Root over the last `count` of `size` leaves, which begin at a multiple of a power of two above `count`.

        Each set bit of `count` is one complete subtree, the smallest rightmost; they are joined from the right.
        """
        node = b""
        for level in range(count.bit_length()):
            if count >> level & 1:
                subtree = self._node(level, (size >> level) - 1)
                node = node_hash(self._digest, subtree, node) if node else subtree
        return node

    def _require_inside(self, first: int, count: int, size: int) -> None:
        if first < 0 or count < 1 or first + count > size or size > self._size:
            raise IndexError(first, count, size, self._size)
