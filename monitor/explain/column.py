"""What probably happened to one column: every cause that is known, tried on its counts."""

from __future__ import annotations

from monitor.events.types import Cause
from monitor.explain.axis import Axis
from monitor.explain.candidate import Candidate, likeliest
from monitor.explain.categories import (
    Categories,
    filled_category,
    gone_categories,
    new_categories,
    swapped_categories,
)
from monitor.explain.ends import constant, cut_off, filled_in
from monitor.explain.evidence import spread
from monitor.explain.maps import converted, flipped, rounded, scaled, shifted
from monitor.stats.grid import CategoricalGrid, Counts, Grid

#: What is done to a part of the rows, and to every one.
_PARTS = (constant, cut_off, filled_in)
_MAPS = (scaled, converted, shifted, flipped, rounded)


def explain_column(
    current: Counts,
    reference: Counts,
    grid: Grid,
    dispersion: float = 1.0,
    *,
    parts_only: bool = False,
) -> tuple[Cause, ...]:
    """The likeliest cause of what has moved, and another one nearly as likely; none if none fits.

    `current` and `reference` are int64[grid.width]; raises GridMismatch if they aren't. Where rows
    depend on one another, `dispersion` (1 or more) is by how much their counts vary more than
    those of independent ones; taken as 1, a calm day may pass for a tail that was cut off. With
    `parts_only` a column of numbers is asked only about what is done to a part of its rows.

    >>> import numpy as np
    >>> from monitor.stats.grid import build_numeric
    >>> miles = np.exp(np.random.default_rng(1).normal(6, 0.5, 5000))
    >>> grid = build_numeric(miles)
    >>> then, now = grid.counts(miles), grid.counts(miles[:2000] * 1.609344)
    >>> [cause.detail for cause in explain_column(now, then, grid)]
    ['a unit change: every value × 1.609 (miles to kilometres)']
    >>> explain_column(grid.counts(miles[:2000]), then, grid)
    ()
    """
    tried = (
        _categories(current, reference, grid, dispersion)
        if isinstance(grid, CategoricalGrid)
        else _numbers(Axis.of(current, reference, grid, dispersion), parts_only)
    )
    return tuple(Cause(c.cause, c.detail, c.evidence) for c in likeliest(tried))


def _numbers(axis: Axis, parts_only: bool) -> list[Candidate]:
    if not axis.ordinary or (evidence := axis.evidence) is None:
        return []
    # Of a baseline of one or two values every map looks like any other.
    every = not parts_only and spread(axis.merged(axis.shares))
    causes = (*_PARTS, *_MAPS) if every else _PARTS
    return [found for cause in causes for found in cause(axis, evidence)]


def _categories(
    current: Counts, reference: Counts, grid: CategoricalGrid, dispersion: float
) -> list[Candidate]:
    found = Categories.of(current, reference, grid, dispersion)
    if found is None:
        return []
    return [
        *swapped_categories(found),
        *gone_categories(found),
        *filled_category(found),
        *new_categories(found, current, reference),
    ]
