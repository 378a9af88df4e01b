import itertools

from hypothesis import given
from hypothesis import strategies as st

from relayer.plan import (
    MAX_BATCH_ENTRIES,
    Span,
    Standstill,
    Turn,
    Waiting,
    batches,
    due,
    eta_seconds,
    refresh_due,
    spans,
    split,
)

SECOND = 1_000_000_000


def test_every_height_is_owned_by_exactly_one_of_the_relayers() -> None:
    turns = [Turn(index, 3) for index in range(3)]
    for height in range(1, 200):
        assert sum(turn.owns(height) for turn in turns) == 1


def test_own_entries_are_due_after_the_grace_and_others_after_the_fallback() -> None:
    own = Waiting(position=0, height=2, sequence=1, since=0)
    other = Waiting(position=1, height=3, sequence=2, since=0)
    turn = Turn(0, 2)
    assert due([own, other], turn, 1 * SECOND - 1, SECOND, 2 * SECOND) == []
    assert due([own, other], turn, 1 * SECOND, SECOND, 2 * SECOND) == [own]
    assert due([own, other], turn, 2 * SECOND - 1, SECOND, 2 * SECOND) == [own]
    assert due([own, other], turn, 2 * SECOND, SECOND, 2 * SECOND) == [own, other]


@given(st.lists(st.integers(0, 2_000), max_size=600), st.integers(1, 300))
def test_spans_cover_exactly_the_positions_and_are_bounded(positions: list[int], most: int) -> None:
    found = spans(positions, most)
    assert [p for span in found for p in range(span.first, span.end)] == sorted(set(positions))
    assert all(1 <= span.count <= most for span in found)


@given(st.lists(st.integers(0, 4_000), max_size=900))
def test_batches_keep_order_and_size(positions: list[int]) -> None:
    found = spans(positions)
    packed = batches(found)
    assert [span for batch in packed for span in batch] == found
    assert all(0 < sum(span.count for span in batch) <= MAX_BATCH_ENTRIES for batch in packed)


@given(st.integers(0, 10_000), st.integers(1, 5_000), st.integers(1, 300))
def test_split_pieces_join_to_the_whole(first: int, count: int, most: int) -> None:
    pieces = split(Span(first, count), most)
    assert pieces[0].first == first
    assert pieces[-1].end == first + count
    assert all(left.end == right.first for left, right in itertools.pairwise(pieces))
    assert all(piece.count <= most for piece in pieces)


def test_a_client_is_refreshed_at_a_third_of_its_trusting_period() -> None:
    assert not refresh_due(latest_time=0, trusting_period=90 * SECOND, now=30 * SECOND - 1)
    assert refresh_due(latest_time=0, trusting_period=90 * SECOND, now=30 * SECOND)


def test_eta_is_the_rate_so_far_and_unknown_is_zero() -> None:
    assert eta_seconds(100, 50, 10 * SECOND) == 10
    assert eta_seconds(100, 0, 10 * SECOND) == 0
    assert eta_seconds(100, 100, 10 * SECOND) == 0


def test_the_others_share_is_left_to_them_while_any_of_it_goes() -> None:
    others = Standstill(patience=2 * SECOND)
    for step in range(20):
        assert not others.look(range(step * 10, 500 + step * 10), now=step * SECOND)


def test_the_others_share_is_taken_over_once_it_stands_and_given_back_when_it_moves() -> None:
    others = Standstill(patience=2 * SECOND)
    assert not others.look([1, 2, 3], now=0)
    assert not others.look([1, 2, 3], now=2 * SECOND - 1)
    assert others.look([1, 2, 3], now=2 * SECOND)
    assert others.look([1, 2, 3, 4], now=3 * SECOND), "still nobody else"
    assert not others.look([2, 3, 4], now=4 * SECOND), "somebody carried 1"


def test_what_was_taken_over_is_no_sign_of_the_others() -> None:
    others = Standstill(patience=SECOND)
    others.look([1, 2, 3], now=0)
    assert others.look([1, 2, 3], now=SECOND)
    others.take([1, 2])
    assert others.look([3, 4], now=2 * SECOND)
    assert not others.look([4], now=3 * SECOND), "3 went, and nobody here took it"


def test_nothing_due_starts_the_wait_anew() -> None:
    others = Standstill(patience=SECOND)
    others.look([1], now=0)
    others.look([], now=SECOND)
    assert not others.look([2], now=5 * SECOND)
    assert others.look([2], now=6 * SECOND)
