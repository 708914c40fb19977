"""What one window is worth as a number: how far its coarse histogram lies from the usual.

A score is only ever ranked among the same score of the baseline's own windows, so that it needs no
law of its own, and what makes those windows differ from day to day is in it.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from monitor.stats.grid import Counts

Floats = npt.NDArray[np.float64]

#: Windows on either side that say nothing of how usual one is: days are like their neighbours.
BESIDE = 2
#: Added to a squared distance, so that none has a logarithm of no value.
NEAREST = 1e-300
#: How much of the cells' correlations is not believed, as they are estimated from few windows.
SHRINKAGE = 0.1


def logit_auc(windows: Counts, reference: Counts) -> Floats:
    r"""Whether values rose or fell, float64[N]: $\ln(A/(1-A))$ of Mann-Whitney's A.

    Of windows int64[N, K] against int64[K], over cells that rise. 0 is no shift, positive says that
    current values are greater. Half a pair on either side keeps it finite. NaN of a window that is
    empty, or where the reference is.

    >>> logit_auc(np.array([[10, 20, 70]]), np.array([30, 40, 30])).round(4).tolist()
    [0.8953]
    """
    n, m = windows.sum(axis=1), int(reference.sum())
    pairs = windows @ (np.cumsum(reference) - reference / 2.0)
    found = np.log((pairs + 0.5) / (n * m - pairs + 0.5))
    return np.where((n > 0) & (m > 0), found, np.nan)


@dataclass(frozen=True, eq=False)
class ShareDistance:
    r"""How unusual the shares of K cells are, against N windows' own: a log Mahalanobis distance.

    Of the log shares $\ln((c + \frac12)/(n + \frac K2))$, with the windows' mean and their
    covariance, whose correlations are shrunk by a tenth. A cell that is steady from day to day
    counts more than one that never is; PSI would not know.

    >>> rng = np.random.default_rng(0)
    >>> usual = rng.multinomial(1000, [0.5, 0.3, 0.2], 150)
    >>> distance = ShareDistance.of(usual)
    >>> bool(distance.score(np.array([[400, 300, 300]]))[0] > distance.own.max())
    True
    """

    mean: Floats
    precision: Floats
    #: float64[N]: each window's own score against all the others.
    own: Floats

    @classmethod
    def of(cls, windows: Counts) -> "ShareDistance":
        """Learn from int64[N, K] windows in time order, N at least K + 6."""
        n, cells = windows.shape
        if n < least_windows(cells):
            raise ValueError(
                f"{n} windows of {cells} cells: their covariance needs at least "
                f"{least_windows(cells)}"
            )
        # Their sums about the middle lose no digits.
        shares = log_shares(windows)
        middle = shares.mean(axis=0)
        shares -= middle
        products = shares[:, :, None] * shares[:, None, :]
        # Each against the others, its neighbours aside: one that has helped to say what is usual
        # looks too usual itself, and so do those that are like it.
        first = np.maximum(np.arange(n) - BESIDE, 0)
        last = np.minimum(np.arange(n) + BESIDE + 1, n)
        sums, squares = (
            np.concatenate((np.zeros((1, *one.shape[1:])), np.cumsum(one, axis=0)))
            for one in (shares, products)
        )
        own = _score(
            shares,
            *_moments(
                sums[-1] - (sums[last] - sums[first]),
                squares[-1] - (squares[last] - squares[first]),
                n - (last - first),
            ),
        )
        mean, precision = _moments(sums[-1:], squares[-1:], np.array([n]))
        return cls(mean[0] + middle, precision[0], own)

    def score(self, windows: Counts) -> Floats:
        """Return float64[N], the scores of windows int64[N, K]; NaN of one that is empty."""
        found = _score(log_shares(windows), self.mean[None], self.precision[None])
        return np.where(windows.sum(axis=1) > 0, found, np.nan)


def least_windows(cells: int) -> int:
    """How many windows it takes to learn what is usual of K cells.

    >>> least_windows(10)
    16
    """
    return cells + 2 + 2 * BESIDE


def log_shares(counts: Counts) -> Floats:
    """Return float64[N, K], log shares of int64[N, K] with half a row in every cell.

    >>> log_shares(np.array([[3, 0]])).round(3).tolist()
    [[-0.134, -2.079]]
    """
    cells = counts.shape[1]
    return np.asarray(np.log((counts + 0.5) / (counts.sum(axis=1, keepdims=True) + cells / 2)))


def _moments(total: Floats, squares: Floats, n: npt.NDArray[np.intp]) -> tuple[Floats, Floats]:
    """Means and precisions of G groups of log shares, from their sums, sums of products and n."""
    mean = total / n[:, None]
    covariance = squares - n[:, None, None] * mean[:, :, None] * mean[:, None, :]
    covariance /= (n - 1)[:, None, None]
    variances = np.einsum("gii->gi", covariance)
    # A cell that never moved has no variance: then the least move is unusual, but not infinitely.
    floor = np.maximum(variances.max(axis=1, keepdims=True) * 1e-6, 1e-12)
    shrunk = covariance * (1 - SHRINKAGE)
    np.einsum("gii->gi", shrunk)[:] = np.maximum(variances, floor)
    return mean, np.asarray(np.linalg.inv(shrunk))


def _score(share: Floats, mean: Floats, precision: Floats) -> Floats:
    """The scores of shares float64[G, K], each of its own group or all of one."""
    away = share - mean
    squared = (away[:, None, :] @ precision @ away[:, :, None])[:, 0, 0]
    return np.asarray(np.log(squared + NEAREST))
