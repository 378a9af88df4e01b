"""Every RFC 6962 vector of transparency-dev/merkle, and the known answers of the RFCs."""

from __future__ import annotations

from base64 import b64decode
from hashlib import sha256

import pytest

from bridge.errors import Reason, VerificationError
from bridge.merkle import rfc6962
from tests.vectors import load_json


def digest(data: bytes) -> bytes:
    return sha256(data).digest()


def run(case, call, *arguments) -> bool:
    """True when the case was accepted, as it asked for."""
    if case["wantErr"]:
        with pytest.raises(VerificationError) as caught:
            call(digest, *arguments)
        assert caught.value.reason is Reason.PROOF_INVALID, case["file"]
        return False
    call(digest, *arguments)
    return True


def test_inclusion():
    cases = load_json("vectors", "rfc6962", "inclusion.json")
    accepted = 0
    for case in cases:
        path = [b64decode(node) for node in case["proof"] or []]
        root, leaf = b64decode(case["root"]), b64decode(case["leafHash"] or "")
        accepted += run(case, rfc6962.verify_inclusion, root, case["treeSize"], case["leafIdx"], leaf, path)
    assert (len(cases), accepted) == (98, 6)


def test_consistency():
    cases = load_json("vectors", "rfc6962", "consistency.json")
    accepted = 0
    for case in cases:
        path = [b64decode(node) for node in case["proof"] or []]
        roots = b64decode(case["root1"] or ""), b64decode(case["root2"] or "")
        arguments = roots[0], case["size1"], roots[1], case["size2"], path
        accepted += run(case, rfc6962.verify_consistency, *arguments)
    assert (len(cases), accepted) == (98, 6)


def test_known_answers_of_hashing():
    known = load_json("vectors", "rfc6962", "known_answers.json")
    empty_tree, empty_leaf, leaf, node = (case["want"] for case in known["hasher_known_answers"])
    assert rfc6962.root(digest, []).hex() == empty_tree
    assert rfc6962.leaf_hash(digest, b"").hex() == empty_leaf
    assert rfc6962.leaf_hash(digest, b"L123456").hex() == leaf
    assert rfc6962.node_hash(digest, b"N123", b"N456").hex() == node


def test_known_roots_and_second_preimages():
    known = load_json("vectors", "rfc6962", "known_answers.json")
    leaves = [rfc6962.leaf_hash(digest, bytes.fromhex(data)) for data in known["leaf_inputs"]]
    roots = [rfc6962.root(digest, leaves[:size]).hex() for size in range(len(leaves) + 1)]
    assert roots == known["roots_by_size"]
    assert len(roots) == 9
    preimage, naive, duplicate = known["second_preimage"]
    hashed = rfc6962.leaf_hash(digest, bytes.fromhex(preimage["data"])).hex()
    assert hashed == preimage["correct_leaf_hash"] != preimage["forbidden_equal"]
    assert naive["naive"] not in roots
    assert rfc6962.root(digest, leaves[:3]).hex() == duplicate["root_3"]
    assert rfc6962.root(digest, [*leaves[:3], leaves[2]]).hex() == duplicate["root_3_dup_last"]


def test_known_proofs():
    known = load_json("vectors", "rfc6962", "known_answers.json")
    leaves = [rfc6962.leaf_hash(digest, bytes.fromhex(data)) for data in known["leaf_inputs"]]
    for case in known["all_inclusion"]:
        path = rfc6962.prove_inclusion(digest, leaves[: case["size"]], case["leaf"])
        assert [node.hex() for node in path] == case["path"]
        root = bytes.fromhex(case["root"])
        rfc6962.verify_inclusion(digest, root, case["size"], case["leaf"], leaves[case["leaf"]], path)
    for case in known["all_consistency"]:
        path = rfc6962.prove_consistency(digest, leaves[: case["size2"]], case["size1"])
        assert [node.hex() for node in path] == case["proof"]
        roots = bytes.fromhex(case["root1"]), bytes.fromhex(case["root2"])
        rfc6962.verify_consistency(digest, roots[0], case["size1"], roots[1], case["size2"], path)
    assert len(known["all_inclusion"]) == 36
    assert len(known["all_consistency"]) == 36
