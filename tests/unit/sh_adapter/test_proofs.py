"""Entries of the Shanghai ledger are proven by the very block that wrote them."""

import pytest

from bridge.crypto.suites import suite
from bridge.errors import Reason
from bridge.merkle.chainmaker import path, tree_root
from sh_adapter.transactions import TransactionTree
from tests.unit.sh_adapter.chain import Chain, check_run, refusal


def test_every_run_of_entries_is_proven_by_its_own_blocks():
    chain = Chain()
    for entries in ((1,), (), (2, 0, 3), (1, 1, 1, 1, 1)):
        chain.cut(*entries)
    assert not chain.format.needs_proof_block()
    total = len(chain.written)
    assert total == 11
    for first in range(total):
        for count in range(1, total - first + 1):
            runs = chain.format.prove(chain, first, count, 0)
            covered = [stored.position for run in runs for stored in run.entries]
            assert covered == list(range(first, first + count))
            for run in runs:
                assert run.proof_height == run.entries[0].height
                check_run(chain.blocks[run.proof_height - 1].consensus, run)
                wrong = chain.blocks[run.proof_height % len(chain.blocks)].consensus
                assert refusal(check_run, wrong, run) == Reason.PROOF_INVALID
        assert chain.format.provable_height(chain, first) == chain.written[first].height


def test_proofs_are_the_same_after_a_restart_and_beyond_the_trees_that_are_kept():
    chain = Chain(1)
    for _ in range(40):
        chain.cut(1, 1, 1)
    again = chain.fresh()
    again.restore(chain)
    for first in (0, 1, 50, 119):
        assert again.prove(chain, first, 1, 0) == chain.format.prove(chain, first, 1, 0)


def test_what_is_not_there_is_not_proven():
    chain = Chain()
    chain.cut(2)
    chain.cut(1)
    assert chain.format.provable_height(chain, 3) == 0
    for first, count in ((3, 1), (2, 2), (0, 0), (-1, 1), (0, -1)):
        assert refusal(chain.format.prove, chain, first, count, 0) == Reason.PACKET_NOT_FOUND
    assert refusal(chain.format.prove, chain, 0, 1, 2) == Reason.HEIGHT_NOT_FOUND
    assert refusal(chain.format.prove, chain, 0, 3, 1) == Reason.HEIGHT_NOT_FOUND
    assert len(chain.format.prove(chain, 2, 1, 2)) == 1


@pytest.mark.parametrize("count", range(20))
def test_the_kept_tree_is_the_verifiers_tree(count: int):
    digest = suite("sm3-sm2").hash
    leaves = [digest(bytes([n])) for n in range(count)]
    tree = TransactionTree(digest, leaves)
    assert tree.root == tree_root(digest, leaves)
    assert [tree.path(n) for n in range(count)] == [path(digest, leaves, n) for n in range(count)]
