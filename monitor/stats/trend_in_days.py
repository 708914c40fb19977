"""Whether a proportion falls from day to day, by more than its days scatter of themselves."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.special import stdtr

from monitor.stats.cochran_armitage import cochran_armitage


@dataclass(frozen=True, slots=True)
class FallingDays:
    """Slope of the proportion a day, z (negative: falling), and the one-sided p of a fall.

    `dispersion` is how much more the days scatter about the line than rows drawn anew would.
    """

    slope: float
    z: float
    dispersion: float
    p_value: float


def falling_days(
    counts: Sequence[int], rows: Sequence[int], days: Sequence[float] | None = None
) -> FallingDays | None:
    r"""Test counts[i]/rows[i] for a fall over `days`, by default 0, 1, 2, …; None under 3 days.

    $z/\sqrt{\max(1, \phi)}$ with Cochran and Armitage's z, by Student's t with $k - 2$ degrees of
    freedom. $\phi = (X^2 - z^2)/(k - 2)$ with Pearson's $X^2$ of the $k \times 2$ table is how far
    the days lie from their line, more than rows drawn anew would: else one weekday unlike the
    other would be a trend. So few days hardly tell φ, hence Student's t: the normal law, wherever
    φ seems to be 1, finds ten times what its level says.

    Source: Armitage (1955) for the part of X² that is no trend; McCullagh & Nelder, Generalized
    linear models (1989), 4.5, for φ.

    >>> found = falling_days([910, 905, 890, 880, 885, 862, 850], [1000] * 7)
    >>> round(found.slope, 4), round(found.z, 2), round(found.dispersion, 2)
    (-0.0097, -5.04, 0.35)
    >>> round(found.p_value, 4)
    0.002
    """
    line = cochran_armitage(counts, rows, days)
    if line is None:
        return None
    known = [(k, n) for k, n in zip(counts, rows, strict=True) if n]
    share = sum(k for k, _ in known) / sum(n for _, n in known)
    if share in (0.0, 1.0):
        return FallingDays(line.slope, 0.0, 1.0, 1.0)
    pearson = sum((k - n * share) ** 2 / n for k, n in known) / (share * (1 - share))
    free = len(known) - 2
    dispersion = max(0.0, pearson - line.z**2) / free
    p_value = float(stdtr(free, line.z / math.sqrt(max(1.0, dispersion))))
    return FallingDays(line.slope, line.z, dispersion, p_value)
