"""What every suite promises, and what no suite may accept."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.bindings import crypto_core_ed25519_add

from bridge.crypto import keys, sm2, suites
from bridge.crypto.der import require_strict_signature
from bridge.crypto.points import P256
from bridge.crypto.signing import Domain, sign_bytes
from bridge.errors import DecodeError, PreconditionError, Reason, VerificationError
from tests.unit.crypto import gbt32918

SIGNERS = {suite_id: keys.generate_signer(suite_id) for suite_id in suites.SUITE_IDS}
MESSAGE = b"a bill of lading"

ED25519_P = 2**255 - 19
ED25519_L = 2**252 + 27742317777372353535851937790883648493

# The eight points of small order in their canonical form, then the six further encodings of them.
SMALL_ORDER = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
]


def refused(suite_id: str, key: bytes, message: bytes, signature: bytes) -> None:
    with pytest.raises(VerificationError) as caught:
        suites.check_signature(suite_id, key, message, signature)
    assert caught.value.reason is Reason.SIGNATURE_INVALID


def key_refused(suite_id: str, raw: bytes) -> None:
    with pytest.raises(DecodeError) as caught:
        suites.suite(suite_id).decode_public_key(raw)
    assert caught.value.reason is Reason.INVALID_PUBLIC_KEY


@pytest.mark.parametrize("suite_id", suites.SUITE_IDS)
def test_a_signature_verifies_and_its_variations_do_not(suite_id):
    signer = SIGNERS[suite_id]
    key, signature = signer.public_key, signer.sign(MESSAGE)
    assert signer.suite_id == suites.suite(suite_id).suite_id == suite_id
    assert suites.suite(suite_id).decode_public_key(key) == key
    suites.check_signature(suite_id, key, MESSAGE, signature)
    suites.check_signature(suite_id, key, b"", signer.sign(b""))
    refused(suite_id, key, MESSAGE + b"\0", signature)
    refused(suite_id, key, b"", signature)
    refused(suite_id, keys.generate_signer(suite_id).public_key, MESSAGE, signature)
    refused(suite_id, b"", MESSAGE, signature)
    refused(suite_id, key[:-1], MESSAGE, signature)
    refused(suite_id, key + b"\0", MESSAGE, signature)
    refused(suite_id, bytes(len(key)), MESSAGE, signature)
    refused(suite_id, key, MESSAGE, b"")
    refused(suite_id, key, MESSAGE, signature[:-1])
    refused(suite_id, key, MESSAGE, signature + b"\0")
    refused(suite_id, key, MESSAGE, bytes(len(signature)))


@pytest.mark.parametrize("suite_id", suites.SUITE_IDS)
def test_keys_and_signatures_of_one_suite_mean_nothing_in_another(suite_id):
    signer = SIGNERS[suite_id]
    for other in suites.SUITE_IDS:
        if other != suite_id:
            refused(other, signer.public_key, MESSAGE, signer.sign(MESSAGE))
            refused(other, SIGNERS[other].public_key, MESSAGE, signer.sign(MESSAGE))
            key_refused(other, signer.public_key)


@pytest.mark.parametrize("suite_id", suites.SUITE_IDS)
def test_digests_have_32_bytes_and_are_of_the_suite(suite_id):
    digest = suites.suite(suite_id).hash(b"abc")
    assert len(digest) == 32
    assert digest.hex().startswith("66c7f0f4" if suite_id == "sm3-sm2" else "ba7816bf")


@pytest.mark.parametrize("name", ["", "sha256", "SM3-SM2", "sm3-sm2 ", "none"])
def test_unknown_suites_are_refused(name):
    with pytest.raises(DecodeError) as caught:
        suites.suite(name)
    assert caught.value.reason is Reason.INVALID_FIELD
    with pytest.raises(DecodeError):
        keys.generate_signer(name)


def test_a_suite_is_opened_once_even_by_many_threads(monkeypatch):
    opened = []

    def slow_open():
        opened.append(1)
        return sm2.open_suite()

    monkeypatch.setattr(suites, "_ready", {})
    monkeypatch.setitem(suites._OPENERS, "sm3-sm2", slow_open)
    threads = [threading.Thread(target=suites.suite, args=("sm3-sm2",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 1


def test_a_missing_engine_is_described_and_asked_for_again_later(monkeypatch):
    def missing():
        raise PreconditionError(Reason.SUITE_UNAVAILABLE, "install something")

    monkeypatch.setattr(suites, "_ready", {})
    with monkeypatch.context() as without:
        without.setitem(suites._OPENERS, "sm3-sm2", missing)
        lines = {line.suite_id: line for line in suites.describe()}
        assert lines["sm3-sm2"] == ("sm3-sm2", "none", False, "install something")
        with pytest.raises(PreconditionError) as caught:
            suites.check_signature("sm3-sm2", b"", b"", b"")
        assert caught.value.reason is Reason.SUITE_UNAVAILABLE
    assert all(line.available for line in suites.describe())
    assert [line.suite_id for line in suites.describe()] == list(suites.SUITE_IDS)
    assert "libsodium" in suites.describe()[0].engine


@pytest.mark.parametrize("encoding", SMALL_ORDER)
def test_small_order_ed25519_keys_neither_register_nor_verify(encoding):
    key = bytes.fromhex(encoding)
    key_refused("sha256-ed25519", key)
    # With such a key and s = 0 the equation holds for one message in eight or for all of them.
    for point in (key, bytes.fromhex(SMALL_ORDER[0])):
        for message in range(16):
            refused("sha256-ed25519", key, bytes([message]), point + bytes(32))


def test_there_are_fourteen_different_small_order_encodings():
    assert len(set(SMALL_ORDER)) == 14


def test_ed25519_keys_with_a_small_order_part_do_not_register():
    key = SIGNERS["sha256-ed25519"].public_key
    for encoding in SMALL_ORDER[1:8]:
        key_refused("sha256-ed25519", crypto_core_ed25519_add(key, bytes.fromhex(encoding)))


def test_ed25519_keys_that_are_no_canonical_point_do_not_register():
    for value in range(ED25519_P, 2**255):
        for sign in (0, 1 << 255):
            key_refused("sha256-ed25519", (value | sign).to_bytes(32, "little"))
    key_refused("sha256-ed25519", (2).to_bytes(32, "little"))  # y = 2 is not on the curve
    key_refused("sha256-ed25519", bytes(31))
    key_refused("sha256-ed25519", bytes(33))


def test_ed25519_s_must_be_below_the_group_order():
    signer = SIGNERS["sha256-ed25519"]
    signature = signer.sign(MESSAGE)
    s = int.from_bytes(signature[32:], "little")
    for other in (s + ED25519_L, s | 1 << 255, ED25519_L):
        refused("sha256-ed25519", signer.public_key, MESSAGE, signature[:32] + other.to_bytes(32, "little"))


def test_p256_has_a_twin_signature_so_signature_bytes_identify_nothing():
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    signer = SIGNERS["sha256-p256"]
    r, s = gbt32918.parse(signer.sign(MESSAGE))
    suites.check_signature("sha256-p256", signer.public_key, MESSAGE, gbt32918.der(r, order - s))
    refused("sha256-p256", signer.public_key, MESSAGE, gbt32918.der(order - r, s))
    refused("sha256-p256", signer.public_key, MESSAGE, gbt32918.der(r, s + order))


def test_p256_keys_off_the_curve_or_in_another_form_do_not_register():
    key = SIGNERS["sha256-p256"].public_key
    for raw in (
        key[1:],
        b"\x02" + key[1:33],
        b"\x06" + key[1:],
        key[:-1] + bytes([key[-1] ^ 1]),
        b"\x04" + P256.p.to_bytes(32, "big") + key[33:],
        b"\0",
    ):
        key_refused("sha256-p256", raw)


def malleable_forms(signature: bytes) -> dict[str, bytes]:
    """Other encodings of the same two numbers, none of which is DER."""
    r, s = gbt32918.parse(signature)
    first, second = gbt32918.der_integer(r), gbt32918.der_integer(s)
    body = first + second
    padded = bytes([2, first[1] + 1, 0]) + first[2:]

    def sequence(content: bytes) -> bytes:
        return bytes([0x30, len(content)]) + content

    return {
        "trailing byte": signature + b"\0",
        "trailing byte counted in": sequence(body + b"\0"),
        "trailing integer": sequence(body + b"\x02\x01\x01"),
        "long-form length": bytes([0x30, 0x81, len(body)]) + body,
        "longer long-form length": bytes([0x30, 0x82, 0, len(body)]) + body,
        "long-form integer length": sequence(bytes([2, 0x81, first[1]]) + first[2:] + second),
        "indefinite length": b"\x30\x80" + body + b"\0\0",
        "padded integer": sequence(padded + second),
        "padded second integer": sequence(first + bytes([2, second[1] + 1, 0]) + second[2:]),
        "negative integer": sequence(first + bytes([2, 32]) + (s | 1 << 255).to_bytes(32, "big")),
        "wrong tag": b"\x31" + signature[1:],
        "bit string for an integer": sequence(b"\x03" + first[1:] + second),
        "constructed integer": sequence(b"\x22" + first[1:] + second),
        "one integer": sequence(first),
        "empty sequence": b"\x30\x00",
        "empty integer": sequence(b"\x02\x00" + second),
        "zero": sequence(b"\x02\x01\x00" + second),
        "raw r and s": r.to_bytes(32, "big") + s.to_bytes(32, "big"),
        "cut short": signature[:-1],
        "length too large": bytes([0x30, signature[1] + 1]) + signature[2:],
        "length too small": bytes([0x30, signature[1] - 1]) + signature[2:],
    }


@pytest.mark.parametrize("suite_id", ["sha256-p256", "sm3-sm2"])
def test_only_one_encoding_of_a_signature_is_accepted(suite_id):
    signer = SIGNERS[suite_id]
    for _ in range(8):
        signature = signer.sign(MESSAGE)
        suites.check_signature(suite_id, signer.public_key, MESSAGE, signature)
        forms = malleable_forms(signature)
        assert len(forms) == 21
        for name, form in forms.items():
            with pytest.raises(VerificationError) as caught:
                require_strict_signature(form)
            assert caught.value.reason is Reason.SIGNATURE_INVALID, name
            refused(suite_id, signer.public_key, MESSAGE, form)


@given(st.integers(1, 2**256 - 1), st.integers(1, 2**256 - 1))
def test_every_pair_of_positive_numbers_has_a_strict_form(r, s):
    require_strict_signature(gbt32918.der(r, s))


@given(st.binary(max_size=80))
def test_only_our_error_leaves_a_suite(data):
    for suite_id in suites.SUITE_IDS:
        key = SIGNERS[suite_id].public_key
        refused(suite_id, key, MESSAGE, data)
        refused(suite_id, data, MESSAGE, SIGNERS[suite_id].sign(MESSAGE))
        if data != key:
            key_refused(suite_id, data)


def test_a_signature_of_one_domain_or_ledger_is_none_of_another():
    signer = SIGNERS["sha256-ed25519"]
    seen = set()
    for domain in Domain:
        for ledger_id in ("hk-1", "sh-1"):
            seen.add(sign_bytes(domain, ledger_id, MESSAGE))
    assert len(seen) == 2 * len(Domain)
    signature = signer.sign(sign_bytes(Domain.STATEMENT, "hk-1", MESSAGE))
    suites.check_signature(
        "sha256-ed25519", signer.public_key, sign_bytes(Domain.STATEMENT, "hk-1", MESSAGE), signature
    )
    for other in (
        sign_bytes(Domain.MAPPING, "hk-1", MESSAGE),
        sign_bytes(Domain.STATEMENT, "sh-1", MESSAGE),
        sign_bytes(Domain.STATEMENT, "hk-", b"1" + MESSAGE),
        MESSAGE,
    ):
        refused("sha256-ed25519", signer.public_key, other, signature)
