"""PKT: a record leaves home when its document, its issuer and the corridor's policy agree with what was signed."""

from __future__ import annotations

import json
from typing import Any

from bridge.cargo.prepare import PreparedRecord
from bridge.cargo.statement import statement_sign_bytes
from bridge.conformance.carriage import carry, familiar, record_of, reference, sent, sent_packet
from bridge.conformance.case import case
from bridge.conformance.checks import NotRun, expect, expect_equal, issue_refused, issue_taken
from bridge.conformance.issuing import item_of, prepare, transport_event
from bridge.conformance.kit import Kit
from bridge.conformance.submitting import issue_all, issue_item, refuse_issue, target_issuer
from bridge.errors import Reason
from bridge.protocol.packets import decode_packet
from bridge.v1 import cargo_service_pb2 as api
from bridge.v1.cargo_pb2 import RecordPayload, RecordType, Statement
from bridge.wire import decode_strict, encode

SOURCE = ("platform", "seed")
"""What a case needs that has the target send a record."""

PRIVATE = "internalNote"
"""A field of a document that no corridor lets cross."""


def resigned(kit: Kit, prepared: PreparedRecord, **over: Any) -> bytes:
    """The payload of a version with fields of its statement replaced and signed again by the seed issuer."""
    before = decode_strict(Statement, prepared.statement)
    statement = Statement(**({field.name: value for field, value in before.ListFields()} | over))
    body = encode(statement)
    payload = decode_strict(RecordPayload, prepared.payload)
    payload.statement = body
    payload.signature = kit.signer("seed").sign(statement_sign_bytes(statement.ledger_id, body))
    return encode(payload)


def repaid(prepared: PreparedRecord, **over: Any) -> bytes:
    """The payload of a version with fields of the payload replaced, after it was signed."""
    payload = decode_strict(RecordPayload, prepared.payload)
    for field, value in over.items():
        setattr(payload, field, value)
    return encode(payload)


def noted_event(kit: Kit) -> bytes:
    """A transport event with a field that no corridor lets cross."""
    document = json.loads(transport_event(kit.session.fresh_name("call")))
    document["payload"][PRIVATE] = "for the platform alone"
    return json.dumps(document).encode()


def refuse_payload(kit: Kit, payload: bytes, prepared: PreparedRecord, *reasons: Reason, what: str = "") -> None:
    """Failed unless a version is refused when it is handed in with this payload."""
    other = familiar(kit)
    item = item_of(kit, prepared, other)
    item.payload = payload
    refuse_issue(kit, other, item, *reasons, what=what)


@case(
    "PKT-080",
    "MUST send a record in the exact bytes that were issued, with its own record id appended",
    clauses=("ISS-4", "REC-6", "PORT-2"),
    needs=SOURCE,
)
def pkt_080(kit: Kit) -> None:
    other = familiar(kit)
    issued = kit.issue(counterparty=other)
    packet = decode_packet(sent_packet(kit, other, issued.sequence).body)
    value = packet.payloads[0].value
    expect(value.startswith(issued.item.payload), "the issued bytes come first", got=value, expected="them, and an id")
    payload = decode_strict(RecordPayload, value)
    expect_equal(payload.home_record_id, issued.record_id, "the home record id is appended")
    expect_equal(packet.timeout_seconds, issued.item.timeout_seconds, "the timeout is the one asked for")


@case(
    "PKT-081",
    "MUST refuse a record of an issuer it does not know",
    clauses=("ISS-1", "ISS-3"),
    negative=True,
    needs=SOURCE,
)
def pkt_081(kit: Kit) -> None:
    other, seed = familiar(kit), kit.member("seed")
    for member_id, key_id in (("nobody", "k1"), (seed.member_id, "k9"), (other.issuer.member_id, "k1")):
        issuer = target_issuer(kit, member_id, key_id, kit.signer("seed"))
        item = item_of(kit, prepare(kit, None, other, issuer=issuer), other)
        refuse_issue(kit, other, item, Reason.ISSUER_UNKNOWN, what=f"{member_id} {key_id}")


@case(
    "PKT-082",
    "MUST refuse a record of a member that may not issue",
    clauses=("ISS-1", "ISS-3"),
    negative=True,
    needs=(*SOURCE, "relayer_key"),
)
def pkt_082(kit: Kit) -> None:
    other, relayer = familiar(kit), kit.member("relayer_key")
    issuer = target_issuer(kit, relayer.member_id, relayer.key_id, kit.signer("relayer_key"))
    item = item_of(kit, prepare(kit, None, other, issuer=issuer), other)
    refuse_issue(kit, other, item, Reason.ROLE_MISSING)


