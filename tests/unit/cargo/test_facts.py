"""Facts: what is summarised of each type, in which form, and what a changed summary is caught by."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.cargo.facts import facts_of, require_facts_match
from bridge.cargo.parties import fold_text, role_name
from bridge.cargo.statement import MAX_PARTIES
from bridge.cargo.statement import _require_facts as require_facts
from bridge.errors import LimitError, Reason, VerificationError
from bridge.v1.cargo_pb2 import Facts, RecordType
from bridge.wire import encode
from tests.unit.cargo.documents import DOCUMENTS, LEI, USCC, loaded, sample
from tests.unit.cargo.test_document import VALUES

BOL = RecordType.RECORD_TYPE_BILL_OF_LADING


def facts(record_type: int, change: Callable[[dict[str, Any]], object] | None = None) -> Facts:
    document = sample(record_type)
    if change is not None:
        change(document)
    return facts_of(loaded(document).value, record_type)


def pairs(identifiers: Any) -> list[tuple[str, str]]:
    return [(identifier.scheme, identifier.value) for identifier in identifiers]


@pytest.mark.parametrize("record_type", sorted(DOCUMENTS))
def test_facts_of_every_type_are_in_the_form_a_statement_takes(record_type: int) -> None:
    found = facts(record_type)
    require_facts(found)
    assert found.parties
    assert encode(found) == encode(facts(record_type))


def test_a_bill_is_summarised() -> None:
    found = facts(BOL)
    assert [party.role for party in found.parties] == ["shipper", "consignee", "issuing-party"]
    assert [(name.script, name.text) for name in found.parties[0].names] == [
        ("Latn", "Harbour Lights Trading Limited"),
        ("Hant", "海港燈貿易有限公司"),
    ]
    assert pairs(found.parties[0].identifiers) == [("hk-ubi", "12345678")]
    assert pairs(found.parties[1].identifiers) == [("uscc", USCC)]
    assert pairs(found.parties[2].identifiers) == [("lei", LEI)]
    assert [(place.role, place.identifier.value, place.name) for place in found.places] == [
        ("port-of-loading", "HKHKG", "Hong Kong"),
        ("port-of-discharge", "CNSGH", "Shanghai"),
        ("invoice-payable-at", "HKHKG", ""),
    ]
    assert (found.vessel_name, found.voyage) == ("Pearl Dawn", "012N")
    assert pairs(found.equipment) == [("iso6346", "CSQU3054383")]
    assert pairs(found.commodity_codes) == [("hs6", "850760"), ("hs10-cn", "8507600090")]
    assert [(date.meaning, date.text) for date in found.dates] == [
        ("planned-departure", "2026-05-02"),
        ("planned-arrival", "2026-05-05"),
        ("shipped-on-board", "2026-05-02"),
        ("issue", "2026-05-02"),
    ]
    assert ("reference:booking", "PDL7700123") in pairs(found.references)


def test_parties_are_found_in_lists_with_function_codes() -> None:
    found = facts(RecordType.RECORD_TYPE_ARRIVAL_NOTICE)
    assert [party.role for party in found.parties] == ["shipper", "consignee", "notify-party"]
    assert [date.meaning for date in found.dates] == ["issue", "arrival"]


def test_an_event_is_summarised_in_each_of_its_forms() -> None:
    wrapped = facts(RecordType.RECORD_TYPE_TRANSPORT_EVENT)
    assert [(place.role, place.identifier.value) for place in wrapped.places] == [("transport-call", "CNYSN")]
    assert pairs(wrapped.parties[0].identifiers) == [("smdg-carrier", "PDL")]
    flat = {
        "eventID": "3ac63340-3f64-434b-8410-67942a2cef21",
        "eventType": "SHIPMENT",
        "eventDateTime": "2026-05-05T09:00:00Z",
        "documentTypeCode": "TRD",
        "documentID": "PDLHKG26000017",
        "transportCall": {
            "UNLocationCode": "HKHKG",
            "vessel": {"vesselName": "Pearl Dawn", "vesselIMONumber": "9321483"},
        },
    }
    found = facts_of(loaded(flat).value, RecordType.RECORD_TYPE_TRANSPORT_EVENT)
    assert pairs(found.references) == [("reference:transport-document", "PDLHKG26000017")]
    assert pairs(found.vessel_identifiers) == [("imo", "9321483")]
    assert found.places[0].identifier.value == "HKHKG"


def test_a_declaration_s_codes_are_of_its_country_s_tariff() -> None:
    found = facts(RecordType.RECORD_TYPE_CUSTOMS_DECLARATION)
    assert pairs(found.commodity_codes) == [("hs10-cn", "8507600090")]
    hong_kong = facts(
        RecordType.RECORD_TYPE_CUSTOMS_DECLARATION,
        lambda d: d.update(declarationCountryCode="HK", goodsItems=[{"HSCodes": ["85076000"]}]),
    )
    assert pairs(hong_kong.commodity_codes) == [("hs8-hk", "85076000")]


@pytest.mark.parametrize(
    ("country", "kind", "value", "expected"),
    [
        ("HK", "BRN", "12345678-000-01-11-1", ("hk-brn", "12345678-000")),
        ("HK", "BRN", "12345678", ("hk-ubi", "12345678")),
        ("HK", "BRN", "C0012345", ("hk-dummy-brn", "C0012345")),
        ("HK", "CR", "0123456", ("hk-cr", "0123456")),
        ("CN", "USCI", "９１３１００００MA1FL70B67", ("uscc", USCC)),
    ],
)
def test_numbers_of_both_registers_get_their_scheme(
    country: str, kind: str, value: str, expected: tuple[str, str]
) -> None:
    reference = {"type": kind, "countryCode": country, "value": value}
    found = facts(BOL, lambda d: d["documentParties"]["shipper"].update(taxLegalReferences=[reference]))
    assert pairs(found.parties[0].identifiers) == [expected]


def test_a_value_out_of_form_is_no_fact() -> None:
    def change(document: dict[str, Any]) -> None:
        document["documentParties"]["shipper"]["taxLegalReferences"][0]["value"] = "1"
        document["documentParties"]["issuingParty"]["identifyingCodes"][0]["partyCode"] = "x"
        document["transports"]["portOfLoading"] = {"UNLocationCode": "?"}
        document["transports"]["plannedArrivalDate"] = "soon"
        document["consignmentItems"][0]["HSCodes"] = ["?", 6]

    found = facts(BOL, change)
    require_facts(found)
    assert [list(party.identifiers) for party in found.parties if party.role != "consignee"] == [[], []]
    assert [place.role for place in found.places] == ["port-of-discharge", "invoice-payable-at"]
    assert "planned-arrival" not in [date.meaning for date in found.dates]
    assert pairs(found.commodity_codes) == [("hs10-cn", "8507600090")]


def test_contract_numbers_and_prices_are_no_facts() -> None:
    found = facts(
        BOL, lambda d: d.update(serviceContractReference="SC-77", declaredValue=90017, declaredValueCurrency="HKD")
    )
    assert b"SC-77" not in encode(found)
    assert b"90017" not in encode(found)


def test_more_than_a_statement_carries_is_refused() -> None:
    def crowd(document: dict[str, Any]) -> None:
        parties = [{"partyName": f"Party {index}"} for index in range(MAX_PARTIES)]
        document["documentParties"]["notifyParties"] = parties

    with pytest.raises(LimitError) as caught:
        facts(BOL, crowd)
    assert caught.value.reason is Reason.LIMIT_EXCEEDED


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("vessel_name", lambda f: setattr(f, "vessel_name", "Pearl Dusk")),
        ("parties", lambda f: f.parties.pop()),
        ("parties", lambda f: setattr(f.parties[1].identifiers[0], "value", "91310000MA1FL70B68")),
        ("equipment", lambda f: f.equipment.add(scheme="iso6346", value="TCLU4265727")),
        ("dates", lambda f: setattr(f.dates[0], "text", "2026-05-03")),
        ("places", lambda f: f.ClearField("places")),
    ],
)
def test_a_summary_of_another_document_is_refused(field: str, change: Callable[[Facts], object]) -> None:
    document = loaded(sample(BOL)).value
    found = facts_of(document, BOL)
    require_facts_match(document, BOL, found)
    change(found)
    with pytest.raises(VerificationError) as caught:
        require_facts_match(document, BOL, found)
    assert caught.value.reason is Reason.FACTS_MISMATCH
    assert caught.value.facts["fields"] == field


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("  Pearl \n Dawn\t", "Pearl Dawn"),
        ("Gu\u0308lsu\u0308n", "Gülsün"),
        ("a\u200bb\u202ec", "a b c"),
        ("上海  港", "上海 港"),
        ("", ""),
        ("abcdefghij", "abcdefgh"),
    ],
)
def test_text_becomes_one_printable_line(text: str, folded: str) -> None:
    assert fold_text(text, 8 if text.startswith("abc") else 50) == folded


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("shipper", "shipper"),
        ("issuingParty", "issuing-party"),
        ("onBehalfOfShipper", "on-behalf-of-shipper"),
        ("NACParty", "nac-party"),
        ("SCO", "sco"),
        ("海", "party"),
        ("9x", "party"),
        ("", "party"),
    ],
)
def test_roles_are_words_joined_by_hyphens(name: str, role: str) -> None:
    assert role_name(name) == role


@given(st.sampled_from(sorted(DOCUMENTS)), st.data())
def test_facts_of_any_document_are_in_form_or_refused(record_type: int, data: st.DataObject) -> None:
    document: Any = copy.deepcopy(DOCUMENTS[record_type])
    target = document
    while True:
        key = data.draw(st.sampled_from(list(target) if isinstance(target, dict) else list(range(len(target)))))
        if not isinstance(target[key], dict | list) or not target[key] or data.draw(st.booleans()):
            break
        target = target[key]
    target[key] = data.draw(VALUES)
    require_facts(facts_of(loaded(document).value, record_type))
