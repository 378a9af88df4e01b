"""Votes of the cometbft profile: what an entry of a commit may be, which are counted, and how much power is enough."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bridge.clock import Nanos
from bridge.errors import Reason
from bridge.light_client.cometbft import MAX_TASKS_AHEAD, PROFILE
from bridge.light_client.cometbft_types import FLAG_COMMIT, FLAG_NIL, ZERO_BLOCK_ID
from bridge.light_client.verifier import verify_update
from tests.unit.light_client.lightblocks import (
    ABSENT,
    NOW,
    OPTIONS,
    SET,
    START,
    group,
    made,
    refuse,
    sign,
    trusted_at,
    verify,
)


@pytest.mark.parametrize("flag", [0, 4, -1])
def test_unknown_flags(flag: int) -> None:
    assert refuse(made(2, SET).entry(3, block_id_flag=flag)) is Reason.COMMIT_INVALID


@pytest.mark.parametrize(
    "change",
    [
        {"signature": b"\1" * 64},
        {"validator_address": SET.validators.validators[3].address},
        {"timestamp": Nanos(0)},
    ],
)
def test_absent_entries_carry_nothing(change: dict[str, object]) -> None:
    update = made(2, SET).resign([0, 1, 2])
    assert verify(update).height == 2
    assert refuse(update.entry(3, **change)) is Reason.COMMIT_INVALID


@pytest.mark.parametrize("flag", [FLAG_COMMIT, FLAG_NIL])
def test_votes_have_an_address_and_a_signature(flag: int) -> None:
    assert refuse(made(2, SET).entry(3, block_id_flag=flag, signature=b"")) is Reason.COMMIT_INVALID
    assert refuse(made(2, SET).entry(3, block_id_flag=flag, validator_address=b"")) is Reason.COMMIT_INVALID


def test_quorum_is_strictly_more_than_two_thirds() -> None:
    three = group("abc")
    trusted = trusted_at(1, three)
    assert verify(made(2, three), trusted).height == 2
    assert refuse(made(2, three).resign([0, 1]), trusted) is Reason.INSUFFICIENT_QUORUM
    assert verify(made(2, SET).resign([0, 1, 3])).height == 2
    assert refuse(made(2, SET).resign([1, 3])) is Reason.INSUFFICIENT_QUORUM
    alone = group("a")
    assert verify(made(2, alone), trusted_at(1, alone)).height == 2


def test_power_counts_not_heads() -> None:
    heavy = group("abcd", [70, 10, 10, 10])
    trusted = trusted_at(1, heavy)
    assert verify(made(2, heavy).resign([0]), trusted).height == 2
    assert refuse(made(2, heavy).resign([1, 2, 3]), trusted) is Reason.INSUFFICIENT_QUORUM


def test_powers_near_the_limit() -> None:
    most = (2**63 - 1) // 8
    rich = group("abc", [most - 2, 1, 1])
    assert verify(made(2, rich).resign([0]), trusted_at(1, rich)).height == 2
    richer = group("abc", [most - 1, 1, 1])
    assert refuse(made(2, richer), trusted_at(1, richer)) is Reason.VALIDATOR_SET_INVALID
    richest = group("abc", [2**63 - 1] * 3)
    assert refuse(made(2, richest), trusted_at(1, richest)) is Reason.VALIDATOR_SET_INVALID


def test_nil_votes_are_not_counted_and_not_verified() -> None:
    update = made(2, SET).entry(1, block_id_flag=FLAG_NIL, signature=b"\1" * 64)
    assert verify(update).height == 2
    update.entry(2, block_id_flag=FLAG_NIL)
    assert refuse(update) is Reason.INSUFFICIENT_QUORUM


def test_garbage_after_the_quorum_is_accepted() -> None:
    assert verify(made(2, SET).entry(3, signature=b"\1" * 64)).height == 2


def test_a_bad_signature_before_the_quorum_refuses() -> None:
    assert refuse(made(2, SET).entry(0, signature=b"\1" * 64)) is Reason.SIGNATURE_INVALID
    assert refuse(made(2, SET).entry(2, timestamp=Nanos(START))) is Reason.SIGNATURE_INVALID
    # Even where enough others signed.
    seven = group("abcdefg")
    assert refuse(made(2, seven).entry(1, signature=b"\1" * 64), trusted_at(1, seven)) is Reason.SIGNATURE_INVALID


def test_signatures_are_bound_to_the_chain_the_height_and_the_round() -> None:
    update = made(2, SET)
    for change in (
        {"round": 1},
        {"block_id": replace(update.commit.block_id, part_set_header=ZERO_BLOCK_ID.part_set_header)},
    ):
        forged = made(2, SET)
        forged.commit = replace(forged.commit, **change)  # type: ignore[arg-type]
        assert refuse(forged) is Reason.SIGNATURE_INVALID
    twin = made(2, SET, chain_id="hk-other")
    stolen = made(2, SET)
    stolen.commit = replace(
        stolen.commit,
        signatures=tuple(
            replace(mine, signature=other.signature)
            for mine, other in zip(stolen.commit.signatures, twin.commit.signatures, strict=True)
        ),
    )
    assert refuse(stolen) is Reason.SIGNATURE_INVALID


def test_commit_and_set_have_one_entry_each() -> None:
    update = made(2, SET)
    update.commit = replace(update.commit, signatures=update.commit.signatures[:3])
    assert refuse(update) is Reason.COMMIT_INVALID
    update.commit = replace(update.commit, signatures=(*sign(update.header, SET).signatures, ABSENT))
    assert refuse(update) is Reason.COMMIT_INVALID


# signatures ahead


@pytest.mark.parametrize(("height", "own"), [(2, "abcd"), (9, "abcd"), (9, "abwx"), (2, "a")])
def test_tasks_ahead_are_what_verification_asks(height: int, own: str) -> None:
    own_group = group(own)
    trusted_group = own_group if height == 2 else SET
    update = made(height, own_group, trusted_group=trusted_group)
    tasks = set(PROFILE.signature_tasks(update.block))

    def check(*task: object) -> None:
        assert task in tasks

    verify_update(PROFILE, trusted_at(1, trusted_group), update.block, OPTIONS, NOW, check)
    assert tasks


def test_tasks_ahead_are_bounded() -> None:
    big = group([f"v{index}" for index in range(200)])
    assert len(PROFILE.signature_tasks(made(9, big).block)) == MAX_TASKS_AHEAD
