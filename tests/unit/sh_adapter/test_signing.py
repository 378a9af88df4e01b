"""The Shanghai validators sign each height once, and only what was built and stored."""

from dataclasses import replace

import pytest

from bridge.crypto.keys import generate_signer
from bridge.errors import PreconditionError, Reason
from bridge.ledger.high_water import MemoryHighWaterMark
from bridge.v1.chainmaker_pb2 import ChainmakerUpdate, ChainmakerVoteSet
from sh_adapter.block_format import ChainmakerFormat
from tests.unit.sh_adapter.chain import LEDGER, START, Chain, refusal


@pytest.mark.parametrize("count", [1, 2, 7, 64])
def test_every_validator_whose_key_is_here_signs(count: int):
    signers = [generate_signer("sm3-sm2") for _ in range(count)]
    chain = Chain(count, signers)
    sealed = chain.cut(1)
    assert chain.follow(chain.format.genesis(), 1) == sealed.consensus
    update = ChainmakerUpdate.FromString(sealed.commit)
    votes = ChainmakerVoteSet.FromString(update.vote_set)
    assert sorted(votes.votes) == [f"node-{n:02d}" for n in range(count)]
    assert (votes.type, votes.height, votes.round, len(votes.votes_by_block)) == (1, 1, 0, 0)


def test_blocks_follow_the_tip_and_are_sealed_before_it_moves():
    chain = Chain()
    chain.cut(1)
    block = chain.input(1)
    built = chain.format.build(block)
    assert built.commit == b""
    assert refusal(chain.format.advance, built) == Reason.STATE_CHANGED
    for height in (0, 1, 3):
        assert refusal(chain.format.build, replace(block, height=height)) == Reason.STATE_CHANGED
    sealed = chain.store(block)
    assert refusal(chain.format.seal, built) == Reason.STATE_CHANGED
    assert refusal(chain.format.advance, sealed) == Reason.STATE_CHANGED


def test_the_mark_moves_before_anything_is_signed():
    chain = Chain(1)
    signer = chain.signers[0]
    order: list[str] = []

    class Watched:
        suite_id = signer.suite_id
        public_key = signer.public_key

        def sign(self, message: bytes) -> bytes:
            order.append("sign")
            return signer.sign(message)

    class Mark(MemoryHighWaterMark):
        def advance_all(self, height: int, digest: bytes) -> None:
            order.append("mark")
            if height == 2:
                raise PreconditionError(Reason.DOUBLE_SIGN_REFUSED)
            super().advance_all(height, digest)

    chain.format = ChainmakerFormat(LEDGER, chain.validators, [Watched()], Mark(), START)
    chain.cut(1)
    assert order == ["mark", "sign", "sign"]
    assert refusal(chain.cut, 1) == Reason.DOUBLE_SIGN_REFUSED
    assert order == ["mark", "sign", "sign", "mark"]
