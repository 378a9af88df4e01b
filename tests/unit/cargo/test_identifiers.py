"""Identifier schemes: known answers, the traps of the check-digit library, one spelling each, and hostile text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.cargo.identifiers import check_identifier, equipment_identifier, normalise, require_identifier
from bridge.cargo.problems import Severity
from bridge.cargo.schemes import ISSUER_SCHEMES, MAX_IDENTIFIER_CHARACTERS, SCHEMES
from bridge.errors import DecodeError, Reason

GOOD = {
    "hk-ubi": ["12345678", "00000001"],
    "hk-brn": ["12345678-000", "12345678-012"],
    "hk-dummy-brn": ["C0012345", "F0001234"],
    "hk-cr": ["0012345", "F0001234"],
    # Published by the firms themselves; the last is a rural collective, whose code the library's own check refuses.
    "uscc": [
        "9144030071526726XG",
        "91330100799655058B",
        "914403001922038216",
        "91110000600037341L",
        "N2110105MF1234567G",
    ],
    "cn-customs-enterprise": ["3122210123", "310123000A"],
    "lei": ["213800KUD8LAJWSQ9D15", "MLU0ZO3ML4LN2LL2TL39", "54930053HGCFWVHYZX42"],
    "duns": ["150483782"],
    "did": ["did:web:oocl.example.com", "did:key:z6Mk%20f"],
    "member": ["a", "oocl-hk", "a" * 63],
    "smdg-carrier": ["OOL", "MSC"],
    "scac": ["OOLU", "HL"],
    "party-code:bole": ["4bd196da-0d8b-436d-bad4-4cc88f04a035"],
    # The last one has a remainder of 10, which ISO 6346 writes as 0.
    "iso6346": ["CSQU3054383", "TASU1170000", "APZU4812090", "OOLU0010080"],
    "imo": ["9319466", "8814275", "9074729"],
    "mmsi": ["477123456"],
    "un-locode": ["HKHKG", "CNSGH", "HK9CK", "NLRTM", "XZAAA"],
    "smdg-terminal": ["HKHKG:HIT", "CNSGH:YSP01"],
    "bic-facility": ["USORFNIT1"],
    "hs6": ["293499"],
    "hs8-hk": ["85171300"],
    "hs8-cn": ["85171300"],
    "hs10-cn": ["8517130000"],
    "hs13-cn": ["8517130000101"],
    "hs-national": ["851713000", "8517130000101234"],
    "customs-declaration-cn": ["223320261000012345", "22332026I00001234A"],
    "reference:booking": ["RTM1234567", "提單 2026-07", "a b"],
    "iso3166": ["HK", "CN"],
    "iso4217": ["CNY", "HKD"],
    "incoterms-2020": ["FOB", "DPU"],
    "un-number": ["3082"],
}

REFUSED = [
    ("hk-ubi", "1234567", Reason.INVALID_IDENTIFIER),
    ("hk-ubi", "123456789", Reason.INVALID_IDENTIFIER),
    ("hk-brn", "12345678", Reason.INVALID_IDENTIFIER),
    ("hk-brn", "12345678-000-01-11-1", Reason.INVALID_IDENTIFIER),
    ("hk-dummy-brn", "00123456", Reason.INVALID_IDENTIFIER),
    ("hk-cr", "12345", Reason.INVALID_IDENTIFIER),
    ("uscc", "9144030071526726XH", Reason.CHECK_DIGIT_WRONG),
    ("uscc", "9144030071526726GX", Reason.CHECK_DIGIT_WRONG),
    ("uscc", "91440300I1526726XG", Reason.INVALID_IDENTIFIER),
    ("uscc", "9144030071526726X", Reason.INVALID_IDENTIFIER),
    ("lei", "529900T8BM49ADCSAO55", Reason.CHECK_DIGIT_WRONG),
    ("lei", "111100T8BM49ADCSAO64", Reason.CHECK_DIGIT_WRONG),
    ("lei", "213800KUD8LAJWSQ9D1", Reason.INVALID_IDENTIFIER),
    ("did", "did:WEB:x", Reason.INVALID_IDENTIFIER),
    ("member", "OOCL", Reason.INVALID_IDENTIFIER),
    ("member", "-oocl", Reason.INVALID_IDENTIFIER),
    ("member", "a" * 64, Reason.INVALID_IDENTIFIER),
    ("iso6346", "APNR7744962", Reason.INVALID_IDENTIFIER),
    ("iso6346", "CSQU305438", Reason.INVALID_IDENTIFIER),
    ("iso6346", "CSQ_3054383", Reason.INVALID_IDENTIFIER),
    ("iso6346", "\u00dcSQU3054383"[:11], Reason.INVALID_IDENTIFIER),
    ("equipment", "CSQU3054383", Reason.INVALID_IDENTIFIER),
    ("imo", "IMO9319466", Reason.INVALID_IDENTIFIER),
    ("imo", "931946", Reason.INVALID_IDENTIFIER),
    ("un-locode", "HKHK1", Reason.INVALID_IDENTIFIER),
    ("un-locode", "hkhkg", Reason.INVALID_IDENTIFIER),
    ("hs6", "003499", Reason.INVALID_IDENTIFIER),
    ("hs8-hk", "293499", Reason.INVALID_IDENTIFIER),
    ("hs10-cn", "29349900", Reason.INVALID_IDENTIFIER),
    ("customs-declaration-cn", "223320262000012345", Reason.INVALID_IDENTIFIER),
    ("iso4217", "CNH", Reason.INVALID_IDENTIFIER),
    ("iso4217", "RMB", Reason.INVALID_IDENTIFIER),
    ("incoterms-2020", "DAT", Reason.INVALID_IDENTIFIER),
    ("smdg-terminal", "HIT", Reason.INVALID_IDENTIFIER),
    ("hk-ubi ", "12345678", Reason.SCHEME_UNKNOWN),
    ("HK-UBI", "12345678", Reason.SCHEME_UNKNOWN),
    ("reference:anything", "x", Reason.SCHEME_UNKNOWN),
    ("", "", Reason.SCHEME_UNKNOWN),
]

WARNED = [
    ("iso6346", "HLXU1234567", Reason.CHECK_DIGIT_WRONG),
    ("iso6346", "MSCU9988776", Reason.CHECK_DIGIT_WRONG),
    ("imo", "7654321", Reason.CHECK_DIGIT_WRONG),
    ("equipment", "APNR7744962", Reason.INVALID_IDENTIFIER),
    ("un-locode", "CNHKG", Reason.INVALID_IDENTIFIER),
    ("un-locode", "HKXXX", Reason.INVALID_IDENTIFIER),
    ("un-locode", "XYABC", Reason.INVALID_IDENTIFIER),
    ("iso3166", "ZZ", Reason.INVALID_IDENTIFIER),
    ("uscc", "91990000MA1FL70B6G", Reason.INVALID_IDENTIFIER),
]

HOSTILE = {
    "decomposed": "Cafe\u0301 1",
    "right-to-left override": "RTM\u202e7654321",
    "zero-width space": "RTM\u200b1234567",
    "zero-width joiner": "RTM\u200d1",
    "byte order mark": "\ufeffRTM1",
    "NUL": "RTM\x00",
    "line feed": "RTM\n1",
    "full-width digits": "RTM\uff11\uff12\uff13",
    "no-break space": "RTM\u00a01",
    "ideographic space": "RTM\u30001",
    "leading space": " RTM1",
    "double space": "RTM  1",
    "one over the limit": "R" * (MAX_IDENTIFIER_CHARACTERS + 1),
    "empty": "",
    "only a space": " ",
    "lone surrogate": "RTM\ud800",
    "private use": "RTM\ue000",
}


@pytest.mark.parametrize(("scheme", "value"), [(s, v) for s, values in GOOD.items() for v in values])
def test_good_values_pass_and_are_their_own_compact_form(scheme: str, value: str) -> None:
    assert check_identifier(scheme, value) is None
    assert normalise(scheme, value) == value
    assert require_identifier(scheme, value) == value


@pytest.mark.parametrize(("scheme", "value", "reason"), REFUSED)
def test_wrong_values_are_refused_for_their_reason(scheme: str, value: str, reason: Reason) -> None:
    problem = check_identifier(scheme, value)
    assert problem is not None
    assert (problem.severity, problem.reason) == (Severity.ERROR, reason)
    with pytest.raises(DecodeError) as refusal:
        require_identifier(scheme, value)
    assert refusal.value.reason == reason


@pytest.mark.parametrize(("scheme", "value", "reason"), WARNED)
def test_doubtful_values_warn_and_pass(scheme: str, value: str, reason: Reason) -> None:
    problem = check_identifier(scheme, value)
    assert problem is not None
    assert (problem.severity, problem.reason) == (Severity.WARNING, reason)
    assert require_identifier(scheme, value) == value


@pytest.mark.parametrize("value", HOSTILE.values(), ids=HOSTILE.keys())
def test_free_text_has_no_look_alike_twin(value: str) -> None:
    problem = check_identifier("reference:booking", value)
    assert problem is not None
    assert (problem.severity, problem.reason) == (Severity.ERROR, Reason.INVALID_IDENTIFIER)


def test_the_longest_reference_passes() -> None:
    assert check_identifier("reference:booking", "R" * MAX_IDENTIFIER_CHARACTERS) is None


@pytest.mark.parametrize(
    ("scheme", "written", "compact"),
    [
        ("uscc", " 9144 0300 7152 6726 xg ", "9144030071526726XG"),
        ("uscc", "\uff19144030071526726XG", "9144030071526726XG"),
        ("iso6346", "csqu 305438-3", "CSQU3054383"),
        ("imo", "IMO 9319466", "9319466"),
        ("imo", "imo9319466", "9319466"),
        ("un-locode", "hk hkg", "HKHKG"),
        ("hk-brn", "12345678-000-01-26-A", "12345678-000"),
        ("hk-ubi", "1234-5678", "12345678"),
        ("lei", "2138-00KU-D8LA-JWSQ-9D15", "213800KUD8LAJWSQ9D15"),
        ("hs10-cn", "8517.1300.00", "8517130000"),
        ("reference:booking", "  \uff32TM  1 ", "RTM 1"),
        ("member", "oocl", "oocl"),
    ],
)
def test_peoples_spellings_have_one_compact_form(scheme: str, written: str, compact: str) -> None:
    assert normalise(scheme, written) == compact
    assert check_identifier(scheme, compact) is None
    if written != compact:
        problem = check_identifier(scheme, written)
        assert problem is not None
        assert problem.severity is Severity.ERROR


@pytest.mark.parametrize("letter", ["\u0131", "\u017f", "\u212a"])
def test_letters_that_upper_case_into_ascii_stay_what_they_are(letter: str) -> None:
    """Dotless i, long s and the kelvin sign would become I, S and K."""
    assert normalise("iso6346", f"{letter}SQU3054383") == f"{letter}SQU3054383"
    problem = check_identifier("iso6346", f"{letter}SQU3054383")
    assert problem is not None
    assert problem.reason == Reason.INVALID_IDENTIFIER


@pytest.mark.parametrize(
    ("painted", "scheme", "value"),
    [
        ("csqu 305438 3", "iso6346", "CSQU3054383"),
        ("HLXU1234567", "iso6346", "HLXU1234567"),
        ("APNR7744962", "equipment", "APNR7744962"),
        ("chassis-17/b", "equipment", "CHASSIS-17/B"),
    ],
)
def test_equipment_numbers_go_into_the_scheme_of_their_form(painted: str, scheme: str, value: str) -> None:
    assert equipment_identifier(painted) == (scheme, value)


def test_normalising_in_an_unknown_scheme_is_refused() -> None:
    for scheme in ("nothing", "reference:", "party-code:nobody"):
        with pytest.raises(DecodeError) as refusal:
            normalise(scheme, "1")
        assert refusal.value.reason == Reason.SCHEME_UNKNOWN


def test_checking_never_raises_on_what_is_no_text() -> None:
    for value in (None, 7, b"12345678", ["1"], 1.5):
        problem = check_identifier("hk-ubi", value)  # type: ignore[arg-type]
        assert problem is not None
        assert problem.reason == Reason.INVALID_IDENTIFIER


@given(st.sampled_from(sorted(SCHEMES)), st.text(max_size=30))
def test_checking_never_raises_and_agrees_with_normalising(scheme: str, value: str) -> None:
    problem = check_identifier(scheme, value)
    if problem is None or problem.severity is Severity.WARNING:
        assert normalise(scheme, value) == value
    assert normalise(scheme, normalise(scheme, value)) == normalise(scheme, value)


@given(
    st.sampled_from(GOOD["uscc"] + GOOD["lei"]), st.integers(0, 17), st.sampled_from("0123456789ABCDEFGHJKLMNPQRTUWXY")
)
def test_one_altered_character_of_a_checked_number_is_refused(value: str, at: int, char: str) -> None:
    """Digit for digit and letter for letter; ISO 7064 promises no more, since a letter counts as two digits."""
    if char == value[at] or char.isdigit() != value[at].isdigit():
        return
    problem = check_identifier("lei" if len(value) == 20 else "uscc", value[:at] + char + value[at + 1 :])
    assert problem is not None
    assert problem.severity is Severity.ERROR


def test_every_scheme_has_a_good_value_and_issuers_are_parties() -> None:
    families = {name.split(":")[0] for name in SCHEMES}
    assert families - {name.split(":")[0] for name in GOOD} == {"equipment"}
    assert all(SCHEMES[name].kind == "party" for name in ISSUER_SCHEMES)
