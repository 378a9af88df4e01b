"""Suite sha256-ed25519: SHA-256 with Ed25519, verified by libsodium under its strict rule.

The strict rule (canonical s and key, no small-order key or R, cofactorless equation) is narrower than the ZIP-215 rule
of CometBFT nodes; docs/protocol.md part 2 says what follows from that.
Source: RFC 8032 5.1; libsodium crypto_sign/ed25519/ref10/open.c.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from nacl.bindings import crypto_core_ed25519_is_valid_point, crypto_sign_open
from nacl.exceptions import BadSignatureError

from bridge.crypto.pkcs8 import seal
from bridge.errors import DecodeError, Reason, VerificationError

SUITE_ID: Final = "sha256-ed25519"
PUBLIC_KEY_BYTES = 32
SIGNATURE_BYTES = 64


class Sha256Ed25519:
    """SHA-256 digests and Ed25519 signatures; keys are the 32 bytes and signatures the 64 bytes of RFC 8032."""

    suite_id: Final = SUITE_ID

    def hash(self, data: bytes) -> bytes:
        """SHA-256 of `data`."""
        return sha256(data).digest()

    def decode_public_key(self, raw: bytes) -> bytes:
        """[CRY-3] The key itself when it is a canonical point of the prime-order group; DecodeError otherwise.

        That refuses the fourteen small-order encodings, y >= p, points off the curve, and keys with a small-order part,
        about which verifiers disagree.
        """
        if len(raw) != PUBLIC_KEY_BYTES:
            raise DecodeError(
                Reason.INVALID_PUBLIC_KEY, "an Ed25519 key has 32 bytes", got=len(raw), expected=PUBLIC_KEY_BYTES
            )
        if not crypto_core_ed25519_is_valid_point(raw):
            raise DecodeError(Reason.INVALID_PUBLIC_KEY, "Ed25519 key is not a canonical point of prime order")
        return raw

    def verify(self, public_key: bytes, message: bytes, signature: bytes) -> None:
        """[CRY-10] Return when the signature is valid under the strict rule; VerificationError SIGNATURE_INVALID."""
        # The binding hands the key's address to C without looking at its length.
        if len(public_key) != PUBLIC_KEY_BYTES or len(signature) != SIGNATURE_BYTES:
            raise VerificationError(Reason.SIGNATURE_INVALID, "Ed25519 key or signature has a wrong length")
        try:
            crypto_sign_open(signature + message, public_key)
        except BadSignatureError as error:
            raise VerificationError(Reason.SIGNATURE_INVALID, "Ed25519 signature does not verify") from error


class Ed25519Signer:
    """One Ed25519 private key in memory."""

    suite_id: Final = SUITE_ID

    def __init__(self, private_key: Ed25519PrivateKey) -> None:
        self._private_key = private_key
        self._public_key = private_key.public_key().public_bytes_raw()

    @classmethod
    def generate(cls) -> Ed25519Signer:
        """A signer with a fresh key."""
        return cls(Ed25519PrivateKey.generate())

    @property
    def public_key(self) -> bytes:
        """The 32 bytes of the public key."""
        return self._public_key

    def sign(self, message: bytes) -> bytes:
        """Signature of 64 bytes; the same for the same message."""
        return self._private_key.sign(message)

    def export_pkcs8(self, passphrase: bytes) -> bytes:
        """The private key as encrypted PKCS#8 PEM."""
        plain = self._private_key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return seal(plain, passphrase)
