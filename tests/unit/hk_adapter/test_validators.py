"""Validator sets of the Hong Kong ledger: the first one, and each that a rotation brings."""

from __future__ import annotations

import pytest

from bridge.errors import BridgeError, DecodeError, LimitError, PreconditionError, Reason, VerificationError
from bridge.ledger.high_water import MemoryHighWaterMark
from bridge.light_client.cometbft_bytes import address_of
from hk_adapter.block_format import CometbftFormat
from tests.unit.hk_adapter.chain import LEDGER, START, Chain, commit_of, header_of, infos, signers
from tests.unit.light_client.lightblocks import seeded_signer


@pytest.mark.parametrize(("following", "skips"), [("abwx", True), ("wxyz", False), ("abc", True), ("abcdefg", True)])
def test_rotation_acts_one_height_later_and_signs_two_later(following: str, skips: bool) -> None:
    chain = Chain("abcd", keys="abcdefgwxyz")
    chain.cut()
    chain.rotate(following)  # height 2
    for _ in range(4):
        chain.cut(1)
    old, new = header_of(chain, 2), header_of(chain, 4)
    assert old.next_validators_hash == old.validators_hash
    assert header_of(chain, 3).validators_hash == old.validators_hash
    assert header_of(chain, 3).next_validators_hash == new.validators_hash != old.validators_hash
    keys = {address_of(seeded_signer(name).public_key) for name in following}
    assert {entry.validator_address for entry in commit_of(chain, 4).signatures} == keys
    trusted = chain.format.genesis()
    for height in range(1, 7):
        trusted = chain.follow(trusted, height)
    first = chain.reader.block(1).consensus
    if skips:
        assert chain.follow(first, 6) == trusted
    else:
        with pytest.raises(VerificationError) as caught:
            chain.follow(first, 6)
        assert caught.value.reason is Reason.NOT_ENOUGH_TRUST
        # A header between helps: the last one the old set announced the new one in.
        assert chain.follow(chain.follow(first, 3), 6) == trusted


def test_powers_may_change_with_a_rotation() -> None:
    chain = Chain()
    chain.rotate("abcd", [7, 1, 1, 1])
    for _ in range(3):
        chain.cut()
    assert chain.follow(chain.format.genesis(), 4).height == 4
    assert commit_of(chain, 3).signatures[0].validator_address == address_of(seeded_signer("a").public_key)


def test_a_rotation_without_keys_is_not_built() -> None:
    chain = Chain()
    with pytest.raises(PreconditionError) as caught:
        chain.rotate("wxyz")
    assert caught.value.reason is Reason.CONFIGURATION_INVALID
    assert chain.cut(1).height == 1


# the first set


def new_format(names: str, keys: str, powers: list[int] | None = None) -> CometbftFormat:
    return CometbftFormat(LEDGER, infos(names, powers), signers(keys), MemoryHighWaterMark(), START)


@pytest.mark.parametrize(
    ("names", "keys", "powers", "reason"),
    [
        ("", "a", [], Reason.VALIDATOR_SET_INVALID),
        ("aa", "a", None, Reason.VALIDATOR_SET_INVALID),
        ("ab", "ab", [1, 0], Reason.VALIDATOR_SET_INVALID),
        ("ab", "ab", [2**63, 1], Reason.VALIDATOR_SET_INVALID),
        ("ab", "ab", [2**61, 1], Reason.VALIDATOR_SET_INVALID),
        ("abc", "ab", None, Reason.CONFIGURATION_INVALID),
        ("abcd", "", None, Reason.CONFIGURATION_INVALID),
    ],
)
def test_unsound_sets_and_missing_keys(names: str, keys: str, powers: list[int] | None, reason: Reason) -> None:
    with pytest.raises(BridgeError) as caught:
        new_format(names, keys, powers)
    assert caught.value.reason is reason


def test_more_validators_than_an_embedded_ledger_takes() -> None:
    names = [f"node-{index}" for index in range(65)]
    with pytest.raises(LimitError) as caught:
        CometbftFormat(LEDGER, infos(names), signers(names), MemoryHighWaterMark(), START)
    assert caught.value.reason is Reason.LIMIT_EXCEEDED


def test_low_order_validator_keys_are_refused() -> None:
    weak = infos("a")
    weak[0].public_key = bytes(32)
    with pytest.raises(DecodeError) as caught:
        CometbftFormat(LEDGER, weak, signers("a"), MemoryHighWaterMark(), START)
    assert caught.value.reason is Reason.INVALID_PUBLIC_KEY
