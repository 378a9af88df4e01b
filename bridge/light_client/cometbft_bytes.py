"""CometBFT's byte rules: what a header, a vote, a validator set and a block's other parts hash or sign.

Written out rather than left to a protobuf library, because gogoproto always writes non-nullable sub-messages and these
bytes must never move with a library. Pure functions of values; nothing here judges.
Source: CometBFT 0.38 types/block.go, types/canonical.go, types/validator_set.go, types/part_set.go, types/results.go,
types/params.go, crypto/merkle; golden values in its types/block_test.go and types/vote_test.go.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

from bridge.clock import NANOS_PER_SECOND
from bridge.crypto.suites import suite
from bridge.light_client.cometbft_types import (
    ADDRESS_BYTES,
    BlockId,
    Commit,
    CommitSig,
    Header,
    PartSetHeader,
    Validator,
    ValidatorSet,
)
from bridge.merkle import rfc6962

SUITE_ID = "sha256-ed25519"
"""The one suite of the format; another hash or key type would be another profile."""

hash_bytes = suite(SUITE_ID).hash
"""SHA-256 (crypto/tmhash)."""

PRECOMMIT = 2
"""Type of the votes a commit is made of (types.PrecommitType)."""

PART_BYTES = 65_536
"""Size of a block part in bytes (types.BlockPartSizeBytes)."""

_UINT64 = 2**64 - 1


def uvarint(value: int) -> bytes:
    """A protobuf varint of a number in 0..2^64-1."""
    if value < 0x80:
        return bytes((value,))
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def varint_field(number: int, value: int) -> bytes:
    """A varint field, left out when zero; a negative value takes ten bytes, as in two's complement."""
    return uvarint(number << 3) + uvarint(value & _UINT64) if value else b""


def bytes_field(number: int, data: bytes) -> bytes:
    """A length-delimited field, left out when empty."""
    return message_field(number, data) if data else b""


def message_field(number: int, data: bytes) -> bytes:
    """A non-nullable sub-message: written even when empty."""
    return uvarint(number << 3 | 2) + uvarint(len(data)) + data


def timestamp_bytes(nanos: int) -> bytes:
    """google.protobuf.Timestamp of nanoseconds since the epoch."""
    seconds, rest = divmod(nanos, NANOS_PER_SECOND)
    return varint_field(1, seconds) + varint_field(2, rest)


def block_id_bytes(block_id: BlockId) -> bytes:
    """tendermint.types.BlockID, and CanonicalBlockID, which is the same bytes."""
    parts = varint_field(1, block_id.part_set_header.total) + bytes_field(2, block_id.part_set_header.hash)
    return bytes_field(1, block_id.hash) + message_field(2, parts)


def merkle_root(items: Iterable[bytes]) -> bytes:
    """Root over items; an empty list has the hash of nothing (crypto/merkle/tree.go, which is RFC 6962)."""
    return rfc6962.root(hash_bytes, [rfc6962.leaf_hash(hash_bytes, item) for item in items])


def header_hash(header: Header) -> bytes:
    """[CMT-1] Root over the header's fourteen fields; empty when validators_hash is, as the original has no hash then.

    A scalar is wrapped in a one-field message; an empty one gives an empty leaf.
    """
    if not header.validators_hash:
        return b""
    return merkle_root(
        (
            varint_field(1, header.version_block) + varint_field(2, header.version_app),
            bytes_field(1, header.chain_id.encode()),
            varint_field(1, header.height),
            timestamp_bytes(header.time),
            block_id_bytes(header.last_block_id),
            bytes_field(1, header.last_commit_hash),
            bytes_field(1, header.data_hash),
            bytes_field(1, header.validators_hash),
            bytes_field(1, header.next_validators_hash),
            bytes_field(1, header.consensus_hash),
            bytes_field(1, header.app_hash),
            bytes_field(1, header.last_results_hash),
            bytes_field(1, header.evidence_hash),
            bytes_field(1, header.proposer_address),
        )
    )


def vote_sign_bytes(
    chain_id: str, *, height: int, round_: int, block_id: BlockId | None, timestamp: int, vote_type: int = PRECOMMIT
) -> bytes:
    """[CMT-2] What a validator signs: the length-prefixed CanonicalVote; `block_id` None for a vote for no block."""
    vote = b"".join(
        (
            varint_field(1, vote_type),
            b"\x11" + struct.pack("<q", height) if height else b"",
            b"\x19" + struct.pack("<q", round_) if round_ else b"",
            b"" if block_id is None else message_field(4, block_id_bytes(block_id)),
            message_field(5, timestamp_bytes(timestamp)),
            bytes_field(6, chain_id.encode()),
        )
    )
    return uvarint(len(vote)) + vote


def commit_sign_bytes(chain_id: str, commit: Commit, entry: CommitSig) -> bytes:
    """[CMT-2] What the signer of a commit's entry for the block signed: every signer has its own time."""
    return vote_sign_bytes(
        chain_id, height=commit.height, round_=commit.round, block_id=commit.block_id, timestamp=entry.timestamp
    )


def address_of(public_key: bytes) -> bytes:
    """[CMT-3] A validator's address: the first 20 bytes of its key's hash."""
    return hash_bytes(public_key)[:ADDRESS_BYTES]


def validator_set_hash(validators: ValidatorSet) -> bytes:
    """[CMT-3] Root over SimpleValidator {pub_key, voting_power}; addresses and priorities are not covered."""
    return merkle_root(
        message_field(1, bytes_field(1, validator.public_key)) + varint_field(2, validator.voting_power)
        for validator in validators.validators
    )


def canonical_order(validators: Iterable[Validator]) -> ValidatorSet:
    """[CMT-3] The set in its one order: power descending, then address ascending."""
    return ValidatorSet(tuple(sorted(validators, key=lambda v: (-v.voting_power, v.address))))


def commit_hash(commit: Commit) -> bytes:
    """[CMT-4] last_commit_hash of the next header: root over the commit's entries."""
    return merkle_root(
        varint_field(1, entry.block_id_flag)
        + bytes_field(2, entry.validator_address)
        + message_field(3, timestamp_bytes(entry.timestamp))
        + bytes_field(4, entry.signature)
        for entry in commit.signatures
    )


def data_hash(transactions: Sequence[bytes]) -> bytes:
    """[CMT-4] Root over the hashes of the transactions."""
    return merkle_root(hash_bytes(transaction) for transaction in transactions)


def results_hash(results: Iterable[tuple[int, bytes]]) -> bytes:
    """[CMT-4] last_results_hash of the next header: root over each ExecTxResult's code and data; no gas is metered."""
    return merkle_root(varint_field(1, code) + bytes_field(2, data) for code, data in results)


def consensus_hash(block_max_bytes: int, block_max_gas: int) -> bytes:
    """[CMT-4] Hash of the hashed consensus parameters; plain, no tree."""
    return hash_bytes(varint_field(1, block_max_bytes) + varint_field(2, block_max_gas))


def part_set_header(block: bytes) -> PartSetHeader:
    """[CMT-4] A block's bytes cut into parts, and the root over them."""
    parts = [block[start : start + PART_BYTES] for start in range(0, len(block), PART_BYTES)]
    return PartSetHeader(len(parts), merkle_root(parts))
