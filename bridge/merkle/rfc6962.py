"""RFC 6962 trees: roots, and proofs of one leaf, of a prefix, of a run of leaves and of any subset of leaves.

The hash is a parameter. Everything is iterative, and what a proof may hold is bounded before it is looked at. A root
does not say how many leaves it has, so whoever keeps one must keep or bind the size beside it.

The levels of a tree: level 0 is the leaves; each node above covers two below; a last node without a partner moves up
unchanged. That is the same tree as the RFC's recursive definition.
Source: RFC 6962 2.1; RFC 9162 2.1.3 and 2.1.4; sharing of paths in runs and subsets is ours ([MRK-5]).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from bridge.errors import Reason, VerificationError

Hash = Callable[[bytes], bytes]
"""A hash function with 32-byte digests; the hash of a suite."""

DIGEST_BYTES = 32
"""Length of every node, in bytes; all suites agree on it."""

MAX_DEPTH = 64
"""Levels above the leaves: sizes are 64-bit numbers everywhere."""

MAX_SIZE = 2**MAX_DEPTH - 1
"""Largest number of leaves a proof may speak of."""

_ONE_LENGTH = frozenset({DIGEST_BYTES})

LEAF_PREFIX = b"\x00"
NODE_PREFIX = b"\x01"


def leaf_hash(digest: Hash, data: bytes) -> bytes:
    """[MRK-1] Hash of a leaf's data: H(0x00 | data)."""
    return digest(LEAF_PREFIX + data)


def node_hash(digest: Hash, left: bytes, right: bytes) -> bytes:
    """[MRK-1] Hash of a node: H(0x01 | left | right)."""
    return digest(NODE_PREFIX + left + right)


def root(digest: Hash, leaf_hashes: Sequence[bytes]) -> bytes:
    """Root over leaf hashes; H of nothing for an empty tree. [MRK-7] The number of leaves is not in it."""
    if not leaf_hashes:
        return digest(b"")
    nodes = list(leaf_hashes)
    while len(nodes) > 1:
        nodes = _level_above(digest, nodes)
    return nodes[0]


def verify_inclusion(
    digest: Hash,
    root: bytes,
    size: int,
    index: int,
    leaf_hash: bytes,
    path: Sequence[bytes],
) -> None:
    """[MRK-2] Return when `leaf_hash` is leaf `index` of the tree; VerificationError PROOF_INVALID otherwise."""
    verify_range(digest, root, size, index, [leaf_hash], path)


def verify_consistency(
    digest: Hash,
    root_1: bytes,
    size_1: int,
    root_2: bytes,
    size_2: int,
    path: Sequence[bytes],
) -> None:
    """[MRK-3] Return when the first tree is a prefix of the second; VerificationError PROOF_INVALID otherwise.

    A first tree of size 0 is refused: it is a prefix of everything, so a proof of that proves nothing.
    """
    _require(0 < size_1 <= size_2 <= MAX_SIZE, "sizes are not 0 < first <= second")
    _require(len(path) <= MAX_DEPTH + 1, "consistency path is too long")
    if size_1 == size_2:
        _require(not path, "equal sizes need no path")
        _require(root_1 == root_2, "equal sizes have different roots")
        return
    _require_digests([root_1, root_2, *path])
    # Start at the largest complete subtree that ends where the first tree ends; it may be the whole first tree.
    shift = (size_1 & -size_1).bit_length() - 1
    node, last = (size_1 - 1) >> shift, (size_2 - 1) >> shift
    given = iter(path)
    first = second = root_1 if size_1 == 1 << shift else _next(given)
    while last > 0:
        if node & 1:
            left = _next(given)
            first, second = node_hash(digest, left, first), node_hash(digest, left, second)
        elif node < last:
            second = node_hash(digest, second, _next(given))
        node, last = node >> 1, last >> 1
    _require_used_up(given)
    _require(first == root_1, "path does not lead to the first root")
    _require(second == root_2, "path does not lead to the second root")


def verify_range(
    digest: Hash,
    root: bytes,
    size: int,
    first: int,
    leaf_hashes: Sequence[bytes],
    hashes: Sequence[bytes],
) -> None:
    """[MRK-4] Return when `leaf_hashes` are the leaves from `first` on; VerificationError PROOF_INVALID otherwise.

    `hashes` are the neighbours of the run, from the leaves upwards, in each level the left one before the right one.
    """
    _require(0 < size <= MAX_SIZE, "size is out of range")
    _require(len(leaf_hashes) > 0, "an empty run proves nothing")
    _require(first >= 0 and first + len(leaf_hashes) <= size, "run is not inside the tree")
    _require(len(hashes) <= 2 * MAX_DEPTH, "too many hashes")
    _require_digests(leaf_hashes)
    _require_digests(hashes)
    _require(len(root) == DIGEST_BYTES, "root has a wrong length")
    given = iter(hashes)
    nodes, start, width = list(leaf_hashes), first, size
    while width > 1:
        if start & 1:
            start -= 1
            nodes.insert(0, _next(given))
        end = start + len(nodes)
        if end & 1 and end < width:
            nodes.append(_next(given))
        nodes = _level_above(digest, nodes)
        start, width = start >> 1, (width + 1) >> 1
    _require_used_up(given)
    _require(nodes[0] == root, "proof does not lead to the root")


def prove_inclusion(digest: Hash, leaf_hashes: Sequence[bytes], index: int) -> list[bytes]:
    """Path of leaf `index`, from the leaves upwards. Raises IndexError outside the tree."""
    return prove_range(digest, leaf_hashes, index, 1)


