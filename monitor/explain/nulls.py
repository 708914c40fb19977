"""More nulls than the baseline has: how many rows have lost their value."""

from __future__ import annotations

from monitor.detectors.wording import percent
from monitor.events.types import Cause
from monitor.stats.grid import Counts, Grid
from monitor.stats.rates import rates

#: So far above the baseline's rate nulls are told, if their odds are that many times as high, and
#: if chance gives as many less often than this.
_LEAST = 0.01
_TIMES = 2.0
_REAL = 1e-6


def null_burst(current: Counts, reference: Counts, grid: Grid) -> Cause | None:
    """That nulls are many more than in the baseline, by the exact test; None if they are not.

    `lost` is the share of the rows that would have held a value and do not. Counts are
    int64[grid.width]; raises GridMismatch if they aren't.

    >>> from monitor.stats.grid import CategoricalGrid
    >>> import numpy as np
    >>> grid = CategoricalGrid(("a",))
    >>> now, then = np.array([600, 0, 0, 400, 0]), np.array([990, 0, 0, 10, 0])
    >>> null_burst(now, then, grid).detail
    'a null burst: nulls are 40 % of the rows, 1 % before'
    """
    rate = rates(current, reference, grid)["null_rate"]
    share, before, p_value = rate.value, rate.reference, rate.p_value
    if share is None or before is None or p_value is None:
        return None
    many = share * (1 - before) >= _TIMES * before * (1 - share)
    if share - before < _LEAST or not many or p_value >= _REAL:
        return None
    detail = f"a null burst: nulls are {percent(share)} of the rows, {percent(before)} before"
    lost = (share - before) / (1 - before)
    figures = {"share": share, "share_before": before, "lost": lost, "nulls": float(rate.count)}
    return Cause("null_burst", detail, figures)
