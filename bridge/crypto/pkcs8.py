"""Encrypted PKCS#8 for private keys of every suite, and PEM text.

Libraries differ in how many rounds they give a passphrase, and some give very few, so the envelope is written here:
PBES2 with scrypt and AES-256-CBC, which OpenSSL and the others read back.
Source: RFC 5958 3, RFC 8018 6.2, RFC 7914 7, RFC 7468.
"""

from __future__ import annotations

import base64
import binascii
import re
import secrets

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.padding import PKCS7

from bridge.errors import DecodeError, LimitError, Reason

MAX_PEM_BYTES = 16 * 1024
"""Largest PEM text that is read, in bytes: ten times a certificate with every extension."""

SCRYPT_N, SCRYPT_R, SCRYPT_P = 2**14, 8, 1
"""Cost of guessing a passphrase: 16 MiB and about 50 ms a try; the most that OpenSSL reads back by default."""

ENCRYPTED_KEY = "ENCRYPTED PRIVATE KEY"

_SALT_BYTES = 16
_BLOCK_BYTES = 16
_KEY_BYTES = 32
_PBES2 = bytes.fromhex("06092a864886f70d01050d")
_SCRYPT = bytes.fromhex("06092b06010401da47040b")
_AES_256_CBC = bytes.fromhex("060960864801650304012a")
_INTEGER, _OCTETS, _SEQUENCE = 0x02, 0x04, 0x30

_PEM = re.compile(rb"\s*-----BEGIN ([A-Z0-9 ]{1,40})-----\r?\n([A-Za-z0-9+/=\r\n]+)-----END \1-----\s*")


def seal(private_key_info: bytes, passphrase: bytes) -> bytes:
    """PEM of EncryptedPrivateKeyInfo for a DER PrivateKeyInfo."""
    salt, vector = secrets.token_bytes(_SALT_BYTES), secrets.token_bytes(_BLOCK_BYTES)
    key = Scrypt(salt=salt, length=_KEY_BYTES, n=SCRYPT_N, r=SCRYPT_R, p=SCRYPT_P).derive(passphrase)
    padder = PKCS7(8 * _BLOCK_BYTES).padder()
    encryptor = Cipher(AES(key), CBC(vector)).encryptor()
    sealed = encryptor.update(padder.update(private_key_info) + padder.finalize()) + encryptor.finalize()
    costs = b"".join(_der(_INTEGER, _unsigned(value)) for value in (SCRYPT_N, SCRYPT_R, SCRYPT_P))
    derivation = _der(_SEQUENCE, _SCRYPT + _der(_SEQUENCE, _der(_OCTETS, salt) + costs))
    encryption = _der(_SEQUENCE, _AES_256_CBC + _der(_OCTETS, vector))
    algorithm = _der(_SEQUENCE, _PBES2 + _der(_SEQUENCE, derivation + encryption))
    return encode_pem(ENCRYPTED_KEY, _der(_SEQUENCE, algorithm + _der(_OCTETS, sealed)))


def encode_pem(label: str, der: bytes) -> bytes:
    """RFC 7468 text with lines of 64 characters."""
    body = base64.b64encode(der)
    lines = [body[start : start + 64] for start in range(0, len(body), 64)]
    return b"\n".join([b"-----BEGIN %b-----" % label.encode(), *lines, b"-----END %b-----\n" % label.encode()])


def decode_pem(pem: bytes) -> tuple[str, bytes]:
    """Label and bytes of exactly one PEM block with canonical base64; DecodeError INVALID_PUBLIC_KEY otherwise."""
    if len(pem) > MAX_PEM_BYTES:
        raise LimitError(Reason.LIMIT_EXCEEDED, "PEM text is too long", got=len(pem), limit=MAX_PEM_BYTES)
    found = _PEM.fullmatch(pem)
    if found is None:
        raise DecodeError(Reason.INVALID_PUBLIC_KEY, "not one PEM block")
    body = found[2].replace(b"\r", b"").replace(b"\n", b"")
    try:
        der = base64.b64decode(body, validate=True)
    except binascii.Error as error:
        raise DecodeError(Reason.INVALID_PUBLIC_KEY, "PEM block is not base64") from error
    if base64.b64encode(der) != body:
        raise DecodeError(Reason.INVALID_PUBLIC_KEY, "PEM block is not canonical base64")
    return found[1].decode("ascii"), der


def _der(tag: int, content: bytes) -> bytes:
    """One DER element."""
    length = len(content)
    if length < 0x80:
        return bytes([tag, length]) + content
    digits = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(digits)]) + digits + content


def _unsigned(value: int) -> bytes:
    """Content of a DER INTEGER that is not negative."""
    return value.to_bytes(value.bit_length() // 8 + 1, "big")
