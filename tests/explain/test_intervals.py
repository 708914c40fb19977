"""A stated interval holds the true figure as often as it says: nineteen times of twenty."""

from collections.abc import Callable

import numpy as np
import pytest

from monitor.explain.column import explain_column
from monitor.stats.grid import build_numeric
from tests.explain.breaks import COLUMNS, Rows

ROUNDS = 40
#: Measured in 600 windows each: 0.982 of factors, 0.987 of shifts.
LEAST = 0.93


def held(figure: str, happens: Callable[[Rows, float], Rows], true: float, rounds: int) -> float:
    """The share of the stated intervals that hold the figure, relative to the column's spread."""
    inside = []
    for column in ("normal", "lognormal", "gamma"):
        for rows in (1_000, 4_000):
            for seed in range(rounds):
                rng = np.random.default_rng([seed, rows])
                reference = COLUMNS[column](rng, 10_000)
                grid, size = build_numeric(reference), float(reference.std())
                now = grid.counts(happens(COLUMNS[column](rng, rows), size))
                for cause in explain_column(now, grid.counts(reference), grid):
                    if f"{figure}_low" in cause.evidence:
                        value = true * size if figure == "shift" else true
                        low, high = (cause.evidence[f"{figure}_{end}"] for end in ("low", "high"))
                        inside.append(low <= value <= high)
    assert len(inside) > 4 * rounds
    return float(np.mean(inside))


@pytest.mark.parametrize(
    ("figure", "happens", "true"),
    [
        ("factor", lambda rows, size: rows * 1.45, 1.45),
        ("shift", lambda rows, size: rows + 0.6 * size, 0.6),
    ],
)
def test_an_interval_holds_the_true_figure(
    figure: str, happens: Callable[[Rows, float], Rows], true: float
) -> None:
    assert held(figure, happens, true, ROUNDS) >= LEAST
