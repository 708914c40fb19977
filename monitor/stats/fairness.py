"""Are groups treated alike? Differences and ratios of rates between groups, with their intervals.

A group of fewer than `LEAST` rows is not compared: its rate is not known well enough to accuse
anybody of it, nor to acquit.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

from monitor.stats.grid import Counts
from monitor.stats.newcombe import Interval, check_proportion, newcombe

#: Rows that a rate of a group needs.
LEAST = 500


@dataclass(frozen=True, slots=True)
class Parity:
    """A group's rate minus another's, and over it; each with its interval.

    The ratio is None where the other's rate is 0, its interval also where the group's own is.
    """

    difference: float
    difference_interval: Interval
    ratio: float | None
    ratio_interval: Interval | None


@dataclass(frozen=True, slots=True)
class Odds:
    """How far apart two groups' rates of true and of false positives are; None if not known.

    `worst` is the greater distance of the two, None unless both are known.
    """

    true_positive: Parity | None
    false_positive: Parity | None
    worst: float | None


def parity(
    count: int,
    rows: int,
    other_count: int,
    other_rows: int,
    least: int = LEAST,
    confidence: float = 0.95,
) -> Parity | None:
    r"""Compare a group's rate with another's; None where one of them has fewer than `least` rows.

    Demographic parity where the rate is that of positive predictions among all. The difference has
    Newcombe's interval; the ratio $p/q$ Katz's, $\exp(\ln\frac{p}{q} \pm z \sqrt{\frac{1 - p}{np} +
    \frac{1 - q}{mq}})$.

    Source: Newcombe (1998), method 10; Katz et al., Obtaining confidence intervals for the risk
    ratio in cohort studies (1978).

    >>> found = parity(300, 1000, 500, 1000)
    >>> round(found.difference, 3), round(found.ratio, 3)
    (-0.2, 0.6)
    >>> round(found.ratio_interval.low, 4), round(found.ratio_interval.high, 4)
    (0.5358, 0.6719)
    """
    check_proportion(count, rows, confidence)
    between = newcombe(count, rows, other_count, other_rows, confidence)
    if between is None or min(rows, other_rows) < max(least, 1):
        return None
    p, q = count / rows, other_count / other_rows
    if other_count == 0:
        return Parity(p - q, between, None, None)
    if count == 0:
        return Parity(p - q, between, 0.0, None)
    error = math.sqrt((1 - p) / count + (1 - q) / other_count)
    half = NormalDist().inv_cdf((1 + confidence) / 2) * error
    limits = Interval(p / q * math.exp(-half), p / q * math.exp(half))
    return Parity(p - q, between, p / q, limits)


def equal_opportunity(
    matrix: Counts, other: Counts, positive: int, least: int = LEAST, confidence: float = 0.95
) -> Parity | None:
    """Compare two groups' recall of the positive class, from int64[K, K], rows labels.

    None where a group has fewer than `least` rows labelled positive.

    Source: Hardt, Price & Srebro, Equality of opportunity in supervised learning (2016).

    >>> import numpy as np
    >>> found = equal_opportunity(np.array([[0, 0], [150, 450]]), np.array([[0, 0], [60, 540]]), 1)
    >>> round(found.difference, 3)
    -0.15
    """
    return parity(
        *_rate(matrix, positive, own=True), *_rate(other, positive, own=True), least, confidence
    )


def equalized_odds(
    matrix: Counts, other: Counts, positive: int, least: int = LEAST, confidence: float = 0.95
) -> Odds:
    """Compare two groups' rates of true and of false positives, from int64[K, K], rows labels.

    Source: Hardt, Price & Srebro, Equality of opportunity in supervised learning (2016).

    >>> import numpy as np
    >>> one, two = np.array([[900, 100], [150, 450]]), np.array([[700, 300], [60, 540]])
    >>> round(equalized_odds(one, two, 1).worst, 3)
    0.2
    """
    hit = equal_opportunity(matrix, other, positive, least, confidence)
    false = parity(
        *_rate(matrix, positive, own=False), *_rate(other, positive, own=False), least, confidence
    )
    worst = None
    if hit is not None and false is not None:
        worst = max(abs(hit.difference), abs(false.difference))
    return Odds(hit, false, worst)


def positive_rate(matrix: Counts, positive: int) -> tuple[int, int]:
    """Return how many of all rows of int64[K, K] were predicted positive, and how many there are.

    >>> import numpy as np
    >>> positive_rate(np.array([[900, 100], [150, 450]]), 1)
    (550, 1600)
    """
    return int(matrix[:, positive].sum()), int(matrix.sum())


def _rate(matrix: Counts, positive: int, *, own: bool) -> tuple[int, int]:
    """Positive predictions, and rows, of those labelled positive (`own`), or of all others."""
    predicted, rows = int(matrix[positive, positive]), int(matrix[positive].sum())
    if own:
        return predicted, rows
    return int(matrix[:, positive].sum()) - predicted, int(matrix.sum()) - rows
