"""Every Wycheproof case of the two suites it covers has the verdict it asks for."""

from __future__ import annotations

import pytest

from bridge.crypto import keys
from bridge.crypto.suites import check_signature, suite
from bridge.errors import Reason, VerificationError
from tests.vectors import load_json


@pytest.mark.parametrize(
    ("suite_id", "file", "key_field", "valid", "invalid"),
    [
        ("sha256-ed25519", "ed25519_test.json", "pk", 88, 63),
        ("sha256-p256", "ecdsa_secp256r1_sha256_test.json", "uncompressed", 174, 310),
    ],
)
def test_every_case(suite_id, file, key_field, valid, invalid):
    accepted = refused = 0
    for group in load_json("vectors", "wycheproof", file)["testGroups"]:
        key = bytes.fromhex(group["publicKey"][key_field])
        assert suite(suite_id).decode_public_key(key) == key
        assert keys.public_key_from_pem(group["publicKeyPem"].encode()) == (suite_id, key)
        for case in group["tests"]:
            message, signature = bytes.fromhex(case["msg"]), bytes.fromhex(case["sig"])
            if case["result"] == "valid":
                check_signature(suite_id, key, message, signature)
                accepted += 1
                continue
            assert case["result"] == "invalid", case
            with pytest.raises(VerificationError) as caught:
                check_signature(suite_id, key, message, signature)
            assert caught.value.reason is Reason.SIGNATURE_INVALID, case
            refused += 1
    assert (accepted, refused) == (valid, invalid)
