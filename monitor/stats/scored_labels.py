"""How good scores are as probabilities: from labels counted over bins of the score.

`counts` is int64[S, 2], the rows of each bin labelled otherwise and positive; `low` and `high`,
float64[S], are the least and the greatest score that a bin may hold. What lies within a bin is not
known, so each figure has two bounds between which that of the raw scores lies. They are one where
every bin holds one score.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from monitor.stats.grid import Counts, Floats

#: A probability of nothing, which came true, costs no more than this one.
FLOOR = 1e-15


@dataclass(frozen=True, slots=True)
class Scored:
    """A figure reckoned with the middle of each bin, and the bounds of that of the raw scores."""

    value: float
    low: float
    high: float


def brier(counts: Counts, low: Floats, high: Floats) -> Scored | None:
    r"""Return the mean squared distance of score and label, $\frac1n \sum (s - y)^2$.

    None without rows.

    Source: Brier, Verification of forecasts expressed in terms of probability (1950).

    >>> at = np.array([0.2, 0.7])
    >>> round(brier(np.array([[8, 2], [3, 7]]), at, at).value, 4)
    0.185
    """
    low, high = _checked(counts, low, high)
    return _mean(counts, low, high, lambda s: s**2, lambda s: (1 - s) ** 2)


def log_loss(counts: Counts, low: Floats, high: Floats) -> Scored | None:
    r"""Return the mean of $-\ln s$ of positive rows and $-\ln(1 - s)$ of others; None if empty.

    Scores are taken as at least 1e-15 away from 0 and 1.

    Source: Good, Rational decisions (1952).

    >>> at = np.array([0.2, 0.7])
    >>> round(log_loss(np.array([[8, 2], [3, 7]]), at, at).value, 4)
    0.5556
    """
    low, high = _checked(counts, low, high)

    def of_one(s: Floats) -> Floats:
        return np.asarray(-np.log(np.clip(s, FLOOR, 1 - FLOOR)))

    return _mean(counts, low, high, lambda s: of_one(1 - s), of_one)


def calibration_error(counts: Counts, low: Floats, high: Floats) -> Scored | None:
    r"""Return how far scores lie from the shares that came true: expected calibration error.

    $\sum_b \frac{n_b}{n} |\bar s_b - \bar y_b|$ over the bins given; None if empty. Few rows a bin
    raise it by chance, where nothing is wrong.

    Source: Naeini, Cooper & Hauskrecht, Obtaining well calibrated probabilities using Bayesian
    binning (2015).

    >>> at = np.array([0.2, 0.7])
    >>> round(calibration_error(np.array([[8, 2], [5, 5]]), at, at).value, 4)
    0.1
    """
    low, high = _checked(counts, low, high)
    rows = counts.sum(axis=1)
    if not rows.any():
        return None
    some = rows > 0
    share, weight = counts[some, 1] / rows[some], rows[some] / rows.sum()
    low, high = low[some], high[some]
    nearest = np.clip(share, low, high)
    farthest = np.maximum(np.abs(low - share), np.abs(high - share))
    middle = np.abs((low + high) / 2 - share)
    return Scored(
        float(weight @ middle), float(weight @ np.abs(nearest - share)), float(weight @ farthest)
    )


def score_auc(counts: Counts) -> Scored | None:
    """Return how often a positive row has a higher score than another; None if either lacks.

    Bins rise. Pairs within one bin count half; the bounds count them as none and as all.

    Source: Hanley & McNeil, The meaning and use of the area under a ROC curve (1982).

    >>> found = score_auc(np.array([[8, 2], [3, 7]]))
    >>> round(found.value, 4), round(found.low, 4), round(found.high, 4)
    (0.7525, 0.5657, 0.9394)
    """
    _checked(counts, np.zeros(len(counts)), np.ones(len(counts)))
    others, positive = counts[:, 0].astype(np.float64), counts[:, 1].astype(np.float64)
    pairs = float(others.sum() * positive.sum())
    if pairs == 0:
        return None
    above = float(positive @ (np.cumsum(others) - others)) / pairs
    tied = float(positive @ others) / pairs
    return Scored(above + tied / 2, above, above + tied)


Loss = Callable[[Floats], Floats]


def _mean(counts: Counts, low: Floats, high: Floats, other: Loss, positive: Loss) -> Scored | None:
    """The mean of a loss that rises with the score of the others, and falls with the positives'."""
    rows = int(counts.sum())
    if rows == 0:
        return None

    def reckoned(of_others: Floats, of_positives: Floats) -> float:
        lost = counts[:, 0] @ other(of_others) + counts[:, 1] @ positive(of_positives)
        return float(lost) / rows

    middle = (low + high) / 2
    return Scored(reckoned(middle, middle), reckoned(low, high), reckoned(high, low))


def _checked(counts: Counts, low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """The bounds of the bins; raises ValueError for what are no scores, or no counts of them."""
    if counts.ndim != 2 or counts.shape[1] != 2 or not len(counts) == len(low) == len(high):
        raise ValueError(
            f"counts of shape {counts.shape} over {len(low)} and {len(high)} bounds; "
            "give int64[S, 2] and S bounds of each kind"
        )
    if not (np.all(low >= 0) and np.all(low <= high) and np.all(high <= 1)):
        raise ValueError("bounds of scores must rise within 0 to 1; clip the outer bins to that")
    return low, high
