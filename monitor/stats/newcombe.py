"""Newcombe's interval for the difference of two proportions."""

import math
from dataclasses import dataclass
from statistics import NormalDist


@dataclass(frozen=True, slots=True)
class Interval:
    """From `low` to `high`."""

    low: float
    high: float


def wilson(count: int, rows: int, confidence: float = 0.95) -> Interval | None:
    """Wilson's score interval of a proportion, None without rows.

    Source: Wilson, Probable inference, the law of succession, and statistical inference (1927).

    >>> found = wilson(81, 263)
    >>> round(found.low, 4), round(found.high, 4)
    (0.2553, 0.3662)
    """
    check_proportion(count, rows, confidence)
    if rows == 0:
        return None
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    p = count / rows
    middle = p + z * z / (2 * rows)
    half = z * math.sqrt(p * (1 - p) / rows + (z / (2 * rows)) ** 2)
    width = 1 + z * z / rows
    return Interval(max(0.0, (middle - half) / width), min(1.0, (middle + half) / width))


def newcombe(
    count: int, rows: int, other_count: int, other_rows: int, confidence: float = 0.95
) -> Interval | None:
    r"""Interval of count/rows − other_count/other_rows; None if a side has no rows.

    With Wilson's limits $l, u$ of each proportion $p$: from
    $\delta - \sqrt{(p_1 - l_1)^2 + (u_2 - p_2)^2}$ to
    $\delta + \sqrt{(u_1 - p_1)^2 + (p_2 - l_2)^2}$, without correction for continuity. Unlike
    Wald's it holds near 0 and 1, and never leaves −1 to 1.

    Source: Newcombe, Interval estimation for the difference between independent proportions
    (1998), method 10; the example is its case (a).

    >>> found = newcombe(56, 70, 48, 80)
    >>> round(found.low, 4), round(found.high, 4)
    (0.0524, 0.3339)
    """
    one, other = wilson(count, rows, confidence), wilson(other_count, other_rows, confidence)
    if one is None or other is None:
        return None
    p, q = count / rows, other_count / other_rows
    return Interval(
        p - q - math.hypot(p - one.low, other.high - q),
        p - q + math.hypot(one.high - p, q - other.low),
    )


def check_proportion(count: float, rows: float, confidence: float) -> None:
    """Raise ValueError for what is no proportion, or no confidence."""
    check_counts(count, rows)
    if not 0 < confidence < 1:
        raise ValueError(f"confidence {confidence} must lie between 0 and 1, like 0.95")


def check_counts(count: float, rows: float) -> None:
    """Raise ValueError for a count that is not of so many rows."""
    if not 0 <= count <= rows:
        raise ValueError(f"{count} of {rows} rows is no proportion; give 0 <= count <= rows")
