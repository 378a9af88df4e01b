"""A document's leaves: flattened in document order, each salted and hashed, and the tree over them.

A leaf is one scalar or one empty container with its JSON pointer and its type, so that false, 0, "", null, {} and []
are different leaves and an absent field is none. Which leaves are shown to whom is decided elsewhere.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

from bridge.crypto.ports import Suite
from bridge.errors import DecodeError, LimitError, Reason
from bridge.merkle import rfc6962
from bridge.v1.cargo_pb2 import LeafType
from bridge.wire import require_length

MAX_DEPTH = 32
"""Deepest nesting of objects and arrays: four times what trade documents use, and safe for recursive readers."""

MAX_LEAVES = 4_000
"""Most leaves a document may have: a bill of 400 containers; it bounds the hashing one document can ask for."""

MAX_POINTER_CHARACTERS = 1_024
"""Longest JSON pointer of a leaf: 32 names of 32 characters; pointers are stored and shown with every leaf."""

SEED_LENGTH = 32
"""Length of a document's seed, in bytes: as strong as the hash, so hidden values cannot be searched for."""

SALT_LENGTH = 32
"""Length of a leaf's salt, in bytes."""

HEADS = 4_096
"""Pointers kept in encoded form: documents of one kind share them; at most 4 MiB, usually a tenth."""

_BLOCK_LENGTH = 64
_FORBIDDEN_TEXT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


class Flaw(NamedTuple):
    """Stands in a parsed value where something must be refused, so that the walk can name its pointer."""

    detail: str
    name: str | None = None


class DocumentLeaf(NamedTuple):
    """One field: RFC 6901 pointer, LeafType number, value text (empty where the type says it all)."""

    pointer: str
    type: int
    value: str


@dataclass(frozen=True, slots=True)
class DocumentTree:
    """The salted leaves of one document under one root."""

    leaves: tuple[DocumentLeaf, ...]
    salts: Sequence[bytes]
    leaf_hashes: Sequence[bytes]
    root: bytes


_EMPTY_OBJECT = LeafType.LEAF_TYPE_EMPTY_OBJECT
_EMPTY_ARRAY = LeafType.LEAF_TYPE_EMPTY_ARRAY
_STRING = LeafType.LEAF_TYPE_STRING
_NUMBER = LeafType.LEAF_TYPE_NUMBER
_WORDS = {True: LeafType.LEAF_TYPE_TRUE, False: LeafType.LEAF_TYPE_FALSE, None: LeafType.LEAF_TYPE_NULL}


def flatten(value: Any, *, check_text: bool = True, most: int = MAX_LEAVES) -> list[DocumentLeaf]:
    """[DOC-2] [DOC-5] Leaves of a parsed value in document order, within the limits of depth, count and pointer length.

    Raises DecodeError DOCUMENT_INVALID where the parser left a Flaw, or where text holds control characters or lone
    surrogates (asked for with `check_text`); LimitError LIMIT_EXCEEDED; both with `facts["pointer"]`.
    """
    leaves: list[DocumentLeaf] = []
    _walk(value, "", 0, leaves, check_text)
    if len(leaves) > most:
        raise LimitError(
            Reason.LIMIT_EXCEEDED, "too many leaves", pointer=leaves[most].pointer, got=len(leaves), limit=most
        )
    for leaf in leaves:
        if len(leaf.pointer) > MAX_POINTER_CHARACTERS:
            raise LimitError(
                Reason.LIMIT_EXCEEDED, "name is too long", pointer=leaf.pointer[:64], got=len(leaf.pointer)
            )
    return leaves


def hash_leaf(hash_function: rfc6962.Hash, salt: bytes, pointer: str, leaf_type: int, value: str) -> bytes:
    """[DOC-7] Hash of `0x00 | salt (32) | length of pointer (2) | pointer | type (1) | length of value (4) | value`.

    Every part has a known length, so no other leaf has these bytes; lengths are big-endian counts of UTF-8 bytes.
    """
    text = value.encode()
    return hash_function(b"\0" + salt + leaf_head(pointer, leaf_type) + len(text).to_bytes(4, "big") + text)


