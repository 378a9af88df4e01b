"""The two ports of cryptography: a Suite that hashes and verifies, and a Signer that signs.

Algorithms live in one file each beside this one; which suites exist is decided in `suites.py` only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Suite(Protocol):
    """One hash with one signature scheme and its key form. Stateless; safe to call from any thread."""

    @property
    def suite_id(self) -> str:
        """Id such as "sha256-ed25519"."""
        ...

    def hash(self, data: bytes) -> bytes:
        """Digest of `data`, 32 bytes."""
        ...

    def decode_public_key(self, raw: bytes) -> bytes:
        """The raw key itself when it may be registered (length, curve, order), else DecodeError INVALID_PUBLIC_KEY."""
        ...

    def verify(self, public_key: bytes, message: bytes, signature: bytes) -> None:
        """Return when `signature` over `message` is by `public_key`; VerificationError SIGNATURE_INVALID otherwise."""
        ...


class Signer(Protocol):
    """Holds one private key and signs with it."""

    @property
    def suite_id(self) -> str:
        """Suite of the key."""
        ...

    @property
    def public_key(self) -> bytes:
        """Raw public key in the suite's form."""
        ...

    def sign(self, message: bytes) -> bytes:
        """Signature over `message` in the suite's form."""
        ...


class SignatureCheck(Protocol):
    """How a rule asks for a signature to be checked: directly, or through a cache warmed by a batch beforehand.

    [CRY-2] Key and suite are those registered for the signer. [CRY-9] No caller may identify anything by the signature.
    """

    def __call__(self, suite_id: str, public_key: bytes, message: bytes, signature: bytes) -> None:
        """Return when valid; VerificationError SIGNATURE_INVALID otherwise."""
        ...


SignatureTask = tuple[str, bytes, bytes, bytes]
"""(suite_id, public_key, message, signature): one check to be done ahead, in a batch."""

SignatureBatch = Sequence[SignatureTask]
