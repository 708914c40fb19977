"""Fairness: against scipy's relative risk, and rows told one by one."""

import numpy as np
from hypothesis import strategies as st
from scipy import stats

from monitor.stats.fairness import equal_opportunity, equalized_odds, parity, positive_rate
from monitor.stats.grid import Counts
from monitor.stats.newcombe import newcombe
from tests.stats.oracles import Result, row

GROUP = st.integers(1, 3000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
MATRIX = st.lists(st.integers(0, 5) | st.integers(0, 900), min_size=9, max_size=9).map(
    lambda cells: np.array(cells, dtype=np.int64).reshape(3, 3)
)
LEAST = st.sampled_from([0, 1, 500])
Part = tuple[int, int]


def compared(one: Part, other: Part, least: int, level: float = 0.95) -> Result:
    """Difference and ratio with their intervals, flat; None where a group is too small."""
    if min(one[1], other[1]) < max(least, 1):
        return None
    between = newcombe(*one, *other, level)
    assert between is not None
    difference = (one[0] / one[1] - other[0] / other[1], between.low, between.high)
    if not other[0]:
        return (*difference, None, None, None)
    if not one[0]:
        return (*difference, 0.0, None, None)
    found = stats.contingency.relative_risk(*one, *other)
    limits = found.confidence_interval(level)
    return (*difference, found.relative_risk, limits.low, limits.high)


def flat(found: Result) -> Result:
    if found is None:
        return None
    ratio = found.ratio_interval
    limits = (None, None) if ratio is None else (ratio.low, ratio.high)
    between = found.difference_interval
    return (found.difference, between.low, between.high, found.ratio, *limits)


@row("fairness.parity", "Katz", "scipy.stats.contingency.relative_risk",
     GROUP, GROUP, LEAST, st.sampled_from([0.9, 0.99]))  # fmt: skip
def _parity(one: Part, other: Part, least: int, level: float) -> tuple[Result, Result]:
    return flat(parity(*one, *other, least, level)), compared(one, other, least, level)


def rates(matrix: Counts, positive: int) -> tuple[Part, Part, Part]:
    """Positive predictions of all rows, of the positive ones and of the others, one by one."""
    cells = np.repeat(np.arange(9), matrix.ravel())
    labels, said = cells // 3 == positive, cells % 3 == positive
    return tuple(  # type: ignore[return-value]
        (int(said[rows].sum()), int(rows.sum())) for rows in (labels | True, labels, ~labels)
    )


@row("fairness.positive_rate", "predicted positive", "rows told one by one",
     MATRIX, st.integers(0, 2))  # fmt: skip
def _positive_rate(matrix: Counts, positive: int) -> tuple[Result, Result]:
    return positive_rate(matrix, positive), rates(matrix, positive)[0]


@row("fairness.equal_opportunity", "Hardt", "rows told one by one, relative_risk",
     MATRIX, MATRIX, st.integers(0, 2), LEAST)  # fmt: skip
def _opportunity(one: Counts, other: Counts, positive: int, least: int) -> tuple[Result, Result]:
    parts = rates(one, positive)[1], rates(other, positive)[1]
    return flat(equal_opportunity(one, other, positive, least)), compared(*parts, least)


@row("fairness.equalized_odds", "Hardt", "rows told one by one, relative_risk",
     MATRIX, MATRIX, st.integers(0, 2), LEAST)  # fmt: skip
def _odds(one: Counts, other: Counts, positive: int, least: int) -> tuple[Result, Result]:
    found = equalized_odds(one, other, positive, least)
    sides = [
        compared(a, b, least)
        for a, b in zip(rates(one, positive)[1:], rates(other, positive)[1:], strict=True)
    ]
    worst = None if None in sides else max(abs(side[0]) for side in sides)
    return (flat(found.true_positive), flat(found.false_positive), found.worst), (*sides, worst)
