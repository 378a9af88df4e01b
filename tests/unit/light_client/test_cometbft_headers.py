"""Headers of the cometbft profile and the commit that must be theirs, on light blocks of our own making."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bridge.errors import Reason
from bridge.light_client.cometbft_types import ZERO_BLOCK_ID, BlockId
from tests.unit.light_client.lightblocks import SET, made, refuse, sign, verify


@pytest.mark.parametrize(
    "change",
    [{"version_block": 10}, {"version_block": 0}, {"next_validators_hash": b""}],
)
def test_headers_of_another_kind(change: dict[str, object]) -> None:
    assert refuse(made(2, SET, **change)) is Reason.HEADER_INVALID


def test_header_without_validators_hash_has_no_hash() -> None:
    update = made(2, SET)
    update.header = replace(update.header, validators_hash=b"")
    assert update.block.header_hash == b""
    # Not even a commit for the empty hash makes it one.
    update.commit = replace(update.commit, block_id=replace(update.commit.block_id, hash=b""))
    assert refuse(update) is Reason.HEADER_INVALID


def test_commit_must_be_for_the_header() -> None:
    update = made(2, SET)
    update.commit = sign(update.header, SET, height=3)
    assert refuse(update) is Reason.COMMIT_INVALID
    update.commit = sign(update.header, SET, round=-1)
    assert refuse(update) is Reason.COMMIT_INVALID
    update.commit = sign(update.header, SET, block_id=ZERO_BLOCK_ID)
    assert refuse(update) is Reason.COMMIT_INVALID
    other = BlockId(b"\7" * 32, update.commit.block_id.part_set_header)
    update.commit = sign(update.header, SET, block_id=other)
    assert refuse(update) is Reason.HEADER_HASH_MISMATCH
    update.commit = replace(sign(update.header, SET), signatures=())
    assert refuse(update) is Reason.COMMIT_INVALID


def test_a_later_round_is_as_good() -> None:
    update = made(2, SET)
    update.commit = sign(update.header, SET, round=7)
    assert verify(update).height == 2
