"""A Hong Kong ledger in memory: the format, the blocks it made, and what a store would read back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from bridge.clock import NANOS_PER_SECOND, Nanos
from bridge.crypto.ed25519 import Ed25519Signer
from bridge.errors import NotFoundError, Reason
from bridge.ledger.high_water import MemoryHighWaterMark
from bridge.ledger.types import KIND_PACKET, BlockInput, SealedBlock, StoredEntry, TransactionResult, WrittenEntry
from bridge.light_client.cometbft import PROFILE
from bridge.light_client.cometbft_types import Commit, Header
from bridge.light_client.cometbft_wire import commit_from_wire, header_from_wire
from bridge.light_client.types import ConsensusState, Entry, TrustOptions
from bridge.light_client.verifier import verify_update
from bridge.v1.cometbft_pb2 import CometbftCommit, CometbftHeader
from bridge.v1.transaction_pb2 import RotateValidatorsAct, ValidatorInfo
from hk_adapter.block_format import CometbftFormat
from tests.unit.light_client.lightblocks import seeded_signer

LEDGER = "hk-test"
START = Nanos(1_700_000_000 * NANOS_PER_SECOND)
OPTIONS = TrustOptions(trusting_period=100_000 * NANOS_PER_SECOND)


def infos(names: Iterable[str], powers: Sequence[int] | None = None) -> list[ValidatorInfo]:
    listed = list(names)
    return [
        ValidatorInfo(node_id=name, public_key=seeded_signer(name).public_key, voting_power=power)
        for name, power in zip(listed, powers or [1] * len(listed), strict=True)
    ]


def signers(names: Iterable[str]) -> list[Ed25519Signer]:
    return [seeded_signer(name) for name in names]


class MemoryReader:
    """BlockReader over lists."""

    def __init__(self) -> None:
        self.blocks: list[SealedBlock] = []
        self.written: list[StoredEntry] = []

    def block(self, height: int) -> SealedBlock:
        if not 1 <= height <= len(self.blocks):
            raise NotFoundError(Reason.HEIGHT_NOT_FOUND, got=height)
        return replace(self.blocks[height - 1], leaves=())

    def transaction_forms(self, height: int) -> Sequence[bytes]:
        return ()

    def entries(self, first_position: int, count: int) -> Sequence[StoredEntry]:
        return self.written[first_position : first_position + count]

    def leaves(self, first_position: int, count: int) -> Sequence[bytes]:
        every = [leaf for block in self.blocks for leaf in block.leaves]
        return every[first_position : first_position + count]

    def latest_height(self) -> int:
        return len(self.blocks)


class Chain:
    """Cuts blocks as the engine does: ask the time, build, store, seal, advance."""

    def __init__(self, names: Iterable[str] = "abcd", keys: Iterable[str] | None = None) -> None:
        names = list(names)
        self.names, self.keys = names, list(keys or names)
        self.marks = MemoryHighWaterMark()
        self.reader = MemoryReader()
        self.now = Nanos(START + NANOS_PER_SECOND)
        self.format = self.fresh()

    def fresh(self) -> CometbftFormat:
        return CometbftFormat(LEDGER, infos(self.names), signers(self.keys), self.marks, START)

    def input(self, entries: int = 0, rotation: RotateValidatorsAct | None = None) -> BlockInput:
        height, first = len(self.reader.blocks) + 1, len(self.reader.written)
        written = tuple(
            WrittenEntry(
                Entry(b"path %d" % position, position.to_bytes(32, "big")), KIND_PACKET, "sh-0", position, b"body"
            )
            for position in range(first, first + entries)
        )
        results = [TransactionResult(code=0, entries=written, data=b"result %d" % height)] if entries else []
        if rotation is not None and not results:
            results = [TransactionResult(code=0, data=b"rotation")]
        return BlockInput(
            height=height,
            time=self.format.next_time(self.now),
            transactions=[b"transaction of %d" % height] * len(results),
            results=results,
            first_position=first,
            rotation=rotation,
        )

    def cut(self, entries: int = 0, rotation: RotateValidatorsAct | None = None) -> SealedBlock:
        block = self.input(entries, rotation)
        sealed = self.format.seal(self.format.build(block))
        self.store(block, sealed)
        self.format.advance(sealed)
        self.now = Nanos(self.now + NANOS_PER_SECOND)
        return sealed

    def store(self, block: BlockInput, sealed: SealedBlock) -> None:
        self.reader.blocks.append(sealed)
        for index, result in enumerate(block.results):
            for event, written in enumerate(result.entries):
                self.reader.written.append(StoredEntry(len(self.reader.written), block.height, index, event, written))

    def rotate(self, names: Iterable[str], powers: Sequence[int] | None = None) -> SealedBlock:
        return self.cut(rotation=RotateValidatorsAct(ledger_id=LEDGER, set_number=2, validators=infos(names, powers)))

    def follow(self, trusted: ConsensusState, height: int) -> ConsensusState:
        data = self.format.update(self.reader, height, trusted.height)
        return verify_update(PROFILE, trusted, PROFILE.decode_update(data), OPTIONS, self.now)


def header_of(chain: Chain, height: int) -> Header:
    return header_from_wire(CometbftHeader.FromString(chain.reader.block(height).header))


def commit_of(chain: Chain, height: int) -> Commit:
    return commit_from_wire(CometbftCommit.FromString(chain.reader.block(height).commit))


def busy_chain() -> Chain:
    chain = Chain()
    for entries in (3, 0, 5, 1, 0):
        chain.cut(entries)
    return chain
