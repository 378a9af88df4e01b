"""Blocks of the Hong Kong ledger: CometBFT 0.38 headers, commits and validator sets, signed by the keys held here.

Entries go into one RFC 6962 log, and a header's app_hash commits to the log as it was *before* the header's own block;
so a block's entries are provable from the next block on. What a block must look like is for
`bridge.light_client.cometbft` to say; here blocks are only made.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from bridge.clock import Nanos
from bridge.crypto.ports import Signer
from bridge.crypto.suites import suite
from bridge.errors import LimitError, NotFoundError, PreconditionError, Reason, VerificationError
from bridge.ledger.high_water import HighWaterMark
from bridge.ledger.types import BlockInput, BlockReader, ProvenRun, SealedBlock
from bridge.light_client.cometbft import log_app_hash, log_leaf
from bridge.light_client.cometbft_bytes import (
    SUITE_ID,
    address_of,
    canonical_order,
    hash_bytes,
    header_hash,
    part_set_header,
    results_hash,
    validator_set_hash,
)
from bridge.light_client.cometbft_rules import require_set
from bridge.light_client.cometbft_types import BlockId, Header, Validator, ValidatorSet
from bridge.light_client.cometbft_wire import (
    commit_from_wire,
    commit_to_wire,
    header_from_wire,
    header_to_wire,
    update_to_wire,
    validators_from_wire,
    validators_to_wire,
)
from bridge.light_client.types import ConsensusState
from bridge.merkle.log import MerkleLog
from bridge.v1.cometbft_pb2 import CometbftCommit, CometbftHeader, CometbftValidatorSet
from bridge.v1.proof_pb2 import LogRangeProof
from bridge.v1.transaction_pb2 import ValidatorInfo
from bridge.wire import encode
from hk_adapter.blocks import (
    NO_PREDECESSOR,
    VOTE_DELAY,
    Predecessor,
    Succession,
    block_bytes,
    genesis_hash,
    make_header,
    read_succession,
    sign_commit,
    succession_bytes,
)

MAX_VALIDATORS = 64
"""Most validators of an embedded ledger; their votes are the size of every header update."""

LEAVES_PER_READ = 10_000
"""Leaf hashes read at a time when the log is rebuilt at start: 320 kB."""


@dataclass(frozen=True, slots=True)
class _Tip:
    """The block that the next one follows, and the validators of the next block and of the one after it."""

    height: int
    time: Nanos
    predecessor: Predecessor
    validators: ValidatorSet
    next_validators: ValidatorSet
    provable_count: int


class CometbftFormat:
    """BlockFormat (`bridge.ledger.types`) of a CometBFT ledger whose validators' keys are held here."""

    def __init__(
        self,
        ledger_id: str,
        validators: Sequence[ValidatorInfo],
        signers: Iterable[Signer],
        high_water: HighWaterMark,
        genesis_time: Nanos,
    ) -> None:
        """Start before the first block; `restore` moves to what was stored.

        `signers` hold the keys of validators, now or after a rotation, in any order. Raises VerificationError
        VALIDATOR_SET_INVALID for an unsound set, PreconditionError CONFIGURATION_INVALID when keys for a quorum lack.
        """
        self._ledger_id = ledger_id
        self._signers = {signer.public_key: signer for signer in signers}
        self._high_water = high_water
        self._genesis_time = genesis_time
        self._genesis_set = self._set_of(validators)
        self._log = MerkleLog(hash_bytes)
        self._tip = self._genesis_tip()

    def genesis(self) -> ConsensusState:
        """Height 0: an empty log and the first validator set, under a digest of ours; there is no header there."""
        return ConsensusState(
            ledger_id=self._ledger_id,
            height=0,
            time=self._genesis_time,
            header_hash=genesis_hash(self._ledger_id, self._genesis_time, self._genesis_set),
            root=log_app_hash(0, hash_bytes(b"")),
            next_validators_hash=validator_set_hash(self._genesis_set),
        )

    def restore(self, reader: BlockReader) -> None:
        """Continue after the newest sealed block, with the log rebuilt from its leaves.

        Raises PreconditionError STORAGE_CORRUPT when the leaves are not those the headers commit to.
        """
        self._log = MerkleLog(hash_bytes)
        height = reader.latest_height()
        if not height:
            self._tip = self._genesis_tip()
            return
        sealed = reader.block(height)
        while self._log.size < sealed.entry_count:
            leaves = reader.leaves(self._log.size, min(LEAVES_PER_READ, sealed.entry_count - self._log.size))
            if not leaves:
                raise PreconditionError(
                    Reason.STORAGE_CORRUPT, "the log lacks leaves", got=self._log.size, expected=sealed.entry_count
                )
            self._log.append(leaves)
        self._require_restored(reader, sealed)
        self._tip = self._tip_after(sealed)

    def next_time(self, now: Nanos) -> Nanos:
        """[ENG-4] The proposer's clock, or 1 ms after the tip while the clock is behind that."""
        return Nanos(max(now, self._tip.time + VOTE_DELAY))

    def build(self, block: BlockInput) -> SealedBlock:
        """The unsigned block after the tip. PreconditionError STATE_CHANGED when it does not follow the tip.

        [ENG-5] A rotation is the set after next: it is announced by the next header and signs the one after that.
        """
        tip = self._tip
        self._require_follows(block.height, block.time)
        if block.first_position != self._log.size:
            raise PreconditionError(
                Reason.STATE_CHANGED,
                "the block's entries do not follow the log",
                got=block.first_position,
                expected=self._log.size,
            )
        after_next = tip.next_validators if block.rotation is None else self._set_of(block.rotation.validators)
        header = make_header(
            self._ledger_id,
            height=block.height,
            time=block.time,
            predecessor=tip.predecessor,
            validators=tip.validators,
            next_validators=tip.next_validators,
            transactions=block.transactions,
            app_hash=log_app_hash(self._log.size, self._log.root()),
            proposer=self._proposer(tip.validators, block.height),
        )
        succession = Succession(
            part_set_header=part_set_header(block_bytes(header, block.transactions, tip.predecessor.commit)),
            results_hash=results_hash((result.code, result.data) for result in block.results),
            next_set=encode(validators_to_wire(tip.next_validators)),
            set_after_next=encode(validators_to_wire(after_next)),
        )
        leaves = tuple(log_leaf(written.entry) for result in block.results for written in result.entries)
        own_set = encode(validators_to_wire(tip.validators))
        digest = header_hash(header)
        return SealedBlock(
            height=block.height,
            time=block.time,
            header=encode(header_to_wire(header)),
            commit=b"",
            header_hash=digest,
            validators=own_set,
            consensus=_consensus_of(header, digest),
            entry_count=block.first_position + len(leaves),
            provable_count=block.first_position,
            extra=succession_bytes(succession, own_set),
            leaves=leaves,
        )

    def seal(self, block: SealedBlock) -> SealedBlock:
        """The block with the validators' votes; PreconditionError DOUBLE_SIGN_REFUSED below the signers' mark."""
        self._require_follows(block.height, block.time)
        header = header_from_wire(CometbftHeader.FromString(block.header))
        if header_hash(header) != block.header_hash:
            raise PreconditionError(Reason.STORAGE_CORRUPT, "the stored header is not the one that was built")
        block_id = BlockId(block.header_hash, read_succession(block.extra, block.validators).part_set_header)
        self._high_water.advance_all(block.height, block.header_hash)
        commit = sign_commit(header, block_id, _read_set(block.validators), self._signers)
        return replace(block, commit=encode(commit_to_wire(commit)))

    def advance(self, sealed: SealedBlock) -> None:
        """Move the tip to a stored and sealed block, and its entries into the log."""
        self._require_follows(sealed.height, sealed.time)
        if self._log.size + len(sealed.leaves) != sealed.entry_count:
            raise PreconditionError(
                Reason.STORAGE_CORRUPT,
                "the block's leaves do not complete the log",
                got=self._log.size + len(sealed.leaves),
                expected=sealed.entry_count,
            )
        tip = self._tip_after(sealed)
        self._log.append(sealed.leaves)
        self._tip = tip

    def needs_proof_block(self) -> bool:
        """[ENG-6] True while there are entries that the tip's app_hash does not commit to."""
        return self._tip.provable_count < self._log.size

    def update(self, reader: BlockReader, height: int, trusted_height: int) -> bytes:
        """CometbftUpdate for `height`; the trusted set is the one that signed the height after the trusted one."""
        if not 0 <= trusted_height < height:
            raise PreconditionError(
                Reason.NON_INCREASING_HEIGHT, "a header is trusted from below", got=trusted_height, height=height
            )
        block = reader.block(height)
        trusted = block if trusted_height + 1 == height else reader.block(trusted_height + 1)
        return encode(
            update_to_wire(
                CometbftHeader.FromString(block.header),
                CometbftCommit.FromString(block.commit),
                CometbftValidatorSet.FromString(block.validators),
                trusted_height,
                CometbftValidatorSet.FromString(trusted.validators),
            )
        )

    def provable_height(self, reader: BlockReader, position: int) -> int:
        """Height after the block that wrote the entry; 0 while there is no such block."""
        if position >= self._tip.provable_count:
            return 0
        entries = reader.entries(position, 1)
        return entries[0].height + 1 if entries else 0

    def prove(self, reader: BlockReader, first_position: int, count: int, proof_height: int) -> Sequence[ProvenRun]:
        """One run under the log of `proof_height`, or of the tip.

        Raises NotFoundError PACKET_NOT_FOUND when there are no such entries, PreconditionError HEIGHT_NOT_FOUND when
        that height does not prove all of them.
        """
        entries = reader.entries(first_position, count) if first_position >= 0 and count > 0 else ()
        if not entries or len(entries) < count:
            raise NotFoundError(Reason.PACKET_NOT_FOUND, "no such entries", first=first_position, count=count)
        height = proof_height or self._tip.height
        size = self._tip.provable_count if height == self._tip.height else reader.block(height).provable_count
        if first_position + count > size:
            raise PreconditionError(
                Reason.HEIGHT_NOT_FOUND,
                "these entries are provable at a later height only",
                height=height,
                got=first_position + count,
                provable=size,
            )
        proof = LogRangeProof(
            log_size=size,
            log_root=self._log.root(size),
            first_index=first_position,
            hashes=self._log.range_proof(first_position, count, size),
        )
        return (ProvenRun(proof_height=height, proof=encode(proof), entries=entries),)

    def _proposer(self, validators: ValidatorSet, height: int) -> Validator:
        """The validator whose turn it is, among those whose keys are here; a light client does not ask who proposed."""
        held = [validator for validator in validators.validators if validator.public_key in self._signers]
        return held[height % len(held)]

    def _set_of(self, validators: Iterable[ValidatorInfo]) -> ValidatorSet:
        """The set in canonical order; keys for more than two thirds of it must be here, or no block could follow."""
        members = [(validator.public_key, validator.voting_power) for validator in validators]
        if len(members) > MAX_VALIDATORS:
            raise LimitError(Reason.LIMIT_EXCEEDED, "too many validators", got=len(members), limit=MAX_VALIDATORS)
        if not members or any(power > 2**63 - 1 for _, power in members):
            raise VerificationError(Reason.VALIDATOR_SET_INVALID, "no validators, or a power out of range")
        for key, _ in members:
            suite(SUITE_ID).decode_public_key(key)
        made = canonical_order(Validator(address_of(key), key, power) for key, power in members)
        require_set(made)
        held = sum(v.voting_power for v in made.validators if v.public_key in self._signers)
        if held * 3 <= made.total_power * 2:
            raise PreconditionError(
                Reason.CONFIGURATION_INVALID, "keys for too little voting power", got=held, total=made.total_power
            )
        return made

    def _require_follows(self, height: int, time: Nanos) -> None:
        tip = self._tip
        if height != tip.height + 1 or time < tip.time + VOTE_DELAY:
            raise PreconditionError(
                Reason.STATE_CHANGED, "the block does not follow the tip", height=height, tip=tip.height, time=time
            )

    def _require_restored(self, reader: BlockReader, newest: SealedBlock) -> None:
        """[ENG-7] The rebuilt log is the one the newest header commits to, then that block's own entries."""
        covered = newest.provable_count
        own = reader.entries(covered, newest.entry_count - covered) if newest.entry_count > covered else ()
        own_leaves = [log_leaf(stored.written.entry) for stored in own]
        if (
            log_app_hash(covered, self._log.root(covered)) != newest.consensus.root
            or own_leaves != (self._log.leaf_hashes(covered, newest.entry_count - covered) if own_leaves else [])
            or covered + len(own_leaves) != newest.entry_count
        ):
            raise PreconditionError(
                Reason.STORAGE_CORRUPT,
                "the stored log is not the one the newest header commits to",
                height=newest.height,
            )

    def _genesis_tip(self) -> _Tip:
        return _Tip(0, self._genesis_time, NO_PREDECESSOR, self._genesis_set, self._genesis_set, 0)

    def _tip_after(self, sealed: SealedBlock) -> _Tip:
        if not sealed.commit:
            raise PreconditionError(Reason.STATE_CHANGED, "the block is not sealed", height=sealed.height)
        succession = read_succession(sealed.extra, sealed.validators)
        commit = commit_from_wire(CometbftCommit.FromString(sealed.commit))
        return _Tip(
            height=sealed.height,
            time=sealed.time,
            predecessor=Predecessor(commit.block_id, commit, succession.results_hash),
            validators=_read_set(succession.next_set),
            next_validators=_read_set(succession.set_after_next),
            provable_count=sealed.provable_count,
        )


def _read_set(data: bytes) -> ValidatorSet:
    return validators_from_wire(CometbftValidatorSet.FromString(data))


def _consensus_of(header: Header, digest: bytes) -> ConsensusState:
    return ConsensusState(
        ledger_id=header.chain_id,
        height=header.height,
        time=header.time,
        header_hash=digest,
        root=header.app_hash,
        next_validators_hash=header.next_validators_hash,
    )
