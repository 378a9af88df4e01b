"""SM2 by the system's OpenSSL 3 (libcrypto EVP) through ctypes: keys, signatures and encrypted PKCS#8.

The one place that knows C. The user id is always set: without it OpenSSL hashes an empty id and nobody else accepts the
result. Cheap calls keep the interpreter lock, so that a busy program does not hand it over nine times a signature; the
calls that do the arithmetic release it. Source: GB/T 32918.2-2017; OpenSSL 3.0 manual EVP_DigestVerify, EVP_PKEY-SM2.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import sys
from collections.abc import Callable
from ctypes import byref, c_char_p, c_int, c_long, c_size_t, c_ubyte, c_ulong, c_void_p
from functools import lru_cache
from typing import Any

from bridge.crypto.points import POINT_BYTES, SM2, require_point
from bridge.errors import BridgeError, PreconditionError, Reason

USER_ID = b"1234567812345678"
"""The signer id of GB/T 32918 that everybody uses; part of every digest."""

SPKI_PREFIX = bytes.fromhex("3059301306072a8648ce3d020106082a811ccf5501822d034200")
"""DER SubjectPublicKeyInfo of an SM2 key up to the uncompressed point (RFC 5480 form, curve 1.2.156.10197.1.301)."""

MAX_CACHED_KEYS = 1024
"""Loaded keys that are kept: several validator sets and their members; each is about a kilobyte of C memory."""

MAX_DER_SIGNATURE_BYTES = 72
"""Room for a DER signature of two 256-bit integers."""

_LEAST_VERSION = 0x30000000
_LIBRARY_NAMES = {
    "darwin": ("libcrypto.3.dylib",),
    "win32": ("libcrypto-3-x64.dll", "libcrypto-3-arm64.dll", "libcrypto-3.dll"),
}.get(sys.platform, ("libcrypto.so.3", "libcrypto.so.4"))

# name: (result, arguments); the functions of the first table are short and keep the interpreter lock.
_SHORT: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "OpenSSL_version_num": (c_ulong, ()),
    "OpenSSL_version": (c_char_p, (c_int,)),
    "ERR_clear_error": (None, ()),
    "CRYPTO_free": (None, (c_void_p, c_char_p, c_int)),
    "EVP_sm3": (c_void_p, ()),
    "EVP_MD_CTX_new": (c_void_p, ()),
    "EVP_MD_CTX_free": (None, (c_void_p,)),
    "EVP_PKEY_free": (None, (c_void_p,)),
    "EVP_PKEY_CTX_new_from_name": (c_void_p, (c_void_p, c_char_p, c_char_p)),
    "EVP_PKEY_CTX_free": (None, (c_void_p,)),
    "EVP_PKEY_CTX_set1_id": (c_int, (c_void_p, c_char_p, c_int)),
    "EVP_DigestVerifyInit": (c_int, (c_void_p, c_void_p, c_void_p, c_void_p, c_void_p)),
    "EVP_DigestSignInit": (c_int, (c_void_p, c_void_p, c_void_p, c_void_p, c_void_p)),
    "EVP_PKEY_keygen_init": (c_int, (c_void_p,)),
    "d2i_PUBKEY": (c_void_p, (c_void_p, c_void_p, c_long)),
    "i2d_PUBKEY": (c_int, (c_void_p, c_void_p)),
    "EVP_PKEY2PKCS8": (c_void_p, (c_void_p,)),
    "EVP_PKCS82PKEY": (c_void_p, (c_void_p,)),
    "PKCS8_PRIV_KEY_INFO_free": (None, (c_void_p,)),
    "i2d_PKCS8_PRIV_KEY_INFO": (c_int, (c_void_p, c_void_p)),
    "X509_SIG_free": (None, (c_void_p,)),
    "d2i_X509_SIG": (c_void_p, (c_void_p, c_void_p, c_long)),
}
_LONG: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "EVP_DigestVerify": (c_int, (c_void_p, c_char_p, c_size_t, c_char_p, c_size_t)),
    "EVP_DigestSign": (c_int, (c_void_p, c_void_p, c_void_p, c_char_p, c_size_t)),
    "EVP_PKEY_generate": (c_int, (c_void_p, c_void_p)),
    "PKCS8_decrypt": (c_void_p, (c_void_p, c_char_p, c_int)),
}


class Sm2Key:
    """Owns one EVP_PKEY; it lives as long as somebody refers to it, so a cache may drop it while a thread verifies."""

    __slots__ = ("_free", "pointer")

    def __init__(self, pointer: int, free: Callable[[int], None]) -> None:
        self.pointer = pointer
        self._free = free

    def __del__(self) -> None:
        self._free(self.pointer)


class OpensslSm2:
    """SM2 operations of one loaded libcrypto. Safe to call from any thread: contexts are made for each call."""

    name = "OpenSSL"

    def __init__(self) -> None:
        """Load and bind libcrypto; PreconditionError SUITE_UNAVAILABLE when there is none with SM2."""
        short, long = _load_library()
        try:
            self._c = _Functions(short, long)
            self._digest = self._c.EVP_sm3()
        except AttributeError as error:
            raise _unavailable(f"libcrypto lacks a function: {error}") from error
        if self._c.OpenSSL_version_num() < _LEAST_VERSION:
            raise _unavailable("libcrypto is older than OpenSSL 3")
        self.detail: str = self._c.OpenSSL_version(0).decode("ascii", "replace")
        self.load_public = lru_cache(maxsize=MAX_CACHED_KEYS)(self._load_public)

    def verify(self, public_key: bytes, message: bytes, signature: bytes) -> bool:
        """True when the DER signature is valid over `message` with the default user id; False otherwise."""
        c = self._c
        try:
            key = self.load_public(public_key)
        except BridgeError:
            return False
        context = c.EVP_MD_CTX_new()
        operation = c_void_p()
        try:
            verified: bool = (
                c.EVP_DigestVerifyInit(context, byref(operation), self._digest, None, key.pointer) == 1
                and c.EVP_PKEY_CTX_set1_id(operation, USER_ID, len(USER_ID)) > 0
                and c.EVP_DigestVerify(context, signature, len(signature), message, len(message)) == 1
            )
            if not verified:
                c.ERR_clear_error()
            return verified
        finally:
            c.EVP_MD_CTX_free(context)

    def sign(self, key: Sm2Key, message: bytes) -> bytes:
        """DER signature over `message` with the default user id."""
        c = self._c
        context = c.EVP_MD_CTX_new()
        operation = c_void_p()
        signature = (c_ubyte * MAX_DER_SIGNATURE_BYTES)()
        length = c_size_t(MAX_DER_SIGNATURE_BYTES)
        try:
            self._require(c.EVP_DigestSignInit(context, byref(operation), self._digest, None, key.pointer) == 1)
            self._require(c.EVP_PKEY_CTX_set1_id(operation, USER_ID, len(USER_ID)) > 0)
            self._require(c.EVP_DigestSign(context, signature, byref(length), message, len(message)) == 1)
        finally:
            c.EVP_MD_CTX_free(context)
        return bytes(signature[: length.value])

    def generate(self) -> Sm2Key:
        """A fresh private key."""
        c = self._c
        context = c.EVP_PKEY_CTX_new_from_name(None, b"SM2", None)
        self._require(bool(context))
        pointer = c_void_p()
        try:
            self._require(c.EVP_PKEY_keygen_init(context) == 1)
            self._require(c.EVP_PKEY_generate(context, byref(pointer)) == 1)
        finally:
            c.EVP_PKEY_CTX_free(context)
        return self._own(pointer.value)

    def public_point(self, key: Sm2Key) -> bytes:
        """The public half as an uncompressed point; PreconditionError CONFIGURATION_INVALID if it is not SM2."""
        spki = self._to_der(self._c.i2d_PUBKEY, key.pointer)
        if not spki.startswith(SPKI_PREFIX) or len(spki) != len(SPKI_PREFIX) + POINT_BYTES:
            raise PreconditionError(Reason.CONFIGURATION_INVALID, "private key is not an SM2 key")
        return spki[len(SPKI_PREFIX) :]

    def private_key_info(self, key: Sm2Key) -> bytes:
        """The private key as unencrypted PKCS#8 DER; the caller seals it and lets go of it."""
        info = self._c.EVP_PKEY2PKCS8(key.pointer)
        self._require(bool(info))
        try:
            return self._to_der(self._c.i2d_PKCS8_PRIV_KEY_INFO, info)
        finally:
            self._c.PKCS8_PRIV_KEY_INFO_free(info)

    def decrypt_pkcs8(self, der: bytes, passphrase: bytes) -> Sm2Key:
        """The key in EncryptedPrivateKeyInfo DER; PreconditionError CONFIGURATION_INVALID if it does not open."""
        c = self._c
        sealed = self._from_der(c.d2i_X509_SIG, der)
        if not sealed:
            raise self._refusal("key file is not encrypted PKCS#8")
        try:
            info = c.PKCS8_decrypt(sealed, passphrase, len(passphrase))
        finally:
            c.X509_SIG_free(sealed)
        if not info:
            raise self._refusal("key file does not open with this passphrase")
        try:
            pointer = c.EVP_PKCS82PKEY(info)
        finally:
            c.PKCS8_PRIV_KEY_INFO_free(info)
        if not pointer:
            raise self._refusal("key file holds a key of an unknown kind")
        return self._own(pointer)

    def _load_public(self, public_key: bytes) -> Sm2Key:
        """The key object of an uncompressed point; DecodeError INVALID_PUBLIC_KEY otherwise."""
        require_point(SM2, public_key)
        return self._own(self._from_der(self._c.d2i_PUBKEY, SPKI_PREFIX + public_key))

    def _own(self, pointer: int | None) -> Sm2Key:
        self._require(bool(pointer))
        return Sm2Key(pointer or 0, self._c.EVP_PKEY_free)

    def _to_der(self, encode: Callable[..., int], pointer: int) -> bytes:
        """Bytes of an `i2d_` function, which allocates them."""
        buffer = c_void_p()
        length = encode(pointer, byref(buffer))
        self._require(length > 0)
        try:
            return ctypes.string_at(buffer, length)
        finally:
            self._c.CRYPTO_free(buffer, b"", 0)

    def _from_der(self, decode: Callable[..., int | None], der: bytes) -> int | None:
        """Object of a `d2i_` function, or None; bytes after the object count as none."""
        start = ctypes.cast(c_char_p(der), c_void_p)
        position = c_void_p(start.value)
        pointer = decode(None, byref(position), len(der))
        if not pointer:
            self._c.ERR_clear_error()
        return pointer

    def _require(self, done: bool) -> None:
        """An operation on good input that fails means a broken library or no memory, not a bad caller."""
        if not done:
            self._c.ERR_clear_error()
            raise _unavailable("an SM2 operation of libcrypto failed")

    def _refusal(self, detail: str) -> PreconditionError:
        self._c.ERR_clear_error()
        return PreconditionError(Reason.CONFIGURATION_INVALID, detail)


class _Functions:
    """The bound C functions as attributes, typed so that a pointer never travels as a 32-bit int."""

    def __init__(self, short: ctypes.CDLL, long: ctypes.CDLL) -> None:
        for library, table in ((short, _SHORT), (long, _LONG)):
            for name, (result, arguments) in table.items():
                function = getattr(library, name)
                function.restype, function.argtypes = result, list(arguments)
                setattr(self, name, function)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)


def _load_library() -> tuple[ctypes.CDLL, ctypes.CDLL]:
    """Load libcrypto twice: once with calls that keep the interpreter lock, once with calls that release it."""
    for name in _LIBRARY_NAMES:
        try:
            return ctypes.PyDLL(name), ctypes.CDLL(name)
        except OSError:
            continue
    found = ctypes.util.find_library("crypto")
    if found is None:
        raise _unavailable("no libcrypto was found")
    try:
        return ctypes.PyDLL(found), ctypes.CDLL(found)
    except OSError as error:
        raise _unavailable(f"libcrypto does not load: {error}") from error


def _unavailable(detail: str) -> PreconditionError:
    return PreconditionError(Reason.SUITE_UNAVAILABLE, detail)
