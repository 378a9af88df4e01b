"""Limits of documents: what is handed in with a record is read strictly, within bounds, and only with its own seed."""

from __future__ import annotations

import json
from typing import Any

from bridge.conformance.case import case
from bridge.conformance.checks import expect, expect_equal, issue_refused, issue_taken, unmoved
from bridge.conformance.issuing import item_of, prepare, transport_event
from bridge.conformance.kit import Kit
from bridge.errors import Reason
from bridge.v1 import cargo_service_pb2 as api

_NEEDS = ("relayer", "relayer_key", "authority", "authority_key", "platform", "seed")

_FORM = (Reason.DOCUMENT_INVALID, Reason.LIMIT_EXCEEDED)


def _issue_all(kit: Kit, wrong: dict[str, dict[str, bytes]], *reasons: Reason) -> None:
    """Hand in one good record with fields of the item replaced; every one is refused, and the good one is taken."""
    other = kit.shared()
    prepared = prepare(kit, None, other)
    items = []
    for fields in wrong.values():
        item = item_of(kit, prepared, other)
        for name, value in fields.items():
            setattr(item, name, value)
        items.append(item)
    with unmoved(kit, other.client_id):
        answer = kit.cargo().IssueRecords(api.IssueRecordsRequest(records=items))
        expect_equal(len(answer.results), len(items), "every record is answered")
        for name, result in zip(wrong, answer.results, strict=True):
            issue_refused(result, *reasons, message=name)
    good = kit.cargo().IssueRecords(api.IssueRecordsRequest(records=[item_of(kit, prepared, other)]))
    issue_taken(good.results[0], "the document as it was signed is taken")


def _event(kit: Kit, **more: Any) -> bytes:
    """A transport event with more fields, which its schema neither knows nor refuses."""
    document = json.loads(transport_event(kit.session.fresh_name("call")))
    return json.dumps(document | more).encode()


@case(
    "LIM-040",
    "MUST refuse a document above 256 KiB, 4,000 leaves, 32 levels or 1,024 characters of a pointer",
    clauses=("DOC-1", "DOC-2"),
    negative=True,
    needs=_NEEDS,
)
def lim_040(kit: Kit) -> None:
    deep: Any = "x"
    for _ in range(33):
        deep = {"a": deep}
    wrong = {
        "more than 256 KiB": _event(kit, note="x" * 256 * 1024),
        "more than 4,000 leaves": _event(kit, notes=["x"] * 4_001),
        "more than 32 levels": _event(kit, note=deep),
        "a pointer of more than 1,024 characters": _event(kit, **{"n" * 1_025: "x"}),
    }
    _issue_all(kit, {name: {"document": data} for name, data in wrong.items()}, *_FORM)


@case(
    "LIM-041",
    "MUST refuse a document that two parsers could read differently",
    clauses=("DOC-1", "DOC-3", "DOC-4"),
    negative=True,
    needs=_NEEDS,
)
def lim_041(kit: Kit) -> None:
    good = _event(kit)
    wrong = {
        "a byte order mark": b"\xef\xbb\xbf" + good,
        "a name twice": b'{"metadata":{},' + good[1:],
        "bytes that are not UTF-8": good[:-1] + b',"note":"\xff"}',
        "half a surrogate pair": good[:-1] + b',"note":"\\ud800"}',
        "a control character": good[:-1] + b',"note":"\\u0000"}',
        "something after the end": good + b" {}",
        "a number that is none": good[:-1] + b',"note":NaN}',
        "a number without end": good[:-1] + b',"note":1e9999}',
        "a list": b"[" + good + b"]",
        "a text": b'"bill"',
        "single quotes": b"{'metadata': {}}",
        "a comma too many": good[:-1] + b",}",
    }
    _issue_all(kit, {name: {"document": data} for name, data in wrong.items()}, *_FORM)


@case(
    "LIM-042",
    "MUST refuse a record whose seed or document is missing or out of form",
    clauses=("CGO-2", "DOC-9"),
    negative=True,
    needs=_NEEDS,
)
def lim_042(kit: Kit) -> None:
    seeds = {f"a seed of {size} bytes": {"seed": b"x" * size} for size in (0, 31, 33, 64)}
    _issue_all(kit, seeds | {"no document": {"document": b""}}, Reason.INVALID_FIELD, Reason.FIELD_REQUIRED)


@case(
    "LIM-043",
    "MUST refuse a record whose document or seed is not the one its statement commits to",
    clauses=("CGO-2", "PREP-2"),
    negative=True,
    needs=_NEEDS,
)
def lim_043(kit: Kit) -> None:
    wrong = {
        "another document": {"document": transport_event(kit.session.fresh_name("call"))},
        "another seed": {"seed": b"\x07" * 32},
    }
    _issue_all(kit, wrong, Reason.DOCUMENT_ROOT_MISMATCH, Reason.FACTS_MISMATCH)


@case(
    "LIM-044",
    "MUST answer every record of a call on its own, in order, so that a bad one sinks no other",
    clauses=("CGO-1", "APP-7"),
    needs=_NEEDS,
)
def lim_044(kit: Kit) -> None:
    other = kit.shared()
    items = [item_of(kit, prepare(kit, None, other), other) for _ in range(5)]
    items[1].document = b"[]"
    items[3].client_id = "nobody-at-all"
    results = kit.cargo().IssueRecords(api.IssueRecordsRequest(records=items)).results
    expect_equal(len(results), len(items), "every record is answered")
    issue_refused(results[1], Reason.DOCUMENT_INVALID)
    issue_refused(results[3], Reason.CLIENT_NOT_FOUND)
    sequences = []
    for place in (0, 2, 4):
        issue_taken(results[place])
        sequences.append(results[place].sequence)
    first = sequences[0]
    expect(
        sequences == [first, first + 1, first + 2],
        "the good ones are sent in order, without gaps",
        got=sequences,
        expected=[first, first + 1, first + 2],
    )
