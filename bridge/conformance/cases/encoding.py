"""Canonical bytes of what callers hand in signed: transactions, acts, registrations, mappings, records.

A hash or a signature over bytes means something only while the bytes have one reading. Every case hands in the right
bytes as well, so that a target which refuses everything does not pass.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import grpc

from bridge.cargo.statement import statement_sign_bytes
from bridge.conformance.case import case
from bridge.conformance.checks import (
    Failed,
    expect_equal,
    issue_refused,
    issue_taken,
    refused,
    unmoved,
)
from bridge.conformance.forms import Form, other_forms
from bridge.conformance.issuing import item_of, prepare
from bridge.conformance.kit import Kit
from bridge.crypto.signing import Domain, sign_bytes
from bridge.errors import BridgeError, Reason
from bridge.light_client.profiles import profile
from bridge.v1 import admin_service_pb2 as admin
from bridge.v1 import cargo_service_pb2 as cargo
from bridge.v1 import identifier_service_pb2 as identifiers
from bridge.v1 import ledger_service_pb2 as api
from bridge.v1.cargo_pb2 import RecordPayload, Statement
from bridge.v1.identifier_pb2 import MAPPING_STATE_REGISTERED, Identifier, Mapping, SignedMapping
from bridge.v1.member_pb2 import MEMBER_ROLE_READER, MEMBER_STATE_REGISTERED, MemberRegistration, SignedMember
from bridge.v1.transaction_pb2 import (
    ActSignature,
    Delivery,
    Operation,
    PauseAct,
    SignedAct,
    Transaction,
    TransactionBody,
)
from bridge.wire import encode, timestamp_of

_LEDGER = ("relayer", "relayer_key", "authority", "authority_key")


def _refuse_forms(
    kit: Kit, forms: Sequence[Form], call: Callable[[bytes], object], *, client_id: str | None = None, what: str
) -> None:
    """Failed unless a call with the bytes of each form is refused as MALFORMED_MESSAGE and nothing moved."""
    with unmoved(kit, client_id):
        for form in forms:
            kit.evidence(f"{what} {form.name}".replace(" ", "-"), form.data)
            refused(
                lambda data=form.data: call(data),  # type: ignore[misc]
                Reason.MALFORMED_MESSAGE,
                code=grpc.StatusCode.INVALID_ARGUMENT,
                message=f"{what} with {form.name}",
            )


def _body(kit: Kit, client_id: str) -> TransactionBody:
    member = kit.member()
    return TransactionBody(
        ledger_id=kit.target.ledger_id,
        member_id=member.member_id,
        key_id=member.key_id,
        submission_time=timestamp_of(kit.clock.now()),
        operations=[Operation(deliver=Delivery(client_id=client_id))],
    )


def _signed(kit: Kit, body: bytes, like: bytes = b"") -> Transaction:
    """A transaction over these bytes, rightly signed by the relayer.

    A profile whose sign-bytes name parts of the body has none for bytes that do not parse; then those of `like` serve.
    """
    form = profile(kit.target_profile)
    try:
        message = form.transaction_sign_bytes(kit.target.ledger_id, body)
    except BridgeError:
        message = form.transaction_sign_bytes(kit.target.ledger_id, like)
    return Transaction(body=body, signature=kit.signer("relayer_key").sign(message))


@case(
    "ENC-010",
    "MUST refuse a transaction whose own bytes have another form",
    clauses=("WIRE-1", "GAT-3"),
    negative=True,
    needs=_LEDGER,
)
def enc_010(kit: Kit) -> None:
    client_id = kit.shared().client_id
    transaction = _signed(kit, encode(_body(kit, client_id)))

    def deliver(data: bytes) -> bytes:
        size = len(data)
        length = bytes([size]) if size < 0x80 else bytes([size & 0x7F | 0x80, size >> 7])
        return kit.call_bytes("bridge.v1.LedgerService/Deliver", b"\x0a" + length + data)

    deliver(encode(transaction))
    _refuse_forms(kit, other_forms(transaction), deliver, client_id=client_id, what="a transaction")


@case(
    "ENC-011",
    "MUST refuse a transaction body in another form, though it is rightly signed as it stands",
    clauses=("WIRE-1", "APP-2"),
    negative=True,
    needs=_LEDGER,
)
def enc_011(kit: Kit) -> None:
    client_id = kit.shared().client_id
    body = _body(kit, client_id)

    def deliver(data: bytes) -> object:
        return kit.ledger().Deliver(api.DeliverRequest(transaction=_signed(kit, data, encode(body))))

    deliver(encode(body))
    _refuse_forms(kit, other_forms(body), deliver, client_id=client_id, what="a transaction body")


@case(
    "ENC-012",
    "MUST refuse an act in another form, though its authority signed it as it stands",
    clauses=("WIRE-1", "ACT-1", "ACT-2"),
    negative=True,
    needs=(*_LEDGER, "capability:pause"),
)
def enc_012(kit: Kit) -> None:
    client_id = kit.shared().client_id
    ledger_id, signer = kit.target.ledger_id, kit.signer("authority_key")
    act = PauseAct(
        ledger_id=ledger_id, client_id=client_id, port="member", act_time=timestamp_of(kit.clock.now() - 1_000_000_000)
    )

    def pause(data: bytes) -> object:
        signature = signer.sign(sign_bytes(Domain.ACT, ledger_id, data))
        signed = SignedAct(act=data, signatures=[ActSignature(ledger_id=ledger_id, signature=signature)])
        return kit.admin().SetPause(admin.SetPauseRequest(act=signed))

    pause(encode(act))
    _refuse_forms(kit, other_forms(act), pause, client_id=client_id, what="an act")


@case(
    "ENC-013",
    "MUST refuse a member's registration in another form, though its authority signed it as it stands",
    clauses=("WIRE-1", "MEM-2"),
    negative=True,
    needs=_LEDGER,
)
def enc_013(kit: Kit) -> None:
    ledger_id, signer = kit.target.ledger_id, kit.signer("authority_key")
    registration = MemberRegistration(
        ledger_id=ledger_id,
        member_id=kit.session.fresh_name("kit"),
        revision=1,
        state=MEMBER_STATE_REGISTERED,
        roles=[MEMBER_ROLE_READER],
        registration_time=timestamp_of(kit.clock.now()),
    )

    def register(data: bytes) -> object:
        signature = signer.sign(sign_bytes(Domain.MEMBER, ledger_id, data))
        return kit.admin().RegisterMember(
            admin.RegisterMemberRequest(member=SignedMember(registration=data, signature=signature))
        )

    _refuse_forms(kit, other_forms(registration), register, what="a registration")
    register(encode(registration))


@case(
    "ENC-014",
    "MUST refuse a mapping in another form, though its authority signed it as it stands",
    clauses=("WIRE-1", "MAP-1", "MAP-2"),
    negative=True,
    needs=(*_LEDGER, "capability:mappings"),
)
def enc_014(kit: Kit) -> None:
    ledger_id, signer = kit.target.ledger_id, kit.signer("authority_key")
    name = kit.session.fresh_name("kit")
    mapping = Mapping(
        ledger_id=ledger_id,
        revision=1,
        state=MAPPING_STATE_REGISTERED,
        home=Identifier(scheme="party-code:zzz", value=f"{name}-home"),
        counterparty=Identifier(scheme="party-code:zzz", value=f"{name}-there"),
        registration_time=timestamp_of(kit.clock.now()),
    )

    def register(data: bytes) -> object:
        signature = signer.sign(sign_bytes(Domain.MAPPING, ledger_id, data))
        return kit.identifier("authority").RegisterMapping(
            identifiers.RegisterMappingRequest(mapping=SignedMapping(mapping=data, signature=signature))
        )

    _refuse_forms(kit, other_forms(mapping), register, what="a mapping")
    register(encode(mapping))


@case(
    "ENC-015",
    "MUST refuse a record whose payload or statement has another form, though its issuer signed it as it stands",
    clauses=("WIRE-1", "REC-1", "REC-2", "REC-6"),
    negative=True,
    needs=(*_LEDGER, "platform", "seed"),
)
def enc_015(kit: Kit) -> None:
    """Signed over the bytes that are sent, and signed over the canonical ones that a lenient reader would rebuild."""
    other = kit.shared()
    prepared = prepare(kit, None, other)
    payload = RecordPayload.FromString(prepared.payload)
    statement = Statement.FromString(payload.statement)
    signer, right = kit.signer("seed"), payload.signature
    wrong = [("a payload", form.name, form.data) for form in other_forms(payload)]
    for form in other_forms(statement):
        signature = signer.sign(statement_sign_bytes(kit.target.ledger_id, form.data))
        for each in (signature, right):
            changed = RecordPayload(statement=form.data, signature=each, disclosure=payload.disclosure)
            wrong.append(("a statement", form.name, encode(changed)))
    items = []
    for _, _, data in wrong:
        item = item_of(kit, prepared, other)
        item.payload = data
        items.append(item)
    with unmoved(kit, other.client_id):
        answer = kit.cargo().IssueRecords(cargo.IssueRecordsRequest(records=items))
        expect_equal(len(answer.results), len(items), "every record is answered")
        for (what, name, _), result in zip(wrong, answer.results, strict=True):
            issue_refused(result, Reason.MALFORMED_MESSAGE, message=f"{what} with {name}")
    good = kit.cargo().IssueRecords(cargo.IssueRecordsRequest(records=[item_of(kit, prepared, other)]))
    issue_taken(good.results[0], "the canonical bytes are taken")


@case(
    "ENC-016",
    "MUST keep and show the very bytes that an issuer signed",
    clauses=("REC-6", "ISS-4", "WIRE-1"),
    needs=(*_LEDGER, "platform", "seed"),
)
def enc_016(kit: Kit) -> None:
    """The packet's value is the payload with the local id appended, and nothing else."""
    issued = kit.issue()
    payload = RecordPayload.FromString(issued.prepared.payload)
    record = kit.cargo().GetRecord(cargo.GetRecordRequest(record_id=issued.record_id)).record
    expect_equal(record.statement, payload.statement, "the statement is shown as it was signed")
    expect_equal(record.signature, payload.signature, "the signature is shown as it was made")
    expect_equal(record.disclosure, payload.disclosure, "the disclosure is shown as it was handed in")
    request = api.ListPacketsRequest(
        client_id=kit.shared().client_id, kind=api.PACKET_KIND_SENT, sequences=[issued.sequence]
    )
    body = kit.ledger().ListPackets(request).items[0].body
    local_id = issued.record_id.encode()
    value = issued.prepared.payload + b"\x22" + bytes([len(local_id)]) + local_id
    if value not in body:
        raise Failed("the packet carries the payload with its local id appended", got=body, expected=value)
