"""VER: header vectors about votes and quorums, ledgers, heights, times and clocks."""

from __future__ import annotations

from typing import Any

from bridge.clock import NANOS_PER_SECOND
from bridge.conformance.counterparty.forgery import Votes
from bridge.conformance.verifier.subject import CLOCK_DRIFT_SECONDS, TRUSTING_PERIOD_SECONDS, Subject
from bridge.conformance.verifier.vectors import (
    CHAINMAKER,
    COMETBFT,
    EXPIRED,
    MALFORMED,
    TRUSTED,
    header,
)
from bridge.errors import Reason

_PERIOD = TRUSTING_PERIOD_SECONDS * NANOS_PER_SECOND
_DRIFT = CLOCK_DRIFT_SECONDS * NANOS_PER_SECOND


@header("VER-001", "MUST trust the header right above the trusted one", clauses=("CMT-13", "CMK-10"), verdict=TRUSTED)
def ver_001(subject: Subject) -> dict[str, Any]:
    return subject.case(subject.ledger.update(subject.anchor + 1))


@header("VER-002", "MUST trust a header that skips heights", clauses=("CMT-15", "CMK-10"), verdict=TRUSTED)
def ver_002(subject: Subject) -> dict[str, Any]:
    return subject.case(subject.ledger.update(subject.anchor + 4))


@header(
    "VER-003",
    "MUST trust a header signed by one more than two thirds",
    clauses=("CMT-16", "CMK-8"),
    verdict=TRUSTED,
)
def ver_003(subject: Subject) -> dict[str, Any]:
    return subject.forged(signers=(0, 1, 2, 4, 5))


@header(
    "VER-004",
    "MUST refuse a header signed by exactly two thirds of the power",
    clauses=("CMT-16", "CMK-8"),
    reasons=(Reason.INSUFFICIENT_QUORUM,),
)
def ver_004(subject: Subject) -> dict[str, Any]:
    return subject.forged(signers=(0, 1, 2, 3))


@header(
    "VER-005",
    "MUST refuse a header that nobody signed",
    clauses=("CMT-16", "CMK-8"),
    reasons=(Reason.INSUFFICIENT_QUORUM,),
)
def ver_005(subject: Subject) -> dict[str, Any]:
    return subject.forged(signers=())


@header(
    "VER-006",
    "MUST count a validator once, however often its vote is there",
    clauses=("CMT-9", "CMK-5"),
    reasons=(Reason.DUPLICATE_SIGNER,),
)
def ver_006(subject: Subject) -> dict[str, Any]:
    return subject.forged(signers=(0, 1, 2, 3, 4), places={4: 0})


@header(
    "VER-007",
    "MUST refuse a vote that stands in another validator's place",
    clauses=("CMT-14", "CMK-5"),
    reasons=(Reason.COMMIT_INVALID,),
)
def ver_007(subject: Subject) -> dict[str, Any]:
    return subject.forged(places={0: 1, 1: 0})


@header(
    "VER-008",
    "MUST refuse a header with a signature of which one bit is wrong",
    clauses=("CMT-16", "CMK-7"),
    reasons=(Reason.SIGNATURE_INVALID,),
)
def ver_008(subject: Subject) -> dict[str, Any]:
    return subject.forged(votes=Votes.BAD, wrong=(0,))


@header(
    "VER-009",
    "MUST refuse signatures over another block, shown as signatures over this one",
    clauses=("CMT-2", "CMK-7"),
    reasons=(Reason.SIGNATURE_INVALID,),
)
def ver_009(subject: Subject) -> dict[str, Any]:
    return subject.forged(votes=Votes.OTHER_BLOCK)


@header(
    "VER-010",
    "MUST refuse signatures made for another ledger",
    clauses=("CMT-2", "CMK-7"),
    reasons=(Reason.SIGNATURE_INVALID,),
)
def ver_010(subject: Subject) -> dict[str, Any]:
    return subject.forged(votes=Votes.OTHER_LEDGER)


@header(
    "VER-011",
    "MUST refuse signatures made for another height",
    clauses=("CMT-2", "CMK-7"),
    reasons=(Reason.SIGNATURE_INVALID,),
)
def ver_011(subject: Subject) -> dict[str, Any]:
    return subject.forged(votes=Votes.OTHER_HEIGHT)


@header(
    "VER-012",
    "MUST NOT take prevotes for votes that commit",
    clauses=("CMT-2", "CMK-5"),
    reasons=(Reason.SIGNATURE_INVALID, Reason.INSUFFICIENT_QUORUM),
)
def ver_012(subject: Subject) -> dict[str, Any]:
    return subject.forged(votes=Votes.PREVOTE)


@header(
    "VER-013",
    "MUST NOT count votes for no block",
    clauses=("CMT-16", "CMK-5"),
    reasons=(Reason.INSUFFICIENT_QUORUM,),
)
def ver_013(subject: Subject) -> dict[str, Any]:
    return subject.forged(votes=Votes.NIL, wrong=(1, 2, 3))


