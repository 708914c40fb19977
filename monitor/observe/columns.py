"""Rows of one model to columns: numbers side by side, categories as slots of their grids.

A chunk's rows become columns while they are still in the processor's cache, and are let go.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from struct import Struct
from struct import error as StructError
from typing import Any

import numpy as np
import numpy.typing as npt

from monitor.observe.features import Features
from monitor.observe.model import Monitored
from monitor.stats.grid import CategoricalGrid, NumericGrid

Times = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]
Indexes = npt.NDArray[np.intp]


@dataclass(slots=True)
class Block:
    """Predictions of one model, in the order of the log, as columns.

    `times` int64[n] are ms; `versions` int32[n] index `names`; `numbers` float64[numeric columns,
    n] with NaN for null; `codes` int32[categorical columns, n] are slots of their grids;
    `mistyped` names the numeric features of a wrong type by position of the row.
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


class Columns:
    """The columns of one model: the features', then the prediction's and the score's."""

    def __init__(self, model: Monitored) -> None:
        self.features = features = Features(model)
        columns = model.baseline.layout.columns if model.baseline else ()
        # As the features' tuples have them: those first, then the prediction and the score.
        ranked = sorted(columns, key=lambda column: not column.subject.startswith("feature/"))
        self.numeric = [(c.subject, c.grid) for c in ranked if isinstance(c.grid, NumericGrid)]
        self.categorical = [
            (c.subject, c.grid) for c in ranked if isinstance(c.grid, CategoricalGrid)
        ]
        self._pack = Struct(f"={sum(not c for c in features.categorical)}d").pack

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
        numbers, codes = self._numbers(features, rows), self._codes(features, rows)
        return Block(times, names, which, numbers, codes, mistyped)

    def _numbers(self, features: Sequence[Any], rows: Sequence[Any]) -> Floats:
        """float64[numeric columns, n]."""
        block = np.empty((len(self.numeric), len(rows)))
        if not block.size:
            return block
        k = len(self.features.categorical) - sum(self.features.categorical)
        block[:k] = _matrix(list(map(self.features.numeric, features)), k, self._pack).T
        for (subject, _), out in zip(self.numeric[k:], block[k:], strict=True):
            if subject == "score":
                out[:] = [row.score for row in rows]  # None becomes NaN
            else:
                out[:] = floats([row.prediction for row in rows])
        return block

    def _codes(self, features: Sequence[Any], rows: Sequence[Any]) -> Codes:
        """int32[categorical columns, n]."""
        block = np.empty((len(self.categorical), len(rows)), dtype=np.int32)
        if not block.size:
            return block
        taken = map(self.features.categories, features)
        values: list[Sequence[Any]] = list(zip(*taken, strict=True))
        if len(values) < len(self.categorical):
            values.append([row.prediction for row in rows])
        for (_, grid), out, listed in zip(self.categorical, block, values, strict=True):
            out[:] = grid.codes(listed)
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
