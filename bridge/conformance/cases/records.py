"""PKT: a record of the other ledger stands when its issuer signed it and its disclosure leads to its root, else not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bridge.conformance.carriage import accepted, carry, familiar, introduce, reference, rejected
from bridge.conformance.case import case
from bridge.conformance.counterparty.ledger import Counterparty
from bridge.conformance.counterparty.members import Issuer, make_issuer
from bridge.conformance.counterparty.packets import Written
from bridge.conformance.counterparty.records import DISCLOSED, Record
from bridge.conformance.kit import Kit
from bridge.crypto.keys import generate_signer
from bridge.crypto.signing import Domain, sign_bytes
from bridge.errors import Reason
from bridge.protocol.ports import CARGO_PORT, encode_payload
from bridge.v1.cargo_pb2 import (
    LEAF_TYPE_NUMBER,
    LEAF_TYPE_STRING,
    Disclosure,
    RecordPayload,
)
from bridge.v1.member_pb2 import MEMBER_ROLE_PLATFORM, MEMBER_STATE_REVOKED
from bridge.wire import encode

TWICE = "/carrierCode"
"""A field that a document of these cases holds, to be shown once more."""


def record_of_value(other: Counterparty, value: bytes) -> Written:
    """A packet on the cargo port with any value."""
    return other.packet(encode_payload(CARGO_PORT, value))


def changed(record: Record, change: Callable[[RecordPayload], object]) -> bytes:
    """A record's payload with something changed after it was signed."""
    payload = RecordPayload()
    payload.CopyFrom(record.payload)
    change(payload)
    return encode(payload)


def reject_record(kit: Kit, other: Counterparty, record: Record, *reasons: Reason, what: str = "") -> None:
    """Failed unless a record version is REJECTED with one of the reasons, without an effect."""
    rejected(kit, other, record_of_value(other, record.value), *reasons, what=what)


def reject_changed(
    kit: Kit, change: Callable[[RecordPayload], object], *reasons: Reason, what: str = "", **more: Any
) -> None:
    """Failed unless a good record is REJECTED once it is changed after its issuer signed it."""
    other = familiar(kit)
    record = other.record(reference(kit), **more)
    rejected(kit, other, record_of_value(other, changed(record, change)), *reasons, what=what)


@case(
    "PKT-100",
    "MUST reject a record of an issuer that its ledger never attested",
    clauses=("ARR-2", "ISS-1"),
    negative=True,
)
def pkt_100(kit: Kit) -> None:
    other = familiar(kit)
    for name, issuer in {
        "an unknown member": make_issuer(other.ledger_id, other.suite.suite_id, "nobody"),
        "an unknown key": Issuer(other.ledger_id, other.issuer.member_id, "k9", other.issuer.signer),
    }.items():
        reject_record(kit, other, other.record(reference(kit), issuer=issuer), Reason.ISSUER_UNKNOWN, what=name)


@case(
    "PKT-101",
    "MUST reject a record of the target's own issuer, brought by the counterparty",
    clauses=("ARR-2", "ISS-1"),
    negative=True,
    needs=("seed",),
)
def pkt_101(kit: Kit) -> None:
    other, seed = familiar(kit), kit.member("seed")
    own = Issuer(other.ledger_id, seed.member_id, seed.key_id, kit.signer("seed"))
    reject_record(kit, other, other.record(reference(kit), issuer=own), Reason.ISSUER_UNKNOWN)


@case(
    "PKT-102",
    "MUST reject a record of a member that may not issue",
    clauses=("ISS-1", "ARR-2"),
    negative=True,
)
def pkt_102(kit: Kit) -> None:
    other = kit.counterparty()
    accepted(carry(kit, other, other.register_issuer(roles=[MEMBER_ROLE_PLATFORM]))[0])
    reject_record(kit, other, other.record(reference(kit)), Reason.ROLE_MISSING)


@case("PKT-103", "MUST reject a record of a revoked issuer", clauses=("ISS-1", "ARR-2"), negative=True)
def pkt_103(kit: Kit) -> None:
    other = introduce(kit, kit.counterparty())
    accepted(carry(kit, other, other.register_issuer(revision=2, state=MEMBER_STATE_REVOKED, keys=[]))[0])
    reject_record(kit, other, other.record(reference(kit)), Reason.ISSUER_REVOKED)


