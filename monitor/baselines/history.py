"""Which rows of a history are the reference, and which make the baseline's own windows.

::

    windows   | 1 | 2 | ...  | 100 | 101 | ...               | 250 | (251
    rows      [ reference ......... )[ own windows ............... ) left out

The earlier part is the reference, about two fifths; what came after it tells how windows differ
from it while nothing is wrong. The longest length that has windows enough decides where they part,
so that every length has as much of the time. A window is whole if something came after its end:
the last one may have been cut off.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil

import numpy as np
import numpy.typing as npt

from monitor.baselines.own_windows import OwnWindows, Times
from monitor.stats.coarse import coarse
from monitor.stats.column import Values, numbers
from monitor.stats.grid import Counts, Grid

#: Of a history's windows so many belong to the reference at least.
REFERENCE_SHARE = 0.4
#: Fewer windows on either side tell nothing of what is usual: all is the reference then.
LEAST = 20
#: With fewer windows of its own a baseline keeps no budget of false alarms with certainty.
ENOUGH = 150
#: Four weeks of quarters of an hour. More would tell the correlation of neighbours no better than
#: to 3 % (1.645/sqrt(N)), and each takes its bytes in the file and in every worker.
MOST = 2688

Rows = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """Own windows of one length: `starts` int64[N] in ms, `of_row` of each row its window or -1."""

    size_ms: int
    starts: Times
    of_row: npt.NDArray[np.intp]

    def counts(self, codes: npt.NDArray[np.int32], grid: Grid) -> Counts:
        """Count the slots of all rows into int64[N, K] over the grid's coarse cells."""
        # A slot is counted in one coarse cell, or, as null is, in none.
        cells = coarse(np.eye(grid.width, dtype=np.int64), grid)
        k = cells.shape[1]
        cell = np.where(cells.any(axis=1), cells.argmax(axis=1), -1)[codes]
        inside = (self.of_row >= 0) & (cell >= 0)
        at = self.of_row[inside] * k + cell[inside]
        return np.bincount(at, minlength=len(self.starts) * k).reshape(-1, k)


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """A history of n rows, divided.

    `reference` is bool[n]; `placed` are the own windows by length, the shortest first, none of a
    length that has too few. `found` says how many whole windows with rows there are of each length
    that was asked for, and `untimed` how many rows have no time: they are the reference's.
    """

    reference: Rows
    placed: tuple[Placed, ...] = ()
    found: Mapping[int, int] = field(default_factory=dict)
    untimed: int = 0

    def own(
        self, columns: Mapping[str, tuple[npt.NDArray[np.int32], Grid]]
    ) -> tuple[OwnWindows, ...]:
        """Count the own windows of columns, each given by its subject as slots and their grid."""
        return tuple(
            OwnWindows(
                placed.size_ms,
                placed.starts,
                {subject: placed.counts(*column) for subject, column in columns.items()},
            )
            for placed in self.placed
        )


def divide(
    times_ms: Values, sizes_ms: Sequence[int], without: Sequence[tuple[int, int]] = ()
) -> History:
    """Divide rows of these times (ms since 1970, null where unknown) for windows of these lengths.

    Windows that touch a period of `without`, each [from, until) in ms, are none.

    >>> history = divide(range(250 * 4 + 1), [4])
    >>> own = history.placed[0].starts
    >>> int(history.reference.sum()), len(own), int(own[0])
    (400, 150, 400)
    """
    times = numbers(times_ms).values
    timed = np.isfinite(times)
    ms = np.where(timed, times, 0).astype(np.int64)
    starts = {size: _whole(ms[timed], size, without) for size in sorted(set(sizes_ms))}
    found = {size: len(whole) for size, whole in starts.items()}
    untimed = int((~timed).sum())
    long_enough = [size for size, windows in found.items() if windows >= 2 * LEAST]
    if not long_enough:
        return History(np.ones(len(ms), dtype=np.bool_), (), found, untimed)
    longest = long_enough[-1]
    first = max(LEAST, ceil(REFERENCE_SHARE * found[longest]), found[longest] - MOST)
    from_ms = int(starts[longest][first])
    placed = tuple(
        Placed(size, own, np.where(timed, _within(ms, size, own), -1))
        for size in long_enough
        if len(own := starts[size][starts[size] >= from_ms][-MOST:]) >= LEAST
    )
    return History(~timed | (ms < from_ms), placed, found, untimed)


def _whole(ms: Times, size_ms: int, without: Sequence[tuple[int, int]]) -> Times:
    """The starts of the windows that hold a row, without the last one, in order."""
    starts = np.unique(ms // size_ms)[:-1] * size_ms
    for from_ms, until_ms in without:
        starts = starts[(starts >= until_ms) | (starts + size_ms <= from_ms)]
    return starts


def _within(ms: Times, size_ms: int, starts: Times) -> npt.NDArray[np.intp]:
    """The index of the window that holds each time, -1 where none does."""
    start = ms // size_ms * size_ms
    at = np.minimum(np.searchsorted(starts, start), len(starts) - 1)
    return np.where(starts[at] == start, at, -1)
