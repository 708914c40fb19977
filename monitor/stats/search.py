"""Many numeric grids side by side, in which many values are searched at once."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from monitor.stats.numeric import Floats, Indexes, NumericGrid


class Grids:
    """Finds the slots of values, each in a grid of its own.

    A search for each grid costs a call for each; where there are thousands of grids with a few
    values each, that is more than all searching. Here every value takes its steps of a binary
    search together with all others, whatever grid it is searched in.

    >>> one = NumericGrid.of([0.0, 1.0], uniform=[0] * 10 + [1], coarse=[])
    >>> two = NumericGrid.of([0.0, 2.0, 5.0], uniform=[0] * 10 + [2], coarse=[])
    >>> Grids([one, two]).codes(np.array([0, 1, 1]), np.array([1.5, 1.5, np.nan])).tolist()
    [2, 1, 4]
    """

    def __init__(self, grids: Sequence[NumericGrid]) -> None:
        sizes = [grid.edges.size for grid in grids]
        #: The greatest power of two that fits into the longest grid: shorter ones are filled up.
        self._half = 1 << (max(sizes, default=1).bit_length() - 1)
        lengths = np.maximum(sizes, self._half).astype(np.int64)
        self._start = np.cumsum(lengths) - lengths
        self._probe = lengths - self._half
        # Nothing is at or above NaN: what fills up a grid is never passed.
        self._edges = np.full(int(lengths.sum()), np.nan)
        for grid, start in zip(grids, self._start.tolist(), strict=True):
            self._edges[start : start + grid.edges.size] = grid.edges
        self._width = np.array([grid.width for grid in grids], dtype=np.int32)

    def codes(self, which: Indexes, values: Floats) -> npt.NDArray[np.int32]:
        """The slot of each of float64[n], NaN meaning null, in the grid of its number int[n]."""
        start, edges = self._start[which], self._edges
        at = start + self._probe[which]
        # Either the answer lies beyond this edge, or among the first `half` ones: both windows
        # have one length, and from here on all values take the same steps.
        at = np.where(edges[at] <= values, at + 1, start)
        edge, beyond, moved = np.empty(len(at)), np.empty(len(at), dtype=bool), np.empty_like(at)
        step = self._half >> 1
        while step:
            np.take(edges[step - 1 :], at, out=edge, mode="clip")
            np.less_equal(edge, values, out=beyond)
            np.multiply(beyond, step, out=moved)
            at += moved
            step >>= 1
        found = (at - start).astype(np.int32)
        odd = np.flatnonzero(~np.isfinite(values))
        if len(odd):
            slot = np.where(np.isnan(values[odd]), NumericGrid.NULL, NumericGrid.NONFINITE)
            found[odd] = self._width[which[odd]] + slot
        return found
