"""The few cells by which whole windows are scored: fixed by the reference alone, open at the ends.

Of numbers the quantile bins that PSI compares, of categories the most frequent and all the rest.
Valid rows only: what is null, unseen or out of type is a rate of its own.
"""

import numpy as np

from monitor.stats.grid import CategoricalGrid, Counts, Grid

#: Categories with a cell of their own; the reference has them in the order of their frequency.
FREQUENT = 9


def coarse(counts: Counts, grid: Grid) -> Counts:
    """Return int64[..., K] of int64[..., grid.width]; raises GridMismatch if they don't fit.

    >>> from monitor.stats.grid import build_categorical, build_numeric
    >>> grid = build_numeric(np.array([0.0, 1.0]))
    >>> coarse(grid.counts(np.array([-9.0, 1.0, 9.0, np.nan])), grid).tolist()
    [1, 2]
    >>> names = build_categorical(["a", "a", "b"])
    >>> coarse(names.counts(["a", "b", "c", None]), names).tolist()
    [1, 1, 1]
    """
    grid.check(counts.reshape(-1, counts.shape[-1])[0])
    if isinstance(grid, CategoricalGrid):
        k = min(FREQUENT, grid.bins)
        rest = counts[..., k : grid.bins + 2].sum(axis=-1, keepdims=True)
        return np.concatenate((counts[..., :k], rest), axis=-1)
    starts = np.concatenate(([0], grid.coarse + 1))
    return np.asarray(np.add.reduceat(counts[..., : grid.bins], starts, axis=-1), dtype=np.int64)