def prove_range(digest: Hash, leaf_hashes: Sequence[bytes], first: int, count: int) -> list[bytes]:
    """What `verify_range` needs for `count` leaves from `first`. Raises IndexError outside the tree."""
    if first < 0 or count < 1 or first + count > len(leaf_hashes):
        raise IndexError(first, count, len(leaf_hashes))
    proof: list[bytes] = []
    nodes, start, end = list(leaf_hashes), first, first + count
    while len(nodes) > 1:
        if start & 1:
            proof.append(nodes[start - 1])
        if end & 1 and end < len(nodes):
            proof.append(nodes[end])
        nodes = _level_above(digest, nodes)
        start, end = start >> 1, (end + 1) >> 1
    return proof


def prove_consistency(digest: Hash, leaf_hashes: Sequence[bytes], size_1: int) -> list[bytes]:
    """What `verify_consistency` needs for the first `size_1` leaves of all. Raises IndexError outside the tree."""
    if not 0 < size_1 <= len(leaf_hashes):
        raise IndexError(size_1, len(leaf_hashes))
    if size_1 == len(leaf_hashes):
        return []
    shift = (size_1 & -size_1).bit_length() - 1
    nodes = list(leaf_hashes)
    for _ in range(shift):
        nodes = _level_above(digest, nodes)
    node = (size_1 - 1) >> shift
    proof = [] if size_1 == 1 << shift else [nodes[node]]
    while len(nodes) > 1:
        if node & 1:
            proof.append(nodes[node - 1])
        elif node + 1 < len(nodes):
            proof.append(nodes[node + 1])
        nodes = _level_above(digest, nodes)
        node >>= 1
    return proof


def prove_subset(digest: Hash, leaf_hashes: Sequence[bytes], indices: Iterable[int]) -> list[bytes]:
    """[MRK-5] Hashes of the largest subtrees without a shown leaf: level by level upwards, left to right in a level.

    For no indices that is the root alone. Raises IndexError for an index outside the tree, or an empty tree.
    """
    known = sorted(set(indices))
    if not leaf_hashes or (known and not 0 <= known[0] <= known[-1] < len(leaf_hashes)):
        raise IndexError(known, len(leaf_hashes))
    if not known:
        return [root(digest, leaf_hashes)]
    hidden: list[bytes] = []
    nodes = list(leaf_hashes)
    while len(nodes) > 1:
        have = set(known)
        hidden += [nodes[at ^ 1] for at in known if at ^ 1 not in have and at ^ 1 < len(nodes)]
        nodes = _level_above(digest, nodes)
        known = sorted({at >> 1 for at in known})
    return hidden


def subset_root(
    digest: Hash,
    size: int,
    leaf_hashes: Mapping[int, bytes],
    hidden_hashes: Sequence[bytes],
) -> bytes:
    """[MRK-5] Root of a tree of `size` leaves of which some are shown; VerificationError PROOF_INVALID otherwise.

    The result means something only when compared with a root that came from elsewhere, and `size` with a size that did:
    the same hashes under another size put the same leaves at other places.
    """
    _require(0 < size <= MAX_SIZE, "size is out of range")
    _require(len(hidden_hashes) <= MAX_DEPTH * max(1, len(leaf_hashes)), "too many hashes")
    _require_digests(hidden_hashes)
    _require_digests(leaf_hashes.values())
    given = list(reversed(hidden_hashes))
    level = sorted(leaf_hashes.items())
    _require(not level or (level[0][0] >= 0 and level[-1][0] < size), "leaf is not inside the tree")
    try:
        node = _climb(digest, level, size, given) if level else given.pop()
    except IndexError:
        raise VerificationError(Reason.PROOF_INVALID, "proof has too few hashes") from None
    _require(not given, "proof has left-over hashes")
    return node


def _climb(digest: Hash, level: list[tuple[int, bytes]], width: int, given: list[bytes]) -> bytes:
    """The root over (place, node) pairs, taking what is hidden from the end of `given`; IndexError when that runs out.

    Runs once for every leaf that a document discloses, hence its plain form.
    """
    while width > 1:
        above: list[tuple[int, bytes]] = []
        at, count = 0, len(level)
        while at < count:
            place, node = level[at]
            at += 1
            if place & 1:
                node = digest(NODE_PREFIX + given.pop() + node)
            elif at < count and level[at][0] == place + 1:
                node = digest(NODE_PREFIX + node + level[at][1])
                at += 1
            elif place + 1 < width:
                node = digest(NODE_PREFIX + node + given.pop())
            above.append((place >> 1, node))
        level, width = above, (width + 1) >> 1
    return level[0][1]


def _level_above(digest: Hash, nodes: list[bytes]) -> list[bytes]:
    """Parents of `nodes`, the last of which moves up alone when their number is odd."""
    above = [digest(NODE_PREFIX + left + right) for left, right in zip(nodes[::2], nodes[1::2], strict=False)]
    if len(nodes) & 1:
        above.append(nodes[-1])
    return above


def _require(holds: bool, detail: str) -> None:
    if not holds:
        raise VerificationError(Reason.PROOF_INVALID, detail)


def _require_digests(hashes: Iterable[bytes]) -> None:
    """[MRK-6] Every node has the length of a digest; else two different trees could hash the same bytes."""
    if not _ONE_LENGTH.issuperset(map(len, hashes)):
        raise VerificationError(Reason.PROOF_INVALID, "a hash has a wrong length", expected=DIGEST_BYTES)


def _next(given: Iterable[bytes]) -> bytes:
    """The next hash of the proof; VerificationError PROOF_INVALID when it has run out."""
    for node in given:
        return node
    raise VerificationError(Reason.PROOF_INVALID, "proof has too few hashes")


def _require_used_up(given: Iterable[bytes]) -> None:
    """Nothing of the proof is left over."""
    for _ in given:
        raise VerificationError(Reason.PROOF_INVALID, "proof has left-over hashes")
