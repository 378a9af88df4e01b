"""A Shanghai ledger in memory: the format, the blocks it made, and what a store would read back."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from bridge.clock import NANOS_PER_SECOND, Nanos
from bridge.crypto.keys import generate_signer
from bridge.crypto.ports import Signer
from bridge.errors import BridgeError, NotFoundError, Reason
from bridge.ledger.high_water import MemoryHighWaterMark
from bridge.ledger.types import (
    KIND_PACKET,
    BlockInput,
    ProvenRun,
    SealedBlock,
    StoredEntry,
    TransactionResult,
    WrittenEntry,
)
from bridge.light_client.chainmaker import PROFILE
from bridge.light_client.types import ConsensusState, Entry, TrustOptions
from bridge.light_client.verifier import verify_update
from bridge.v1.transaction_pb2 import RotateValidatorsAct, Transaction, TransactionBody, ValidatorInfo
from bridge.wire import encode
from sh_adapter.block_format import ChainmakerFormat

LEDGER = "test-sh-1"
START = Nanos(1_760_000_000 * NANOS_PER_SECOND)
NOW = Nanos(START + 1000 * NANOS_PER_SECOND)
OPTIONS = TrustOptions(trusting_period=36_000 * NANOS_PER_SECOND)


def infos(signers: Sequence[Signer], prefix: str = "node") -> list[ValidatorInfo]:
    return [
        ValidatorInfo(node_id=f"{prefix}-{n:02d}", public_key=signer.public_key, voting_power=1)
        for n, signer in enumerate(signers)
    ]


class Chain:
    """A format with a store in lists; implements BlockReader."""

    def __init__(self, count: int = 4, signers: Sequence[Signer] | None = None) -> None:
        self.signers = list(signers or (generate_signer("sm3-sm2") for _ in range(count + 2)))
        self.validators = infos(self.signers[:count])
        self.mark = MemoryHighWaterMark()
        self.blocks: list[SealedBlock] = []
        self.inputs: list[BlockInput] = []
        self.written: list[StoredEntry] = []
        self.member = generate_signer("sm3-sm2")
        self.format = self.fresh()

    def fresh(self) -> ChainmakerFormat:
        return ChainmakerFormat(LEDGER, self.validators, self.signers, self.mark, START)

    def block(self, height: int) -> SealedBlock:
        if not 1 <= height <= len(self.blocks):
            raise NotFoundError(Reason.HEIGHT_NOT_FOUND, height=height)
        return replace(self.blocks[height - 1], leaves=(), transaction_forms=())

    def transaction_forms(self, height: int) -> Sequence[bytes]:
        return self.blocks[height - 1].transaction_forms

    def entries(self, first_position: int, count: int) -> Sequence[StoredEntry]:
        return self.written[first_position : first_position + count]

    def leaves(self, first_position: int, count: int) -> Sequence[bytes]:
        return ()

    def latest_height(self) -> int:
        return len(self.blocks)

    def submission(self, number: int) -> bytes:
        body = TransactionBody(ledger_id=LEDGER, member_id="platform-1", key_id="k1")
        body.submission_time.FromNanoseconds(START + number)
        data = encode(body)
        signature = self.member.sign(PROFILE.transaction_sign_bytes(LEDGER, data))
        return encode(Transaction(body=data, signature=signature))

    def result(self, entries: int) -> TransactionResult:
        made = [
            Entry(b"hk-0\x01" + bytes([len(self.blocks), n]) * 4, bytes([len(self.blocks), n]) * 16)
            for n in range(entries)
        ]
        return TransactionResult(
            code=0,
            entries=tuple(WrittenEntry(entry, KIND_PACKET, "hk-0", n, b"packet") for n, entry in enumerate(made)),
            data=b"result data",
            submitter_suite="sm3-sm2",
            submitter_key=self.member.public_key,
        )

    def input(
        self, *entries: int, rotation: Sequence[ValidatorInfo] | None = None, time: Nanos | None = None
    ) -> BlockInput:
        """The next block: a transaction for each number of entries."""
        height = len(self.blocks) + 1
        act = None if rotation is None else RotateValidatorsAct(ledger_id=LEDGER, set_number=2, validators=rotation)
        return BlockInput(
            height=height,
            time=self.format.next_time(Nanos(START + height * NANOS_PER_SECOND)) if time is None else time,
            transactions=[self.submission(height * 100 + n) for n in range(len(entries))],
            results=[self.result(count) for count in entries],
            first_position=len(self.written),
            rotation=act,
        )

    def store(self, block: BlockInput) -> SealedBlock:
        sealed = self.format.seal(self.format.build(block))
        self.format.advance(sealed)
        self.blocks.append(sealed)
        self.inputs.append(block)
        for index, result in enumerate(block.results):
            for event, written in enumerate(result.entries):
                self.written.append(StoredEntry(len(self.written), block.height, index, event, written))
        return sealed

    def cut(self, *entries: int, rotation: Sequence[ValidatorInfo] | None = None) -> SealedBlock:
        return self.store(self.input(*entries, rotation=rotation))

    def follow(self, trusted: ConsensusState, height: int) -> ConsensusState:
        update = self.format.update(self, height, trusted.height)
        return verify_update(PROFILE, trusted, PROFILE.decode_update(update), OPTIONS, NOW)


def refusal(call: Any, *arguments: Any) -> Reason:
    with pytest.raises(BridgeError) as caught:
        call(*arguments)
    return caught.value.reason


def check_run(state: ConsensusState, run: ProvenRun) -> None:
    PROFILE.verify_membership(state, run.proof, [stored.written.entry for stored in run.entries])
