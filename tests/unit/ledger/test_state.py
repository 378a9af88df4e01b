"""Overlays: writes that can be dropped, over a state that is only read."""

from __future__ import annotations

import pytest

from bridge.ledger.rows import ROW_TYPES, ConsensusRow, CounterRow, KeyRow, MappingRow, Row
from bridge.ledger.state import MemoryState, Overlay


def height(number: int, client: str = "hk-0", time: int = 0) -> ConsensusRow:
    return ConsensusRow(client, number, time, b"", b"", b"", b"")


def stored(*rows: Row) -> MemoryState:
    state = MemoryState()
    overlay = Overlay(state)
    for row in rows:
        overlay.put(row)
    state.write(overlay)
    return state


def test_every_row_has_the_key_its_first_fields_say() -> None:
    assert height(7).key == ("hk-0", 7)
    assert CounterRow("records", 3).key == ("records",)
    assert KeyRow("", "bank", "k1", "s", b"", False).key == ("", "bank", "k1")
    assert len({row_type.table for row_type in ROW_TYPES}) == len(ROW_TYPES) == 12


def test_reading_sees_the_nearest_layer() -> None:
    state = stored(CounterRow("a", 1), CounterRow("b", 1))
    lower = Overlay(state)
    upper = Overlay(lower)
    lower.put(CounterRow("a", 2))
    upper.put(CounterRow("a", 3))
    assert [layer.get(CounterRow, ("a",)).value for layer in (upper, lower, state)] == [3, 2, 1]  # type: ignore[attr-defined, union-attr]
    assert upper.get(CounterRow, ("b",)) == CounterRow("b", 1)
    assert upper.get(CounterRow, ("c",)) is None


def test_discarding_forgets_and_applying_moves_down() -> None:
    state = stored(CounterRow("a", 1))
    lower = Overlay(state)
    upper = Overlay(lower)
    upper.put(CounterRow("a", 2))
    upper.discard()
    assert upper.get(CounterRow, ("a",)) == CounterRow("a", 1)
    upper.put(CounterRow("a", 3))
    upper.apply()
    assert list(upper.rows()) == []
    assert lower.get(CounterRow, ("a",)) == CounterRow("a", 3)
    assert state.get(CounterRow, ("a",)) == CounterRow("a", 1)
    upper.put(CounterRow("b", 1))
    assert lower.get(CounterRow, ("b",)) is None


def test_the_lowest_overlay_cannot_be_applied() -> None:
    with pytest.raises(TypeError):
        Overlay(MemoryState()).apply()


@pytest.mark.parametrize(
    ("at", "floor", "ceiling"), [(0, None, 2), (2, 2, 2), (3, 2, 4), (5, 4, 6), (6, 6, 6), (9, 8, None)]
)
def test_neighbours_are_found_over_both_layers(at: int, floor: int | None, ceiling: int | None) -> None:
    overlay = Overlay(stored(height(2), height(6), height(5, "other"), height(1, "other")))
    overlay.put(height(4))
    overlay.put(height(8))
    overlay.put(height(7, "other"))
    below, above = overlay.floor(ConsensusRow, ("hk-0", at)), overlay.ceiling(ConsensusRow, ("hk-0", at))
    assert (below.height if below else None, above.height if above else None) == (floor, ceiling)


def test_a_row_written_above_hides_the_one_below_from_neighbours() -> None:
    overlay = Overlay(stored(height(2, time=1)))
    overlay.put(height(2, time=9))
    found = overlay.floor(ConsensusRow, ("hk-0", 5))
    assert found is not None
    assert found.time == 9


def test_a_scan_has_every_row_of_a_prefix_once_in_order() -> None:
    def half(side: str, scheme: str, value: str, revision: int = 1) -> MappingRow:
        return MappingRow(side, scheme, value, "", "", revision, 1, "", b"", b"")

    overlay = Overlay(stored(half("home", "uscc", "B"), half("home", "lei", "Z"), half("counterparty", "lei", "A")))
    overlay.put(half("home", "uscc", "A"))
    overlay.put(half("home", "uscc", "B", 2))
    rows = overlay.scan(MappingRow, ("home",))
    assert [(row.scheme, row.value, row.revision) for row in rows] == [
        ("lei", "Z", 1),
        ("uscc", "A", 1),
        ("uscc", "B", 2),
    ]
    assert len(overlay.scan(MappingRow, ())) == 4
    assert len(overlay.scan(MappingRow, ("home", "uscc"))) == 2
