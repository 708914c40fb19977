"""Windows as units: each is ranked among the baseline's own, and the last ranks are summed.

Rows of operational data depend on one another, and windows on their neighbours; a test that counts
rows then alarms on most days. A rank among windows that came about in the same way needs nothing
of the rows. It can never say more than "one in N + 1", so that single windows never alarm; sums of
the last 3 to 16 do.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri

Floats = npt.NDArray[np.float64]

#: How many windows are summed.
SCALES = (3, 4, 8, 16)
#: The upper 5 % point of the normal law: how far an estimated correlation is trusted.
CAUTION = 1.645
MOST_CORRELATION = 0.95
#: What every scale keeps of a level at least, a third of an equal share.
LEAST_SHARE = 1 / (3 * len(SCALES))


@dataclass(frozen=True, slots=True)
class Ranked:
    """The least p over the scales in use, each in the measure of its part of the level.

    It is to be compared with the whole level. `windows` is the scale that it is from; `z` is
    positive where the scores are greater than the baseline's.
    """

    p_value: float
    windows: int
    z: float


@dataclass(frozen=True, eq=False)
class WindowRanks:
    r"""Scores of N disjoint baseline windows, in time order, that others are ranked among.

    A window's normal score is $z = \Phi^{-1}((\#below + \frac12 \#ties + \frac12)/(N + 1))$. The
    mean of the last r has variance
    $V_r = v\,[(r + 2\sum_{k<r}(r-k)\rho^k)/r^2 + (1+\rho)/((1-\rho)N)]$: the first term is the
    neighbours' correlation, the second that the baseline is itself a sample. $v$ is the variance of
    the baseline's own normal scores, and ρ their correlation at lag 1 plus $1.645/\sqrt N$, at most
    0.95. Correlations that are known to be greater than the estimate may be given as its least.

    >>> ranks = WindowRanks(np.sin(np.arange(200.0) ** 2))
    >>> levels = ranks.levels(1e-3, two_sided=True)
    >>> sorted(levels)
    [3, 4, 8, 16]
    >>> ranks.judge([2.0] * 3, levels, two_sided=True).p_value < 1e-3
    True
    """

    scores: Floats
    least_correlation: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what cannot be ranked among."""
        if self.scores.ndim != 1 or not np.all(np.isfinite(self.scores)):
            raise ValueError("scores of baseline windows must be a row of finite numbers")

    @property
    def windows(self) -> int:
        """N."""
        return int(self.scores.size)

    @cached_property
    def _sorted(self) -> Floats:
        return np.sort(self.scores)

    @cached_property
    def _normal(self) -> Floats:
        below = np.searchsorted(self._sorted, self.scores, "left")
        upto = np.searchsorted(self._sorted, self.scores, "right")
        return np.asarray(ndtri((below + upto) / 2 / self.windows))

    @cached_property
    def variance(self) -> float:
        """Variance of the baseline's normal scores; 0 if all are alike, and nothing can be told."""
        return float(self._normal.var()) if self.windows > 1 else 0.0

    @cached_property
    def correlation(self) -> float:
        """Correlation of neighbouring normal scores, NaN if all are alike."""
        z = self._normal
        return float((z[1:] * z[:-1]).mean()) / self.variance if self.variance > 0 else math.nan

    @cached_property
    def cautious_correlation(self) -> float:
        """Correlation as it is reckoned with: not below 0, and more than was estimated."""
        rho = max(self.least_correlation, self.correlation) + CAUTION / math.sqrt(self.windows)
        return min(MOST_CORRELATION, rho)

    def normal_scores(self, scores: Sequence[float] | Floats) -> Floats:
        """Normal scores of other windows, by their rank among the baseline's."""
        below = np.searchsorted(self._sorted, scores, "left")
        ties = np.searchsorted(self._sorted, scores, "right") - below
        return np.asarray(ndtri((below + ties / 2 + 0.5) / (self.windows + 1)))

    def deviation(self, r: int) -> float:
        r"""Standard deviation of the mean of r successive normal scores, $\sqrt{V_r}$."""
        rho, k = self.cautious_correlation, np.arange(1, r)
        together = (r + 2 * float(((r - k) * rho**k).sum())) / r**2
        return math.sqrt(self.variance * (together + (1 + rho) / ((1 - rho) * self.windows)))

    def least_p(self, r: int, *, two_sided: bool) -> float:
        """The least p that r windows can reach: all of them beyond the baseline's extreme."""
        if self.variance == 0:
            return 1.0
        extreme = -float(ndtri(0.5 / (self.windows + 1)))
        return _p(extreme / self.deviation(r), two_sided)

    def levels(self, alpha: float, *, two_sided: bool) -> dict[int, float]:
        """Divide a level among the scales; empty where none can reach it.

        Equally, but a scale that needs more than that gets what it needs and no more: the sum of
        three windows then alarms only if all of them lie beyond the baseline's extreme, which is
        what a break looks like. A scale for which the others would go too short is left out, and so
        the baseline cannot judge at this level if none is left.
        """
        least = {r: self.least_p(r, two_sided=two_sided) for r in SCALES}
        for first in range(len(SCALES)):
            found = _divide(alpha, {r: least[r] for r in SCALES[first:]})
            if found and min(found.values()) >= alpha * LEAST_SHARE:
                return found
        return {}

    def judge(
        self, recent: Sequence[float] | Floats, levels: Mapping[int, float], *, two_sided: bool
    ) -> Ranked | None:
        """Judge the last windows' scores, in time order; None if no scale has enough of them.

        One-sided, only greater scores count.
        """
        z = self.normal_scores(recent)
        alpha = sum(levels.values())
        found: Ranked | None = None
        for r, level in levels.items():
            if r <= z.size:
                mean = float(z[z.size - r :].mean()) / self.deviation(r)
                p = min(1.0, _p(mean, two_sided) * alpha / level)
                if found is None or p < found.p_value:
                    found = Ranked(p, r, mean)
        return found


def _divide(alpha: float, least: Mapping[int, float]) -> dict[int, float]:
    """What each scale gets: an equal share, or the least that it needs; empty if that is too much.

    >>> {r: round(level, 3) for r, level in _divide(0.1, {3: 0.07, 4: 0.001, 8: 0.0}).items()}
    {3: 0.07, 4: 0.015, 8: 0.015}
    """
    needy: set[int] = set()
    while len(needy) < len(least):
        rest = alpha - sum(least[r] for r in needy)
        share = rest / (len(least) - len(needy))
        more = {r for r in least if r not in needy and least[r] > share}
        if rest <= 0 or not more:
            return {r: least[r] if r in needy else share for r in least} if rest > 0 else {}
        needy |= more
    return {}


def _p(z: float, two_sided: bool) -> float:
    return 2 * float(ndtr(-abs(z))) if two_sided else float(ndtr(-z))
