"""Remembers disclosures that were made from their document in this process: the ledger need not prove them again.

An adapter that holds the document checks a disclosure by making it anew, which says more than its proof does; the
ledger's application on the same machine then only looks it up. A disclosure that is not remembered is proven as always,
so what is remembered changes the cost of a verdict and never the verdict.
"""

from __future__ import annotations

from hashlib import sha256

from bridge.cargo.disclosure import verify_disclosure
from bridge.crypto.ports import Suite
from bridge.v1.cargo_pb2 import Disclosure

MAX_REMEMBERED = 16_384
"""Disclosures remembered, about 100 bytes each: those of the calls in flight; emptied when full."""

_PROVEN: set[bytes] = set()


def disclosure_name(suite: Suite, root: bytes, leaf_count: int, disclosure: Disclosure) -> bytes:
    """32 bytes that stand for everything a verdict on a disclosure depends on, in parts of known length."""
    head = f"{suite.suite_id} {leaf_count} ".encode() + root
    return sha256(head + disclosure.SerializeToString(deterministic=True)).digest()


def remember_disclosure(name: bytes) -> None:
    """Remember that the disclosure of this name was made from its document."""
    if len(_PROVEN) >= MAX_REMEMBERED:
        _PROVEN.clear()
    _PROVEN.add(name)


def require_disclosure(suite: Suite, root: bytes, leaf_count: int, disclosure: Disclosure) -> None:
    """[DIS-2] As `verify_disclosure`; one that is remembered is only forgotten, having served its purpose."""
    name = disclosure_name(suite, root, leaf_count, disclosure)
    if name in _PROVEN:
        _PROVEN.discard(name)
        return
    verify_disclosure(suite, root, leaf_count, disclosure)
