"""Suite sm3-sm2: SM3 digests and SM2 signatures by whichever engine here passes the standard's own example.

Source: GB/T 32918.2-2017 and 32918.5-2017 (curve and example), GB/T 32905-2016 (SM3).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol

from bridge.crypto.der import require_strict_signature
from bridge.crypto.pkcs8 import seal
from bridge.crypto.points import SM2, require_point
from bridge.crypto.sm2_gmssl import GmsslSm2
from bridge.crypto.sm2_openssl import OpensslSm2
from bridge.crypto.sm3 import open_sm3
from bridge.errors import PreconditionError, Reason, VerificationError

SUITE_ID: Final = "sm3-sm2"

_EXAMPLE_KEY = bytes.fromhex(
    "0409f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020"
    "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13"
)
_EXAMPLE_MESSAGE = b"message digest"
_EXAMPLE_SIGNATURE = bytes.fromhex(
    "3046022100f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3"
    "022100b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa"
)


class Sm2Engine(Protocol):
    """What a library must do for the suite; `key` is whatever its own `generate` returns."""

    name: str
    detail: str

    def verify(self, public_key: bytes, message: bytes, signature: bytes) -> bool:
        """True when the strict DER signature is valid for the default user id; False otherwise."""
        ...

    def sign(self, key: Any, message: bytes) -> bytes:
        """DER signature with the default user id."""
        ...

    def generate(self) -> Any:
        """A fresh key pair."""
        ...

    def public_point(self, key: Any) -> bytes:
        """The public half as an uncompressed point."""
        ...


class Sm3Sm2:
    """SM3 digests and SM2 signatures; keys are uncompressed points of 65 bytes, signatures are DER."""

    suite_id: Final = SUITE_ID

    def __init__(self, engine: Sm2Engine, sm3: Callable[[bytes], bytes], engine_name: str) -> None:
        self.engine = engine
        self.engine_name = engine_name
        self._sm3 = sm3

    def hash(self, data: bytes) -> bytes:
        """SM3 of `data`."""
        return self._sm3(data)

    def decode_public_key(self, raw: bytes) -> bytes:
        """The key itself when it is an uncompressed point of the curve; DecodeError INVALID_PUBLIC_KEY otherwise."""
        return require_point(SM2, raw)

    def verify(self, public_key: bytes, message: bytes, signature: bytes) -> None:
        """[CRY-6] Return when the DER signature is valid for the default user id; VerificationError otherwise."""
        require_strict_signature(signature)
        if not self.engine.verify(public_key, message, signature):
            raise VerificationError(Reason.SIGNATURE_INVALID, "SM2 signature does not verify")


class Sm2Signer:
    """One SM2 private key in the memory of its engine."""

    suite_id: Final = SUITE_ID

    def __init__(self, engine: Sm2Engine, key: Any) -> None:
        self._engine = engine
        self._key = key
        self._public_key = engine.public_point(key)

    @property
    def public_key(self) -> bytes:
        """The public key as an uncompressed point of 65 bytes."""
        return self._public_key

    def sign(self, message: bytes) -> bytes:
        """DER signature over `message` with the default user id; different each time."""
        return self._engine.sign(self._key, message)

    def export_pkcs8(self, passphrase: bytes) -> bytes:
        """The private key as encrypted PKCS#8 PEM; needs the system's OpenSSL."""
        if not isinstance(self._engine, OpensslSm2):
            raise PreconditionError(Reason.SUITE_UNAVAILABLE, "SM2 key files need the system's OpenSSL 3")
        return seal(self._engine.private_key_info(self._key), passphrase)


def open_suite() -> Sm3Sm2:
    """The suite with the first engine that works; PreconditionError SUITE_UNAVAILABLE says what to install."""
    sm3, sm3_engine = open_sm3()
    reasons = []
    for opener in (OpensslSm2, GmsslSm2):
        try:
            engine: Sm2Engine = opener()
        except PreconditionError as error:
            reasons.append(error.detail)
            continue
        if passes_example(engine):
            return Sm3Sm2(engine, sm3, f"SM2 {engine.name}, SM3 {sm3_engine}")
        reasons.append(f"{engine.name} fails the example of GB/T 32918.5")
    raise PreconditionError(
        Reason.SUITE_UNAVAILABLE,
        "no SM2: install OpenSSL 3 with its shared library (Debian: libssl3, Fedora: openssl-libs, macOS: openssl@3), "
        f"or pip install 'cargobridge[sm2-fallback]'; tried: {'; '.join(reasons)}",
    )


def passes_example(engine: Sm2Engine) -> bool:
    """[CRY-7] True when the engine accepts the standard's example and refuses it with one bit changed."""
    changed = _EXAMPLE_SIGNATURE[:-1] + bytes([_EXAMPLE_SIGNATURE[-1] ^ 1])
    return (
        engine.verify(_EXAMPLE_KEY, _EXAMPLE_MESSAGE, _EXAMPLE_SIGNATURE)
        and not engine.verify(_EXAMPLE_KEY, _EXAMPLE_MESSAGE, changed)
        and not engine.verify(_EXAMPLE_KEY, _EXAMPLE_MESSAGE + b"\0", _EXAMPLE_SIGNATURE)
    )
