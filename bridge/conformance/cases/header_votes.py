"""Votes on headers: how many, by whom, over what, and in which form they must be."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bridge.conformance.case import case
from bridge.conformance.counterparty.forge_chainmaker import on_votes
from bridge.conformance.counterparty.forgery import Votes, turned
from bridge.conformance.updates import CHAINMAKER, COMETBFT, counterparties, refuse, refuse_forged, take
from bridge.crypto.keys import generate_signer, public_key_to_pem
from bridge.errors import Reason
from bridge.v1.chainmaker_pb2 import ChainmakerBlockHeader, ChainmakerUpdate, ChainmakerVoteSet

if TYPE_CHECKING:
    from bridge.conformance.kit import Kit

ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493
"""Order of the Ed25519 group: s and s + order satisfy the same equation, and only the smaller one is canonical."""

TOO_FEW = (Reason.INSUFFICIENT_QUORUM, Reason.NOT_ENOUGH_TRUST)
"""How a header without enough votes is refused; the second where it skips heights, as its trust level comes first."""


@case(
    "HDR-020",
    "MUST refuse a header signed by exactly two thirds of the power",
    clauses=("CMT-16", "CMK-8"),
    negative=True,
)
def hdr_020(kit: Kit) -> None:
    refuse_forged(kit, Reason.INSUFFICIENT_QUORUM, {"signers": (0, 1)}, powers=(1, 1, 1))
    refuse_forged(kit, Reason.INSUFFICIENT_QUORUM, {"signers": (0, 1, 4, 5)}, powers=(7,) * 6)


@case(
    "HDR-021",
    "MUST weigh validators by their power where the profile has powers, not count heads",
    clauses=("CMT-16",),
    negative=True,
    needs=("profile:cometbft",),
)
def hdr_021(kit: Kit) -> None:
    few = {"signers": (1, 2, 3, 4)}
    refuse_forged(kit, TOO_FEW, few, powers=(6, 1, 1, 1, 1), profiles=(COMETBFT,))
    for other in counterparties(kit, (COMETBFT,), powers=(9, 1, 1, 1, 1)):
        trusted, height = other.height, other.advance()
        take(kit, other, other.forge(height, trusted_height=trusted, signers=(0,)))


@case(
    "HDR-022",
    "MUST refuse a header that one third or fewer signed, or nobody",
    clauses=("CMT-15", "CMT-16", "CMK-8"),
    negative=True,
)
def hdr_022(kit: Kit) -> None:
    refuse_forged(kit, TOO_FEW, {"signers": (0,)}, {"signers": (1,)}, {"signers": ()}, powers=(1, 1, 1))


@case(
    "HDR-023",
    "MUST count a validator once, however often its vote stands in the commit",
    clauses=("CMT-9", "CMK-5"),
    negative=True,
)
def hdr_023(kit: Kit) -> None:
    thrice, beside_all = {"places": {1: 0, 2: 0}, "signers": (0, 1, 2)}, {"places": {3: 0}}
    refuse_forged(kit, Reason.DUPLICATE_SIGNER, thrice, beside_all)


@case(
    "HDR-024",
    "MUST refuse a vote that stands in another validator's place",
    clauses=("CMT-14", "CMK-5"),
    negative=True,
)
def hdr_024(kit: Kit) -> None:
    refuse_forged(kit, Reason.COMMIT_INVALID, {"places": {0: 1, 1: 0}})


@case(
    "HDR-025",
    "MUST refuse a header when one bit of the votes' signatures was turned",
    clauses=("CMT-15", "CMT-16", "CMK-7"),
    negative=True,
)
def hdr_025(kit: Kit) -> None:
    refuse_forged(kit, Reason.SIGNATURE_INVALID, {"votes": Votes.BAD})


@case(
    "HDR-026",
    "MUST refuse a header when one vote that it needs for the quorum is badly signed",
    clauses=("CMT-16", "CMK-7"),
    negative=True,
)
def hdr_026(kit: Kit) -> None:
    wrongs = [{"votes": Votes.BAD, "wrong": (place,), "signers": (0, 1, 2)} for place in range(3)]
    refuse_forged(kit, Reason.SIGNATURE_INVALID, *wrongs)


@case(
    "HDR-027",
    "MUST refuse votes in the validators' names by keys that are not theirs",
    clauses=("CRY-2", "CMT-16", "CMK-6"),
    negative=True,
)
def hdr_027(kit: Kit) -> None:
    refuse_forged(kit, Reason.SIGNATURE_INVALID, {"votes": Votes.STRANGER})


@case(
    "HDR-028",
    "MUST refuse signatures over another block shown as votes for this one",
    clauses=("CMT-2", "CMK-7"),
    negative=True,
)
def hdr_028(kit: Kit) -> None:
    refuse_forged(kit, Reason.SIGNATURE_INVALID, {"votes": Votes.OTHER_BLOCK})


@case(
    "HDR-029",
    "MUST refuse votes that were cast for the same block of another ledger",
    clauses=("CMT-2", "CMK-7"),
    negative=True,
)
def hdr_029(kit: Kit) -> None:
    refuse_forged(kit, Reason.SIGNATURE_INVALID, {"votes": Votes.OTHER_LEDGER})


@case(
    "HDR-030",
    "MUST refuse votes that were cast at another height",
    clauses=("CMT-2", "CMK-7"),
    negative=True,
)
def hdr_030(kit: Kit) -> None:
    refuse_forged(kit, Reason.SIGNATURE_INVALID, {"votes": Votes.OTHER_HEIGHT})


@case(
    "HDR-031",
    "MUST NOT take prevotes for votes that commit",
    clauses=("CMT-2", "CMK-5"),
    negative=True,
)
def hdr_031(kit: Kit) -> None:
    reasons = {COMETBFT: Reason.SIGNATURE_INVALID, CHAINMAKER: Reason.INSUFFICIENT_QUORUM}
    refuse_forged(kit, reasons, {"votes": Votes.PREVOTE})


@case(
    "HDR-032",
    "MUST NOT count votes for no block",
    clauses=("CMT-16", "CMK-5"),
    negative=True,
)
def hdr_032(kit: Kit) -> None:
    refuse_forged(kit, TOO_FEW, {"votes": Votes.NIL})
    refuse_forged(kit, Reason.INSUFFICIENT_QUORUM, {"votes": Votes.NIL, "wrong": (2, 3)})


@case(
    "HDR-033",
    "MUST refuse a vote's signature in any other than its one canonical form",
    clauses=("CRY-5", "CRY-10"),
    negative=True,
)
def hdr_033(kit: Kit) -> None:
    forms = {COMETBFT: _high_scalars, CHAINMAKER: on_votes(_padded_signatures)}
    refuse_forged(kit, Reason.SIGNATURE_INVALID, lambda other: {"edit": forms[other.profile_id]})


def _high_scalars(update: Any) -> None:
    """The order added to every scalar: the equation still holds."""
    for entry in update.signed_header.commit.signatures:
        scalar = int.from_bytes(entry.signature[32:], "little") + ED25519_ORDER
        entry.signature = entry.signature[:32] + scalar.to_bytes(32, "little")


def _padded_signatures(votes: ChainmakerVoteSet) -> None:
    """A byte after the end of the DER form, which a lax parser passes over."""
    for vote in votes.votes.values():
        vote.endorsement.signature += b"\x00"


@case(
    "HDR-034",
    "MUST refuse an absent validator's entry that carries a vote, and a vote that carries nothing",
    clauses=("CMT-8",),
    negative=True,
    needs=("profile:cometbft",),
)
def hdr_034(kit: Kit) -> None:
    flags = [_last_entry("block_id_flag", flag) for flag in (0, 1, 4)]
    empty = [_last_entry(field, b"") for field in ("signature", "validator_address")]
    refuse_forged(kit, Reason.COMMIT_INVALID, *flags, *empty, profiles=(COMETBFT,))


def _last_entry(field: str, value: object) -> dict[str, Any]:
    """Another value in the entry that is not needed for a quorum of four."""
    return {"edit": lambda update: setattr(update.signed_header.commit.signatures[3], field, value)}


@case(
    "HDR-035",
    "MUST refuse a commit with more or fewer entries than there are validators",
    clauses=("CMT-14",),
    negative=True,
    needs=("profile:cometbft",),
)
def hdr_035(kit: Kit) -> None:
    def shorter(update: Any) -> None:
        del update.signed_header.commit.signatures[3]

    def longer(update: Any) -> None:
        added = update.signed_header.commit.signatures.add()
        added.block_id_flag = 1
        added.timestamp.seconds = -62_135_596_800

    refuse_forged(kit, Reason.COMMIT_INVALID, {"edit": shorter}, {"edit": longer}, profiles=(COMETBFT,))


@case(
    "HDR-036",
    "MUST refuse a commit in a negative round, and one for no block",
    clauses=("CMT-7",),
    negative=True,
    needs=("profile:cometbft",),
)
def hdr_036(kit: Kit) -> None:
    def negative_round(update: Any) -> None:
        update.signed_header.commit.round = -1

    def no_block(update: Any) -> None:
        block_id = update.signed_header.commit.block_id
        block_id.hash = block_id.part_set_header.hash = b""
        block_id.part_set_header.total = 0

    refuse_forged(kit, Reason.COMMIT_INVALID, {"edit": negative_round}, {"edit": no_block}, profiles=(COMETBFT,))


@case(
    "HDR-037",
    "MUST believe the votes alone, not the sums that a vote set states beside them",
    clauses=("CMK-4", "CMK-8"),
    negative=True,
    needs=("profile:chainmaker",),
)
def hdr_037(kit: Kit) -> None:
    def boast(votes: ChainmakerVoteSet) -> None:
        votes.sum = 4
        votes.votes_by_block[votes.maj23.hex()].sum = 4

    wrong = {"signers": (0, 1), "edit": on_votes(boast)}
    refuse_forged(kit, Reason.INSUFFICIENT_QUORUM, wrong, profiles=(CHAINMAKER,))


@case(
    "HDR-038",
    "MUST refuse a counted vote whose signer is not exactly the voter's registered member",
    clauses=("CMK-6",),
    negative=True,
    needs=("profile:chainmaker",),
)
def hdr_038(kit: Kit) -> None:
    def other_organisation(signer: Any) -> None:
        signer.org_id = "another-organisation"

    def other_type(signer: Any) -> None:
        signer.member_type = 3

    def other_key(signer: Any) -> None:
        signer.member_info = public_key_to_pem("sm3-sm2", generate_signer("sm3-sm2").public_key)

    def edited(change: Callable[[Any], None]) -> dict[str, Any]:
        return {"edit": on_votes(lambda votes: change(votes.votes[min(votes.votes)].endorsement.signer))}

    wrongs = [edited(change) for change in (other_organisation, other_type, other_key)]
    refuse_forged(kit, Reason.COMMIT_INVALID, *wrongs, profiles=(CHAINMAKER,))


@case(
    "HDR-039",
    "MUST refuse a set of votes that says it holds no precommits",
    clauses=("CMK-5",),
    negative=True,
    needs=("profile:chainmaker",),
)
def hdr_039(kit: Kit) -> None:
    wrong = {"edit": on_votes(lambda votes: setattr(votes, "type", 0))}
    refuse_forged(kit, Reason.COMMIT_INVALID, wrong, profiles=(CHAINMAKER,))


@case(
    "HDR-040",
    "MUST refuse a vote set that holds one voter twice under one name",
    clauses=("CMK-4", "CMK-5"),
    negative=True,
    needs=("profile:chainmaker",),
)
def hdr_040(kit: Kit) -> None:
    def repeat(update: ChainmakerUpdate) -> None:
        votes = ChainmakerVoteSet.FromString(update.vote_set)
        once = ChainmakerVoteSet(votes={name: votes.votes[name] for name in sorted(votes.votes)[:1]})
        update.vote_set += once.SerializeToString() * 3

    wrong = {"signers": (0,), "edit": repeat}
    refuse_forged(kit, Reason.DUPLICATE_SIGNER, wrong, profiles=(CHAINMAKER,))


@case(
    "HDR-041",
    "MUST refuse a block whose proposer is no validator, or did not sign it",
    clauses=("CMK-3",),
    negative=True,
    needs=("profile:chainmaker",),
)
def hdr_041(kit: Kit) -> None:
    def stranger(header: ChainmakerBlockHeader) -> None:
        header.proposer.member_info = public_key_to_pem("sm3-sm2", generate_signer("sm3-sm2").public_key)

    def unsigned(header: ChainmakerBlockHeader) -> None:
        header.signature = turned(header.signature)

    profiles = (CHAINMAKER,)
    refuse_forged(kit, Reason.HEADER_INVALID, {"change": stranger}, profiles=profiles)
    refuse_forged(kit, Reason.SIGNATURE_INVALID, {"after": unsigned}, profiles=profiles)


@case(
    "HDR-042",
    "MUST refuse a header without any of the parts an update has",
    clauses=("CMT-5", "CMK-1"),
    negative=True,
)
def hdr_042(kit: Kit) -> None:
    parts = {
        COMETBFT: ("signed_header", "validator_set", "trusted_validators"),
        CHAINMAKER: ("header", "vote_set", "validators"),
    }
    wrong = (
        Reason.FIELD_REQUIRED,
        Reason.INVALID_FIELD,
        Reason.MALFORMED_MESSAGE,
        Reason.COMMIT_INVALID,
    )
    for other in counterparties(kit):
        height = other.advance()
        for part in parts[other.profile_id]:
            forged = other.forge(height, edit=lambda update, part=part: update.ClearField(part))
            refuse(kit, other, forged, wrong, f"an update without its {part} is refused")
        take(kit, other, other.update(height))
