"""Quantiles of positive quantities, as latencies, within a stated relative error, from counts.

Bins grow geometrically, so that the middle of a bin is near all that it holds, from the least to
the greatest; counts over them add up. A contractual limit may be an edge of its own: then the
share above it is exact.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class LogBins:
    r"""Bins from `low` to `high`, with a relative error of at most `error` for what lies between.

    Edges are $low \cdot \gamma^i$ with $\gamma = (1 + \epsilon)/(1 - \epsilon)$, and `limits`
    beside them. Slot 0 holds what lies at or below `low`, the last what lies above `high`, and a
    value at an edge lies below it: the slots beyond a limit hold exactly what exceeds it.

    Source: Masson, Rim & Lee, DDSketch (2019).

    >>> bins = LogBins.of(1e-6, 3600.0)
    >>> bins.width
    1103
    >>> counts = bins.counts(np.arange(1, 101) / 1000)
    >>> round(bins.quantile(counts, 0.95), 4)
    0.0958
    """

    edges: Floats
    error: float
    _middles: Floats = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Know what each slot stands for: the value with the same relative error to both edges."""
        low, high = self.edges[:-1], self.edges[1:]
        inner = 2 * low * high / (low + high)
        object.__setattr__(
            self, "_middles", np.concatenate((self.edges[:1], inner, self.edges[-1:]))
        )

    @classmethod
    def of(
        cls, low: float, high: float, error: float = 0.01, limits: Sequence[float] = ()
    ) -> "LogBins":
        """Make bins; raises ValueError for a range or an error that none can have."""
        if not 0 < low < high < math.inf or not 0 < error < 1:
            raise ValueError(
                f"bins from {low} to {high} within {error}: give 0 < low < high, and an error "
                "between 0 and 1, like 0.01"
            )
        wrong = [limit for limit in limits if not low <= limit <= high]
        if wrong:
            raise ValueError(f"limit {wrong[0]} is outside the bins, {low} to {high}")
        gamma = (1 + error) / (1 - error)
        steps = math.ceil(math.log(high / low) / math.log(gamma))
        edges = np.minimum(low * gamma ** np.arange(steps + 1), high)
        return cls(np.unique(np.concatenate((edges, [high], list(limits)))), error)

    @property
    def width(self) -> int:
        """The number of slots of a count."""
        return int(self.edges.size) + 1

    def counts(self, values: Floats) -> Counts:
        """Count float64[n] into int64[width]; NaN belongs to nobody and raises ValueError."""
        if np.isnan(values).any():
            raise ValueError(f"{int(np.isnan(values).sum())} of {values.size} values are NaN")
        slots = np.searchsorted(self.edges, values, "left")
        return np.bincount(slots, minlength=self.width).astype(np.int64)

    def quantile(self, counts: Counts, q: float) -> float | None:
        """Return the value at or below which a share q of the rows lies; None without rows.

        The least value whose rank is at least q n, as `method="inverted_cdf"` of numpy. It is right
        within `error` between the outer edges, NaN where it lies beyond them: then only that is
        known.
        """
        if not 0 <= q <= 1:
            raise ValueError(f"quantile {q} must lie between 0 and 1")
        n = int(counts.sum())
        if n == 0:
            return None
        rank = max(1, math.ceil(q * n - 1e-9))
        slot = int(np.searchsorted(np.cumsum(counts), rank, "left"))
        return math.nan if slot in (0, self.width - 1) else float(self._middles[slot])

    def above(self, counts: Counts, limit: float) -> int:
        """Return how many exceed a limit that is an edge; raises ValueError if it isn't one."""
        at = int(np.searchsorted(self.edges, limit, "left"))
        if at == self.edges.size or self.edges[at] != limit:
            raise ValueError(f"{limit} is no edge of these bins; name it in `limits`")
        return int(counts[at + 1 :].sum())
