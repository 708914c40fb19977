"""How large a drift is: PSI without what chance adds to it, and a lower bound of it."""

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc, chndtrinc

from monitor.stats.grid import Counts

#: One minus the confidence of the lower bound.
ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class Effect:
    """PSI with half a row in every cell, that minus its chance part, and the latter's lower bound.

    `p_value` is the chance of as great a PSI without any drift.
    """

    psi: float
    corrected: float
    lower: float
    p_value: float


def effect(
    current: Counts,
    reference: Counts,
    dispersion: float = 1.0,
    reference_dispersion: float = 1.0,
) -> Effect | None:
    r"""Bias-corrected PSI of two int64[K] over the same cells, None if a side is empty.

    With $\kappa = \phi_n/n + \phi_m/m$, φ the overdispersion of either side's counts, and without
    drift, $PSI/\kappa$ has the law $\chi^2_{K-1}$; with drift it is noncentral. So the chance part
    is $(K-1)\kappa$, and the bound is $\kappa\lambda$ for the λ with which a PSI as great has
    probability 0.05. Shares are $(c + \frac12)/(n + \frac{K}{2})$: an empty cell is not infinitely
    far. Cells that are empty on both sides are dropped.

    Source: Yurdakul & Naranjo, Statistical properties of the population stability index; Potgieter
    et al. for the noncentral law.

    >>> found = effect(np.array([300, 700]), np.array([5000, 5000]))
    >>> round(found.psi, 4), round(found.corrected, 4), round(found.lower, 4)
    (0.1691, 0.168, 0.1272)
    """
    if not (dispersion >= 1 and reference_dispersion >= 1):
        raise ValueError(
            f"overdispersion {dispersion}, {reference_dispersion}: at least 1, or rows would be "
            "worth more than they are"
        )
    kept = (current + reference) > 0
    c, b = current[kept], reference[kept]
    n, m, cells = int(c.sum()), int(b.sum()), int(kept.sum())
    if n == 0 or m == 0:
        return None
    p, q = (c + 0.5) / (n + cells / 2), (b + 0.5) / (m + cells / 2)
    value = float(np.sum((p - q) * np.log(p / q)))
    free, kappa = cells - 1, dispersion / n + reference_dispersion / m
    if free == 0:
        return Effect(value, value, 0.0, 1.0)
    p_value = float(chdtrc(free, value / kappa))
    lower = 0.0
    if p_value < ALPHA:
        lower = kappa * float(chndtrinc(value / kappa, free, 1 - ALPHA))
    return Effect(value, max(0.0, value - free * kappa), lower, p_value)
