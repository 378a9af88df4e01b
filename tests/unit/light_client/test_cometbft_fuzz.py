"""Seeded damage to accepted updates: only our error type escapes, and nothing else is ever believed."""

from __future__ import annotations

import random

import pytest

from bridge.errors import BridgeError
from bridge.light_client.cometbft import PROFILE
from bridge.light_client.verifier import verify_update
from tests.unit.light_client.lightblocks import NOW, OPTIONS, SET, TRUSTED, made

ROUNDS = 2_000


def damage(data: bytes, chance: random.Random) -> bytes:
    """A bit flipped, some bytes cut out or put in, or two exchanged."""
    out = bytearray(data)
    place, kind = chance.randrange(len(out)), chance.random()
    if kind < 0.7:
        out[place] ^= 1 << chance.randrange(8)
    elif kind < 0.8:
        del out[place : place + chance.randrange(1, 4)]
    elif kind < 0.9:
        out[place:place] = chance.randbytes(chance.randrange(1, 4))
    else:
        other = chance.randrange(len(out))
        out[place], out[other] = out[other], out[place]
    return bytes(out)


@pytest.mark.parametrize("height", [2, 9])
def test_damaged_updates_are_refused_or_prove_the_very_same(height: int) -> None:
    data = made(height, SET).data
    honest = verify_update(PROFILE, TRUSTED, PROFILE.decode_update(data), OPTIONS, NOW)
    chance = random.Random(height)
    refused = 0
    for _ in range(ROUNDS):
        try:
            block = PROFILE.decode_update(damage(data, chance))
            PROFILE.signature_tasks(block)
            proven = verify_update(PROFILE, TRUSTED, block, OPTIONS, NOW)
        except BridgeError:
            refused += 1
            continue
        # What lies behind the quorum is not part of what is believed, so damage there changes nothing.
        assert proven == honest
    assert refused > ROUNDS * 9 // 10
