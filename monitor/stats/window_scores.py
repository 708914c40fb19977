"""What one window is worth as a number: how far its coarse histogram lies from the usual.

A score is only ever ranked among the same score of the baseline's own windows, so that it needs no
law of its own, and what makes those windows differ from day to day is in it.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from monitor.stats.grid import Counts

Floats = npt.NDArray[np.float64]

#: How much of the cells' correlations is not believed, as they are estimated from few windows.
SHRINKAGE = 0.1


def logit_auc(current: Counts, reference: Counts) -> float | None:
    r"""Whether values rose or fell: $\ln(A/(1-A))$ of Mann-Whitney's A over int64[K] ordered cells.

    0 is no shift, positive says that current values are greater. Half a pair on either side keeps
    it finite. None if a side is empty.

    >>> round(logit_auc(np.array([10, 20, 70]), np.array([30, 40, 30])), 4)
    0.8953
    """
    n, m = int(current.sum()), int(reference.sum())
    if n == 0 or m == 0:
        return None
    pairs = float(np.sum(current * (np.cumsum(reference) - reference / 2.0)))
    return math.log((pairs + 0.5) / (n * m - pairs + 0.5))


@dataclass(frozen=True, eq=False)
class ShareDistance:
    r"""How unusual the shares of K cells are, against N windows' own: a log Mahalanobis distance.

    Of the log shares $\ln((c + \frac12)/(n + \frac K2))$, with the windows' mean and their
    covariance, whose correlations are shrunk by a tenth. A cell that is steady from day to day
    counts more than one that never is; PSI would not know.

    >>> rng = np.random.default_rng(0)
    >>> usual = rng.multinomial(1000, [0.5, 0.3, 0.2], 150)
    >>> distance = ShareDistance.of(usual)
    >>> bool(distance.score(np.array([400, 300, 300])) > distance.own.max())
    True
    """

    mean: Floats
    precision: Floats
    #: float64[N]: each window's own score against all the others.
    own: Floats

    @classmethod
    def of(cls, windows: Counts) -> "ShareDistance":
        """Learn from int64[N, K] windows in time order, N at least K + 2."""
        n, cells = windows.shape
        if n < cells + 2:
            raise ValueError(
                f"{n} windows of {cells} cells: their covariance needs at least {cells + 2}"
            )
        shares = _log_shares(windows)
        own = np.empty(n)
        kept = np.ones(n, dtype=bool)
        for i in range(n):
            # Against the others: one that has helped to say what is usual looks too usual itself.
            kept[i] = False
            own[i] = _score(shares[i], *_usual(shares[kept]))
            kept[i] = True
        return cls(*_usual(shares), own)

    def score(self, current: Counts) -> float | None:
        """Return the score of one window, int64[K]; None if it is empty."""
        if not current.sum():
            return None
        return _score(_log_shares(current[None])[0], self.mean, self.precision)


def _log_shares(counts: Counts) -> Floats:
    cells = counts.shape[1]
    return np.asarray(np.log((counts + 0.5) / (counts.sum(axis=1, keepdims=True) + cells / 2)))


def _usual(shares: Floats) -> tuple[Floats, Floats]:
    covariance = np.atleast_2d(np.cov(shares.T))
    variances = np.diag(covariance)
    # A cell that never moved has no variance: then the least move is unusual, but not infinitely.
    floor = max(float(variances.max(initial=0.0)) * 1e-6, 1e-12)
    shrunk = covariance * (1 - SHRINKAGE)
    np.fill_diagonal(shrunk, np.maximum(variances, floor))
    return shares.mean(axis=0), np.asarray(np.linalg.inv(shrunk))


def _score(share: Floats, mean: Floats, precision: Floats) -> float:
    away = share - mean
    return math.log(float(away @ precision @ away) + 1e-300)
