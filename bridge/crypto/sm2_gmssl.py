"""SM2 by the optional package gmssl-pyx, for machines whose OpenSSL has none; slower, and without key files.

GmSSL writes a trace line to stderr for every signature it refuses, so the system's OpenSSL is always preferred.
Source: gmssl-pyx 2 (extra "sm2-fallback"), GB/T 32918.2-2017.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

from bridge.crypto.points import SM2, require_point
from bridge.errors import DecodeError, PreconditionError, Reason

_UNCOMPRESSED = b"\x04"


@dataclass(frozen=True, slots=True)
class GmsslKey:
    """A key pair in the library's form: 64 bytes of point and 32 bytes of scalar."""

    point: bytes
    scalar: bytes


class GmsslSm2:
    """SM2 operations of gmssl-pyx."""

    name = "gmssl-pyx"

    def __init__(self) -> None:
        """Import the package; PreconditionError SUITE_UNAVAILABLE when it is not installed."""
        try:
            self._library: Any = importlib.import_module("gmssl_pyx")
        except ImportError as error:
            raise PreconditionError(Reason.SUITE_UNAVAILABLE, "gmssl-pyx is not installed") from error
        self.detail = f"gmssl-pyx {self._library.__version__}"

    def verify(self, public_key: bytes, message: bytes, signature: bytes) -> bool:
        """True when the DER signature is valid over `message` with the default user id; False otherwise."""
        try:
            require_point(SM2, public_key)
            return bool(self._library.sm2_verify(public_key[1:], message, signature))
        except (DecodeError, self._library.GmsslInnerError):
            return False

    def sign(self, key: GmsslKey, message: bytes) -> bytes:
        """DER signature over `message` with the default user id."""
        return bytes(self._library.sm2_sign(key.scalar, key.point, message))

    def generate(self) -> GmsslKey:
        """A fresh key pair."""
        point, scalar = self._library.sm2_key_generate()
        return GmsslKey(point, scalar)

    def public_point(self, key: GmsslKey) -> bytes:
        """The public half as an uncompressed point."""
        return _UNCOMPRESSED + key.point
