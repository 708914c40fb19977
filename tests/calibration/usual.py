"""Columns of which it is known what is usual: drawn rows over deciles, and days that differ."""

import numpy as np
from numpy.random import Generator
from scipy.signal import lfilter
from scipy.stats import norm

from monitor.calibration.usual import Usual
from monitor.stats.grid import Counts

CELLS = 10
CUTS = norm.ppf(np.arange(1, CELLS) / CELLS)
REFERENCE = 10_000


def shares(shift: float = 0.0) -> np.ndarray:
    """Shares of the deciles of a standard normal column that has moved."""
    return np.diff(np.concatenate(([0.0], norm.cdf(CUTS - shift), [1.0])))


def drawn(rng: Generator, shift: float, n: int) -> Counts:
    """A window of n rows."""
    return rng.multinomial(n, shares(shift)).astype(np.int64)


def rows(rng: Generator, n: int, windows: int = 150) -> Usual:
    """A column whose rows are independent."""
    own = np.array([drawn(rng, 0.0, n) for _ in range(windows)]).reshape(-1, CELLS)
    return Usual(drawn(rng, 0.0, REFERENCE), own, ordered=True)


def days(rng: Generator, rho: float, windows: int, sd: float = 0.15) -> np.ndarray:
    """By how much windows have moved that remember the one before: AR(1) of variance sd²."""
    steps = rng.standard_normal(50 + windows)
    return np.asarray(lfilter([1], [1, -rho], steps)[50:] * np.sqrt(1 - rho**2) * sd)
