"""What labels say: metrics from few numbers, how sure they are, and whether they fall."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st
from scipy import stats

from monitor.stats.clopper_pearson import clopper_pearson
from monitor.stats.grid import Counts
from monitor.stats.metric_interval import metric_difference, metric_interval
from monitor.stats.performance import METRICS, averaged, performance
from monitor.stats.tally import added, tally, value_of
from monitor.stats.trend_in_days import falling_days
from tests.stats.oracles import Result, row

MATRIX = st.lists(
    st.integers(0, 3) | st.integers(0, 900), min_size=9, max_size=9
).map(lambda cells: np.array(cells, dtype=np.int64).reshape(3, 3))  # fmt: skip
METRIC, POSITIVE = st.sampled_from(METRICS), st.sampled_from([0, 2, None])
DAYS = st.lists(
    st.integers(20, 3000).flatmap(lambda n: st.tuples(st.integers(1, n - 1), st.just(n))),
    min_size=1, max_size=8,
)  # fmt: skip
Limits = Callable[[int, int], tuple[float, float]]


def scipys(method: str, level: float) -> Limits:
    """Limits of a proportion by scipy; of nothing nothing is known."""

    def limits(hits: int, rows: int) -> tuple[float, float]:
        if not rows:
            return 0.0, 1.0
        found = stats.binomtest(hits, rows).proportion_ci(level, method)
        return float(found.low), float(found.high)

    return limits


def around(matrix: Counts, metric: str, positive: int | None, limits: Limits) -> Any:
    """A metric, and how far its limits lie below and above, class by class."""
    value = performance(matrix, metric, positive)
    if value is None:
        return None
    if metric == "accuracy":
        low, high = limits(int(np.trace(matrix)), int(matrix.sum()))
        return value, value - low, high - value
    each = []
    for k in range(len(matrix)) if positive is None else [positive]:
        hits, labels, made = matrix[k, k], matrix[k].sum(), matrix[:, k].sum()
        if positive is None and not labels + made:
            continue
        rows = {"precision": made, "recall": labels, "f1": labels + made - hits}[metric]
        low, high = limits(int(hits), int(rows))
        share = hits / rows if rows else 0.0
        if metric == "f1":
            low, share, high = (2 / (1 + 1 / j) if j else 0.0 for j in (low, share, high))
        each.append((share - low, high - share))
    sides = np.array(each).T
    widths = sides.sum(axis=1) if metric == "f1" else np.sqrt((sides**2).sum(axis=1))
    return (value, *(widths / len(each)).tolist())


@row("metric_interval.metric_interval", "Wilson", "scipy's Wilson limits, class by class",
     MATRIX, METRIC, POSITIVE, abs=1e-9)  # fmt: skip
def _metric_interval(matrix: Counts, metric: str, positive: int | None) -> tuple[Result, Result]:
    found = metric_interval(matrix, metric, positive)
    known = around(matrix, metric, positive, scipys("wilson", 0.95))
    if found is None or known is None:
        return found, known
    value, below, above = known
    return (found.low, found.high), (max(0.0, value - below), min(1.0, value + above))


@row("metric_interval.metric_difference", "Newcombe", "scipy's exact limits, squared and added",
     MATRIX, MATRIX, METRIC, POSITIVE, st.sampled_from([0.9, 0.9999]), abs=1e-9)  # fmt: skip
def _metric_difference(
    one: Counts, other: Counts, metric: str, positive: int | None, level: float
) -> tuple[Result, Result]:
    found = metric_difference(one, other, metric, positive, level, clopper_pearson)
    limits = scipys("exact", level)
    sides = [around(matrix, metric, positive, limits) for matrix in (one, other)]
    if found is None or None in sides:
        return found, None
    (v, below, above), (w, below_other, above_other) = sides
    low = v - w - math.sqrt(below**2 + above_other**2)
    return (found.low, found.high), (low, v - w + math.sqrt(above**2 + below_other**2))


@row("tally.tally", "what a metric needs", "rows counted one by one", MATRIX, METRIC, POSITIVE)
def _tally(matrix: Counts, metric: str, positive: int | None) -> tuple[Result, Result]:
    cells = [(a, b, int(matrix[a, b])) for a in range(3) for b in range(3)]
    hits = [sum(n for a, b, n in cells if a == b == k) for k in range(3)]
    labels = [sum(n for a, _, n in cells if a == k) for k in range(3)]
    made = [sum(n for _, b, n in cells if b == k) for k in range(3)]
    either = [sum(n for a, b, n in cells if k in (a, b)) for k in range(3)]
    found = tally(matrix, metric, positive)
    if metric == "accuracy":
        return found, (sum(hits), sum(n for *_, n in cells))
    if positive is None:
        return found, (*hits, *labels, *made)
    rows = {"precision": made, "recall": labels, "f1": either}[metric]
    return found, (hits[positive], rows[positive])


@row("tally.value_of", "equal to `performance`", "the metric of the whole matrix",
     MATRIX, METRIC, POSITIVE)  # fmt: skip
def _value_of(matrix: Counts, metric: str, positive: int | None) -> tuple[Result, Result]:
    known = performance(matrix, metric, positive)
    return value_of(tally(matrix, metric, positive), metric), known


@row("tally.added", "tally of both", "the tally of the sum", MATRIX, MATRIX, METRIC, POSITIVE)
def _added(one: Counts, other: Counts, metric: str, positive: int | None) -> tuple[Result, Result]:
    found = added(tally(one, metric, positive), tally(other, metric, positive))
    return found, tally(one + other, metric, positive)


@row("performance.averaged", "average over classes", "the metric of the whole matrix",
     MATRIX, st.sampled_from(METRICS[1:]))  # fmt: skip
def _averaged(matrix: Counts, metric: str) -> tuple[Result, Result]:
    counts = [*np.diag(matrix), *matrix.sum(axis=1), *matrix.sum(axis=0)]
    return averaged(counts, metric), performance(matrix, metric)


@row("trend_in_days.falling_days", "Armitage",
     "scipy.stats.pearsonr of rows and days, chi2_contingency, t.cdf",
     DAYS, st.integers(0, 3), rel=1e-5, abs=1e-7)  # fmt: skip
def _falling_days(days: list[tuple[int, int]], gap: int) -> tuple[Result, Result]:
    counts, rows = [k for k, _ in days], [n for _, n in days]
    at = [float(n + gap * (n > 1)) for n in range(len(days))]
    found = falling_days(counts, rows, at)
    if len(days) < 3 or found is None:
        return found, None
    table = np.array([counts, np.array(rows) - counts])
    chi2 = stats.chi2_contingency(table, correction=False).statistic
    outcome = np.concatenate([np.repeat([1.0, 0.0], [k, n - k]) for k, n in days])
    z = float(stats.pearsonr(np.repeat(at, rows), outcome).statistic) * math.sqrt(sum(rows))
    free = len(days) - 2
    dispersion = max(0.0, chi2 - z * z) / free
    p = float(stats.t.cdf(z / math.sqrt(max(1.0, dispersion)), free))
    return (found.z, found.dispersion, found.p_value), (z, dispersion, p)
