"""Time: headers that run back, stand still or come from the future, and trust that is too old."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bridge.clock import NANOS_PER_SECOND
from bridge.conformance.case import case
from bridge.conformance.checks import item_refused, unmoved
from bridge.conformance.updates import (
    CHAINMAKER,
    COMETBFT,
    WHOLE_SECOND,
    advanced,
    counterparties,
    refuse,
    refuse_forged,
    require_state,
    short_lived,
    submit,
    take,
    wait_expired,
)
from bridge.errors import Reason

if TYPE_CHECKING:
    from bridge.conformance.counterparty.ledger import Counterparty
    from bridge.conformance.kit import Kit

DRIFT_SECONDS = 30
"""Clock drift of the clients of these cases, in seconds: wide enough to tell it from a slow call."""

PATIENCE_SECONDS = 2
"""Time in which two headers are taken before their anchors expire, in seconds."""

YEAR_SECONDS = 365 * 86_400


@case(
    "HDR-064",
    "MUST refuse a header whose time is before the trusted one's",
    clauses=("UPD-5",),
    negative=True,
)
def hdr_064(kit: Kit) -> None:
    refuse_forged(kit, Reason.NON_INCREASING_TIME, lambda other: {"time": _trusted_time(other) - NANOS_PER_SECOND})


@case(
    "HDR-065",
    "MUST refuse a header whose time is the trusted one's, where no two heights share a time",
    clauses=("UPD-5",),
    negative=True,
    needs=("profile:cometbft",),
)
def hdr_065(kit: Kit) -> None:
    for distance in (1, 3):
        refuse_forged(
            kit,
            Reason.NON_INCREASING_TIME,
            lambda other: {"time": _trusted_time(other)},
            profiles=(COMETBFT,),
            blocks=(distance,),
        )


def _trusted_time(other: Counterparty) -> int:
    """Time of the anchor, which the cases of this page verify from."""
    return other.chain.consensus(other.anchor_height).time


@case(
    "HDR-066",
    "MUST take a header whose time is the trusted one's, where time has whole seconds",
    clauses=("UPD-5", "CMK-1"),
    needs=("profile:chainmaker",),
)
def hdr_066(kit: Kit) -> None:
    for other in counterparties(kit, (CHAINMAKER,)):
        other.set_clock(_trusted_time(other))
        take(kit, other, other.update(advanced(other, 2)))


@case(
    "HDR-067",
    "MUST refuse a header that is further ahead of its clock than the clock drift allows",
    clauses=("UPD-6",),
    negative=True,
)
def hdr_067(kit: Kit) -> None:
    times = [kit.clock.now() + ahead * NANOS_PER_SECOND for ahead in (DRIFT_SECONDS + 10, YEAR_SECONDS)]
    wrongs = [{"time": each} for each in times]
    refuse_forged(kit, Reason.HEADER_FROM_FUTURE, *wrongs, act={"clock_drift_seconds": DRIFT_SECONDS})


@case("HDR-068", "MUST take a header that is ahead of its clock by less than the clock drift", clauses=("UPD-6",))
def hdr_068(kit: Kit) -> None:
    for other in counterparties(kit, act={"clock_drift_seconds": DRIFT_SECONDS}):
        other.set_clock(kit.clock.now() + (DRIFT_SECONDS - 15) * NANOS_PER_SECOND)
        take(kit, other, other.update(other.advance()))


@case(
    "HDR-069",
    "MUST refuse every header once the newest trusted state is older than the trusting period, and say EXPIRED",
    clauses=("UPD-7", "UPD-8", "CLI-2"),
    negative=True,
)
def hdr_069(kit: Kit) -> None:
    others = short_lived(kit)
    wait_expired(kit, *others)
    for other in others:
        refuse(kit, other, other.update(other.advance()), Reason.CLIENT_EXPIRED)
        require_state(kit, other, "EXPIRED")


@case(
    "HDR-070",
    "MUST refuse a header that is verified from an expired state, though a newer trusted state is fresh",
    clauses=("UPD-7", "UPD-10"),
    negative=True,
)
def hdr_070(kit: Kit) -> None:
    others = short_lived(kit, PATIENCE_SECONDS)
    begun = time.monotonic()
    for other in others:
        take(kit, other, other.update(other.advance()))
    time.sleep(max(0.0, PATIENCE_SECONDS + WHOLE_SECOND - (time.monotonic() - begun)))
    for other in others:
        fresh, height = other.height, advanced(other, 2)
        with unmoved(kit, other.client_id):
            item_refused(submit(kit, other, other.update(height))[0], Reason.CLIENT_EXPIRED)
        take(kit, other, other.update(height, fresh))
