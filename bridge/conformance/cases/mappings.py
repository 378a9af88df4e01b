"""Mappings by the target's own authority: one to one, in order, never replayed, and what they make of an identifier."""

from __future__ import annotations

from typing import Any

import grpc

from bridge.conformance.carriage import (
    accepted,
    carry,
    familiar,
    outcome,
    record_of,
    rejected,
)
from bridge.conformance.case import case
from bridge.conformance.checks import expect_equal, refused, unmoved
from bridge.conformance.kit import Kit
from bridge.conformance.naming import CASE_NEEDS, Pair, fact_of, local_form
from bridge.crypto.keys import generate_signer
from bridge.crypto.ports import Signer
from bridge.crypto.signing import Domain, sign_bytes
from bridge.errors import Reason
from bridge.protocol.ports import CARGO_PORT, IDENTIFIER_PORT, encode_payload
from bridge.v1 import cargo_service_pb2 as cargo
from bridge.v1 import identifier_service_pb2 as api
from bridge.v1.identifier_pb2 import (
    MAPPING_STATE_REGISTERED,
    MAPPING_STATE_REVOKED,
    Identifier,
    Mapping,
    SignedMapping,
)
from bridge.v1.packet_pb2 import RecordReceipt
from bridge.wire import encode, timestamp_of

_NEEDS = (*CASE_NEEDS, "capability:mappings")

SCHEME = "party-code:zzz"
"""Codes agreed between parties: any text, so that no case takes a number that means something."""


def _pair(kit: Kit) -> tuple[Pair, Pair]:
    """Two fresh identifiers: this side's and the other's."""
    name = kit.session.fresh_name("kit")
    return (SCHEME, f"{name} here"), (SCHEME, f"{name} there")


def _signed(kit: Kit, home: Pair, counterparty: Pair, signer: Signer | None = None, **over: Any) -> SignedMapping:
    """A mapping that the target's authority signed; `over` replaces fields of it."""
    fields: dict[str, Any] = {
        "ledger_id": kit.target.ledger_id,
        "revision": 1,
        "state": MAPPING_STATE_REGISTERED,
        "home": Identifier(scheme=home[0], value=home[1]),
        "counterparty": Identifier(scheme=counterparty[0], value=counterparty[1]),
        "registration_time": timestamp_of(kit.clock.now()),
    }
    body = encode(Mapping(**(fields | over)))
    signature = (signer or kit.signer("authority_key")).sign(sign_bytes(Domain.MAPPING, kit.target.ledger_id, body))
    return SignedMapping(mapping=body, signature=signature)


def _register(kit: Kit, signed: SignedMapping) -> api.RegisterMappingResponse:
    return kit.identifier("authority").RegisterMapping(api.RegisterMappingRequest(mapping=signed))


def _refuse(kit: Kit, signed: SignedMapping, reason: Reason, code: grpc.StatusCode, message: str) -> None:
    with unmoved(kit, kit.shared().client_id):
        refused(lambda: _register(kit, signed), reason, code=code, message=message)


@case(
    "IDN-030", "MUST resolve a mapped identifier to this side's form", clauses=("RES-2", "RVW-2", "IDS-1"), needs=_NEEDS
)
def idn_030(kit: Kit) -> None:
    here, there = _pair(kit)
    expect_equal(local_form(kit, *there), (*there, "EQUIVALENT"), "before the mapping the code stands for itself")
    _register(kit, _signed(kit, here, there))
    expect_equal(local_form(kit, *there), (*here, "MAPPED"), "the other side's form is mapped to this side's")
    expect_equal(local_form(kit, *here), (*here, "EQUIVALENT"), "this side's form is the local one")


