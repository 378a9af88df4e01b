"""The SM3 hash from whichever library here has it: the system's OpenSSL through hashlib, else pyca/cryptography.

Some distributions build OpenSSL without SM3, so the choice is made by trying, and proved by the standard's own example.
Source: GB/T 32905-2016, example A.1.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes

from bridge.errors import PreconditionError, Reason

_EXAMPLE = b"abc"
_EXAMPLE_DIGEST = bytes.fromhex("66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0")


def open_sm3() -> tuple[Callable[[bytes], bytes], str]:
    """The SM3 function and the name of its engine; PreconditionError SUITE_UNAVAILABLE when no engine works."""
    for opener, engine in ((_from_hashlib, "hashlib"), (_from_cryptography, "cryptography")):
        function = opener()
        if function is not None and function(_EXAMPLE) == _EXAMPLE_DIGEST:
            return function, engine
    raise PreconditionError(
        Reason.SUITE_UNAVAILABLE,
        "no SM3: install an OpenSSL 3 built with SM3 for this Python, or the cryptography package from PyPI",
    )


def _from_hashlib() -> Callable[[bytes], bytes] | None:
    """SM3 by copying one empty hashlib object, half again as fast as asking for a new one by name each time."""
    try:
        copy_empty = hashlib.new("sm3").copy
    except ValueError:
        return None

    def sm3(data: bytes) -> bytes:
        state = copy_empty()
        state.update(data)
        return state.digest()

    return sm3


def _from_cryptography() -> Callable[[bytes], bytes] | None:
    """SM3 by pyca/cryptography, whose wheels carry their own OpenSSL."""
    try:
        copy_empty = hashes.Hash(hashes.SM3()).copy
    except UnsupportedAlgorithm:
        return None

    def sm3(data: bytes) -> bytes:
        state = copy_empty()
        state.update(data)
        return state.finalize()

    return sm3
