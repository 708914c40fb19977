"""How sure metrics of confusion counts are: scipy's limits, class by class."""

import math

import numpy as np
from hypothesis import strategies as st
from scipy import stats

from monitor.stats.grid import Counts
from monitor.stats.metric_interval import metric_difference, metric_interval
from monitor.stats.performance import METRICS
from tests.stats.oracles import Result, row

MATRIX = st.integers(2, 4).flatmap(
    lambda k: st.lists(st.sampled_from([0, 0, 1, 3, 40, 900]), min_size=k * k, max_size=k * k).map(
        lambda cells: np.array(cells, dtype=np.int64).reshape(k, k)
    )
)
TWO = st.integers(2, 3).flatmap(
    lambda k: st.tuples(
        *[
            st.lists(st.sampled_from([0, 1, 40, 900]), min_size=k * k, max_size=k * k).map(
                lambda cells: np.array(cells, dtype=np.int64).reshape(k, k)
            )
            for _ in range(2)
        ]
    )
)
LEVEL = st.sampled_from([0.9, 0.95, 0.999])
#: A metric: its value, and how far its limits lie below and above.
Part = tuple[float, float, float]


def _proportion(hits: int, rows: int, level: float) -> Part:
    if not rows:
        return 0.0, 0.0, 1.0
    known = stats.binomtest(int(hits), int(rows)).proportion_ci(level, "wilson")
    return hits / rows, hits / rows - known.low, known.high - hits / rows


def _class(matrix: Counts, metric: str, k: int, level: float) -> Part:
    hits, labels, made = matrix[k, k], matrix[k].sum(), matrix[:, k].sum()
    if metric != "f1":
        return _proportion(hits, made if metric == "precision" else labels, level)
    value, below, above = _proportion(hits, labels + made - hits, level)
    low, middle, high = (2 * j / (1 + j) for j in (value - below, value, value + above))
    return middle, middle - low, high - middle


def _part(matrix: Counts, metric: str, positive: int | None, level: float) -> Part | None:
    if not matrix.sum():
        return None
    if metric == "accuracy":
        return _proportion(matrix.trace(), matrix.sum(), level)
    if positive is not None:
        hits = {"precision": matrix[:, positive], "recall": matrix[positive],
                "f1": np.append(matrix[:, positive], matrix[positive])}  # fmt: skip
        return _class(matrix, metric, positive, level) if hits[metric].sum() else None
    occurs = [k for k in range(len(matrix)) if matrix[k].sum() + matrix[:, k].sum()]
    values, below, above = np.array([_class(matrix, metric, k, level) for k in occurs]).T
    together = np.sum if metric == "f1" else np.linalg.norm
    return tuple(float(x) / len(occurs) for x in (values.sum(), together(below), together(above)))


@row("metric_interval.metric_interval", "Wilson's of accuracy",
     "scipy.stats.binomtest, method wilson, put together by class",
     MATRIX, st.sampled_from(METRICS), st.sampled_from([0, 1, None]), LEVEL)  # fmt: skip
def _metric_interval(
    matrix: Counts, metric: str, positive: int | None, level: float
) -> tuple[Result, Result]:
    found, part = (
        metric_interval(matrix, metric, positive, level),
        _part(matrix, metric, positive, level),
    )
    if found is None or part is None:
        return found, part
    value, below, above = part
    return (found.low, found.high), (max(0.0, value - below), min(1.0, value + above))


@row("metric_interval.metric_difference", "Zou & Donner",
     "their formula over scipy's Wilson limits",
     TWO, st.sampled_from(METRICS), st.sampled_from([0, 1, None]), LEVEL)  # fmt: skip
def _metric_difference(
    sides: tuple[Counts, Counts], metric: str, positive: int | None, level: float
) -> tuple[Result, Result]:
    found = metric_difference(*sides, metric, positive, level)
    one, other = (_part(side, metric, positive, level) for side in sides)
    if found is None or one is None or other is None:
        return found, None if one is None or other is None else "an interval"
    gap = one[0] - other[0]
    low = gap - math.sqrt(one[1] ** 2 + other[2] ** 2)
    high = gap + math.sqrt(one[2] ** 2 + other[1] ** 2)
    return (found.low, found.high), (low, high)
