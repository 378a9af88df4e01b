"""Canonical bytes of what a counterparty committed to and a relayer carries: packets, payloads, headers, proofs.

A commitment is computed from what a packet says, so other bytes of the same packet are proven by the same entry: only
the decoder stands between a relayer and a second reading.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from google.protobuf.message import Message

from bridge.cargo.statement import statement_sign_bytes
from bridge.conformance.carriage import (
    accepted,
    carry,
    deliver,
    familiar,
    placed,
    proven,
    sent_packet,
    state_name,
    verdict,
    without_effect,
)
from bridge.conformance.case import case
from bridge.conformance.checks import expect, expect_equal, item_applied, item_refused, refused, unmoved
from bridge.conformance.forms import Form, other_forms
from bridge.conformance.kit import Kit
from bridge.conformance.proofs import known
from bridge.crypto.signing import Domain, sign_bytes
from bridge.errors import Reason
from bridge.protocol.acknowledgements import encode_accepted
from bridge.protocol.ports import CARGO_PORT, IDENTIFIER_PORT, MEMBER_PORT, encode_payload
from bridge.v1 import ledger_service_pb2 as api
from bridge.v1.cargo_pb2 import RecordPayload, Statement
from bridge.v1.chainmaker_pb2 import ChainmakerBlockHeader, ChainmakerUpdate
from bridge.v1.cometbft_pb2 import CometbftUpdate
from bridge.v1.identifier_pb2 import Mapping, SignedMapping
from bridge.v1.member_pb2 import MemberRegistration, SignedMember
from bridge.v1.packet_pb2 import Acknowledgement, Packet
from bridge.v1.proof_pb2 import LogRangeProof, TransactionProof
from bridge.v1.transaction_pb2 import EntryRun, MisbehaviourEvidence
from bridge.wire import encode

if TYPE_CHECKING:
    from bridge.conformance.counterparty.ledger import Counterparty
    from bridge.conformance.counterparty.records import Record

_NEEDS = ("relayer", "relayer_key", "authority", "authority_key", "platform")

_UPDATES: dict[str, type[Message]] = {"cometbft": CometbftUpdate, "chainmaker": ChainmakerUpdate}
_PROOFS: dict[str, type[Message]] = {"cometbft": LogRangeProof, "chainmaker": TransactionProof}


def _both(kit: Kit) -> list[Counterparty]:
    """A counterparty of each profile the target takes, so that no profile's bytes go unlooked at."""
    return [kit.counterparty(profile_id=profile_id) for profile_id in kit.profiles]


def _reference(kit: Kit) -> str:
    return kit.session.fresh_name("KIT").upper()


def _reject_values(kit: Kit, other: Counterparty, port: str, values: Sequence[tuple[str, bytes]]) -> None:
    """Commit to all these payload values and carry them at once: each is REJECTED as MALFORMED_MESSAGE."""
    written = [other.packet(encode_payload(port, value)) for _, value in values]
    with without_effect(kit, other):
        results = carry(kit, other, *written)
    for (name, value), result in zip(values, results, strict=True):
        kit.evidence(name.replace(" ", "-"), value)
        expect_equal(verdict(result), str(Reason.MALFORMED_MESSAGE), f"a payload with {name} is rejected")


@case(
    "ENC-030",
    "MUST refuse a packet whose bytes a relayer wrote anew, though its commitment is proven, and leave it open",
    clauses=("PKT-1", "WIRE-1", "DEL-7"),
    negative=True,
    needs=_NEEDS,
)
def enc_030(kit: Kit) -> None:
    other = familiar(kit)
    record = other.record(_reference(kit))
    (run,) = proven(kit, other, other.packet(encode_payload(CARGO_PORT, record.value)))
    packet = Packet.FromString(run.items[0].packet)
    with unmoved(kit, other.client_id):
        for form in other_forms(packet):
            wrong = EntryRun()
            wrong.CopyFrom(run)
            wrong.items[0].packet = form.data
            item_refused(
                deliver(kit, other, [wrong])[0],
                Reason.MALFORMED_MESSAGE,
                message=f"a packet with {form.name} is refused",
            )
    accepted(deliver(kit, other, [run])[0], "the committed bytes are still taken")


