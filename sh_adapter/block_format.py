"""Blocks of the Shanghai ledger: ChainMaker 2.3 headers and TBFT vote sets, made and signed by the keys held here.

Entries ride in the transactions of a block as contract events, so every block proves its own entries and no other's.
What a block must look like is `bridge.light_client.chainmaker`'s to say; here blocks are only made.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from bridge.clock import NANOS_PER_SECOND, Nanos
from bridge.crypto.ports import Signer
from bridge.crypto.suites import suite
from bridge.errors import NotFoundError, PreconditionError, Reason
from bridge.ledger.high_water import HighWaterMark
from bridge.ledger.types import BlockInput, BlockReader, ProvenRun, SealedBlock, StoredEntry
from bridge.light_client.chainmaker import PROFILE, ChainmakerProfile, require_config_set
from bridge.light_client.chainmaker_bytes import (
    BLOCK_CONFIG,
    BLOCK_NORMAL,
    CONTRACT_NAME,
    PRECOMMIT,
    Hash,
    block_hash,
    dag_hash,
    state_root,
    validator_set_hash,
    vote_sign_bytes,
)
from bridge.light_client.chainmaker_types import decode_validator_set, header_time
from bridge.light_client.chainmaker_votes import quorum_of
from bridge.light_client.types import ConsensusState
from bridge.v1.chainmaker_pb2 import (
    ChainmakerBlockHeader,
    ChainmakerConfigChange,
    ChainmakerContractResult,
    ChainmakerEndorsementEntry,
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
from bridge.v1.transaction_pb2 import ValidatorInfo
from bridge.wire import encode
from sh_adapter.transactions import TransactionTree, build_transaction, dag_of, public_key_member

BLOCK_VERSION = 2030200
"""Version of the blocks: ChainMaker 2.3.2, the version of the recordings these rules were checked on."""

TREES_KEPT = 32
"""Blocks whose transactions and trees are kept for proving, of a relayer's page: at most 0.3 MiB each."""


@dataclass(frozen=True, slots=True)
class _Tip:
    """The block that the next one follows, and the validators that sign the next one."""

    height: int
    header_hash: bytes
    time: Nanos
    validators: ChainmakerValidatorSet


