"""Blocks of a notary ledger: every block is a checkpoint of one log, signed by the notaries whose keys are held here.

A checkpoint commits to the log with the block's own entries, so they are provable at once and no block is ever cut for
a proof's sake. What a checkpoint must be is for `profile.py` to say; here checkpoints are only made.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from notary_ledger.checkpoint import (
    Checkpoint,
    Notary,
    notaries_bytes,
    notaries_hash,
    read_checkpoint,
    read_notaries,
    update_bytes,
)
from notary_ledger.peaks import Peaks, peaks_root, with_leaves
from notary_ledger.profile import consensus_of, digest_of, is_quorum, log_leaf, log_root, require_set

from bridge.clock import Nanos
from bridge.crypto.ports import Signer
from bridge.errors import NotFoundError, PreconditionError, Reason
from bridge.ledger.high_water import HighWaterMark
from bridge.ledger.types import BlockInput, BlockReader, ProvenRun, SealedBlock, TransactionResult
from bridge.light_client.types import ConsensusState
from bridge.merkle import rfc6962
from bridge.merkle.log import MerkleLog
from bridge.v1.proof_pb2 import LogRangeProof
from bridge.v1.transaction_pb2 import ValidatorInfo
from bridge.wire import encode

LEAVES_PER_READ = 10_000
"""Leaf hashes read at a time when the log is rebuilt at start: 320 kB."""

GENESIS_DOMAIN = b"cargobridge-notary/v1/genesis\n"
"""What the digest that stands for the checkpoint at height 0 begins to hash with."""

ABSENT = b"-"
"""Stands in a stored commit where a notary did not sign."""


@dataclass(frozen=True, slots=True)
class _Tip:
    """The checkpoint that the next one follows, the notaries that sign the next one, and the log's right edge."""

    consensus: ConsensusState
    notaries: tuple[Notary, ...]
    peaks: Peaks


