"""Leaves and their tree: what is bound, what is hidden, and known answers another implementation can check."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given

from bridge.cargo.document import load_document
from bridge.cargo.leaves import SEED_LENGTH, DocumentLeaf, document_root, hash_leaf
from bridge.crypto.suites import suite
from bridge.errors import DecodeError, Reason
from bridge.v1.cargo_pb2 import LeafType
from tests.unit.cargo.documents import to_bytes
from tests.unit.cargo.test_document import VALUES

SUITE = suite("sha256-ed25519")
SEED = bytes(range(SEED_LENGTH))


def root_of(data: bytes, seed: bytes = SEED) -> bytes:
    return document_root(SUITE, seed, load_document(data).leaves).root


def test_each_type_is_a_leaf_with_its_type_and_text() -> None:
    data = b'{"s":"x","n":1.50,"t":true,"f":false,"z":null,"o":{},"a":[]}'
    assert load_document(data).leaves == (
        DocumentLeaf("/s", LeafType.LEAF_TYPE_STRING, "x"),
        DocumentLeaf("/n", LeafType.LEAF_TYPE_NUMBER, "1.5"),
        DocumentLeaf("/t", LeafType.LEAF_TYPE_TRUE, ""),
        DocumentLeaf("/f", LeafType.LEAF_TYPE_FALSE, ""),
        DocumentLeaf("/z", LeafType.LEAF_TYPE_NULL, ""),
        DocumentLeaf("/o", LeafType.LEAF_TYPE_EMPTY_OBJECT, ""),
        DocumentLeaf("/a", LeafType.LEAF_TYPE_EMPTY_ARRAY, ""),
    )


def test_an_empty_document_is_one_leaf_at_the_root() -> None:
    assert load_document(b"{}").leaves == (DocumentLeaf("", LeafType.LEAF_TYPE_EMPTY_OBJECT, ""),)


def test_values_that_print_alike_have_different_roots() -> None:
    values = [b"false", b"0", b'""', b"null", b"{}", b"[]", b'"0"', b'"false"', b'"null"', b"1", b'"1"', b"true"]
    roots = [root_of(b'{"b":1,"a":' + value + b"}") for value in values]
    absent = root_of(b'{"b":1}')
    assert len({absent, *roots}) == len(values) + 1


def test_spellings_of_one_number_have_one_root() -> None:
    assert root_of(b'{"a":1}') == root_of(b'{"a":1.0}') == root_of(b'{"a":1e0}')
    assert root_of(b'{"a":"1"}') != root_of(b'{"a":"1.0"}')


def test_names_order_and_place_are_bound() -> None:
    assert root_of(b'{"a":1,"b":2}') != root_of(b'{"b":2,"a":1}')
    assert root_of(b'{"a":{"b":1}}') != root_of(b'{"a":[1]}')
    assert root_of(b'{"a/b":1}') != root_of(b'{"a":{"b":1}}')
    assert root_of(b'{"a":"x"}', bytes(32)) != root_of(b'{"a":"x"}')


def test_no_two_leaves_share_the_bytes_that_are_hashed() -> None:
    seen: list[bytes] = []

    def capture(data: bytes) -> bytes:
        seen.append(data)
        return SUITE.hash(data)

    salt = bytes(32)
    hash_leaf(capture, salt, "/a", LeafType.LEAF_TYPE_STRING, "bc")
    hash_leaf(capture, salt, "/ab", LeafType.LEAF_TYPE_STRING, "c")
    hash_leaf(capture, salt, "/a", LeafType.LEAF_TYPE_NUMBER, "")
    assert len(set(seen)) == 3
    assert seen[0] == b"\x00" + salt + b"\x00\x02/a" + b"\x01" + b"\x00\x00\x00\x02bc"


def test_known_answer_by_hand() -> None:
    """The whole construction once more with hashlib alone, for a document of three leaves."""
    data = '{"a":"海","b":[1e2,null]}'.encode()

    def leaf(pointer: bytes, kind: int, value: bytes) -> bytes:
        salt = hmac.digest(SEED, pointer, "sha256")
        head = len(pointer).to_bytes(2, "big") + pointer + bytes([kind])
        return hashlib.sha256(b"\x00" + salt + head + len(value).to_bytes(4, "big") + value).digest()

    first, second, third = leaf(b"/a", 1, "海".encode()), leaf(b"/b/0", 2, b"100"), leaf(b"/b/1", 5, b"")
    pair = hashlib.sha256(b"\x01" + first + second).digest()
    assert root_of(data) == hashlib.sha256(b"\x01" + pair + third).digest()
    assert root_of(data).hex() == "59df0cfdcc2c984b9f1988a01ce39786cc5c1213764b598cab1c29ad74cf49eb"


def test_the_suite_decides_the_tree_and_not_the_salts() -> None:
    document = load_document(b'{"a":1,"b":2}')
    sha256, sm3 = (document_root(suite(name), SEED, document.leaves) for name in ("sha256-ed25519", "sm3-sm2"))
    assert sha256.salts == sm3.salts
    assert sha256.root != sm3.root


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_seed_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(DecodeError) as caught:
        document_root(SUITE, bytes(length), load_document(b"{}").leaves)
    assert caught.value.reason is Reason.INVALID_FIELD


@given(VALUES, VALUES)
def test_different_values_have_different_leaves(first: object, second: object) -> None:
    documents = [to_bytes({"v": value}) for value in (first, second)]
    leaves = [load_document(data).leaves for data in documents]
    assert (leaves[0] == leaves[1]) == (documents[0] == documents[1])


def test_hidden_values_cannot_be_found_by_guessing() -> None:
    """A hash of a low-entropy value without its salt tells nothing: 4,096 guesses of salt and value all miss."""
    tree = document_root(SUITE, SEED, load_document(b'{"isPaid":true,"amount":500}').leaves)
    guesses = {
        hash_leaf(SUITE.hash, salt.to_bytes(32, "big"), pointer, kind, value)
        for salt in range(1_024)
        for pointer, kind, value in (
            ("/isPaid", LeafType.LEAF_TYPE_TRUE, ""),
            ("/isPaid", LeafType.LEAF_TYPE_FALSE, ""),
            ("/amount", LeafType.LEAF_TYPE_NUMBER, "500"),
            ("/amount", LeafType.LEAF_TYPE_STRING, "500"),
        )
    }
    assert not guesses & set(tree.leaf_hashes)
    assert len(set(tree.salts)) == len(tree.salts)