class ChainmakerFormat:
    """BlockFormat (`bridge.ledger.types`) of a ChainMaker ledger whose validators' keys are held here."""

    def __init__(
        self,
        ledger_id: str,
        validators: Sequence[ValidatorInfo],
        signers: Iterable[Signer],
        high_water: HighWaterMark,
        genesis_time: Nanos,
        profile: ChainmakerProfile = PROFILE,
    ) -> None:
        """Start before the first block; `restore` moves to what was stored.

        `signers` hold the keys of validators, now or after a rotation, in any order. Raises VerificationError
        VALIDATOR_SET_INVALID for an unsound set, PreconditionError CONFIGURATION_INVALID when keys for a quorum lack.
        """
        self._ledger_id = ledger_id
        self._profile = profile
        self._suite_id = profile.suite_id
        self._hash: Hash = suite(profile.suite_id).hash
        self._signers = {signer.public_key: signer for signer in signers}
        self._high_water = high_water
        self._kept: OrderedDict[int, tuple[TransactionTree, Sequence[bytes]]] = OrderedDict()
        genesis_set = self._set_of(validators, 0)
        self._genesis_header = self._make_genesis(genesis_set, genesis_time)
        self._genesis_set = genesis_set
        self._tip = self._genesis_tip()

    def genesis(self) -> ConsensusState:
        """[SHB-2] The genesis block, height 0: its config transaction carries the first set, as ChainMaker's does."""
        return self._consensus_of(self._genesis_header, self._genesis_set)

    def restore(self, reader: BlockReader) -> None:
        """Continue after the newest sealed block."""
        height = reader.latest_height()
        self._kept.clear()
        self._tip = self._tip_after(reader.block(height)) if height else self._genesis_tip()

    def next_time(self, now: Nanos) -> Nanos:
        """[SHB-1] The whole second that has begun, or the tip's while the clock is behind it: time may stand still."""
        return Nanos(max(now // NANOS_PER_SECOND * NANOS_PER_SECOND, self._tip.time))

    def build(self, block: BlockInput) -> SealedBlock:
        """The unsigned block after the tip. PreconditionError STATE_CHANGED when it does not follow the tip.

        A rotation makes a config block, which has exactly that transaction.
        """
        self._require_follows(block.height, block.time)
        next_set = self._next_set(block)
        config = encode(next_set) if next_set is not None else b""
        forms: list[bytes] = []
        rw_hashes: list[bytes] = []
        signed: Sequence[tuple[bytes, bytes] | None] = block.signed or [None] * len(block.transactions)
        for submitted, result, pair in zip(block.transactions, block.results, signed, strict=True):
            transaction = build_transaction(self._hash, self._ledger_id, submitted, result, config, pair)
            forms.append(encode(transaction))
            rw_hashes.append(transaction.result.rw_set_hash)
        tree, _ = self._keep(block.height, forms)
        header = self._make_header(
            ChainmakerBlockHeader(
                block_type=BLOCK_NORMAL if next_set is None else BLOCK_CONFIG,
                block_height=block.height,
                pre_block_hash=self._tip.header_hash,
                tx_count=len(forms),
                tx_root=tree.root,
                rw_set_root=TransactionTree(self._hash, rw_hashes).root,
                block_timestamp=block.time // NANOS_PER_SECOND,
            ),
            self._tip.validators,
        )
        entry_count = block.first_position + sum(len(result.entries) for result in block.results)
        return SealedBlock(
            height=block.height,
            time=block.time,
            header=encode(header),
            commit=b"",
            header_hash=header.block_hash,
            validators=encode(self._tip.validators),
            consensus=self._consensus_of(header, next_set or self._tip.validators),
            entry_count=entry_count,
            provable_count=entry_count,
            extra=config,
            transaction_forms=tuple(forms),
        )

    def seal(self, block: SealedBlock) -> SealedBlock:
        """[SHB-4] The block with proposer's signature and votes; PreconditionError DOUBLE_SIGN_REFUSED below the mark.

        Both go into `commit`, as a ChainmakerUpdate of header and votes, because what was stored is not rewritten.
        """
        header = ChainmakerBlockHeader.FromString(block.header)
        self._require_follows(block.height, block.time)
        if block_hash(self._hash, header) != block.header_hash:
            raise PreconditionError(Reason.STORAGE_CORRUPT, "the stored header is not the one that was built")
        self._high_water.advance_all(block.height, block.header_hash)
        proposer = self._proposer(self._tip.validators, block.height)
        header.signature = self._signers[proposer.public_key].sign(block.header_hash)
        votes = {
            v.node_id: self._vote(v, block) for v in self._tip.validators.validators if v.public_key in self._signers
        }
        vote_set = ChainmakerVoteSet(
            type=PRECOMMIT, height=block.height, sum=len(votes), maj23=block.header_hash, votes=votes
        )
        return replace(block, commit=encode(ChainmakerUpdate(header=encode(header), vote_set=encode(vote_set))))

    def advance(self, sealed: SealedBlock) -> None:
        """Move the tip to a stored and sealed block."""
        self._require_follows(sealed.height, sealed.time)
        self._tip = self._tip_after(sealed)

    def needs_proof_block(self) -> bool:
        """False: a block proves its own entries."""
        return False

    def update(self, reader: BlockReader, height: int, trusted_height: int) -> bytes:
        """ChainmakerUpdate for `height`; it verifies from `trusted_height` when no config block lies between."""
        if not 0 <= trusted_height < height:
            raise PreconditionError(
                Reason.NON_INCREASING_HEIGHT, "a header is trusted from below", got=trusted_height, height=height
            )
        block = reader.block(height)
        update = ChainmakerUpdate.FromString(block.commit)
        update.trusted_height = trusted_height
        update.validators.ParseFromString(block.validators)
        if block.extra:
            update.config_change.CopyFrom(
                ChainmakerConfigChange(
                    transaction=reader.transaction_forms(height)[0],
                    next_validators=ChainmakerValidatorSet.FromString(block.extra),
                )
            )
        return encode(update)

    def provable_height(self, reader: BlockReader, position: int) -> int:
        """Height of the block that wrote the entry; 0 while there is no such entry."""
        entries = reader.entries(position, 1)
        return entries[0].height if entries else 0

    def prove(self, reader: BlockReader, first_position: int, count: int, proof_height: int) -> Sequence[ProvenRun]:
        """One run a transaction: the transaction, its path, and the entries asked for.

        Raises NotFoundError PACKET_NOT_FOUND when there are no such entries, PreconditionError HEIGHT_NOT_FOUND when
        `proof_height` is set and is not the block that wrote every one of them.
        """
        entries = reader.entries(first_position, count) if first_position >= 0 and count > 0 else ()
        if not entries or len(entries) < count:
            raise NotFoundError(Reason.PACKET_NOT_FOUND, "no such entries", first=first_position, count=count)
        runs: list[ProvenRun] = []
        for height, of_block in groupby(entries, key=lambda entry: entry.height):
            if proof_height not in (0, height):
                raise PreconditionError(
                    Reason.HEIGHT_NOT_FOUND, "a block proves its own entries only", got=proof_height, expected=height
                )
            runs.extend(self._prove_block(reader, height, list(of_block)))
        return runs

    def _prove_block(self, reader: BlockReader, height: int, entries: Sequence[StoredEntry]) -> Iterable[ProvenRun]:
        tree, forms = self._kept.get(height) or self._keep(height, reader.transaction_forms(height))
        for index, of_transaction in groupby(entries, key=lambda entry: entry.transaction_index):
            run = list(of_transaction)
            proof = TransactionProof(
                transaction_index=index,
                transaction=forms[index],
                siblings=tree.path(index),
                first_event=run[0].event_index,
            )
            yield ProvenRun(proof_height=height, proof=encode(proof), entries=run)

    def _keep(self, height: int, forms: Sequence[bytes]) -> tuple[TransactionTree, Sequence[bytes]]:
        self._kept[height] = kept = TransactionTree(self._hash, [self._hash(form) for form in forms]), tuple(forms)
        while len(self._kept) > TREES_KEPT:
            self._kept.popitem(last=False)
        return kept

    def _make_header(self, header: ChainmakerBlockHeader, validators: ChainmakerValidatorSet) -> ChainmakerBlockHeader:
        """Complete a header with what does not vary from block to block, the proposer, and its hash; not yet signed."""
        proposer = self._proposer(validators, header.block_height)
        header.block_version = BLOCK_VERSION
        header.chain_id = self._ledger_id
        header.pre_conf_height = validators.config_height
        header.dag_hash = dag_hash(self._hash, dag_of(header.tx_count))
        header.proposer.CopyFrom(public_key_member(self._suite_id, proposer.org_id, proposer.public_key))
        header.block_hash = block_hash(self._hash, header)
        return header

    def _make_genesis(self, validators: ChainmakerValidatorSet, time: Nanos) -> ChainmakerBlockHeader:
        """Header of height 0: a config block nobody signs, since its hash is what an anchor pins."""
        rw_hash = self._hash(b"")
        transaction = ChainmakerTransaction(
            payload=ChainmakerPayload(chain_id=self._ledger_id, contract_name=CONTRACT_NAME, method="genesis"),
            result=ChainmakerResult(
                contract_result=ChainmakerContractResult(result=encode(validators)), rw_set_hash=rw_hash
            ),
        )
        return self._make_header(
            ChainmakerBlockHeader(
                block_type=BLOCK_CONFIG,
                tx_count=1,
                tx_root=self._hash(encode(transaction)),
                rw_set_root=rw_hash,
                block_timestamp=time // NANOS_PER_SECOND,
            ),
            validators,
        )

    def _vote(self, validator: ChainmakerValidator, block: SealedBlock) -> ChainmakerVote:
        """A validator's precommit for the block, endorsed with its key."""
        vote = ChainmakerVote(type=PRECOMMIT, voter=validator.node_id, height=block.height, hash=block.header_hash)
        vote.endorsement.CopyFrom(
            ChainmakerEndorsementEntry(
                signer=public_key_member(self._suite_id, validator.org_id, validator.public_key),
                signature=self._signers[validator.public_key].sign(vote_sign_bytes(vote)),
            )
        )
        return vote

    def _proposer(self, validators: ChainmakerValidatorSet, height: int) -> ChainmakerValidator:
        """[SHB-3] The validator whose turn it is, among those whose keys are here."""
        held = [validator for validator in validators.validators if validator.public_key in self._signers]
        return held[height % len(held)]

    def _next_set(self, block: BlockInput) -> ChainmakerValidatorSet | None:
        """The set a rotation makes; None without one."""
        if block.rotation is None:
            return None
        if len(block.transactions) != 1:
            raise PreconditionError(
                Reason.STATE_CHANGED, "a config block has exactly one transaction", got=len(block.transactions)
            )
        return self._set_of(block.rotation.validators, block.height)

    def _set_of(self, validators: Iterable[ValidatorInfo], config_height: int) -> ChainmakerValidatorSet:
        """[SHB-5] The set of a config block, by node id; keys for a quorum must be here, or no block could follow.

        Every node stands for an organisation of its own, named as the node is.
        """
        members = [
            ChainmakerValidator(node_id=v.node_id, org_id=v.node_id, public_key=v.public_key)
            for v in sorted(validators, key=lambda v: v.node_id)
        ]
        made = ChainmakerValidatorSet(validators=members, config_height=config_height)
        require_config_set(self._suite_id, decode_validator_set(made), config_height)
        held = sum(member.public_key in self._signers for member in members)
        if held < quorum_of(len(members)):
            raise PreconditionError(
                Reason.CONFIGURATION_INVALID,
                "keys for too few validators",
                got=held,
                expected=quorum_of(len(members)),
            )
        return made

    def _require_follows(self, height: int, time: Nanos) -> None:
        tip = self._tip
        if height != tip.height + 1 or time < tip.time or time % NANOS_PER_SECOND:
            raise PreconditionError(
                Reason.STATE_CHANGED, "the block does not follow the tip", height=height, tip=tip.height, time=time
            )

    def _genesis_tip(self) -> _Tip:
        return _Tip(0, self._genesis_header.block_hash, self.genesis().time, self._genesis_set)

    def _tip_after(self, block: SealedBlock) -> _Tip:
        if not block.commit:
            raise PreconditionError(Reason.STATE_CHANGED, "the block is not sealed", height=block.height)
        return _Tip(
            block.height,
            block.header_hash,
            block.time,
            ChainmakerValidatorSet.FromString(block.extra or block.validators),
        )

    def _consensus_of(self, header: ChainmakerBlockHeader, next_set: ChainmakerValidatorSet) -> ConsensusState:
        return ConsensusState(
            ledger_id=self._ledger_id,
            height=header.block_height,
            time=header_time(header),
            header_hash=header.block_hash,
            root=state_root(self._hash, header.tx_root, header.tx_count),
            next_validators_hash=validator_set_hash(self._hash, next_set),
        )
