"""The values of the cometbft profile: headers, commits and validator sets, each well formed once it exists.

Form only: lengths, integer ranges, limits. What a header must satisfy to be believed is in `cometbft_rules.py`, how its
bytes are hashed in `cometbft_bytes.py`, how it travels in `cometbft_wire.py`.
Source: CometBFT 0.38 types/block.go, types/validator.go, proto/tendermint/types.
"""

from __future__ import annotations

from dataclasses import dataclass

from bridge.clock import NANOS_PER_SECOND, Nanos
from bridge.errors import DecodeError, LimitError, Reason
from bridge.wire import MAX_TIMESTAMP_SECONDS, require_text

HASH_BYTES = 32
"""Length of SHA-256 digests and of Ed25519 public keys, in bytes."""

ADDRESS_BYTES = 20
"""Length of a validator's address, in bytes: the first part of its key's hash (crypto/ed25519/ed25519.go)."""

SIGNATURE_BYTES = 64
"""Length of an Ed25519 signature, in bytes."""

MAX_CHAIN_ID_BYTES = 50
"""Longest chain id in bytes (types.MaxChainIDLen)."""

MAX_VALIDATORS = 10_000
"""Most validators of a set and votes of a commit (types.MaxVotesCount)."""

MIN_SECONDS = -62_135_596_800
"""First second of year 1: Go's zero time, which an absent vote carries."""

ZERO_TIME = Nanos(MIN_SECONDS * NANOS_PER_SECOND)
"""Go's zero time in nanoseconds since the epoch."""

INT64_MAX = 2**63 - 1

FLAG_ABSENT = 1
FLAG_COMMIT = 2
FLAG_NIL = 3
"""What an entry of a commit says: no vote, a vote for this block, a vote for no block (types.BlockIDFlag)."""


def require_range(value: int, field: str, least: int, most: int) -> int:
    """The value when it is within the range; DecodeError INVALID_FIELD otherwise.

    Python's integers do not wrap, so a range that the wire format implies must be asked for: a power of p - 2^64 would
    encode, and hash, exactly like p (cardano-ibc-incubator issue 668).
    """
    if not least <= value <= most:
        raise DecodeError(Reason.INVALID_FIELD, f"{field} is out of range", field=field)
    return value


def require_time(value: int, field: str) -> int:
    """Nanoseconds within the years 1 to 9999; DecodeError INVALID_FIELD otherwise."""
    return require_range(value, field, ZERO_TIME, (MAX_TIMESTAMP_SECONDS + 1) * NANOS_PER_SECOND - 1)


def _require_hash(data: bytes, field: str) -> None:
    _require_lengths(data, field, (0, HASH_BYTES))


def _require_lengths(data: bytes, field: str, lengths: tuple[int, ...]) -> None:
    if len(data) not in lengths:
        raise DecodeError(
            Reason.INVALID_FIELD, f"{field} has a wrong length", field=field, got=len(data), expected=lengths[-1]
        )


def _require_count(count: int, field: str) -> None:
    if count > MAX_VALIDATORS:
        raise LimitError(Reason.LIMIT_EXCEEDED, f"too many {field}", got=count, limit=MAX_VALIDATORS)


@dataclass(frozen=True, slots=True)
class PartSetHeader:
    """How many parts the block was cut into, and the root over them."""

    total: int
    hash: bytes

    def __post_init__(self) -> None:
        require_range(self.total, "part_set_header.total", 0, 2**32 - 1)
        _require_hash(self.hash, "part_set_header.hash")


@dataclass(frozen=True, slots=True)
class BlockId:
    """Name of a block: header hash and part set header."""

    hash: bytes
    part_set_header: PartSetHeader

    def __post_init__(self) -> None:
        _require_hash(self.hash, "block_id.hash")

    def is_zero(self) -> bool:
        """True for the id that names no block, such as the first block's last_block_id."""
        return not self.hash and not self.part_set_header.hash and self.part_set_header.total == 0


ZERO_BLOCK_ID = BlockId(b"", PartSetHeader(0, b""))
"""The id that names no block."""


