"""What is usual of one column: how far its own windows lie from the reference, and how evenly.

Two paths lead to a verdict. Where the baseline's own windows differ by no more than rows drawn
anew would, rows are counted (`rows`). Else, and mostly, whole windows are ranked among the
baseline's (`windows`): rows of operational data depend on one another. With neither nothing can be
told within a budget, and that is said.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from monitor.baselines.baseline import Baseline
from monitor.baselines.own_windows import OwnWindows
from monitor.stats.auc import ordered_auc
from monitor.stats.chi2 import chi2
from monitor.stats.coarse import coarse
from monitor.stats.effect import effect
from monitor.stats.grid import Counts, NumericGrid
from monitor.stats.ks import kolmogorov_p
from monitor.stats.window_ranks import CAUTION, Floats, WindowRanks
from monitor.stats.window_scores import ShareDistance, least_windows, log_shares, logit_auc

Path = Literal["rows", "windows"]
#: Own windows that a verdict by ranks needs; one by rows, to see that they hold.
LEAST_WINDOWS = 20
#: Rows count as independent if windows differ by no more than this times what chance gives.
DISPERSION = 1.2
#: No own window may be as unlikely by its rows as one in so many sets of them.
HOLDS = 0.05
#: One window as unlike the usual as this many times the greatest of the baseline's own is gross.
GROSS = 2.0
SURELY = 1e-6


@dataclass(frozen=True, eq=False)
class Usual:
    """A column of the reference over its coarse cells, int64[K], and N own windows, int64[N, K].

    `ordered` says whether the cells rise, as those of numbers do.
    """

    reference: Counts
    own: Counts
    ordered: bool

    def __post_init__(self) -> None:
        """Leave windows out in which the column held nothing: they say nothing of its values."""
        object.__setattr__(self, "own", self.own[self.own.sum(axis=1) > 0])

    @classmethod
    def of(cls, baseline: Baseline, own: OwnWindows, subject: str, least: int = 1) -> Usual:
        """What is usual of a subject; raises BaselineError if the baseline lacks it.

        Own windows count that hold `least` rows of it, as those do that are judged: by the chance
        of a few rows of a night any day would be usual.
        """
        grid = baseline.grid(subject)
        reference = coarse(baseline.counts(subject), grid)
        counts = own.counts[subject]
        kept = counts[counts.sum(axis=1) >= least]
        return cls(reference, kept, isinstance(grid, NumericGrid))

    @property
    def windows(self) -> int:
        """N."""
        return len(self.own)

    @cached_property
    def psi(self) -> Floats:
        """float64[N]: PSI of each own window, half a row in every cell."""
        found = [effect(window, self.reference) for window in self.own]
        return np.array([one.psi for one in found if one is not None])

    @cached_property
    def dispersion(self) -> float:
        r"""By how much own windows vary more than rows drawn anew would; at least 1.

        The mean of $PSI/\kappa$ over K - 1, with $\kappa = 1/n + 1/m$ of each.
        """
        free = int(((self.own.sum(axis=0) + self.reference) > 0).sum()) - 1
        if not self.windows or not free or not self.reference.sum():
            return 1.0
        kappa = 1 / self.own.sum(axis=1) + 1 / self.reference.sum()
        return max(1.0, float(np.mean(self.psi / kappa)) / free)

    @cached_property
    def distance(self) -> ShareDistance | None:
        """How unusual the shares of a window are; None of too few windows."""
        if self.windows < max(LEAST_WINDOWS, least_windows(self.reference.size)):
            return None
        return ShareDistance.of(self.own)

    @cached_property
    def ranks(self) -> tuple[WindowRanks, ...]:
        """The own windows' scores to be ranked among: the shares' distance, then the shift."""
        if self.distance is None:
            return ()
        # A cell that remembers yesterday moves the distance for days too, by its square, though
        # what chance does to the others hides that from an estimate.
        memory = max(0.0, *map(_neighbours, log_shares(self.own).T))
        if not self.ordered:
            return (WindowRanks(self.distance.own, memory**2),)
        shift = WindowRanks(logit_auc(self.own, self.reference))
        memory = max(memory, shift.correlation)
        return WindowRanks(self.distance.own, memory**2), shift

    @cached_property
    def path(self) -> Path | None:
        """Which path holds; None where there are too few windows for either."""
        if self.windows < LEAST_WINDOWS or not self.ranks or not self.reference.sum():
            return None
        # What varies more than its rows say needs ranks, and so does what remembers yesterday, and
        # what has a holiday now and then.
        calm = all(
            not ranks.correlation > CAUTION / math.sqrt(ranks.windows) for ranks in self.ranks
        )
        if not calm or self.dispersion > DISPERSION:
            return "windows"
        least = min((self.by_rows(window) or 1.0) for window in self.own)
        return "rows" if least * self.windows >= HOLDS else "windows"

    def by_rows(self, window: Counts) -> float | None:
        """The p-value of a window, int64[K], as if its rows were independent; None of too few.

        Of numbers the lesser of Mann-Whitney's and Kolmogorov-Smirnov's, twice; of categories that
        of chi-squared.
        """
        n, m = int(window.sum()), int(self.reference.sum())
        if not n:
            return None
        if not self.ordered:
            homogeneity = chi2(window, self.reference)
            return homogeneity.p_value if homogeneity else None
        order = ordered_auc(window, self.reference)
        f, g = np.cumsum(window) / n, np.cumsum(self.reference) / m
        p = kolmogorov_p(float(np.max(np.abs(f - g))), n / self.dispersion, m)
        return None if order is None or p is None else min(1.0, 2 * min(order.p_value, p))

    def levels(self, alpha: float) -> tuple[dict[int, float], ...]:
        """How each score's part of a level is divided among its scales; all empty: it cannot be."""
        part = alpha / len(self.ranks)
        return tuple(ranks.levels(part, two_sided=n > 0) for n, ranks in enumerate(self.ranks))

    def gross(self, window: Counts) -> bool:
        """Whether one window, int64[K], lies twice as far off as the baseline's own ever did."""
        found = effect(window, self.reference, self.dispersion)
        if found is None or self.windows < LEAST_WINDOWS:
            return False
        # Of a window that has far fewer rows than those, chance alone makes as much.
        return found.p_value < SURELY and found.psi >= GROSS * float(self.psi.max())


def _neighbours(series: Floats) -> float:
    """Correlation of neighbours in a series, 0 if it never moves."""
    away = series - series.mean()
    spread = float(away @ away)
    return float(away[1:] @ away[:-1]) / spread if spread > 0 else 0.0