@header(
    "VER-014",
    "MUST check each vote with the registered key, whoever signed it",
    clauses=("CRY-2", "CMT-16", "CMK-6"),
    reasons=(Reason.SIGNATURE_INVALID,),
)
def ver_014(subject: Subject) -> dict[str, Any]:
    return subject.forged(votes=Votes.STRANGER)


@header(
    "VER-015",
    "MUST weigh votes by power, not by heads",
    clauses=("CMT-16",),
    reasons=(Reason.INSUFFICIENT_QUORUM,),
    profiles=COMETBFT,
)
def ver_015(subject: Subject) -> dict[str, Any]:
    return subject.fresh((10, 1, 1, 1)).forged(signers=(1, 2, 3))


@header(
    "VER-016",
    "MUST refuse a header of another ledger",
    clauses=("UPD-3",),
    reasons=(Reason.LEDGER_ID_MISMATCH,),
)
def ver_016(subject: Subject) -> dict[str, Any]:
    return subject.forged(chain_id="test-vectors-other")


@header(
    "VER-017",
    "MUST refuse a header at the trusted height",
    clauses=("UPD-4",),
    reasons=(Reason.NON_INCREASING_HEIGHT,),
)
def ver_017(subject: Subject) -> dict[str, Any]:
    return subject.forged(0)


@header(
    "VER-018",
    "MUST refuse a header below the trusted height",
    clauses=("UPD-4",),
    reasons=(Reason.NON_INCREASING_HEIGHT,),
)
def ver_018(subject: Subject) -> dict[str, Any]:
    return subject.forged(-1, trusted_height=subject.anchor + 2)


@header(
    "VER-019",
    "MUST refuse a header whose time is before the trusted one's",
    clauses=("UPD-5",),
    reasons=(Reason.NON_INCREASING_TIME,),
)
def ver_019(subject: Subject) -> dict[str, Any]:
    return subject.forged(time=subject.time(subject.anchor) - NANOS_PER_SECOND)


@header(
    "VER-020",
    "MUST refuse a header with the very time of the trusted one, where times rise strictly",
    clauses=("UPD-5",),
    reasons=(Reason.NON_INCREASING_TIME,),
    profiles=COMETBFT,
)
def ver_020(subject: Subject) -> dict[str, Any]:
    return subject.forged(time=subject.time(subject.anchor))


@header(
    "VER-021",
    "MUST trust a header with the very time of the trusted one, where times have whole seconds",
    clauses=("UPD-5", "CMK-1"),
    verdict=TRUSTED,
    profiles=CHAINMAKER,
)
def ver_021(subject: Subject) -> dict[str, Any]:
    return subject.forged(time=subject.time(subject.anchor))


@header(
    "VER-022",
    "MUST refuse a header whose time is exactly now plus the clock drift",
    clauses=("UPD-6",),
    reasons=(Reason.HEADER_FROM_FUTURE,),
)
def ver_022(subject: Subject) -> dict[str, Any]:
    height = subject.anchor + 1
    return subject.case(subject.ledger.update(height), now=subject.time(height) - _DRIFT)


@header(
    "VER-023",
    "MUST trust a header one nanosecond before now plus the clock drift",
    clauses=("UPD-6",),
    verdict=TRUSTED,
)
def ver_023(subject: Subject) -> dict[str, Any]:
    height = subject.anchor + 1
    return subject.case(subject.ledger.update(height), now=subject.time(height) - _DRIFT + 1)


@header(
    "VER-024",
    "MUST call the trusted state expired at the very end of the trusting period",
    clauses=("UPD-7",),
    verdict=EXPIRED,
    reasons=(Reason.CLIENT_EXPIRED,),
)
def ver_024(subject: Subject) -> dict[str, Any]:
    return subject.case(subject.ledger.update(subject.anchor + 1), now=subject.time(subject.anchor) + _PERIOD)


@header(
    "VER-025",
    "MUST trust a header one nanosecond before the trusting period ends",
    clauses=("UPD-7",),
    verdict=TRUSTED,
)
def ver_025(subject: Subject) -> dict[str, Any]:
    return subject.case(subject.ledger.update(subject.anchor + 1), now=subject.time(subject.anchor) + _PERIOD - 1)


@header(
    "VER-026",
    "MUST refuse an update that asks to be verified from another height than the trusted one",
    clauses=("UPD-2",),
    reasons=(Reason.CONSENSUS_STATE_NOT_FOUND,),
)
def ver_026(subject: Subject) -> dict[str, Any]:
    update = subject.ledger.update(subject.anchor + 3, subject.anchor + 1)
    return subject.case(update, subject.anchor)


@header(
    "VER-027",
    "MUST refuse a trust level below one third",
    clauses=("UPD-1",),
    verdict=MALFORMED,
    reasons=(Reason.INVALID_FIELD,),
)
def ver_027(subject: Subject) -> dict[str, Any]:
    return subject.case(subject.ledger.update(subject.anchor + 1), trust_level="33/100")


@header(
    "VER-028",
    "MUST refuse a trusting period of zero",
    clauses=("UPD-1",),
    verdict=MALFORMED,
    reasons=(Reason.INVALID_FIELD,),
)
def ver_028(subject: Subject) -> dict[str, Any]:
    return subject.case(subject.ledger.update(subject.anchor + 1), trusting_period_s=0)
