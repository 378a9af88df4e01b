"""SM2 and SM3 against the standard's examples, the plain-integer reference, and signatures that must be refused."""

from __future__ import annotations

import secrets

import pytest

from bridge.crypto import keys, sm2, sm2_openssl, sm3
from bridge.crypto.sm2_gmssl import GmsslSm2
from bridge.crypto.suites import suite
from bridge.errors import DecodeError, PreconditionError, Reason, VerificationError
from tests.unit.crypto import gbt32918

# GB/T 32918.5-2017 A.2: message, key, the nonce of the example, and what comes of them.
MESSAGE = b"message digest"
KEY = bytes.fromhex(
    "0409f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020"
    "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13"
)
NONCE = 0x59276E27D506861A16680F3AD9C02DCCEF3CC1FA3CDBE4CE6D54B80DEAC1BC21
Z = "b2e14c5c79c6df5b85f4fe7ed8db7a262b9da7e07ccb0ea9f4747b8ccda8a4f3"
E = 0xF0B43E94BA45ACCAACE692ED534382EB17E6AB5A19CE7B31F4486FDFC0D28640
R = 0xF5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3
S = 0xB1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA
# The example's private key follows from its nonce: s(1 + d) = k - rd.
EXAMPLE_PRIVATE = (NONCE - S) * pow(S + R, -1, gbt32918.N) % gbt32918.N


@pytest.fixture
def sm2_suite():
    return suite("sm3-sm2")


def refused(opened, key: bytes, message: bytes, signature: bytes) -> None:
    with pytest.raises(VerificationError) as caught:
        opened.verify(key, message, signature)
    assert caught.value.reason is Reason.SIGNATURE_INVALID


def test_sm3_gives_the_answers_of_the_standard(sm2_suite):
    for data, expected in (
        (b"abc", "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"),
        (b"abcd" * 16, "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"),
        (b"", "1ab21d8355cfa17f8e61194831e81a8f22bec8c728fefb747ed035eb5082aa2b"),
    ):
        assert sm2_suite.hash(data).hex() == expected


@pytest.mark.parametrize("opener", [sm3._from_hashlib, sm3._from_cryptography])
def test_every_sm3_engine_agrees_and_keeps_no_state(opener):
    function = opener()
    if function is None:
        pytest.skip("this engine has no SM3 here")
    for _ in range(2):
        assert function(b"abc") == sm3._EXAMPLE_DIGEST
    data = secrets.token_bytes(65_536)
    assert function(data) == suite("sm3-sm2").hash(data)


def test_without_any_sm3_the_refusal_says_what_to_install(monkeypatch):
    monkeypatch.setattr(sm3, "_from_hashlib", lambda: None)
    assert sm3.open_sm3()[1] == "cryptography"
    monkeypatch.setattr(sm3, "_from_cryptography", lambda: lambda data: data)
    with pytest.raises(PreconditionError) as caught:
        sm3.open_sm3()
    assert caught.value.reason is Reason.SUITE_UNAVAILABLE
    assert "install" in caught.value.detail


def test_the_example_of_the_standard_is_reproduced_in_every_step(sm2_suite):
    assert gbt32918.encode_point(gbt32918.multiply(EXAMPLE_PRIVATE, gbt32918.G)) == KEY
    assert gbt32918.identity_hash(KEY).hex() == Z
    assert gbt32918.digest(KEY, MESSAGE) == E
    assert gbt32918.sign(EXAMPLE_PRIVATE, MESSAGE, k=NONCE) == (R, S)
    assert sm2_suite.decode_public_key(KEY) == KEY
    sm2_suite.verify(KEY, MESSAGE, gbt32918.der(R, S))


def test_engine_and_reference_accept_each_other(sm2_suite):
    for size in (0, 1, 64, 1000):
        message = secrets.token_bytes(size)
        signer = keys.generate_signer("sm3-sm2")
        assert gbt32918.verifies(signer.public_key, message, *gbt32918.parse(signer.sign(message)))
        private = secrets.randbelow(gbt32918.N - 2) + 1
        public_key = gbt32918.encode_point(gbt32918.multiply(private, gbt32918.G))
        sm2_suite.verify(public_key, message, gbt32918.der(*gbt32918.sign(private, message)))


def test_another_user_id_is_another_signature(sm2_suite):
    for identity in (b"", b"ALICE123@YAHOO.COM", gbt32918.DEFAULT_ID[:-1]):
        r, s = gbt32918.sign(EXAMPLE_PRIVATE, MESSAGE, identity)
        refused(sm2_suite, KEY, MESSAGE, gbt32918.der(r, s))


def test_any_changed_bit_of_key_message_or_signature_is_refused(sm2_suite):
    signature = gbt32918.der(R, S)
    for bit in range(8 * len(signature)):
        changed = bytearray(signature)
        changed[bit >> 3] ^= 1 << (bit & 7)
        refused(sm2_suite, KEY, MESSAGE, bytes(changed))
    for bit in range(0, 8 * len(MESSAGE), 7):
        changed = bytearray(MESSAGE)
        changed[bit >> 3] ^= 1 << (bit & 7)
        refused(sm2_suite, KEY, bytes(changed), signature)
    for bit in range(0, 8 * len(KEY), 5):
        changed = bytearray(KEY)
        changed[bit >> 3] ^= 1 << (bit & 7)
        refused(sm2_suite, bytes(changed), MESSAGE, signature)


