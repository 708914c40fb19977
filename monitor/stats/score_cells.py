"""Cells of scores that hold labels enough to say what a score in them is worth."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from monitor.stats.grid import Counts, Floats

#: Labelled rows that a cell should hold, and those without which it says nothing.
WANTED, LEAST = 30, 10


@dataclass(frozen=True, slots=True, eq=False)
class ScoreCells:
    """Rows by cell of score, ascending: the window's, the reference's, its labelled, its hits.

    Each is int64[K]. A hit is what is counted: a right prediction, or a label of the positive
    class. Labelled rows need not be the reference's.
    """

    rows: Counts
    reference: Counts
    labelled: Counts
    hits: Counts

    @classmethod
    def of(cls, rows: Counts, reference: Counts, labelled: Counts, hits: Counts) -> "ScoreCells":
        """Merge int64[bins] over the fine bins of the score, the two open ones included.

        Neighbours share a cell until as many labels are to be expected in it as are wanted, by the
        reference's rows, labelled or not: rows that never get a label then stay apart from those
        that do. What lies beyond the reference's scores shares no cell with them. Raises ValueError
        for counts that are not of the same rows.

        >>> bins = np.array([0, 40, 40, 40, 40, 0])
        >>> found = ScoreCells.of(np.array([1, 5, 5, 5, 5, 0]), bins, bins // 2, bins // 4)
        >>> found.rows.tolist(), found.labelled.tolist()
        ([1, 10, 10, 0], [0, 40, 40, 0])
        """
        if not rows.shape == reference.shape == labelled.shape == hits.shape:
            raise ValueError(
                f"{rows.size}, {reference.size}, {labelled.size} and {hits.size} bins of scores; "
                "give counts over the same"
            )
        if np.any(hits > labelled):
            raise ValueError(
                "a bin of scores has more hits than labels; count both of the same rows"
            )
        known = int(labelled.sum())
        wanted = WANTED * int(reference.sum()) / known if known else math.inf
        starts, held = [0, 1], 0
        for at, count in enumerate(reference[1:-1].tolist(), start=1):
            if held >= wanted:
                starts.append(at)
                held = 0
            held += count
        if held < wanted and len(starts) > 2:
            starts.pop()  # too little is left over for a cell of its own
        starts.append(rows.size - 1)
        sums = (np.add.reduceat(part, starts) for part in (rows, reference, labelled, hits))
        return cls(*(np.asarray(part, dtype=np.int64) for part in sums))

    @property
    def told(self) -> npt.NDArray[np.bool_]:
        """bool[K]: the cells of which there are labels enough."""
        return np.asarray(self.labelled >= LEAST)

    @property
    def rates(self) -> Floats:
        """float64[K]: the share of hits among the labelled rows, 0 where that is not told."""
        return np.divide(
            self.hits, self.labelled, out=np.zeros(self.rows.size), where=self.labelled >= LEAST
        )

    @property
    def variances(self) -> Floats:
        """float64[K]: of one row's being a hit; half of one is added, as no rate is surely 0."""
        rates = (self.hits + 0.5) / (self.labelled + 1.0)
        return np.asarray(rates * (1 - rates))
