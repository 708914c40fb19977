"""The shape of a column as a few bars, the same scale on both sides."""

from dataclasses import dataclass

import numpy as np

from monitor.stats.cells import closed_cells
from monitor.stats.grid import Counts, Floats, Grid, NumericGrid

#: The share of the reference that the bars leave to the outer ones, on each side.
TAIL = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """Shares of both sides in the same few cells; none without rows."""

    reference: Floats
    current: Floats


def shape(reference: Counts, current: Counts, grid: Grid, bars: int = 12) -> Shape:
    """Return the shares to draw: of numbers in equal steps, of categories the most frequent.

    The steps span the reference without its outermost hundredths, so that one outlier doesn't
    squeeze all else into one bar; the first and last bar hold what lies beyond. The last bar of
    categories is of unseen ones; the many that share one cell have none, being one only by name.
    """
    if isinstance(grid, NumericGrid):
        low, high = _span(reference, grid)
        cuts = np.linspace(low / 2, high / 2, bars + 1)[1:-1] * 2  # a range may exceed a float
        return Shape(_shares(reference, grid, cuts), _shares(current, grid, cuts))
    cells = closed_cells(current, reference, grid)
    return Shape(_first(cells.reference, bars), _first(cells.current, bars))


def _span(counts: Counts, grid: NumericGrid) -> tuple[float, float]:
    below = np.cumsum(counts[: grid.bins])[:-1]
    total = max(1, int(counts[: grid.bins].sum()))
    finite = grid.edges[np.isfinite(grid.edges)]
    first = int(np.searchsorted(below, TAIL * total, "right")) - 1
    last = int(np.searchsorted(below, (1 - TAIL) * total, "left"))
    return float(finite[max(first, 0)]), float(finite[min(last, finite.size - 1)])


def _shares(counts: Counts, grid: NumericGrid, cuts: Floats) -> Floats:
    """Return the shares between the cuts, a bin's rows taken as evenly spread in it."""
    below = np.cumsum(counts[: grid.bins])
    edges = np.nan_to_num(grid.edges, posinf=np.finfo(np.float64).max)
    inner = np.interp(cuts, edges, below[:-1])
    return np.diff(inner, prepend=0, append=below[-1]) / max(1, int(below[-1]))


def _first(counts: Counts, bars: int) -> Floats:
    """Return the shares of the first cells and of the last one, without the one before it."""
    total = max(1, int(counts.sum()))
    return np.append(counts[:-2][: bars - 1], counts[-1]) / total


def bars(shares: Floats, scale: float, blocks: str = " ▁▂▃▄▅▆▇█") -> str:
    """Draw shares as blocks, `scale` the share of the highest; a share above 0 is never blank.

    >>> bars(np.array([0.0, 0.001, 0.5, 1.0]), 1.0)
    ' ▁▄█'
    """
    steps = len(blocks) - 1
    if scale <= 0:
        return blocks[0] * shares.size
    heights = np.ceil(np.clip(shares / scale, 0, 1) * steps - 1e-9).astype(int)
    return "".join(blocks[height] for height in heights.tolist())
