"""The detection table is measured with what it says: windows that are what rows would have made."""

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from monitor.stats.column import count
from monitor.stats.grid import build_numeric
from tests.bench import simulated
from tests.bench.histories import CHANGES, History
from tests.bench.judges import JUDGES, Column, delay, false_alarms


def history() -> History:
    """Nine windows of unequal length, numbers with holes and names with holes."""
    rng = np.random.default_rng(0)
    ends = np.cumsum(rng.integers(40, 80, 9))
    numbers = rng.normal(size=ends[-1])
    numbers[::17] = np.nan
    names = rng.choice(["EWR", "JFK", "LGA", ""], ends[-1])
    return History({"x": numbers, "origin": names}, ends, 3, 4)


def test_alarms_are_told_as_shares_of_windows_and_delays_as_windows() -> None:
    alarms = [set(), {"a"}, {"a", "b"}, set()]
    assert false_alarms(alarms) == 50
    assert [delay(alarms, name) for name in "abc"] == [2, 3, 5]


def test_drawn_counts_are_those_of_drawn_rows() -> None:
    rng = np.random.default_rng(1)
    grid = build_numeric(rng.standard_normal(2000), 16)
    drawn = simulated.drawn_windows(rng, grid, 500, np.full(200, 0.4)).sum(axis=0)
    rows = grid.counts(rng.normal(0.4, 1, 100_000))
    assert drawn.sum() == 100_000
    some = drawn + rows > 20
    assert stats.chi2_contingency(np.stack((drawn, rows))[:, some]).pvalue > 1e-4


def test_days_that_remember_have_the_spread_and_the_correlation_that_they_are_said_to() -> None:
    rng = np.random.default_rng(2)
    _, means = simulated.remembering(rng, 0.6, 10, 2000)
    series = np.array(list(means.values()))
    assert series.std() == pytest.approx(simulated.SPREAD, rel=0.05)
    lagged = [np.corrcoef(one[1:], one[:-1])[0, 1] for one in series]
    assert np.mean(lagged) == pytest.approx(0.6, abs=0.03)


def test_windows_of_a_history_are_counted_row_by_row() -> None:
    given = history()
    for name, column in given.counted().items():
        values = [None if v == "" else v for v in given.columns[name].tolist()]
        expected = [
            count(column.grid, values[given.part(n, n + 1)]).tolist() for n in range(9)
        ]  # fmt: skip
        assert column.reference.tolist() == np.sum(expected[:3], axis=0).tolist()
        assert column.own.tolist() == expected[3:7]
        assert column.windows.tolist() == expected[7:]


def test_windows_are_shuffled_whole_and_changed_where_they_are_judged() -> None:
    given = history()
    turned = given.ordered(range(8, -1, -1))
    assert len(turned) == len(given)
    first, last = given.part(8, 9), turned.part(0, 1)
    assert turned.columns["origin"][last].tolist() == given.columns["origin"][first].tolist()
    moved = given.changed("x", 1, lambda values, rng: values + 10)
    same = given.part(0, 8)
    np.testing.assert_array_equal(moved.columns["x"][same], given.columns["x"][same])
    part = given.part(8, 9)
    np.testing.assert_allclose(moved.columns["x"][part], given.columns["x"][part] + 10)
    for column, change in CHANGES.values():
        values = given.columns["origin" if column == "origin" else "x"]
        changed = change(values, np.random.default_rng(3))
        assert changed.dtype.kind == values.dtype.kind
        assert (changed != values).any()


def test_peers_read_what_was_before_in_one_piece_and_the_windows_apart(tmp_path: Path) -> None:
    given = history()
    given.save(tmp_path / "data.npz", 1, labels=np.arange(3))
    with np.load(tmp_path / "data.npz") as data:
        assert data["ends"].tolist() == given.ends[6:8].tolist()
        assert data["numeric"].tolist() == ["x"]
        assert data["categorical"].tolist() == ["origin"]
        assert len(data["column x"]) == len(data["column origin"]) == given.ends[7]
        assert data["labels"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("judge", JUDGES.values(), ids=JUDGES)
def test_who_judges_finds_a_break_and_ours_raises_no_alarm_before(judge: object) -> None:
    rng = np.random.default_rng(4)
    columns = dict(simulated.independent(rng, 10_000, 500, 12))
    broken = simulated.drawn_windows(rng, columns["7"].grid, 500, np.full(6, 1.0))
    one: Column = columns["7"]
    columns["7"] = one.after(np.concatenate((one.windows[:6], broken)))
    alarms = judge(columns)  # type: ignore[operator]
    assert len(alarms) == 12
    assert delay(alarms[6:], "7") == 1
    if judge is JUDGES["Watchkeeper"]:
        assert false_alarms(alarms[:6]) == 0
