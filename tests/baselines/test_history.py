"""A history divided: the reference first, then whole windows, each row in one place at most.

::

    size 4     |0 1 2 3|4 5 6 7|8 9 …
    reference  ................)
    own                        [own)[own)  … the last window may be unfinished, and is left out
"""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.baselines.baseline import Baseline
from monitor.baselines.build import build_baseline
from monitor.baselines.history import ENOUGH, LEAST, MOST, REFERENCE_SHARE, divide
from monitor.errors import BaselineError
from monitor.stats.coarse import coarse
from monitor.stats.column import count

HOUR = 3_600_000
DAY = 24 * HOUR

TIMES = st.lists(
    st.one_of(st.integers(-200, 800), st.none(), st.just(float("nan"))), min_size=1, max_size=400
)
SIZES = st.lists(st.integers(1, 12), min_size=1, max_size=3)


@given(TIMES, SIZES)
def test_each_length_has_exactly_the_rows_after_the_reference_in_whole_windows(
    times: list[float | None], sizes: list[int]
) -> None:
    history = divide(times, sizes)
    timed = [t for t in times if t is not None and t == t]
    assert history.untimed == len(times) - len(timed)
    if not history.placed:
        assert history.reference.all()
        return
    in_reference = history.reference.tolist()
    parts = [t for t, inside in zip(times, in_reference, strict=True) if not inside]
    later = [t for t in parts if t is not None]
    assert len(later) == len(parts), "a row without a time is the reference's"
    from_ms = min(placed.starts[0] for placed in history.placed)
    assert all(t is None or t != t or t < min(later)
               for t, inside in zip(times, in_reference, strict=True) if inside)  # fmt: skip
    for placed in history.placed:
        size, starts = placed.size_ms, placed.starts.tolist()
        assert LEAST <= len(starts) <= MOST
        assert all(start % size == 0 for start in starts)
        assert starts == sorted(set(starts))
        # The plain way: whoever is in the window, and not in the last one of all.
        unfinished = max(timed) // size * size
        expected = Counter(t // size * size for t in later)
        begins = starts[0]
        assert begins >= from_ms
        wanted = {s: n for s, n in expected.items() if begins <= s < unfinished}
        found = Counter(starts[i] for i in placed.of_row.tolist() if i >= 0)
        assert found == wanted
        assert set(starts) == set(wanted)
        for row, at in enumerate(placed.of_row.tolist()):
            assert at == -1 or not in_reference[row]


@given(st.integers(2, 700), st.integers(1, 9))
def test_of_w_windows_two_fifths_are_the_reference(windows: int, size: int) -> None:
    history = divide(range(windows * size + 1), [size])
    assert history.found == {size: windows}
    if windows < 2 * LEAST:
        assert not history.placed
        assert history.reference.all()
        return
    (placed,) = history.placed
    own = len(placed.starts)
    reference = int(history.reference.sum()) // size
    assert reference + own == windows
    assert reference >= max(LEAST, REFERENCE_SHARE * windows)
    assert reference == LEAST or reference - 1 < REFERENCE_SHARE * windows
    if windows >= 250:
        assert own >= ENOUGH


def test_a_long_history_gives_the_rest_to_the_reference() -> None:
    (placed,) = (history := divide(range(20_001), [2])).placed
    assert len(placed.starts) == MOST
    assert history.reference.sum() == 20_000 - 2 * MOST


def test_the_longest_length_with_windows_enough_decides_and_the_others_take_the_same_time() -> None:
    # 60 days by the hour: two windows of 30 days are none at all.
    history = divide(range(0, 60 * DAY + 1, HOUR // 4), [HOUR, 30 * DAY, DAY])
    assert history.found == {HOUR: 1440, DAY: 60, 30 * DAY: 2}
    hours, days = history.placed
    assert (hours.size_ms, days.size_ms) == (HOUR, DAY)
    assert days.starts[0] == hours.starts[0] == 24 * DAY
    assert len(days.starts) == 36
    assert len(hours.starts) == 36 * 24
    assert history.reference.sum() == 24 * 96


def test_of_very_many_windows_the_latest_are_kept() -> None:
    history = divide(range(0, 300 * DAY + 1, HOUR), [HOUR, DAY])
    hours, days = history.placed
    assert len(days.starts) == 180
    assert len(hours.starts) == MOST
    assert hours.starts[-1] == 300 * DAY - HOUR
    assert (np.diff(hours.starts) == HOUR).all()
    assert history.reference.sum() == 120 * 24


def test_a_row_without_a_time_is_the_references_whatever_the_time() -> None:
    """Also where the own windows begin before 1970, or hold its first moment."""
    times = [None, *range(-100 * DAY, 100 * DAY + 1, HOUR), float("nan")]
    history = divide(times, [DAY])
    (placed,) = history.placed
    assert placed.starts[0] < 0 < placed.starts[-1]
    assert history.untimed == 2
    for row in (0, -1):
        assert history.reference[row]
        assert placed.of_row[row] == -1
    assert np.bincount(placed.of_row[placed.of_row >= 0]).tolist() == [24] * 120


def test_gaps_are_no_windows() -> None:
    days = [*range(60), *range(300, 400)]
    history = divide([d * DAY + h * HOUR for d in days for h in (1, 20)] + [400 * DAY], [DAY])
    assert history.found == {DAY: 160}
    (placed,) = history.placed
    assert placed.starts.tolist() == [d * DAY for d in days[64:]]
    assert np.bincount(placed.of_row[placed.of_row >= 0]).tolist() == [2] * 96


def test_windows_that_touch_a_period_that_is_left_out_are_none() -> None:
    """Twelve hours of day 70, and from the evening of day 80 to the first hour of day 82."""
    without = [(70 * DAY + 6 * HOUR, 70 * DAY + 18 * HOUR), (80 * DAY + 20 * HOUR, 82 * DAY + 9)]
    times = [t for t in range(0, 101 * DAY, HOUR) if not any(a <= t < b for a, b in without)]
    history = divide(times, [DAY, HOUR], without)
    hours, days = history.placed
    gone = {70, 80, 81, 82}
    left = [day for day in range(100) if day not in gone]
    assert history.found[DAY] == 96
    assert days.starts.tolist() == [day * DAY for day in left[39:]]
    assert hours.starts.tolist() == [
        t for t in times if 39 * DAY <= t < 101 * DAY - HOUR and t != 82 * DAY
    ]
    assert np.bincount(days.of_row[days.of_row >= 0]).tolist() == [24] * 57
    assert history.reference.sum() == 39 * 24


@pytest.mark.parametrize("times", [[], [None], [7], [float("nan")] * 3, [5] * 1000])
def test_one_window_or_none_is_all_reference(times: list[float | None]) -> None:
    history = divide(times, [HOUR, DAY])
    assert history.placed == ()
    assert history.reference.tolist() == [True] * len(times)


def test_the_order_of_the_rows_does_not_matter() -> None:
    times = np.arange(0, 100 * DAY + 1, 7 * HOUR)
    values = np.sin(times / DAY)
    shuffled = np.random.default_rng(4).permutation(times.size)
    assert built(times, values) == built(times[shuffled], values[shuffled])


def colors(times: np.ndarray) -> list[object]:
    return [("red", "green", None, True, [])[t % 5] for t in times.tolist()]


def built(times: np.ndarray, values: np.ndarray, *sizes: int) -> Baseline:
    columns = {"x": values, "color": colors(times)}
    history = divide(times, sizes or (DAY,))
    return build_baseline("b", "m", columns, score=values / 2, prediction_ms=times, history=history)


def test_counts_are_those_of_each_windows_rows_alone() -> None:
    rng = np.random.default_rng(3)
    times = np.sort(rng.integers(0, 90 * DAY, 4000))
    values = np.where(rng.random(4000) < 0.05, np.nan, rng.normal(times / DAY, 5))
    baseline = built(times, values, HOUR * 12, DAY)
    assert [own.size_ms for own in baseline.own] == [12 * HOUR, DAY]
    assert baseline.end_ms is not None
    for own in baseline.own:
        assert own.starts[0] > baseline.end_ms
        for n, start in enumerate(own.starts.tolist()):
            inside = (times >= start) & (times < start + own.size_ms)
            for subject, rows in (
                ("feature/x", values[inside]),
                ("feature/color", colors(times[inside])),
                ("score", values[inside] / 2),
            ):
                grid = baseline.grid(subject)
                plain = coarse(count(grid, rows), grid)
                assert own.counts[subject][n].tolist() == plain.tolist()
    assert Baseline.from_json(baseline.to_json()) == baseline


def test_the_reference_and_its_bins_are_of_the_earlier_rows_alone() -> None:
    times, values = np.arange(101) * DAY, np.arange(101.0)
    baseline = built(times, values)
    assert (baseline.rows, baseline.start_ms, baseline.end_ms) == (40, 0, 39 * DAY)
    assert baseline.counts("feature/x").sum() == 40
    first = build_baseline("b", "m", {"x": values[:40]})
    assert baseline.grid("feature/x") == first.grid("feature/x")


def test_outcomes_are_of_all_rows() -> None:
    times = np.arange(101) * DAY
    said = [True, False] * 50 + [True]
    baseline = build_baseline(
        "b", "m", {}, prediction=said, labels=said, prediction_ms=times, label_ms=times,
        history=divide(times, [DAY]),
    )  # fmt: skip
    assert baseline.rows == 40
    assert baseline.outcomes is not None
    assert baseline.outcomes.total.sum() == 101


def test_a_column_that_begins_after_the_reference_is_refused_with_its_remedies() -> None:
    times = np.arange(101) * DAY
    values = np.where(times < 50 * DAY, np.nan, 1.0)
    with pytest.raises(BaselineError, match=r"x: no finite number in 40 .* all 101 rows are the r"):
        build_baseline("b", "m", {"x": values}, prediction_ms=times, history=divide(times, [DAY]))
    assert build_baseline("b", "m", {"x": values}, prediction_ms=times).rows == 101


def test_another_length_or_window_is_another_fingerprint() -> None:
    times, values = np.arange(101) * DAY, np.arange(101.0)
    one = built(times, values)
    assert built(times + DAY, values).fingerprint != one.fingerprint
    assert built(times, values, 2 * DAY).fingerprint != one.fingerprint