@case(
    "ENC-031",
    "MUST reject a record payload in another form",
    clauses=("REC-1", "WIRE-1", "PORT-3"),
    negative=True,
    needs=_NEEDS,
)
def enc_031(kit: Kit) -> None:
    other = familiar(kit)
    record = other.record(_reference(kit))
    forms = other_forms(RecordPayload.FromString(record.value))
    _reject_values(kit, other, CARGO_PORT, [(form.name, form.data) for form in forms])
    accepted(carry(kit, other, other.packet(encode_payload(CARGO_PORT, record.value)))[0])


def _statement_forms(record: Record, sign: Callable[[bytes], bytes]) -> list[tuple[str, bytes]]:
    statement = Statement.FromString(record.payload.statement)
    values = []
    for form in other_forms(statement):
        payload = RecordPayload()
        payload.CopyFrom(record.payload)
        payload.statement, payload.signature = form.data, sign(form.data)
        values.append((f"a statement with {form.name}", encode(payload)))
    return values


@case(
    "ENC-032",
    "MUST reject a statement in another form, though its issuer signed it as it stands",
    clauses=("REC-2", "REC-6", "WIRE-1"),
    negative=True,
    needs=_NEEDS,
)
def enc_032(kit: Kit) -> None:
    other = familiar(kit)
    record = other.record(_reference(kit))
    signer = other.issuer.signer
    values = _statement_forms(record, lambda data: signer.sign(statement_sign_bytes(other.ledger_id, data)))
    _reject_values(kit, other, CARGO_PORT, values)


@case(
    "ENC-033",
    "MUST reject a statement in another form under the signature of its canonical bytes",
    clauses=("REC-6", "WIRE-1"),
    negative=True,
    needs=_NEEDS,
)
def enc_033(kit: Kit) -> None:
    """Whoever checks a signature over what it wrote anew takes these."""
    other = familiar(kit)
    record = other.record(_reference(kit))
    _reject_values(kit, other, CARGO_PORT, _statement_forms(record, lambda _: record.payload.signature))


def _changed(other: Counterparty, change: Callable[[Statement], object]) -> bytes:
    """The value of a record whose statement was changed before its issuer signed it."""
    record = other.record(f"KIT-{other.next_sequence}")
    statement = Statement.FromString(record.payload.statement)
    change(statement)
    body = encode(statement)
    payload = RecordPayload(
        statement=body,
        signature=other.issuer.signer.sign(statement_sign_bytes(other.ledger_id, body)),
        disclosure=record.payload.disclosure,
    )
    return encode(payload)


def _reject_changes(kit: Kit, changes: Sequence[tuple[str, Callable[[Statement], object]]], *reasons: Reason) -> None:
    other = familiar(kit)
    written = [other.packet(encode_payload(CARGO_PORT, _changed(other, change))) for _, change in changes]
    with without_effect(kit, other):
        results = carry(kit, other, *written)
    for (name, _), result in zip(changes, results, strict=True):
        got = verdict(result)
        expect(got in set(reasons), f"a statement with {name} is rejected", got=got, expected=" or ".join(reasons))


@case(
    "ENC-041",
    "MUST reject a statement with an enum that is missing or unknown",
    clauses=("WIRE-2", "REC-2", "REC-3"),
    negative=True,
    needs=_NEEDS,
)
def enc_041(kit: Kit) -> None:
    """Unknown numbers survive a parser; whoever guesses what they mean guesses differently on the other side."""
    changes: list[tuple[str, Callable[[Statement], object]]] = [
        ("no act", lambda statement: statement.ClearField("act")),
        ("act 99", lambda statement: setattr(statement, "act", 99)),
        ("no record type", lambda statement: statement.key.ClearField("type")),
        ("record type 99", lambda statement: setattr(statement.key, "type", 99)),
        ("no legal basis", lambda statement: statement.ClearField("legal_basis")),
        ("legal basis 99", lambda statement: setattr(statement.legal_basis, "kind", 99)),
    ]
    _reject_changes(kit, changes, Reason.INVALID_FIELD)


