"""Verification cases of the cometbft profile in CometBFT's JSON form, read strictly.

Both spellings in use are taken: `part_set_header` or `parts`, a missing version.app (0), a null last_block_id (none).
What the format's hashes do not cover (proposer, priorities, total power) is not read at all.
Source: CometBFT libs/json; RPC answers of 0.34 to 1.0; fixtures of tendermint-rs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bridge.cli.json_values import (
    base64_bytes,
    decimal,
    hexadecimal,
    member,
    number,
    require_list,
    require_object,
    require_string,
    rfc3339,
)
from bridge.cli.update_json import read_options
from bridge.crypto.ports import SignatureCheck
from bridge.crypto.suites import check_signature
from bridge.errors import DecodeError, Reason
from bridge.light_client.cometbft import PROFILE
from bridge.light_client.cometbft_bytes import canonical_order, header_hash
from bridge.light_client.cometbft_types import (
    FLAG_ABSENT,
    ZERO_BLOCK_ID,
    ZERO_TIME,
    BlockId,
    Commit,
    CommitSig,
    Header,
    LightBlock,
    PartSetHeader,
    Validator,
    ValidatorSet,
)
from bridge.light_client.types import ConsensusState
from bridge.light_client.verifier import verify_update

ED25519_TYPE = "tendermint/PubKeyEd25519"
"""Name of Ed25519 keys in CometBFT's JSON; other key types are not of this profile."""


def verify_case(case: Mapping[str, Any]) -> None:
    """[CASE-1] Return when the untrusted light block is to be believed; raise the BridgeError that says why not.

    With `trusted` null the block is checked alone: its hashes, and more than two thirds of its own set; `now` is
    ignored. [CASE-4] The key `fixture_times` marks test fixtures: it maps an absent vote's 1970 time to Go's zero time
    and sorts every set into canonical order, because such fixtures store them unsorted. Without it nothing is mended.
    """
    fixture = case.get("fixture_times", False)
    if not isinstance(fixture, bool):
        raise DecodeError(Reason.INVALID_FIELD, "fixture_times: true or false is expected", field="fixture_times")
    trusted = member(case, "trusted")
    untrusted = member(case, "untrusted")
    header, commit = _signed_header(member(untrusted, "signed_header"), fixture)
    validators = read_validators(member(untrusted, "validator_set"), fixture)
    if trusted is None:
        _verify_alone(case, header, commit, validators, check_signature)
        return
    trusted_header, _ = _signed_header(member(trusted, "signed_header"), fixture)
    block = LightBlock(
        header=header,
        commit=commit,
        validators=validators,
        trusted_validators=read_validators(member(trusted, "next_validator_set"), fixture),
        trusted_height=trusted_header.height,
        header_hash=header_hash(header),
    )
    options, now = read_options(case), rfc3339(member(case, "now"), "now")
    verify_update(PROFILE, consensus_state(trusted_header), block, options, now, check_signature)


def _verify_alone(
    case: Mapping[str, Any], header: Header, commit: Commit, validators: ValidatorSet, check: SignatureCheck
) -> None:
    if "trust_level" in case and "trusting_period_s" in case and "clock_drift_s" in case:
        read_options(case)
    block = LightBlock(header, commit, validators, validators, 0, header_hash(header))
    PROFILE.verify_alone(block, check)


def consensus_state(header: Header) -> ConsensusState:
    """What a client holds that trusts this header on someone's word."""
    return ConsensusState(
        ledger_id=header.chain_id,
        height=header.height,
        time=header.time,
        header_hash=header_hash(header),
        root=header.app_hash,
        next_validators_hash=header.next_validators_hash,
    )


