"""Jensen-Shannon: a symmetric, bounded comparison of two distributions over cells."""

import math
from dataclasses import dataclass

import numpy as np

from monitor.stats.grid import Counts


@dataclass(frozen=True, slots=True)
class JS:
    """The divergence in nats, at most ln 2, and its root, the distance, in both bases."""

    divergence_nats: float
    distance_nats: float
    distance_base2: float


def js(current: Counts, reference: Counts) -> JS | None:
    r"""Jensen-Shannon of two int64[K], None if a side is empty.

    $\frac12 \sum p \ln\frac{p}{m} + \frac12 \sum q \ln\frac{q}{m}$ with $m = (p + q)/2$ and
    $0 \ln 0 = 0$: where the article's printed form is NaN, this one is defined. The distance is
    the root; in base 2 it lies between 0 and 1.

    Source: Lin (1991); Huwyler, practice 8 (`detect_prediction_drift`).

    >>> found = js(np.array([40, 40, 20]), np.array([50, 50, 0]))
    >>> round(found.divergence_nats, 7), round(found.distance_base2, 6)
    (0.0748818, 0.328682)
    """
    n, m = int(current.sum()), int(reference.sum())
    if n == 0 or m == 0:
        return None
    p, q = current / n, reference / m
    middle = (p + q) / 2
    # Rounding may leave -1e-17 for equal distributions, and its root would be NaN.
    divergence = max(0.0, 0.5 * (_relative_entropy(p, middle) + _relative_entropy(q, middle)))
    return JS(divergence, math.sqrt(divergence), min(1.0, math.sqrt(divergence / math.log(2))))


def _relative_entropy(p: np.ndarray, middle: np.ndarray) -> float:
    some = p > 0
    return float(np.sum(p[some] * np.log(p[some] / middle[some])))
