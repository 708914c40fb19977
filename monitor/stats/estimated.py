"""What performance is to be expected before the labels come: a score is worth what it was worth.

Confidence-based estimation: where a score means what it meant in the reference, rows of a window
are hits as often as the reference's of the same score were. Only the mix of scores is new, and that
is known at once. Of a world in which scores have come to mean something else it knows nothing.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from monitor.stats.grid import Floats
from monitor.stats.newcombe import Interval
from monitor.stats.score_cells import ScoreCells

#: The greatest share of a window's rows of whose score the reference may say nothing.
MOST_UNKNOWN = 0.05


@dataclass(frozen=True, slots=True)
class Estimate:
    """An estimate, the same of the reference's own scores, and where labels will put it.

    `interval` is for what the labels of all the window's rows would show. `unknown` is the share of
    them of whose score the reference says nothing: they may all be hits, or none. `p_value` is the
    one-sided chance of as low an estimate if scores come as they did in the reference.
    """

    value: float
    reference: float
    interval: Interval
    unknown: float
    p_value: float


@dataclass(frozen=True, slots=True, eq=False)
class _Metric:
    """A metric, and how it moves with one more row of each cell, and with each cell's rate."""

    value: float
    by_row: Floats
    by_rate: Floats


def estimated_accuracy(cells: ScoreCells, confidence: float = 0.95) -> Estimate | None:
    r"""Estimate the share of hits in a window: $\sum_k n_k \hat c_k / n$ over cells of score.

    $\hat c_k$ is the share of right predictions in the reference's cell. None without rows, or if
    more than 5 % of them have a score of which the reference has too few labels. The interval rests
    on $\sum_k (n_k/n)^2 \hat c_k (1 - \hat c_k)(1/m_k + 1/n_k)$, m the reference's labelled rows.

    Source: Białek et al., Estimating model performance under covariate shift without labels (2024).

    >>> counts = [np.array([0, 100, 100, 0]) * k for k in (1, 10, 10)]
    >>> cells = ScoreCells.of(np.array([0, 150, 50, 0]), *counts[1:], np.array([0, 600, 900, 0]))
    >>> found = estimated_accuracy(cells)
    >>> round(found.value, 4), round(found.reference, 4)
    (0.675, 0.75)
    """
    return _estimate(cells, _accuracy, confidence)


def estimated_auc(cells: ScoreCells, confidence: float = 0.95) -> Estimate | None:
    r"""Estimate how often a positive of a window has a greater score than a negative.

    $\sum_k e_k (\sum_{j<k} \bar e_j + \frac12 \bar e_k) / (E \bar E)$ with $e_k = n_k \hat\pi_k$
    the positives expected in cell k, $\bar e_k = n_k - e_k$; $\hat\pi_k$ is the share of positives
    in the reference's. None as for the accuracy, and if no positive or no negative is expected.
    The interval is by the delta method, as the accuracy's.

    Source: as `estimated_accuracy`; Mann & Whitney (1947).

    >>> labelled = np.array([0, 1000, 1000, 0])
    >>> cells = ScoreCells.of(labelled // 10, labelled, labelled, np.array([0, 200, 800, 0]))
    >>> round(estimated_auc(cells).value, 4)
    0.8
    """
    return _estimate(cells, _auc, confidence)


def _accuracy(rows: Floats, rates: Floats) -> _Metric | None:
    n = float(rows.sum())
    if n == 0:
        return None
    value = float(rows @ rates) / n
    return _Metric(value, (rates - value) / n, rows / n)


def _auc(rows: Floats, rates: Floats) -> _Metric | None:
    positives, negatives = rows * rates, rows * (1 - rates)
    e, n = float(positives.sum()), float(negatives.sum())
    if e <= 0 or n <= 0:
        return None
    # Of a row in each cell: the negatives that it beats, and the positives that beat it.
    beaten = np.cumsum(negatives) - negatives / 2
    beating = e - np.cumsum(positives) + positives / 2
    value = float(positives @ beaten) / (e * n)
    by_positive, by_negative = beaten / (e * n) - value / e, beating / (e * n) - value / n
    by_row = rates * by_positive + (1 - rates) * by_negative
    return _Metric(value, by_row, rows * (by_positive - by_negative))


def _estimate(
    cells: ScoreCells, metric: Callable[[Floats, Floats], _Metric | None], confidence: float
) -> Estimate | None:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence {confidence} must lie between 0 and 1, like 0.95")
    told, rates = cells.told, cells.rates
    rows, reference = cells.rows.astype(np.float64), cells.reference.astype(np.float64)
    total = float(rows.sum())
    unknown = float(rows[~told].sum()) / total if total else 1.0
    now, then = metric(rows * told, rates), metric(reference * told, rates)
    if unknown > MOST_UNKNOWN or now is None or then is None:
        return None
    by_label = np.divide(1.0, cells.labelled, out=np.zeros(rows.size), where=told)
    by_row = np.divide(1.0, rows, out=np.zeros(rows.size), where=told & (rows > 0))
    variance = float(now.by_rate**2 @ (cells.variances * (by_label + by_row)))
    half = NormalDist().inv_cdf((1 + confidence) / 2) * math.sqrt(variance)
    ends = [now.value]
    if unknown:
        # Rows of which nothing is known: whatever they turn out to be, it is in the interval.
        whole = metric(rows, np.where(told, rates, now.value)) or now
        good = whole.by_rate > 0
        sides = (metric(rows, np.where(told, rates, side)) for side in (~good, good))
        ends += [end.value for end in sides if end is not None]
    interval = Interval(max(0.0, min(ends) - half), min(1.0, max(ends) + half))
    return Estimate(now.value, then.value, interval, unknown, _p_value(cells, now, then, by_label))


def _p_value(cells: ScoreCells, now: _Metric, then: _Metric, by_label: Floats) -> float:
    """The chance of as great a fall: by which rows came, and which the reference had."""
    told = cells.told
    variance = float((cells.rows * told) @ now.by_row**2)
    variance += float((cells.reference * told) @ then.by_row**2)
    variance += float((now.by_rate - then.by_rate) ** 2 @ (cells.variances * by_label))
    if variance <= 1e-18:  # all scores are worth the same: no mix of them is worth less
        return 1.0
    return math.erfc((then.value - now.value) / math.sqrt(2 * variance)) / 2
