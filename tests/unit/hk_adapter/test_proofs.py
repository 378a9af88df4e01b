"""Entries of the Hong Kong ledger are proven from the next block on, under every header that covers them."""

from __future__ import annotations

import pytest

from bridge.errors import NotFoundError, PreconditionError, Reason, VerificationError
from bridge.light_client.cometbft import PROFILE
from bridge.v1.proof_pb2 import LogRangeProof
from bridge.wire import encode
from tests.unit.hk_adapter.chain import Chain, busy_chain


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
