"""How two clients are joined: by both authorities, for good, and each with one other only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bridge.conformance.case import case
from bridge.conformance.checks import expect_equal, refused, unmoved
from bridge.conformance.counterparty.acts import pair_client_act
from bridge.conformance.updates import counterparties
from bridge.crypto.keys import generate_signer
from bridge.errors import Reason
from bridge.protocol.acts import sign_act
from bridge.v1 import ledger_service_pb2 as api
from bridge.v1.transaction_pb2 import PairClientAct, SignedAct

if TYPE_CHECKING:
    from bridge.conformance.counterparty.ledger import Counterparty
    from bridge.conformance.kit import Kit

NEEDS = ("authority", "authority_key")
"""Clients are paired under the identity of the target's authority, by both authorities' keys."""


def _speaker(kit: Kit) -> tuple[str, Any]:
    return kit.target.ledger_id, kit.signer("authority_key")


def _pair(kit: Kit, act: SignedAct) -> None:
    kit.evidence(f"act-{len(kit.kept)}", act.SerializeToString())
    kit.ledger("authority").PairClient(api.PairClientRequest(act=act))


def _refuse(kit: Kit, other: Counterparty, act: SignedAct, reason: Reason, what: str) -> None:
    """Failed unless the act is refused and the client is paired with whom it was."""
    with unmoved(kit, other.client_id):
        refused(lambda: _pair(kit, act), reason, message=f"{what} is refused")


def _pair_rightly(kit: Kit, other: Counterparty) -> None:
    _pair(kit, other.pair_act(_speaker(kit)))
    paired = kit.client(other.client_id).counterparty_client_id
    expect_equal(paired, other.own_client_id, "the client is paired with the other ledger's")


@case(
    "HDR-082",
    "MUST refuse a pairing that one authority alone signed, or somebody else in its name",
    clauses=("ACT-2", "ACT-4", "CLI-7"),
    negative=True,
    needs=NEEDS,
)
def hdr_082(kit: Kit) -> None:
    target = _speaker(kit)
    for other in counterparties(kit):
        sides = (target[0], other.client_id), (other.ledger_id, other.own_client_id)
        stranger = (other.ledger_id, generate_signer(other.authority.suite_id))
        impostor = (target[0], generate_signer(target[1].suite_id))
        missing, invalid = Reason.AUTHORITY_SIGNATURE_MISSING, Reason.SIGNATURE_INVALID
        for speakers, reason, what in (
            ([], missing, "a pairing that nobody signed"),
            ([target], missing, "a pairing by the target's authority alone"),
            ([other.speaker], missing, "a pairing by the other authority alone"),
            ([target, stranger], invalid, "a pairing by a stranger in the other's name"),
            ([impostor, other.speaker], invalid, "a pairing by a stranger in the target's name"),
        ):
            _refuse(kit, other, pair_client_act(speakers, *sides), reason, what)
        _pair_rightly(kit, other)


@case(
    "HDR-083",
    "MUST refuse to pair a client with a ledger that it does not track",
    clauses=("CLI-7",),
    negative=True,
    needs=NEEDS,
)
def hdr_083(kit: Kit) -> None:
    target = _speaker(kit)
    for other in counterparties(kit):
        stranger = type(other)(other.profile_id)
        sides = (target[0], other.client_id), (stranger.ledger_id, stranger.own_client_id)
        act = pair_client_act([target, stranger.speaker], *sides)
        _refuse(kit, other, act, Reason.COUNTERPARTY_MISMATCH, "a pairing with another ledger")
        _pair_rightly(kit, other)


@case(
    "HDR-084",
    "MUST never change a pair, and never pair two of its clients with one client of another ledger",
    clauses=("CLI-7",),
    negative=True,
    needs=NEEDS,
)
def hdr_084(kit: Kit) -> None:
    target = _speaker(kit)
    for other in counterparties(kit):
        _pair_rightly(kit, other)
        changed = (target[0], other.client_id), (other.ledger_id, "another-client")
        act = pair_client_act([target, other.speaker], *changed)
        _refuse(kit, other, act, Reason.CLIENT_ALREADY_PAIRED, "another pair of a paired client")
        second = other.fork(other.height)
        second.client_id = f"{other.client_id}-2"
        kit.ledger("authority").CreateClient(api.CreateClientRequest(act=second.create_act(target)))
        act = second.pair_act(target)
        _refuse(kit, second, act, Reason.CLIENT_ALREADY_PAIRED, "a second client's pair with the same one")


@case(
    "HDR-085",
    "MUST refuse a pairing between two other ledgers, and one that names its ledgers out of order",
    clauses=("ACT-4", "ACT-8"),
    negative=True,
    needs=NEEDS,
)
def hdr_085(kit: Kit) -> None:
    target = _speaker(kit)
    for other in counterparties(kit):
        elsewhere = (f"{target[0]}-x", other.client_id), (other.ledger_id, other.own_client_id)
        act = pair_client_act([target, other.speaker], *elsewhere)
        _refuse(kit, other, act, Reason.LEDGER_ID_MISMATCH, "a pairing of another ledger's client")
        right = PairClientAct.FromString(other.pair_act(target).act)
        swapped = PairClientAct(
            ledger_id_1=right.ledger_id_2,
            client_id_1=right.client_id_2,
            ledger_id_2=right.ledger_id_1,
            client_id_2=right.client_id_1,
        )
        act = sign_act(swapped, target, other.speaker)
        _refuse(kit, other, act, Reason.INVALID_FIELD, "a pairing in its other order")
        _pair_rightly(kit, other)


@case(
    "HDR-086",
    "MUST refuse every proof for a client that is not paired",
    clauses=("CLI-3", "DEL-4"),
    negative=True,
)
def hdr_086(kit: Kit) -> None:
    for other in counterparties(kit):
        headers, runs = other.delivery(other.register_issuer())
        for result in kit.deliver(other, headers=headers).headers:
            expect_equal(result.reason, "", "headers are taken before the pairing")
        with unmoved(kit, other.client_id):
            (result,) = kit.deliver(other, runs=runs).items
            expect_equal(result.reason, Reason.CLIENT_NOT_PAIRED, "a packet before the pairing is refused")
