"""Whether two proportions are one: the pooled z-test."""

import math
from dataclasses import dataclass

from monitor.stats.newcombe import check_counts


@dataclass(frozen=True, slots=True)
class TwoProportions:
    """First proportion minus second, its z, and p: two-sided, and one-sided for a greater first."""

    difference: float
    z: float
    p_value: float
    p_greater: float


def two_proportions(
    count: int, rows: int, other_count: int, other_rows: int
) -> TwoProportions | None:
    r"""Compare count/rows with other_count/other_rows; None if a side has no rows.

    $z = (p_1 - p_2) / \sqrt{p(1-p)(1/n_1 + 1/n_2)}$ with the pooled $p$. Where all rows are alike
    there is nothing to tell the sides apart: z = 0, p = 1.

    Source: Huwyler, practice 6 (`statistical_comparison`).

    >>> found = two_proportions(30, 200, 40, 400)
    >>> round(found.z, 6), round(found.p_value, 6)
    (1.798472, 0.072102)
    """
    check_counts(count, rows)
    check_counts(other_count, other_rows)
    if rows == 0 or other_rows == 0:
        return None
    difference = count / rows - other_count / other_rows
    pooled = (count + other_count) / (rows + other_rows)
    error = math.sqrt(pooled * (1 - pooled) * (1 / rows + 1 / other_rows))
    if error == 0:
        return TwoProportions(difference, 0.0, 1.0, 1.0)
    z = difference / error
    return TwoProportions(
        difference, z, math.erfc(abs(z) / math.sqrt(2)), math.erfc(z / math.sqrt(2)) / 2
    )