def read_header(value: Any) -> Header:
    """[CASE-2] [CASE-3] The header of its JSON form; DecodeError otherwise."""
    version = require_object(member(value, "version"), "version")
    last_block_id = value.get("last_block_id")
    return Header(
        version_block=decimal(member(version, "block"), "version.block"),
        version_app=decimal(version.get("app", "0"), "version.app"),
        chain_id=require_string(member(value, "chain_id"), "chain_id"),
        height=decimal(member(value, "height"), "height"),
        time=rfc3339(member(value, "time"), "time"),
        last_block_id=ZERO_BLOCK_ID if last_block_id is None else _block_id(last_block_id),
        last_commit_hash=hexadecimal(member(value, "last_commit_hash"), "last_commit_hash"),
        data_hash=hexadecimal(member(value, "data_hash"), "data_hash"),
        validators_hash=hexadecimal(member(value, "validators_hash"), "validators_hash"),
        next_validators_hash=hexadecimal(member(value, "next_validators_hash"), "next_validators_hash"),
        consensus_hash=hexadecimal(member(value, "consensus_hash"), "consensus_hash"),
        app_hash=hexadecimal(member(value, "app_hash"), "app_hash"),
        last_results_hash=hexadecimal(member(value, "last_results_hash"), "last_results_hash"),
        evidence_hash=hexadecimal(member(value, "evidence_hash"), "evidence_hash"),
        proposer_address=hexadecimal(member(value, "proposer_address"), "proposer_address"),
    )


def read_commit(value: Any, fixture: bool = False) -> Commit:
    """The commit of its JSON form; DecodeError otherwise."""
    return Commit(
        height=decimal(member(value, "height"), "commit.height"),
        round=number(member(value, "round"), "commit.round"),
        block_id=_block_id(member(value, "block_id")),
        signatures=tuple(
            _commit_sig(entry, fixture) for entry in require_list(member(value, "signatures"), "signatures")
        ),
    )


def read_validators(value: Any, fixture: bool = False) -> ValidatorSet:
    """The validator set of its JSON form, sorted if it is a fixture's; DecodeError otherwise."""
    validators = tuple(_validator(entry) for entry in require_list(member(value, "validators"), "validators"))
    return canonical_order(validators) if fixture else ValidatorSet(validators)


def _signed_header(value: Any, fixture: bool) -> tuple[Header, Commit]:
    return read_header(member(value, "header")), read_commit(member(value, "commit"), fixture)


def _block_id(value: Any) -> BlockId:
    fields = require_object(value, "block_id")
    spelling = "part_set_header" if "part_set_header" in fields else "parts"
    if "part_set_header" in fields and "parts" in fields:
        raise DecodeError(Reason.INVALID_FIELD, "block_id: parts are given twice", field="block_id")
    parts = member(fields, spelling)
    return BlockId(
        hexadecimal(member(fields, "hash"), "block_id.hash"),
        PartSetHeader(number(member(parts, "total"), "total"), hexadecimal(member(parts, "hash"), "parts.hash")),
    )


def _commit_sig(value: Any, fixture: bool) -> CommitSig:
    flag = number(member(value, "block_id_flag"), "block_id_flag")
    timestamp = rfc3339(member(value, "timestamp"), "timestamp")
    if fixture and flag == FLAG_ABSENT and timestamp == 0:
        timestamp = ZERO_TIME
    return CommitSig(
        block_id_flag=flag,
        validator_address=hexadecimal(member(value, "validator_address"), "validator_address"),
        timestamp=timestamp,
        signature=base64_bytes(member(value, "signature"), "signature"),
    )


def _validator(value: Any) -> Validator:
    key = member(value, "pub_key")
    if require_string(member(key, "type"), "pub_key.type") != ED25519_TYPE:
        raise DecodeError(Reason.INVALID_PUBLIC_KEY, "only Ed25519 validators belong to this profile")
    return Validator(
        address=hexadecimal(member(value, "address"), "address"),
        public_key=base64_bytes(member(key, "value"), "pub_key.value"),
        voting_power=decimal(member(value, "voting_power"), "voting_power"),
    )
