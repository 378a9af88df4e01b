"""A Shanghai ledger that was stopped anywhere goes on as if nothing had happened, and signs no other block."""

from dataclasses import replace

from bridge.errors import Reason
from bridge.v1.chainmaker_pb2 import ChainmakerBlockHeader, ChainmakerUpdate
from tests.unit.sh_adapter.chain import Chain, refusal


def test_a_restored_format_builds_the_same_next_block():
    chain = Chain()
    for entries in ((), (2,), (1, 1)):
        chain.cut(*entries)
        again = chain.fresh()
        again.restore(chain)
        block = chain.input(3)
        assert again.build(block) == chain.format.build(block)
    empty = Chain()
    again = empty.fresh()
    again.restore(empty)
    block = empty.input(1)
    assert again.build(block) == empty.format.build(block)


def test_a_block_stored_before_a_crash_is_sealed_after_it_and_no_other():
    chain = Chain()
    chain.cut(1)
    built = chain.format.build(chain.input(2))
    chain.format.seal(built)  # the process dies before this is stored
    again = chain.fresh()
    again.restore(chain)
    stored = replace(built, leaves=(), transaction_forms=())
    sealed = again.seal(stored)
    again.advance(sealed)
    update = ChainmakerUpdate.FromString(sealed.commit)
    assert ChainmakerBlockHeader.FromString(update.header).block_hash == built.header_hash

    other = chain.fresh()
    other.restore(chain)
    another = other.build(chain.input(1))
    assert another.header_hash != built.header_hash
    assert refusal(other.seal, another) == Reason.DOUBLE_SIGN_REFUSED
    assert refusal(other.seal, replace(built, header=another.header)) == Reason.STORAGE_CORRUPT
