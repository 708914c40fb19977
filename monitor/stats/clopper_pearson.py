"""Clopper and Pearson's exact limits of a proportion."""

from scipy.special import betaincinv

from monitor.stats.newcombe import Interval, check_proportion


def upper_limit(count: float, rows: float, confidence: float = 0.95) -> float | None:
    r"""Return the one-sided upper limit of count/rows, None without rows.

    The $1 - \alpha$ quantile of $Beta(k + 1, n - k)$: with that rate or a higher one, as few as
    $k$ would be seen with probability α at most. Counts may be divided by their overdispersion φ,
    and so need not be whole.

    Source: Clopper & Pearson, The use of confidence or fiducial limits (1934).

    >>> round(upper_limit(0, 59), 6)
    0.049508
    """
    check_proportion(count, rows, confidence)
    if rows == 0:
        return None
    return 1.0 if count == rows else float(betaincinv(count + 1, rows - count, confidence))


def lower_limit(count: float, rows: float, confidence: float = 0.95) -> float | None:
    r"""Return the one-sided lower limit of count/rows, None without rows.

    The α quantile of $Beta(k, n - k + 1)$.

    >>> round(lower_limit(40, 500), 6)
    0.060938
    """
    check_proportion(count, rows, confidence)
    if rows == 0:
        return None
    return 0.0 if count == 0 else float(betaincinv(count, rows - count + 1, 1 - confidence))


def clopper_pearson(count: float, rows: float, confidence: float = 0.95) -> Interval | None:
    """Return the two-sided interval of count/rows, None without rows; never too narrow.

    >>> found = clopper_pearson(81, 263)
    >>> round(found.low, 4), round(found.high, 4)
    (0.2527, 0.3676)
    """
    side = (1 + confidence) / 2
    low, high = lower_limit(count, rows, side), upper_limit(count, rows, side)
    return None if low is None or high is None else Interval(low, high)
