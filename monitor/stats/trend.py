"""Whether a metric falls from period to period: a straight line through its last values."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit


@dataclass(frozen=True, slots=True)
class Trend:
    """A line through values at 0, 1, 2, …: its p is two-sided for a slope of 0.

    `periods` values were fitted; `error` is the slope's standard error.
    """

    slope: float
    intercept: float
    error: float
    p_value: float
    periods: int

    def projected(self, ahead: float) -> float:
        """The line's value `ahead` periods beyond the end of the fitted ones, as in the article."""
        return self.intercept + self.slope * (self.periods + ahead)

    def slope_interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Limits of the slope, by Student's t."""
        half = float(stdtrit(self.periods - 2, (1 + confidence) / 2)) * self.error
        return self.slope - half, self.slope + half

    def crossing(self, limit: float, confidence: float = 0.95) -> float | None:
        """Periods after the last fitted one until the line falls to `limit`.

        None unless the slope's whole interval is negative: else there is no date to tell. 0 if the
        line is there already.
        """
        if self.slope_interval(confidence)[1] >= 0:
            return None
        last = self.periods - 1
        return max(0.0, (limit - self.intercept) / self.slope - last)


def trend(values: Sequence[float], periods: int = 7) -> Trend | None:
    r"""Fit the last `periods` values by least squares.

    None if fewer are known, if fewer than 3 are asked for, if one is NaN, or if all are equal:
    then no trend can be told. $p$ is Student's with $n - 2$ degrees of freedom of
    $t = r \sqrt{(n-2)/(1-r^2)}$.

    Source: Huwyler, practice 8 (`detect_performance_trend`).

    >>> found = trend([0.91, 0.905, 0.90, 0.899, 0.89, 0.888, 0.88])
    >>> round(found.slope, 6), found.p_value < 0.001, round(found.projected(7), 6)
    (-0.004786, True, 0.843357)
    """
    if periods < 3 or len(values) < periods:
        return None
    y = np.asarray(values[-periods:], dtype=np.float64)
    if not np.all(np.isfinite(y)) or np.all(y == y[0]):
        return None
    x = np.arange(periods, dtype=np.float64)
    dx, dy = x - x.mean(), y - y.mean()
    sxx, sxy, syy = float(dx @ dx), float(dx @ dy), float(dy @ dy)
    slope = sxy / sxx
    r = max(-1.0, min(1.0, sxy / math.sqrt(sxx * syy)))
    free = periods - 2
    rest = (1 - r) * (1 + r)
    t = math.inf if rest == 0 else abs(r) * math.sqrt(free / rest)
    error = math.sqrt(rest * syy / sxx / free)
    p = 2 * float(stdtr(free, -t))
    return Trend(slope, float(y.mean()) - slope * float(x.mean()), error, p, periods)
