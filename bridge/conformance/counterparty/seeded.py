"""Keys of a counterparty: fresh ones, or drawn from a seed so that the same seed signs the very same bytes.

SM2 signatures by a library differ each time; here the nonce comes from key and message, as RFC 6979 has it for ECDSA.
Never for anything but tests: whoever knows the seed has every key.
Source: GB/T 32918.2-2017 6.1 (signature), 32918.5-2017 (curve); RFC 6979 3.2 for the idea.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from hashlib import sha256
from itertools import count

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bridge.crypto import ed25519, sm2
from bridge.crypto.ed25519 import Ed25519Signer
from bridge.crypto.keys import generate_signer
from bridge.crypto.points import SM2
from bridge.crypto.ports import Signer
from bridge.crypto.sm2_openssl import USER_ID
from bridge.crypto.suites import suite

SM2_ORDER = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
"""Order of the SM2 base point."""

SM2_BASE = (
    0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7,
    0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0,
)
"""The SM2 base point."""

Point = tuple[int, int]

_SEEDS: ContextVar[Iterator[bytes] | None] = ContextVar("seeds", default=None)


@contextmanager
def seeded(seed: str) -> Iterator[None]:
    """Within the block `fresh_signer` draws its keys from the seed, in the order they are asked for."""
    token = _SEEDS.set(sha256(f"{seed}/{number}".encode()).digest() for number in count())
    try:
        yield
    finally:
        _SEEDS.reset(token)


def fresh_signer(suite_id: str) -> Signer:
    """A signer with a key nobody had before, or with the seed's next one where the suite can have it."""
    seeds = _SEEDS.get()
    if seeds is not None and suite_id == ed25519.SUITE_ID:
        return Ed25519Signer(Ed25519PrivateKey.from_private_bytes(next(seeds)))
    if seeds is not None and suite_id == sm2.SUITE_ID:
        return SeededSm2Signer(next(seeds))
    return generate_signer(suite_id)


class SeededSm2Signer:
    """One SM2 key from 32 bytes; signs a message the same way each time."""

    suite_id = sm2.SUITE_ID

    def __init__(self, seed: bytes) -> None:
        self._key = int.from_bytes(seed, "big") % (SM2_ORDER - 2) + 1
        point = _multiple_of_base(self._key)
        self.public_key = b"\x04" + _word(point[0]) + _word(point[1])

    def sign(self, message: bytes) -> bytes:
        """DER signature over `message` with the default user id."""
        digest = suite(self.suite_id).hash
        bits = (8 * len(USER_ID)).to_bytes(2, "big")
        curve = b"".join(map(_word, (SM2.a, SM2.b, *SM2_BASE)))
        identity = digest(bits + USER_ID + curve + self.public_key[1:])
        hashed = int.from_bytes(digest(identity + message), "big")
        for attempt in count():
            drawn = sha256(_word(self._key) + _word(hashed) + attempt.to_bytes(4, "big")).digest()
            nonce = int.from_bytes(drawn, "big") % (SM2_ORDER - 1) + 1
            r = (hashed + _multiple_of_base(nonce)[0]) % SM2_ORDER
            s = pow(1 + self._key, -1, SM2_ORDER) * (nonce - r * self._key) % SM2_ORDER
            if r and s and (r + nonce) % SM2_ORDER:
                body = _der_integer(r) + _der_integer(s)
                return b"\x30" + bytes([len(body)]) + body
        raise AssertionError("count() never ends")


@cache
def _doublings() -> tuple[Point, ...]:
    """The base point doubled 0 to 255 times."""
    points = [SM2_BASE]
    while len(points) < 256:
        points.append(_add(points[-1], points[-1]))
    return tuple(points)


def _multiple_of_base(scalar: int) -> Point:
    """The base point times a scalar in 1..order-1."""
    total: Point | None = None
    for bit, point in enumerate(_doublings()):
        if scalar >> bit & 1:
            total = point if total is None else _add(total, point)
    assert total is not None
    return total


def _add(left: Point, right: Point) -> Point:
    """The sum of two points that are not each other's negative."""
    (x1, y1), (x2, y2) = left, right
    slope = (3 * x1 * x1 + SM2.a) * pow(2 * y1, -1, SM2.p) if left == right else (y2 - y1) * pow(x2 - x1, -1, SM2.p)
    x3 = (slope * slope - x1 - x2) % SM2.p
    return x3, (slope * (x1 - x3) - y1) % SM2.p


def _word(value: int) -> bytes:
    return value.to_bytes(32, "big")


def _der_integer(value: int) -> bytes:
    """A positive INTEGER in its minimal form."""
    data = value.to_bytes(value.bit_length() // 8 + 1, "big")
    return b"\x02" + bytes([len(data)]) + data
