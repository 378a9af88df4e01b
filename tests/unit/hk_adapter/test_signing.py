"""The Hong Kong validators sign each height once, in turns, and only what was built and stored."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bridge.errors import PreconditionError, Reason
from bridge.v1.cometbft_pb2 import CometbftHeader
from bridge.wire import encode
from tests.unit.hk_adapter.chain import Chain, commit_of, header_of


def test_proposers_take_turns() -> None:
    chain = Chain()
    for _ in range(8):
        chain.cut()
    proposers = [header_of(chain, height).proposer_address for height in range(1, 9)]
    assert len(set(proposers)) == 4
    assert proposers[:4] == proposers[4:]


def test_a_height_is_signed_once() -> None:
    chain = Chain()
    built = chain.format.build(chain.input(1))
    sealed = chain.format.seal(built)
    assert chain.format.seal(built) == sealed  # the same block again is no second signature
    other = chain.format.build(replace(chain.input(1), transactions=[b"another"]))
    with pytest.raises(PreconditionError) as caught:
        chain.format.seal(other)
    assert caught.value.reason is Reason.DOUBLE_SIGN_REFUSED


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
    assert chain.follow(chain.format.genesis(), 1).height == 1
