"""Whether a proportion rises or falls over periods: the test for trend on counts."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class TrendInProportions:
    """Slope of the proportion a unit of score, z (negative: falling), and the two-sided p."""

    slope: float
    z: float
    p_value: float


def cochran_armitage(
    counts: Sequence[int], rows: Sequence[int], scores: Sequence[float] | None = None
) -> TrendInProportions | None:
    r"""Test counts[i]/rows[i] for a linear trend over `scores`, by default 0, 1, 2, …

    $z = \sum_i s_i (x_i - n_i \bar p) / \sqrt{\bar p (1 - \bar p) \sum_i n_i (s_i - \bar s)^2}$
    with $\bar p$ and $\bar s$ the means over all rows; the slope is the weighted least squares
    one. None with fewer than 3 periods that have rows. A proportion of 0 or 1 in all of them is
    no trend: z = 0, p = 1.

    Source: Cochran (1954); Armitage, Tests for linear trends in proportions (1955).

    >>> found = cochran_armitage([90, 87, 84, 80], [100] * 4)
    >>> round(found.slope, 6), round(found.z, 6), round(found.p_value, 6)
    (-0.033, -2.080922, 0.037441)
    """
    x, n = np.asarray(counts, dtype=np.float64), np.asarray(rows, dtype=np.float64)
    s = np.arange(x.size, dtype=np.float64) if scores is None else np.asarray(scores, np.float64)
    if not x.shape == n.shape == s.shape:
        raise ValueError(
            f"{x.size} counts, {n.size} rows and {s.size} scores; give as many of each"
        )
    if np.any(x < 0) or np.any(x > n):
        raise ValueError(f"counts {x.tolist()} of rows {n.tolist()} are no proportions")
    kept = n > 0
    x, n, s = x[kept], n[kept], s[kept]
    if np.unique(s).size < 3:
        return None
    total = float(n.sum())
    p, middle = float(x.sum()) / total, float(n @ s) / total
    spread = float(n @ (s - middle) ** 2)
    along = float((s - middle) @ (x - n * p))
    variance = p * (1 - p) * spread
    z = along / math.sqrt(variance) if variance > 0 else 0.0
    return TrendInProportions(along / spread, z, math.erfc(abs(z) / math.sqrt(2)))
