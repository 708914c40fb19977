"""What a cause has to account for: a column's counts over cells, now and in the baseline.

A cause is a prediction: if it alone has acted on the baseline's rows, the cells hold such shares.
It is named only if the prediction fits, so that of the divergence nearly nothing is left.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from monitor.stats.effect import Effect, effect
from monitor.stats.grid import Counts, Floats

#: A divergence is to be explained if chance gives it less often than this.
REAL = 1e-4
#: The part of a divergence that a cause must account for.
MOST = 0.8
#: What is left must then be chance, at this level; or nearly nothing, and low by itself.
CHANCE = 0.01
ALMOST_ALL = 0.97
LOW = 0.1
#: Cells among which what is compared must be divided, lest any cause fits it.
SPREAD = 3.0


def spread(shares: Floats, least: float = 0.5) -> bool:
    """Whether float64[K] of shares is at least so much, and divided among three cells or more.

    Counted are as many equal cells as have the same entropy.

    >>> spread(np.full(4, 0.25)), spread(np.array([0.9, 0.1])), spread(np.full(4, 0.1))
    (True, False, False)
    """
    some = shares[shares > 0]
    whole = float(some.sum())
    if whole < least or whole == 0:
        return False
    some = some / whole
    return math.exp(-float(np.sum(some * np.log(some)))) >= SPREAD


@dataclass(frozen=True, slots=True)
class Fit:
    """How well a cause accounts for what has moved.

    `explained` is the part of the bias-corrected PSI that goes when the cause is undone, at most
    1; `log_likelihood` is that of the rows now, less half a log of their number for each estimated
    figure and the log of the number of causes tried (Schwarz); `p_value` is that of what is left.
    """

    log_likelihood: float
    before: float
    after: float
    explained: float
    p_value: float

    @property
    def holds(self) -> bool:
        """Whether the cause may be named."""
        if self.explained < MOST:
            return False
        return self.p_value >= CHANCE or (self.explained >= ALMOST_ALL and self.after <= LOW)

    @property
    def figures(self) -> dict[str, float]:
        """PSI before and after, and the part explained, as evidence."""
        return {"psi": self.before, "psi_after": self.after, "explained": self.explained}


@dataclass(frozen=True, eq=False)
class Evidence:
    """Counts int64[K] over the same cells, now and in the baseline, and how far they lie apart."""

    current: Counts
    reference: Counts
    before: Effect
    dispersion: float

    @classmethod
    def of(cls, current: Counts, reference: Counts, dispersion: float = 1.0) -> Evidence | None:
        """The evidence of two int64[K]; None if nothing is to be explained, or a side is empty.

        `dispersion` is by how much the counts vary more than those of independent rows, 1 or more.

        >>> Evidence.of(np.array([50, 50]), np.array([500, 500])) is None
        True
        """
        before = effect(current, reference, dispersion)
        if before is None or before.p_value >= REAL or before.corrected <= 0:
            return None
        return cls(current, reference, before, dispersion)

    @property
    def rows(self) -> int:
        """How many rows there are now."""
        return int(self.current.sum())

    @property
    def worth(self) -> float:
        """How many independent rows they are worth."""
        return self.rows / self.dispersion

    def fit(self, shares: Floats, estimated: int = 0, tried: int = 1) -> Fit:
        """How well shares float64[K] that a cause predicts account for the rows now.

        The baseline's counts are as uncertain after the cause as before. `estimated` figures were
        fitted to the rows, and the cause is the best of so many `tried`.

        >>> found = Evidence.of(np.array([20, 30, 50]) * 10, np.array([50, 30, 20]) * 10)
        >>> fit = found.fit(np.array([0.2, 0.3, 0.5]))
        >>> round(fit.before, 3), fit.after, fit.explained, fit.holds
        (0.544, 0.0, 1.0, True)
        """
        m = int(self.reference.sum())
        predicted = np.rint(shares * m).astype(np.int64)
        after = effect(self.current, predicted, self.dispersion)
        left = self.before.corrected if after is None else after.corrected
        return Fit(
            log_likelihood=float(self.likelihoods(shares[None])[0])
            - estimated / 2 * math.log(max(self.worth, 2))
            - math.log(tried),
            before=self.before.corrected,
            after=left,
            explained=1 - left / self.before.corrected,
            p_value=0.0 if after is None else after.p_value,
        )

    def likelihoods(self, shares: Floats) -> Floats:
        """The log-likelihood of the rows now under each of float64[T, K] predicted shares.

        Half a row in every cell: what the baseline has not seen is not impossible.
        """
        m, cells = int(self.reference.sum()), self.current.size
        smoothed = (shares * m + 0.5) / (m + cells / 2)
        return np.asarray(np.log(smoothed) @ self.current) / self.dispersion
