"""VER: header vectors about validator sets and their changes, hashes, and bytes that are no update."""

from __future__ import annotations

from typing import Any

from bridge.conformance.counterparty.forge_chainmaker import on_votes
from bridge.conformance.counterparty.ledger import other_root
from bridge.conformance.counterparty.validators import make_validators
from bridge.conformance.verifier.subject import Subject
from bridge.conformance.verifier.vectors import (
    CHAINMAKER,
    COMETBFT,
    MALFORMED,
    NOT_ENOUGH_TRUST,
    TRUSTED,
    header,
)
from bridge.errors import Reason
from bridge.light_client.cometbft_rules import MAX_TOTAL_POWER
from bridge.light_client.cometbft_types import FLAG_ABSENT

_TRUSTED_HEIGHT_FIELD = 3
"""Number of the field `trusted_height` in the update messages of both profiles."""

_LATER = 3
"""Blocks after a change of validators; the newest of them is the one that is asked about."""


@header(
    "VER-031",
    "MUST refuse a header signed by a set that the trusted header does not name",
    clauses=("CMT-13", "CMK-10"),
    reasons=(Reason.VALIDATOR_SET_MISMATCH,),
)
def ver_031(subject: Subject) -> dict[str, Any]:
    strangers = make_validators(subject.ledger.suite.suite_id, (1, 1, 1, 1), name="stranger")
    return subject.forged(validators=strangers)


@header(
    "VER-032",
    "MUST ask for a header in between, and refuse, where too few of the trusted validators signed",
    clauses=("CMT-15", "CMK-10"),
    verdict=NOT_ENOUGH_TRUST,
    reasons=(Reason.NOT_ENOUGH_TRUST,),
)
def ver_032(subject: Subject) -> dict[str, Any]:
    own, newest = _rotated(subject, kept=0)
    return own.case(own.ledger.update(newest))


@header(
    "VER-033",
    "MUST follow a change of validators header by header",
    clauses=("CMT-12", "CMK-11", "CMK-12"),
    verdict=TRUSTED,
)
def ver_033(subject: Subject) -> dict[str, Any]:
    own = subject.fresh()
    before = own.ledger.height
    rotation = own.ledger.rotate()
    own.grow()
    announced = max(rotation.announced, before + 1)
    return own.case(own.ledger.update(announced + 1, announced), announced)


@header(
    "VER-034",
    "MUST refuse exactly the trust level of the trusted set's power",
    clauses=("CMT-15",),
    verdict=NOT_ENOUGH_TRUST,
    reasons=(Reason.NOT_ENOUGH_TRUST,),
    profiles=COMETBFT,
)
def ver_034(subject: Subject) -> dict[str, Any]:
    own, newest = _rotated(subject, kept=2)
    return own.case(own.ledger.update(newest))


@header(
    "VER-035",
    "MUST trust a skip when more than the trust level of the trusted set's power signed",
    clauses=("CMT-15",),
    verdict=TRUSTED,
    profiles=COMETBFT,
)
def ver_035(subject: Subject) -> dict[str, Any]:
    own, newest = _rotated(subject, kept=3)
    return own.case(own.ledger.update(newest))


@header(
    "VER-036",
    "MUST refuse a set in which a key stands twice",
    clauses=("CMT-10", "CMK-9"),
    reasons=(Reason.VALIDATOR_SET_INVALID,),
)
def ver_036(subject: Subject) -> dict[str, Any]:
    def twice(update: Any) -> None:
        members = _own_set(update).validators
        members.append(members[-1])

    return subject.forged(edit=twice)


@header(
    "VER-037",
    "MUST refuse a set that is not in its one order",
    clauses=("CMT-10", "CMK-9"),
    reasons=(Reason.VALIDATOR_SET_INVALID,),
)
def ver_037(subject: Subject) -> dict[str, Any]:
    def turned(update: Any) -> None:
        members = list(_own_set(update).validators)
        del _own_set(update).validators[:]
        _own_set(update).validators.extend(reversed(members))

    return subject.forged(edit=turned)


@header(
    "VER-038",
    "MUST refuse a set whose total power is out of range",
    clauses=("CMT-10",),
    reasons=(Reason.VALIDATOR_SET_INVALID,),
    profiles=COMETBFT,
)
def ver_038(subject: Subject) -> dict[str, Any]:
    strong = make_validators(subject.ledger.suite.suite_id, (MAX_TOTAL_POWER, 1), name="strong")
    return subject.forged(validators=strong)


@header(
    "VER-039",
    "MUST refuse a validator without power",
    clauses=("CMT-10",),
    reasons=(Reason.VALIDATOR_SET_INVALID,),
    profiles=COMETBFT,
)
def ver_039(subject: Subject) -> dict[str, Any]:
    weak = make_validators(subject.ledger.suite.suite_id, (1, 1, 0), name="weak")
    return subject.forged(validators=weak)


@header(
    "VER-040",
    "MUST refuse a set of which one member was exchanged on the way",
    clauses=("CMT-11", "CMK-10"),
    reasons=(Reason.VALIDATOR_SET_MISMATCH,),
)
def ver_040(subject: Subject) -> dict[str, Any]:
    others = make_validators(subject.ledger.suite.suite_id, (1,), name="other")

    def exchanged(update: Any) -> None:
        members = _own_set(update).validators
        if hasattr(members[0], "node_id"):
            members[-1].public_key = others.members[0].public_key
        else:
            members[0].voting_power += 1

    return subject.forged(edit=exchanged)


