"""A Hong Kong ledger that was stopped anywhere goes on as if nothing had happened, and refuses a damaged store."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bridge.errors import PreconditionError, Reason
from hk_adapter.blocks import read_succession
from tests.unit.hk_adapter.chain import Chain, busy_chain


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
    assert cut_short.follow(cut_short.format.genesis(), 6) == whole.reader.block(6).consensus


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