@dataclass(frozen=True, slots=True)
class Header:
    """A block header. An empty hash is well formed here because the format has empty hashes; rules decide later."""

    version_block: int
    version_app: int
    chain_id: str
    height: int
    time: Nanos
    last_block_id: BlockId
    last_commit_hash: bytes
    data_hash: bytes
    validators_hash: bytes
    next_validators_hash: bytes
    consensus_hash: bytes
    app_hash: bytes
    last_results_hash: bytes
    evidence_hash: bytes
    proposer_address: bytes

    def __post_init__(self) -> None:
        require_range(self.version_block, "version.block", 0, 2**64 - 1)
        require_range(self.version_app, "version.app", 0, 2**64 - 1)
        require_range(self.height, "height", -(2**63), INT64_MAX)
        require_time(self.time, "time")
        require_text(self.chain_id, "chain_id", most=MAX_CHAIN_ID_BYTES)
        require_range(len(self.chain_id.encode()), "length of chain_id", 1, MAX_CHAIN_ID_BYTES)
        for name in (
            "last_commit_hash",
            "data_hash",
            "validators_hash",
            "next_validators_hash",
            "consensus_hash",
            "last_results_hash",
            "evidence_hash",
        ):
            _require_hash(getattr(self, name), name)
        _require_lengths(self.proposer_address, "proposer_address", (ADDRESS_BYTES,))


@dataclass(frozen=True, slots=True)
class CommitSig:
    """One validator's entry in a commit."""

    block_id_flag: int
    validator_address: bytes
    timestamp: Nanos
    signature: bytes

    def __post_init__(self) -> None:
        require_range(self.block_id_flag, "block_id_flag", -(2**31), 2**31 - 1)
        _require_lengths(self.validator_address, "validator_address", (0, ADDRESS_BYTES))
        require_time(self.timestamp, "timestamp")
        _require_lengths(self.signature, "signature", (0, SIGNATURE_BYTES))


@dataclass(frozen=True, slots=True)
class Commit:
    """The votes for a block: one entry a validator, in the order of the set."""

    height: int
    round: int
    block_id: BlockId
    signatures: tuple[CommitSig, ...]

    def __post_init__(self) -> None:
        require_range(self.height, "commit.height", -(2**63), INT64_MAX)
        require_range(self.round, "commit.round", -(2**31), 2**31 - 1)
        _require_count(len(self.signatures), "commit.signatures")


@dataclass(frozen=True, slots=True)
class Validator:
    """A validator as it is hashed, and the address it goes by."""

    address: bytes
    public_key: bytes
    voting_power: int

    def __post_init__(self) -> None:
        _require_lengths(self.address, "validator.address", (ADDRESS_BYTES,))
        _require_lengths(self.public_key, "validator.pub_key", (HASH_BYTES,))
        require_range(self.voting_power, "validator.voting_power", -(2**63), INT64_MAX)


@dataclass(frozen=True, slots=True)
class ValidatorSet:
    """Validators in the order they were given, which the rules hold against the canonical one."""

    validators: tuple[Validator, ...]

    def __post_init__(self) -> None:
        if not self.validators:
            raise DecodeError(Reason.INVALID_FIELD, "a validator set must not be empty")
        _require_count(len(self.validators), "validators")

    @property
    def total_power(self) -> int:
        """Sum of the voting powers."""
        return sum(validator.voting_power for validator in self.validators)


@dataclass(frozen=True, slots=True)
class LightBlock:
    """A header update as it came: header, commit, its set, and the set it asks to be trusted from.

    `header_hash` is recomputed from the header; it is empty where the format has no hash (empty validators_hash).
    """

    header: Header
    commit: Commit
    validators: ValidatorSet
    trusted_validators: ValidatorSet
    trusted_height: int
    header_hash: bytes

    @property
    def ledger_id(self) -> str:
        """Chain id of the header."""
        return self.header.chain_id

    @property
    def height(self) -> int:
        """Height of the header."""
        return self.header.height

    @property
    def time(self) -> Nanos:
        """Time of the header."""
        return self.header.time