@case(
    "IDN-031",
    "MUST refuse a second mapping of an identifier, in either place, and keep the first",
    clauses=("MAP-5",),
    negative=True,
    needs=_NEEDS,
)
def idn_031(kit: Kit) -> None:
    here, there = _pair(kit)
    free_here, free_there = _pair(kit)
    _register(kit, _signed(kit, here, there))
    for home, counterparty in ((here, free_there), (free_here, there)):
        _refuse(
            kit,
            _signed(kit, home, counterparty, revision=2),
            Reason.MAPPING_CONFLICT,
            grpc.StatusCode.ALREADY_EXISTS,
            f"{home} = {counterparty} contradicts what stands",
        )
    expect_equal(local_form(kit, *there), (*here, "MAPPED"), "the first mapping stands")
    expect_equal(local_form(kit, *free_there)[2], "EQUIVALENT", "nothing was mapped halfway")


@case(
    "IDN-032",
    "MUST refuse a mapping under any revision but the next",
    clauses=("MAP-4",),
    negative=True,
    needs=_NEEDS,
)
def idn_032(kit: Kit) -> None:
    here, there = _pair(kit)
    for revision in (2, 3, 2**31 - 1):
        signed = _signed(kit, here, there, revision=revision)
        _refuse(
            kit, signed, Reason.REVISION_CONFLICT, grpc.StatusCode.ALREADY_EXISTS, f"revision {revision} comes first"
        )
    for revision in (0, 2**31, 2**63):
        signed = _signed(kit, here, there, revision=revision)
        _refuse(kit, signed, Reason.INVALID_FIELD, grpc.StatusCode.INVALID_ARGUMENT, f"{revision} is no revision")


@case(
    "IDN-033",
    "MUST answer the same act on a mapping again and change nothing",
    clauses=("MAP-4", "MAP-7"),
    needs=_NEEDS,
)
def idn_033(kit: Kit) -> None:
    signed = _signed(kit, *_pair(kit))
    _register(kit, signed)
    with unmoved(kit, kit.shared().client_id):
        expect_equal(_register(kit, signed).sequence, 0, "nothing is sent a second time")


@case(
    "IDN-034",
    "MUST refuse to play a registration again after its mapping was revoked",
    clauses=("MAP-4", "MAP-6"),
    negative=True,
    needs=_NEEDS,
)
def idn_034(kit: Kit) -> None:
    here, there = _pair(kit)
    first = _signed(kit, here, there)
    revoked = _signed(kit, here, there, revision=2, state=MAPPING_STATE_REVOKED)
    _register(kit, first)
    _register(kit, revoked)
    expect_equal(local_form(kit, *there)[2], "EQUIVALENT", "a revoked mapping resolves nothing")
    exists = grpc.StatusCode.ALREADY_EXISTS
    _refuse(kit, first, Reason.REVISION_CONFLICT, exists, "signed bytes of before the revocation have no effect")
    again = _signed(kit, here, there, revision=3, state=MAPPING_STATE_REVOKED)
    _refuse(kit, again, Reason.MAPPING_NOT_FOUND, grpc.StatusCode.NOT_FOUND, "nothing stands to be revoked")
    _register(kit, _signed(kit, here, there, revision=3))
    expect_equal(local_form(kit, *there), (*here, "MAPPED"), "the next revision registers it anew")


@case(
    "IDN-035",
    "MUST refuse a mapping that its own authority did not sign for this ledger",
    clauses=("MAP-3", "SIG-1"),
    negative=True,
    needs=_NEEDS,
)
def idn_035(kit: Kit) -> None:
    other, code = kit.shared(), grpc.StatusCode.INVALID_ARGUMENT
    here, there = _pair(kit)
    stranger = generate_signer(kit.signer("authority_key").suite_id)
    _refuse(kit, _signed(kit, here, there, stranger), Reason.SIGNATURE_INVALID, code, "a stranger signed")
    foreign = SignedMapping.FromString(other.mapping(here, there))
    _refuse(kit, foreign, Reason.LEDGER_ID_MISMATCH, code, "another ledger's authority signed for its own")
    borrowed = _signed(kit, here, there, ledger_id=other.ledger_id)
    _refuse(kit, borrowed, Reason.LEDGER_ID_MISMATCH, code, "the mapping names another ledger")
    unsigned = SignedMapping(mapping=_signed(kit, here, there).mapping)
    _refuse(kit, unsigned, Reason.FIELD_REQUIRED, code, "nobody signed")


