"""A long tail of categories without drift is no difference: the p-value is one."""

from collections.abc import Callable

import numpy as np
import pytest

from monitor.detectors.comparison import compare_column
from monitor.stats.cells import chi2_cells
from monitor.stats.grid import build_categorical

Draw = Callable[[np.random.Generator, int], list[int]]
TRIALS = 150


def zipf(rng: np.random.Generator, n: int) -> list[int]:
    """A few frequent ones and a long tail, as of cities or merchants."""
    return (rng.zipf(1.4, n) % 100_000).tolist()  # type: ignore[no-any-return]


def ids(rng: np.random.Generator, n: int) -> list[int]:
    """All rare: what was frequent in the reference was so by chance."""
    return rng.integers(0, 5_000, n).tolist()  # type: ignore[no-any-return]


def few(rng: np.random.Generator, n: int) -> list[int]:
    """Nothing to pool."""
    return rng.choice(4, n, p=[0.4, 0.3, 0.2, 0.1]).tolist()  # type: ignore[no-any-return]


@pytest.mark.parametrize("draw", [zipf, ids, few])
@pytest.mark.parametrize(("n", "m"), [(600, 3_000), (3_000, 1_000)])
def test_as_many_alarms_as_the_level_says(draw: Draw, n: int, m: int) -> None:
    """Of 150 trials at 5 %, 7.5 are to be expected; 20 or more have a chance of 0.0001."""
    rng = np.random.default_rng(11)
    p_values = []
    for _ in range(TRIALS):
        then, now = draw(rng, m), draw(rng, n)
        grid = build_categorical(then)
        compared = compare_column(grid.counts(now), grid.counts(then), grid)
        assert compared.p_value is not None
        p_values.append(compared.p_value)
    assert sum(p < 0.05 for p in p_values) < 20
    assert sum(p < 0.5 for p in p_values) < 0.6 * TRIALS


def test_a_tail_that_grows_is_found() -> None:
    """A fifth of the rows is of categories that the reference never had, beyond its own tail."""
    rng = np.random.default_rng(12)
    then = zipf(rng, 3_000)
    now = [*zipf(rng, 1_600), *(200_000 + i for i in range(400))]
    grid = build_categorical(then)
    p_value = compare_column(grid.counts(now), grid.counts(then), grid).p_value
    assert p_value is not None
    assert p_value < 1e-6


def test_no_row_is_left_out() -> None:
    rng = np.random.default_rng(13)
    then, now = zipf(rng, 2_000), zipf(rng, 700)
    grid = build_categorical(then)
    cells = chi2_cells(grid.counts(now), grid.counts(then), grid)
    assert (cells.current.sum(), cells.reference.sum()) == (700, 2_000)
    assert (cells.reference[:-1] * 700 >= 5 * 2_000).all()