@pytest.mark.parametrize(
    ("r", "s"),
    [
        (0, S),
        (R, 0),
        (gbt32918.N, S),
        (R, gbt32918.N),
        (R + gbt32918.N, S),
        (R, S + gbt32918.N),
        (R, gbt32918.N - R),  # r + s = n
        (R, gbt32918.N - S),  # ECDSA's twin, which SM2 does not have
        (2**256 - 1, 2**256 - 1),
        (S, R),
    ],
)
def test_numbers_out_of_range_and_twins_are_refused(sm2_suite, r, s):
    refused(sm2_suite, KEY, MESSAGE, gbt32918.der(r, s))


def test_two_signatures_of_one_message_differ(sm2_suite):
    signer = keys.generate_signer("sm3-sm2")
    first, second = signer.sign(b"m"), signer.sign(b"m")
    assert first != second
    sm2_suite.verify(signer.public_key, b"m", first)
    sm2_suite.verify(signer.public_key, b"m", second)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        KEY[:-1],
        KEY + b"\0",
        KEY[1:],
        b"\x02" + KEY[1:33],
        b"\x06" + KEY[1:],
        b"\x00" * 65,
        KEY[:-1] + bytes([KEY[-1] ^ 1]),
        b"\x04" + gbt32918.word(gbt32918.P) + KEY[33:],
        b"\x04" + KEY[1:33] + b"\xff" * 32,
    ],
)
def test_keys_off_the_curve_or_in_another_form_are_refused(sm2_suite, raw):
    with pytest.raises(DecodeError) as caught:
        sm2_suite.decode_public_key(raw)
    assert caught.value.reason is Reason.INVALID_PUBLIC_KEY
    refused(sm2_suite, raw, MESSAGE, gbt32918.der(R, S))


def test_the_cache_of_loaded_keys_is_bounded():
    engine = sm2_openssl.OpensslSm2()
    assert engine.load_public.cache_parameters()["maxsize"] == sm2_openssl.MAX_CACHED_KEYS
    for _ in range(3):
        assert engine.verify(KEY, MESSAGE, gbt32918.der(R, S))
        assert not engine.verify(KEY[:-1], MESSAGE, gbt32918.der(R, S))
    assert engine.load_public.cache_info().currsize == 1
    engine.load_public.cache_clear()
    assert engine.verify(KEY, MESSAGE, gbt32918.der(R, S))


def test_an_engine_that_accepts_everything_or_nothing_is_not_used(monkeypatch):
    class Broken:
        name, detail = "broken", ""

        def __init__(self, verdict: bool) -> None:
            self.verdict = verdict

        def verify(self, public_key: bytes, message: bytes, signature: bytes) -> bool:
            return self.verdict

    assert not sm2.passes_example(Broken(verdict=True))
    assert not sm2.passes_example(Broken(verdict=False))
    assert sm2.passes_example(sm2_openssl.OpensslSm2())
    monkeypatch.setattr(sm2, "OpensslSm2", lambda: Broken(verdict=True))
    monkeypatch.setattr(sm2, "GmsslSm2", lambda: Broken(verdict=False))
    with pytest.raises(PreconditionError) as caught:
        sm2.open_suite()
    assert caught.value.reason is Reason.SUITE_UNAVAILABLE
    assert "libssl3" in caught.value.detail
    assert "sm2-fallback" in caught.value.detail


@pytest.mark.parametrize("names", [("libcrypto-that-is-not-there.so",)])
def test_a_machine_without_libcrypto_is_told_so(monkeypatch, names):
    monkeypatch.setattr(sm2_openssl, "_LIBRARY_NAMES", names)
    monkeypatch.setattr(sm2_openssl.ctypes.util, "find_library", lambda name: None)
    with pytest.raises(PreconditionError) as caught:
        sm2_openssl.OpensslSm2()
    assert caught.value.reason is Reason.SUITE_UNAVAILABLE
    monkeypatch.setattr(sm2_openssl.ctypes.util, "find_library", lambda name: names[0])
    with pytest.raises(PreconditionError) as caught:
        sm2_openssl.OpensslSm2()
    assert caught.value.reason is Reason.SUITE_UNAVAILABLE


def test_the_fallback_engine_agrees_where_it_is_installed():
    pytest.importorskip("gmssl_pyx", reason="the optional package gmssl-pyx is not installed")
    engine, system = GmsslSm2(), sm2_openssl.OpensslSm2()
    assert sm2.passes_example(engine)
    signer = sm2.Sm2Signer(engine, engine.generate())
    assert system.verify(signer.public_key, b"m", signer.sign(b"m"))
    other = sm2.Sm2Signer(system, system.generate())
    assert engine.verify(other.public_key, b"m", other.sign(b"m"))
    assert not engine.verify(other.public_key[:-1], b"m", other.sign(b"m"))
    with pytest.raises(PreconditionError) as caught:
        signer.export_pkcs8(b"passphrase")
    assert caught.value.reason is Reason.SUITE_UNAVAILABLE


def test_without_the_fallback_package_the_fallback_is_unavailable(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "gmssl_pyx", None)
    with pytest.raises(PreconditionError) as caught:
        GmsslSm2()
    assert caught.value.reason is Reason.SUITE_UNAVAILABLE