@case(
    "IDN-036",
    "MUST refuse to map things of two kinds, a thing to itself, or goods of two subheadings",
    clauses=("MAP-2", "HS-2"),
    negative=True,
    needs=_NEEDS,
)
def idn_036(kit: Kit) -> None:
    here, _ = _pair(kit)
    wrong: list[tuple[Pair, Pair]] = [
        (here, ("un-locode", "CNSGH")),
        (here, here),
        (("un-locode", "HKHKG"), ("iso6346", "OOLU7123447")),
        (("hs8-hk", "87032300"), ("hs10-cn", "8703243010")),
        (("hs8-hk", "87032300"), ("un-number", "1203")),
    ]
    for pair in wrong:
        _refuse(
            kit, _signed(kit, *pair), Reason.INVALID_FIELD, grpc.StatusCode.INVALID_ARGUMENT, f"{pair[0]} {pair[1]}"
        )


@case(
    "IDN-037",
    "MUST refuse a mapping with an identifier that nobody may state",
    clauses=("MAP-2", "ID-1", "ID-3"),
    negative=True,
    needs=_NEEDS,
)
def idn_037(kit: Kit) -> None:
    here, _ = _pair(kit)
    wrong = {
        ("uscc", "91310000MA1FL70B60"): Reason.CHECK_DIGIT_WRONG,
        ("lei", "5493001KJTIIGC8Y1R99"): Reason.CHECK_DIGIT_WRONG,
        ("no-such-scheme", "KIT"): Reason.SCHEME_UNKNOWN,
        (SCHEME, "KIT\u202e1"): Reason.INVALID_IDENTIFIER,
        (SCHEME, "ＫＩＴ"): Reason.INVALID_IDENTIFIER,
        (SCHEME, "x" * 101): Reason.INVALID_IDENTIFIER,
    }
    for there, reason in wrong.items():
        _refuse(kit, _signed(kit, here, there), reason, grpc.StatusCode.INVALID_ARGUMENT, f"{there[1][:30]!a}")


@case(
    "IDN-038",
    "MUST reject a relayed mapping of what its own authority mapped otherwise, and keep its own",
    clauses=("MAP-5", "MAP-8", "MAP-10"),
    negative=True,
    needs=_NEEDS,
)
def idn_038(kit: Kit) -> None:
    """A relayed mapping's home is the other side's form."""
    other = familiar(kit)
    here, there = _pair(kit)
    elsewhere, _ = _pair(kit)
    _register(kit, _signed(kit, here, there))
    for home, counterparty in ((there, elsewhere), (elsewhere, here)):
        value = other.mapping(home, counterparty)
        rejected(kit, other, other.packet(encode_payload(IDENTIFIER_PORT, value)), Reason.MAPPING_CONFLICT)
    expect_equal(local_form(kit, *there), (*here, "MAPPED"), "this side's own mapping stands")


@case(
    "IDN-039",
    "MUST show a record's identifiers in this side's form, with the stated one beside it",
    clauses=("RES-1", "RES-2", "RVW-2"),
    needs=_NEEDS,
)
def idn_039(kit: Kit) -> None:
    """The mapping may come after the record: identifiers are resolved when they are read."""
    other = familiar(kit)
    here, there = _pair(kit)
    record = other.record(kit.session.fresh_name("KIT"), facts=fact_of(*there))
    (result,) = carry(kit, other, other.packet(encode_payload(CARGO_PORT, record.value)))
    accepted(result)
    local_id = RecordReceipt.FromString(outcome(result).result).local_record_id
    _register(kit, _signed(kit, here, there))
    view = record_of(kit, local_id)
    shown = {(each.stated.scheme, each.stated.value): each for each in view.identifiers}
    expect_equal((shown[there].local.scheme, shown[there].local.value), here, "the local form is this side's")
    expect_equal(shown[there].resolution, cargo.RESOLUTION_MAPPED, "it says that it was mapped")
    expect_equal(view.statement, record.payload.statement, "the statement stays as it was signed")
