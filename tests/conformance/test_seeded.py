"""Seeded keys sign what the suites take, the same way each time."""

from __future__ import annotations

import pytest

from bridge.conformance.counterparty.seeded import fresh_signer, seeded
from bridge.crypto.suites import suite
from bridge.errors import VerificationError


def drawn(seed: str, suite_id: str):
    with seeded(seed):
        return [fresh_signer(suite_id) for _ in range(2)]


@pytest.mark.parametrize("suite_id", ["sm3-sm2", "sha256-ed25519"])
def test_a_seed_has_its_keys_and_they_sign_alike(suite_id):
    first, second = drawn("a", suite_id)
    again, _ = drawn("a", suite_id)
    other, _ = drawn("b", suite_id)
    assert first.public_key == again.public_key
    assert len({first.public_key, second.public_key, other.public_key}) == 3
    opened = suite(suite_id)
    opened.decode_public_key(first.public_key)
    for number in range(20):
        message = b"message %d" % number
        signature = first.sign(message)
        assert signature == again.sign(message)
        opened.verify(first.public_key, message, signature)
        with pytest.raises(VerificationError):
            opened.verify(second.public_key, message, signature)


def test_without_a_seed_keys_are_fresh():
    assert fresh_signer("sm3-sm2").public_key != fresh_signer("sm3-sm2").public_key
    assert fresh_signer("sha256-p256").suite_id == "sha256-p256"
