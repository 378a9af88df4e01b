"""A ChainMaker ledger whose validators sign whatever a test asks for, right or wrong."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from bridge.clock import NANOS_PER_SECOND, Nanos
from bridge.crypto.keys import generate_signer, public_key_to_pem
from bridge.crypto.ports import Signer
from bridge.crypto.suites import suite
from bridge.errors import BridgeError, Reason
from bridge.light_client.chainmaker import ChainmakerProfile
from bridge.light_client.chainmaker_bytes import block_hash, state_root, validator_set_hash, vote_sign_bytes
from bridge.light_client.types import ConsensusState, TrustOptions
from bridge.light_client.verifier import verify_update
from bridge.merkle.chainmaker import path, tree_root
from bridge.v1.chainmaker_pb2 import (
    ChainmakerBlockHeader,
    ChainmakerConfigChange,
    ChainmakerContractEvent,
    ChainmakerContractResult,
    ChainmakerEndorsementEntry,
    ChainmakerMember,
    ChainmakerPayload,
    ChainmakerResult,
    ChainmakerTransaction,
    ChainmakerUpdate,
    ChainmakerValidator,
    ChainmakerValidatorSet,
    ChainmakerVote,
    ChainmakerVoteSet,
)
from bridge.v1.proof_pb2 import TransactionProof
from bridge.wire import encode

LEDGER = "test-sh-1"
START = 1_760_000_000
OPTIONS = TrustOptions(trusting_period=3600 * NANOS_PER_SECOND)
NOW = Nanos((START + 100) * NANOS_PER_SECOND)


@dataclass
class Forge:
    """Validators with their keys, and builders for every part of an update."""

    suite_id: str = "sm3-sm2"
    count: int = 4
    config_height: int = 0
    signers: dict[str, Signer] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.profile = ChainmakerProfile(self.suite_id, "chainmaker")
        self.hash = suite(self.suite_id).hash
        for number in range(self.count):
            self.signers.setdefault(f"node-{number:02d}", generate_signer(self.suite_id))

    def validators(self) -> ChainmakerValidatorSet:
        members = [
            ChainmakerValidator(node_id=node, org_id=f"org-{node}", public_key=signer.public_key)
            for node, signer in sorted(self.signers.items())
        ]
        return ChainmakerValidatorSet(validators=members, config_height=self.config_height)

    def anchor(self, height: int = 5) -> ConsensusState:
        return ConsensusState(
            ledger_id=LEDGER,
            height=height,
            time=Nanos(START * NANOS_PER_SECOND),
            header_hash=self.hash(b"anchor"),
            root=state_root(self.hash, b"", 0),
            next_validators_hash=validator_set_hash(self.hash, self.validators()),
        )

    def member(self, node: str, key: bytes | None = None) -> ChainmakerMember:
        key = key or self.signers[node].public_key
        return ChainmakerMember(org_id=f"org-{node}", member_type=2, member_info=public_key_to_pem(self.suite_id, key))

    def header(
        self, height: int = 6, transactions: Sequence[bytes] = (), proposer: str = "node-00", **changes: object
    ) -> ChainmakerBlockHeader:
        """A sound header that follows the anchor; `changes` are made before it is hashed and signed."""
        leaves = [self.hash(transaction) for transaction in transactions]
        header = ChainmakerBlockHeader(
            block_version=2030200,
            chain_id=LEDGER,
            block_height=height,
            pre_block_hash=self.hash(b"anchor"),
            pre_conf_height=self.config_height,
            tx_count=len(leaves),
            tx_root=tree_root(self.hash, leaves),
            dag_hash=self.hash(b"dag"),
            rw_set_root=self.hash(b"rw") if leaves else b"",
            block_timestamp=START + height,
            proposer=self.member(proposer),
        )
        header.MergeFrom(ChainmakerBlockHeader(**changes))
        return self.rehash(header, proposer)

    def rehash(self, header: ChainmakerBlockHeader, proposer: str = "node-00") -> ChainmakerBlockHeader:
        header.block_hash = block_hash(self.hash, header)
        header.signature = self.signers[proposer].sign(header.block_hash)
        return header

    def vote(
        self, node: str, header: ChainmakerBlockHeader, signer: Signer | None = None, **changes: object
    ) -> ChainmakerVote:
        vote = ChainmakerVote(type=1, voter=node, height=header.block_height, hash=header.block_hash)
        for name, value in changes.items():
            setattr(vote, name, value)
        signer = signer or self.signers[node]
        vote.endorsement.CopyFrom(
            ChainmakerEndorsementEntry(
                signer=self.member(node, signer.public_key), signature=signer.sign(vote_sign_bytes(vote))
            )
        )
        return vote

    def votes(self, header: ChainmakerBlockHeader, nodes: Iterable[str] | None = None) -> dict[str, ChainmakerVote]:
        return {node: self.vote(node, header) for node in (sorted(self.signers) if nodes is None else nodes)}

    def vote_set(
        self, header: ChainmakerBlockHeader, votes: Mapping[str, ChainmakerVote], **changes: object
    ) -> ChainmakerVoteSet:
        vote_set = ChainmakerVoteSet(type=1, height=header.block_height, maj23=header.block_hash, votes=votes)
        for name, value in changes.items():
            setattr(vote_set, name, value)
        return vote_set

    def update(
        self,
        header: ChainmakerBlockHeader,
        votes: Mapping[str, ChainmakerVote] | bytes | None = None,
        validators: ChainmakerValidatorSet | None = None,
        change: ChainmakerConfigChange | None = None,
        trusted_height: int = 5,
    ) -> bytes:
        if not isinstance(votes, bytes):
            votes = encode(self.vote_set(header, self.votes(header) if votes is None else votes))
        return encode(
            ChainmakerUpdate(
                header=encode(header),
                vote_set=votes,
                trusted_height=trusted_height,
                validators=validators or self.validators(),
                config_change=change,
            )
        )

    def verify(self, update: bytes, trusted: ConsensusState | None = None) -> ConsensusState:
        trusted = trusted or self.anchor()
        return verify_update(self.profile, trusted, self.profile.decode_update(update), OPTIONS, NOW)

    def config_transaction(self, next_set: ChainmakerValidatorSet, **changes: object) -> bytes:
        transaction = make_transaction([], result=encode(next_set))
        transaction.MergeFrom(ChainmakerTransaction(**changes))
        return encode(transaction)

    def proof(self, transactions: Sequence[bytes], index: int, first_event: int = 0) -> TransactionProof:
        leaves = [self.hash(transaction) for transaction in transactions]
        return TransactionProof(
            transaction_index=index,
            transaction=transactions[index],
            siblings=path(self.hash, leaves, index),
            first_event=first_event,
        )

    def state(self, transactions: Sequence[bytes]) -> ConsensusState:
        """The consensus state of a block of these transactions, as if it had been verified."""
        root = tree_root(self.hash, [self.hash(transaction) for transaction in transactions])
        return ConsensusState(
            LEDGER, 6, NOW, self.hash(b"header"), state_root(self.hash, root, len(transactions)), self.hash(b"set")
        )


def make_transaction(
    entries: Sequence[tuple[bytes, bytes]], number: int = 0, result: bytes = b"data", chain_id: str = LEDGER
) -> ChainmakerTransaction:
    """A transaction of the bridge contract with these entries as events."""
    tx_id = f"{number:064x}"
    events = [entry_event(tx_id, path, value) for path, value in entries]
    return ChainmakerTransaction(
        payload=ChainmakerPayload(chain_id=chain_id, tx_id=tx_id, contract_name="cargobridge", method="execute"),
        result=ChainmakerResult(
            contract_result=ChainmakerContractResult(result=result, contract_event=events), rw_set_hash=b"\1" * 32
        ),
    )


def entry_event(
    tx_id: str, path: bytes, value: bytes, topic: str = "cargobridge.entry", contract: str = "cargobridge"
) -> ChainmakerContractEvent:
    return ChainmakerContractEvent(
        topic=topic, tx_id=tx_id, contract_name=contract, contract_version="1.0", event_data=[path.hex(), value.hex()]
    )


def changed(message: ChainmakerTransaction, change: Callable[[ChainmakerTransaction], None]) -> bytes:
    """Bytes of a copy of the message after a change."""
    copy = ChainmakerTransaction()
    copy.CopyFrom(message)
    change(copy)
    return encode(copy)


def refused(forge: Forge, update: bytes, reason: Reason, trusted: ConsensusState | None = None) -> BridgeError:
    """The error of an update that must be refused for this reason."""
    with pytest.raises(BridgeError) as caught:
        forge.verify(update, trusted)
    assert caught.value.reason == reason, caught.value
    return caught.value
