"""Columns to panes: blocks of rows pile up and are binned together, once a flush.

A call of numpy costs as much as a thousand values, so columns are piled up until a flush: that
makes them long on a busy stream. Where many models share it they stay short, and the values of all
are searched together.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from monitor.observe.columns import Block, Codes, Counted, Floats, Indexes, Times
from monitor.observe.shape import Shape
from monitor.stats.grid import NumericGrid

Counts = npt.NDArray[np.integer[Any]]
PaneKey = tuple[str, int]
#: From this many rows of a group on, a call for each of its columns costs less than the search.
LONG_FROM = 512
#: Values searched in one go: they stay in the cache, and memory is bounded.
VALUES_AT_ONCE = 1 << 14


class Pane:
    """Counts of one pane of one model version in this source partition; `counts` is flat.

    No slot holds more than the rows: the narrowest integers do until there are more. Most panes of
    most models are small, and 500 features over 256 bins are a megabyte of int64.
    """

    __slots__ = ("counts", "rows")

    def __init__(self, width: int) -> None:
        self.rows = 0
        self.counts: npt.NDArray[np.integer[Any]] = np.zeros(width, dtype=np.uint8)

    def grow(self, rows: int) -> None:
        """Take so many rows more: whatever they are added to can hold them."""
        self.rows += rows
        if self.rows > np.iinfo(self.counts.dtype).max:
            self.counts = self.counts.astype(np.min_scalar_type(self.rows))


@dataclass(slots=True)
class Pile:
    """Accepted rows as columns, a block for each chunk (as in Block)."""

    names: dict[str, int] = field(default_factory=dict)
    layouts: list[Indexes] = field(default_factory=list)
    versions: list[Codes] = field(default_factory=list)
    times: list[Times] = field(default_factory=list)
    numbers: list[Floats] = field(default_factory=list)
    codes: list[Codes] = field(default_factory=list)
    mistyped: list[tuple[int, str]] = field(default_factory=list)
    rows: int = 0


class Fold:
    """Piles up the rows of models of one shape, and bins them into panes of their layouts.

    `pane_ms` int64[models] are the lengths of the models' panes. A baseline changes between panes,
    so no pane has rows of two layouts.
    """

    def __init__(self, shape: Shape, pane_ms: Times) -> None:
        self.shape = shape
        #: By the number of the layout.
        self._pane_ms = pane_ms[shape.model]
        self.pile = Pile()

    @property
    def waiting(self) -> int:
        """The number of rows that wait to be binned."""
        return self.pile.rows

    def take(self, block: Block) -> None:
        """Pile up rows."""
        pile = self.pile
        if not block.rows:
            return
        for row, features in block.mistyped.items():
            pile.mistyped += [(pile.rows + row, feature) for feature in features]
        index = [pile.names.setdefault(name, len(pile.names)) for name in block.names]
        pile.rows += block.rows
        pile.layouts.append(block.layouts)
        pile.times.append(block.times)
        pile.versions.append(np.array(index, dtype=np.int32)[block.versions])
        pile.numbers.append(block.numbers)
        pile.codes.append(block.codes)

    def bin(self, panes: Sequence[dict[PaneKey, Pane]]) -> list[tuple[int, PaneKey]]:
        """Add the piled rows to `panes`, keyed by (version, start in ms), of models by number.

        Returns those changed, each with the number of its model.
        """
        pile, self.pile = self.pile, Pile()
        if not pile.rows:
            return []
        of, times = np.concatenate(pile.layouts), np.concatenate(pile.times)
        names = list(pile.names)
        stretch, start = np.unique(times - times % self._pane_ms[of], return_inverse=True)
        group = (of * len(names) + np.concatenate(pile.versions)) * len(stretch) + start
        used, group, rows = np.unique(group, return_inverse=True, return_counts=True)
        layouts, used = np.divmod(used, len(names) * len(stretch))
        versions, start = np.divmod(used, len(stretch))
        changed: list[tuple[int, PaneKey]] = []
        into: list[Counts] = []
        for layout, version, start_ms, n in zip(
            layouts.tolist(), versions.tolist(), stretch[start].tolist(), rows.tolist(), strict=True
        ):
            key, model = (names[version], start_ms), self.shape.model[layout]
            pane = panes[model].get(key)
            if pane is None:
                pane = panes[model][key] = Pane(self.shape.counted[layout].width)
            pane.grow(n)
            into.append(pane.counts)
            changed.append((model, key))
        if self.shape.columns:
            self._columns(pile, of, group, rows, into)
        return changed

    def _columns(
        self, pile: Pile, of: Indexes, group: Indexes, rows: Indexes, into: list[Counts]
    ) -> None:
        """Count the columns of all groups; `rows` int[groups] are their lengths."""
        shape = self.shape
        numbers = np.concatenate(pile.numbers, axis=1)
        codes = np.concatenate(pile.codes, axis=1)
        place = np.arange(pile.rows)
        if len(into) > 1:
            order = np.argsort(group, kind="stable")
            numbers, codes, of, group = numbers[:, order], codes[:, order], of[order], group[order]
            place[order] = np.arange(pile.rows)
        wrong = np.array(
            [
                (place[row], shape.column(int(of[place[row]]), feature))
                for row, feature in pile.mistyped
            ],
            dtype=np.intp,
        ).reshape(-1, 2)
        ends = np.cumsum(rows)
        for n in np.flatnonzero(rows >= LONG_FROM).tolist():
            mine = slice(int(ends[n] - rows[n]), int(ends[n]))
            errors = wrong[(wrong[:, 0] >= mine.start) & (wrong[:, 0] < mine.stop), 1]
            counted = shape.counted[of[mine.start]]
            _long(numbers[:, mine], codes[:, mine], counted, errors.tolist(), into[n])
        short = np.flatnonzero(rows[group] < LONG_FROM)
        at_once = max(1, VALUES_AT_ONCE // shape.columns)
        for first in range(0, len(short), at_once):
            some = short[first : first + at_once]
            slots = self._slots(numbers[:, some], codes[:, some], of[some])
            at = np.minimum(np.searchsorted(some, wrong[:, 0]), len(some) - 1)
            here = some[at] == wrong[:, 0]
            # A wrong type was folded as absent: it is an error of its own, not a null.
            slots[at[here], wrong[here, 1]] += NumericGrid.TYPE_ERROR - NumericGrid.NULL
            bounds = np.flatnonzero(np.diff(group[some], prepend=-1, append=-1)).tolist()
            for begin, end in pairwise(bounds):
                row, found = some[begin], slots[begin:end]
                if (has := shape.some.get(int(of[row]))) is not None:
                    found = found[:, has]
                target = into[group[row]]
                np.add.at(target, found.ravel(), target.dtype.type(1))

    def _slots(self, numbers: Floats, codes: Codes, of: Indexes) -> Indexes:
        """The slot of every value in its layout: int[n, columns]."""
        shape, k = self.shape, len(numbers)
        slots = np.empty((len(of), shape.columns), dtype=np.intp)
        if k:
            slots[:, :k] = (shape.search(numbers, of) + shape.offsets[:k, of]).T
        slots[:, k:] = (codes + shape.offsets[k:, of]).T
        return slots


def _long(
    numbers: Floats, codes: Codes, counted: Counted, errors: list[int], counts: Counts
) -> None:
    """Count long columns of one pane; `errors` has the column of each mistyped value."""
    for j, subject, grid in counted.numeric:
        start = counted.start(subject)
        end = start + grid.width
        _add(counts[start:end], grid.counts(numbers[j]))
        if wrong := errors.count(j):
            counts[end + NumericGrid.NULL] -= wrong
            counts[end + NumericGrid.TYPE_ERROR] += wrong
    for j, subject, names in counted.categorical:
        start = counted.start(subject)
        _add(counts[start : start + names.width], np.bincount(codes[j], minlength=names.width))


def _add(target: npt.NDArray[Any], counts: npt.NDArray[Any]) -> None:
    """Add in the integers of the target, which hold every sum (`Pane.grow`)."""
    np.add(target, counts, out=target, casting="unsafe")
