"""Strict reading of documents: one reading or none, limits, and exact numbers."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.cargo.document import (
    MAX_DOCUMENT_BYTES,
    MAX_FILE_VALUES,
    MAX_NUMBER_CHARACTERS,
    canonical_number,
    encode_document,
    load_document,
    parse_json,
)
from bridge.cargo.leaves import MAX_DEPTH, MAX_LEAVES, MAX_POINTER_CHARACTERS
from bridge.errors import DecodeError, LimitError, Reason

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)
SCALARS = st.none() | st.booleans() | st.integers(-(10**20), 10**20) | TEXT
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4))


def refusal(data: bytes) -> DecodeError:
    with pytest.raises(DecodeError) as caught:
        load_document(data)
    return caught.value


def test_a_document_is_read_with_its_leaves_in_order() -> None:
    document = load_document(b'{"b":[1,{"a":"x"}],"a":null}')
    assert [leaf.pointer for leaf in document.leaves] == ["/b/0", "/b/1/a", "/a"]
    assert document.value["b"][0] == Decimal(1)


@pytest.mark.parametrize(
    ("data", "pointer", "detail"),
    [
        (b'{"a":1,"a":1}', "/a", "same name twice"),
        (b'{"x":[{"k":{"a":1,"b":2,"a":3}}]}', "/x/0/k/a", "same name twice"),
        (b'{"a/b":{"~":1,"~":2}}', "/a~1b/~0", "same name twice"),
        (b'{"a":NaN}', "/a", "not a JSON number"),
        (b'{"a":[-Infinity]}', "/a/0", "not a JSON number"),
        (b'{"a":1e999999}', "/a", "too large"),
        (b'{"a":1e400}', "/a", "too large"),
        (b'{"a":' + b"9" * 65 + b"}", "/a", "too large"),
        (rb'{"a":"\u0000"}', "/a", "control character"),
        (rb'{"a":"x\ry"}', "/a", "control character"),
        (rb'{"a":"\ud800"}', "/a", "lone surrogate"),
        (b'{"a":"\x7f"}', "/a", "control character"),
        ('{"a":"\x85"}'.encode(), "/a", "control character"),
        (rb'{"a":{"b\u0007":1}}', "/a", "control characters"),
        (b"[1]", "", "JSON object"),
        (b'"text"', "", "JSON object"),
        (b"\xef\xbb\xbf{}", "", "byte order mark"),
        (b'{"a":"\xff"}', "", "UTF-8"),
        (b'{"a":"\xed\xa0\x80"}', "", "UTF-8"),
        ('{"a":1}'.encode("utf-16"), "", "UTF-8"),
        (b'{"a":1', "", "not JSON"),
        (b"{'a':1}", "", "not JSON"),
        (b'{"a":1,}', "", "not JSON"),
        (b'{"a":01}', "", "not JSON"),
        (b'{"a":+1}', "", "not JSON"),
        (b'{"a":.5}', "", "not JSON"),
        (b'{"a":"raw\ttab"}', "", "not JSON"),
        (b"{} {}", "", "not JSON"),
        (b"", "", "not JSON"),
    ],
)
def test_bytes_with_two_readings_are_refused_with_their_pointer(data: bytes, pointer: str, detail: str) -> None:
    error = refusal(data)
    assert error.reason is Reason.DOCUMENT_INVALID
    assert error.facts["pointer"] == pointer
    assert detail in error.detail


def test_a_syntax_error_names_line_and_column() -> None:
    error = refusal(b'{\n  "a": CARRIER\n}')
    assert (error.facts["line"], error.facts["column"]) == (2, 8)


@pytest.mark.parametrize(
    ("data", "pointer"),
    [
        (b" " * MAX_DOCUMENT_BYTES + b"{}", ""),
        (b'{"a":' * (MAX_DEPTH + 1) + b"1" + b"}" * (MAX_DEPTH + 1), "/a" * MAX_DEPTH),
        (b'{"a":' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}", "/a" + "/0" * (MAX_DEPTH - 1)),
        (b"[" * 100_000, ""),
        (b'{"a":[' + b",".join([b"0"] * (MAX_LEAVES + 1)) + b"]}", f"/a/{MAX_LEAVES}"),
        (b'{"' + b"n" * MAX_POINTER_CHARACTERS + b'":1}', "/" + "n" * 63),
    ],
)
def test_limits_refuse_as_limits(data: bytes, pointer: str) -> None:
    error = refusal(data)
    assert isinstance(error, LimitError)
    assert error.reason is Reason.LIMIT_EXCEEDED
    assert error.facts["pointer"] == pointer


def test_what_is_just_within_the_limits_is_read() -> None:
    assert len(load_document(b'{"a":[' + b",".join([b"0"] * MAX_LEAVES) + b"]}").leaves) == MAX_LEAVES
    load_document(b'{"a":' * MAX_DEPTH + b"1" + b"}" * MAX_DEPTH)
    load_document(b" " * (MAX_DOCUMENT_BYTES - 2) + b"{}")
    load_document('{"a":"line\\nline\\ttab é 海"}'.encode())


def test_a_file_of_too_many_values_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(LimitError) as caught:
        parse_json(b"[" + b"0," * MAX_FILE_VALUES + b"0,0]", 10_000_000)
    assert caught.value.reason is Reason.LIMIT_EXCEEDED


@pytest.mark.parametrize(
    ("token", "text"),
    [
        ("0", "0"),
        ("-0", "0"),
        ("-0.0", "0"),
        ("1", "1"),
        ("1.0", "1"),
        ("1e0", "1"),
        ("1.50", "1.5"),
        ("1e2", "100"),
        ("1E+2", "100"),
        ("12.5e1", "125"),
        ("12.5e-1", "1.25"),
        ("1e-3", "0.001"),
        ("-1.20e-1", "-0.12"),
        ("0e5", "0"),
        ("12345678901234567890123", "12345678901234567890123"),
        ("0.1234567890123456789012345678901", "0.1234567890123456789012345678901"),
    ],
)
def test_a_number_has_one_text(token: str, text: str) -> None:
    assert canonical_number(token) == text
    assert load_document(f'{{"a":{token}}}'.encode()).leaves[0].value == text


@pytest.mark.parametrize("token", ["1e64", "1e-64", "1e1000", "0e1000", "1" * 65, "x", "", "1e", "٣"])
def test_what_cannot_be_written_out_has_no_text(token: str) -> None:
    assert canonical_number(token) is None


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**20), max_value=10**20))
def test_a_number_is_kept_exactly(number: Decimal) -> None:
    text = canonical_number(str(number)) if "E" not in str(number) else canonical_number(format(number, "f"))
    assert text is not None
    assert Decimal(text) == number
    assert canonical_number(text) == text
    assert len(text) <= MAX_NUMBER_CHARACTERS


@given(st.dictionaries(TEXT, VALUES, max_size=5))
def test_writing_what_was_read_changes_no_leaf(value: dict[str, object]) -> None:
    document = load_document(json.dumps(value).encode())
    again = load_document(encode_document(document.value))
    assert again.leaves == document.leaves
    assert json.loads(again.data) == value


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    refused = None
    try:
        load_document(data)
    except DecodeError as error:
        refused = error
    assert refused is None or "pointer" in refused.facts
