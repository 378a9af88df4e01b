"""Header updates of the chainmaker profile, honest or forged, over a block that stands.

The byte rules are those of `bridge.light_client.chainmaker_bytes`; here they are applied to whatever was asked for.
"""

from __future__ import annotations

from collections.abc import Callable

from bridge.clock import NANOS_PER_SECOND
from bridge.conformance.counterparty.chain import Chain
from bridge.conformance.counterparty.forgery import Edit, Forgery, Votes, turned
from bridge.conformance.counterparty.seeded import fresh_signer
from bridge.conformance.counterparty.validators import Validators
from bridge.crypto.keys import public_key_to_pem
from bridge.crypto.ports import Signer
from bridge.crypto.suites import suite
from bridge.light_client.chainmaker_bytes import MEMBER_PUBLIC_KEY, PRECOMMIT, block_hash, vote_sign_bytes
from bridge.v1.chainmaker_pb2 import (
    ChainmakerBlockHeader,
    ChainmakerEndorsementEntry,
    ChainmakerMember,
    ChainmakerUpdate,
    ChainmakerValidator,
    ChainmakerValidatorSet,
    ChainmakerVote,
    ChainmakerVoteSet,
)
from bridge.wire import encode

PREVOTE = 0
"""Type of the votes that precede a commit (tbft.VoteType)."""


def forge_chainmaker(chain: Chain, height: int, trusted_height: int, wrong: Forgery) -> bytes:
    """ChainmakerUpdate bytes over the block at `height`, to be verified from `trusted_height`, as `wrong` says.

    ChainMaker votes carry no chain id, so a vote for another ledger's block is one over that block's hash.
    """
    base = trusted_height if 0 <= trusted_height < height else height - 1
    update = ChainmakerUpdate.FromString(chain.update(height, base))
    update.trusted_height = trusted_height
    keys, suite_id = chain.keys, chain.profile.suite_id
    header = ChainmakerBlockHeader.FromString(update.header)
    if wrong.validators is not None:
        keys = keys | wrong.validators.signers
        update.validators.CopyFrom(set_of(wrong.validators, update.validators.config_height))
        proposer = update.validators.validators[header.block_height % len(update.validators.validators)]
        header.proposer.CopyFrom(member_of(suite_id, proposer))
    proposed_by = _holder(suite_id, update.validators, header.proposer)
    if wrong.chain_id is not None:
        header.chain_id = wrong.chain_id
    if wrong.time is not None:
        header.block_timestamp = wrong.time // NANOS_PER_SECOND
    if wrong.claimed_height is not None:
        header.block_height = wrong.claimed_height
    if wrong.change is not None:
        wrong.change(header)
    header.block_hash = block_hash(suite(suite_id).hash, header)
    header.signature = keys[proposed_by].sign(header.block_hash)
    update.vote_set = encode(_vote_set(suite_id, update.validators, keys, header, wrong))
    if wrong.after is not None:
        wrong.after(header)
    update.header = encode(header)
    if wrong.edit is not None:
        wrong.edit(update)
    return encode(update)


def set_of(validators: Validators, config_height: int) -> ChainmakerValidatorSet:
    """The set as it is hashed, in the order it is given; every node is an organisation of its own."""
    members = [
        ChainmakerValidator(node_id=each.node_id, org_id=each.node_id, public_key=each.public_key)
        for each in validators.members
    ]
    return ChainmakerValidatorSet(validators=members, config_height=config_height)


def member_of(suite_id: str, validator: ChainmakerValidator) -> ChainmakerMember:
    """A validator as a member known by its public key."""
    pem = public_key_to_pem(suite_id, validator.public_key)
    return ChainmakerMember(org_id=validator.org_id, member_type=MEMBER_PUBLIC_KEY, member_info=pem)


def on_votes(edit: Edit) -> Callable[[ChainmakerUpdate], None]:
    """An edit of an update that edits its vote set."""

    def edited(update: ChainmakerUpdate) -> None:
        votes = ChainmakerVoteSet.FromString(update.vote_set)
        edit(votes)
        update.vote_set = encode(votes)

    return edited


def _holder(suite_id: str, validators: ChainmakerValidatorSet, member: ChainmakerMember) -> bytes:
    """Public key of the validator that a member is."""
    return next(
        each.public_key
        for each in validators.validators
        if member.member_info == public_key_to_pem(suite_id, each.public_key)
    )


def _vote_set(
    suite_id: str,
    validators: ChainmakerValidatorSet,
    keys: dict[bytes, Signer],
    header: ChainmakerBlockHeader,
    wrong: Forgery,
) -> ChainmakerVoteSet:
    """The votes, each under the node id of its place."""
    votes: dict[str, ChainmakerVote] = {}
    for place, validator in enumerate(validators.validators):
        if wrong.votes_in(place):
            voter = validators.validators[wrong.places.get(place, place)]
            votes[validator.node_id] = _vote(suite_id, voter, keys[voter.public_key], header, wrong, place)
    return ChainmakerVoteSet(
        type=PRECOMMIT,
        height=header.block_height,
        round=wrong.round,
        sum=len(votes),
        maj23=header.block_hash,
        votes=votes,
    )


def _vote(
    suite_id: str,
    validator: ChainmakerValidator,
    signer: Signer,
    header: ChainmakerBlockHeader,
    wrong: Forgery,
    place: int,
) -> ChainmakerVote:
    """One vote with its endorsement."""
    kind = wrong.votes_at(place)
    vote = ChainmakerVote(
        type=PREVOTE if kind is Votes.PREVOTE else PRECOMMIT,
        voter=validator.node_id,
        height=header.block_height,
        round=wrong.round,
        hash=b"" if kind is Votes.NIL else header.block_hash,
    )
    signed = ChainmakerVote()
    signed.CopyFrom(vote)
    if kind in (Votes.OTHER_BLOCK, Votes.OTHER_LEDGER):
        signed.hash = _other_hash(suite_id, header, kind)
    elif kind is Votes.OTHER_HEIGHT:
        signed.height += 1
    if kind is Votes.STRANGER:
        signer = fresh_signer(suite_id)
    signature = signer.sign(vote_sign_bytes(signed))
    vote.endorsement.CopyFrom(
        ChainmakerEndorsementEntry(
            signer=member_of(suite_id, validator), signature=turned(signature) if kind is Votes.BAD else signature
        )
    )
    return vote


def _other_hash(suite_id: str, header: ChainmakerBlockHeader, kind: Votes) -> bytes:
    """Hash of another block, or of the same block on another ledger."""
    hash_function = suite(suite_id).hash
    if kind is Votes.OTHER_BLOCK:
        return hash_function(header.block_hash)
    other = ChainmakerBlockHeader()
    other.CopyFrom(header)
    other.chain_id = f"{header.chain_id}-x"
    return block_hash(hash_function, other)
