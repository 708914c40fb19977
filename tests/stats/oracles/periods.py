"""Metrics of one period and over several, quantiles, and scores of whole windows."""

import math

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import mahalanobis

from monitor.stats.concept import concept_drift, degradation
from monitor.stats.grid import Counts, Floats
from monitor.stats.log_bins import LogBins
from monitor.stats.performance import performance
from monitor.stats.trend import trend
from monitor.stats.window_ranks import SCALES, WindowRanks
from monitor.stats.window_scores import (
    SHRINKAGE,
    ShareDistance,
    least_windows,
    log_shares,
    logit_auc,
)
from tests.stats import article
from tests.stats.oracles import Result, row

SHARES = st.lists(st.floats(0, 1), max_size=12)
FOUR = st.lists(st.integers(0, 30), min_size=4, max_size=4).map(np.array)
PAIRS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=60)
BINS = LogBins.of(1e-6, 3600.0, limits=[0.2, 1.0])


@row("concept.degradation", "detect_concept_drift", "numpy's mean of the last four",
     SHARES, st.floats(0, 1))  # fmt: skip
def _degradation(history: list[float], now: float) -> tuple[Result, Result]:
    known = float(np.mean(history[-4:])) - now if len(history) >= 4 else None
    return degradation(history, now), known


@row("concept.concept_drift", "As in the article", "Huwyler's own code", SHARES, st.floats(0, 1))
def _concept_drift(history: list[float], now: float) -> tuple[Result, Result]:
    drop = degradation(history, now)
    assume(drop is None or abs(drop - 0.05) > 1e-9)
    return concept_drift(history, now), article.detect_concept_drift(history, now)


@row("performance.performance", "scikit-learn's macro average", "pairs counted one by one",
     PAIRS, st.integers(0, 3))  # fmt: skip
def _performance(pairs: list[tuple[int, int]], positive: int) -> tuple[Result, Result]:
    matrix = np.zeros((4, 4), dtype=np.int64)
    for label, prediction in pairs:
        matrix[label, prediction] += 1

    def counted(c: int) -> tuple[float | None, ...]:
        hits = sum(a == b == c for a, b in pairs)
        labels, made = sum(a == c for a, _ in pairs), sum(b == c for _, b in pairs)
        return tuple(
            k * hits / below if below else None
            for k, below in ((1, made), (1, labels), (2, made + labels))
        )

    metrics = ("precision", "recall", "f1")
    occurring = sorted({c for pair in pairs for c in pair})
    each = [[value or 0.0 for value in counted(c)] for c in occurring]
    return (
        performance(matrix, "accuracy"),
        tuple(performance(matrix, metric, positive) for metric in metrics),
        tuple(performance(matrix, metric) for metric in metrics),
    ), (
        sum(a == b for a, b in pairs) / len(pairs) if pairs else None,
        counted(positive) if pairs else (None,) * 3,
        tuple(np.mean(each, axis=0).tolist()) if pairs else (None,) * 3,
    )


@row("trend.trend", "detect_performance_trend", "scipy.stats.linregress",
     SHARES, st.integers(2, 7), abs=1e-9)  # fmt: skip
def _trend(values: list[float], periods: int) -> tuple[Result, Result]:
    found, last = trend(values, periods), np.array(values[-periods:])
    if len(values) < periods or periods < 3 or np.ptp(last) == 0:
        return found, None
    assume(np.ptp(last) > 1e-6)
    assert found is not None
    line = stats.linregress(np.arange(periods), last)
    ahead = line.intercept + line.slope * (periods + 7)
    return (found.slope, found.intercept, found.error, found.p_value, found.projected(7)), (
        line.slope, line.intercept, line.stderr, line.pvalue, ahead,
    )  # fmt: skip


@row("log_bins.LogBins", "DDSketch", "numpy.quantile, inverted_cdf, within 1 %",
     st.lists(st.floats(1.001e-6, 3599.0), max_size=200).map(lambda v: np.array(v, float)),
     st.sampled_from([0.0, 0.5, 0.9, 0.95, 0.99, 1.0]), rel=0.01 + 1e-9)  # fmt: skip
def _log_bins(values: Floats, q: float) -> tuple[Result, Result]:
    exact = float(np.quantile(values, q, method="inverted_cdf")) if values.size else None
    return BINS.quantile(BINS.counts(values), q), exact