@header(
    "VER-041",
    "MUST refuse a trusted set that the trusted state does not name",
    clauses=("CMT-12",),
    reasons=(Reason.VALIDATOR_SET_MISMATCH,),
    profiles=COMETBFT,
)
def ver_041(subject: Subject) -> dict[str, Any]:
    strangers = make_validators(subject.ledger.suite.suite_id, (1, 1, 1, 1), name="stranger")
    return subject.forged(4, trusted_validators=strangers, validators=strangers)


@header(
    "VER-042",
    "MUST refuse a header that was changed after it was signed",
    clauses=("CMT-7", "CMK-2"),
    reasons=(Reason.HEADER_HASH_MISMATCH,),
)
def ver_042(subject: Subject) -> dict[str, Any]:
    return subject.forged(after=other_root)


@header(
    "VER-043",
    "MUST refuse votes that say they are of another height",
    clauses=("CMT-7", "CMK-5"),
    reasons=(Reason.COMMIT_INVALID,),
)
def ver_043(subject: Subject) -> dict[str, Any]:
    def higher(votes: Any) -> None:
        votes.height += 1

    if subject.profile_id in CHAINMAKER:
        return subject.forged(edit=on_votes(higher))
    return subject.forged(edit=lambda update: higher(update.signed_header.commit))


@header(
    "VER-044",
    "MUST refuse a block of a version it does not know the rules of",
    clauses=("CMT-6", "CMK-2"),
    reasons=(Reason.HEADER_INVALID,),
)
def ver_044(subject: Subject) -> dict[str, Any]:
    def older(message: Any) -> None:
        if subject.profile_id in CHAINMAKER:
            message.block_version = 2_200
        else:
            message.version.block = 10

    return subject.forged(change=older)


@header(
    "VER-045",
    "MUST refuse an absent vote that carries something all the same",
    clauses=("CMT-8",),
    reasons=(Reason.COMMIT_INVALID,),
    profiles=COMETBFT,
)
def ver_045(subject: Subject) -> dict[str, Any]:
    def marked(update: Any) -> None:
        update.signed_header.commit.signatures[5].block_id_flag = FLAG_ABSENT

    return subject.forged(edit=marked)


@header(
    "VER-046",
    "MUST refuse a block whose proposer is no registered validator",
    clauses=("CMK-3",),
    reasons=(Reason.HEADER_INVALID,),
    profiles=CHAINMAKER,
)
def ver_046(subject: Subject) -> dict[str, Any]:
    def moved(message: Any) -> None:
        message.proposer.org_id = "nowhere"

    return subject.forged(change=moved)


@header(
    "VER-047",
    "MUST refuse the block right above the trusted one when it follows another block",
    clauses=("CMK-10",),
    reasons=(Reason.HEADER_HASH_MISMATCH,),
    profiles=CHAINMAKER,
)
def ver_047(subject: Subject) -> dict[str, Any]:
    def elsewhere(message: Any) -> None:
        message.pre_block_hash = bytes(byte ^ 0xFF for byte in message.pre_block_hash)

    return subject.forged(change=elsewhere)


@header(
    "VER-048",
    "MUST refuse a config block without the transaction that changes the validators",
    clauses=("CMK-11",),
    reasons=(Reason.VALIDATOR_SET_INVALID,),
    profiles=CHAINMAKER,
)
def ver_048(subject: Subject) -> dict[str, Any]:
    own = subject.fresh()
    before = own.ledger.height
    rotation = own.ledger.rotate()
    update = own.ledger.forge(
        rotation.executed, trusted_height=before, edit=lambda message: message.ClearField("config_change")
    )
    return own.case(update, before)


@header("VER-051", "MUST refuse bytes that are cut short", clauses=("WIRE-1",), verdict=MALFORMED)
def ver_051(subject: Subject) -> dict[str, Any]:
    return subject.case(subject.ledger.update(subject.anchor + 1)[:-3])


@header("VER-052", "MUST refuse an update with a field it does not know", clauses=("WIRE-1",), verdict=MALFORMED)
def ver_052(subject: Subject) -> dict[str, Any]:
    return subject.case(subject.ledger.update(subject.anchor + 1) + b"\xf8\x3f\x01")


@header("VER-053", "MUST refuse an update that says a field twice", clauses=("WIRE-1",), verdict=MALFORMED)
def ver_053(subject: Subject) -> dict[str, Any]:
    update = subject.ledger.update(subject.anchor + 1)
    return subject.case(update + bytes([_TRUSTED_HEIGHT_FIELD << 3, subject.anchor]))


@header("VER-054", "MUST refuse an empty update", clauses=("WIRE-1", "CMT-5", "CMK-1"), verdict=MALFORMED)
def ver_054(subject: Subject) -> dict[str, Any]:
    return subject.case(b"")


@header(
    "VER-055",
    "MUST refuse a line that is no case, and judge the lines after it",
    clauses=("CASE-5",),
    verdict=MALFORMED,
)
def ver_055(subject: Subject) -> bytes:  # noqa: ARG001 a broken line is of no ledger
    return b'{"update": "AAAA", "update": "AAAA", \xff'


def _rotated(subject: Subject, kept: int) -> tuple[Subject, int]:
    """A ledger whose validators changed after its anchor, so many of six staying; and its newest height."""
    own = subject.fresh(heights=subject.anchor)
    staying = own.ledger.validators.members[:kept]
    own.ledger.rotate((1,) * (len(own.ledger.validators) - kept), kept=staying)
    for _ in range(_LATER):
        own.grow()
    return own, own.ledger.height


def _own_set(update: Any) -> Any:
    """The set that signs, in an update of either profile."""
    return update.validator_set if hasattr(update, "validator_set") else update.validators
