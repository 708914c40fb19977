"""Sums of ranks of windows: the law of their means by another way; false alarms by simulation."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.signal import lfilter

from monitor.stats.window_ranks import WindowRanks

NOMINAL = 0.001
FEATURES = 20


def autoregressive(rng: np.random.Generator, rho: float, shape: tuple[int, int]) -> np.ndarray:
    noise = rng.standard_normal((shape[0], shape[1] + 60))
    return np.asarray(lfilter([1], [1, -rho], noise, axis=1)[:, 60:]) * math.sqrt(1 - rho**2)


def test_a_score_is_ranked_with_half_its_ties() -> None:
    ranks = WindowRanks(np.array([1.0, 2.0, 2.0, 3.0]))
    expected = stats.norm.ppf([(1 + 1 + 0.5) / 5, (0 + 0.5) / 5, (4 + 0.5) / 5])
    assert ranks.normal_scores([2.0, 0.0, 9.0]) == pytest.approx(expected)


@pytest.mark.parametrize("rho", [0.0, 0.2, 0.4, 0.6])
def test_false_alarms_keep_their_budget_under_correlation(rho: float) -> None:
    rng = np.random.default_rng(13)
    runs, baseline, windows = 400, 150, 60
    series = autoregressive(rng, rho, (runs, baseline + 100 + windows))
    alarms = looks = 0
    for row in series:
        ranks = WindowRanks(row[:baseline])
        levels = ranks.levels(NOMINAL / FEATURES, two_sided=True)
        for end in range(baseline + 116, baseline + 100 + windows + 1):
            found = ranks.judge(row[end - 16 : end], levels, two_sided=True)
            looks += 1
            alarms += found is not None and found.p_value <= NOMINAL / FEATURES
    # A family of 20 features: no more than nominal, within what so many looks can tell.
    assert alarms / looks * FEATURES <= NOMINAL + 3 * math.sqrt(NOMINAL * FEATURES / looks)


@pytest.mark.parametrize("rho", [0.0, 0.2, 0.4])
def test_a_shift_of_two_sd_is_found_within_sixteen_windows(rho: float) -> None:
    rng = np.random.default_rng(14)
    runs, baseline = 150, 150
    series = autoregressive(rng, rho, (runs, baseline + 20 + 16))
    series[:, -16:] += 2.0
    delays = []
    for row in series:
        ranks = WindowRanks(row[:baseline])
        levels = ranks.levels(NOMINAL / FEATURES, two_sided=True)
        found = [
            n
            for n in range(1, 17)
            if (judged := ranks.judge(row[: baseline + 20 + n], levels, two_sided=True))
            and judged.p_value <= NOMINAL / FEATURES
        ]
        delays.append(found[0] if found else 99)
    assert np.median(delays) <= 16


def test_one_window_never_alarms_however_far_it_lies() -> None:
    ranks = WindowRanks(np.random.default_rng(15).normal(size=150))
    levels = ranks.levels(1e-4, two_sided=True)
    usual = np.zeros(15)
    found = ranks.judge(np.append(usual, 1e9), levels, two_sided=True)
    assert found is not None
    assert found.p_value > 0.01


def test_a_level_that_none_can_reach_leaves_no_scale() -> None:
    few = WindowRanks(np.random.default_rng(16).normal(size=20))
    assert few.levels(1e-9, two_sided=True) == {}
    assert few.judge([5.0] * 16, {}, two_sided=True) is None


@given(st.floats(1e-9, 0.2), st.booleans(), st.integers(20, 300))
@settings(max_examples=60, deadline=None)
def test_a_level_is_divided_so_that_every_scale_in_use_can_reach_its_part(
    alpha: float, two_sided: bool, n: int
) -> None:
    ranks = WindowRanks(np.random.default_rng(n).normal(size=n))
    levels = ranks.levels(alpha, two_sided=two_sided)
    assert sum(levels.values()) == pytest.approx(alpha) or not levels
    for r, level in levels.items():
        assert ranks.least_p(r, two_sided=two_sided) <= level
        beyond = ranks.judge([1e9] * r, levels, two_sided=two_sided)
        assert beyond is not None
        assert beyond.p_value <= alpha * (1 + 1e-9)


def test_windows_that_are_all_alike_tell_nothing() -> None:
    alike = WindowRanks(np.ones(150))
    assert alike.levels(0.05, two_sided=True) == {}
    assert alike.judge([1.0, 2.0, 3.0], {}, two_sided=True) is None
    with pytest.raises(ValueError, match="finite"):
        WindowRanks(np.array([1.0, np.nan]))


def test_one_sided_only_greater_scores_count() -> None:
    ranks = WindowRanks(np.random.default_rng(17).normal(size=200))
    levels = ranks.levels(1e-3, two_sided=False)
    up, down = (ranks.judge([side * 3.0] * 16, levels, two_sided=False) for side in (1.0, -1.0))
    assert up is not None
    assert down is not None
    assert up.p_value < 1e-6
    assert down.p_value == 1.0
