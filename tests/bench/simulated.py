"""Columns that are simulated: independent rows, and days that remember the one before.

Counts are drawn, not rows: a window is a multinomial over the column's own bins.
"""

import math

import numpy as np
from numpy.random import Generator
from scipy.signal import lfilter
from scipy.stats import norm

from monitor.stats.grid import Counts, NumericGrid, build_numeric
from tests.bench.judges import Column, Columns

COLUMNS = 20
#: Windows of a baseline's own.
OWN = 150
#: How far a window's mean lies from the usual, where days differ; 0 where they don't.
SPREAD = 0.15


def independent(rng: Generator, rows: int, n: int, windows: int) -> Columns:
    """Twenty standard normal columns that never drift; a reference of so many rows."""
    found = {}
    for name in map(str, range(COLUMNS)):
        values = rng.standard_normal(rows)
        grid = build_numeric(values)
        drawn = drawn_windows(rng, grid, n, np.zeros(OWN + windows))
        found[name] = Column(grid, grid.counts(values), drawn[:OWN], drawn[OWN:])
    return found


def remembering(
    rng: Generator, rho: float, n: int, windows: int
) -> tuple[Columns, dict[str, np.ndarray]]:
    """The same with windows whose means are AR(1) of a lag-1 correlation; and those means."""
    found, means = {}, {}
    for name in map(str, range(COLUMNS)):
        values = rng.normal(0, math.hypot(1, SPREAD), 10_000)
        grid = build_numeric(values)
        steps = rng.standard_normal(50 + OWN + windows)
        moved = lfilter([1], [1, -rho], steps)[50:] * math.sqrt(1 - rho**2) * SPREAD
        drawn = drawn_windows(rng, grid, n, moved)
        found[name] = Column(grid, grid.counts(values), drawn[:OWN], drawn[OWN:])
        means[name] = moved[OWN:]
    return found, means


def drawn_windows(rng: Generator, grid: NumericGrid, n: int, means: np.ndarray) -> Counts:
    """Windows of n rows of N(mean, 1) each, int64[N, width]."""
    below = norm.cdf(grid.edges[None] - means[:, None])
    ends = np.concatenate((np.zeros((len(means), 1)), below, np.ones((len(means), 1))), axis=1)
    counts = np.zeros((len(means), grid.width), dtype=np.int64)
    counts[:, : grid.bins] = rng.multinomial(n, np.diff(ends, axis=1))
    return counts
