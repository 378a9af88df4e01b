"""How a client begins: which anchors carry trust, which options hold, and whose signature makes a client."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from bridge.clock import NANOS_PER_SECOND, ManualClock, Nanos
from bridge.conformance.case import case
from bridge.conformance.checks import expect_equal, refused, unmoved
from bridge.conformance.counterparty.acts import create_client_act
from bridge.conformance.counterparty.ledger import Counterparty
from bridge.conformance.updates import counterparties, require_newest, take, taken
from bridge.crypto.keys import generate_signer
from bridge.errors import Reason
from bridge.v1 import ledger_service_pb2 as api
from bridge.v1.transaction_pb2 import SignedAct

if TYPE_CHECKING:
    from bridge.conformance.kit import Kit

DAY_SECONDS = 86_400

NEEDS = ("authority", "authority_key")
"""Clients are made by the target's authority."""

Change = Callable[[Any], object]


def _fresh(kit: Kit, **options: Any) -> list[Counterparty]:
    """A counterparty of each profile the target takes, of which the target knows nothing yet."""
    return [Counterparty(profile_id, **options) for profile_id in taken(kit)]


def _speaker(kit: Kit) -> tuple[str, Any]:
    return kit.target.ledger_id, kit.signer("authority_key")


def _create(kit: Kit, act: SignedAct) -> api.CreateClientResponse:
    kit.evidence(f"act-{len(kit.kept)}", act.SerializeToString())
    return kit.ledger("authority").CreateClient(api.CreateClientRequest(act=act))


def _refuse(kit: Kit, other: Counterparty, act: SignedAct, *reasons: Reason, what: str) -> None:
    """Failed unless the act is refused and there is no such client afterwards."""
    with unmoved(kit, other.client_id):
        refused(lambda: _create(kit, act), *reasons, message=what)
    expect_equal(kit.client(other.client_id).client_id, "", "no client was made")


@case(
    "HDR-071",
    "MUST make a client from an anchor that its own authority signed, and believe from there",
    clauses=("ANC-1", "ACT-3", "CLI-5", "LED-7"),
    needs=NEEDS,
)
def hdr_071(kit: Kit) -> None:
    for other in _fresh(kit):
        _create(kit, other.create_act(_speaker(kit)))
        require_newest(kit, other, other.height)
        take(kit, other, other.update(other.advance()))


@case(
    "HDR-072",
    "MUST make a client from the anchor of a ledger before its first block",
    clauses=("ANC-1", "ENG-3", "SHB-2"),
    needs=NEEDS,
)
def hdr_072(kit: Kit) -> None:
    for other in _fresh(kit):
        _create(kit, other.create_act(_speaker(kit), anchor=other.anchor(0)))
        require_newest(kit, other, 0)
        take(kit, other, other.update(other.advance(), 0))


@case(
    "HDR-073",
    "MUST refuse an empty, zero or default anchor",
    clauses=("ANC-1",),
    negative=True,
    needs=NEEDS,
)
def hdr_073(kit: Kit) -> None:
    zero = bytes(32)
    changes: dict[str, Change] = {
        "no header hash": lambda anchor: anchor.ClearField("header_hash"),
        "a header hash of zeros": lambda anchor: setattr(anchor, "header_hash", zero),
        "no root": lambda anchor: anchor.ClearField("root"),
        "a root of zeros": lambda anchor: setattr(anchor, "root", bytes(len(anchor.root))),
        "no validators": lambda anchor: anchor.ClearField("next_validators_hash"),
        "validators of zeros": lambda anchor: setattr(anchor, "next_validators_hash", zero),
        "no header time": lambda anchor: anchor.ClearField("header_time"),
        "no authority key": lambda anchor: anchor.ClearField("authority_public_key"),
        "a hash cut short": lambda anchor: setattr(anchor, "header_hash", anchor.header_hash[:31]),
        "another suite than its profile's": lambda anchor: setattr(anchor, "suite", "sha256-p256"),
    }
    for other in _fresh(kit):
        for name, change in changes.items():
            anchor = other.anchor()
            change(anchor)
            act = other.create_act(_speaker(kit), anchor=anchor)
            reasons = Reason.TRUST_ANCHOR_INVALID, Reason.FIELD_REQUIRED, Reason.INVALID_FIELD
            _refuse(kit, other, act, *reasons, what=f"an anchor with {name} is refused")
        _create(kit, other.create_act(_speaker(kit)))


@case(
    "HDR-074",
    "MUST refuse an anchor of a header profile that is not installed",
    clauses=("PRF-1", "CLI-5"),
    negative=True,
    needs=NEEDS,
)
def hdr_074(kit: Kit) -> None:
    other = _fresh(kit)[0]
    anchor = other.anchor()
    anchor.profile = "no-such-profile"
    act = other.create_act(_speaker(kit), anchor=anchor)
    _refuse(kit, other, act, Reason.PROFILE_UNKNOWN, what="an anchor of an unknown profile is refused")


