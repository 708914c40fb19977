"""Total variation: the share of rows that would have to move to make two distributions one."""

import numpy as np

from monitor.stats.grid import Counts


def total_variation(current: Counts, reference: Counts) -> float | None:
    r"""Total variation distance of two int64[K], from 0 to 1; None if a side is empty.

    $\frac12 \sum_i |p_i - q_i|$

    >>> round(total_variation(np.array([40, 40, 20]), np.array([50, 50, 0])), 9)
    0.2
    """
    n, m = int(current.sum()), int(reference.sum())
    if n == 0 or m == 0:
        return None
    return min(1.0, float(np.abs(current / n - reference / m).sum()) / 2)
