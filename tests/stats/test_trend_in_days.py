"""A fall over days: what cannot be told, and how often it is wrong."""

import numpy as np
import pytest

from monitor.stats.trend_in_days import falling_days


def test_what_cannot_be_told() -> None:
    assert falling_days([5, 4], [9, 9]) is None
    assert falling_days([5, 0, 4], [9, 0, 9]) is None, "a day without rows is none"
    for counts in ([0] * 5, [90] * 5):
        found = falling_days(counts, [90] * 5)
        assert found is not None
        assert (found.z, found.p_value) == (0.0, 1.0)


def test_a_day_without_rows_changes_nothing() -> None:
    plain = falling_days([90, 85, 70], [100] * 3, [0.0, 1.0, 3.0])
    assert falling_days([90, 85, 0, 70], [100, 100, 0, 100]) == plain


@pytest.mark.parametrize("scatter", [0.0, 0.01, 0.03])
def test_days_that_scatter_are_no_trend(scatter: float) -> None:
    """At 1 in 100, of 6,000 weeks in which nothing falls, 1,000 rows a day."""
    rng = np.random.default_rng(21)
    shares = np.clip(0.9 + scatter * rng.standard_normal((6000, 7)), 0, 1)
    weeks = rng.binomial(1000, shares)
    found = [falling_days(week.tolist(), [1000] * 7) for week in weeks]
    wrong = sum(one is not None and one.p_value <= 0.01 for one in found)
    assert wrong <= 80


def test_a_fall_of_a_point_a_day_is_found() -> None:
    rng = np.random.default_rng(22)
    weeks = rng.binomial(4000, 0.92 - 0.01 * np.arange(7), size=(300, 7))
    found = [falling_days(week.tolist(), [4000] * 7) for week in weeks]
    assert sum(one is not None and one.p_value <= 5e-4 for one in found) > 270
