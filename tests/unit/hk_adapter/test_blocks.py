"""Blocks made for Hong Kong are what the light client and CometBFT's own rules expect of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bridge.clock import NANOS_PER_MILLISECOND, NANOS_PER_SECOND, Nanos
from bridge.errors import NotFoundError, PreconditionError, Reason
from bridge.light_client.cometbft_bytes import (
    commit_hash,
    data_hash,
    header_hash,
    merkle_root,
    part_set_header,
    results_hash,
)
from bridge.light_client.cometbft_wire import commit_from_wire
from bridge.v1.cometbft_pb2 import CometbftBlock, CometbftCommit, CometbftUpdate
from bridge.wire import encode
from tests.unit.hk_adapter.chain import LEDGER, START, Chain, busy_chain, commit_of, header_of


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 64])
def test_blocks_verify_adjacent_and_skipping_for_any_number_of_validators(count: int) -> None:
    chain = Chain([f"node-{index}" for index in range(count)])
    for _ in range(4):
        chain.cut(2)
    genesis = chain.format.genesis()
    trusted = genesis
    for height in range(1, 5):
        trusted = chain.follow(trusted, height)
        assert trusted == chain.reader.block(height).consensus
    assert chain.follow(genesis, 4) == trusted
    assert chain.follow(chain.reader.block(1).consensus, 4) == trusted


def test_every_hash_of_a_header_is_of_what_it_names() -> None:
    chain = Chain()
    chain.cut(2)
    chain.cut(3)
    first, second = header_of(chain, 1), header_of(chain, 2)
    empty = merkle_root(())
    assert (first.version_block, first.version_app, first.chain_id) == (11, 1, LEDGER)
    assert (first.last_commit_hash, first.last_results_hash, first.evidence_hash) == (empty, empty, empty)
    assert first.last_block_id.is_zero()
    assert first.consensus_hash.hex().upper().startswith("048091BC")
    assert second.last_block_id.hash == header_hash(first)
    assert second.last_block_id == commit_of(chain, 1).block_id
    assert second.last_commit_hash == commit_hash(commit_of(chain, 1))
    assert second.data_hash == data_hash([b"transaction of 2"])
    assert second.last_results_hash == results_hash([(0, b"result 1")])
    assert second.next_validators_hash == second.validators_hash == first.validators_hash


def test_part_set_header_is_of_the_block_as_cometbft_gossips_it() -> None:
    chain = Chain()
    chain.cut(1)
    block = chain.input(1)
    block = replace(block, transactions=[b"x" * 150_000])
    sealed = chain.format.seal(chain.format.build(block))
    message = CometbftBlock.FromString(b"")
    message.header.ParseFromString(sealed.header)
    message.data.txs.append(b"x" * 150_000)
    message.evidence.SetInParent()
    message.last_commit.ParseFromString(chain.reader.block(1).commit)
    parts = commit_from_wire(CometbftCommit.FromString(sealed.commit)).block_id.part_set_header
    assert parts == part_set_header(encode(message))
    assert parts.total == 3
    assert b"\x1a\x00" in encode(message)  # empty evidence is written all the same


@pytest.mark.parametrize("change", [{"height": 1}, {"height": 3}, {"first_position": 0}, {"first_position": 3}])
def test_only_the_block_after_the_tip_is_built(change: dict[str, int]) -> None:
    chain = Chain()
    chain.cut(2)
    with pytest.raises(PreconditionError) as caught:
        chain.format.build(replace(chain.input(1), **change))
    assert caught.value.reason is Reason.STATE_CHANGED


def test_updates_are_trusted_from_below() -> None:
    chain = busy_chain()
    for height, trusted in ((3, 3), (3, 4), (3, -1)):
        with pytest.raises(PreconditionError) as caught:
            chain.format.update(chain.reader, height, trusted)
        assert caught.value.reason is Reason.NON_INCREASING_HEIGHT
    with pytest.raises(NotFoundError) as missing:
        chain.format.update(chain.reader, 9, 3)
    assert missing.value.reason is Reason.HEIGHT_NOT_FOUND


def test_an_update_carries_nothing_but_what_it_names() -> None:
    chain = busy_chain()
    message = CometbftUpdate.FromString(chain.format.update(chain.reader, 5, 2))
    assert message.trusted_height == 2
    assert encode(message.validator_set) == chain.reader.block(5).validators
    assert encode(message.trusted_validators) == chain.reader.block(3).validators


# time


def test_times_rise_by_a_millisecond_even_when_the_clock_falls_back() -> None:
    chain = Chain()
    first = chain.cut()
    chain.now = Nanos(START - NANOS_PER_SECOND)
    assert chain.cut().time == first.time + NANOS_PER_MILLISECOND
    for height in (1, 2):
        block = chain.reader.block(height)
        assert {entry.timestamp for entry in commit_of(chain, height).signatures} == {block.time + 1_000_000}
    chain.now = Nanos(START + 60 * NANOS_PER_SECOND)
    assert chain.format.next_time(chain.now) == chain.now


def test_a_time_that_does_not_rise_is_not_built() -> None:
    chain = Chain()
    chain.cut()
    block = chain.input()
    for time in (chain.reader.block(1).time, Nanos(chain.reader.block(1).time + NANOS_PER_MILLISECOND - 1)):
        with pytest.raises(PreconditionError) as caught:
            chain.format.build(replace(block, time=time))
        assert caught.value.reason is Reason.STATE_CHANGED
