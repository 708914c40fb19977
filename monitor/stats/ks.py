"""Kolmogorov-Smirnov distance from binned counts, with the interval that holds the exact one."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import kolmogorov

from monitor.stats.grid import Counts, NumericGrid

#: Rows that each side needs before the p-value's approximation holds.
LEAST = 50


@dataclass(frozen=True, slots=True)
class KS:
    """The distance at the bins' edges, bounds of the exact distance, and p (None below 50 rows)."""

    d: float
    low: float
    high: float
    p_value: float | None


def ks(current: Counts, reference: Counts, grid: NumericGrid) -> KS | None:
    r"""Two-sample Kolmogorov-Smirnov from int64[grid.width] counts, None if a side is empty.

    With $F, G$ the cumulative shares at the edges, $D_{bin} = \max_j |F_j - G_j| \le D \le U$,
    $U = \max_j \max(F_j - G_{j-1}, G_j - F_{j-1})$ over the bins that hold more than one value.
    $p = Q(D_{bin}(s + 0.12 + 0.11/s))$ with $s = \sqrt{nm/(n+m)}$ and $Q$ Kolmogorov's tail:
    conservative, the more so under ties.

    Source: Stephens, Use of the Kolmogorov-Smirnov statistic without extensive tables (1970).

    >>> from monitor.stats.grid import build_numeric
    >>> grid = build_numeric(np.arange(100.0))
    >>> counts = grid.counts(np.arange(100.0))
    >>> round(ks(grid.counts(np.arange(100.0) + 10), counts, grid).d, 9)
    0.1
    """
    current, reference = grid.check(current)[: grid.bins], grid.check(reference)[: grid.bins]
    n, m = int(current.sum()), int(reference.sum())
    if n == 0 or m == 0:
        return None
    f, g = np.cumsum(current) / n, np.cumsum(reference) / m
    d = float(np.max(np.abs(f - g)))
    inner = np.flatnonzero(~grid.single) + 1
    beyond = np.maximum(f[inner] - g[inner - 1], g[inner] - f[inner - 1])
    high = min(1.0, max(d, float(np.max(beyond, initial=0.0))))
    return KS(d, d, high, kolmogorov_p(d, n, m))


def kolmogorov_p(d: float, n: float, m: float) -> float | None:
    """The chance of as great a distance between n and m rows (Stephens); None below 50 of any.

    >>> round(kolmogorov_p(0.136, 200, 200), 3), kolmogorov_p(0.5, 20, 200)
    (0.045, None)
    """
    if min(n, m) < LEAST:
        return None
    s = math.sqrt(n * m / (n + m))
    return float(kolmogorov(d * (s + 0.12 + 0.11 / s)))
