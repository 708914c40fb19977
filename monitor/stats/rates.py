"""Rates of what is wrong with a column's rows, each tested against the baseline's own rate."""

from dataclasses import dataclass

from monitor.stats.cells import valid_rows
from monitor.stats.fisher import excess_p
from monitor.stats.grid import CategoricalGrid, Counts, Grid


@dataclass(frozen=True, slots=True)
class Rate:
    """`count` of `rows` now, `reference_count` of `reference_rows` in the baseline.

    `p_value` is the one-sided exact chance of as high a rate without any change.
    """

    count: int
    rows: int
    reference_count: int
    reference_rows: int
    p_value: float | None

    @property
    def value(self) -> float | None:
        """The rate now, None without rows."""
        return self.count / self.rows if self.rows else None

    @property
    def reference(self) -> float | None:
        """The baseline's rate, None without rows."""
        return self.reference_count / self.reference_rows if self.reference_rows else None

    @property
    def excess(self) -> float | None:
        """How far the rate lies above the baseline's, negative if below; None if unknown."""
        if self.value is None or self.reference is None:
            return None
        return self.value - self.reference


def rates(current: Counts, reference: Counts, grid: Grid) -> dict[str, Rate]:
    """Return every rate of a column by name, from its int64[grid.width] counts on both sides.

    `null_rate` and `type_error_rate` are shares of all rows. `out_of_range_rate` (numeric: below
    the reference's least value, above its greatest, or infinite) and `unseen_rate` (categorical)
    are shares of the rows that hold a number or a category. The baseline's unseen rate is the
    Good-Turing estimate: a column of names has unseen ones without any drift.

    >>> from monitor.stats.grid import build_numeric
    >>> import numpy as np
    >>> grid = build_numeric(np.array([0.0, 1.0]))
    >>> now, then = grid.counts(np.array([2.0, 1.0, np.nan])), grid.counts(np.array([0.0, 1.0]))
    >>> {name: rate.value for name, rate in rates(now, then, grid).items()}
    {'null_rate': 0.3333333333333333, 'type_error_rate': 0.0, 'out_of_range_rate': 0.5}
    """
    n, m = int(grid.check(current).sum()), int(grid.check(reference).sum())
    found = {
        "null_rate": _rate(int(current[grid.NULL]), n, int(reference[grid.NULL]), m),
        "type_error_rate": _rate(
            int(current[grid.TYPE_ERROR]), n, int(reference[grid.TYPE_ERROR]), m
        ),
    }
    n, m = valid_rows(current, grid), valid_rows(reference, grid)
    if isinstance(grid, CategoricalGrid):
        unseen = min(m, int(reference[grid.UNSEEN]) + grid.singletons)
        found["unseen_rate"] = _rate(int(current[grid.UNSEEN]), n, unseen, m)
    else:
        odd, before = int(current[grid.NONFINITE]), int(reference[grid.NONFINITE])
        found["out_of_range_rate"] = _rate(
            int(current[0] + current[grid.bins - 1]) + odd,
            n + odd,
            int(reference[0] + reference[grid.bins - 1]) + before,
            m + before,
        )
    return found


def _rate(count: int, rows: int, reference_count: int, reference_rows: int) -> Rate:
    p = excess_p(count, rows, reference_count, reference_rows)
    return Rate(count, rows, reference_count, reference_rows, p)
