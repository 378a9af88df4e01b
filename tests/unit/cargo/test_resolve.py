"""Resolution of a statement's identifiers: mapped, equivalent by rule, or kept foreign."""

from __future__ import annotations

import pytest

from bridge.cargo.resolve import Pair, Resolution, identifiers_of, resolve_identifier, resolve_identifiers
from tests.unit.cargo.statements import full_statement

UBI, USCC = ("hk-ubi", "12345678"), ("uscc", "9144030071526726XG")


def nothing(scheme: str, value: str) -> Pair | None:
    return None


def test_a_statement_is_resolved_in_order_of_appearance_without_repeats() -> None:
    statement = full_statement()
    statement.facts.parties.append(statement.facts.parties[0])
    resolved = resolve_identifiers(statement, lambda *pair: USCC if pair == UBI else None, "CN")
    assert [(item.stated, item.local, item.resolution.name) for item in resolved] == [
        (("smdg-carrier", "OOL"), ("smdg-carrier", "OOL"), "EQUIVALENT"),
        (UBI, USCC, "MAPPED"),
        (("uscc", "91110000600037341L"), ("uscc", "91110000600037341L"), "EQUIVALENT"),
        (("un-locode", "HKHKG"), ("un-locode", "HKHKG"), "EQUIVALENT"),
        (("un-locode", "CNSHA"), ("un-locode", "CNSGH"), "EQUIVALENT"),
        (("imo", "9319466"), ("imo", "9319466"), "EQUIVALENT"),
        (("iso6346", "CSQU3054383"), ("iso6346", "CSQU3054383"), "EQUIVALENT"),
        (("equipment", "APNR7744962"), ("equipment", "APNR7744962"), "EQUIVALENT"),
        (("hs6", "851713"), ("hs6", "851713"), "EQUIVALENT"),
        (("hs8-hk", "85171300"), ("hs8-hk", "85171300"), "FOREIGN"),
        (("reference:booking", "RTM1234567"), ("reference:booking", "RTM1234567"), "EQUIVALENT"),
    ]
    assert [item.stated for item in resolved] == identifiers_of(statement)


@pytest.mark.parametrize(
    ("pair", "country"),
    [
        (UBI, "CN"),
        (USCC, "HK"),
        (("hs8-hk", "85171300"), "CN"),
        (("member", "oocl"), "HK"),
        (("hs-national", "8517130"), "CN"),
    ],
)
def test_what_no_rule_equates_is_kept_foreign_as_stated(pair: Pair, country: str) -> None:
    resolved = resolve_identifier(*pair, nothing, country)
    assert (resolved.local, resolved.resolution) == (pair, Resolution.FOREIGN)


@pytest.mark.parametrize(("pair", "country"), [(UBI, "HK"), (USCC, "CN"), (("hs10-cn", "8517130000"), "CN")])
def test_this_sides_own_scheme_is_local_whoever_states_it(pair: Pair, country: str) -> None:
    resolved = resolve_identifier(*pair, nothing, country)
    assert (resolved.local, resolved.resolution) == (pair, Resolution.EQUIVALENT)


def test_a_mapping_wins_over_a_rule() -> None:
    there = ("bic-facility", "CNSGHYSP1")
    resolved = resolve_identifier("un-locode", "CNYSN", lambda *pair: there if pair[1] == "CNYSN" else None, "CN")
    assert (resolved.local, resolved.resolution) == (there, Resolution.MAPPED)


def test_one_mapping_serves_every_alias_of_a_port() -> None:
    there = ("smdg-terminal", "CNSGH:SIPG")

    def mapped(scheme: str, value: str) -> Pair | None:
        return there if (scheme, value) == ("un-locode", "CNSGH") else None

    for alias in ("CNSHA", "CNSHG", "CNSGH"):
        assert resolve_identifier("un-locode", alias, mapped, "CN").local == there
    assert resolve_identifier("un-locode", "CNYSN", mapped, "CN").local == ("un-locode", "CNYSN")


def test_a_part_of_a_port_is_not_resolved_to_the_port() -> None:
    resolved = resolve_identifier("un-locode", "CNWGQ", nothing, "HK")
    assert (resolved.local, resolved.resolution) == (("un-locode", "CNWIG"), Resolution.EQUIVALENT)
    resolved = resolve_identifier("un-locode", "CNYSN", nothing, "HK")
    assert resolved.local == ("un-locode", "CNYSN")
