"""Wasserstein distance: how far an average row would have to be moved, in the column's unit."""

import numpy as np

from monitor.stats.grid import Counts, Floats, NumericGrid


def wasserstein(
    current: Counts,
    reference: Counts,
    grid: NumericGrid,
    means: Floats,
    below: float | None = None,
    above: float | None = None,
) -> float | None:
    r"""First Wasserstein distance from int64[grid.width] counts, None if a side is empty.

    $\int |F - G|\,dx = \sum_j |F_j - G_j| (x_{j+1} - x_j)$ with $F, G$ the cumulative shares of the
    bins and $x_j$ the mean of bin j: within the edges the reference's, `means` float64[bins - 2]
    (NaN where it has no row: then the middle). Of what lies beyond them the window's own sums say
    how far: `below` and `above`, of the values in the two open bins. None too where such a bin
    holds a row and its sum is not known: any number could come out.

    Source: Vallender, Calculation of the Wasserstein distance between probability distributions on
    the line (1974).

    >>> from monitor.stats.grid import build_numeric
    >>> grid, values = build_numeric(np.arange(100.0)), np.arange(100.0)
    >>> now, then, means = grid.counts(values + 5), grid.counts(values), bin_means(values, grid)
    >>> wasserstein(now, then, grid, means) is None
    True
    >>> round(wasserstein(now, then, grid, means, above=100.0 + 101 + 102 + 103 + 104), 9)
    5.0
    """
    c, b = grid.check(current)[: grid.bins], grid.check(reference)[: grid.bins]
    n, m = int(c.sum()), int(b.sum())
    if n == 0 or m == 0:
        return None
    if means.shape != (grid.bins - 2,):
        raise ValueError(f"{means.size} means of {grid.bins - 2} bins; give one of each")
    x = np.empty(grid.bins)
    x[1:-1] = np.where(np.isnan(means), grid.edges[:-1] / 2 + grid.edges[1:] / 2, means)
    for at, total in ((0, below), (-1, above)):
        if b[at] or (c[at] and total is None):
            return None
        x[at] = grid.edges[at] if total is None or not c[at] else total / int(c[at])
    gap = np.abs(np.cumsum(c) / n - np.cumsum(b) / m)[:-1]
    # Between values near both ends of the floats there is a distance that is no float.
    with np.errstate(over="ignore", invalid="ignore"):
        found = float(np.sum(gap * np.diff(x)))
    return found if np.isfinite(found) else None


def bin_means(values: Floats, grid: NumericGrid) -> Floats:
    """Return the mean of float64[n] in each bin between two edges, NaN where there is none.

    >>> from monitor.stats.grid import build_numeric
    >>> grid = build_numeric(np.array([1.0, 1.0, 2.0, 3.0]))
    >>> means = bin_means(np.array([1.0, 2.0, 2.1, 9.0]), grid)
    >>> means[~np.isnan(means)].tolist()
    [1.0, 2.0, 2.1]
    """
    codes = grid.codes(values)
    inside = (codes > 0) & (codes < grid.bins - 1)
    at, kept = codes[inside] - 1, values[inside]
    rows = np.bincount(at, minlength=grid.bins - 2)
    means = np.full(grid.bins - 2, np.nan)
    some = rows > 0
    # Divided first: the sum of a bin's values may exceed a float.
    means[some] = np.bincount(at, kept / rows[at], minlength=grid.bins - 2)[some]
    return np.asarray(np.clip(means, grid.edges[:-1], np.nextafter(grid.edges[1:], -np.inf)))
