"""Places of the corridor: forms, aliases of Shanghai, parts that are not the whole."""

from __future__ import annotations

import pytest

from bridge.cargo.places import (
    ALIASES,
    HONG_KONG_CODES,
    PART_OF,
    UN_LOCODE,
    canonical_place,
    check_place_code,
    is_part_of,
    is_same_place,
)
from bridge.cargo.problems import Severity
from bridge.errors import Reason


@pytest.mark.parametrize(
    "code", ["CNSGH", "CNSHA", "CNSHG", "CNWIG", "CNWGQ", "CNYSN", "CNPDG", "HKHKG", "HK9CK", "NLRTM"]
)
def test_codes_of_the_corridor_pass(code: str) -> None:
    assert check_place_code(code) is None


@pytest.mark.parametrize("code", ["HKHK", "HKHKGG", "HKHK0", "HKHK1", "H1HKG", "hkhkg", "", "\uff28KHKG", "HKHKG\n"])
def test_a_bad_form_is_an_error(code: str) -> None:
    problem = check_place_code(code)
    assert problem is not None
    assert (problem.severity, problem.reason) == (Severity.ERROR, Reason.INVALID_IDENTIFIER)


@pytest.mark.parametrize("code", ["CNHKG", "HKZZZ", "XYABC", "QQAAA"])
def test_an_unknown_code_is_a_warning(code: str) -> None:
    problem = check_place_code(code)
    assert problem is not None
    assert (problem.severity, problem.reason) == (Severity.WARNING, Reason.INVALID_IDENTIFIER)


def test_shanghai_has_one_canonical_code() -> None:
    assert {canonical_place(code) for code in ("CNSGH", "CNSHA", "CNSHG")} == {"CNSGH"}
    assert {canonical_place(code) for code in ("CNWIG", "CNWGQ")} == {"CNWIG"}
    assert is_same_place("CNSHA", "CNSHG")


@pytest.mark.parametrize("terminal", ["CNYSN", "CNWIG", "CNWGQ", "CNPDG"])
def test_a_part_of_shanghai_is_not_shanghai(terminal: str) -> None:
    assert is_part_of(terminal, "CNSHA")
    assert not is_same_place(terminal, "CNSGH")
    assert not is_part_of("CNSGH", terminal)


def test_parts_are_followed_upwards_and_never_sideways() -> None:
    assert is_part_of("CNPVG", "CNSGH")
    assert not is_part_of("CNPVG", "CNYSN")
    assert not is_part_of("CNSHA", "CNSGH")
    assert not is_part_of("CNSZX", "CNSGH")


def test_hong_kong_areas_are_parts_of_its_port_and_cnhkg_is_nothing() -> None:
    assert is_part_of("HK9CK", "HKHKG")
    assert not is_part_of("HKHKG", "HKHKG")
    assert not is_same_place("CNHKG", "HKHKG")
    assert not is_part_of("CNHKG", "HKHKG")


def test_the_tables_hold_well_formed_codes_without_cycles() -> None:
    for code in (*ALIASES, *ALIASES.values(), *PART_OF, *PART_OF.values(), *HONG_KONG_CODES):
        assert UN_LOCODE.fullmatch(code)
    assert not set(ALIASES) & set(ALIASES.values())
    assert not set(PART_OF) & set(ALIASES)
    assert len(HONG_KONG_CODES) == 70
