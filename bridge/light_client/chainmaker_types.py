"""The values of the chainmaker profile: validators, votes and the decoded header update, with their decoding.

Form only: what a quorum is, and whether a set is the trusted one, is for `chainmaker.py` and `chainmaker_votes.py`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from bridge.clock import NANOS_PER_SECOND, Nanos
from bridge.errors import DecodeError, LimitError, Reason, VerificationError
from bridge.v1.chainmaker_pb2 import (
    ChainmakerBlockHeader,
    ChainmakerUpdate,
    ChainmakerValidatorSet,
    ChainmakerVote,
)
from bridge.wire import MAX_TIMESTAMP_SECONDS, decode_strict, require_text

MAX_VALIDATORS = 64
"""Most nodes of a validator set: bounds the signature checks one header can ask for to 65."""

MAX_HEADER_BYTES = 64 * 1024
"""Largest block header in bytes: a PEM certificate of 4 KiB and generous consensus arguments."""

MAX_UPDATE_BYTES = 4 * 1024 * 1024
"""Largest header update in bytes: header, vote set, validators and the transaction of a config block."""

MAX_HEIGHT = 2**63 - 1
"""Highest height, because stores keep heights as signed 64-bit integers."""

MAX_NAME_CHARACTERS = 128
"""Longest node or organisation id in characters; a libp2p node id has 46 to 52."""


@dataclass(frozen=True, slots=True)
class Validator:
    """A registered node: its id, organisation and exact key.

    `org_id` None means any, and `certificate` pins one PEM certificate; both only where no set message says more.
    """

    node_id: str
    org_id: str | None
    public_key: bytes
    certificate: bytes | None = None


@dataclass(frozen=True, slots=True)
class Vote:
    """One entry of a vote set's `votes`: the map's key, the vote, and the bytes its signature is over."""

    key: str
    vote: ChainmakerVote
    sign_bytes: bytes


@dataclass(frozen=True, slots=True)
class VoteSet:
    """A decoded vote set. `sum`, `maj23` and `votes_by_block` are untrusted and not kept."""

    type: int
    height: int
    round: int
    votes: tuple[Vote, ...]


@dataclass(frozen=True, slots=True)
class ConfigChange:
    """The one transaction of a config block and the set it claims to carry."""

    transaction: bytes
    next_validators: ChainmakerValidatorSet


@dataclass(frozen=True, slots=True)
class ChainmakerHeader:
    """A decoded header update; implements UntrustedHeader. Nothing in it is believed yet."""

    ledger_id: str
    height: int
    time: Nanos
    header_hash: bytes
    trusted_height: int
    header: ChainmakerBlockHeader
    vote_set: VoteSet
    validators: ChainmakerValidatorSet
    config_change: ConfigChange | None = field(default=None)


def decode_header(data: bytes) -> ChainmakerBlockHeader:
    """[CMK-1] Header from its exact bytes; DecodeError when they do not round-trip or a field cannot be."""
    return require_header_form(decode_strict(ChainmakerBlockHeader, data, MAX_HEADER_BYTES))


def require_header_form(header: ChainmakerBlockHeader) -> ChainmakerBlockHeader:
    """[CMK-1] The header itself when chain id, height and time are in range; DecodeError INVALID_FIELD otherwise."""
    require_text(header.chain_id, "chain_id", most=MAX_NAME_CHARACTERS)
    if not 1 <= header.block_height <= MAX_HEIGHT:
        raise DecodeError(Reason.INVALID_FIELD, "block_height is out of range", field="block_height")
    if not 0 <= header.block_timestamp <= MAX_TIMESTAMP_SECONDS:
        raise DecodeError(Reason.INVALID_FIELD, "block_timestamp is out of range", field="block_timestamp")
    return header


def header_time(header: ChainmakerBlockHeader) -> Nanos:
    """Time of a header in nanoseconds; ChainMaker states whole seconds."""
    return Nanos(header.block_timestamp * NANOS_PER_SECOND)


def decode_validator_set(message: ChainmakerValidatorSet) -> ChainmakerValidatorSet:
    """[CMK-9] The set itself when it has 1 to 64 nodes with readable names; DecodeError or LimitError otherwise."""
    count = len(message.validators)
    if count > MAX_VALIDATORS:
        raise LimitError(Reason.LIMIT_EXCEEDED, "too many validators", got=count, limit=MAX_VALIDATORS)
    if count == 0:
        raise DecodeError(Reason.FIELD_REQUIRED, "the validator set is empty", field="validators")
    for validator in message.validators:
        require_text(validator.node_id, "node_id", most=MAX_NAME_CHARACTERS)
        require_text(validator.org_id, "org_id", most=MAX_NAME_CHARACTERS)
    return message


def validators_of(message: ChainmakerValidatorSet) -> tuple[Validator, ...]:
    """The set's validators in the order it lists them."""
    return tuple(Validator(v.node_id, v.org_id, v.public_key) for v in message.validators)


def decode_update_message(data: bytes) -> ChainmakerUpdate:
    """[CMK-1] The outer message; header and vote set inside it are still bytes."""
    update = decode_strict(ChainmakerUpdate, data, MAX_UPDATE_BYTES)
    if not update.HasField("validators"):
        raise DecodeError(Reason.FIELD_REQUIRED, "the update has no validators", field="validators")
    return update


def decode_config_change(update: ChainmakerUpdate) -> ConfigChange | None:
    """The config change of an update, if it has one."""
    if not update.HasField("config_change"):
        return None
    change = update.config_change
    if not change.transaction or not change.HasField("next_validators"):
        raise DecodeError(Reason.FIELD_REQUIRED, "a config change needs its transaction and the next validators")
    return ConfigChange(change.transaction, decode_validator_set(change.next_validators))


def require_sound_set(validators: Iterable[Validator]) -> None:
    """[CMK-9] Node ids rise strictly and no key serves two nodes; VerificationError VALIDATOR_SET_INVALID otherwise."""
    previous = ""
    keys: set[bytes] = set()
    for validator in validators:
        if validator.node_id <= previous:
            raise VerificationError(
                Reason.VALIDATOR_SET_INVALID, "node ids do not rise", node=validator.node_id, previous=previous
            )
        if validator.public_key in keys:
            raise VerificationError(Reason.VALIDATOR_SET_INVALID, "one key for two nodes", node=validator.node_id)
        previous = validator.node_id
        keys.add(validator.public_key)