@case(
    "PKT-083",
    "MUST refuse a record that its issuer did not sign",
    clauses=("REC-6", "ISS-3"),
    negative=True,
    needs=SOURCE,
)
def pkt_083(kit: Kit) -> None:
    other, seed = familiar(kit), kit.member("seed")
    forged = target_issuer(kit, seed.member_id, seed.key_id, kit.signer("relayer_key"))
    item = item_of(kit, prepare(kit, None, other, issuer=forged), other)
    refuse_issue(kit, other, item, Reason.SIGNATURE_INVALID, what="another key signed")
    first, second = prepare(kit, None, other), prepare(kit, None, other)
    signature = decode_strict(RecordPayload, second.payload).signature
    refuse_payload(kit, repaid(first, signature=signature), first, Reason.SIGNATURE_INVALID, what="another statement")


@case(
    "PKT-084",
    "MUST refuse a record that is at home on another ledger",
    clauses=("REC-6", "ISS-3"),
    negative=True,
    needs=SOURCE,
)
def pkt_084(kit: Kit) -> None:
    other = familiar(kit)
    prepared = prepare(kit, None, other)
    refuse_payload(kit, resigned(kit, prepared, ledger_id=other.ledger_id), prepared, Reason.LEDGER_ID_MISMATCH)


@case(
    "PKT-085",
    "MUST refuse a record type that its corridor names no rule for",
    clauses=("POL-1", "ISS-3"),
    negative=True,
    needs=SOURCE,
)
def pkt_085(kit: Kit) -> None:
    other = familiar(kit)
    corridor = kit.cargo().GetCorridor(api.GetCorridorRequest(client_id=other.client_id))
    open_types = {rule.type for rule in corridor.rules}
    closed = [number for number in RecordType.values() if number and number not in open_types]
    if not closed:
        raise NotRun("the target's corridor lets records of every type cross")
    prepared = prepare(kit, None, other)
    key = decode_strict(Statement, prepared.statement).key
    key.type = RecordType.ValueType(closed[0])
    refuse_payload(kit, resigned(kit, prepared, key=key), prepared, Reason.RECORD_TYPE_NOT_ALLOWED)


@case(
    "PKT-086",
    "MUST refuse a disclosure that shows a field no corridor rule names",
    clauses=("POL-2", "POL-3", "DIS-1", "PREP-2"),
    negative=True,
    needs=SOURCE,
)
def pkt_086(kit: Kit) -> None:
    other = familiar(kit)
    prepared = prepare(kit, noted_event(kit), other, allowed=lambda _pointer: True)
    refuse_issue(kit, other, item_of(kit, prepared, other), Reason.DISCLOSURE_NOT_ALLOWED)


@case(
    "PKT-087",
    "MUST refuse a disclosure that hides a field the corridor owes the other side",
    clauses=("DIS-1", "PREP-2"),
    negative=True,
    needs=SOURCE,
)
def pkt_087(kit: Kit) -> None:
    other = familiar(kit)
    prepared = prepare(kit, None, other, allowed=lambda _pointer: False)
    refuse_issue(kit, other, item_of(kit, prepared, other), Reason.DISCLOSURE_NOT_ALLOWED)


@case(
    "PKT-088",
    "MUST let nothing of a hidden field cross: no name, no value, no salt",
    clauses=("DIS-1", "POL-2", "DOC-9"),
    negative=True,
    needs=SOURCE,
)
def pkt_088(kit: Kit) -> None:
    other = familiar(kit)
    issued = kit.issue(noted_event(kit), counterparty=other)
    body = sent_packet(kit, other, issued.sequence).body
    for name, secret in {
        "the field's name": PRIVATE.encode(),
        "the field's value": b"for the platform alone",
        "the seed": issued.prepared.seed,
    }.items():
        expect(secret not in body, f"{name} stays at home", got="it is in the packet", expected="it is not")


@case(
    "PKT-089",
    "MUST refuse a record whose document or seed leads to another root than was signed",
    clauses=("PREP-2", "CGO-2", "DOC-8"),
    negative=True,
    needs=SOURCE,
)
def pkt_089(kit: Kit) -> None:
    other = familiar(kit)
    item = issue_item(kit, other)
    seed, document = item.seed, item.document
    item.seed = bytes(32)
    refuse_issue(kit, other, item, Reason.DOCUMENT_ROOT_MISMATCH, what="another seed")
    item.seed, item.document = seed, document.replace(b'"LADEN"', b'"EMPTY"')
    refuse_issue(kit, other, item, Reason.DOCUMENT_ROOT_MISMATCH, what="another document")


@case(
    "PKT-090",
    "MUST refuse facts or a key that the document does not give",
    clauses=("FCT-3", "PREP-2", "PREP-4"),
    negative=True,
    needs=SOURCE,
)
def pkt_090(kit: Kit) -> None:
    other = familiar(kit)
    prepared = prepare(kit, None, other)
    statement = decode_strict(Statement, prepared.statement)
    facts, key = statement.facts, statement.key
    facts.vessel_name = "ANOTHER SHIP"
    refuse_payload(kit, resigned(kit, prepared, facts=facts), prepared, Reason.FACTS_MISMATCH, what="another vessel")
    key.reference = reference(kit)
    refuse_payload(kit, resigned(kit, prepared, key=key), prepared, Reason.FACTS_MISMATCH, what="another reference")