@case("PKT-104", "MUST reject a record signed with a revoked key", clauses=("ISS-1", "MEM-8"), negative=True)
def pkt_104(kit: Kit) -> None:
    other = introduce(kit, kit.counterparty())
    renewed = make_issuer(other.ledger_id, other.suite.suite_id, other.issuer.member_id, "k2")
    accepted(carry(kit, other, other.register_issuer(renewed, revision=2))[0])
    reject_record(kit, other, other.record(reference(kit)), Reason.ISSUER_REVOKED)
    accepted(carry(kit, other, other.send_record(other.record(reference(kit), issuer=renewed)))[0], "the new key signs")


@case(
    "PKT-105",
    "MUST reject a record that another key signed than the one it names",
    clauses=("REC-6", "CRY-2", "ARR-2"),
    negative=True,
)
def pkt_105(kit: Kit) -> None:
    other = familiar(kit)
    stranger = Issuer(
        other.ledger_id, other.issuer.member_id, other.issuer.key_id, generate_signer(other.suite.suite_id)
    )
    reject_record(kit, other, other.record(reference(kit), issuer=stranger), Reason.SIGNATURE_INVALID)


@case(
    "PKT-106",
    "MUST reject a record under the signature of another statement",
    clauses=("REC-6",),
    negative=True,
)
def pkt_106(kit: Kit) -> None:
    signature = familiar(kit).record(reference(kit)).payload.signature
    reject_changed(kit, lambda payload: setattr(payload, "signature", signature), Reason.SIGNATURE_INVALID)


@case(
    "PKT-107",
    "MUST reject a statement that was signed for another ledger or as another kind of message",
    clauses=("REC-6", "SIG-1"),
    negative=True,
)
def pkt_107(kit: Kit) -> None:
    other = familiar(kit)
    signer = other.issuer.signer
    for domain, ledger_id in (
        (Domain.STATEMENT, kit.target.ledger_id),
        (Domain.MEMBER, other.ledger_id),
        (Domain.ACT, other.ledger_id),
    ):
        record = other.record(reference(kit))
        signature = signer.sign(sign_bytes(domain, ledger_id, record.payload.statement))
        payload = RecordPayload()
        payload.CopyFrom(record.payload)
        payload.signature = signature
        wrong = record_of_value(other, encode(payload))
        rejected(kit, other, wrong, Reason.SIGNATURE_INVALID, what=f"{domain} {ledger_id}")


@case("PKT-108", "MUST reject a record without its issuer's signature", clauses=("REC-1",), negative=True)
def pkt_108(kit: Kit) -> None:
    reject_changed(kit, lambda payload: payload.ClearField("signature"), Reason.FIELD_REQUIRED)


@case(
    "PKT-109",
    "MUST reject a record that is at home on another ledger than the client tracks",
    clauses=("ARR-2",),
    negative=True,
)
def pkt_109(kit: Kit) -> None:
    other = familiar(kit)
    for home in (kit.target.ledger_id, "test-elsewhere-1"):
        issuer = Issuer(home, other.issuer.member_id, other.issuer.key_id, other.issuer.signer)
        reject_record(kit, other, other.record(reference(kit), issuer=issuer), Reason.LEDGER_ID_MISMATCH, what=home)


@case(
    "PKT-110",
    "MUST reject a disclosed field whose value was changed",
    clauses=("DIS-2", "DOC-7"),
    negative=True,
)
def pkt_110(kit: Kit) -> None:
    reject_changed(
        kit, lambda payload: setattr(payload.disclosure.leaves[0], "value", "ANOTHER"), Reason.DOCUMENT_ROOT_MISMATCH
    )


@case(
    "PKT-111",
    "MUST reject a disclosed field under another salt or another pointer",
    clauses=("DIS-2", "DOC-7"),
    negative=True,
)
def pkt_111(kit: Kit) -> None:
    leaf_changes: dict[str, Callable[[RecordPayload], object]] = {
        "salt": lambda payload: setattr(payload.disclosure.leaves[0], "salt", bytes(32)),
        "pointer": lambda payload: setattr(payload.disclosure.leaves[0], "pointer", "/declaredValue"),
    }
    for name, change in leaf_changes.items():
        reject_changed(kit, change, Reason.DOCUMENT_ROOT_MISMATCH, what=f"another {name}")


