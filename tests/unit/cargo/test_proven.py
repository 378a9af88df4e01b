"""Remembered disclosures: looked up once, and never taken for another document's."""

from __future__ import annotations

import json

import pytest

from bridge.cargo.disclosure import disclose
from bridge.cargo.document import load_document
from bridge.cargo.leaves import DocumentTree, document_root
from bridge.cargo.proven import MAX_REMEMBERED, disclosure_name, remember_disclosure, require_disclosure
from bridge.crypto.suites import suite
from bridge.errors import Reason, VerificationError
from bridge.v1.cargo_pb2 import Disclosure

SUITE = suite("sha256-ed25519")


def tree(name: str) -> DocumentTree:
    return document_root(SUITE, b"s" * 32, load_document(json.dumps({"a": name, "b": 1}).encode()).leaves)


def shown(of: DocumentTree) -> Disclosure:
    return disclose(SUITE, of, lambda pointer: pointer == "/a")


def wrong() -> Disclosure:
    """A disclosure that does not lead to the root it will be asked about: only a memory can let it pass."""
    return shown(tree("another"))


def test_a_remembered_disclosure_passes_once() -> None:
    root = tree("one").root
    remember_disclosure(disclosure_name(SUITE, root, 2, wrong()))
    require_disclosure(SUITE, root, 2, wrong())
    with pytest.raises(VerificationError) as caught:
        require_disclosure(SUITE, root, 2, wrong())
    assert caught.value.reason is Reason.DOCUMENT_ROOT_MISMATCH


def test_a_good_disclosure_passes_without_a_memory() -> None:
    require_disclosure(SUITE, tree("one").root, 2, shown(tree("one")))


@pytest.mark.parametrize("change", ["suite", "root", "count", "leaf"])
def test_a_memory_is_of_one_question_only(change: str) -> None:
    root, disclosure = tree("one").root, wrong()
    remember_disclosure(disclosure_name(SUITE, root, 2, disclosure))
    other = Disclosure()
    other.CopyFrom(disclosure)
    other.leaves[0].value += "x"
    with pytest.raises(VerificationError) as caught:
        require_disclosure(
            suite("sm3-sm2") if change == "suite" else SUITE,
            tree("two").root if change == "root" else root,
            3 if change == "count" else 2,
            other if change == "leaf" else disclosure,
        )
    assert caught.value.reason in (Reason.DOCUMENT_ROOT_MISMATCH, Reason.DISCLOSURE_INVALID)
    require_disclosure(SUITE, root, 2, disclosure)


def test_the_memory_is_bounded() -> None:
    root = tree("one").root
    remember_disclosure(disclosure_name(SUITE, root, 2, wrong()))
    for count in range(3, MAX_REMEMBERED + 4):
        remember_disclosure(disclosure_name(SUITE, root, count, Disclosure()))
    with pytest.raises(VerificationError):
        require_disclosure(SUITE, root, 2, wrong())
