"""Header updates of the cometbft profile, honest or forged, over a block that stands.

The byte rules are those of `bridge.light_client.cometbft_bytes`; here they are applied to whatever was asked for.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from bridge.clock import NANOS_PER_MILLISECOND, NANOS_PER_SECOND, Nanos
from bridge.conformance.counterparty.chain import Chain
from bridge.conformance.counterparty.forgery import Forgery, Votes, turned
from bridge.conformance.counterparty.seeded import fresh_signer
from bridge.conformance.counterparty.validators import Validators
from bridge.crypto.ports import Signer
from bridge.light_client.cometbft_bytes import (
    PRECOMMIT,
    SUITE_ID,
    address_of,
    hash_bytes,
    header_hash,
    validator_set_hash,
    vote_sign_bytes,
)
from bridge.light_client.cometbft_types import (
    FLAG_ABSENT,
    FLAG_COMMIT,
    FLAG_NIL,
    ZERO_TIME,
    BlockId,
    Commit,
    CommitSig,
    Header,
    Validator,
    ValidatorSet,
)
from bridge.light_client.cometbft_wire import (
    commit_from_wire,
    commit_to_wire,
    header_from_wire,
    validators_from_wire,
    validators_to_wire,
)
from bridge.v1.cometbft_pb2 import CometbftUpdate
from bridge.wire import encode

PREVOTE = 1
"""Type of the votes that precede a commit (types.PrevoteType)."""

ABSENT = CommitSig(FLAG_ABSENT, b"", ZERO_TIME, b"")
"""The entry of a validator that did not vote."""


@dataclass(frozen=True, slots=True)
class _Ballot:
    """What is voted on, and by whom."""

    header: Header
    block_id: BlockId
    validators: ValidatorSet
    keys: dict[bytes, Signer]
    wrong: Forgery


def forge_cometbft(chain: Chain, height: int, trusted_height: int, wrong: Forgery) -> bytes:
    """CometbftUpdate bytes over the block at `height`, to be verified from `trusted_height`, as `wrong` says."""
    base = trusted_height if 0 <= trusted_height < height else height - 1
    update = CometbftUpdate.FromString(chain.update(height, base))
    update.trusted_height = trusted_height
    own, keys = _sets(chain, update, wrong)
    header = update.signed_header.header
    if wrong.chain_id is not None:
        header.chain_id = wrong.chain_id
    if wrong.time is not None:
        header.time.seconds, header.time.nanos = divmod(wrong.time, NANOS_PER_SECOND)
    if wrong.claimed_height is not None:
        header.height = wrong.claimed_height
    if wrong.change is not None:
        wrong.change(header)
    value = header_from_wire(header)
    parts = commit_from_wire(update.signed_header.commit).block_id.part_set_header
    ballot = _Ballot(value, BlockId(header_hash(value), parts), own, keys, wrong)
    entries = tuple(_entry(ballot, place) for place in range(len(own.validators)))
    commit = Commit(value.height, wrong.round, ballot.block_id, entries)
    update.signed_header.commit.CopyFrom(commit_to_wire(commit))
    if wrong.after is not None:
        wrong.after(header)
    if wrong.edit is not None:
        wrong.edit(update)
    return encode(update)


def set_of(validators: Validators) -> ValidatorSet:
    """The set as it is hashed, in the order it is given."""
    return ValidatorSet(
        tuple(Validator(address_of(each.public_key), each.public_key, each.power) for each in validators.members)
    )


def _sets(chain: Chain, update: CometbftUpdate, wrong: Forgery) -> tuple[ValidatorSet, dict[bytes, Signer]]:
    """The set that signs, with its keys; other sets take their places in header and update."""
    header = update.signed_header.header
    own, keys = validators_from_wire(update.validator_set), chain.keys
    if wrong.validators is not None:
        own, keys = set_of(wrong.validators), keys | wrong.validators.signers
        header.validators_hash = validator_set_hash(own)
        update.validator_set.CopyFrom(validators_to_wire(own))
    if wrong.next_validators is not None:
        header.next_validators_hash = validator_set_hash(set_of(wrong.next_validators))
    if wrong.trusted_validators is not None:
        update.trusted_validators.CopyFrom(validators_to_wire(set_of(wrong.trusted_validators)))
    return own, keys


def _entry(ballot: _Ballot, place: int) -> CommitSig:
    """The commit's entry at a place."""
    wrong = ballot.wrong
    if not wrong.votes_in(place):
        return ABSENT
    validator = ballot.validators.validators[wrong.places.get(place, place)]
    kind = wrong.votes_at(place)
    entry = CommitSig(
        FLAG_NIL if kind is Votes.NIL else FLAG_COMMIT,
        validator.address,
        Nanos(ballot.header.time + NANOS_PER_MILLISECOND),
        b"",
    )
    signer = fresh_signer(SUITE_ID) if kind is Votes.STRANGER else ballot.keys[validator.public_key]
    signature = signer.sign(_sign_bytes(ballot, entry, kind))
    return replace(entry, signature=turned(signature) if kind is Votes.BAD else signature)


def _sign_bytes(ballot: _Ballot, entry: CommitSig, kind: Votes) -> bytes:
    """What the signature at a place is over."""
    header, block_id = ballot.header, ballot.block_id
    if kind is Votes.OTHER_BLOCK:
        block_id = replace(block_id, hash=hash_bytes(block_id.hash))
    return vote_sign_bytes(
        f"{header.chain_id}-x" if kind is Votes.OTHER_LEDGER else header.chain_id,
        height=header.height + (kind is Votes.OTHER_HEIGHT),
        round_=ballot.wrong.round,
        block_id=None if kind is Votes.NIL else block_id,
        timestamp=entry.timestamp,
        vote_type=PREVOTE if kind is Votes.PREVOTE else PRECOMMIT,
    )
