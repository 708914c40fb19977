"""Rows to columns: numbers side by side, categories as slots of their grids.

A chunk's rows become columns while they are still in the processor's cache, and are let go. Rows of
models whose columns are of the same kinds lie in one block, so that a chunk of a thousand models
costs no more than a chunk of one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice, zip_longest
from struct import Struct
from struct import error as StructError
from typing import Any

import numpy as np
import numpy.typing as npt
from msgspec.structs import astuple

from monitor.observe.features import Features
from monitor.observe.model import Monitored
from monitor.stats.grid import CategoricalGrid, NumericGrid
from monitor.stats.search import Grids

Times = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]
Indexes = npt.NDArray[np.intp]
#: Slots of categories that a column of all models has at hand, 4 bytes each.
SLOTS_AT_HAND = 1 << 18


@dataclass(slots=True)
class Block:
    """Predictions of models of one shape, in the order of the log, as columns.

    `of` int[n] numbers the models; `times` int64[n] are ms; `versions` int32[n] index `names`;
    `numbers` float64[numeric columns, n] with NaN for null; `codes` int32[categorical columns, n]
    are slots of their grids; `mistyped` names the numeric features of a wrong type by position of
    the row.
    """

    of: Indexes
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
            self.of[kept], self.times[kept], self.names, self.versions[kept],
            self.numbers[:, kept], self.codes[:, kept], mistyped,
        )  # fmt: skip


class Columns:
    """The columns of one model: the features', then the prediction's and the score's."""

    def __init__(self, model: Monitored) -> None:
        self.features = Features(model)
        self.layout = model.baseline.layout if model.baseline else None
        columns = self.layout.columns if self.layout else ()
        # As the features' tuples have them: those first, then the prediction and the score.
        ranked = sorted(columns, key=lambda column: not column.subject.startswith("feature/"))
        self.numeric = [(c.subject, c.grid) for c in ranked if isinstance(c.grid, NumericGrid)]
        self.categorical = [
            (c.subject, c.grid) for c in ranked if isinstance(c.grid, CategoricalGrid)
        ]

    @property
    def kinds(self) -> tuple[object, ...]:
        """What models have in common whose rows lie in one block."""
        extra = [s for s, _ in self.numeric if not s.startswith("feature/")]
        rest = [s for s, _ in self.categorical if not s.startswith("feature/")]
        return len(self.numeric), len(self.categorical), *extra, None, *rest


class Shape:
    """Models with as many columns of each kind, by their numbers among all models."""

    def __init__(self, members: Mapping[int, Columns], models: int) -> None:
        one = next(iter(members.values()))
        self.members = dict(members)
        features = one.features.categorical
        self.numbers, self.categories = len(one.numeric), len(one.categorical)
        self.columns = self.numbers + self.categories
        self._numeric = len(features) - sum(features)
        self._extra = [subject for subject, _ in one.numeric[self._numeric :]]
        self._slots = [
            Slots({n: columns.categorical[j][1] for n, columns in members.items()}, models)
            for j in range(self.categories)
        ]
        self._pack = Struct(f"={self._numeric}d").pack
        #: Where the slots of each column begin in a model's layout, int32[columns, models].
        self.offsets = np.zeros((self.columns, models), dtype=np.int32)
        #: The place of a model among the members.
        self.place = np.zeros(models, dtype=np.intp)
        for place, (n, columns) in enumerate(members.items()):
            self.place[n] = place
            for j, (subject, _) in enumerate((*columns.numeric, *columns.categorical)):
                assert columns.layout is not None
                self.offsets[j, n] = columns.layout.slice(subject).start

    def width(self, model: int) -> int:
        """The number of slots in the layout of a model."""
        layout = self.members[model].layout
        return layout.width if layout else 0

    def column(self, model: int, feature: str) -> int:
        """Which numeric column a feature of a model is."""
        return self.members[model].features.names.index(feature)

    @cached_property
    def grids(self) -> Grids:
        """The numeric grids of all members, column by column."""
        columns = self.members.values()
        return Grids([c.numeric[j][1] for j in range(self.numbers) for c in columns])

    def block(
        self, rows: Sequence[Any], of: Indexes, times: Times, mistyped: Mapping[int, Sequence[str]]
    ) -> Block:
        """Single events as columns."""
        versions = [row.model_version for row in rows]
        names = list(dict.fromkeys(versions))
        if len(names) == 1:
            which = np.zeros(len(rows), dtype=np.int32)
        else:
            index = {name: n for n, name in enumerate(names)}
            which = np.fromiter(map(index.__getitem__, versions), np.int32, len(versions))
        # Faster than attributes by their names, and the faster the more models there are.
        features = [astuple(row.features) for row in rows]
        numbers, codes = self._floats(features, rows), self._codes(features, rows, of)
        return Block(of, times, names, which, numbers, codes, mistyped)

    def _floats(self, features: Sequence[tuple[Any, ...]], rows: Sequence[Any]) -> Floats:
        """float64[numeric columns, n]."""
        block = np.empty((self.numbers, len(rows)))
        if not block.size:
            return block
        k = self._numeric
        block[:k] = _matrix(features, k, self._pack).T
        for subject, out in zip(self._extra, block[k:], strict=True):
            if subject == "score":
                out[:] = [row.score for row in rows]  # None becomes NaN
            else:
                out[:] = floats([row.prediction for row in rows])
        return block

    def _codes(
        self, features: Sequence[tuple[Any, ...]], rows: Sequence[Any], of: Indexes
    ) -> Codes:
        """int32[categorical columns, n]."""
        block = np.empty((self.categories, len(rows)), dtype=np.int32)
        if not block.size:
            return block
        k = self._numeric
        values: list[Sequence[Any]] = list(zip(*[row[k:] for row in features], strict=True))
        if len(values) < self.categories:
            values.append([row.prediction for row in rows])
        for slots, out, listed in zip(self._slots, block, values, strict=True):
            out[:] = slots.codes(of, listed)
        return block


