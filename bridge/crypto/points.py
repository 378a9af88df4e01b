"""The two 256-bit curves whose keys are uncompressed points, and the check that a point may be a public key.

Written in integers so that the rule is the same whichever library verifies with the key afterwards.
Source: SEC 2 v2 2.4.2 (P-256); GB/T 32918.5-2017 (SM2 curve); SEC 1 v2 3.2.2.1 for the check.
"""

from __future__ import annotations

from dataclasses import dataclass

from bridge.errors import DecodeError, Reason

POINT_BYTES = 65
"""Length of an uncompressed point: 0x04, then x and y of 32 bytes each, big-endian."""

_UNCOMPRESSED = 0x04


@dataclass(frozen=True, slots=True)
class Curve:
    """y^2 = x^3 + ax + b over the integers modulo p. The cofactor is 1, so every point on the curve has full order."""

    name: str
    p: int
    a: int
    b: int


P256 = Curve(
    "P-256",
    p=0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF,
    a=0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFC,
    b=0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
)

SM2 = Curve(
    "SM2",
    p=0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF,
    a=0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFC,
    b=0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93,
)


def require_point(curve: Curve, raw: bytes) -> bytes:
    """[CRY-4] `raw` itself when it is an uncompressed point of `curve`; DecodeError INVALID_PUBLIC_KEY otherwise."""
    if len(raw) != POINT_BYTES or raw[0] != _UNCOMPRESSED:
        raise DecodeError(
            Reason.INVALID_PUBLIC_KEY,
            f"a {curve.name} key is an uncompressed point of {POINT_BYTES} bytes",
            got=len(raw),
            expected=POINT_BYTES,
        )
    x, y = int.from_bytes(raw[1:33], "big"), int.from_bytes(raw[33:], "big")
    if x >= curve.p or y >= curve.p:
        raise DecodeError(Reason.INVALID_PUBLIC_KEY, f"coordinate of the {curve.name} key is not below the prime")
    if (y * y - (x * x * x + curve.a * x + curve.b)) % curve.p != 0:
        raise DecodeError(Reason.INVALID_PUBLIC_KEY, f"key is not a point of {curve.name}")
    return raw
