"""Names by script: detection, what each script may hold, comparison, and hostile text."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.cargo.names import MAX_NAME_CHARACTERS, check_name, detect_script, fold, require_name
from bridge.cargo.problems import Severity
from bridge.errors import DecodeError, Reason


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("東方海外貨櫃航運有限公司", "Hant"),
        ("东方海外货柜航运有限公司", "Hans"),
        ("上海中远海运集装箱运输有限公司", "Hans"),
        ("中國銀行（香港）有限公司", "Hant"),
        ("Orient Overseas Container Line Limited", "Latn"),
        ("Hamburg Südamerikanische", "Latn"),
        ("OOCL 物流", None),
        ("香港太平洋", None),
        ("МSC", None),
        ("12345", None),
        ("", None),
    ],
)
def test_the_script_is_told_by_characters_that_only_one_of_them_has(text: str, script: str | None) -> None:
    assert detect_script(text) == script


@pytest.mark.parametrize(
    ("script", "text"),
    [
        ("Hant", "東方海外貨櫃航運有限公司"),
        ("Hans", "东方海外货柜航运有限公司"),
        ("Hant", "香港太平洋"),
        ("Hans", "香港太平洋"),
        ("Hans", "Ａ座物流（上海）有限公司"),
        ("Hant", "OOCL"),
        ("Latn", "Orient Overseas (International) Ltd."),
        ("Latn", "Compañía Sud Americana de Vapores"),
        ("Latn", "x" * MAX_NAME_CHARACTERS),
    ],
)
def test_names_in_their_script_pass(script: str, text: str) -> None:
    assert check_name(script, text) is None
    assert require_name(script, text) == text


@pytest.mark.parametrize(
    ("script", "text"), [("Hant", "东方海外货柜航运有限公司"), ("Hans", "東方海外貨櫃航運有限公司")]
)
def test_the_other_chinese_script_is_a_warning(script: str, text: str) -> None:
    problem = check_name(script, text)
    assert problem is not None
    assert problem.severity is Severity.WARNING
    assert require_name(script, text) == text


@pytest.mark.parametrize(
    ("script", "text"),
    [
        ("Latn", "東方海外"),
        ("Latn", "\u041cSC"),
        ("Hant", "\u041c公司"),
        ("Hans", "東方\u30ab"),
        ("Hani", "東方"),
        ("", "OOCL"),
        ("latn", "OOCL"),
        ("Latn", ""),
        ("Latn", " OOCL"),
        ("Latn", "OOCL\u3000"),
        ("Latn", "x" * (MAX_NAME_CHARACTERS + 1)),
        ("Latn", unicodedata.normalize("NFD", "Compañía")),
        ("Latn", "OO\u202eLC"),
        ("Latn", "OO\u200bCL"),
        ("Latn", "OO\x00CL"),
        ("Hant", "東\u2066方\u2069"),
        ("Hant", "東方\ud800"),
    ],
)
def test_names_that_could_deceive_are_refused(script: str, text: str) -> None:
    problem = check_name(script, text)
    assert problem is not None
    assert (problem.severity, problem.reason) == (Severity.ERROR, Reason.INVALID_FIELD)
    with pytest.raises(DecodeError) as refusal:
        require_name(script, text)
    assert refusal.value.reason == Reason.INVALID_FIELD


def test_folding_joins_width_case_spaces_and_normal_form() -> None:
    assert fold("ＯＯＣＬ　（ＨＫ）") == fold("oocl (hk)")
    assert fold(unicodedata.normalize("NFD", "Compañía")) == fold("COMPAÑÍA")
    assert fold(" A  B ") == "a b"


def test_folding_keeps_scripts_and_letters_apart() -> None:
    assert fold("東方海外") != fold("东方海外")
    assert fold("МSC") != fold("MSC")


@given(st.text(max_size=40))
def test_folding_is_stable_and_detection_never_raises(text: str) -> None:
    assert detect_script(text) in ("Hant", "Hans", "Latn", None)
    check_name("Latn", text)
    assert fold(fold(text)) == fold(text)
