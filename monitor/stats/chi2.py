"""Pearson's chi-squared test that two samples share one distribution over cells."""

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc

from monitor.stats.grid import Counts


@dataclass(frozen=True, slots=True)
class Chi2:
    """The statistic, its degrees of freedom and the p-value."""

    statistic: float
    dof: int
    p_value: float


def chi2(current: Counts, reference: Counts) -> Chi2 | None:
    r"""Chi-squared of homogeneity of two int64[K], None if a side is empty.

    $\sum_{i,j} (O_{ij} - E_{ij})^2 / E_{ij}$ over the 2 x K table, without Yates's correction.
    Cells that are empty on both sides are dropped; one cell left is no difference.

    Source: Pearson (1900).

    >>> test = chi2(np.array([40, 40, 20, 0]), np.array([50, 50, 0, 0]))
    >>> round(test.statistic, 2), test.dof, round(test.p_value, 7)
    (22.22, 2, 1.49e-05)
    """
    n, m = float(current.sum()), float(reference.sum())
    if n == 0 or m == 0:
        return None
    kept = (current + reference) > 0
    c, b = current[kept].astype(np.float64), reference[kept].astype(np.float64)
    dof = int(kept.sum()) - 1
    if dof == 0:
        return Chi2(0.0, 0, 1.0)
    statistic = float(np.sum((c * np.sqrt(m / n) - b * np.sqrt(n / m)) ** 2 / (c + b)))
    return Chi2(statistic, dof, float(chdtrc(dof, statistic)))
