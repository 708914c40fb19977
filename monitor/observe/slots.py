"""The categories of one column in many grids."""

from collections.abc import Sequence
from itertools import islice, zip_longest
from typing import Any

import numpy as np

from monitor.observe.columns import Codes, Indexes
from monitor.stats.grid import CategoricalGrid

#: Slots of categories that a column of all models has at hand, 4 bytes each.
SLOTS_AT_HAND = 1 << 18


class Slots:
    """Finds the slots of one column's values, each in the grid of its layout; None has no such."""

    def __init__(self, grids: Sequence[CategoricalGrid | None]) -> None:
        self._grids = list(grids)
        # By rank, so that where there are too many it is rare ones that are left out.
        ranks = zip_longest(*(grid.categories for grid in grids if grid))
        words = dict.fromkeys(word for rank in ranks for word in rank if word is not None)
        most = max(1, SLOTS_AT_HAND // len(grids))
        #: A column of `_table` for each word: the names that layouts share are looked up in one
        #: small mapping, not in a thousand. The last column is for what is none of them.
        self._words = {word: n for n, word in enumerate(islice(words, most))}
        self._table = np.zeros((len(grids), len(self._words) + 1), dtype=np.int32)
        for n, grid in enumerate(grids):
            if grid:
                self._table[n, :-1] = [grid.slot(word) for word in self._words]

    def codes(self, layouts: Indexes, values: Sequence[Any]) -> Codes:
        """The slot of each value; 0 where the layout has no such column: nobody looks."""
        if len(self._grids) == 1 and self._grids[0]:
            return self._grids[0].codes(values)
        words, other = self._words, len(self._words)
        try:
            # Most chunks hold nothing but names that have a slot.
            known = np.fromiter(map(words.__getitem__, values), np.intp, len(values))
            return self._table[layouts, known]
        except (KeyError, TypeError):
            known = np.array(
                [words.get(v, other) if type(v) is str else other for v in values], dtype=np.intp
            )
        found = self._table[layouts, known]
        for n in np.flatnonzero(known == other).tolist():
            grid = self._grids[layouts[n]]
            found[n] = grid.slot(values[n]) if grid else 0
        return found