class Slots:
    """The categories of one column in the grids of models, by the models' numbers."""

    def __init__(self, grids: Mapping[int, CategoricalGrid], models: int) -> None:
        self._grids = grids
        # By rank, so that where there are too many it is rare ones that are left out.
        ranks = zip_longest(*(grid.categories for grid in grids.values()))
        words = dict.fromkeys(word for rank in ranks for word in rank if word is not None)
        most = max(1, SLOTS_AT_HAND // models)
        #: A column of `_table` for each word: the names that models share are looked up in one
        #: small mapping, not in a thousand.
        self._words = {word: n for n, word in enumerate(islice(words, most))}
        self._table = np.zeros((models, len(self._words)), dtype=np.int32)
        for n, grid in grids.items():
            self._table[n] = [grid.slot(word) for word in self._words]

    def codes(self, of: Indexes, values: Sequence[Any]) -> Codes:
        """The slot of each value in the grid of its model."""
        words = self._words
        try:
            # Most chunks hold nothing but names that have a slot.
            known = np.fromiter(map(words.__getitem__, values), np.intp, len(values))
            return self._table[of, known]
        except (KeyError, TypeError):
            return np.array(
                [
                    self._table[n, words[value]]
                    if type(value) is str and value in words
                    else self._grids[n].slot(value)
                    for n, value in zip(of.tolist(), values, strict=True)
                ],
                dtype=np.int32,
            )


def shapes(columns: Sequence[Columns]) -> list[Shape]:
    """Models by shape; each is numbered by its place."""
    alike: dict[tuple[object, ...], dict[int, Columns]] = {}
    for n, one in enumerate(columns):
        alike.setdefault(one.kinds, {})[n] = one
    return [Shape(members, len(columns)) for members in alike.values()]


def floats(values: Sequence[Any]) -> Floats:
    """float64[n]; whatever is no number becomes NaN (null)."""
    return np.array([v if type(v) in (int, float) else np.nan for v in values], dtype=float)


def _matrix(rows: Sequence[tuple[Any, ...]], k: int, pack: Any) -> Floats:
    """float64[n, k] of the first k values; None becomes NaN.

    Packing is twice as fast, but takes no None.
    """
    if not k:
        return np.empty((len(rows), 0))
    try:
        return np.frombuffer(b"".join([pack(*row[:k]) for row in rows])).reshape(len(rows), k)
    except StructError:
        return np.array([row[:k] for row in rows], dtype=float).reshape(len(rows), k)
