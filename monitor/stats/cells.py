"""Which cells of a column a statistic compares, merged from the fine bins.

*Open* cells serve PSI: at most ten quantile bins whose outer ones have no end, over valid rows;
or the categories that the reference knows. A cell that the reference leaves empty would make PSI
an artefact of the reference's size, so what lies outside is a rate with its own test.

*Closed* cells serve JS and Hellinger, which bear empty cells: what lies below, above or is unseen
is a cell apart. *Tested* cells serve chi-squared: the same of numbers, and of categories those that
are frequent enough in the reference; what it has not seen is part of the rest.

Of categories, the ten most frequent have a cell, and so has every other of which 20 rows are to
be expected on both sides. The rest share one: the chance differences of many rare categories
would add up to "drift".
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from monitor.stats.grid import CategoricalGrid, Counts, Grid, NumericGrid

#: So many categories always have a cell; beyond them each needs so many rows.
FREE = 10
LEAST = 20
#: A cell that is tested needs so many rows to be expected on both sides (Cochran, 1954).
TESTED = 5


#: What is shown of a category's name.
NAME_CHARACTERS = 60


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Counts of both sides over the same cells, each int64[K], and what the cells are called."""

    current: Counts
    reference: Counts
    names: tuple[str, ...]


def open_cells(current: Counts, reference: Counts, grid: Grid) -> Cells:
    """Return the cells that PSI compares; raises GridMismatch if the counts don't fit the grid.

    >>> from monitor.stats.grid import build_numeric
    >>> grid = build_numeric(np.array([0.0, 1.0]))
    >>> open_cells(grid.counts(np.array([-9.0, 1.0, 9.0])), grid.counts(np.array([0.0])), grid)
    Cells(current=array([1, 2]), reference=array([1, 0]), names=('< 0.5', '>= 0.5'))
    """
    grid.check(current), grid.check(reference)
    if isinstance(grid, CategoricalGrid):
        return _categories(current, reference, grid, closed=False)
    starts = np.concatenate(([0], grid.coarse + 1))
    return Cells(
        _merged(current, grid, starts), _merged(reference, grid, starts), _ranges(grid, grid.coarse)
    )


def closed_cells(current: Counts, reference: Counts, grid: Grid) -> Cells:
    """Return the cells that JS and Hellinger compare; raises GridMismatch."""
    grid.check(current), grid.check(reference)
    if isinstance(grid, CategoricalGrid):
        return _categories(current, reference, grid, closed=True)
    cuts = np.concatenate(([0], grid.coarse, [grid.edges.size - 1]))
    starts = np.concatenate(([0], cuts + 1))
    return Cells(
        _merged(current, grid, starts), _merged(reference, grid, starts), _ranges(grid, cuts)
    )


def chi2_cells(current: Counts, reference: Counts, grid: Grid) -> Cells:
    """Return the cells that chi-squared compares; raises GridMismatch.

    The reference has no unseen category by construction, and its most frequent ones were picked
    for that: of a long tail, a window without any drift has the former (Good and Turing say how
    many), and less of the latter. Where all that is rare is one cell, both cancel out.

    >>> from monitor.stats.grid import build_categorical
    >>> grid = build_categorical(["a"] * 8 + ["b"] * 2)
    >>> then, now = grid.counts(["a"] * 10), grid.counts(["a"] * 7 + ["b", "c", "d"])
    >>> cells = chi2_cells(now, then, grid)
    >>> cells.current.tolist(), cells.reference.tolist(), cells.names
    ([7, 3], [10, 0], ('a', '__other__'))
    """
    cells = closed_cells(current, reference, grid)
    if isinstance(grid, NumericGrid):
        return cells
    n, m = int(cells.current.sum()), int(cells.reference.sum())
    rare = cells.reference[:-2] * min(n, m) < TESTED * m
    k = int(np.argmax(rare)) if rare.any() else rare.size

    def merge(counts: Counts) -> Counts:
        return np.append(counts[:k], counts[k:].sum())

    names = (*cells.names[:k], "__other__")
    return Cells(merge(cells.current), merge(cells.reference), names)


def uniform_counts(counts: Counts, grid: NumericGrid) -> Counts:
    """Return int64[10] over ten equal bins of the reference's range, as `np.histogram` counts."""
    below = np.cumsum(grid.check(counts)[: grid.bins])
    return np.diff(below[grid.uniform])


def valid_rows(counts: Counts, grid: Grid) -> int:
    """Return the number of rows that held a finite number or a category, in range or not."""
    grid.check(counts)
    last = grid.bins if isinstance(grid, NumericGrid) else grid.bins + 2
    return int(counts[:last].sum())


def _merged(counts: Counts, grid: NumericGrid, starts: Counts) -> Counts:
    return np.asarray(np.add.reduceat(counts[: grid.bins], starts), dtype=np.int64)


def _categories(current: Counts, reference: Counts, grid: CategoricalGrid, closed: bool) -> Cells:
    n, m = valid_rows(current, grid), valid_rows(reference, grid)
    rare = reference[FREE : grid.bins] * min(n, m) < LEAST * m
    k = min(grid.bins, FREE + (int(np.argmax(rare)) if rare.any() else rare.size))
    names = (*map(_short, grid.categories[:k]), "__other__", *(["__unseen__"] if closed else []))

    def merge(counts: Counts) -> Counts:
        merged = np.append(counts[:k], counts[k : grid.bins + 1].sum())
        return np.append(merged, counts[grid.UNSEEN]) if closed else merged

    return Cells(merge(current), merge(reference), names)


def _ranges(grid: NumericGrid, cuts: Counts) -> tuple[str, ...]:
    bounds = [f"{grid.edges[cut]:.6g}" for cut in cuts]
    if not bounds:
        return ("all",)
    between = [f"{low} to {high}" for low, high in pairwise(bounds)]
    return (f"< {bounds[0]}", *between, f">= {bounds[-1]}")


def _short(category: str) -> str:
    """A category as a name of a cell: free text would make an event of any length."""
    return category if len(category) <= NAME_CHARACTERS else category[: NAME_CHARACTERS - 1] + "…"
