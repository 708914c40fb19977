"""Columns to panes: blocks of rows pile up and are binned together, once a flush.

Binning a column costs a search for every edge (long columns, sorted first) or for every value
(short ones): piling columns up until a flush makes the first the usual case on a busy stream.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from monitor.observe.columns import Block, Codes, Columns, Floats, Grids
from monitor.observe.model import FEATURE, Monitored
from monitor.stats.layout import Layout

Counts = npt.NDArray[np.integer[Any]]
PaneKey = tuple[str, int]
#: Above this many rows a group, sorting the column beats searching each value.
SORT_FROM = 512
#: Slots binned in one go: bounds the memory of a replay that opens thousands of panes a flush.
SLOTS_AT_ONCE = 1 << 22


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
    """Accepted rows of one model as columns, a block for each chunk (as in Block)."""

    names: dict[str, int] = field(default_factory=dict)
    versions: list[Codes] = field(default_factory=list)
    times: list[Counts] = field(default_factory=list)
    numbers: list[Floats] = field(default_factory=list)
    codes: list[Codes] = field(default_factory=list)
    mistyped: dict[int, Sequence[str]] = field(default_factory=dict)
    rows: int = 0

    def block(self) -> Block:
        """All of it in one."""
        return Block(
            np.concatenate(self.times),
            list(self.names),
            np.concatenate(self.versions),
            np.concatenate(self.numbers, axis=1),
            np.concatenate(self.codes, axis=1),
            self.mistyped,
        )


class Fold:
    """Piles up the rows of one model, and bins them into panes of the baseline of their time."""

    def __init__(self, model: Monitored, columns: Columns) -> None:
        self.pane_ms = model.spec.pane_ms
        self.pile = Pile()
        self._columns = columns

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
            pile.mistyped[pile.rows + row] = features
        index = [pile.names.setdefault(name, len(pile.names)) for name in block.names]
        pile.rows += block.rows
        pile.times.append(block.times)
        pile.versions.append(np.array(index, dtype=np.int32)[block.versions])
        pile.numbers.append(block.numbers)
        pile.codes.append(block.codes)

    def bin(self, panes: dict[PaneKey, Pane]) -> set[PaneKey]:
        """Add the piled rows to `panes`, keyed by (version, start in ms); return those changed.

        A baseline changes between panes, so no pane has rows of two.
        """
        pile, self.pile = self.pile, Pile()
        changed: set[PaneKey] = set()
        if pile.rows:
            block = pile.block()
            for grids, where in self._columns.parts(block.times):
                part = block if isinstance(where, slice) else block.only(where)
                changed |= self._bin(part, grids, panes)
        return changed

    def _bin(self, block: Block, grids: Grids, panes: dict[PaneKey, Pane]) -> set[PaneKey]:
        times, names = block.times, block.names
        stretch, start = np.unique(times - times % self.pane_ms, return_inverse=True)
        group = block.versions * np.int64(len(stretch)) + start
        used, group, rows = np.unique(group, return_inverse=True, return_counts=True)
        keys = [(names[g // len(stretch)], int(stretch[g % len(stretch)])) for g in used.tolist()]
        width = grids.layout.width if grids.layout else 0
        for key, n in zip(keys, rows.tolist(), strict=True):
            pane = panes.get(key)
            if pane is None:
                pane = panes[key] = Pane(width)
            pane.grow(n)
        if grids.layout:
            _columns(block, grids, grids.layout, group, rows, [panes[key].counts for key in keys])
        return set(keys)


def _columns(
    block: Block, grids: Grids, layout: Layout, group: Counts, rows: Counts, into: list[Counts]
) -> None:
    """Count every column of a block by group, into the flat counts of each group."""

    def targets(subject: str) -> list[Counts]:
        where = layout.slice(subject)
        return [counts[where] for counts in into]

    numbers = block.numbers
    wrong: dict[str, list[int]] = {}
    for row, features in block.mistyped.items():
        for feature in features:
            wrong.setdefault(f"{FEATURE}{feature}", []).append(int(group[row]))
    for n, subject, names in grids.categorical:
        _scatter(block.codes[n], group, names.width, targets(subject))
    if block.rows >= SORT_FROM * len(into):
        if len(into) > 1:
            numbers = numbers[:, np.argsort(group, kind="stable")]
        bounds = np.cumsum(rows)[:-1]
        for n, subject, grid in grids.numeric:
            parts = np.split(numbers[n], bounds)
            for target, part in zip(targets(subject), parts, strict=True):
                _add(target, grid.counts(part))
    else:
        for n, subject, grid in grids.numeric:
            _scatter(grid.codes(numbers[n]), group, grid.width, targets(subject))
    for _, subject, grid in grids.numeric:
        counts = targets(subject) if subject in wrong else []
        for g in wrong.get(subject, ()):
            # A wrong type was folded as absent: it is an error of its own, not a null.
            counts[g][grid.NULL] -= 1
            counts[g][grid.TYPE_ERROR] += 1


def _scatter(codes: Codes, group: Counts, width: int, targets: list[Counts]) -> None:
    """Count codes by group; a few groups at a time where there are many."""
    at_once = max(1, SLOTS_AT_ONCE // width)
    for first in range(0, len(targets), at_once):
        some = targets[first : first + at_once]
        mine = slice(None)
        if len(some) < len(targets):
            mine = (group >= first) & (group < first + at_once)  # type: ignore[assignment]
        flat = (group[mine] - first) * width + codes[mine]
        counted = np.bincount(flat, minlength=len(some) * width).reshape(len(some), width)
        for target, counts in zip(some, counted, strict=True):
            _add(target, counts)


def _add(target: npt.NDArray[Any], counts: npt.NDArray[Any]) -> None:
    """Add in the integers of the target, which hold every sum (`Pane.grow`)."""
    np.add(target, counts, out=target, casting="unsafe")
