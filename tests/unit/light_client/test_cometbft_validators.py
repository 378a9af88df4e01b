"""Validator sets of the cometbft profile: which is asked, and how far trust reaches when heights are skipped."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bridge.crypto.suites import check_signature
from bridge.errors import Reason, VerificationError
from bridge.light_client.cometbft import PROFILE
from bridge.light_client.verifier import verify_update
from tests.unit.light_client.lightblocks import NOW, OPTIONS, SET, TRUSTED, group, made, refuse, verify


def test_adjacent_headers_are_signed_by_the_announced_set() -> None:
    strangers = group("wxyz")
    assert refuse(made(2, strangers, trusted_group=SET)) is Reason.VALIDATOR_SET_MISMATCH
    assert refuse(made(2, group("abce"), trusted_group=SET)) is Reason.VALIDATOR_SET_MISMATCH


def test_the_trusted_set_is_the_one_announced() -> None:
    strangers = group("wxyz")
    assert refuse(made(5, strangers)) is Reason.VALIDATOR_SET_MISMATCH
    assert refuse(made(5, SET, trusted_group=strangers)) is Reason.VALIDATOR_SET_MISMATCH
    assert refuse(made(2, SET, trusted_group=strangers)) is Reason.VALIDATOR_SET_MISMATCH
    assert refuse(made(5, SET, trusted_group=group("abc"))) is Reason.VALIDATOR_SET_MISMATCH


def test_the_own_set_hashes_to_the_header() -> None:
    update = made(5, SET)
    update.own = group("abcd", [10, 10, 10, 11])
    assert refuse(update) is Reason.VALIDATOR_SET_MISMATCH
    assert refuse(made(2, SET, validators_hash=b"\5" * 32)) is Reason.VALIDATOR_SET_MISMATCH


@pytest.mark.parametrize(
    ("following", "level", "reason"),
    [
        ("abcd", (1, 3), None),
        ("abwx", (1, 3), None),  # half of the trusted power
        ("awxy", (1, 3), Reason.NOT_ENOUGH_TRUST),  # a quarter
        ("wxyz", (1, 3), Reason.NOT_ENOUGH_TRUST),
        ("abwx", (1, 2), Reason.NOT_ENOUGH_TRUST),  # exactly half is not more than half
        ("abcw", (1, 2), None),
        ("abcw", (2, 3), None),
        ("abcw", (3, 4), Reason.NOT_ENOUGH_TRUST),
        ("abcd", (1, 1), Reason.NOT_ENOUGH_TRUST),  # more than all is never reached: full trust means adjacent only
    ],
)
def test_trust_levels_when_skipping(following: str, level: tuple[int, int], reason: Reason | None) -> None:
    options = replace(OPTIONS, trust_numerator=level[0], trust_denominator=level[1])
    update = made(9, group(following), trusted_group=SET)
    if reason is None:
        assert verify(update, options=options).height == 9
    else:
        assert refuse(update, options=options) is reason


def test_trust_is_asked_before_the_quorum() -> None:
    strangers = group("wxyz")
    assert refuse(made(9, strangers, trusted_group=SET).resign([0])) is Reason.NOT_ENOUGH_TRUST
    known = group("abwx")
    at = [index for index, v in enumerate(known.validators.validators) if v.public_key in SET.signers]
    assert refuse(made(9, known, trusted_group=SET).resign(at)) is Reason.INSUFFICIENT_QUORUM


def test_a_forged_set_of_strangers_costs_no_signature_check() -> None:
    asked: list[bytes] = []

    def counting(suite_id: str, public_key: bytes, message: bytes, signature: bytes) -> None:
        asked.append(public_key)
        check_signature(suite_id, public_key, message, signature)

    update = made(9, group([f"stranger {index}" for index in range(60)]), trusted_group=SET)
    with pytest.raises(VerificationError) as caught:
        verify_update(PROFILE, TRUSTED, update.block, OPTIONS, NOW, counting)
    assert caught.value.reason is Reason.NOT_ENOUGH_TRUST
    assert not asked
