"""Scores of windows: against scipy, and what they find where PSI does not."""

import math

import numpy as np
import pytest
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import mahalanobis

from monitor.stats.window_scores import SHRINKAGE, ShareDistance

CELLS = st.lists(st.integers(0, 30), min_size=4, max_size=4).map(np.array)


def test_the_distance_is_scipys_with_shrunk_correlations() -> None:
    rng = np.random.default_rng(20)
    windows = rng.multinomial(500, [0.4, 0.3, 0.2, 0.1], 60)
    distance = ShareDistance.of(windows)

    def usual(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        shares = np.log((rows + 0.5) / (rows.sum(axis=1)[:, None] + 2.0))
        v = np.cov(shares, rowvar=False)
        return shares, v * (1 - SHRINKAGE) + np.diag(np.diag(v)) * SHRINKAGE

    shares, covariance = usual(windows)
    now = np.array([150, 150, 150, 50])
    share = np.log((now + 0.5) / (now.sum() + 2.0))
    expected = mahalanobis(share, shares.mean(axis=0), np.linalg.inv(covariance))
    assert distance.score(now[None])[0] == pytest.approx(2 * math.log(expected))
    others = np.delete(windows, slice(5, 10), axis=0)
    left, covariance = usual(others)
    expected = mahalanobis(shares[7], left.mean(axis=0), np.linalg.inv(covariance))
    assert distance.own[7] == pytest.approx(2 * math.log(expected))


def test_a_windows_own_score_is_no_smaller_than_that_of_a_new_one() -> None:
    rng = np.random.default_rng(21)
    shares = [0.3, 0.25, 0.2, 0.1, 0.1, 0.05]
    above = []
    for _ in range(60):
        distance = ShareDistance.of(rng.multinomial(400, shares, 40))
        new = distance.score(rng.multinomial(400, shares, 40))
        above.append(stats.mannwhitneyu(new, distance.own).statistic / 1600)
    assert float(np.mean(above)) == pytest.approx(0.5, abs=0.02)


def test_a_cell_that_never_moves_and_an_empty_window_have_their_answers() -> None:
    still = np.tile([5, 10, 0], (30, 1))
    distance = ShareDistance.of(still)
    none, usual, other = distance.score(np.array([[0, 0, 0], [5, 10, 0], [5, 9, 1]])).tolist()
    assert math.isnan(none)
    assert math.isfinite(usual)
    assert other > usual
    with pytest.raises(ValueError, match="at least 9"):
        ShareDistance.of(np.ones((4, 3), dtype=np.int64))