class NotaryFormat:
    """BlockFormat (`bridge.ledger.types`) of a ledger whose notaries' keys are held here."""

    def __init__(
        self,
        ledger_id: str,
        validators: Sequence[ValidatorInfo],
        signers: Iterable[Signer],
        high_water: HighWaterMark,
        genesis_time: Nanos,
    ) -> None:
        """Start before the first block; `restore` moves to what was stored.

        `signers` hold the keys of notaries, now or after a rotation, in any order. Raises VerificationError
        VALIDATOR_SET_INVALID for an unsound set, PreconditionError CONFIGURATION_INVALID when keys for a quorum lack.
        """
        self._ledger_id = ledger_id
        self._signers = {signer.public_key: signer for signer in signers}
        self._high_water = high_water
        self._genesis_time = genesis_time
        self._genesis_set = self._set_of(validators)
        self._log = MerkleLog(digest_of)
        self._tip = self._genesis_tip()

    def genesis(self) -> ConsensusState:
        """Height 0: an empty log and the first set, under a digest of both; nothing is signed there."""
        notaries = notaries_hash(self._genesis_set)
        start = f"{self._ledger_id}\n{self._genesis_time}\n".encode()
        return ConsensusState(
            ledger_id=self._ledger_id,
            height=0,
            time=self._genesis_time,
            header_hash=sha256(GENESIS_DOMAIN + start + notaries).digest(),
            root=log_root(0, digest_of(b"")),
            next_validators_hash=notaries,
        )

    def restore(self, reader: BlockReader) -> None:
        """Continue after the newest sealed block, with the log rebuilt from its leaves and held against its root."""
        self._log = MerkleLog(digest_of)
        height = reader.latest_height()
        if not height:
            self._tip = self._genesis_tip()
            return
        newest = reader.block(height)
        peaks: Peaks = ()
        while self._log.size < newest.entry_count:
            leaves = reader.leaves(self._log.size, min(LEAVES_PER_READ, newest.entry_count - self._log.size))
            if not leaves:
                break
            self._log.append(leaves)
            peaks = with_leaves(digest_of, peaks, leaves)
        if log_root(self._log.size, self._log.root()) != newest.consensus.root:
            raise PreconditionError(
                Reason.STORAGE_CORRUPT, "the stored log is not the one of the newest checkpoint", height=height
            )
        self._tip = _Tip(newest.consensus, read_notaries(newest.extra), peaks)

    def next_time(self, now: Nanos) -> Nanos:
        """The clock, or a nanosecond after the tip while the clock is behind that."""
        return Nanos(max(now, self._tip.consensus.time + 1))

    def build(self, block: BlockInput) -> SealedBlock:
        """The unsigned block after the tip. A rotation signs from the next block on."""
        self._require_follows(block.height, block.time, block.first_position)
        tip = self._tip
        following = tip.notaries if block.rotation is None else self._set_of(block.rotation.validators)
        leaves = tuple(log_leaf(written.entry) for result in block.results for written in result.entries)
        size = self._log.size + len(leaves)
        checkpoint = Checkpoint(
            ledger_id=self._ledger_id,
            height=block.height,
            time=block.time,
            size=size,
            root=peaks_root(digest_of, with_leaves(digest_of, tip.peaks, leaves)),
            previous=tip.consensus.header_hash,
            transactions=_list_root(block.transactions),
            results=_list_root([_result_bytes(result) for result in block.results]),
            notaries=notaries_hash(tip.notaries),
            next_notaries=notaries_hash(following),
        )
        return SealedBlock(
            height=block.height,
            time=block.time,
            header=checkpoint.text,
            commit=b"",
            header_hash=checkpoint.digest,
            validators=notaries_bytes(tip.notaries),
            consensus=consensus_of(checkpoint),
            entry_count=size,
            provable_count=size,
            extra=notaries_bytes(following),
            leaves=leaves,
        )

    def seal(self, block: SealedBlock) -> SealedBlock:
        """The block with its notaries' signatures; PreconditionError DOUBLE_SIGN_REFUSED below the signers' mark."""
        self._require_follows(block.height, block.time, self._log.size)
        if read_checkpoint(block.header).digest != block.header_hash:
            raise PreconditionError(Reason.STORAGE_CORRUPT, "the stored checkpoint is not the one that was built")
        self._high_water.advance_all(block.height, block.header_hash)
        signers = [self._signers.get(notary.public_key) for notary in read_notaries(block.validators)]
        votes = [signer.sign(block.header).hex().encode() if signer else ABSENT for signer in signers]
        return replace(block, commit=b" ".join(votes))

    def advance(self, sealed: SealedBlock) -> None:
        """Move the tip to a stored and sealed block, and its entries into the log."""
        self._require_follows(sealed.height, sealed.time, sealed.entry_count - len(sealed.leaves))
        if not sealed.commit:
            raise PreconditionError(Reason.STATE_CHANGED, "the block is not sealed", height=sealed.height)
        peaks = with_leaves(digest_of, self._tip.peaks, sealed.leaves)
        tip = _Tip(sealed.consensus, read_notaries(sealed.extra), peaks)
        self._log.append(sealed.leaves)
        self._tip = tip

    def needs_proof_block(self) -> bool:
        """Never: a block proves its own entries."""
        return False

    def update(self, reader: BlockReader, height: int, trusted_height: int) -> bytes:
        """The update of a block; it has one form wherever it is verified from, but for the height it names."""
        if not 0 <= trusted_height < height:
            raise PreconditionError(
                Reason.NON_INCREASING_HEIGHT, "a header is trusted from below", got=trusted_height, height=height
            )
        block = reader.block(height)
        signatures = [b"" if vote == ABSENT else bytes.fromhex(vote.decode()) for vote in block.commit.split(b" ")]
        return update_bytes(block.header, read_notaries(block.validators), signatures, trusted_height)

    def provable_height(self, reader: BlockReader, position: int) -> int:
        """Height of the block that wrote the entry; 0 when there is no such entry."""
        entries = reader.entries(position, 1) if 0 <= position < self._log.size else ()
        return entries[0].height if entries else 0

    def prove(self, reader: BlockReader, first_position: int, count: int, proof_height: int) -> Sequence[ProvenRun]:
        """One run under the log of `proof_height`, or of the tip.

        Raises NotFoundError PACKET_NOT_FOUND when there are no such entries, PreconditionError HEIGHT_NOT_FOUND when
        that height does not prove all of them.
        """
        entries = reader.entries(first_position, count) if first_position >= 0 and count > 0 else ()
        if not entries or len(entries) < count:
            raise NotFoundError(Reason.PACKET_NOT_FOUND, "no such entries", first=first_position, count=count)
        height = proof_height or self._tip.consensus.height
        size = self._log.size if height == self._tip.consensus.height else reader.block(height).entry_count
        if first_position + count > size:
            raise PreconditionError(
                Reason.HEIGHT_NOT_FOUND, "these entries are provable at a later height only", height=height
            )
        proof = LogRangeProof(
            log_size=size,
            log_root=self._log.root(size),
            first_index=first_position,
            hashes=self._log.range_proof(first_position, count, size),
        )
        return (ProvenRun(proof_height=height, proof=encode(proof), entries=entries),)

    def _set_of(self, validators: Iterable[ValidatorInfo]) -> tuple[Notary, ...]:
        """The set in the order of its keys; keys for a quorum of it must be here, or no block could follow."""
        made = [Notary(validator.public_key, validator.voting_power) for validator in validators]
        notaries = tuple(sorted(made, key=lambda notary: notary.public_key))
        require_set(notaries)
        held = sum(notary.power for notary in notaries if notary.public_key in self._signers)
        total = sum(notary.power for notary in notaries)
        if not is_quorum(held, total):
            raise PreconditionError(Reason.CONFIGURATION_INVALID, "keys for too little power", got=held, total=total)
        return notaries

    def _require_follows(self, height: int, time: Nanos, first_position: int) -> None:
        tip = self._tip.consensus
        if height != tip.height + 1 or time <= tip.time or first_position != self._log.size:
            raise PreconditionError(
                Reason.STATE_CHANGED, "the block does not follow the tip", height=height, tip=tip.height
            )

    def _genesis_tip(self) -> _Tip:
        return _Tip(self.genesis(), self._genesis_set, ())


def _list_root(parts: Sequence[bytes]) -> bytes:
    """One hash of a list of byte strings."""
    return rfc6962.root(digest_of, [rfc6962.leaf_hash(digest_of, part) for part in parts])


def _result_bytes(result: TransactionResult) -> bytes:
    """What is hashed of a result."""
    return result.code.to_bytes(4, "big") + result.data
