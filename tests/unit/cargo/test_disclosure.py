"""Disclosures: any subset proves itself, and nothing but its one form is taken."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.cargo.disclosure import disclose, verify_disclosure
from bridge.cargo.document import load_document
from bridge.cargo.leaves import MAX_LEAVES, MAX_POINTER_CHARACTERS, DocumentLeaf, DocumentTree, document_root
from bridge.crypto.suites import suite
from bridge.errors import Reason, VerificationError
from bridge.v1.cargo_pb2 import Disclosure, Leaf, LeafType
from tests.unit.cargo.documents import TRANSPORT_DOCUMENT, loaded, to_bytes
from tests.unit.cargo.test_document import VALUES

SUITE = suite("sha256-ed25519")
SEED = b"\x07" * 32
TREE = document_root(SUITE, SEED, loaded(TRANSPORT_DOCUMENT).leaves)
COUNT = len(TREE.leaves)


def shown(disclosure: Disclosure, tree: DocumentTree = TREE) -> tuple[Leaf, ...]:
    return verify_disclosure(SUITE, tree.root, len(tree.leaves), disclosure)


def parties() -> Disclosure:
    return disclose(SUITE, TREE, lambda pointer: pointer.startswith("/documentParties"))


def refusal(disclosure: Disclosure, root: bytes = TREE.root, count: int = COUNT) -> VerificationError:
    with pytest.raises(VerificationError) as caught:
        verify_disclosure(SUITE, root, count, disclosure)
    return caught.value


def test_what_is_allowed_is_shown_and_proven() -> None:
    leaves = shown(parties())
    expected = [leaf for leaf in TREE.leaves if leaf.pointer.startswith("/documentParties")]
    assert [(leaf.pointer, leaf.type, leaf.value) for leaf in leaves] == expected
    assert 0 < len(leaves) < COUNT


def test_nothing_shown_is_the_root_alone() -> None:
    nothing = disclose(SUITE, TREE, lambda _: False)
    assert list(nothing.hidden_hashes) == [TREE.root]
    assert shown(nothing) == ()


def test_everything_shown_hides_no_hash() -> None:
    everything = disclose(SUITE, TREE, lambda _: True)
    assert not everything.hidden_hashes
    assert len(shown(everything)) == COUNT


@given(st.dictionaries(st.text("ab", max_size=2), VALUES, max_size=4), st.integers(0, 2**16))
def test_any_subset_of_any_document_proves_itself(value: dict[str, object], chosen: int) -> None:
    tree = document_root(SUITE, SEED, load_document(to_bytes(value)).leaves)
    names = {leaf.pointer for index, leaf in enumerate(tree.leaves) if chosen >> index & 1}
    leaves = shown(disclose(SUITE, tree, names.__contains__), tree)
    assert {leaf.pointer for leaf in leaves} == names


def _swap_first_two(disclosure: Disclosure) -> None:
    first, second = disclosure.leaves[0], disclosure.leaves[1]
    disclosure.leaves[0].index, disclosure.leaves[1].index = second.index, first.index


CHANGES: list[tuple[str, Callable[[Disclosure], object]]] = [
    ("rising order", _swap_first_two),
    ("rising order", lambda d: setattr(d.leaves[1], "index", d.leaves[0].index)),
    ("rising order", lambda d: setattr(d.leaves[-1], "index", COUNT)),
    ("32 bytes", lambda d: setattr(d.leaves[0], "salt", d.leaves[0].salt[:31])),
    ("32 bytes", lambda d: setattr(d.leaves[0], "salt", b"")),
    ("type is unknown", lambda d: setattr(d.leaves[0], "type", 0)),
    ("type is unknown", lambda d: setattr(d.leaves[0], "type", 8)),
    ("type says it all", lambda d: (setattr(d.leaves[0], "type", 3), setattr(d.leaves[0], "value", "true"))),
    ("type says it all", lambda d: setattr(d.leaves[0], "type", LeafType.LEAF_TYPE_NULL)),
    ("canonical", lambda d: setattr(d.leaves[0], "type", LeafType.LEAF_TYPE_NUMBER)),
    ("not a JSON pointer", lambda d: setattr(d.leaves[0], "pointer", "")),
    ("not a JSON pointer", lambda d: setattr(d.leaves[0], "pointer", "documentParties")),
    ("not a JSON pointer", lambda d: setattr(d.leaves[0], "pointer", "/a~2")),
    ("not a JSON pointer", lambda d: setattr(d.leaves[0], "pointer", "/a~")),
    ("too long", lambda d: setattr(d.leaves[0], "pointer", "/" + "a" * MAX_POINTER_CHARACTERS)),
    ("shown twice", lambda d: setattr(d.leaves[1], "pointer", d.leaves[0].pointer)),
    ("left-over", lambda d: d.hidden_hashes.append(bytes(32))),
    ("too few", lambda d: d.hidden_hashes.pop()),
    ("wrong length", lambda d: d.hidden_hashes.__setitem__(0, bytes(31))),
]


@pytest.mark.parametrize(("detail", "change"), CHANGES)
def test_a_disclosure_out_of_form_is_refused(detail: str, change: Callable[[Disclosure], object]) -> None:
    disclosure = parties()
    change(disclosure)
    error = refusal(disclosure)
    assert error.reason is Reason.DISCLOSURE_INVALID
    assert detail in error.detail


@pytest.mark.parametrize("text", ["1.0", "01", "+1", "1e2", "-0", "", ".5", "5.", " 1", "1\n", "NaN", "١", "1" * 65])
def test_a_number_in_another_spelling_is_refused(text: str) -> None:
    tree = document_root(SUITE, SEED, (DocumentLeaf("/n", LeafType.LEAF_TYPE_NUMBER, text),))
    error = refusal(disclose(SUITE, tree, lambda _: True), tree.root, 1)
    assert (error.reason, error.detail) == (Reason.DISCLOSURE_INVALID, "number is not in canonical form")


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "-0.12", "100", "0.001"])
def test_a_number_in_its_spelling_is_taken(text: str) -> None:
    tree = document_root(SUITE, SEED, (DocumentLeaf("/n", LeafType.LEAF_TYPE_NUMBER, text),))
    assert shown(disclose(SUITE, tree, lambda _: True), tree)[0].value == text


@pytest.mark.parametrize(
    "change",
    [
        lambda d: setattr(d.leaves[0], "value", d.leaves[0].value + " "),
        lambda d: setattr(d.leaves[0], "salt", bytes(32)),
        lambda d: setattr(d.leaves[0], "pointer", "/documentParties/shipper/name"),
        lambda d: (setattr(d.leaves[0], "type", LeafType.LEAF_TYPE_FALSE), setattr(d.leaves[0], "value", "")),
        lambda d: d.hidden_hashes.__setitem__(0, bytes(32)),
    ],
)
def test_a_changed_leaf_leads_to_another_root(change: Callable[[Disclosure], object]) -> None:
    disclosure = parties()
    change(disclosure)
    assert refusal(disclosure).reason is Reason.DOCUMENT_ROOT_MISMATCH


def test_another_root_is_refused() -> None:
    assert refusal(parties(), bytes(32)).reason is Reason.DOCUMENT_ROOT_MISMATCH
    assert refusal(disclose(SUITE, TREE, lambda _: False), bytes(32)).reason is Reason.DOCUMENT_ROOT_MISMATCH


@pytest.mark.parametrize("count", [0, MAX_LEAVES + 1, COUNT + 200])
def test_another_count_of_leaves_is_refused(count: int) -> None:
    assert refusal(parties(), count=count).reason is Reason.DISCLOSURE_INVALID


def test_the_leaf_at_the_root_belongs_to_an_empty_document() -> None:
    empty = document_root(SUITE, SEED, load_document(b"{}").leaves)
    assert shown(disclose(SUITE, empty, lambda _: True), empty)[0].pointer == ""
    text = document_root(SUITE, SEED, (DocumentLeaf("", LeafType.LEAF_TYPE_STRING, "x"),))
    assert refusal(disclose(SUITE, text, lambda _: True), text.root, 1).detail == "not a JSON pointer"
