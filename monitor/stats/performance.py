"""How well predictions agree with their labels, from confusion counts."""

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np

from monitor.stats.grid import Counts, Floats

Metric = Literal["accuracy", "precision", "recall", "f1"]
METRICS: tuple[str, ...] = get_args(Metric)


def performance(matrix: Counts, metric: str, positive: int | None = None) -> float | None:
    """Return a metric of int64[K, K] confusion counts, rows labels and columns predictions.

    `positive` is the index of the class that precision, recall and F1 are about; without it they
    are averaged over the classes that occur, each weighing the same, an undefined one as 0
    (scikit-learn's macro average). None without rows, or if the one class asked for has none.
    Raises ValueError for an unknown metric.

    >>> matrix = np.array([[50, 10], [5, 35]])
    >>> [round(performance(matrix, metric, positive=1), 4) for metric in METRICS]
    [0.85, 0.7778, 0.875, 0.8235]
    """
    if metric not in METRICS:
        raise ValueError(f"unknown metric {metric!r}; known: {', '.join(METRICS)}")
    total = int(matrix.sum())
    if total == 0:
        return None
    hits = np.diag(matrix).astype(np.float64)
    if metric == "accuracy":
        return float(hits.sum() / total)
    labels, predictions = matrix.sum(axis=1), matrix.sum(axis=0)
    if positive is None:
        return _average(hits, labels, predictions, metric)
    numerator, denominator = _parts(hits, labels, predictions, metric)
    below = float(denominator[positive])
    return float(numerator[positive]) / below if below else None


def averaged(counts: Sequence[int], metric: str) -> float | None:
    """Return the average over classes from each class's hits, then labels, then predictions.

    None if no class occurs.

    >>> round(averaged([50, 35, 60, 40, 55, 45], "recall"), 6)
    0.854167
    """
    hits, labels, predictions = np.asarray(counts, dtype=np.int64).reshape(3, -1)
    if not labels.any() and not predictions.any():
        return None
    return _average(hits.astype(np.float64), labels, predictions, metric)


def _average(hits: Floats, labels: Counts, predictions: Counts, metric: str) -> float:
    numerator, denominator = _parts(hits, labels, predictions, metric)
    occurs = (labels + predictions) > 0
    return float(np.mean(_ratio(numerator[occurs], denominator[occurs].astype(np.float64))))


def _parts(hits: Floats, labels: Counts, predictions: Counts, metric: str) -> tuple[Floats, Counts]:
    return {
        "precision": (hits, predictions),
        "recall": (hits, labels),
        "f1": (2 * hits, labels + predictions),
    }[metric]


def _ratio(numerator: Floats, denominator: Floats) -> Floats:
    return np.divide(numerator, denominator, out=np.zeros_like(numerator), where=denominator > 0)
