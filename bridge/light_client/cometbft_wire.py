"""The cometbft profile's values as protobuf messages and back.

Bytes are decoded strictly before they come here; sub-messages that the original format always writes must be present,
so that a message has one reading.
"""

from __future__ import annotations

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from bridge.clock import NANOS_PER_SECOND, Nanos
from bridge.errors import DecodeError, Reason
from bridge.light_client.cometbft_bytes import header_hash
from bridge.light_client.cometbft_types import (
    MIN_SECONDS,
    BlockId,
    Commit,
    CommitSig,
    Header,
    LightBlock,
    PartSetHeader,
    Validator,
    ValidatorSet,
)
from bridge.v1.cometbft_pb2 import (
    CometbftBlockID,
    CometbftCommit,
    CometbftCommitSig,
    CometbftConsensusVersion,
    CometbftHeader,
    CometbftPartSetHeader,
    CometbftPublicKey,
    CometbftSignedHeader,
    CometbftUpdate,
    CometbftValidator,
    CometbftValidatorSet,
)
from bridge.wire import MAX_TIMESTAMP_SECONDS


def update_from_wire(message: CometbftUpdate) -> LightBlock:
    """[CMT-5] The update of a message; DecodeError for a missing part or a value out of its form."""
    _require(message, "signed_header", "validator_set", "trusted_validators")
    _require(message.signed_header, "header", "commit")
    header = header_from_wire(message.signed_header.header)
    return LightBlock(
        header=header,
        commit=commit_from_wire(message.signed_header.commit),
        validators=validators_from_wire(message.validator_set),
        trusted_validators=validators_from_wire(message.trusted_validators),
        trusted_height=message.trusted_height,
        header_hash=header_hash(header),
    )


def header_from_wire(message: CometbftHeader) -> Header:
    """The header of a message; DecodeError otherwise."""
    _require(message, "version", "time", "last_block_id")
    return Header(
        version_block=message.version.block,
        version_app=message.version.app,
        chain_id=message.chain_id,
        height=message.height,
        time=_time(message.time),
        last_block_id=_block_id(message.last_block_id),
        last_commit_hash=message.last_commit_hash,
        data_hash=message.data_hash,
        validators_hash=message.validators_hash,
        next_validators_hash=message.next_validators_hash,
        consensus_hash=message.consensus_hash,
        app_hash=message.app_hash,
        last_results_hash=message.last_results_hash,
        evidence_hash=message.evidence_hash,
        proposer_address=message.proposer_address,
    )


def commit_from_wire(message: CometbftCommit) -> Commit:
    """The commit of a message; DecodeError otherwise."""
    _require(message, "block_id")
    return Commit(
        height=message.height,
        round=message.round,
        block_id=_block_id(message.block_id),
        signatures=tuple(_commit_sig(entry) for entry in message.signatures),
    )


def validators_from_wire(message: CometbftValidatorSet) -> ValidatorSet:
    """The validator set of a message; DecodeError otherwise."""
    return ValidatorSet(
        tuple(Validator(entry.address, entry.pub_key.ed25519, entry.voting_power) for entry in message.validators)
    )


def update_to_wire(
    header: CometbftHeader,
    commit: CometbftCommit,
    validators: CometbftValidatorSet,
    trusted_height: int,
    trusted_validators: CometbftValidatorSet,
) -> CometbftUpdate:
    """The update message that carries these parts."""
    return CometbftUpdate(
        signed_header=CometbftSignedHeader(header=header, commit=commit),
        validator_set=validators,
        trusted_height=trusted_height,
        trusted_validators=trusted_validators,
    )


def header_to_wire(header: Header) -> CometbftHeader:
    """The message of a header."""
    return CometbftHeader(
        version=CometbftConsensusVersion(block=header.version_block, app=header.version_app),
        chain_id=header.chain_id,
        height=header.height,
        time=_timestamp(header.time),
        last_block_id=_block_id_to_wire(header.last_block_id),
        last_commit_hash=header.last_commit_hash,
        data_hash=header.data_hash,
        validators_hash=header.validators_hash,
        next_validators_hash=header.next_validators_hash,
        consensus_hash=header.consensus_hash,
        app_hash=header.app_hash,
        last_results_hash=header.last_results_hash,
        evidence_hash=header.evidence_hash,
        proposer_address=header.proposer_address,
    )


def commit_to_wire(commit: Commit) -> CometbftCommit:
    """The message of a commit."""
    return CometbftCommit(
        height=commit.height,
        round=commit.round,
        block_id=_block_id_to_wire(commit.block_id),
        signatures=[
            CometbftCommitSig(
                block_id_flag=entry.block_id_flag,
                validator_address=entry.validator_address,
                timestamp=_timestamp(entry.timestamp),
                signature=entry.signature,
            )
            for entry in commit.signatures
        ],
    )


def validators_to_wire(validators: ValidatorSet) -> CometbftValidatorSet:
    """The message of a validator set."""
    return CometbftValidatorSet(
        validators=[
            CometbftValidator(
                address=validator.address,
                pub_key=CometbftPublicKey(ed25519=validator.public_key),
                voting_power=validator.voting_power,
            )
            for validator in validators.validators
        ]
    )


def _block_id(message: CometbftBlockID) -> BlockId:
    _require(message, "part_set_header")
    return BlockId(message.hash, PartSetHeader(message.part_set_header.total, message.part_set_header.hash))


def _block_id_to_wire(block_id: BlockId) -> CometbftBlockID:
    parts = block_id.part_set_header
    return CometbftBlockID(
        hash=block_id.hash, part_set_header=CometbftPartSetHeader(total=parts.total, hash=parts.hash)
    )


def _commit_sig(message: CometbftCommitSig) -> CommitSig:
    _require(message, "timestamp")
    return CommitSig(message.block_id_flag, message.validator_address, _time(message.timestamp), message.signature)


def _time(stamp: Timestamp) -> Nanos:
    """Unlike elsewhere times reach back to year 1, because an absent vote carries Go's zero time."""
    if not (MIN_SECONDS <= stamp.seconds <= MAX_TIMESTAMP_SECONDS and 0 <= stamp.nanos < NANOS_PER_SECOND):
        raise DecodeError(Reason.INVALID_FIELD, "a time is out of range")
    return Nanos(stamp.seconds * NANOS_PER_SECOND + stamp.nanos)


def _timestamp(nanos: int) -> Timestamp:
    seconds, rest = divmod(nanos, NANOS_PER_SECOND)
    return Timestamp(seconds=seconds, nanos=rest)


def _require(message: Message, *fields: str) -> None:
    for field in fields:
        if not message.HasField(field):
            raise DecodeError(Reason.FIELD_REQUIRED, f"{field} is required", field=field)