@row("window_ranks.WindowRanks", "V_r = v", "scipy.stats.rankdata and "
     "norm.ppf, and the sum over the whole correlation matrix",
     st.integers(0, 10**6), st.integers(100, 250))  # fmt: skip
def _window_ranks(seed: int, n: int) -> tuple[Result, Result]:
    rng = np.random.default_rng(seed)
    scores, later = np.round(rng.normal(size=n), 1), np.round(rng.normal(size=8), 1)
    ranks = WindowRanks(scores)
    z = stats.norm.ppf((stats.rankdata(scores) - 0.5) / n)
    rho = min(0.95, max(0.0, np.mean(z[1:] * z[:-1]) / np.var(z)) + 1.645 / math.sqrt(n))
    among = [stats.rankdata(np.append(scores, s))[-1] - 1 for s in later]
    expected = []
    for r in SCALES:
        lag = np.abs(np.subtract.outer(np.arange(r), np.arange(r)))
        mean = float((rho**lag).sum()) / r**2
        expected.append(math.sqrt(np.var(z) * (mean + (1 + rho) / ((1 - rho) * n))))
    normal = stats.norm.ppf((np.array(among) + 0.5) / (n + 1))
    found = tuple(ranks.deviation(r) for r in SCALES)
    return (*ranks.normal_scores(later).tolist(), found), (*normal.tolist(), tuple(expected))


@row("window_scores.logit_auc", "Mann-Whitney", "scipy.stats.mannwhitneyu on the rows", FOUR, FOUR)
def _logit_auc(current: Counts, reference: Counts) -> tuple[Result, Result]:
    found = _known(logit_auc(current[None], reference))
    if not current.sum() or not reference.sum():
        return found, None
    x, y = np.repeat(np.arange(4), current), np.repeat(np.arange(4), reference)
    pairs = float(stats.mannwhitneyu(x, y).statistic)
    return found, math.log((pairs + 0.5) / (x.size * y.size - pairs + 0.5))


@row("window_scores.ShareDistance", "Mahalanobis", "scipy.spatial.distance.mahalanobis",
     st.integers(0, 10**6), FOUR, rel=1e-7)  # fmt: skip
def _share_distance(seed: int, now: Counts) -> tuple[Result, Result]:
    windows = np.random.default_rng(seed).multinomial(500, [0.4, 0.3, 0.2, 0.1], 30)
    distance = ShareDistance.of(windows)
    if not now.sum():
        return _known(distance.score(now[None])), None

    def usual(rows: Counts) -> tuple[Floats, Floats]:
        shares = np.log((rows + 0.5) / (rows.sum(axis=1)[:, None] + 2.0))
        v = np.cov(shares, rowvar=False)
        return shares.mean(axis=0), v * (1 - SHRINKAGE) + np.diag(np.diag(v)) * SHRINKAGE

    def away(row: Counts, rows: Counts) -> float:
        mean, covariance = usual(rows)
        share = np.log((row + 0.5) / (row.sum() + 2.0))
        return 2 * math.log(mahalanobis(share, mean, np.linalg.inv(covariance)))

    own = away(windows[7], np.delete(windows, slice(5, 10), axis=0))
    found = _known(distance.score(now[None])), float(distance.own[7])
    return found, (away(now, windows), own)


def _known(scores: Floats) -> float | None:
    """The score of one window, None where it has none."""
    return None if math.isnan(scores[0]) else float(scores[0])


@row("window_scores.log_shares", "log", "numpy, one by one", FOUR)
def _log_shares(counts: Counts) -> tuple[Result, Result]:
    n = int(counts.sum())
    by_hand = tuple(math.log((int(c) + 0.5) / (n + 2)) for c in counts)
    return tuple(log_shares(counts[None])[0].tolist()), by_hand


@row("window_scores.least_windows", "windows", "the least from which it learns",
     st.integers(2, 6))  # fmt: skip
def _least_windows(cells: int) -> tuple[Result, Result]:
    rng = np.random.default_rng(cells)

    def learns(n: int) -> bool:
        try:
            own = ShareDistance.of(rng.multinomial(500, [1 / cells] * cells, n)).own
        except ValueError:
            return False
        return bool(np.isfinite(own).all())

    return least_windows(cells), next(n for n in range(2, 60) if learns(n))
