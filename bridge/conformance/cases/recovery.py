"""Recovery: who may give a frozen or expired client a new anchor, from where, and what stays as it was."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from google.protobuf.timestamp_pb2 import Timestamp

from bridge.clock import NANOS_PER_SECOND
from bridge.conformance.case import case
from bridge.conformance.checks import expect_equal, item_applied, item_noop, refused, unmoved
from bridge.conformance.counterparty.acts import recover_client_act
from bridge.conformance.updates import (
    accuse,
    advanced,
    counterparties,
    freeze,
    refuse,
    require_newest,
    require_state,
    short_lived,
    submit,
    take,
    taken,
    wait_expired,
)
from bridge.crypto.keys import generate_signer
from bridge.errors import Reason
from bridge.v1 import admin_service_pb2 as admin_api
from bridge.v1.transaction_pb2 import SignedAct

if TYPE_CHECKING:
    from bridge.conformance.counterparty.ledger import Counterparty
    from bridge.conformance.kit import Kit

NEEDS = ("authority", "authority_key")
"""Clients are recovered under the identity of the target's authority, by both authorities' keys."""


def _speaker(kit: Kit) -> tuple[str, Any]:
    return kit.target.ledger_id, kit.signer("authority_key")


def _submit(kit: Kit, act: SignedAct) -> None:
    kit.evidence(f"act-{len(kit.kept)}", act.SerializeToString())
    kit.admin().RecoverClient(admin_api.RecoverClientRequest(act=act))


def _refuse(kit: Kit, other: Counterparty, act: SignedAct, reason: Reason, what: str) -> None:
    """Failed unless the act is refused and the client stays as it was."""
    with unmoved(kit, other.client_id):
        refused(lambda: _submit(kit, act), reason, message=f"{what} is refused")


def _recover(kit: Kit, other: Counterparty) -> None:
    """Recover a client from the newest block of its ledger."""
    _submit(kit, other.recover_act(_speaker(kit), other.anchor(other.height)))
    require_newest(kit, other, other.height)


@case(
    "MIS-021",
    "MUST thaw a frozen client by an act of both authorities, and believe from the new anchor on",
    clauses=("ACT-5", "CLI-8", "ADS-3"),
    needs=NEEDS,
)
def mis_021(kit: Kit) -> None:
    for other in counterparties(kit):
        freeze(kit, other)
        advanced(other, 2)
        _recover(kit, other)
        take(kit, other, other.update(advanced(other, 2), other.height - 2))


@case(
    "MIS-022",
    "MUST refuse a recovery that one authority alone signed, or somebody else in its name",
    clauses=("ACT-2", "ACT-5"),
    negative=True,
    needs=NEEDS,
)
def mis_022(kit: Kit) -> None:
    target = _speaker(kit)
    for other in counterparties(kit):
        freeze(kit, other)
        other.advance()
        stranger = generate_signer(other.authority.suite_id)
        impostor = generate_signer(target[1].suite_id)
        missing, invalid = Reason.AUTHORITY_SIGNATURE_MISSING, Reason.SIGNATURE_INVALID
        for speakers, reason, what in (
            ([], missing, "a recovery that nobody signed"),
            ([target], missing, "a recovery by the target's authority alone"),
            ([other.speaker], missing, "a recovery by the other authority alone"),
            ([target, (other.ledger_id, stranger)], invalid, "a recovery by a stranger in the other's name"),
            ([(target[0], impostor), other.speaker], invalid, "a recovery by a stranger in the target's name"),
        ):
            act = recover_client_act(speakers, target[0], other.client_id, other.anchor(other.height))
            _refuse(kit, other, act, reason, what)
            require_state(kit, other, "FROZEN")
        _recover(kit, other)


@case(
    "MIS-023",
    "MUST refuse to recover a client that is active",
    clauses=("CLI-9",),
    negative=True,
    needs=NEEDS,
)
def mis_023(kit: Kit) -> None:
    for other in counterparties(kit):
        act = other.recover_act(_speaker(kit), other.anchor(other.advance()))
        _refuse(kit, other, act, Reason.CLIENT_ACTIVE, "the recovery of an active client")
        take(kit, other, other.update())


@case(
    "MIS-024",
    "MUST refuse to recover a client from an anchor that is not above every height it trusts",
    clauses=("CLI-9",),
    negative=True,
    needs=NEEDS,
)
def mis_024(kit: Kit) -> None:
    for other in counterparties(kit):
        take(kit, other, other.update(advanced(other, 2)))
        newest = other.height
        freeze(kit, other)
        for height in (newest, newest - 1):
            act = other.recover_act(_speaker(kit), other.anchor(height))
            _refuse(kit, other, act, Reason.NON_INCREASING_HEIGHT, f"an anchor at {height - newest} to the newest")
        _recover(kit, other)


@case(
    "MIS-025",
    "MUST refuse to recover a client from an anchor of another ledger, of zeros, or that is not fresh",
    clauses=("ANC-1", "CLI-9", "CLI-11"),
    negative=True,
    needs=NEEDS,
)
def mis_025(kit: Kit) -> None:
    for other in counterparties(kit):
        freeze(kit, other)
        other.advance()
        past = other.chain.consensus(other.anchor_height).time // NANOS_PER_SECOND - 60
        future = other.now // NANOS_PER_SECOND + 86_400
        wrongs: tuple[tuple[dict[str, Any], Reason, str], ...] = (
            ({"ledger_id": "test-elsewhere"}, Reason.LEDGER_ID_MISMATCH, "another's"),
            ({"root": bytes(32)}, Reason.TRUST_ANCHOR_INVALID, "a zero"),
            ({"header_time": Timestamp(seconds=past)}, Reason.NON_INCREASING_TIME, "an old"),
            ({"header_time": Timestamp(seconds=future)}, Reason.HEADER_FROM_FUTURE, "a future"),
        )
        for over, reason, what in wrongs:
            anchor = other.anchor(other.height, **over)
            _refuse(kit, other, other.recover_act(_speaker(kit), anchor), reason, f"{what} anchor")
        _recover(kit, other)


@case(
    "MIS-026",
    "MUST refuse a recovery that was signed for another ledger, and one of a client that does not exist",
    clauses=("ACT-8", "CLI-9"),
    negative=True,
    needs=NEEDS,
)
def mis_026(kit: Kit) -> None:
    target = _speaker(kit)
    for other in counterparties(kit):
        freeze(kit, other)
        anchor = other.anchor(other.advance())
        elsewhere = other.recover_act(target, anchor, ledger_id=f"{target[0]}-x")
        _refuse(kit, other, elsewhere, Reason.LEDGER_ID_MISMATCH, "an act for another ledger")
        nobody = other.recover_act(target, anchor, client_id="no-such-client")
        _refuse(kit, other, nobody, Reason.CLIENT_NOT_FOUND, "a recovery of nobody")


@case(
    "MIS-027",
    "MUST believe nothing below the new anchor after a freeze: no header, and no evidence that was dealt with",
    clauses=("CLI-10",),
    negative=True,
    needs=NEEDS,
)
def mis_027(kit: Kit) -> None:
    for other in counterparties(kit):
        anchor = other.height
        evidence = freeze(kit, other)
        advanced(other, 2)
        _recover(kit, other)
        later = advanced(other, 2)
        what = "a header verified from before the freeze is refused"
        refuse(kit, other, other.update(later, anchor), Reason.CONSENSUS_STATE_NOT_FOUND, what)
        with unmoved(kit, other.client_id):
            refused(
                partial(accuse, kit, other, *evidence),
                Reason.CONSENSUS_STATE_NOT_FOUND,
                message="evidence that was dealt with does not freeze again",
            )
        take(kit, other, other.update(later, later - 2))


@case(
    "MIS-028",
    "MUST keep pairing, sequences and receipts through a recovery",
    clauses=("CLI-8", "RECV-2", "RECV-3"),
    needs=NEEDS,
)
def mis_028(kit: Kit) -> None:
    for profile_id in taken(kit):
        other = kit.counterparty(profile_id)
        written = other.register_issuer()
        item_applied(kit.carry(other, written).items[0], "a packet before the freeze")
        before = kit.client(other.client_id)
        freeze(kit, other)
        _recover(kit, other)
        after = kit.client(other.client_id)
        for field in ("counterparty_client_id", "next_sequence", "pending_count"):
            expect_equal(getattr(after, field), getattr(before, field), f"{field} stays")
        (again,) = other.commit(written)
        runs = other.runs(again)
        for update in other.headers(runs[0].proof_height, after.latest_height):
            item_applied(submit(kit, other, update)[0], "a header above the new anchor")
        with unmoved(kit, other.client_id):
            item_noop(kit.deliver(other, runs=runs).items[0], "a packet received before")


@case(
    "MIS-029",
    "MUST recover an expired client by an act of both authorities",
    clauses=("CLI-8", "CLI-9", "UPD-8"),
    needs=NEEDS,
)
def mis_029(kit: Kit) -> None:
    others = short_lived(kit)
    wait_expired(kit, *others)
    for other in others:
        other.advance()
        _submit(kit, other.recover_act(_speaker(kit), other.anchor(other.height)))
        require_newest(kit, other, other.height)


@case(
    "MIS-030",
    "MUST answer a recovery that took effect as before, and not move the client again",
    clauses=("CLI-8", "ADS-3"),
    needs=NEEDS,
)
def mis_030(kit: Kit) -> None:
    for other in counterparties(kit):
        freeze(kit, other)
        act = other.recover_act(_speaker(kit), other.anchor(other.advance()))
        _submit(kit, act)
        with unmoved(kit, other.client_id):
            _submit(kit, act)


@case(
    "MIS-031",
    "MUST freeze a recovered client again when its ledger equivocates again",
    clauses=("MIS-4", "CLI-10"),
    needs=NEEDS,
)
def mis_031(kit: Kit) -> None:
    for other in counterparties(kit):
        freeze(kit, other)
        other.advance()
        _recover(kit, other)
        anchor = other.height
        accuse(kit, other, *other.equivocate(other.advance(), trusted_height=anchor))
        require_state(kit, other, "FROZEN")
