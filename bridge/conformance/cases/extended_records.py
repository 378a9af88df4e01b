"""Extended: selective disclosure of any fields, keys that change, and records at every limit at once."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

from bridge.cargo.leaves import MAX_LEAVES
from bridge.cargo.statement import (
    MAX_COMMODITY_CODES,
    MAX_DATES,
    MAX_EQUIPMENT,
    MAX_NAMES,
    MAX_PARTIES,
    MAX_PARTY_IDENTIFIERS,
    MAX_PLACES,
    MAX_REFERENCES,
    MAX_VESSEL_IDENTIFIERS,
)
from bridge.conformance.carriage import (
    accepted,
    carry,
    familiar,
    introduce,
    receipt,
    record_of,
    rejected,
    verdict,
    without_effect,
)
from bridge.conformance.case import Level, case
from bridge.conformance.checks import expect, expect_equal, item_noop
from bridge.conformance.counterparty.members import make_issuer
from bridge.conformance.issuing import transport_event
from bridge.conformance.kit import Kit
from bridge.conformance.naming import CASE_NEEDS
from bridge.errors import Reason
from bridge.protocol.members import MAX_KEYS
from bridge.protocol.ports import CARGO_PORT, MEMBER_PORT, encode_payload
from bridge.v1.cargo_pb2 import FactDate, Facts, Party, Place, RecordPayload
from bridge.v1.identifier_pb2 import Identifier, Name
from bridge.wire import encode

DOCUMENT: dict[str, object] = {
    "transportDocumentReference": "KIT-1",
    "carrierCode": "MAEU",
    "weight": 1250.5,
    "isElectronic": True,
    "isToOrder": False,
    "remark": "",
    "endorsee": None,
    "clauses": [],
    "terms": {},
    "parties": [{"name": "海港貿易有限公司"}, {"name": "Harbour Trading Limited"}],
}
"""A document with a leaf of every type, and leaves inside of lists."""

POINTERS = (
    "/transportDocumentReference",
    "/carrierCode",
    "/weight",
    "/isElectronic",
    "/isToOrder",
    "/remark",
    "/endorsee",
    "/clauses",
    "/terms",
    "/parties/0/name",
    "/parties/1/name",
)
"""Its leaves, in order."""

SUBSETS = 24
"""Choices of fields tried, beside none and all."""

MUTATIONS = 60
"""Changes of one bit tried in a disclosure."""


@case(
    "EXT-040",
    "MUST accept any choice of fields of a document, and show exactly the fields that were shown",
    clauses=("DIS-1", "DIS-2", "DOC-5", "MRK-5"),
    level=Level.EXTENDED,
    needs=CASE_NEEDS,
)
def ext_040(kit: Kit) -> None:
    other = familiar(kit)
    choices: list[tuple[str, ...]] = [(), POINTERS]
    for _ in range(SUBSETS):
        count = kit.random.randrange(1, len(POINTERS))
        choices.append(tuple(sorted(kit.random.sample(POINTERS, count))))
    records = [
        other.record(kit.session.fresh_name("KIT"), document=DOCUMENT, disclosed=shown, home_record_id="")
        for shown in choices
    ]
    results = carry(kit, other, *(other.packet(encode_payload(CARGO_PORT, record.value)) for record in records))
    for shown, record, result in zip(choices, records, results, strict=True):
        view = record_of(kit, receipt(accepted(result, f"a record that shows {', '.join(shown) or 'nothing'}")))
        expect_equal({leaf.pointer for leaf in view.disclosure.leaves}, set(shown), "the fields that are shown")
        expect_equal(view.disclosure, record.payload.disclosure, "each with its salt, type and value")


@case(
    "EXT-041",
    "MUST reject a record with any one bit of its disclosure changed",
    clauses=("DIS-2", "DIS-3", "DOC-7"),
    negative=True,
    level=Level.EXTENDED,
    needs=CASE_NEEDS,
)
def ext_041(kit: Kit) -> None:
    """Salts, pointers, types, values, hidden hashes, lengths: whatever the bit belongs to."""
    other = familiar(kit)
    record = other.record(kit.session.fresh_name("KIT"), document=DOCUMENT, disclosed=POINTERS[1:8:2])
    payload = RecordPayload.FromString(record.value)
    disclosure = encode(payload.disclosure)
    start = record.value.index(disclosure)
    values = []
    for _ in range(MUTATIONS):
        place = start + kit.random.randrange(len(disclosure))
        turned = record.value[place] ^ (1 << kit.random.randrange(8))
        values.append(record.value[:place] + bytes([turned]) + record.value[place + 1 :])
    with without_effect(kit, other):
        results = carry(kit, other, *(other.packet(encode_payload(CARGO_PORT, value)) for value in values))
    allowed = {Reason.DOCUMENT_ROOT_MISMATCH, Reason.DISCLOSURE_INVALID, Reason.MALFORMED_MESSAGE}
    wanted = " or ".join(sorted(allowed))
    for value, result in zip(values, results, strict=True):
        got = verdict(result)
        kit.evidence(f"packet-{result.sequence}", value)
        expect(
            got in allowed,
            "a disclosure with a bit changed is rejected",
            got=got,
            expected=wanted,
        )
    accepted(carry(kit, other, other.packet(encode_payload(CARGO_PORT, record.value)))[0], "the disclosure as it was")


@case(
    "EXT-042",
    "MUST follow an issuer from key to key: the new one signs, the old one signs no more, what it signed stays",
    clauses=("MEM-8", "MEM-11", "ISS-1", "ARR-2", "RECV-3"),
    negative=True,
    level=Level.EXTENDED,
    needs=CASE_NEEDS,
)
def ext_042(kit: Kit) -> None:
    other = introduce(kit, kit.counterparty())
    keys = [other.issuer] + [
        make_issuer(other.ledger_id, other.suite.suite_id, other.issuer.member_id, f"k{number}") for number in (2, 3, 4)
    ]
    for revision, (old, new) in enumerate(pairwise(keys), start=2):
        signed = other.record(kit.session.fresh_name("KIT"), issuer=old)
        before = other.commit(other.packet(encode_payload(CARGO_PORT, signed.value)))[0]
        local_id = receipt(accepted(carry(kit, other, before)[0], "the old key still signs"))
        early = other.record(kit.session.fresh_name("KIT"), issuer=new)
        rejected(kit, other, other.packet(encode_payload(CARGO_PORT, early.value)), Reason.ISSUER_UNKNOWN)
        accepted(carry(kit, other, other.register_issuer(new, revision=revision))[0])
        late = other.record(kit.session.fresh_name("KIT"), issuer=old)
        rejected(kit, other, other.packet(encode_payload(CARGO_PORT, late.value)), Reason.ISSUER_REVOKED)
        item_noop(carry(kit, other, before)[0], "what was accepted stays accepted")
        expect_equal(record_of(kit, local_id).statement, encode(signed.statement), "and is kept as it was signed")
    fresh = other.record(kit.session.fresh_name("KIT"), issuer=keys[-1])
    accepted(carry(kit, other, other.packet(encode_payload(CARGO_PORT, fresh.value)))[0], "the last key signs")


@case(
    "EXT-043",
    "MUST take an issuer with 16 keys, believe each, and reject one with 17",
    clauses=("MEM-2", "MEM-5", "ISS-1"),
    negative=True,
    level=Level.EXTENDED,
    needs=CASE_NEEDS,
)
def ext_043(kit: Kit) -> None:
    other = familiar(kit)
    name = kit.session.fresh_name("kit")
    issuers = [make_issuer(other.ledger_id, other.suite.suite_id, name, f"k{number}") for number in range(MAX_KEYS + 1)]
    too_many = other.member(issuers[0], keys=[each.key for each in issuers])
    rejected(kit, other, other.packet(encode_payload(MEMBER_PORT, too_many)), Reason.LIMIT_EXCEEDED)
    many = other.member(issuers[0], keys=[each.key for each in issuers[:MAX_KEYS]])
    accepted(carry(kit, other, other.packet(encode_payload(MEMBER_PORT, many)))[0])
    records = [other.record(kit.session.fresh_name("KIT"), issuer=issuer) for issuer in issuers[:MAX_KEYS]]
    for result in carry(kit, other, *(other.packet(encode_payload(CARGO_PORT, each.value)) for each in records)):
        accepted(result, "each of the keys signs")


def _full(**more: int) -> Facts:
    """Facts with every list at its limit; `more` adds entries to one of them."""

    def count(name: str, most: int) -> range:
        return range(most + more.get(name, 0))

    return Facts(
        parties=[
            Party(role="notify-party", names=[Name(script="Latn", text=f"Party {number}")])
            for number in count("parties", MAX_PARTIES - 1)
        ]
        + [
            Party(
                role="shipper",
                names=[Name(script="Hant", text=f"海港 {number}") for number in count("names", MAX_NAMES)],
                identifiers=[
                    Identifier(scheme="party-code:zzz", value=f"C{number}")
                    for number in count("identifiers", MAX_PARTY_IDENTIFIERS)
                ],
            )
        ],
        places=[
            Place(role="port-of-call", identifier=Identifier(scheme="un-locode", value="CNSGH"), name=f"Berth {number}")
            for number in count("places", MAX_PLACES)
        ],
        vessel_name="V" * 50,
        voyage="9" * 50,
        vessel_identifiers=[
            Identifier(scheme="imo", value=f"98110{number:02d}") for number in count("vessel", MAX_VESSEL_IDENTIFIERS)
        ],
        equipment=[
            Identifier(scheme="iso6346", value=f"KITU{number:07d}") for number in count("equipment", MAX_EQUIPMENT)
        ],
        commodity_codes=[
            Identifier(scheme="hs6", value=f"87{number:04d}") for number in count("commodities", MAX_COMMODITY_CODES)
        ],
        dates=[FactDate(meaning="planned-departure", text="2026-11-20") for _ in count("dates", MAX_DATES)],
        references=[
            Identifier(scheme="reference:other", value=f"R{number}") for number in count("references", MAX_REFERENCES)
        ],
    )


@case(
    "EXT-044",
    "MUST accept a statement with every list at its limit, and reject one more in any of them",
    clauses=("REC-2", "REC-8", "REC-9"),
    negative=True,
    level=Level.EXTENDED,
    needs=CASE_NEEDS,
)
def ext_044(kit: Kit) -> None:
    other = familiar(kit)
    lists = ("parties", "names", "identifiers", "places", "vessel", "equipment", "commodities", "dates", "references")
    written = []
    for name in lists:
        record = other.record(kit.session.fresh_name("KIT"), facts=_full(**{name: 1}))
        written.append(other.packet(encode_payload(CARGO_PORT, record.value)))
    with without_effect(kit, other):
        results = carry(kit, other, *written)
    for name, result in zip(lists, results, strict=True):
        expect_equal(verdict(result), str(Reason.LIMIT_EXCEEDED), f"a statement with one too many of its {name}")
    full = other.record(kit.session.fresh_name("KIT"), facts=_full())
    accepted(carry(kit, other, other.packet(encode_payload(CARGO_PORT, full.value)))[0], "every list at its limit")


@case(
    "EXT-045",
    "MUST accept a document of 4,000 leaves that is shown whole",
    clauses=("REC-1", "DIS-1", "DOC-2", "PKT-2"),
    level=Level.EXTENDED,
    needs=CASE_NEEDS,
)
def ext_045(kit: Kit) -> None:
    other = familiar(kit)
    document: dict[str, Any] = {f"field{number}": f"value {number}" for number in range(MAX_LEAVES)}
    record = other.record(
        kit.session.fresh_name("KIT"), document=document, disclosed=tuple(f"/{name}" for name in document)
    )
    kit.evidence("payload-size", str(len(record.value)).encode())
    (result,) = carry(kit, other, other.packet(encode_payload(CARGO_PORT, record.value)))
    view = record_of(kit, receipt(accepted(result)))
    expect_equal(len(view.disclosure.leaves), MAX_LEAVES, "every leaf is shown")


@case(
    "EXT-046",
    "MUST issue a record of a large document, and answer for it like for a small one",
    clauses=("CGO-2", "DOC-1", "DOC-2"),
    level=Level.EXTENDED,
    needs=(*CASE_NEEDS, "seed"),
)
def ext_046(kit: Kit) -> None:
    """Fields that a schema does not name are committed to like the others; the corridor lets none of them cross."""
    document = json.loads(transport_event(kit.session.fresh_name("call")))
    document["notes"] = ["x" * 50] * (MAX_LEAVES - 100)
    data = json.dumps(document).encode()
    issued = kit.issue(data)
    view = record_of(kit, issued.record_id)
    expect_equal(view.statement, issued.prepared.statement, "the statement is kept")
    crossing = [leaf.pointer for leaf in view.disclosure.leaves if leaf.pointer.startswith("/notes")]
    expect_equal(crossing, [], "no field that the corridor does not name")
