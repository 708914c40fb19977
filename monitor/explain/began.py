"""When a change began: one change point in the last windows' counts."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import fdtrc

from monitor.stats.grid import Counts

#: Windows before a change without which nothing is known of how they differ, and all together.
BEFORE = 2
LEAST = 4
#: A change is told if chance gives one as great less often than this, anywhere in the windows.
REAL = 1e-3
#: Log-likelihood that an interval of 95 % gives up: half of chi-squared's quantile.
_GIVEN_UP = 1.921


@dataclass(frozen=True, slots=True)
class Began:
    """The first window of the change, as an index; from `low` to `high` it may be, both included.

    `p_value` is the chance of as great a change at any place of windows that hold none.
    """

    at: int
    low: int
    high: int
    p_value: float


def began(windows: Counts) -> Began | None:
    r"""Where one change splits int64[W, K] windows in time order, or None where none is known.

    At every split of the windows that hold rows, $G = 2 \sum_k (c^-_k \ln \frac{c^-_k/n^-}{c_k/n} +
    c^+_k \ln \frac{c^+_k/n^+}{c_k/n})$ compares two multinomials with one; the greatest is the
    change. It is divided by the overdispersion of the windows on either side of it, because days
    differ without any change; so its law is F's. The p-value is Bonferroni's, over the splits.

    Source: Horvath (1993), the maximum likelihood method for testing changes in the parameters;
    Srivastava & Worsley (1986).

    >>> before, after = [[50, 30, 20]] * 9, [[20, 30, 50]] * 4
    >>> found = began(np.array(before + after))
    >>> found.at, (found.low, found.high)
    (9, (9, 9))
    >>> began(np.array(before)) is None
    True
    """
    some = np.flatnonzero(windows.sum(axis=1) > 0)
    counts = windows[some][:, windows[some].sum(axis=0) > 0].astype(np.float64)
    size, cells = counts.shape
    if size < LEAST or cells < 2:
        return None
    before = np.cumsum(counts, axis=0)[:-1]
    after = counts.sum(axis=0) - before
    gains = 2 * (_fit(before) + _fit(after) - _fit(counts.sum(axis=0)[None])[0])
    splits = np.arange(1, size)
    inner = splits >= BEFORE
    best = int(np.argmax(np.where(inner, gains, -np.inf)))
    dispersion = _dispersion(counts, best + 1)
    gains = gains / dispersion
    free = (size - 2) * (cells - 1)
    tail = float(fdtrc(cells - 1, free, gains[best] / (cells - 1)))
    p_value = min(1.0, int(inner.sum()) * tail)
    if p_value >= REAL:
        return None
    near = np.flatnonzero(inner & (gains >= gains[best] - 2 * _GIVEN_UP))
    return Began(int(some[best + 1]), int(some[near[0] + 1]), int(some[near[-1] + 1]), p_value)


def _fit(counts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The log-likelihood of float64[..., K] under its own shares, without what is constant."""
    totals = counts.sum(axis=-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(counts > 0, counts * np.log(counts / totals), 0.0)
    return np.asarray(terms.sum(axis=-1))


def _dispersion(counts: npt.NDArray[np.float64], split: int) -> float:
    """Pearson's estimate over the windows of both sides, 1 at least."""
    total, free = 0.0, 0
    for part in (counts[:split], counts[split:]):
        part = part[:, part.sum(axis=0) > 0]
        expected = part.sum(axis=1, keepdims=True) * part.sum(axis=0) / part.sum()
        total += float(((part - expected) ** 2 / expected).sum())
        free += (part.shape[0] - 1) * (part.shape[1] - 1)
    return max(1.0, total / free) if free and math.isfinite(total) else 1.0
