"""Misbehaviour: what freezes a client, what must never freeze one, and what a frozen one no longer does."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from bridge.clock import NANOS_PER_SECOND
from bridge.conformance.case import case
from bridge.conformance.checks import (
    expect,
    expect_equal,
    item_applied,
    item_noop,
    item_refused,
    refused,
    unmoved,
)
from bridge.conformance.counterparty.forgery import Votes
from bridge.conformance.counterparty.ledger import other_root
from bridge.conformance.counterparty.validators import make_validators
from bridge.conformance.updates import (
    accuse,
    advanced,
    counterparties,
    freeze,
    refuse,
    require_state,
    short_lived,
    submit,
    take,
    taken,
    wait_expired,
)
from bridge.errors import Reason
from bridge.v1 import ledger_service_pb2 as api

if TYPE_CHECKING:
    from bridge.conformance.counterparty.ledger import Counterparty
    from bridge.conformance.kit import Kit

YEAR_NANOS = 365 * 86_400 * NANOS_PER_SECOND


@case(
    "MIS-001",
    "MUST freeze a client when a second header verifies for a height that it knows",
    clauses=("MIS-2", "MIS-3", "UPD-8"),
)
def mis_001(kit: Kit) -> None:
    for other in counterparties(kit):
        honest, conflicting = other.equivocate(other.advance())
        take(kit, other, honest)
        item_applied(submit(kit, other, conflicting)[0], "the header that contradicts is taken as evidence")
        require_state(kit, other, "FROZEN")


@case(
    "MIS-002",
    "MUST freeze a client when two branches of its ledger meet at one height",
    clauses=("MIS-3",),
)
def mis_002(kit: Kit) -> None:
    for other in counterparties(kit):
        branch = other.fork(other.advance())
        other.set_clock(other.now + NANOS_PER_SECOND)
        height = advanced(other, 3)
        advanced(branch, 3)
        take(kit, other, other.update(height))
        item_applied(submit(kit, other, branch.update(height))[0], "the other branch's header is evidence")
        require_state(kit, other, "FROZEN")


@case(
    "MIS-003",
    "MUST freeze a client on evidence of two headers at one height, though it knew neither",
    clauses=("MIS-1", "MIS-4", "LED-9"),
)
def mis_003(kit: Kit) -> None:
    for other in counterparties(kit):
        header_1, header_2 = other.equivocate(advanced(other, 3))
        answer = accuse(kit, other, header_1, header_2)
        expect_equal(api.ClientState.Name(answer.state), "CLIENT_STATE_FROZEN", "the answer tells the new state")
        require_state(kit, other, "FROZEN")


@case(
    "MIS-004",
    "MUST freeze a client on evidence of a greater height whose time runs back",
    clauses=("MIS-1",),
)
def mis_004(kit: Kit) -> None:
    for other in counterparties(kit):
        low, high = other.advance(), other.advance()
        early = other.chain.consensus(low).time - 5 * NANOS_PER_SECOND
        accuse(kit, other, other.forge(high, time=early), other.update(low))
        require_state(kit, other, "FROZEN")


@case(
    "MIS-005",
    "MUST take headers from the future as evidence, for the clock judges updates only",
    clauses=("MIS-1", "MIS-4"),
)
def mis_005(kit: Kit) -> None:
    for other in counterparties(kit):
        height, later = other.advance(), other.now + YEAR_NANOS
        far = other.forge(height, time=later), other.forge(height, time=later, change=other_root)
        accuse(kit, other, *far)
        require_state(kit, other, "FROZEN")


@case(
    "MIS-006",
    "MUST freeze a client when a header verifies whose time is not between those of the heights next to it",
    clauses=("MIS-3",),
)
def mis_006(kit: Kit) -> None:
    for place in ("below", "above"):
        for other in counterparties(kit):
            anchor_time = other.chain.consensus(other.height).time
            other.set_clock(anchor_time + 4 * NANOS_PER_SECOND)
            low, known, high = other.advance(), other.advance(), other.advance()
            take(kit, other, other.update(known), known)
            shift = 2 * NANOS_PER_SECOND
            stands = other.chain.consensus(known).time
            height, time = (low, stands + shift) if place == "below" else (high, stands - shift)
            item_applied(submit(kit, other, other.forge(height, time=time))[0], f"a time out of order {place}")
            require_state(kit, other, "FROZEN")


@case(
    "MIS-007",
    "MUST refuse every header and every proof once a client is frozen",
    clauses=("MIS-3", "DEL-4", "CLI-2"),
    negative=True,
    needs=("authority", "authority_key"),
)
def mis_007(kit: Kit) -> None:
    for profile_id in taken(kit):
        other = kit.counterparty(profile_id)
        written = other.register_issuer()
        headers, runs = other.delivery(written, trusted_height=kit.client(other.client_id).latest_height)
        for result in submit(kit, other, *headers):
            item_applied(result, "honest headers before the freeze")
        freeze(kit, other)
        refuse(kit, other, other.update(other.advance()), Reason.CLIENT_FROZEN, "an honest header after it")
        with unmoved(kit, other.client_id):
            for result in kit.deliver(other, runs=runs).items:
                item_refused(result, Reason.CLIENT_FROZEN, message="a proof under a header that was trusted before")


@case(
    "MIS-008",
    "MUST NOT freeze any other client with a client, not even another one of the same profile",
    clauses=("MIS-2", "MIS-4"),
)
def mis_008(kit: Kit) -> None:
    for other, bystander in zip(list(counterparties(kit)), list(counterparties(kit)), strict=True):
        with unmoved(kit, bystander.client_id):
            freeze(kit, other)
        take(kit, bystander, bystander.update(bystander.advance()))


@case(
    "MIS-009",
    "MUST answer evidence against a frozen client as known, and change nothing",
    clauses=("MIS-4",),
)
def mis_009(kit: Kit) -> None:
    for other in counterparties(kit):
        evidence = freeze(kit, other)
        fresh = other.equivocate(other.advance())
        with unmoved(kit, other.client_id):
            for pair in (evidence, fresh):
                answer = accuse(kit, other, *pair)
                expect_equal(api.ClientState.Name(answer.state), "CLIENT_STATE_FROZEN", "the client stays frozen")


@case(
    "MIS-010",
    "MUST NOT take a header with other votes, or the same one again, for misbehaviour",
    clauses=("UPD-9", "MIS-1"),
    negative=True,
)
def mis_010(kit: Kit) -> None:
    for other in counterparties(kit):
        height = other.advance()
        update, again = other.update(height), other.forge(height, signers=(1, 2, 3))
        take(kit, other, update)
        with unmoved(kit, other.client_id):
            item_noop(submit(kit, other, again)[0])
        _acquit(kit, other, update, again, "one header with two sets of votes")


@case(
    "MIS-011",
    "MUST NOT freeze a client for a conflicting header that is not rightly signed",
    clauses=("MIS-3", "CMT-16", "CMK-8"),
    negative=True,
)
def mis_011(kit: Kit) -> None:
    for other in counterparties(kit):
        height = other.advance()
        take(kit, other, other.update(height))
        wrongs: tuple[tuple[dict[str, Any], Reason], ...] = (
            ({"signers": (0, 1)}, Reason.INSUFFICIENT_QUORUM),
            ({"votes": Votes.BAD}, Reason.SIGNATURE_INVALID),
            ({"chain_id": "test-elsewhere"}, Reason.LEDGER_ID_MISMATCH),
        )
        for wrong, reason in wrongs:
            refuse(kit, other, other.forge(height, change=other_root, **wrong), reason)
            require_state(kit, other, "ACTIVE")


def _acquit(kit: Kit, other: Counterparty, header_1: bytes, header_2: bytes, what: str, *reasons: Reason) -> None:
    """Failed unless the evidence is refused and the client works on."""
    with unmoved(kit, other.client_id):
        refused(
            lambda: accuse(kit, other, header_1, header_2),
            *(reasons or (Reason.MISBEHAVIOUR_INVALID,)),
            message=f"{what} is no evidence",
        )
    require_state(kit, other, "ACTIVE")


@case("MIS-012", "MUST refuse evidence of the same header twice", clauses=("MIS-1",), negative=True)
def mis_012(kit: Kit) -> None:
    for other in counterparties(kit):
        update = other.update(other.advance())
        _acquit(kit, other, update, update, "the same header twice")


@case(
    "MIS-013",
    "MUST refuse evidence of two headers that one honest ledger signed",
    clauses=("MIS-1",),
    negative=True,
)
def mis_013(kit: Kit) -> None:
    for other in counterparties(kit):
        other.set_clock(other.now + NANOS_PER_SECOND)
        low, high = other.advance(), other.advance()
        _acquit(kit, other, other.update(high), other.update(low), "an honest chain")
        take(kit, other, other.update(high))


@case(
    "MIS-014",
    "MUST refuse evidence that names the lower header first",
    clauses=("MIS-1",),
    negative=True,
)
def mis_014(kit: Kit) -> None:
    for other in counterparties(kit):
        low, high = other.advance(), other.advance()
        early = other.forge(high, time=other.chain.consensus(low).time - 5 * NANOS_PER_SECOND)
        _acquit(kit, other, other.update(low), early, "headers in the wrong order")
        accuse(kit, other, early, other.update(low))
        require_state(kit, other, "FROZEN", "the same headers in the right order")


@case(
    "MIS-015",
    "MUST refuse evidence in which one header does not verify, whichever it is",
    clauses=("MIS-4", "CMT-16", "CMK-8"),
    negative=True,
)
def mis_015(kit: Kit) -> None:
    makers: dict[str, Callable[[Counterparty, int], bytes]] = {
        "a header without a quorum": lambda other, height: other.forge(height, change=other_root, signers=(0, 1)),
        "a header with bad signatures": lambda other, height: other.forge(height, change=other_root, votes=Votes.BAD),
        "a header of strangers": lambda other, height: other.forge(
            height, validators=make_validators(other.profile.suite_id, (1,) * 4)
        ),
        "a header of another ledger": lambda other, height: other.forge(height, chain_id="test-elsewhere"),
        "a header changed after it was signed": lambda other, height: other.forge(height, after=other_root),
    }
    for other in counterparties(kit):
        height = advanced(other, 2)
        honest = other.update(height)
        for what, make in makers.items():
            forged = make(other, height)
            _acquit(kit, other, honest, forged, what)
            _acquit(kit, other, forged, honest, what)
        take(kit, other, honest)


@case(
    "MIS-016",
    "MUST refuse evidence that is verified from heights the client does not trust",
    clauses=("MIS-5", "UPD-2"),
    negative=True,
)
def mis_016(kit: Kit) -> None:
    for other in counterparties(kit):
        height = advanced(other, 3)
        pair = other.equivocate(height, trusted_height=height - 1)
        _acquit(kit, other, *pair, "evidence from nowhere", Reason.CONSENSUS_STATE_NOT_FOUND)


@case(
    "MIS-017",
    "MUST refuse evidence that is verified from an expired state, so that keys of long ago freeze nothing",
    clauses=("MIS-5", "UPD-7"),
    negative=True,
)
def mis_017(kit: Kit) -> None:
    others = short_lived(kit)
    wait_expired(kit, *others)
    for other in others:
        pair = other.equivocate(other.advance())
        with unmoved(kit, other.client_id):
            refused(partial(accuse, kit, other, *pair), Reason.CLIENT_EXPIRED)
        require_state(kit, other, "EXPIRED")


@case(
    "MIS-018",
    "MUST refuse evidence that validators of before sign for heights that are no longer theirs",
    clauses=("UPD-12", "MIS-5"),
    negative=True,
)
def mis_018(kit: Kit) -> None:
    for other in counterparties(kit):
        anchor, stale = other.height, other.fork(other.height)
        rotation = other.rotate()
        take(kit, other, other.update(rotation.announced))
        take(kit, other, other.update(other.advance(), rotation.announced))
        height = advanced(stale, rotation.announced - anchor + 3)
        pair = stale.equivocate(height, trusted_height=anchor)
        _acquit(kit, other, *pair, "evidence of validators of before", Reason.CONSENSUS_STATE_NOT_FOUND)


@case(
    "MIS-019",
    "MUST refuse evidence against a client that does not exist, and bytes that are no headers",
    clauses=("LED-9", "MIS-4", "WIRE-1"),
    negative=True,
)
def mis_019(kit: Kit) -> None:
    wrong = (Reason.MALFORMED_MESSAGE, Reason.FIELD_REQUIRED, Reason.INVALID_FIELD)
    for other in counterparties(kit):
        pair = other.equivocate(other.advance())
        with unmoved(kit, other.client_id):
            refused(
                partial(accuse, kit, other, *pair, client_id="no-such-client"),
                Reason.CLIENT_NOT_FOUND,
            )
        _acquit(kit, other, pair[0], kit.random.randbytes(200), "random bytes", *wrong)
        _acquit(kit, other, b"", b"", "nothing", *wrong)


@case(
    "MIS-020",
    "MUST go on working with the heights it trusted when evidence was refused",
    clauses=("MIS-4", "UPD-9"),
    negative=True,
)
def mis_020(kit: Kit) -> None:
    for other in counterparties(kit):
        update = other.update(other.advance())
        take(kit, other, update)
        _acquit(kit, other, update, update, "the same header twice")
        take(kit, other, other.update(other.advance()))
        expect(
            kit.client(other.client_id).oldest_height <= other.anchor_height,
            "the old heights stay trusted",
            got=kit.client(other.client_id).oldest_height,
            expected=other.anchor_height,
        )


@case(
    "MIS-032",
    "MUST refuse evidence about a height that is not above the one it is verified from",
    clauses=("MIS-1", "UPD-4"),
    negative=True,
)
def mis_032(kit: Kit) -> None:
    for other in counterparties(kit):
        anchor, height = other.height, other.advance()
        for claimed in (anchor, anchor - 1):
            one = other.forge(height, claimed_height=claimed)
            two = other.forge(height, claimed_height=claimed, change=other_root)
            _acquit(kit, other, one, two, f"two headers {anchor - claimed} below the trusted height")