@case(
    "ENC-042",
    "MUST reject a statement whose time is missing or out of range",
    clauses=("WIRE-5", "REC-2"),
    negative=True,
    needs=_NEEDS,
)
def enc_042(kit: Kit) -> None:
    changes: list[tuple[str, Callable[[Statement], object]]] = [
        ("no time", lambda statement: statement.ClearField("issue_time")),
        ("a time before 1970", lambda statement: setattr(statement.issue_time, "seconds", -1)),
        ("a time after 9999", lambda statement: setattr(statement.issue_time, "seconds", 253_402_300_800)),
        ("a whole second of nanoseconds", lambda statement: setattr(statement.issue_time, "nanos", 1_000_000_000)),
        ("negative nanoseconds", lambda statement: setattr(statement.issue_time, "nanos", -1)),
    ]
    _reject_changes(kit, changes, Reason.INVALID_FIELD, Reason.FIELD_REQUIRED)


@case(
    "ENC-034",
    "MUST reject a member's registration in another form, though its authority signed it as it stands",
    clauses=("MEM-1", "MEM-2", "WIRE-1"),
    negative=True,
    needs=_NEEDS,
)
def enc_034(kit: Kit) -> None:
    other = familiar(kit)
    signed = SignedMember.FromString(other.member(member_id=kit.session.fresh_name("kit")))
    values = [(form.name, form.data) for form in other_forms(signed)]
    for form in other_forms(MemberRegistration.FromString(signed.registration)):
        signature = other.authority.sign(sign_bytes(Domain.MEMBER, other.ledger_id, form.data))
        for each in (signature, signed.signature):
            value = encode(SignedMember(registration=form.data, signature=each))
            values.append((f"a registration with {form.name}", value))
    _reject_values(kit, other, MEMBER_PORT, values)


@case(
    "ENC-035",
    "MUST reject a mapping in another form, though its authority signed it as it stands",
    clauses=("MAP-1", "MAP-2", "WIRE-1"),
    negative=True,
    needs=(*_NEEDS, "capability:mappings"),
)
def enc_035(kit: Kit) -> None:
    other = familiar(kit)
    name = kit.session.fresh_name("kit")
    pair = ("party-code:zzz", f"{name}-a"), ("party-code:zzz", f"{name}-b")
    signed = SignedMapping.FromString(other.mapping(*pair))
    values = [(form.name, form.data) for form in other_forms(signed)]
    for form in other_forms(Mapping.FromString(signed.mapping)):
        signature = other.authority.sign(sign_bytes(Domain.MAPPING, other.ledger_id, form.data))
        for each in (signature, signed.signature):
            value = encode(SignedMapping(mapping=form.data, signature=each))
            values.append((f"a mapping with {form.name}", value))
    _reject_values(kit, other, IDENTIFIER_PORT, values)


@case(
    "ENC-036",
    "MUST refuse an acknowledgement in another form, though it is committed to, and leave its packet open",
    clauses=("ACK-1", "WIRE-1", "COM-3"),
    negative=True,
    needs=(*_NEEDS, "seed"),
)
def enc_036(kit: Kit) -> None:
    """Several byte strings that read as one acknowledgement have halted chains."""
    other = familiar(kit)
    sequence = kit.issue(counterparty=other).sequence
    honest = Acknowledgement.FromString(encode_accepted(b"\x0a\x14KITCB-2026-000000009"))
    forms = other_forms(honest)
    written = placed(other, *(other.acknowledgement(sequence, form.data) for form in forms))
    runs = [proven(kit, other, each)[0] for each in written]
    with unmoved(kit, other.client_id):
        for form, run in zip(forms, runs, strict=True):
            (result,) = deliver(kit, other, [run])
            item_refused(result, Reason.MALFORMED_MESSAGE, message=f"an acknowledgement with {form.name} is refused")
    expect_equal(state_name(sent_packet(kit, other, sequence)), "COMMITTED", "the packet is open")
    item_applied(carry(kit, other, other.acknowledgement(sequence, encode(honest)))[0], "the canonical bytes close it")


