"""Windows cut into roll-ups cover their time exactly, with few pieces."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.evaluate.rollup import finest, pieces
from monitor.registry.specs import DAY_MS, HOUR_MS, MINUTE_MS, units

PANES = st.integers(1, 60).map(lambda minutes: minutes * MINUTE_MS)


@given(PANES, st.integers(-3000, 3000), st.integers(1, 3000))
def test_pieces_cover_a_window_and_nothing_twice(pane: int, first: int, panes: int) -> None:
    lengths = units(pane)
    at = first * pane
    for n, start in pieces(first * pane, (first + panes) * pane, lengths):
        assert start == at
        assert start % lengths[n] == 0
        at += lengths[n]
    assert at == (first + panes) * pane


@given(PANES, st.integers(1, 200), st.integers(0, 500), st.integers(1, 12))
def test_no_piece_is_shorter_than_the_windows_begin_and_end_at(
    pane: int, hop: int, nth: int, times: int
) -> None:
    """Shorter ones may go: with ends every hour, nobody asks for minutes."""
    lengths, hop = units(pane), hop * pane
    cut = list(pieces(nth * hop, (nth + times) * hop, lengths))
    assert min(n for n, _ in cut) >= finest(hop, lengths)


@given(PANES)
def test_units_are_whole_multiples_of_each_other(pane: int) -> None:
    lengths = units(pane)
    assert lengths[0] == pane
    assert lengths[-1] >= DAY_MS / 2
    assert all(b > a and b % a == 0 for a, b in pairwise(lengths))


@pytest.mark.parametrize(
    ("size", "hop", "most"),
    [(30 * DAY_MS, HOUR_MS, 76), (30 * DAY_MS, 5 * MINUTE_MS, 98), (HOUR_MS, 5 * MINUTE_MS, 12)],
)
def test_a_window_costs_a_bounded_number_of_sums(size: int, hop: int, most: int) -> None:
    for n in range(0, 3 * DAY_MS, hop):
        assert len(list(pieces(n, n + size, units(hop)))) <= most
