"""Proportions that differ between people: the beta-binomial law, fitted and asked."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import betaln, gammaln

#: Beyond it people cannot be told from ones who are all alike.
MOST_PRECISION = 1e6
#: Precisions that the search for the most likely one may begin at.
STARTS = (0.1, 1.0, 10.0, 100.0, 1e4)


@dataclass(frozen=True, slots=True)
class BetaBinomial:
    """Shares whose mean is `mean`, spread as a Beta(mean * precision, (1 - mean) * precision)."""

    mean: float
    precision: float

    @property
    def sd(self) -> float:
        """Standard deviation of a person's own share."""
        return math.sqrt(self.mean * (1 - self.mean) / (1 + self.precision))

    def at_most(self, count: int, rows: int) -> float:
        """Chance that a person has as few as `count` of `rows`.

        >>> round(BetaBinomial(0.5, 2.0).at_most(4, 9), 6)
        0.5
        """
        if not 0 <= count <= rows:
            raise ValueError(f"{count} of {rows} rows; give 0 <= count <= rows")
        if count == rows:
            return 1.0
        a, b = self.mean * self.precision, (1 - self.mean) * self.precision
        k = np.arange(count + 1)
        ways = gammaln(rows + 1) - gammaln(k + 1) - gammaln(rows - k + 1)
        return min(1.0, float(np.exp(ways + betaln(k + a, rows - k + b) - betaln(a, b)).sum()))


def fit_beta_binomial(counts: Sequence[int], rows: Sequence[int]) -> BetaBinomial | None:
    """Fit by maximum likelihood to one count and number of rows a person.

    None with fewer than 3 people who have rows, or if nobody or everybody has all: the spread
    between people cannot be told.

    Source: Skellam, A probability distribution derived from the binomial distribution (1948).

    >>> fitted = fit_beta_binomial([3, 8, 14, 5, 21, 9], [100] * 6)
    >>> round(fitted.mean, 2), 10 < fitted.precision < 40
    (0.1, True)
    """
    x, n = np.asarray(counts, dtype=np.float64), np.asarray(rows, dtype=np.float64)
    if x.shape != n.shape or np.any(x < 0) or np.any(x > n):
        raise ValueError(f"counts {list(counts)} of rows {list(rows)} are no proportions")
    x, n = x[n > 0], n[n > 0]
    if x.size < 3 or x.sum() in (0, n.sum()):
        return None

    def unlikely(at: np.ndarray) -> float:
        mean, precision = 1 / (1 + math.exp(-at[0])), math.exp(at[1])
        a, b = mean * precision, (1 - mean) * precision
        return -float(np.sum(betaln(x + a, n - x + b) - betaln(a, b)))

    p = float(x.sum() / n.sum())
    # People of all or nothing lie far from people who are nearly alike: one start finds not both.
    starts = [[math.log(p / (1 - p)), math.log(precision)] for precision in STARTS]
    starts.sort(key=lambda at: unlikely(np.array(at)))
    bounds = [(-20.0, 20.0), (math.log(1e-2), math.log(MOST_PRECISION))]
    found = min(
        (minimize(unlikely, start, method="L-BFGS-B", bounds=bounds) for start in starts[:2]),
        key=lambda least: float(least.fun),
    )
    return BetaBinomial(1 / (1 + math.exp(-found.x[0])), math.exp(found.x[1]))