@case(
    "PKT-091",
    "MUST refuse a record without its document, or with a seed that is none",
    clauses=("CGO-2",),
    negative=True,
    needs=SOURCE,
)
def pkt_091(kit: Kit) -> None:
    other = familiar(kit)
    refuse_issue(kit, other, issue_item(kit, other, document=b""), Reason.FIELD_REQUIRED)
    for seed in (b"", bytes(31), bytes(33)):
        refuse_issue(kit, other, issue_item(kit, other, seed=seed), Reason.INVALID_FIELD, what=f"{len(seed)} bytes")


@case(
    "PKT-092",
    "MUST refuse a document that two readers could read differently",
    clauses=("DOC-1", "DOC-3"),
    negative=True,
    needs=SOURCE,
)
def pkt_092(kit: Kit) -> None:
    other = familiar(kit)
    good = transport_event(kit.session.fresh_name("call"))
    for name, document in {
        "a name twice": b'{"metadata":{},' + good[1:],
        "a byte order mark": b"\xef\xbb\xbf" + good,
        "no JSON": good[:-1],
        "not UTF-8": good.replace(b"VICTORIA PEAK", b"VICTORIA \xff\xfe"),
        "a number that is none": good.replace(b"false", b"NaN"),
    }.items():
        refuse_issue(kit, other, issue_item(kit, other, document=document), Reason.DOCUMENT_INVALID, what=name)


@case(
    "PKT-093",
    "MUST refuse a home record id that the issuer sets itself",
    clauses=("ISS-3",),
    negative=True,
    needs=SOURCE,
)
def pkt_093(kit: Kit) -> None:
    prepared = prepare(kit, None, familiar(kit))
    payload = repaid(prepared, home_record_id="HKCB-2026-000000001")
    refuse_payload(kit, payload, prepared, Reason.INVALID_FIELD)


@case(
    "PKT-094",
    "MUST refuse a payload or statement with a field that nobody knows",
    clauses=("REC-1", "REC-2", "WIRE-1"),
    negative=True,
    needs=SOURCE,
)
def pkt_094(kit: Kit) -> None:
    prepared = prepare(kit, None, familiar(kit))
    refuse_payload(kit, prepared.payload + b"\x78\x01", prepared, Reason.MALFORMED_MESSAGE)
    longer = repaid(prepared, statement=prepared.statement + b"\x98\x06\x01")
    refuse_payload(kit, longer, prepared, Reason.MALFORMED_MESSAGE)


@case(
    "PKT-095",
    "MUST hold a record back until the counterparty has accepted its issuer's registration",
    clauses=("ISS-5",),
    negative=True,
    needs=SOURCE,
)
def pkt_095(kit: Kit) -> None:
    other = kit.counterparty(confirmed=False)
    item = issue_item(kit, other)
    refuse_issue(kit, other, item, Reason.ISSUER_UNCONFIRMED)
    waiting = [other.acknowledgement(each.sequence) for each in sent(kit, other)]
    carry(kit, other, *waiting)
    issue_taken(issue_all(kit, item)[0], "a record of an issuer that is known there")


@case(
    "PKT-096",
    "MUST answer each record of a batch for itself",
    clauses=("CGO-1", "APP-7"),
    negative=True,
    needs=SOURCE,
)
def pkt_096(kit: Kit) -> None:
    other = kit.counterparty()
    items = [issue_item(kit, other) for _ in range(3)]
    items[1].seed = bytes(32)
    results = issue_all(kit, *items)
    issue_taken(results[0])
    issue_refused(results[1], Reason.DOCUMENT_ROOT_MISMATCH)
    issue_taken(results[2])
    expect_equal(kit.client(other.client_id).pending_count, 2, "two packets left")


@case(
    "PKT-097",
    "MUST answer a record with what was issued: statement, signature, disclosure and packet",
    clauses=("REC-6", "ISS-4"),
    needs=SOURCE,
)
def pkt_097(kit: Kit) -> None:
    other = familiar(kit)
    issued = kit.issue(counterparty=other)
    record = record_of(kit, issued.record_id)
    payload = decode_strict(RecordPayload, issued.item.payload)
    expect_equal(record.statement, issued.prepared.statement, "the statement")
    expect_equal(record.signature, payload.signature, "the signature")
    expect_equal(record.disclosure, payload.disclosure, "the disclosure")
    expect_equal((record.client_id, record.sequence), (other.client_id, issued.sequence), "its packet")
    expect_equal(record.home_ledger_id, kit.target.ledger_id, "its home")
