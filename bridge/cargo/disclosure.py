"""Shows some leaves of a document and proves them under its root, or verifies what the other side shows.

Hidden leaves take part only as hashes of subtrees; their number is public (it is in the statement), their values and
names are not. Which leaves may be shown is the corridor policy's decision.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from bridge.cargo.document import MAX_NUMBER_CHARACTERS
from bridge.cargo.leaves import (
    MAX_LEAVES,
    MAX_POINTER_CHARACTERS,
    SALT_LENGTH,
    DocumentTree,
    hash_leaf,
)
from bridge.crypto.ports import Suite
from bridge.errors import Reason, VerificationError
from bridge.merkle import rfc6962
from bridge.v1.cargo_pb2 import Disclosure, Leaf, LeafType

_CANONICAL_NUMBER = re.compile(r"(?!-0\Z)-?(?:0|[1-9][0-9]*)(?:\.[0-9]*[1-9])?")
_POINTER = re.compile(r"(?:/(?:[^~/]|~[01])*)+")
_STRING = LeafType.LEAF_TYPE_STRING
_KNOWN_TYPES = frozenset(LeafType.values()) - {LeafType.LEAF_TYPE_UNSPECIFIED}


def disclose(suite: Suite, tree: DocumentTree, allowed: Callable[[str], bool]) -> Disclosure:
    """[DIS-1] Disclosure of every leaf whose pointer is allowed, which may be none: then the root alone is hidden."""
    indices = [index for index, leaf in enumerate(tree.leaves) if allowed(leaf.pointer)]
    disclosure = Disclosure(hidden_hashes=rfc6962.prove_subset(suite.hash, tree.leaf_hashes, indices))
    add = disclosure.leaves.add
    for index in indices:
        pointer, leaf_type, value = tree.leaves[index]
        add(index=index, salt=tree.salts[index], pointer=pointer, type=LeafType.ValueType(leaf_type), value=value)
    return disclosure


def verify_disclosure(suite: Suite, root: bytes, leaf_count: int, disclosure: Disclosure) -> tuple[Leaf, ...]:
    """[DIS-2] Return the leaves that `disclosure` proves to be fields of the document with this root.

    Raises VerificationError DISCLOSURE_INVALID for a disclosure that is not in its one form, and
    DOCUMENT_ROOT_MISMATCH for one that leads to another root.
    """
    if not 0 < leaf_count <= MAX_LEAVES:
        raise VerificationError(Reason.DISCLOSURE_INVALID, "leaf count is out of range", got=leaf_count)
    leaves = tuple(disclosure.leaves)
    hash_function = suite.hash
    shown: dict[int, bytes] = {}
    last = -1
    for leaf in leaves:
        index, salt, pointer, leaf_type, value = leaf.index, leaf.salt, leaf.pointer, leaf.type, leaf.value
        if not last < index < leaf_count:
            _refuse("leaves are not in rising order within the count", index)
        if len(salt) != SALT_LENGTH:
            _refuse("salt does not have 32 bytes", index)
        if leaf_type != _STRING:
            require_value_form(index, leaf_type, value)
        if pointer[:1] != "/" or "~" in pointer or len(pointer) > MAX_POINTER_CHARACTERS:
            require_pointer_form(index, pointer, leaf_type)
        last = index
        shown[index] = hash_leaf(hash_function, salt, pointer, leaf_type, value)
    require_distinct_pointers(leaves)
    try:
        got = rfc6962.subset_root(hash_function, leaf_count, shown, list(disclosure.hidden_hashes))
    except VerificationError as error:
        raise VerificationError(Reason.DISCLOSURE_INVALID, error.detail, **error.facts) from error
    if got != root:
        raise VerificationError(
            Reason.DOCUMENT_ROOT_MISMATCH, "leaves lead to another document root", got=got, expected=root
        )
    return leaves


def require_value_form(index: int, leaf_type: int, value: str) -> None:
    """[DIS-3] A leaf has a known type, and its value is in that type's one spelling."""
    if leaf_type == LeafType.LEAF_TYPE_NUMBER:
        if len(value) > MAX_NUMBER_CHARACTERS or not _CANONICAL_NUMBER.fullmatch(value):
            _refuse("number is not in canonical form", index)
    elif leaf_type not in _KNOWN_TYPES:
        _refuse("leaf type is unknown", index)
    elif value and leaf_type != _STRING:
        _refuse("a value stands where the type says it all", index)


def require_pointer_form(index: int, pointer: str, leaf_type: int) -> None:
    """[DIS-5] A pointer is RFC 6901; only a document that is an empty object has a leaf at its root.

    Any text that begins with a slash and has no tilde is a pointer, which is why the verifier rarely asks here.
    """
    if len(pointer) > MAX_POINTER_CHARACTERS:
        _refuse("pointer is too long", index)
    if not _POINTER.fullmatch(pointer) and (pointer or leaf_type != LeafType.LEAF_TYPE_EMPTY_OBJECT):
        _refuse("not a JSON pointer", index)


def require_distinct_pointers(leaves: Iterable[Leaf]) -> None:
    """[DIS-4] No field is shown twice: an issuer who put two values under one pointer proves neither."""
    pointers = [leaf.pointer for leaf in leaves]
    if len(set(pointers)) != len(pointers):
        raise VerificationError(Reason.DISCLOSURE_INVALID, "one pointer is shown twice")


def _refuse(detail: str, index: int) -> None:
    raise VerificationError(Reason.DISCLOSURE_INVALID, detail, index=index)
