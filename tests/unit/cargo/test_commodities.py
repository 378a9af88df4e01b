"""Commodity codes: whose tariff a code is from, what two codes share, and that no length becomes another."""

from __future__ import annotations

import pytest

from bridge.cargo import commodities
from bridge.cargo.commodities import is_equivalent, scheme_of, subheading
from bridge.errors import DecodeError, Reason


@pytest.mark.parametrize(
    ("code", "country", "scheme"),
    [
        ("851713", None, "hs6"),
        ("8517.13", "CN", "hs6"),
        ("85171300", "HK", "hs8-hk"),
        ("85171300", "CN", "hs8-cn"),
        ("8517130000", "CN", "hs10-cn"),
        ("8517130000101", "CN", "hs13-cn"),
        ("85171300", None, "hs-national"),
        ("85171300", "BR", "hs-national"),
        ("8517130000", "HK", "hs-national"),
    ],
)
def test_a_code_goes_into_the_scheme_of_its_length_and_country(code: str, country: str | None, scheme: str) -> None:
    assert scheme_of(code, country) == scheme


@pytest.mark.parametrize("code", ["8517", "85171", "", "8517AB", "008517", "1" * 17, "\uff18\uff1517130", "85-17-13"])
def test_what_is_no_code_is_refused(code: str) -> None:
    with pytest.raises(DecodeError) as refusal:
        scheme_of(code)
    assert refusal.value.reason == Reason.INVALID_IDENTIFIER


def test_codes_of_two_tariffs_are_equivalent_by_subheading_only() -> None:
    assert is_equivalent(("hs8-hk", "85171300"), ("hs10-cn", "8517130000"))
    assert is_equivalent(("hs6", "851713"), ("hs13-cn", "8517130000101"))
    assert not is_equivalent(("hs8-hk", "85171300"), ("hs10-cn", "8517140000"))


def test_codes_of_one_tariff_are_equivalent_when_equal() -> None:
    assert is_equivalent(("hs8-hk", "85171300"), ("hs8-hk", "85171300"))
    assert not is_equivalent(("hs8-hk", "85171300"), ("hs8-hk", "85171310"))


@pytest.mark.parametrize("pair", [("hs8-hk", "851713"), ("uscc", "9144030071526726XG"), ("nothing", "851713")])
def test_a_subheading_of_what_is_no_commodity_code_is_refused(pair: tuple[str, str]) -> None:
    with pytest.raises(DecodeError) as refusal:
        subheading(*pair)
    assert refusal.value.reason == Reason.INVALID_IDENTIFIER


def test_nothing_here_turns_one_national_length_into_another() -> None:
    public = {name for name in vars(commodities) if not name.startswith("_") and callable(getattr(commodities, name))}
    assert {name for name in public if getattr(commodities, name).__module__ == commodities.__name__} == {
        "scheme_of",
        "subheading",
        "is_equivalent",
    }
