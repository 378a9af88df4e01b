"""ChainMaker's transaction tree: an odd level repeats its last node, and nodes carry no tags.

The root alone is ambiguous: three leaves and the same three with the last one twice have one root. Only the signed
`tx_count` tells them apart, so every check here takes the count, and it must come from a trusted header.
Source: chainmaker-common crypto/hash/merkle.go, whose padded array was compared with this form for 1 to 129 leaves.
"""

from __future__ import annotations

from collections.abc import Sequence

from bridge.errors import Reason, VerificationError
from bridge.merkle.rfc6962 import DIGEST_BYTES, Hash

MAX_LEAVES = 2**32 - 1
"""Most transactions of a block: `tx_count` is a 32-bit number. It bounds a path to 32 nodes."""


def tree_root(digest: Hash, leaves: Sequence[bytes]) -> bytes:
    """[CTR-1] Root over transaction hashes; empty bytes for a block without transactions, as the original has it.

    [CTR-3] It does not tell [a, b, c] from [a, b, c, c]: a root is nothing without its signed count.
    """
    if not leaves:
        return b""
    nodes = list(leaves)
    while len(nodes) > 1:
        nodes = _level_above(digest, nodes)
    return nodes[0]


def path(digest: Hash, leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Siblings of leaf `index` from the leaves upwards; a last node without a partner is its own sibling.

    Raises IndexError outside the tree.
    """
    if not 0 <= index < len(leaves):
        raise IndexError(index, len(leaves))
    siblings: list[bytes] = []
    nodes = list(leaves)
    while len(nodes) > 1:
        siblings.append(nodes[min(index ^ 1, len(nodes) - 1)])
        nodes = _level_above(digest, nodes)
        index >>= 1
    return siblings


def verify_path(
    digest: Hash,
    leaf: bytes,
    index: int,
    count: int,
    siblings: Sequence[bytes],
    root: bytes,
) -> None:
    """[CTR-2] Return when `leaf` is transaction `index` of `count`; VerificationError PROOF_INVALID otherwise.

    The path has exactly one node a level, orientation follows from the index, and a node may be its own sibling only,
    and must be, where it is the last of an odd level.
    """
    _require(0 < count <= MAX_LEAVES, "transaction count is out of range")
    _require(0 <= index < count, "transaction is not inside the block")
    _require(len(siblings) == (count - 1).bit_length(), "path has a wrong length")
    _require(all(len(node) == DIGEST_BYTES for node in (leaf, root, *siblings)), "a hash has a wrong length")
    node, width = leaf, count
    for sibling in siblings:
        _require((sibling == node) == (index ^ 1 >= width), "a node is repeated where the tree has another")
        node = digest(sibling + node if index & 1 else node + sibling)
        index, width = index >> 1, (width + 1) >> 1
    _require(node == root, "path does not lead to the root")


def _level_above(digest: Hash, nodes: list[bytes]) -> list[bytes]:
    """Parents of `nodes`, the last of which is repeated when their number is odd."""
    if len(nodes) & 1:
        nodes = [*nodes, nodes[-1]]
    return [digest(left + right) for left, right in zip(nodes[::2], nodes[1::2], strict=True)]


def _require(holds: bool, detail: str) -> None:
    if not holds:
        raise VerificationError(Reason.PROOF_INVALID, detail)