def _inner_headers(update: Message) -> list[Form]:
    """The header of a ChainMaker update travels as bytes, which are hashed: forms of it inside the canonical update."""
    if not isinstance(update, ChainmakerUpdate):
        return []
    found = []
    for form in other_forms(ChainmakerBlockHeader.FromString(update.header)):
        changed = ChainmakerUpdate()
        changed.CopyFrom(update)
        changed.header = form.data
        found.append(Form(f"a header with {form.name}", encode(changed), form.alike))
    return found


@case(
    "ENC-037",
    "MUST refuse a header update in another form",
    clauses=("CMT-5", "CMK-1", "WIRE-1"),
    negative=True,
    needs=_NEEDS,
)
def enc_037(kit: Kit) -> None:
    for other in _both(kit):
        other.advance()
        honest = other.update(other.height, kit.client(other.client_id).latest_height)
        update = known(_UPDATES, other).FromString(honest)
        forms = [*other_forms(update), *_inner_headers(update)]
        with unmoved(kit, other.client_id):
            for start in range(0, len(forms), 16):
                part = forms[start : start + 16]
                answer = kit.deliver(other, headers=[form.data for form in part])
                for form, result in zip(part, answer.headers, strict=True):
                    kit.evidence(f"{other.profile_id}-{form.name}".replace(" ", "-"), form.data)
                    item_refused(
                        result,
                        Reason.MALFORMED_MESSAGE,
                        message=f"a {other.profile_id} update with {form.name} is refused",
                    )
        item_applied(kit.deliver(other, headers=[honest]).headers[0], "the canonical bytes are believed")


@case(
    "ENC-038",
    "MUST refuse evidence of misbehaviour with a header in another form, and freeze nothing",
    clauses=("MIS-4", "CMT-5", "CMK-1", "WIRE-1"),
    negative=True,
    needs=_NEEDS,
)
def enc_038(kit: Kit) -> None:
    for other in _both(kit):
        other.advance()
        first, second = other.equivocate(other.height)
        with unmoved(kit, other.client_id):
            for form in other_forms(known(_UPDATES, other).FromString(second)):
                evidence = MisbehaviourEvidence(client_id=other.client_id, header_1=first, header_2=form.data)
                request = api.SubmitMisbehaviourRequest(evidence=evidence)
                refused(
                    lambda each=request: kit.ledger().SubmitMisbehaviour(each),  # type: ignore[misc]
                    Reason.MALFORMED_MESSAGE,
                    message=f"evidence with {form.name} is refused",
                )


@case(
    "ENC-039",
    "MUST refuse a run whose proof has another form",
    clauses=("CMT-18", "CMK-15", "WIRE-1"),
    negative=True,
    needs=_NEEDS,
)
def enc_039(kit: Kit) -> None:
    for other in _both(kit):
        written = other.register_issuer()
        (run,) = proven(kit, other, written)
        with unmoved(kit, other.client_id):
            for form in other_forms(known(_PROOFS, other).FromString(run.proof)):
                wrong = EntryRun()
                wrong.CopyFrom(run)
                wrong.proof = form.data
                item_refused(
                    deliver(kit, other, [wrong])[0],
                    Reason.MALFORMED_MESSAGE,
                    Reason.PROOF_INVALID,
                    message=f"a {other.profile_id} proof with {form.name} is refused",
                )
        accepted(deliver(kit, other, [run])[0])


@case(
    "ENC-040",
    "MUST refuse an item that is nothing, and a delivery of nothing changes nothing",
    clauses=("DEL-2", "DEL-7"),
    negative=True,
    needs=_NEEDS,
)
def enc_040(kit: Kit) -> None:
    other = familiar(kit)
    run = EntryRun(proof_height=kit.client(other.client_id).latest_height)
    run.items.add()
    with unmoved(kit, other.client_id):
        item_refused(deliver(kit, other, [run])[0], Reason.FIELD_REQUIRED)
        answer = kit.deliver(other)
        expect(
            not answer.headers and not answer.items, "nothing is answered with nothing", got=answer, expected="nothing"
        )
