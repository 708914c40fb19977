"""Who says that a column has drifted: the usual thresholds, and the product's own judgement.

Each is asked window by window, in time order, and says which columns it calls drifted.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from monitor.calibration.detection import LOOKS, detect
from monitor.calibration.usual import Usual
from monitor.stats.cells import chi2_cells, open_cells
from monitor.stats.chi2 import chi2
from monitor.stats.coarse import coarse
from monitor.stats.grid import Counts, Grid, NumericGrid
from monitor.stats.ks import ks
from monitor.stats.psi import psi, psi_uniform

#: The false alarms of all columns together that ours may raise in one window.
NOMINAL = 0.001
OURS = "Watchkeeper"
#: Alarmed columns, of each window.
Alarms = list[set[str]]


@dataclass(frozen=True, eq=False)
class Column:
    """A column's reference, int64[width], and its own windows before and judged ones after.

    `own` and `windows` are int64[N, width] over the fine bins, in time order.
    """

    grid: Grid
    reference: Counts
    own: Counts
    windows: Counts

    @cached_property
    def usual(self) -> Usual:
        """What the product knows of it."""
        own = coarse(self.own, self.grid)
        ordered = isinstance(self.grid, NumericGrid)
        return Usual(coarse(self.reference, self.grid), own, ordered)

    def after(self, windows: Counts) -> "Column":
        """The same column with other windows to be judged; what is usual stays known."""
        other = Column(self.grid, self.reference, self.own, windows)
        other.__dict__["usual"] = self.usual
        return other


Columns = Mapping[str, Column]
Judge = Callable[[Columns], Alarms]


def ours(columns: Columns) -> Alarms:
    """The product: found within the budget, over the last windows of every column."""
    usual = {name: column.usual for name, column in columns.items()}
    seen = {
        name: np.concatenate((usual[name].own[-LOOKS:], coarse(column.windows, column.grid)))
        for name, column in columns.items()
    }
    before = {name: len(usual[name].own[-LOOKS:]) for name in columns}
    alarms: Alarms = []
    for n in range(_windows(columns)):
        looks = {
            name: list(counts[max(0, before[name] + n + 1 - LOOKS) : before[name] + n + 1])
            for name, counts in seen.items()
        }
        found = detect(usual, looks, NOMINAL)
        alarms.append({name for name, one in found.items() if one.found})
    return alarms


def psi_above(columns: Columns) -> Alarms:
    """PSI > 0.1: over ten uniform bins of numbers, and over categories."""

    def drifted(column: Column, window: Counts) -> bool:
        if isinstance(column.grid, NumericGrid):
            value = psi_uniform(window, column.reference, column.grid)
        else:
            cells = open_cells(window, column.reference, column.grid)
            value = psi(cells.current, cells.reference)
        return value is not None and value > 0.1

    return _each(columns, drifted)


def p_below(columns: Columns) -> Alarms:
    """p < .05: Kolmogorov-Smirnov of numbers, chi-squared of categories."""

    def drifted(column: Column, window: Counts) -> bool:
        if isinstance(column.grid, NumericGrid):
            found = ks(window, column.reference, column.grid)
            return found is not None and found.p_value is not None and found.p_value < 0.05
        cells = chi2_cells(window, column.reference, column.grid)
        tested = chi2(cells.current, cells.reference)
        return tested is not None and tested.p_value < 0.05

    return _each(columns, drifted)


JUDGES: Mapping[str, Judge] = {OURS: ours, "PSI > 0.1": psi_above, "KS or χ² p < .05": p_below}


def false_alarms(alarms: Sequence[set[str]]) -> float:
    """The share of windows in which any column is called drifted, in percent."""
    return 100 * sum(map(bool, alarms)) / len(alarms)


def delay(alarms: Sequence[set[str]], column: str) -> int:
    """After how many windows a column is called drifted; one more than there are, if never."""
    return next((n for n, found in enumerate(alarms, 1) if column in found), len(alarms) + 1)


def _windows(columns: Columns) -> int:
    return len(next(iter(columns.values())).windows)


def _each(columns: Columns, drifted: Callable[[Column, Counts], bool]) -> Alarms:
    return [
        {name for name, column in columns.items() if drifted(column, column.windows[n])}
        for n in range(_windows(columns))
    ]
