"""A numeric column on its axis: the distribution that the bins tell, and what a map makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from monitor.explain.evidence import Evidence
from monitor.stats.grid import Counts, Floats, Indexes, NumericGrid

#: Two values whose relative difference is less are one value that was computed in two ways.
SAME = 1e-9
#: Cells to compare in: each needs so many rows, and more than so many say nothing new.
ROWS = 20
CELLS = 64
#: Beyond this, or below its reciprocal, no figure is worked out.
_FAR = 1e100
VENTILES = np.arange(1, 20) / 20


@dataclass(frozen=True, eq=False)
class Axis:
    """The bins int64[B] of both sides, and the cuts, indexes of edges, between cells to compare."""

    grid: NumericGrid
    current: Counts
    reference: Counts
    dispersion: float = 1.0

    @classmethod
    def of(
        cls, current: Counts, reference: Counts, grid: NumericGrid, dispersion: float = 1.0
    ) -> Axis:
        """The axis of a column's counts, int64[grid.width]; raises GridMismatch."""
        bins = grid.bins
        return cls(grid, grid.check(current)[:bins], grid.check(reference)[:bins], dispersion)

    @cached_property
    def shares(self) -> Floats:
        """float64[B]: the baseline's shares."""
        return self.reference / max(int(self.reference.sum()), 1)

    @cached_property
    def shares_now(self) -> Floats:
        """float64[B]: the shares now."""
        return self.current / max(int(self.current.sum()), 1)

    @cached_property
    def cuts(self) -> Indexes:
        """Cells of about equal mass of both sides; the ends of what is there now are cuts too."""
        both = (np.cumsum(self.shares) + np.cumsum(self.shares_now))[:-1] / 2
        cells = min(CELLS, max(10, int(self.current.sum()) // ROWS))
        cuts = np.searchsorted(both, np.arange(1, cells) / cells)
        gained = int(np.argmax(self.shares_now - self.shares))
        some = np.flatnonzero(self.current)
        ends = [some[0], some[-1], gained] if some.size else [gained]
        around = [index + step for index in ends for step in (-1, 0)]
        every = np.unique(np.concatenate((cuts, np.array(around, dtype=np.int64))))
        return every[(every >= 0) & (every < self.grid.edges.size)]

    @cached_property
    def evidence(self) -> Evidence | None:
        """What is to be explained, in these cells; None if nothing is."""
        now, then = self.cells(self.current), self.cells(self.reference)
        return Evidence.of(now, then, self.dispersion)

    @property
    def ordinary(self) -> bool:
        """Whether products and differences of its values are within what a float can be."""
        return bool(np.abs(self.grid.edges).max() < _FAR) and self.scale > 1 / _FAR

    def cells(self, bins: Counts) -> Counts:
        """Return int64[K] of int64[B]."""
        starts = np.concatenate(([0], self.cuts + 1))
        return np.asarray(np.add.reduceat(bins, starts), dtype=np.int64)

    def merged(self, shares: Floats) -> Floats:
        """Return float64[K] of float64[B]."""
        return np.asarray(np.add.reduceat(shares, np.concatenate(([0], self.cuts + 1))))

    @cached_property
    def _single(self) -> npt.NDArray[np.bool_]:
        return self.grid.single

    @cached_property
    def _after(self) -> npt.NDArray[np.bool_]:
        """bool[E]: whether an edge is the end of a single value, and not the start of others."""
        return np.concatenate(([False], self._single))

    @cached_property
    def bounds(self) -> Floats:
        """float64[K - 1]: the value that each cut stands at."""
        edges = self.grid.edges
        before = edges[np.maximum(self.cuts - 1, 0)]
        return np.where(self._after[self.cuts], before, edges[self.cuts])

    @cached_property
    def inclusive(self) -> npt.NDArray[np.bool_]:
        """bool[K - 1]: whether the value at a cut lies below it."""
        return np.asarray(self._after[self.cuts])

    @cached_property
    def scale(self) -> float:
        """The range of the middle four fifths of the baseline, or of all of it."""
        low, high = self.quantiles(self.reference, np.array([0.1, 0.9]))
        edges = self.grid.edges
        return float(high - low) if high > low else float(edges[-1] - edges[0])

    def below(self, values: Floats, inclusive: npt.NDArray[np.bool_]) -> Floats:
        """The baseline's share below float64[...] values, or up to them where `inclusive`.

        Within a bin of several values it rises evenly. A value that all but equals one of the
        baseline's is that value.
        """
        slack = np.maximum(np.abs(values), self.scale * 1e-3) * SAME
        at = values + np.where(inclusive, slack, -slack)
        return np.interp(at, self.grid.edges, self._cumulative, left=0.0, right=1.0)

    @cached_property
    def _cumulative(self) -> Floats:
        return np.cumsum(self.shares)[:-1]

    def mapped(self, origins: Floats, rising: bool = True) -> Floats:
        """Shares float64[..., K] of the cells, if every row was mapped.

        `origins` float64[..., K - 1] are where the map takes the cuts' values from.
        """
        if rising:
            below = self.below(origins, self.inclusive)
        else:
            below = 1 - self.below(origins, ~self.inclusive)
        return _between(below)

    def holding(self, other: Axis) -> Floats:
        """Shares float64[K] of these cells, if the column held what is another one's baseline."""
        return _between(other.below(self.bounds, self.inclusive))

    def targets(self, step: float) -> Floats:
        """float64[K - 1]: the least values that come above each cut, if all are rounded to `step`.

        With a step of 0 nothing is rounded, and they are the cuts' own values.
        """
        if step == 0:
            return self.bounds
        whole = self.bounds / step
        above = np.where(self.inclusive, np.floor(whole) + 1, np.ceil(whole))
        return np.asarray((above - 0.5) * step)

    @cached_property
    def ventiles(self) -> tuple[Floats, Floats]:
        """float64[19] now and in the baseline; NaN where they lie beyond the edges."""
        return self.quantiles(self.current, VENTILES), self.quantiles(self.reference, VENTILES)

    def quantiles(self, bins: Counts, levels: Floats) -> Floats:
        """The values of int64[B] at levels float64[L]; NaN where they lie beyond the edges."""
        total = int(bins.sum())
        below = np.cumsum(bins) / max(total, 1)
        found = np.full(levels.shape, np.nan)
        at = np.searchsorted(below, levels * (1 - SAME))
        for n, index in enumerate(at.tolist()):
            if total == 0 or index == 0 or index >= self.grid.edges.size:
                continue
            low, high = float(self.grid.edges[index - 1]), float(self.grid.edges[index])
            share = below[index] - below[index - 1]
            if self._single[index - 1] or share <= 0:
                found[n] = low
            else:
                found[n] = low + (high - low) * (levels[n] - below[index - 1]) / share
        return found

    @cached_property
    def lattice(self) -> float:
        """1 if the baseline holds whole numbers only, as far as bins tell; else 0."""
        own = np.ones(self.grid.edges.size, dtype=bool)
        own[self.grid.uniform[1:-1]] = False
        own[self.grid.coarse] = False
        own &= ~self._after
        own[-1] = False
        starts = self.grid.edges[own]
        return 1.0 if starts.size and np.all(starts == np.round(starts)) else 0.0


def _between(below: Floats) -> Floats:
    """Shares float64[..., K] of cells, of float64[..., K - 1] below their cuts."""
    ends = np.zeros((*below.shape[:-1], 1))
    # Values that all but equal one another may pass each other by that little.
    rising = np.maximum.accumulate(below, axis=-1)
    return np.diff(np.concatenate((ends, rising, ends + 1), axis=-1))
