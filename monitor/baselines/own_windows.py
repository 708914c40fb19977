"""The baseline's own windows: how its columns differ from day to day while nothing is wrong.

Rows depend on one another, and days on their neighbours. How much, no formula knows; windows of the
baseline itself do. They are disjoint from the reference: against that they are what any later
window is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from monitor.errors import BaselineError
from monitor.stats.coarse import coarse
from monitor.stats.grid import Counts
from monitor.stats.layout import Layout

Times = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class OwnWindows:
    """Disjoint windows of one length in time order, after the reference.

    `starts` int64[N] are ms, rising by `size_ms` at least; windows without rows are left out.
    `counts` by subject are int64[N, K] over its coarse cells (`monitor.stats.coarse`).
    """

    size_ms: int
    starts: Times
    counts: Mapping[str, Counts]

    @property
    def windows(self) -> int:
        """N."""
        return len(self.starts)

    def check(self, layout: Layout) -> None:
        """Raise BaselineError unless these are windows over a layout."""
        if self.size_ms <= 0 or (np.diff(self.starts) < self.size_ms).any():
            raise BaselineError(
                f"a baseline's own windows of {self.size_ms} ms overlap or are out of order; "
                "rebuild it"
            )
        for column in layout.columns:
            cells = coarse(np.zeros(column.grid.width, dtype=np.int64), column.grid).size
            found = self.counts.get(column.subject)
            if found is None or found.shape != (self.windows, cells) or (found < 0).any():
                shape = "none" if found is None else str(found.shape)
                raise BaselineError(
                    f"{column.subject}: own windows of shape {shape}, and {self.windows} windows "
                    f"of {cells} cells are needed; rebuild the baseline"
                )

    def to_dict(self) -> dict[str, Any]:
        """Return what `from_dict` reads: plain JSON values."""
        return {
            "size_ms": self.size_ms,
            "starts": self.starts.tolist(),
            "counts": {subject: counts.tolist() for subject, counts in self.counts.items()},
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Return the windows that `to_dict` described; raises KeyError, TypeError or ValueError."""
        starts = np.array(data["starts"], dtype=np.int64)
        counts = {
            str(subject): np.array(given, dtype=np.int64).reshape(len(starts), -1)
            for subject, given in data["counts"].items()
        }
        return cls(int(data["size_ms"]), starts, counts)
