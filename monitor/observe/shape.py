"""Rows of several models to columns side by side.

A chunk's rows become columns while they are still in the processor's cache, and are let go. Rows of
models whose columns are of the same kinds lie in one block, so that a chunk of a thousand models
costs no more than a chunk of one.
"""

from collections.abc import Iterator, Mapping, Sequence
from struct import Struct
from struct import error as StructError
from typing import Any

import numpy as np
import numpy.typing as npt
from msgspec.structs import astuple

from monitor.observe.columns import Block, Codes, Columns, Counted, Floats, Indexes, Times, floats
from monitor.observe.slots import Slots
from monitor.stats.grid import CategoricalGrid, NumericGrid
from monitor.stats.search import Grids

#: Which of an array's elements: all of them, or those at some positions.
Where = slice | Indexes


class Shape:
    """Models with as many columns of each kind, by their numbers among all models.

    What a row is counted over is a layout: a model has one for each of its baselines. They are
    numbered model by model, each model's in the order of time.
    """

    def __init__(self, members: Mapping[int, Columns]) -> None:
        one = next(iter(members.values()))
        self.members = dict(members)
        features = one.features.categorical
        self.numbers, self.categories = len(one.numeric), len(one.categorical)
        self.columns = self.numbers + self.categories
        self._numeric = len(features) - sum(features)
        self._extra = one.numeric[self._numeric :]
        self._pack = Struct(f"={self._numeric}d").pack
        self._of = _Layouts(members)
        #: By the number of the layout: what is counted, and whose it is.
        self.counted = [counted for columns in members.values() for counted in columns.counted]
        self.model = [n for n, columns in members.items() for _ in columns.counted]
        #: Where the slots of each column begin in a layout, int32[columns, layouts].
        self.offsets = np.zeros((self.columns, len(self.counted)), dtype=np.int32)
        #: The columns that a layout has, where it hasn't all.
        self.some: dict[int, Indexes] = {}
        categories: list[list[CategoricalGrid | None]] = [
            [None] * len(self.counted) for _ in range(self.categories)
        ]
        for n, counted in enumerate(self.counted):
            for j, subject, _ in counted.numeric:
                self.offsets[j, n] = counted.start(subject)
            for j, subject, grid in counted.categorical:
                self.offsets[self.numbers + j, n] = counted.start(subject)
                categories[j][n] = grid
            has = [
                *(j for j, _, _ in counted.numeric),
                *(self.numbers + j for j, _, _ in counted.categorical),
            ]
            if len(has) < self.columns:
                self.some[n] = np.array(has, dtype=np.intp)
        self._slots = [Slots(grids) for grids in categories]
        self._grids = self._all_grids()

    def column(self, layout: int, feature: str) -> int:
        """Which numeric column a feature is of the model whose layout this is."""
        return self.members[self.model[layout]].features.names.index(feature)

    def layouts(self, of: Indexes, times: Times) -> Indexes:
        """The layouts of rows, by the numbers of their models and their times."""
        return self._of.at(of, times)

    def parts(self, layouts: Indexes) -> Iterator[tuple[Counted, Where]]:
        """Cut rows by layout: what each counts that some have, and which these are."""
        numbers = np.unique(layouts).tolist()
        for n in numbers:
            one = len(numbers) == 1
            yield self.counted[n], slice(None) if one else np.flatnonzero(layouts == n)

    def search(self, numbers: Floats, layouts: Indexes) -> npt.NDArray[np.int32]:
        """int32[numeric columns, n]: the slots of numbers in the grids of their layouts.

        What a layout doesn't have gets any: nobody looks.
        """
        which, grids = self._grids
        found = grids.codes(which[:, layouts].ravel(), numbers.ravel())
        return found.reshape(numbers.shape)

    def _all_grids(self) -> tuple[Indexes, Grids]:
        """All numeric grids, and which each layout has by column, int[columns, layouts]."""
        which = np.zeros((self.numbers, len(self.counted)), dtype=np.intp)
        grids: list[NumericGrid] = []
        for n, counted in enumerate(self.counted):
            for j, _, grid in counted.numeric:
                which[j, n] = len(grids)
                grids.append(grid)
        return which, Grids(grids)

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
        layouts = self.layouts(of, times)
        # Faster than attributes by their names, and the faster the more models there are.
        features = [astuple(row.features) for row in rows]
        numbers, codes = self._floats(features, rows), self._codes(features, rows, layouts)
        return Block(of, layouts, times, names, which, numbers, codes, mistyped)

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
        self, features: Sequence[tuple[Any, ...]], rows: Sequence[Any], layouts: Indexes
    ) -> Codes:
        if not self.categories or not rows:
            return np.empty((self.categories, len(rows)), dtype=np.int32)
        k = self._numeric
        values: list[Sequence[Any]] = list(zip(*[row[k:] for row in features], strict=True))
        if len(values) < self.categories:
            values.append([row.prediction for row in rows])
        return self.codes(values, layouts)

    def codes(self, values: Sequence[Sequence[Any]], layouts: Indexes) -> Codes:
        """int32[categorical columns, n]: the values of each column in slots of their grids."""
        block = np.empty((self.categories, len(layouts)), dtype=np.int32)
        for slots, out, listed in zip(self._slots, block, values, strict=True):
            out[:] = slots.codes(layouts, listed)
        return block


class _Layouts:
    """Which layout holds, for rows of many models at once."""

    def __init__(self, members: Mapping[int, Columns]) -> None:
        begins = [columns.begins for columns in members.values()]
        #: When any baseline gives way to another, in ms; between two of them nothing changes.
        self._changes = np.unique([at for times in begins for at in times[1:]])
        #: By the number of the model, its place among the members.
        self._place = np.zeros(max(members) + 1, dtype=np.intp)
        self._place[list(members)] = np.arange(len(members))
        self._spans = len(self._changes) + 1
        #: The place and the span with which each layout begins, as one number: they rise.
        self._first = np.array(
            [
                place * self._spans + int(np.searchsorted(self._changes, at, "right"))
                for place, times in enumerate(begins)
                for at in times
            ],
            dtype=np.int64,
        )

    def at(self, of: Indexes, times: Times) -> Indexes:
        """The layouts of rows, by the numbers of their models and their times."""
        place = self._place[of]
        if self._spans == 1:
            return place
        span = np.searchsorted(self._changes, times, "right")
        return np.searchsorted(self._first, place * self._spans + span, "right") - 1


def shapes(columns: Sequence[Columns]) -> list[Shape]:
    """Models by shape; each is numbered by its place."""
    alike: dict[tuple[object, ...], dict[int, Columns]] = {}
    for n, one in enumerate(columns):
        alike.setdefault(one.kinds, {})[n] = one
    return [Shape(members) for members in alike.values()]


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
