"""Two columns of one model, each of which holds what was the other's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from monitor.events.types import Cause
from monitor.explain.axis import Axis
from monitor.explain.categories import Categories, cells
from monitor.explain.evidence import Fit, spread
from monitor.stats.grid import CategoricalGrid, Counts, Floats, Grid, NumericGrid

#: Where more of a column's rows have a category that is not named, its names are not known.
_UNNAMED = 0.05


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """A column's counts on both sides, int64[grid.width] each."""

    grid: Grid
    current: Counts
    reference: Counts


def swapped_columns(columns: Mapping[str, Column], dispersion: float = 1.0) -> dict[str, Cause]:
    """Of columns by subject, the cause of each that was swapped with another one.

    Both must fit the other's baseline as well as a cause must fit, and one of them must show more
    than that its rows lie outside of its own.

    >>> from monitor.stats.grid import build_numeric
    >>> a, b = np.random.default_rng(1).normal([[50.0], [60.0]], 20.0, (2, 5000))
    >>> left, right = build_numeric(a), build_numeric(b)
    >>> found = swapped_columns({
    ...     "left": Column(left, left.counts(b), left.counts(a)),
    ...     "right": Column(right, right.counts(a), right.counts(b)),
    ... })
    >>> found["left"].detail
    'swapped columns: it holds the values of right, and right its'
    """
    numbers = {
        name: axis
        for name, column in columns.items()
        if isinstance(column.grid, NumericGrid)
        and (axis := Axis.of(column.current, column.reference, column.grid, dispersion)).ordinary
        and axis.evidence
    }
    found: dict[str, tuple[float, Cause]] = {}
    pairs = [(a, b) for a, b in combinations(numbers, 2)]
    for a, b in pairs:
        one, other = _held(numbers[a], numbers[b]), _held(numbers[b], numbers[a])
        _take(found, a, b, one, other)
    names = [name for name, column in columns.items() if isinstance(column.grid, CategoricalGrid)]
    for a, b in combinations(names, 2):
        first = _named(columns[a], columns[b], dispersion)
        second = _named(columns[b], columns[a], dispersion) if first else None
        if first and second:
            _take(found, a, b, first, second)
    return {name: cause for name, (_, cause) in found.items()}


def _take(
    found: dict[str, tuple[float, Cause]],
    a: str,
    b: str,
    one: tuple[Fit, bool],
    other: tuple[Fit, bool],
) -> None:
    """Keep the pair if both fit, and neither fits a third column better."""
    if not (one[0].holds and other[0].holds and (one[1] or other[1])):
        return
    for name, with_, fit in ((a, b, one[0]), (b, a, other[0])):
        other_name = with_.removeprefix("feature/")
        detail = f"swapped columns: it holds the values of {other_name}, and {other_name} its"
        if name not in found or found[name][0] < fit.log_likelihood:
            found[name] = fit.log_likelihood, Cause("swapped_columns", detail, fit.figures)


def _held(axis: Axis, other: Axis) -> tuple[Fit, bool]:
    assert axis.evidence is not None
    shares = axis.holding(other)
    return axis.evidence.fit(shares), spread(shares[1:-1])


def _named(column: Column, other: Column, dispersion: float) -> tuple[Fit, bool] | None:
    """The same of categories, as far as their names are known; None where too few are."""
    grid, names = column.grid, other.grid
    assert isinstance(grid, CategoricalGrid)
    assert isinstance(names, CategoricalGrid)
    found = Categories.of(column.current, column.reference, grid, dispersion)
    rows = int(other.reference[: names.bins + 1].sum())
    if found is None or rows == 0 or other.reference[names.bins] > _UNNAMED * rows:
        return None
    held = np.zeros(grid.width, dtype=np.int64)
    slots = [grid.slot(name) for name in names.categories]
    np.add.at(held, slots, other.reference[: names.bins])
    shares: Floats = cells(held, grid, found.known) / rows
    return found.evidence.fit(shares), shares[-1] < 0.5
