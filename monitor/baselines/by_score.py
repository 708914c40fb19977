"""What labels said of a baseline's predictions, by the score that those had."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from monitor.errors import BaselineError
from monitor.stats.grid import Counts, Grid, NumericGrid


@dataclass(frozen=True, slots=True, eq=False)
class ByScore:
    """Labelled rows that have a score: `labels` int64[K, bins], of them right int64[bins].

    K are the classes of the outcomes, bins those of the score's grid, the two open ones included.
    """

    labels: Counts
    right: Counts

    @property
    def labelled(self) -> Counts:
        """Return int64[bins]: the labelled rows of every class."""
        return np.asarray(self.labels.sum(axis=0), dtype=np.int64)

    def check(self, classes: int, grid: Grid) -> None:
        """Raise BaselineError unless these are labels of so many classes over a score's bins."""
        bins = grid.bins if isinstance(grid, NumericGrid) else 0
        if self.labels.shape != (classes, bins) or self.right.shape != (bins,):
            raise BaselineError(
                f"labels by score of shape {self.labels.shape} and {self.right.shape}, expected "
                f"{(classes, bins)} and {(bins,)}; rebuild the baseline"
            )
        if (self.labels < 0).any() or (self.right < 0).any() or (self.right > self.labelled).any():
            raise BaselineError("more right predictions by score than labels; rebuild the baseline")

    def to_dict(self) -> dict[str, Any]:
        """Return what `from_dict` reads: plain JSON values."""
        return {"labels": self.labels.tolist(), "right": self.right.tolist()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Return what `to_dict` described; raises KeyError, TypeError or ValueError."""
        right = np.array(data["right"], dtype=np.int64)
        return cls(np.array(data["labels"], dtype=np.int64).reshape(-1, right.size), right)


def count_by_score(
    labels: npt.NDArray[np.int32],
    predictions: npt.NDArray[np.int32],
    scores: npt.NDArray[np.int32],
    classes: int,
    grid: NumericGrid,
) -> ByScore:
    """Count rows by the classes of their label and prediction, and the slot of their score.

    >>> grid = NumericGrid.of([0.0, 0.5, 1.0], uniform=[0] + [1] * 9 + [2], coarse=[1])
    >>> label, made, slot = (np.array(v, dtype=np.int32) for v in ([0, 1], [0, 0], [1, 2]))
    >>> found = count_by_score(label, made, slot, 2, grid)
    >>> found.labels.tolist(), found.right.tolist()
    ([[0, 1, 0, 0], [0, 0, 1, 0]], [0, 1, 0, 0])
    """
    has = scores < grid.bins
    label, made, at = labels[has].astype(np.int64), predictions[has], scores[has]
    counts = np.bincount(label * grid.bins + at, minlength=classes * grid.bins)
    right = np.bincount(at[label == made], minlength=grid.bins)
    return ByScore(counts.reshape(classes, grid.bins).astype(np.int64), right.astype(np.int64))
