"""Figures of binned scores: the raw ones lie between their bounds."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.special import xlogy

from monitor.stats.grid import Counts, Floats
from monitor.stats.scored_labels import Scored, brier, calibration_error, log_loss, score_auc

SCORES = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 1)), min_size=1, max_size=80)
EDGES = st.lists(st.floats(0.01, 0.99), min_size=0, max_size=9, unique=True).map(sorted)


def binned(scores: Floats, labels: Floats, edges: list[float]) -> tuple[Counts, Floats, Floats]:
    bins = np.searchsorted(edges, scores, "right")
    counts = np.zeros((len(edges) + 1, 2), dtype=np.int64)
    np.add.at(counts, (bins, labels.astype(int)), 1)
    return counts, np.array([0.0, *edges]), np.array([*edges, 1.0])


def inside(found: Scored | None, exact: float) -> bool:
    assert found is not None
    assert found.low - 1e-12 <= found.value <= found.high + 1e-12
    return found.low - 1e-12 <= exact <= found.high + 1e-12


@given(SCORES, EDGES)
def test_the_raw_figure_lies_between_the_bounds(
    rows: list[tuple[float, int]], edges: list[float]
) -> None:
    s, y = np.array([score for score, _ in rows]), np.array([float(label) for _, label in rows])
    counts = binned(s, y, edges)
    assert inside(brier(*counts), float(np.mean((s - y) ** 2)))
    clipped = np.clip(s, 1e-15, 1 - 1e-15)
    lost = -(xlogy(y, clipped) + xlogy(1 - y, np.clip(1 - s, 1e-15, 1 - 1e-15)))
    assert inside(log_loss(*counts), float(np.mean(lost)))
    of = np.searchsorted(edges, s, "right")
    error = sum(
        abs(s[of == b].mean() - y[of == b].mean()) * np.mean(of == b) for b in np.unique(of)
    )
    assert inside(calibration_error(*counts), float(error))
    n, m = int(y.sum()), int((1 - y).sum())
    if n and m:
        exact = stats.mannwhitneyu(s[y == 1], s[y == 0], method="asymptotic").statistic / (n * m)
        assert inside(score_auc(counts[0]), float(exact))
    else:
        assert score_auc(counts[0]) is None


@pytest.mark.parametrize("figure", [brier, log_loss, calibration_error])
def test_without_rows_nothing_is_known(figure: Callable[..., Scored | None]) -> None:
    edges = np.array([0.0, 0.5]), np.array([0.5, 1.0])
    assert figure(np.zeros((2, 2), dtype=np.int64), *edges) is None


@pytest.mark.parametrize("figure", [brier, log_loss, calibration_error])
@pytest.mark.parametrize(
    ("counts", "low", "high", "says"),
    [
        (np.zeros((2, 3)), [0, 0.5], [0.5, 1], r"\(2, 3\)"),
        (np.zeros((2, 2)), [0], [1], "1 and 1 bounds"),
        (np.zeros((1, 2)), [-0.1], [1], "within 0 to 1"),
        (np.zeros((1, 2)), [0.6], [0.5], "within 0 to 1"),
        (np.zeros((1, 2)), [0.6], [np.inf], "within 0 to 1"),
        (np.zeros((1, 2)), [np.nan], [1], "within 0 to 1"),
    ],
)
def test_what_are_no_scores_is_refused(
    figure: Callable[..., Any], counts: Counts, low: list[float], high: list[float], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        figure(counts.astype(np.int64), np.array(low), np.array(high))


def test_calibrated_scores_have_an_error_that_goes_with_the_rows() -> None:
    rng = np.random.default_rng(41)
    edges = np.linspace(0.05, 0.95, 19).tolist()
    errors = []
    for rows in (1_000, 100_000):
        s = rng.random(rows)
        found = calibration_error(*binned(s, (rng.random(rows) < s).astype(float), edges))
        assert found is not None
        errors.append(found.value)
    assert errors[1] < 0.01 < errors[0]
