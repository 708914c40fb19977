"""Hellinger distance: between the roots of two distributions over cells."""

import math

import numpy as np

from monitor.stats.grid import Counts


def hellinger(current: Counts, reference: Counts) -> float | None:
    r"""Hellinger distance of two int64[K], from 0 (equal) to 1 (disjoint); None if a side is empty.

    $\sqrt{\frac12 \sum_i (\sqrt{p_i} - \sqrt{q_i})^2}$

    Source: Hellinger (1909).

    >>> round(hellinger(np.array([20, 80]), np.array([50, 50])), 6)
    0.226532
    """
    n, m = int(current.sum()), int(reference.sum())
    if n == 0 or m == 0:
        return None
    gap = np.sqrt(current / n) - np.sqrt(reference / m)
    return min(1.0, math.sqrt(float(np.sum(gap**2)) / 2))
