"""Population stability index: how far two distributions over the same cells lie apart."""

import numpy as np

from monitor.stats.cells import uniform_counts, valid_rows
from monitor.stats.grid import Counts, NumericGrid

#: The share that stands for an empty cell (Huwyler, practice 8).
FLOOR = 1e-4


def psi(current: Counts, reference: Counts, floor: float = FLOOR) -> float | None:
    r"""Population stability index over cells, None if a side is empty.

    $\sum_i (p_i - q_i) \ln(p_i / q_i)$ with $p$ the shares of `current`, $q$ of `reference`; a
    share of 0 is replaced by `floor`. Both are int64[K] over the same cells.

    Source: Huwyler, practice 8 (`compute_psi`).

    >>> round(psi(np.array([20, 80]), np.array([50, 50])), 6)
    0.415888
    """
    return _of_shares(current, reference, int(current.sum()), int(reference.sum()), floor)


def psi_uniform(
    current: Counts, reference: Counts, grid: NumericGrid, floor: float = FLOOR
) -> float | None:
    """PSI over ten equal bins of the reference's range, exactly as Huwyler's `compute_psi`.

    `current` and `reference` are a column's counts, int64[grid.width]. As there, a value outside
    the range falls in no bin but counts as a row; nulls and infinities count as neither.

    >>> from monitor.stats.grid import build_numeric
    >>> grid = build_numeric(np.arange(100.0))
    >>> low, high = grid.counts(np.full(9, 0.0)), grid.counts(np.full(9, 99.0))
    >>> round(psi_uniform(high, low, grid), 4)
    18.4188
    """
    return _of_shares(
        uniform_counts(current, grid),
        uniform_counts(reference, grid),
        valid_rows(current, grid),
        valid_rows(reference, grid),
        floor,
    )


def expected_psi(cells: int, n: int, m: int) -> float | None:
    """Return what PSI comes to by chance without drift, (K - 1)(1/n + 1/m); None without rows.

    Source: Yurdakul & Naranjo, Statistical properties of the population stability index.

    >>> round(expected_psi(10, 1000, 10_000), 6)
    0.0099
    """
    return max(cells - 1, 0) * (1 / n + 1 / m) if n and m else None


def _of_shares(current: Counts, reference: Counts, n: int, m: int, floor: float) -> float | None:
    if n == 0 or m == 0:
        return None
    p, q = current / n, reference / m
    p, q = np.where(p == 0, floor, p), np.where(q == 0, floor, q)
    return float(np.sum((p - q) * np.log(p / q)))