@case(
    "HDR-075",
    "MUST refuse an anchor that has expired, and one from the future",
    clauses=("CLI-5", "CLI-11"),
    negative=True,
    needs=NEEDS,
)
def hdr_075(kit: Kit) -> None:
    for shift, reason in ((-2 * DAY_SECONDS, Reason.CLIENT_EXPIRED), (DAY_SECONDS, Reason.HEADER_FROM_FUTURE)):
        clock = ManualClock(Nanos(kit.clock.now() + shift * NANOS_PER_SECOND))
        for other in _fresh(kit, clock=clock):
            act = other.create_act(_speaker(kit), trusting_period_seconds=DAY_SECONDS)
            _refuse(kit, other, act, reason, what="an anchor that is not fresh is refused")


@case(
    "HDR-076",
    "MUST refuse trust options out of range: no trusting period, a trust level below 1/3 or above 1, a drift too wide",
    clauses=("UPD-1", "CLI-1"),
    negative=True,
    needs=NEEDS,
)
def hdr_076(kit: Kit) -> None:
    wrong: tuple[dict[str, Any], ...] = (
        {"trusting_period_seconds": 0},
        {"trusting_period_seconds": 11 * 366 * DAY_SECONDS},
        {"trust_level": (1, 4)},
        {"trust_level": (4, 3)},
        {"trust_level": (0, 1)},
        {"trust_level": (1, 0)},
        {"clock_drift_seconds": 601},
    )
    for other in _fresh(kit):
        for options in wrong:
            act = other.create_act(_speaker(kit), **options)
            _refuse(kit, other, act, Reason.INVALID_FIELD, what=f"{options} is refused")
        _create(kit, other.create_act(_speaker(kit)))


@case(
    "HDR-077",
    "MUST refuse a client that its own authority did not sign for, whoever else did",
    clauses=("ACT-2", "CLI-5"),
    negative=True,
    needs=NEEDS,
)
def hdr_077(kit: Kit) -> None:
    target = _speaker(kit)
    for other in _fresh(kit):
        stranger = (target[0], generate_signer(target[1].suite_id))
        for speakers, reason, what in (
            ((), Reason.AUTHORITY_SIGNATURE_MISSING, "an act that nobody signed"),
            ((other.speaker,), Reason.AUTHORITY_SIGNATURE_MISSING, "an act that the other side's authority signed"),
            ((target, other.speaker), Reason.AUTHORITY_SIGNATURE_MISSING, "an act with one signature too many"),
            ((stranger,), Reason.SIGNATURE_INVALID, "an act that a stranger signed in the authority's name"),
        ):
            act = create_client_act(speakers, target[0], other.client_id, other.anchor())
            _refuse(kit, other, act, reason, what=f"{what} is refused")
        _create(kit, other.create_act(target))


@case(
    "HDR-078",
    "MUST refuse an act about a client that was signed for another ledger",
    clauses=("ACT-8", "SIG-1"),
    negative=True,
    needs=NEEDS,
)
def hdr_078(kit: Kit) -> None:
    ledger_id, signer = _speaker(kit)
    elsewhere = f"{ledger_id}-x"
    for other in _fresh(kit):
        act = create_client_act([(ledger_id, signer)], elsewhere, other.client_id, other.anchor())
        _refuse(kit, other, act, Reason.LEDGER_ID_MISMATCH, what="an act that names another ledger is refused")
        replayed = create_client_act([(elsewhere, signer)], ledger_id, other.client_id, other.anchor())
        replayed.signatures[0].ledger_id = ledger_id
        _refuse(kit, other, replayed, Reason.SIGNATURE_INVALID, what="a signature for another ledger is refused")


@case(
    "HDR-079",
    "MUST refuse a client of itself",
    clauses=("CLI-5",),
    negative=True,
    needs=NEEDS,
)
def hdr_079(kit: Kit) -> None:
    for other in _fresh(kit, ledger_id=kit.target.ledger_id):
        act = other.create_act(_speaker(kit))
        _refuse(kit, other, act, Reason.LEDGER_ID_MISMATCH, what="a client of the target's own ledger is refused")


@case(
    "HDR-080",
    "MUST answer the act that made a client as before, and refuse its id to any other act for ever",
    clauses=("CLI-4",),
    negative=True,
    needs=NEEDS,
)
def hdr_080(kit: Kit) -> None:
    for other in counterparties(kit):
        made = other.create_act(_speaker(kit))
        take(kit, other, other.update(other.advance()))
        with unmoved(kit, other.client_id):
            answer = _create(kit, made)
            expect_equal(answer.client_id, other.client_id, "the same act again names the same client")
            later = other.create_act(_speaker(kit), anchor=other.anchor(other.height))
            wider = other.create_act(_speaker(kit), clock_drift_seconds=11)
            for act in (later, wider):
                refused(partial(_create, kit, act), Reason.CLIENT_EXISTS, message="another act is refused")
