"""The bins of a numeric column: frozen with the reference, open at both ends, nothing dropped.

Greedy-quantile bins hold about equal shares of the reference; a value that alone holds a bin's
share (an *atom*) gets a bin of its own. The edges of ten uniform bins are among them, so that the
uniform PSI (Huwyler, practice 8) comes out exactly from the same counts.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, Self, TypeVar

import numpy as np
import numpy.typing as npt

from monitor.errors import BaselineError, GridMismatch
from monitor.stats.lookup import Lookup

Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Indexes = npt.NDArray[np.int64]

_T = TypeVar("_T", bound=np.generic)

#: From so many values on, a table of the edges pays.
MANY = 512
#: How many bins the uniform PSI has, and the most that the coarse one has.
COARSE = 10


@dataclass(frozen=True, eq=False)
class NumericGrid:
    """Left-closed bins over the float64 line: `edges` E, E + 1 bins, then three slots.

    Bin 0 lies below `edges[0]` (the reference's least value), bin i is
    `edges[i-1] <= x < edges[i]`, bin E lies at or above `edges[-1]` (the float after the greatest
    value). `uniform` are the 11 indexes in `edges` of the reference's uniform bins; `coarse` those
    of the at most nine cuts between its quantile bins.

    >>> grid = NumericGrid.of([0.0, 1.0, 2.0], uniform=[0] + [1] * 9 + [2], coarse=[1])
    >>> grid.counts(np.array([-1.0, 0.0, 0.5, 1.0, 2.0, np.nan, np.inf]), type_errors=2).tolist()
    [1, 2, 1, 1, 1, 1, 2]
    """

    edges: Floats
    uniform: Indexes
    coarse: Indexes

    NULL = -3
    NONFINITE = -2
    TYPE_ERROR = -1

    @classmethod
    def of(cls, edges: Any, uniform: Any, coarse: Any) -> Self:
        """Make a grid of array-likes; raises BaselineError if they describe no grid."""
        grid = cls(
            _frozen(np.asarray(edges, dtype=np.float64)),
            _frozen(np.asarray(uniform, dtype=np.int64)),
            _frozen(np.asarray(coarse, dtype=np.int64)),
        )
        grid._check()
        return grid

    def _check(self) -> None:
        e = self.edges
        if e.ndim != 1 or e.size < 2 or not np.all(np.isfinite(e[:-1])) or np.isnan(e[-1]):
            raise BaselineError(f"a grid needs at least 2 finite edges, got {e.tolist()[:5]}")
        if not np.all(e[1:] > e[:-1]):
            raise BaselineError("the edges of a grid must strictly increase; rebuild the baseline")
        for name, index, size in (("uniform", self.uniform, 11), ("coarse", self.coarse, None)):
            inside = index.ndim == 1 and np.all((index >= 0) & (index < e.size))
            if not inside or (size is not None and index.size != size):
                raise BaselineError(f"{name} must index the {e.size} edges, got {index.tolist()}")
            if not np.all(index[1:] >= index[:-1]):
                raise BaselineError(f"{name} indexes must increase, got {index.tolist()}")

    @cached_property
    def _lookup(self) -> Lookup:
        return Lookup(self.edges)

    @property
    def kind(self) -> Literal["numeric"]:
        """The kind of column that this grid counts."""
        return "numeric"

    @property
    def bins(self) -> int:
        """The number of bins, the two open ones included: E + 1."""
        return int(self.edges.size) + 1

    @property
    def single(self) -> npt.NDArray[np.bool_]:
        """bool[E - 1]: which of the bins between two edges can hold only one value."""
        return np.asarray(np.nextafter(self.edges[1:], -np.inf) == self.edges[:-1])

    @property
    def width(self) -> int:
        """The number of slots of a count: the bins, then null, non-finite and type error."""
        return self.bins + 3

    def counts(self, values: Floats, type_errors: int = 0) -> Counts:
        """Count float64[n], NaN meaning null, into int64[width]; `type_errors` are beside the n."""
        result = np.bincount(self.codes(values), minlength=self.width)
        result[self.TYPE_ERROR] = type_errors
        return result

    def codes(self, values: Floats) -> npt.NDArray[np.int32]:
        """Return the slot of each of float64[n], NaN meaning null; their bincount is `counts`.

        >>> grid = NumericGrid.of([0.0, 1.0], uniform=[0] * 10 + [1], coarse=[])
        >>> grid.codes(np.array([0.5, np.nan, -np.inf])).tolist()
        [1, 3, 4]
        """
        if len(values) >= MANY:
            result = self._lookup.below(values).astype(np.int32)
        else:
            result = np.searchsorted(self.edges, values, "right").astype(np.int32)
        odd = ~np.isfinite(values)
        if odd.any():
            null = np.isnan(values)
            result[odd] = self.width + self.NONFINITE
            result[null] = self.width + self.NULL
        return result

    def check(self, counts: Counts) -> Counts:
        """Return the counts, or raise GridMismatch if they were made over other bins."""
        if counts.shape != (self.width,):
            raise GridMismatch(
                f"counts of shape {counts.shape} over a numeric grid of {self.width} slots: "
                "counts merge and compare only over the baseline that they were made with"
            )
        return counts

    def to_dict(self) -> dict[str, Any]:
        """Return what `from_dict` reads: plain JSON values, floats exact."""
        edges: list[float | str] = [*self.edges.tolist()]
        if math.isinf(self.edges[-1]):
            edges[-1] = "inf"  # the float after the greatest one, and JSON has no infinity
        return {
            "kind": self.kind,
            "edges": edges,
            "uniform": self.uniform.tolist(),
            "coarse": self.coarse.tolist(),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Return the grid that `to_dict` described; raises BaselineError if there is none."""
        try:
            edges = [float(edge) for edge in data["edges"]]
            return cls.of(edges, data["uniform"], data["coarse"])
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise BaselineError(f"not a numeric grid: {error!r}; rebuild the baseline") from None

    def __eq__(self, other: object) -> bool:
        """Two grids are equal if all their edges and indexes are."""
        return isinstance(other, NumericGrid) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        """Hash the edges."""
        return hash(self.edges.tobytes())


def build_numeric(values: Floats, bins: int = 256) -> NumericGrid:
    """Build the grid of a reference float64[n]; NaN and infinities in it take no part.

    Raises BaselineError if no finite value is left.

    >>> build_numeric(np.array([3.0, 3.0])).edges.tolist()
    [3.0, 3.0000000000000004]
    """
    finite = values[np.isfinite(values)] + 0.0  # -0.0 becomes 0.0
    if finite.size == 0:
        raise BaselineError(
            f"no finite number in {values.size} reference rows, and bins need at least 1: "
            "mend the column or exclude it"
        )
    unique, mass = np.unique(finite, return_counts=True)
    uniform = uniform_edges(float(unique[0]), float(unique[-1]))
    cuts = _quantile_cuts(unique, mass)
    last = math.nextafter(float(unique[-1]), math.inf)
    edges = np.unique(np.concatenate((_greedy(unique, mass, bins), uniform[:-1], cuts, [last])))
    at = np.append(np.searchsorted(edges, uniform[:-1]), edges.size - 1)
    return NumericGrid.of(edges, at, np.searchsorted(edges, cuts))


def uniform_edges(low: float, high: float) -> Floats:
    """Return `linspace(low, high, 11)` in float64, also where the range exceeds a float."""
    if math.isinf(high - low):
        return np.asarray(np.linspace(low / 2, high / 2, COARSE + 1) * 2 + 0.0)
    return np.asarray(np.linspace(low, high, COARSE + 1) + 0.0)


def _greedy(unique: Floats, mass: Indexes, bins: int) -> list[float]:
    """Cut where a bin has its share; an atom is cut off on both sides."""
    total = int(mass.sum())
    below = np.concatenate(([0], np.cumsum(mass)))
    atoms = np.flatnonzero(mass * bins >= total)
    edges, i = [], 0
    while i < unique.size:
        edges.append(float(unique[i]))
        if mass[i] * bins >= total:
            edges.append(math.nextafter(float(unique[i]), math.inf))
            i += 1
            continue
        full = int(np.searchsorted(below * bins, below[i] * bins + total, "left"))
        nth = int(np.searchsorted(atoms, i))
        i = min(full, int(atoms[nth]) if nth < atoms.size else full)
    return edges


def _quantile_cuts(unique: Floats, mass: Indexes) -> list[float]:
    """Cut nearest to the deciles, leaving no bin of the reference empty.

    A cut lies in the middle between two values, so that one which moves a little, as computed
    values do, does not change bins.
    """
    below = np.cumsum(mass)[:-1] / mass.sum()
    if below.size == 0:
        return []
    cuts = []
    for gap in sorted({int(np.argmin(np.abs(below - k / COARSE))) for k in range(1, COARSE)}):
        low, high = float(unique[gap]), float(unique[gap + 1])
        middle = low / 2 + high / 2
        cuts.append(middle if low < middle else high)
    return cuts


def _frozen(array: npt.NDArray[_T]) -> npt.NDArray[_T]:
    array = array.copy()
    array.setflags(write=False)
    return array
