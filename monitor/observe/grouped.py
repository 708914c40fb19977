"""Rows of several models side by side: what each model has seen so far, found for all at once.

A call of numpy costs as much as a hundred rows. Where a chunk carries a thousand models, a call for
each of them would cost more than all the rest.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from monitor.observe.columns import Indexes, Times


@dataclass(frozen=True, slots=True)
class Grouped:
    """Rows in the order of the log, by the number of their model.

    `of` int[n] are the models' numbers; `models` int[g] those that occur, rising. `order` int[n]
    has the rows model by model, each model's in the order of the log, and `first` int[g] says where
    those of a model begin in it.
    """

    of: Indexes
    models: Indexes
    order: Indexes
    first: Indexes

    @classmethod
    def by(cls, of: Indexes) -> Self:
        """Group rows by the number of their model."""
        if not len(of) or (of == of[0]).all():
            return cls(of, of[:1], np.arange(len(of)), np.zeros(min(len(of), 1), dtype=np.intp))
        order = np.argsort(of, kind="stable")
        mine = of[order]
        first = np.flatnonzero(np.append(True, mine[1:] != mine[:-1]))
        return cls(of, mine[first], order, first)

    def greatest_before(self, values: Times, before: Times) -> tuple[Times, Times]:
        """The greatest value of the same model before each row, and of each model after all.

        `before` int64[g] is what each model had before the first row.

        >>> rows = Grouped.by(np.array([0, 1, 0, 1, 0]))
        >>> found, last = rows.greatest_before(np.array([5, 7, 3, 1, 9]), np.array([4, 8]))
        >>> found.tolist(), last.tolist()
        ([4, 8, 5, 8, 5], [9, 8])
        """
        if len(self.models) == 1:
            running = np.maximum.accumulate(np.concatenate((before, values)))
            return running[:-1], running[-1:]
        ordered = values[self.order]
        running = np.empty_like(ordered)
        running[1:] = ordered[:-1]
        running[self.first] = before
        sizes = np.diff(self.first, append=len(ordered))
        place = np.arange(len(ordered)) - np.repeat(self.first, sizes)
        reach, longest = 1, int(sizes.max(initial=0))
        while reach < longest:
            # Each row knows the greatest of `reach` rows before it; now of twice as many.
            known = np.where(place[reach:] >= reach, running[:-reach], running[reach:])
            running[reach:] = np.maximum(running[reach:], known)
            reach *= 2
        ends = self.first + sizes - 1
        found = np.empty_like(running)
        found[self.order] = running
        return found, np.maximum(running[ends], ordered[ends])
