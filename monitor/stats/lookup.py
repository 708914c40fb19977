"""Many values among the edges of their bins, found without sorting and without a search for each.

Numbers are put into cells by the first bits of their distance from a pivot, and a table says how
many edges lie below each cell. That is the answer, but for the edges within the value's own cell:
there are seldom more than a few, and these are compared. A cell is found by steps that each round
a greater number to no less, so that an edge in a lower cell is below the value, and one in a higher
cell above it: the answer is exact.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Indexes = npt.NDArray[np.intp]

#: Cells of a factor of two in the distance from the pivot, as a power of two.
FINE = 5
#: The factors of two that are told apart, as powers of it, in units of the edges' spread: what is
#: nearer or farther is in the first cell of its side, or in the last.
NEAREST, FARTHEST = -8, 8
#: Edges of one cell that all values are compared with; those in fuller cells are searched.
COMPARED = 3

# The same as bits of a float32, without those that are finer than a cell.
_SHIFT = 23 - FINE
_MAGNITUDE = (1 << (31 - _SHIFT)) - 1
_FIRST = (127 + NEAREST) << FINE
_LAST = ((127 + FARTHEST) << FINE) - 1
_SIDE = _LAST - _FIRST + 1


class Lookup:
    """Finds how many edges are at or below a value.

    `edges` is float64, strictly rising, finite but for its last. The tables take 9 KB.

    >>> Lookup(np.array([0.0, 2.0, 5.0])).below(np.array([1.5, 2.0, -1.0, np.inf])).tolist()
    [1, 2, 0, 3]
    """

    def __init__(self, edges: Floats) -> None:
        self._edges = edges
        # Nothing is at or above NaN: what stands after the last edge is never passed.
        self._ended = np.concatenate((edges, np.full(COMPARED, np.nan)))
        n = int(np.isfinite(edges).sum())
        low, middle, high = edges[[n // 4, n // 2, 3 * n // 4]].tolist()
        # A spread about the middle, a scale of ratios, or one that begins at the least.
        tried = ((middle, high - middle), (0.0, abs(middle)), (float(edges[0]), middle - low))
        #: Those with which the fewest edges lie in cells that are too full.
        self._pivot, self._scale = min(
            # -0.0 less 0.0 is below it, and less -0.0 it isn't.
            ((pivot or -0.0, _scale(unit)) for pivot, unit in tried),
            key=lambda one: self._crowd(*one),
        )
        inside = self._inside(self._pivot, self._scale)
        self._full = inside > COMPARED
        # Numbers rise towards the pivot from the last cell of its lower side.
        rising = np.concatenate((inside[_SIDE - 1 :: -1], inside[_SIDE:]))
        below = np.cumsum(rising) - rising
        self._below = np.concatenate((below[_SIDE - 1 :: -1], below[_SIDE:]))

    def _inside(self, pivot: float, scale: float) -> Indexes:
        return np.bincount(_cells(self._edges, pivot, scale), minlength=2 * _SIDE)

    def _crowd(self, pivot: float, scale: float) -> int:
        inside = self._inside(pivot, scale)
        return int(inside[inside > COMPARED].sum())

    def below(self, values: Floats) -> Indexes:
        """int[n]: the edges at or below each of float64[n]. Of NaN it tells any number."""
        cells = _cells(values, self._pivot, self._scale)
        found = self._below.take(cells)
        for _ in range(COMPARED):
            found += self._ended.take(found) <= values
        full = np.flatnonzero(self._full.take(cells))
        if len(full):
            found[full] = self._edges.searchsorted(values[full], "right")
        return found


def _scale(unit: float) -> float:
    """Cells by unit; if it is too narrow or too wide for a float, any are exact, but full."""
    with np.errstate(over="ignore", divide="ignore"):
        scale = float(1 / np.float64(unit))
    return scale if 0 < scale < np.inf else 1.0


def _cells(values: Floats, pivot: float, scale: float) -> npt.NDArray[np.int32]:
    """The cell of each value: those below the pivot first, on both sides the nearest first."""
    with np.errstate(over="ignore"):
        away = values - pivot
        away *= scale
        bits = away.astype(np.float32).view(np.int32)
    bits >>= _SHIFT
    cells = bits & _MAGNITUDE
    np.clip(cells, _FIRST, _LAST, out=cells)
    cells -= np.where(bits < 0, np.int32(_FIRST), np.int32(_FIRST - _SIDE))
    return cells
