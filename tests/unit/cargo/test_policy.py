"""Corridor policy: default deny, patterns, shipped rules without personal data."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bridge.cargo.policies import GATED, POLICIES, STANDARD
from bridge.cargo.policy import MAX_PATTERNS, MAX_REMEMBERED, CorridorPolicy, record_type_name, record_type_of
from bridge.errors import BridgeError, DecodeError, LimitError, PreconditionError, Reason
from bridge.v1.cargo_pb2 import RecordType

BILL = RecordType.RECORD_TYPE_BILL_OF_LADING
INVOICE = RecordType.RECORD_TYPE_COMMERCIAL_INVOICE
SAMPLES = Path(__file__).parents[4] / "shared" / "data" / "trade" / "dcsa"
PERSONAL = ("partyContactDetails", "displayedAddress", "email", "phone", "street", "streetNumber", "postCode")


def pointers(value: Any, at: str = "") -> Iterator[str]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    if not isinstance(value, dict | list) or not value:
        yield at
    for name, child in children:
        yield from pointers(child, f"{at}/{str(name).replace('~', '~0').replace('/', '~1')}")


@pytest.mark.parametrize(
    ("pattern", "pointer"),
    [
        ("/a/b", "/a/b"),
        ("/a/*/c", "/a/0/c"),
        ("/a/*/c", "/a//c"),
        ("/a/**", "/a"),
        ("/a/**", "/a/b/c"),
        ("/a/**", "/a/b\nc"),
        ("/a~1b", "/a~1b"),
        ("/a.b", "/a.b"),
        ("/**", ""),
        ("/*", "/數量"),
    ],
)
def test_a_pattern_lets_its_fields_cross(pattern: str, pointer: str) -> None:
    policy = CorridorPolicy({BILL: ["/unrelated", pattern]})
    for _ in range(2):
        assert policy.allows(BILL, pointer)
        policy.require_allowed(BILL, [pointer])


@pytest.mark.parametrize(
    ("pattern", "pointer"),
    [
        ("/a/b", "/a"),
        ("/a/b", "/a/b/c"),
        ("/a/b", "/x/a/b"),
        ("/a/*", "/a"),
        ("/a/*", "/a/b/c"),
        ("/a/**", "/ab"),
        ("/a/**", ""),
        ("/a.b", "/aXb"),
        ("/a", "/A"),
        ("/a", "/a\n"),
        ("/a", "a"),
    ],
)
def test_everything_else_stays(pattern: str, pointer: str) -> None:
    policy = CorridorPolicy({BILL: [pattern]})
    for _ in range(2):
        assert not policy.allows(BILL, pointer)
        with pytest.raises(PreconditionError) as refusal:
            policy.require_allowed(BILL, [pattern.replace("*", "x"), pointer])
        assert refusal.value.reason == Reason.DISCLOSURE_NOT_ALLOWED


def test_a_type_without_rules_does_not_cross() -> None:
    policy = CorridorPolicy({BILL: ["/**"]})
    assert policy.carries(BILL)
    for check in (lambda: policy.require_type(INVOICE), lambda: policy.require_allowed(INVOICE, [])):
        with pytest.raises(PreconditionError) as refusal:
            check()
        assert refusal.value.reason == Reason.RECORD_TYPE_NOT_ALLOWED
    assert not policy.allows(INVOICE, "/a")
    assert not policy.carries(INVOICE)


def test_a_type_with_no_pattern_crosses_bare() -> None:
    policy = CorridorPolicy({BILL: []})
    policy.require_allowed(BILL, [])
    assert not policy.allows(BILL, "/a")
    assert not policy.allows(BILL, "")


@pytest.mark.parametrize("pattern", ["", "a", "/a/**/b", "/a*", "/a/b**", "/a~", "/a~2b", "/" + "a" * 256])
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(DecodeError) as refusal:
        CorridorPolicy({BILL: [pattern]})
    assert refusal.value.reason == Reason.INVALID_FIELD


def test_patterns_and_memory_are_bounded() -> None:
    with pytest.raises(LimitError) as refusal:
        CorridorPolicy({BILL: [f"/{index}" for index in range(MAX_PATTERNS + 1)]})
    assert refusal.value.reason == Reason.LIMIT_EXCEEDED
    policy = CorridorPolicy({BILL: ["/a/*"]})
    for index in range(MAX_REMEMBERED + 10):
        assert policy.allows(BILL, f"/a/{index}")
    assert len(policy._seen[BILL]) <= MAX_REMEMBERED


def test_policies_are_written_with_type_names() -> None:
    policy = CorridorPolicy.from_names({"bill-of-lading": ["/a"], "transport-event": ["/b"]})
    assert policy.allowing(BILL)("/a")
    assert not policy.allowing(BILL)("/b")
    for name in ("bill", "unspecified", ""):
        with pytest.raises(DecodeError) as refusal:
            CorridorPolicy.from_names({name: []})
        assert refusal.value.reason == Reason.INVALID_FIELD


def test_names_of_types_read_back() -> None:
    for number in set(RecordType.values()) - {0}:
        assert record_type_of(record_type_name(number)) == number
    for number in (0, 99):
        with pytest.raises(BridgeError) as refusal:
            record_type_name(number)
        assert refusal.value.reason == Reason.INVALID_FIELD


def test_shipped_policies_name_every_type_and_the_gated_one_is_narrower() -> None:
    assert set(POLICIES) == {"standard", "gated"}
    for policy in POLICIES.values():
        assert set(policy.rules) == set(RecordType.values()) - {0}
    for number, patterns in GATED.rules.items():
        assert set(patterns) <= set(STANDARD.rules[number])


def test_shipped_policies_carry_what_trade_needs() -> None:
    for pointer in (
        "/transportDocumentReference",
        "/documentParties/shipper/partyName",
        "/documentParties/shipper/localNames/0/name",
        "/documentParties/notifyParties/0/identifyingCodes/0/partyCode",
        "/consignmentItems/0/cargoItems/1/outerPackaging/dangerousGoods/0/UNNumber",
        "/utilizedTransportEquipments/0/activeReeferSettings/temperatureSetpoint",
        "/transports/portOfDischarge/UNLocationCode",
    ):
        assert GATED.allows(BILL, pointer)
    assert GATED.allows(INVOICE, "/totalAmount")
    assert STANDARD.allows(INVOICE, "/goodsItems/0/unitPrice")
    assert not GATED.allows(INVOICE, "/goodsItems/0/unitPrice")
    assert STANDARD.allows(BILL, "/charges/0/currencyAmount")
    assert not GATED.allows(BILL, "/charges/0/currencyAmount")
    assert not STANDARD.allows(BILL, "/termsAndConditions")


@pytest.mark.parametrize("record_type", sorted(set(RecordType.values()) - {0}))
@pytest.mark.parametrize("field", PERSONAL)
def test_no_shipped_rule_lets_a_persons_data_cross(record_type: int, field: str) -> None:
    for base in (
        "",
        "/documentParties/shipper",
        "/documentParties/notifyParties/0",
        "/documentParties/other/0/party",
        "/documentParties/0",
        "/documentParties/consignee/address",
        "/partyContactDetails/0",
        "/invoicePayableAt/address",
        "/transports/placeOfDelivery/address",
        "/metadata/publisher",
        "/payload",
        "/payload/location/address",
        "/carrierContactInformation/0",
        "/consignmentItems/0/cargoItems/0/outerPackaging/dangerousGoods/0/emergencyContactDetails",
    ):
        assert not STANDARD.allows(record_type, f"{base}/{field}")
        assert not STANDARD.allows(record_type, f"{base}/{field}/0")


def test_published_documents_disclose_no_persons_data() -> None:
    if not SAMPLES.is_dir():
        pytest.skip("published samples are not beside this repository (../shared/data)")
    seen = 0
    for path in sorted(SAMPLES.glob("transport-document/*.json")):
        document = json.loads(path.read_text(encoding="utf-8"))
        allowed = [pointer for pointer in pointers(document) if STANDARD.allows(BILL, pointer)]
        assert not [p for p in allowed if any(part in PERSONAL for part in p.split("/"))]
        seen += len(allowed) >= 20
    assert seen == 5  # Two more are wrapped into another object, of which no rule speaks.
