"""What of confusion counts a metric needs, as few whole numbers that add up over time."""

from monitor.stats.grid import Counts
from monitor.stats.performance import averaged

#: A tally of so many numbers is one of a proportion: hits, and the rows that they are of.
PROPORTION = 2


def tally(matrix: Counts, metric: str, positive: int | None = None) -> tuple[int, ...]:
    """Return what a metric needs of int64[K, K] confusion counts, rows labels.

    (hits, rows) of accuracy, and of one class's precision and recall; of its F1, true positives
    among all that are positive by label or by prediction. For averages over classes hits, labels
    and predictions of each class, 3K numbers.

    >>> import numpy as np
    >>> matrix = np.array([[50, 10], [5, 35]])
    >>> tally(matrix, "f1", positive=1), tally(matrix, "recall")
    ((35, 50), (50, 35, 60, 40, 55, 45))
    """
    if metric == "accuracy":
        return int(matrix.trace()), int(matrix.sum())
    labels, predictions = matrix.sum(axis=1), matrix.sum(axis=0)
    if positive is None:
        return tuple(int(n) for part in (matrix.diagonal(), labels, predictions) for n in part)
    hits = int(matrix[positive, positive])
    rows = {
        "precision": int(predictions[positive]),
        "recall": int(labels[positive]),
        "f1": int(labels[positive] + predictions[positive]) - hits,
    }
    return hits, rows[metric]


def added(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, ...]:
    """Return the tally of both together; raises ValueError for tallies of different metrics.

    >>> added((35, 50), (1, 2))
    (36, 52)
    """
    if len(one) != len(other):
        raise ValueError(f"tallies of {len(one)} and {len(other)} numbers are of two metrics")
    return tuple(a + b for a, b in zip(one, other, strict=True))


def value_of(counted: tuple[int, ...], metric: str) -> float | None:
    """Return the metric of a tally, None where it is undefined; equal to `performance`.

    >>> round(value_of((35, 50), "f1"), 4), value_of((0, 0), "accuracy")
    (0.8235, None)
    """
    if len(counted) != PROPORTION:
        return averaged(counted, metric)
    hits, rows = counted
    if rows == 0:
        return None
    return 2 * hits / (rows + hits) if metric == "f1" else hits / rows
