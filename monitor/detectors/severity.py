"""From a number to a grade; what is not a number gets no grade."""

from __future__ import annotations

import math

from monitor.detectors.finding import GRADES, Grade
from monitor.registry.specs import Thresholds

DECIMALS = 9


def exceeds(value: float | None, limit: float) -> bool:
    """Whether value > limit, both rounded to 1e-9; ValueError where the value is unknown.

    Rounding makes a drop of exactly the limit come out alike however it was computed:

    >>> 0.8 - 0.7 > 0.1, exceeds(0.8 - 0.7, 0.1)
    (True, False)
    """
    if value is None or not math.isfinite(value):
        raise ValueError(f"{value!r} cannot be graded; give insufficient_data as the verdict")
    return round(float(value), DECIMALS) > round(limit, DECIMALS)


def grade(value: float | None, thresholds: Thresholds) -> Grade:
    """The highest grade whose limit the value exceeds strictly; ValueError for None or NaN."""
    found: Grade = "low"
    exceeds(value, 0.0)
    if thresholds.medium is not None and exceeds(value, thresholds.medium):
        found = "medium"
    if thresholds.high is not None and exceeds(value, thresholds.high):
        found = "high"
    if thresholds.critical is not None and exceeds(value, thresholds.critical):
        found = "critical"
    return found


def limit_told(value: float | None, thresholds: Thresholds) -> float | None:
    """The highest limit that the value exceeds; when it exceeds none, the lowest there is."""
    limits = sorted(
        limit
        for limit in (thresholds.medium, thresholds.high, thresholds.critical)
        if limit is not None
    )
    exceeded = [limit for limit in limits if exceeds(value, limit)]
    if exceeded:
        return exceeded[-1]
    return limits[0] if limits else None


def rank(found: Grade) -> int:
    """0 for low to 3 for critical."""
    return GRADES.index(found)


def article_severity(psi: float | None, degradation: float | None) -> Grade:
    """The article's severity of a PSI and a performance degradation (Huwyler, practice 8).

    Either of the two alone suffices. The article takes an absent figure as 0; here an unknown
    one (None, NaN) is a ValueError, so that it never passes for low.

    >>> article_severity(0.25, 0.0), article_severity(0.0, 0.11), article_severity(0.1, 0.03)
    ('high', 'critical', 'low')
    """
    found: Grade = "low"
    limits: tuple[tuple[Grade, float, float], ...] = (
        ("medium", 0.1, 0.03),
        ("high", 0.2, 0.05),
        ("critical", 0.3, 0.10),
    )
    for name, psi_limit, degradation_limit in limits:
        # Both are asked, so that an unknown one is refused even when the other decides.
        by_psi, by_degradation = exceeds(psi, psi_limit), exceeds(degradation, degradation_limit)
        if by_psi or by_degradation:
            found = name
    return found
