"""Suite sha256-p256: SHA-256 with ECDSA over P-256, as recorded ChainMaker ledgers with ordinary certificates use it.

Signatures are strict DER. A second signature (r, n - s) exists for every signature, so nothing may be deduplicated by
signature bytes. Source: FIPS 186-5 6.4; SEC 1 v2 4.1.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from bridge.crypto.der import require_strict_signature
from bridge.crypto.pkcs8 import seal
from bridge.crypto.points import P256, require_point
from bridge.errors import Reason, VerificationError

SUITE_ID: Final = "sha256-p256"

MAX_CACHED_KEYS = 1024
"""Loaded keys that are kept: several validator sets and their members; each is a few hundred bytes."""

_ALGORITHM = ec.ECDSA(hashes.SHA256())


@lru_cache(maxsize=MAX_CACHED_KEYS)
def _load(public_key: bytes) -> ec.EllipticCurvePublicKey:
    """The library's key object. Raises ValueError for anything but a point; errors are not cached."""
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public_key)


class Sha256P256:
    """SHA-256 digests and ECDSA signatures; keys are uncompressed points of 65 bytes, signatures are DER."""

    suite_id: Final = SUITE_ID

    def hash(self, data: bytes) -> bytes:
        """SHA-256 of `data`."""
        return sha256(data).digest()

    def decode_public_key(self, raw: bytes) -> bytes:
        """The key itself when it is an uncompressed point of P-256; DecodeError INVALID_PUBLIC_KEY otherwise."""
        return require_point(P256, raw)

    def verify(self, public_key: bytes, message: bytes, signature: bytes) -> None:
        """Return when the DER signature is valid; VerificationError SIGNATURE_INVALID otherwise."""
        require_strict_signature(signature)
        try:
            _load(public_key).verify(signature, message, _ALGORITHM)
        except (InvalidSignature, ValueError) as error:
            raise VerificationError(Reason.SIGNATURE_INVALID, "P-256 signature does not verify") from error


class P256Signer:
    """One P-256 private key in memory."""

    suite_id: Final = SUITE_ID

    def __init__(self, private_key: ec.EllipticCurvePrivateKey) -> None:
        self._private_key = private_key
        self._public_key = private_key.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )

    @classmethod
    def generate(cls) -> P256Signer:
        """A signer with a fresh key."""
        return cls(ec.generate_private_key(ec.SECP256R1()))

    @property
    def public_key(self) -> bytes:
        """The public key as an uncompressed point of 65 bytes."""
        return self._public_key

    def sign(self, message: bytes) -> bytes:
        """DER signature over SHA-256 of `message`; different each time."""
        return self._private_key.sign(message, _ALGORITHM)

    def export_pkcs8(self, passphrase: bytes) -> bytes:
        """The private key as encrypted PKCS#8 PEM."""
        plain = self._private_key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return seal(plain, passphrase)
