"""Columns to panes: blocks of rows pile up and are binned together, once a flush.

Binning a column costs a search for every edge (long columns, sorted first) or for every value
(short ones): piling columns up until a flush makes the first the usual case on a busy stream.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from monitor.observe.columns import Block, Codes, Columns, Floats
from monitor.observe.model import Monitored

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
    mistyped: list[tuple[int, str]] = field(default_factory=list)
    rows: int = 0


class Fold:
    """Piles up the rows of one model, and bins them into panes of its layout."""

    def __init__(self, model: Monitored, columns: Columns) -> None:
        self.pane_ms = model.spec.pane_ms
        self.layout = model.baseline.layout if model.baseline else None
        self.pile = Pile()
        self._numeric = columns.numeric
        self._categorical = columns.categorical

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
        pile.times.append(block.times)
        pile.versions.append(np.array(index, dtype=np.int32)[block.versions])
        pile.numbers.append(block.numbers)
        pile.codes.append(block.codes)

    def bin(self, panes: dict[PaneKey, Pane]) -> set[PaneKey]:
        """Add the piled rows to `panes`, keyed by (version, start in ms); return those changed."""
        pile, self.pile = self.pile, Pile()
        if not pile.rows:
            return set()
        times = np.concatenate(pile.times)
        names = list(pile.names)
        stretch, start = np.unique(times - times % self.pane_ms, return_inverse=True)
        group = np.concatenate(pile.versions) * np.int64(len(stretch)) + start
        used, group, rows = np.unique(group, return_inverse=True, return_counts=True)
        keys = [(names[g // len(stretch)], int(stretch[g % len(stretch)])) for g in used.tolist()]
        width = self.layout.width if self.layout else 0
        for key, n in zip(keys, rows.tolist(), strict=True):
            pane = panes.get(key)
            if pane is None:
                pane = panes[key] = Pane(width)
            pane.grow(n)
        if self.layout:
            self._columns(pile, group, rows, [panes[key].counts for key in keys])
        return set(keys)

    def _columns(self, pile: Pile, group: Counts, rows: Counts, into: list[Counts]) -> None:
        numbers = np.concatenate(pile.numbers, axis=1)
        codes = np.concatenate(pile.codes, axis=1)
        wrong: dict[str, list[int]] = {}
        for row, feature in pile.mistyped:
            wrong.setdefault(f"feature/{feature}", []).append(int(group[row]))
        for (subject, names), coded in zip(self._categorical, codes, strict=True):
            _scatter(coded, group, names.width, self._targets(subject, into))
        if pile.rows >= SORT_FROM * len(into):
            if len(into) > 1:
                numbers = numbers[:, np.argsort(group, kind="stable")]
            bounds = np.cumsum(rows)[:-1]
            for (subject, grid), values in zip(self._numeric, numbers, strict=True):
                parts = np.split(values, bounds)
                for target, part in zip(self._targets(subject, into), parts, strict=True):
                    _add(target, grid.counts(part))
        else:
            for (subject, grid), values in zip(self._numeric, numbers, strict=True):
                coded = grid.codes(values)
                _scatter(coded, group, grid.width, self._targets(subject, into))
        for subject, grid in self._numeric:
            targets = self._targets(subject, into)
            for g in wrong.get(subject, ()):
                # A wrong type was folded as absent: it is an error of its own, not a null.
                targets[g][grid.NULL] -= 1
                targets[g][grid.TYPE_ERROR] += 1

    def _targets(self, subject: str, into: Sequence[Counts]) -> list[Counts]:
        assert self.layout is not None
        where = self.layout.slice(subject)
        return [counts[where] for counts in into]


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
