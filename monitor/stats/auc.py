"""Mann-Whitney: how often a current value is greater than one of the reference."""

import math
from dataclasses import dataclass

import numpy as np

from monitor.stats.grid import Counts, NumericGrid


@dataclass(frozen=True, slots=True)
class AUC:
    """The share of pairs in which the current value is greater, its z, and the two-sided p."""

    value: float
    z: float
    p_value: float


def auc(current: Counts, reference: Counts, grid: NumericGrid) -> AUC | None:
    r"""Area under the curve from int64[grid.width] counts, None if a side is empty.

    $\sum_k \frac{c_k}{n} (G_{k-1} + \frac{b_k}{2m})$ with $c$ the current counts, $b$ the
    reference's and $G$ the latter's cumulative share; one bin's rows are ties. 0.5 is no shift,
    1 says that every current value is greater. The variance under no shift is corrected for ties,
    $\frac{1}{12nm}(N + 1 - \sum_k \frac{t_k^3 - t_k}{N(N-1)})$ with $N = n + m$; no correction
    for continuity.

    Source: Mann & Whitney (1947); Lehmann, Nonparametrics (1975) for the ties.

    >>> from monitor.stats.grid import build_numeric
    >>> grid = build_numeric(np.arange(100.0))
    >>> found = auc(grid.counts(np.arange(50.0, 100.0)), grid.counts(np.arange(100.0)), grid)
    >>> found.value, round(found.z, 3)
    (0.75, 4.984)
    """
    return ordered_auc(grid.check(current)[: grid.bins], grid.check(reference)[: grid.bins])


def ordered_auc(current: Counts, reference: Counts) -> AUC | None:
    """The same of int64[K] over cells that rise (Mann & Whitney, 1947).

    >>> ordered_auc(np.array([0, 10]), np.array([5, 5])).value
    0.75
    """
    c, b = current.astype(np.float64), reference.astype(np.float64)
    n, m = float(c.sum()), float(b.sum())
    if n == 0 or m == 0:
        return None
    value = float(np.sum(c * (np.cumsum(b) - b / 2))) / (n * m)
    ties, total = b + c, n + m
    variance = (total + 1 - float(np.sum(ties**3 - ties)) / (total * (total - 1))) / (12 * n * m)
    if variance <= 1e-12 / (n * m):  # all rows are one tie: no order, hence no evidence
        return AUC(value, 0.0, 1.0)
    z = (value - 0.5) / math.sqrt(variance)
    return AUC(value, z, math.erfc(abs(z) / math.sqrt(2)))
