"""A line through the last values, against scipy and the article's own code."""

import math

import numpy as np
import pytest

from monitor.stats.trend import trend


def test_what_has_no_slope_is_no_trend() -> None:
    assert trend([0.9] * 7) is None, "a constant"
    assert trend([0.9, 0.8, 0.7]) is None, "fewer values than periods"
    assert trend([0.9, 0.8], periods=2) is None, "two points are always on a line"
    assert trend([0.9, 0.8, math.nan, 0.9, 0.8, 0.7, 0.6]) is None


def test_a_date_of_crossing_needs_a_slope_that_is_surely_negative() -> None:
    falling = trend([0.91, 0.905, 0.90, 0.899, 0.89, 0.888, 0.88])
    assert falling is not None
    days = falling.crossing(0.85)
    assert days is not None
    assert falling.intercept + falling.slope * (6 + days) == pytest.approx(0.85)
    assert falling.crossing(0.95) == 0.0, "it has fallen below already"
    wavering = trend([0.91, 0.88, 0.92, 0.89, 0.91, 0.88, 0.90])
    assert wavering is not None
    assert wavering.slope < 0
    assert wavering.crossing(0.85) is None
    rising = trend([0.80, 0.81, 0.82, 0.84, 0.85, 0.86, 0.87])
    assert rising is not None
    assert rising.crossing(0.5) is None


def test_an_interval_of_the_slope_holds_it_95_times_of_100() -> None:
    rng = np.random.default_rng(11)
    held = 0
    for _ in range(2000):
        found = trend((0.9 - 0.003 * np.arange(7) + rng.normal(0, 0.01, 7)).tolist())
        assert found is not None
        low, high = found.slope_interval()
        held += low <= -0.003 <= high
    assert 0.93 <= held / 2000 <= 0.97
