"""Blocks made for Hong Kong are what the light client and CometBFT's own rules expect of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bridge.clock import NANOS_PER_MILLISECOND, NANOS_PER_SECOND, Nanos
from bridge.errors import (
    BridgeError,
    DecodeError,
    LimitError,
    NotFoundError,
    PreconditionError,
    Reason,
    VerificationError,
)
from bridge.ledger.high_water import MemoryHighWaterMark
from bridge.light_client.cometbft import PROFILE
from bridge.light_client.cometbft_bytes import (
    address_of,
    commit_hash,
    data_hash,
    header_hash,
    merkle_root,
    part_set_header,
    results_hash,
)
from bridge.light_client.cometbft_types import Commit
from bridge.light_client.cometbft_wire import commit_from_wire, header_from_wire
from bridge.light_client.types import ConsensusState, TrustOptions
from bridge.light_client.verifier import verify_update
from bridge.v1.cometbft_pb2 import CometbftBlock, CometbftCommit, CometbftHeader, CometbftUpdate
from bridge.v1.proof_pb2 import LogRangeProof
from bridge.wire import encode
from hk_adapter.block_format import CometbftFormat
from hk_adapter.blocks import read_succession
from tests.unit.hk_adapter.chain import LEDGER, START, Chain, infos, signers
from tests.unit.light_client.lightblocks import seeded_signer

OPTIONS = TrustOptions(trusting_period=100_000 * NANOS_PER_SECOND)


def follow(chain: Chain, trusted: ConsensusState, height: int) -> ConsensusState:
    data = chain.format.update(chain.reader, height, trusted.height)
    return verify_update(PROFILE, trusted, PROFILE.decode_update(data), OPTIONS, chain.now)


def header_of(chain: Chain, height: int):
    return header_from_wire(CometbftHeader.FromString(chain.reader.block(height).header))


def commit_of(chain: Chain, height: int) -> Commit:
    return commit_from_wire(CometbftCommit.FromString(chain.reader.block(height).commit))


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 64])
def test_blocks_verify_adjacent_and_skipping_for_any_number_of_validators(count: int) -> None:
    chain = Chain([f"node-{index}" for index in range(count)])
    for _ in range(4):
        chain.cut(2)
    genesis = chain.format.genesis()
    trusted = genesis
    for height in range(1, 5):
        trusted = follow(chain, trusted, height)
        assert trusted == chain.reader.block(height).consensus
    assert follow(chain, genesis, 4) == trusted
    assert follow(chain, chain.reader.block(1).consensus, 4) == trusted


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


def test_proposers_take_turns() -> None:
    chain = Chain()
    for _ in range(8):
        chain.cut()
    proposers = [header_of(chain, height).proposer_address for height in range(1, 9)]
    assert len(set(proposers)) == 4
    assert proposers[:4] == proposers[4:]


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


@pytest.mark.parametrize("change", [{"height": 1}, {"height": 3}, {"first_position": 0}, {"first_position": 3}])
def test_only_the_block_after_the_tip_is_built(change: dict[str, int]) -> None:
    chain = Chain()
    chain.cut(2)
    with pytest.raises(PreconditionError) as caught:
        chain.format.build(replace(chain.input(1), **change))
    assert caught.value.reason is Reason.STATE_CHANGED


# --- signing --------------------------------------------------------------------------------------------------------


def test_a_height_is_signed_once() -> None:
    chain = Chain()
    built = chain.format.build(chain.input(1))
    sealed = chain.format.seal(built)
    assert chain.format.seal(built) == sealed  # the same block again is no second signature
    other = chain.format.build(replace(chain.input(1), transactions=[b"another"]))
    with pytest.raises(PreconditionError) as caught:
        chain.format.seal(other)
    assert caught.value.reason is Reason.DOUBLE_SIGN_REFUSED


def test_a_store_older_than_the_mark_cannot_sign() -> None:
    chain = Chain()
    for _ in range(3):
        chain.cut()
    chain.reader.blocks.pop()
    restored = chain.fresh()
    restored.restore(chain.reader)
    chain.format = restored
    with pytest.raises(PreconditionError) as caught:
        chain.cut(1)
    assert caught.value.reason is Reason.DOUBLE_SIGN_REFUSED


def test_a_block_that_was_stored_and_not_sealed_is_sealed_after_a_restart() -> None:
    chain = Chain()
    chain.cut(2)
    built = chain.format.build(chain.input(3))
    expected = chain.format.seal(built)
    restarted = chain.fresh()
    restarted.restore(chain.reader)
    sealed = restarted.seal(built)
    assert sealed == expected
    restarted.advance(sealed)
    assert restarted.needs_proof_block()


def test_a_stored_header_that_changed_is_not_signed() -> None:
    chain = Chain()
    built = chain.format.build(chain.input(1))
    message = CometbftHeader.FromString(built.header)
    message.app_hash = b"\1" * 32
    with pytest.raises(PreconditionError) as caught:
        chain.format.seal(replace(built, header=encode(message)))
    assert caught.value.reason is Reason.STORAGE_CORRUPT
    assert chain.marks.latest() == (0, b"")


def test_unsealed_blocks_do_not_move_the_tip() -> None:
    chain = Chain()
    built = chain.format.build(chain.input(1))
    with pytest.raises(PreconditionError) as caught:
        chain.format.advance(built)
    assert caught.value.reason is Reason.STATE_CHANGED
    with pytest.raises(PreconditionError) as caught:
        chain.format.advance(replace(chain.format.seal(built), leaves=()))
    assert caught.value.reason is Reason.STORAGE_CORRUPT
    assert not chain.format.needs_proof_block()


def test_a_validator_whose_key_is_elsewhere_is_absent() -> None:
    chain = Chain("abcd", keys="abc")
    chain.cut(1)
    commit = commit_of(chain, 1)
    absent = [entry for entry in commit.signatures if not entry.signature]
    assert len(absent) == 1
    assert follow(chain, chain.format.genesis(), 1).height == 1


# --- validator sets -------------------------------------------------------------------------------------------------


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
        trusted = follow(chain, trusted, height)
    first = chain.reader.block(1).consensus
    if skips:
        assert follow(chain, first, 6) == trusted
    else:
        with pytest.raises(VerificationError) as caught:
            follow(chain, first, 6)
        assert caught.value.reason is Reason.NOT_ENOUGH_TRUST
        # A header between helps: the last one the old set announced the new one in.
        assert follow(chain, follow(chain, first, 3), 6) == trusted


def test_powers_may_change_with_a_rotation() -> None:
    chain = Chain()
    chain.rotate("abcd", [7, 1, 1, 1])
    for _ in range(3):
        chain.cut()
    assert follow(chain, chain.format.genesis(), 4).height == 4
    assert commit_of(chain, 3).signatures[0].validator_address == address_of(seeded_signer("a").public_key)


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


def test_a_rotation_without_keys_is_not_built() -> None:
    chain = Chain()
    with pytest.raises(PreconditionError) as caught:
        chain.rotate("wxyz")
    assert caught.value.reason is Reason.CONFIGURATION_INVALID
    assert chain.cut(1).height == 1


# --- proofs ---------------------------------------------------------------------------------------------------------


def busy_chain() -> Chain:
    chain = Chain()
    for entries in (3, 0, 5, 1, 0):
        chain.cut(entries)
    return chain


def test_entries_are_provable_from_the_next_block_on() -> None:
    chain = Chain()
    assert not chain.format.needs_proof_block()
    chain.cut(3)
    assert chain.format.needs_proof_block()
    assert chain.format.provable_height(chain.reader, 0) == 0
    chain.cut()
    assert not chain.format.needs_proof_block()
    assert [chain.format.provable_height(chain.reader, position) for position in range(4)] == [2, 2, 2, 0]


def test_every_run_verifies_under_every_header_that_covers_it() -> None:
    chain = busy_chain()
    states = {height: chain.reader.block(height) for height in range(1, 6)}
    for first in range(9):
        for count in range(1, 10 - first):
            for height, block in [*states.items(), (0, states[5])]:
                if first + count > block.provable_count:
                    continue
                (run,) = chain.format.prove(chain.reader, first, count, height)
                assert run.proof_height == (height or 5)
                elements = [stored.written.entry for stored in run.entries]
                assert len(elements) == count
                PROFILE.verify_membership(states[run.proof_height].consensus, run.proof, elements)


def test_a_proof_holds_under_its_own_header_only() -> None:
    chain = busy_chain()
    (run,) = chain.format.prove(chain.reader, 0, 3, 2)
    elements = [stored.written.entry for stored in run.entries]
    for wrong in (chain.reader.block(1), chain.reader.block(4)):
        with pytest.raises(VerificationError) as caught:
            PROFILE.verify_membership(wrong.consensus, run.proof, elements)
        assert caught.value.reason is Reason.PROOF_INVALID
    message = LogRangeProof.FromString(run.proof)
    message.first_index = 1
    with pytest.raises(VerificationError) as caught:
        PROFILE.verify_membership(chain.reader.block(2).consensus, encode(message), elements)
    assert caught.value.reason is Reason.PROOF_INVALID


def test_proofs_that_cannot_be_made() -> None:
    chain = busy_chain()
    for first, count, height in ((3, 1, 3), (0, 4, 2), (0, 1, 1)):
        with pytest.raises(PreconditionError) as caught:
            chain.format.prove(chain.reader, first, count, height)
        assert caught.value.reason is Reason.HEIGHT_NOT_FOUND
    for first, count in ((9, 1), (8, 2), (-1, 1), (0, 0)):
        with pytest.raises(NotFoundError) as missing:
            chain.format.prove(chain.reader, first, count, 0)
        assert missing.value.reason is Reason.PACKET_NOT_FOUND


def test_updates_are_trusted_from_below() -> None:
    chain = busy_chain()
    for height, trusted in ((3, 3), (3, 4), (3, -1)):
        with pytest.raises(PreconditionError) as caught:
            chain.format.update(chain.reader, height, trusted)
        assert caught.value.reason is Reason.NON_INCREASING_HEIGHT
    with pytest.raises(NotFoundError) as missing:
        chain.format.update(chain.reader, 9, 3)
    assert missing.value.reason is Reason.HEIGHT_NOT_FOUND


# --- restore --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stop", range(6))
def test_restore_goes_on_as_if_nothing_had_happened(stop: int) -> None:
    whole, cut_short = Chain("abcd", keys="abcdwx"), Chain("abcd", keys="abcdwx")

    def step(chain: Chain, height: int) -> None:
        if height == 3:
            chain.rotate("abwx")
        else:
            chain.cut(height % 3)

    for height in range(1, 7):
        step(whole, height)
        if height == stop + 1:
            cut_short.format = cut_short.fresh()
            cut_short.format.restore(cut_short.reader)
        step(cut_short, height)
    assert cut_short.reader.blocks == whole.reader.blocks
    assert follow(cut_short, cut_short.format.genesis(), 6) == whole.reader.block(6).consensus


def test_restore_without_all_leaves_is_refused() -> None:
    chain = busy_chain()
    chain.reader.blocks[2] = replace(chain.reader.blocks[2], leaves=())
    with pytest.raises(PreconditionError) as caught:
        chain.fresh().restore(chain.reader)
    assert caught.value.reason is Reason.STORAGE_CORRUPT


@pytest.mark.parametrize("at", [0, 1, 2])
def test_restore_of_damaged_leaves_is_refused(at: int) -> None:
    """The first two blocks' entries stand under the newest header, the third's only in the store."""
    chain = Chain()
    chain.cut(1)
    chain.cut(2)
    chain.cut(3)
    block = chain.reader.blocks[at]
    chain.reader.blocks[at] = replace(block, leaves=(b"\1" * 32, *block.leaves[1:]))
    with pytest.raises(PreconditionError) as caught:
        chain.fresh().restore(chain.reader)
    assert caught.value.reason is Reason.STORAGE_CORRUPT


def test_restore_of_a_damaged_succession_is_refused() -> None:
    chain = busy_chain()
    last = chain.reader.blocks[-1]
    for extra in (b"", last.extra[:-1] if len(last.extra) < 77 else last.extra[:40], last.extra + b"x"):
        with pytest.raises(PreconditionError) as caught:
            read_succession(extra, last.validators)
        assert caught.value.reason is Reason.STORAGE_CORRUPT


def test_an_update_carries_nothing_but_what_it_names() -> None:
    chain = busy_chain()
    message = CometbftUpdate.FromString(chain.format.update(chain.reader, 5, 2))
    assert message.trusted_height == 2
    assert encode(message.validator_set) == chain.reader.block(5).validators
    assert encode(message.trusted_validators) == chain.reader.block(3).validators
