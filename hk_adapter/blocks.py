"""The parts of a CometBFT block as the Hong Kong ledger makes them: header, block bytes, votes, and what is remembered.

Values in, values out; the chain's tip and the keys belong to `block_format.py`, the byte rules to
`bridge.light_client.cometbft_bytes`.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bridge.clock import NANOS_PER_MILLISECOND, Nanos
from bridge.crypto.ports import Signer
from bridge.errors import PreconditionError, Reason
from bridge.light_client.cometbft_bytes import (
    bytes_field,
    commit_hash,
    commit_sign_bytes,
    consensus_hash,
    data_hash,
    hash_bytes,
    merkle_root,
    message_field,
    timestamp_bytes,
    validator_set_hash,
)
from bridge.light_client.cometbft_rules import BLOCK_PROTOCOL
from bridge.light_client.cometbft_types import (
    FLAG_ABSENT,
    FLAG_COMMIT,
    ZERO_BLOCK_ID,
    ZERO_TIME,
    BlockId,
    Commit,
    CommitSig,
    Header,
    PartSetHeader,
    Validator,
    ValidatorSet,
)
from bridge.light_client.cometbft_wire import commit_to_wire, header_to_wire
from bridge.v1.cometbft_pb2 import CometbftBlock, CometbftData, CometbftEvidenceList
from bridge.wire import encode

APP_VERSION = 1
"""version.app of the headers: the application's protocol."""

BLOCK_MAX_BYTES = 22_020_096
"""Consensus parameter block_max_bytes, CometBFT's default; hashed into every header."""

BLOCK_MAX_GAS = -1
"""Consensus parameter block_max_gas: no gas is metered."""

VOTE_DELAY = NANOS_PER_MILLISECOND
"""A vote's time is at least the block's time + 1 ms (spec/consensus/bft-time.md), and so is the next block's."""

GENESIS_DOMAIN = b"cargobridge/v1/genesis"
"""What the digest of a genesis begins to hash with."""

CONSENSUS_HASH = consensus_hash(BLOCK_MAX_BYTES, BLOCK_MAX_GAS)
EMPTY_HASH = merkle_root(())
"""Root over nothing: no evidence, no transactions, no results."""

NO_COMMIT = Commit(0, 0, ZERO_BLOCK_ID, ())
"""The last commit of the first block."""


@dataclass(frozen=True, slots=True)
class Succession:
    """What a block hands on: its part set header, the hash of its results, and the sets of the next two heights."""

    part_set_header: PartSetHeader
    results_hash: bytes
    next_set: bytes
    set_after_next: bytes


_SUCCESSION = struct.Struct(">32sI32sII")


def succession_bytes(succession: Succession, own_set: bytes) -> bytes:
    """The succession as stored with the block; a set equal to the one before it is left out, as nearly all are."""
    next_set = b"" if succession.next_set == own_set else succession.next_set
    after = b"" if succession.set_after_next == succession.next_set else succession.set_after_next
    parts = succession.part_set_header
    fixed = _SUCCESSION.pack(succession.results_hash, parts.total, parts.hash, len(next_set), len(after))
    return fixed + next_set + after


def read_succession(data: bytes, own_set: bytes) -> Succession:
    """The succession of stored bytes; PreconditionError STORAGE_CORRUPT when they are none."""
    if len(data) < _SUCCESSION.size:
        raise PreconditionError(Reason.STORAGE_CORRUPT, "a stored block lacks its succession", got=len(data))
    results_hash, total, parts_hash, next_length, after_length = _SUCCESSION.unpack_from(data)
    rest = data[_SUCCESSION.size :]
    if len(rest) != next_length + after_length:
        raise PreconditionError(Reason.STORAGE_CORRUPT, "a stored succession has a wrong length", got=len(rest))
    next_set = rest[:next_length] or own_set
    return Succession(PartSetHeader(total, parts_hash), results_hash, next_set, rest[next_length:] or next_set)


@dataclass(frozen=True, slots=True)
class Predecessor:
    """What a header says about the block before it."""

    block_id: BlockId
    commit: Commit
    results_hash: bytes


NO_PREDECESSOR = Predecessor(ZERO_BLOCK_ID, NO_COMMIT, EMPTY_HASH)
"""What the first block says about the block before it."""


def make_header(
    chain_id: str,
    *,
    height: int,
    time: Nanos,
    predecessor: Predecessor,
    validators: ValidatorSet,
    next_validators: ValidatorSet,
    transactions: Sequence[bytes],
    app_hash: bytes,
    proposer: Validator,
) -> Header:
    """[ENG-1] The header of a block, every hash of it computed from what it is the hash of."""
    return Header(
        version_block=BLOCK_PROTOCOL,
        version_app=APP_VERSION,
        chain_id=chain_id,
        height=height,
        time=time,
        last_block_id=predecessor.block_id,
        last_commit_hash=commit_hash(predecessor.commit),
        data_hash=data_hash(transactions),
        validators_hash=validator_set_hash(validators),
        next_validators_hash=validator_set_hash(next_validators),
        consensus_hash=CONSENSUS_HASH,
        app_hash=app_hash,
        last_results_hash=predecessor.results_hash,
        evidence_hash=EMPTY_HASH,
        proposer_address=proposer.address,
    )


def block_bytes(header: Header, transactions: Sequence[bytes], last_commit: Commit) -> bytes:
    """The whole block as CometBFT would gossip it; what the part set header is made of."""
    return encode(
        CometbftBlock(
            header=header_to_wire(header),
            data=CometbftData(txs=transactions),
            evidence=CometbftEvidenceList(),
            last_commit=commit_to_wire(last_commit),
        )
    )


def sign_commit(header: Header, block_id: BlockId, validators: ValidatorSet, signers: Mapping[bytes, Signer]) -> Commit:
    """[ENG-2] The commit of a block at round 0: a vote of every validator whose key is here, the others absent."""
    height, time = header.height, Nanos(header.time + VOTE_DELAY)
    unsigned = Commit(height, 0, block_id, ())
    entries = []
    for validator in validators.validators:
        signer = signers.get(validator.public_key)
        if signer is None:
            entries.append(CommitSig(FLAG_ABSENT, b"", ZERO_TIME, b""))
            continue
        vote = CommitSig(FLAG_COMMIT, validator.address, time, b"")
        signature = signer.sign(commit_sign_bytes(header.chain_id, unsigned, vote))
        entries.append(CommitSig(FLAG_COMMIT, validator.address, time, signature))
    return Commit(height, 0, block_id, tuple(entries))


def genesis_hash(chain_id: str, time: Nanos, validators: ValidatorSet) -> bytes:
    """[ENG-3] Digest of a genesis: it stands for a header hash at height 0, where CometBFT has no header."""
    return hash_bytes(
        GENESIS_DOMAIN
        + bytes_field(1, chain_id.encode())
        + message_field(2, timestamp_bytes(time))
        + bytes_field(3, validator_set_hash(validators))
    )
