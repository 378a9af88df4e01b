"""Local record ids: one spelling, the block's year in UTC, limits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.cargo.record_ids import MAX_SERIAL, make_record_id, parse_record_id, require_prefix
from bridge.clock import NANOS_PER_SECOND, Nanos
from bridge.errors import DecodeError, LimitError, Reason

NEW_YEAR_2027 = 1_798_761_600 * NANOS_PER_SECOND


def test_an_id_has_prefix_year_and_padded_serial() -> None:
    assert make_record_id("HKCB", Nanos(NEW_YEAR_2027), 42) == "HKCB-2027-000000042"
    assert make_record_id("HKCB", Nanos(NEW_YEAR_2027 - 1), 42) == "HKCB-2026-000000042"
    assert make_record_id("SHCB", Nanos(NEW_YEAR_2027), 10**9) == "SHCB-2027-1000000000"


@given(st.integers(1, MAX_SERIAL), st.integers(0, 8_000))
def test_ids_read_back(serial: int, weeks: int) -> None:
    text = make_record_id("SHCB", Nanos(weeks * 7 * 86_400 * NANOS_PER_SECOND), serial)
    parsed = parse_record_id(text)
    assert (parsed.prefix, parsed.serial, str(parsed)) == ("SHCB", serial, text)


@pytest.mark.parametrize("serial", [0, -1, MAX_SERIAL + 1])
def test_serials_have_bounds(serial: int) -> None:
    with pytest.raises(LimitError) as refusal:
        make_record_id("HKCB", Nanos(0), serial)
    assert refusal.value.reason == Reason.LIMIT_EXCEEDED


@pytest.mark.parametrize(
    "text",
    [
        "",
        "HKCB-2026-42",
        "HKCB-2026-000000000",
        "HKCB-2026-0000000042",
        "HKCB-26-000000042",
        "hkcb-2026-000000042",
        "HKCB-2026-000000042 ",
        "HKCB-2026-000000042\n",
        "HKCB-2026-00000004\uff12",
        "H-2026-000000042",
        "HKCB-2026-1000000000000",
    ],
)
def test_other_spellings_are_refused(text: str) -> None:
    with pytest.raises(DecodeError) as refusal:
        parse_record_id(text)
    assert refusal.value.reason == Reason.INVALID_IDENTIFIER


def test_prefixes_are_short_capitals() -> None:
    assert require_prefix("HKCB") == "HKCB"
    for prefix in ("H", "hkcb", "HK-CB", "ABCDEFGHI", "1HK"):
        with pytest.raises(DecodeError) as refusal:
            require_prefix(prefix)
        assert refusal.value.reason == Reason.INVALID_IDENTIFIER