@lru_cache(maxsize=HEADS)
def leaf_head(pointer: str, leaf_type: int) -> bytes:
    """Bytes of a leaf's pointer and type in its hash."""
    name = pointer.encode()
    return len(name).to_bytes(2, "big") + name + leaf_type.to_bytes(1, "big")


def document_root(suite: Suite, seed: bytes, leaves: tuple[DocumentLeaf, ...]) -> DocumentTree:
    """[DOC-8] Salt and hash every leaf, and build the RFC 6962 tree over them in the suite's hash.

    The seed is drawn fresh for every version of every record: two documents under one seed would show which of their
    hidden values are equal. Raises DecodeError INVALID_FIELD for a seed that is not 32 bytes.
    """
    salt_of = _salter(require_length(seed, "seed", SEED_LENGTH))
    hash_function = suite.hash
    salts = [salt_of(leaf.pointer) for leaf in leaves]
    hashes = [
        hash_leaf(hash_function, salt, pointer, leaf_type, value)
        for salt, (pointer, leaf_type, value) in zip(salts, leaves, strict=True)
    ]
    return DocumentTree(leaves=leaves, salts=salts, leaf_hashes=hashes, root=rfc6962.root(hash_function, hashes))


def _salter(seed: bytes) -> Callable[[str], bytes]:
    """[DOC-9] HMAC-SHA-256 of the pointer under the seed, whatever the ledger's suite.

    Only the issuer's side derives salts, so the choice is no part of what the other side verifies. The two keyed
    states are prepared once and copied: less than half the time of a fresh HMAC a leaf.
    """
    key = seed.ljust(_BLOCK_LENGTH, b"\0")
    inner_state = hashlib.sha256(bytes(byte ^ 0x36 for byte in key))
    outer_state = hashlib.sha256(bytes(byte ^ 0x5C for byte in key))

    def salt_of(pointer: str) -> bytes:
        inner = inner_state.copy()
        inner.update(pointer.encode())
        outer = outer_state.copy()
        outer.update(inner.digest())
        return outer.digest()

    return salt_of


def _walk(value: Any, pointer: str, depth: int, leaves: list[DocumentLeaf], check_text: bool) -> None:
    """Append the leaves of `value`; `depth` counts the containers around it."""
    kind = type(value)
    if kind is str:
        if check_text and _FORBIDDEN_TEXT.search(value):
            raise DecodeError(Reason.DOCUMENT_INVALID, "has a control character or lone surrogate", pointer=pointer)
        leaves.append(DocumentLeaf(pointer, _STRING, value))
    elif kind is dict or kind is list:
        if depth >= MAX_DEPTH:
            raise LimitError(Reason.LIMIT_EXCEEDED, "nested too deeply", pointer=pointer, limit=MAX_DEPTH)
        if not value:
            leaves.append(DocumentLeaf(pointer, _EMPTY_OBJECT if kind is dict else _EMPTY_ARRAY, ""))
        elif kind is list:
            for index, child in enumerate(value):
                _walk(child, f"{pointer}/{index}", depth + 1, leaves, check_text)
        else:
            if check_text and any(map(_FORBIDDEN_TEXT.search, value)):
                raise DecodeError(Reason.DOCUMENT_INVALID, "has a name with control characters", pointer=pointer)
            for name, child in value.items():
                token = escape(name) if "~" in name or "/" in name else name
                _walk(child, f"{pointer}/{token}", depth + 1, leaves, check_text)
    elif kind is Decimal:
        leaves.append(DocumentLeaf(pointer, _NUMBER, format(value, "f")))
    else:
        leaves.append(DocumentLeaf(pointer, _word(value, pointer), ""))


def _word(value: Any, pointer: str) -> int:
    """Leaf type of true, false or null; DecodeError where the parser left a Flaw."""
    if type(value) is Flaw:
        at = pointer if value.name is None else f"{pointer}/{escape(value.name)}"
        raise DecodeError(Reason.DOCUMENT_INVALID, value.detail, pointer=at)
    return _WORDS[value]


def escape(name: str) -> str:
    """RFC 6901 reference token of an object's name."""
    return name.replace("~", "~0").replace("/", "~1")