@case(
    "PKT-112",
    "MUST reject a disclosed field shown as another type: 1 is not the text 1",
    clauses=("DIS-2", "DIS-3", "DOC-5"),
    negative=True,
)
def pkt_112(kit: Kit) -> None:
    shown = (*DISCLOSED, "/declaredValue")

    def retype(payload: RecordPayload) -> None:
        leaf = next(each for each in payload.disclosure.leaves if each.type == LEAF_TYPE_NUMBER)
        leaf.type = LEAF_TYPE_STRING

    reject_changed(kit, retype, Reason.DOCUMENT_ROOT_MISMATCH, disclosed=shown)


@case(
    "PKT-113",
    "MUST reject a disclosure that shows an unknown type, a number in another spelling, or a short salt",
    clauses=("DIS-3", "DIS-2"),
    negative=True,
)
def pkt_113(kit: Kit) -> None:
    leaf_changes: dict[str, Callable[[RecordPayload], object]] = {
        "type": lambda payload: setattr(payload.disclosure.leaves[0], "type", 8),
        "number": lambda payload: setattr(payload.disclosure.leaves[-1], "value", "1251.0"),
        "salt": lambda payload: setattr(payload.disclosure.leaves[0], "salt", bytes(31)),
    }
    for name, change in leaf_changes.items():
        reject_changed(kit, change, Reason.DISCLOSURE_INVALID, what=name, disclosed=(*DISCLOSED, "/declaredValue"))


@case(
    "PKT-114",
    "MUST reject a disclosure that leaves out a field it counts on, or shows one more",
    clauses=("DIS-2", "MRK-5"),
    negative=True,
)
def pkt_114(kit: Kit) -> None:
    def drop(payload: RecordPayload) -> None:
        del payload.disclosure.leaves[0]

    def add(payload: RecordPayload) -> None:
        payload.disclosure.leaves.add().CopyFrom(payload.disclosure.leaves[-1])
        payload.disclosure.leaves[-1].index += 1
        payload.disclosure.leaves[-1].pointer = "/declaredValue"

    for change in (drop, add):
        reject_changed(kit, change, Reason.DISCLOSURE_INVALID, Reason.DOCUMENT_ROOT_MISMATCH)


@case(
    "PKT-115",
    "MUST reject a disclosure with a hash too many, too few, or changed",
    clauses=("DIS-2", "MRK-6"),
    negative=True,
)
def pkt_115(kit: Kit) -> None:
    def add(payload: RecordPayload) -> None:
        payload.disclosure.hidden_hashes.append(bytes(32))

    def drop(payload: RecordPayload) -> None:
        del payload.disclosure.hidden_hashes[-1]

    def turn(payload: RecordPayload) -> None:
        payload.disclosure.hidden_hashes[0] = bytes(32)

    reject_changed(kit, add, Reason.DISCLOSURE_INVALID, what="one too many")
    reject_changed(kit, drop, Reason.DISCLOSURE_INVALID, what="one too few")
    reject_changed(kit, turn, Reason.DOCUMENT_ROOT_MISMATCH, what="one changed")


@case(
    "PKT-116",
    "MUST reject a disclosure that shows one field twice, or fields out of order",
    clauses=("DIS-4", "DIS-1"),
    negative=True,
)
def pkt_116(kit: Kit) -> None:
    def swap(payload: RecordPayload) -> None:
        leaves = list(reversed(payload.disclosure.leaves))
        del payload.disclosure.leaves[:]
        payload.disclosure.leaves.extend(leaves)

    def repeat(payload: RecordPayload) -> None:
        payload.disclosure.leaves[1].pointer = payload.disclosure.leaves[0].pointer

    for change in (swap, repeat):
        reject_changed(kit, change, Reason.DISCLOSURE_INVALID)


@case(
    "PKT-117",
    "MUST reject a statement under the disclosure of another document",
    clauses=("DIS-2", "ARR-2"),
    negative=True,
)
def pkt_117(kit: Kit) -> None:
    foreign: Disclosure = familiar(kit).record(reference(kit)).payload.disclosure
    reject_changed(kit, lambda payload: payload.disclosure.CopyFrom(foreign), Reason.DOCUMENT_ROOT_MISMATCH)
