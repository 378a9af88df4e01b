"""SM2 written out from the standard in plain integers, to hold the engines against something that is not an engine."""

from __future__ import annotations

import secrets
from hashlib import new

from bridge.crypto.points import SM2

P, A, B = SM2.p, SM2.a, SM2.b
N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
G = (
    0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7,
    0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0,
)
DEFAULT_ID = b"1234567812345678"

Point = tuple[int, int] | None


def sm3(data: bytes) -> bytes:
    return new("sm3", data).digest()


def add(left: Point, right: Point) -> Point:
    if left is None or right is None:
        return right if left is None else left
    (x1, y1), (x2, y2) = left, right
    if x1 == x2 and (y1 + y2) % P == 0:
        return None
    slope = (3 * x1 * x1 + A) * pow(2 * y1, -1, P) if left == right else (y2 - y1) * pow(x2 - x1, -1, P)
    x3 = (slope * slope - x1 - x2) % P
    return x3, (slope * (x1 - x3) - y1) % P


def multiply(scalar: int, point: Point) -> Point:
    total: Point = None
    while scalar:
        if scalar & 1:
            total = add(total, point)
        point, scalar = add(point, point), scalar >> 1
    return total


def word(value: int) -> bytes:
    return value.to_bytes(32, "big")


def encode_point(point: Point) -> bytes:
    assert point is not None
    return b"\x04" + word(point[0]) + word(point[1])


def identity_hash(public_key: bytes, identity: bytes = DEFAULT_ID) -> bytes:
    """Z = SM3(ENTL | ID | a | b | xG | yG | xA | yA), GB/T 32918.2 5.5."""
    bits = (8 * len(identity)).to_bytes(2, "big")
    return sm3(bits + identity + word(A) + word(B) + word(G[0]) + word(G[1]) + public_key[1:])


def digest(public_key: bytes, message: bytes, identity: bytes = DEFAULT_ID) -> int:
    return int.from_bytes(sm3(identity_hash(public_key, identity) + message), "big")


def sign(private: int, message: bytes, identity: bytes = DEFAULT_ID, k: int | None = None) -> tuple[int, int]:
    e = digest(encode_point(multiply(private, G)), message, identity)
    k = k or secrets.randbelow(N - 1) + 1
    point = multiply(k, G)
    assert point is not None
    r = (e + point[0]) % N
    return r, pow(1 + private, -1, N) * (k - r * private) % N


def verifies(public_key: bytes, message: bytes, r: int, s: int) -> bool:
    point = int.from_bytes(public_key[1:33], "big"), int.from_bytes(public_key[33:], "big")
    t = (r + s) % N
    if not (0 < r < N and 0 < s < N) or t == 0:
        return False
    found = add(multiply(s, G), multiply(t, point))
    return found is not None and (digest(public_key, message) + found[0]) % N == r


def der_integer(value: int) -> bytes:
    body = value.to_bytes(value.bit_length() // 8 + 1, "big")
    return bytes([0x02, len(body)]) + body


def der(r: int, s: int) -> bytes:
    body = der_integer(r) + der_integer(s)
    return bytes([0x30, len(body)]) + body


def parse(signature: bytes) -> tuple[int, int]:
    length = signature[3]
    return int.from_bytes(signature[4 : 4 + length], "big"), int.from_bytes(signature[6 + length :], "big")
