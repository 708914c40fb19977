"""Rows of one model to columns: numbers side by side, categories as slots of their grids.

A chunk's rows become columns while they are still in the processor's cache, and are let go.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from struct import Struct
from struct import error as StructError
from typing import Any

import numpy as np
import numpy.typing as npt

from monitor.observe.features import Features
from monitor.observe.model import FEATURE, Monitored, Period, Where
from monitor.stats.grid import CategoricalGrid, NumericGrid
from monitor.stats.layout import Layout

Times = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]
Indexes = npt.NDArray[np.intp]


@dataclass(slots=True)
class Block:
    """Predictions of one model, in the order of the log, as columns.

    `times` int64[n] are ms; `versions` int32[n] index `names`; `numbers` float64[numeric columns,
    n] with NaN for null; `codes` int32[categorical columns, n] are slots of the grids of the
    baseline that holds at the row's time; `mistyped` names the numeric features of a wrong type by
    position of the row.
    """

    times: Times
    names: list[str]
    versions: Codes
    numbers: Floats
    codes: Codes
    mistyped: Mapping[int, Sequence[str]] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """The number of predictions."""
        return len(self.times)

    def only(self, kept: Indexes) -> "Block":
        """The rows at these positions, which rise."""
        mistyped = self.mistyped and {
            n: self.mistyped[k] for n, k in enumerate(kept.tolist()) if k in self.mistyped
        }
        return Block(
            self.times[kept], self.names, self.versions[kept],
            self.numbers[:, kept], self.codes[:, kept], mistyped,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Grids:
    """The columns of one baseline, in its order, among those of all baselines of the model.

    `numeric` and `categorical` are positions in the rows of a Block with their grids.
    """

    layout: Layout | None
    numeric: tuple[tuple[int, str, NumericGrid], ...]
    categorical: tuple[tuple[int, str, CategoricalGrid], ...]


class Columns:
    """The columns of one model: the features', then the prediction's and the score's."""

    def __init__(self, model: Monitored) -> None:
        self.model = model
        self.features = features = Features(model)
        #: Subjects of the rows of a block.
        self.numeric = [subject for subject, kind in model.kinds.items() if kind == "numeric"]
        self.categorical = [subject for subject in model.kinds if subject not in self.numeric]
        #: By the number of the period.
        self.grids = [self._grids(period) for period in model.periods]
        self._pack = Struct(f"={sum(not c for c in features.categorical)}d").pack

    def _grids(self, period: Period) -> Grids:
        if period.baseline is None:
            return Grids(None, (), ())
        layout = period.baseline.layout
        numeric: list[tuple[int, str, NumericGrid]] = []
        categorical: list[tuple[int, str, CategoricalGrid]] = []
        # As the features' tuples have them: those first, then the prediction and the score.
        for column in sorted(layout.columns, key=lambda c: not c.subject.startswith(FEATURE)):
            subject, grid = column.subject, column.grid
            if isinstance(grid, NumericGrid):
                numeric.append((self.numeric.index(subject), subject, grid))
            elif isinstance(grid, CategoricalGrid):
                categorical.append((self.categorical.index(subject), subject, grid))
        return Grids(layout, tuple(numeric), tuple(categorical))

    def parts(self, times: Times) -> Iterator[tuple[Grids, Where]]:
        """Cut event times by the baseline that holds."""
        return ((self.grids[n], where) for n, where in self.model.parts(times))

    def block(
        self, rows: Sequence[Any], times: Times, mistyped: Mapping[int, Sequence[str]]
    ) -> Block:
        """Single events as columns."""
        versions = [row.model_version for row in rows]
        names = list(dict.fromkeys(versions))
        if len(names) == 1:
            which = np.zeros(len(rows), dtype=np.int32)
        else:
            index = {name: n for n, name in enumerate(names)}
            which = np.fromiter(map(index.__getitem__, versions), np.int32, len(versions))
        features = [row.features for row in rows]
        numbers, codes = self._numbers(features, rows), self._codes(features, rows, times)
        return Block(times, names, which, numbers, codes, mistyped)

    def _numbers(self, features: Sequence[Any], rows: Sequence[Any]) -> Floats:
        """float64[numeric columns, n]."""
        block = np.empty((len(self.numeric), len(rows)))
        if not block.size:
            return block
        k = len(self.features.categorical) - sum(self.features.categorical)
        block[:k] = _matrix(list(map(self.features.numeric, features)), k, self._pack).T
        for subject, out in zip(self.numeric[k:], block[k:], strict=True):
            if subject == "score":
                out[:] = [row.score for row in rows]  # None becomes NaN
            else:
                out[:] = floats([row.prediction for row in rows])
        return block

    def _codes(self, features: Sequence[Any], rows: Sequence[Any], times: Times) -> Codes:
        """int32[categorical columns, n]."""
        if not self.categorical or not rows:
            return np.empty((len(self.categorical), len(rows)), dtype=np.int32)
        taken = map(self.features.categories, features)
        values: list[Sequence[Any]] = list(zip(*taken, strict=True))
        if len(values) < len(self.categorical):
            values.append([row.prediction for row in rows])
        return self.codes(values, times)

    def codes(self, values: Sequence[Sequence[Any]], times: Times) -> Codes:
        """int32[categorical columns, n]: the values of each column in slots of its grids.

        Where the baseline that holds has no such column nobody looks.
        """
        block = np.zeros((len(self.categorical), len(times)), dtype=np.int32)
        for grids, where in self.parts(times):
            for n, _, grid in grids.categorical:
                column = values[n]
                if not isinstance(where, slice):
                    column = [column[k] for k in where.tolist()]
                block[n, where] = grid.codes(column)
        return block


def floats(values: Sequence[Any]) -> Floats:
    """float64[n]; whatever is no number becomes NaN (null)."""
    return np.array([v if type(v) in (int, float) else np.nan for v in values], dtype=float)


def _matrix(rows: Sequence[tuple[Any, ...]], k: int, pack: Any) -> Floats:
    """float64[n, k]; None becomes NaN. Packing is twice as fast, but takes no None."""
    if not k:
        return np.empty((len(rows), 0))
    try:
        return np.frombuffer(b"".join([pack(*row) for row in rows])).reshape(len(rows), k)
    except StructError:
        return np.array(rows, dtype=float).reshape(len(rows), k)
