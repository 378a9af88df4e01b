"""Strict DER for the two small structures the suites need: an (r, s) signature and the key inside a certificate.

Only one encoding of a value is read here, so that the rule does not depend on which library verifies afterwards:
definite short-form lengths where they fit, minimal positive integers, nothing after the end.
Source: X.690 (2021) 8.1.3, 8.3 and 10.1; RFC 5480 2.2; RFC 5280 4.1.
"""

from __future__ import annotations

from bridge.errors import DecodeError, Reason, VerificationError

MAX_INTEGER_BYTES = 33
"""A 256-bit integer with its leading zero byte; larger ones cannot be a scalar of a 256-bit curve."""

MAX_SIGNATURE_BYTES = 2 + 2 * (2 + MAX_INTEGER_BYTES)
"""The longest DER signature of a 256-bit curve, 72 bytes."""

_INTEGER = 0x02
_SEQUENCE = 0x30
_EXPLICIT_VERSION = 0xA0
_FIELDS_BEFORE_KEY = 5  # serial number, signature algorithm, issuer, validity, subject


def require_strict_signature(signature: bytes) -> None:
    """[CRY-5] `signature` is SEQUENCE { INTEGER r, INTEGER s } in DER with r, s > 0; VerificationError otherwise."""
    size = len(signature)
    if not 8 <= size <= MAX_SIGNATURE_BYTES or signature[0] != _SEQUENCE or signature[1] != size - 2:
        raise VerificationError(Reason.SIGNATURE_INVALID, "signature is not a DER sequence", got=size)
    end = _positive_integer_end(signature, 2)
    if _positive_integer_end(signature, end) != size:
        raise VerificationError(Reason.SIGNATURE_INVALID, "signature has bytes after s")


def _positive_integer_end(data: bytes, start: int) -> int:
    """Offset after the minimal positive INTEGER at `start`."""
    if start + 3 > len(data) or data[start] != _INTEGER:
        raise VerificationError(Reason.SIGNATURE_INVALID, "signature lacks an integer")
    length = data[start + 1]
    end = start + 2 + length
    if not 1 <= length <= MAX_INTEGER_BYTES or end > len(data):
        raise VerificationError(Reason.SIGNATURE_INVALID, "integer of the signature has a wrong length", got=length)
    first = data[start + 2]
    # A set top bit is a negative number, a leading zero without one is padding, a single zero byte is zero.
    if first & 0x80 or (first == 0 and (length == 1 or not data[start + 3] & 0x80)):
        raise VerificationError(Reason.SIGNATURE_INVALID, "integer of the signature is not minimal and positive")
    return end


def subject_public_key_info(tbs_certificate: bytes) -> bytes:
    """The SubjectPublicKeyInfo, header included, cut from a TBSCertificate; DecodeError INVALID_PUBLIC_KEY otherwise.

    Libraries that do not know a curve refuse to hand out its key, but the bytes are there to be cut.
    """
    tag, start, end = _element(tbs_certificate, 0)
    if tag != _SEQUENCE or end != len(tbs_certificate):
        raise DecodeError(Reason.INVALID_PUBLIC_KEY, "not a certificate body")
    tag, _, after = _element(tbs_certificate, start)
    offset = after if tag == _EXPLICIT_VERSION else start
    for _ in range(_FIELDS_BEFORE_KEY):
        offset = _element(tbs_certificate, offset)[2]
    tag, _, after = _element(tbs_certificate, offset)
    if tag != _SEQUENCE:
        raise DecodeError(Reason.INVALID_PUBLIC_KEY, "certificate has no key")
    return tbs_certificate[offset:after]


def _element(data: bytes, offset: int) -> tuple[int, int, int]:
    """Tag, first content offset and end offset of the DER element at `offset`."""
    if offset + 2 > len(data):
        raise DecodeError(Reason.INVALID_PUBLIC_KEY, "certificate is cut short")
    length, start = data[offset + 1], offset + 2
    if length & 0x80:
        count = length & 0x7F
        digits = data[start : start + count]
        # Four length bytes already speak of 4 GiB; DER wants the shortest form.
        if not 1 <= count <= 4 or len(digits) != count or digits[0] == 0 or (count == 1 and digits[0] < 0x80):
            raise DecodeError(Reason.INVALID_PUBLIC_KEY, "certificate has a malformed length")
        length, start = int.from_bytes(digits, "big"), start + count
    if start + length > len(data):
        raise DecodeError(Reason.INVALID_PUBLIC_KEY, "certificate is cut short")
    return data[offset], start, start + length
