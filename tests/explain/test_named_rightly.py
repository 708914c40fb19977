"""How often each cause is named rightly, and how often what is no cause is named: simulated.

The reference has 10,000 rows, a window 1,000; a drift is asked about where its PSI would be at
least medium. `python -m tests.explain.test_named_rightly` prints the table with more rounds.
"""

import sys
from collections import Counter
from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from monitor.explain.column import explain_column
from monitor.stats.cells import open_cells
from monitor.stats.grid import Counts, NumericGrid, build_numeric
from monitor.stats.psi import psi
from tests.explain.breaks import BREAKS, COLUMNS, DRIFTS, Rng, Rows

REFERENCE, WINDOW = 10_000, 1_000
#: At least so many of a break's windows must be named rightly, and at most so many wrongly.
RIGHT, WRONG = 0.85, 0.03
#: And at most so many of the windows that drift without a cause.
INVENTED = 0.03
#: Rows of another kind that lie outside of the baseline are said to be what they are.
FOREIGN = {"foreign_values"}


@cache
def side(column: str, seed: int) -> tuple[NumericGrid, Counts]:
    rows = COLUMNS[column](np.random.default_rng([seed, len(column)]), REFERENCE)
    grid = build_numeric(rows)
    return grid, grid.counts(rows)


def named(
    column: str, happens: Callable[[Rows, Rng], Rows], seed: int, rows: int = WINDOW
) -> tuple[str, ...] | None:
    """The causes that are named; None where the PSI is low, so that nobody asks."""
    grid, then = side(column, seed % 5)
    rng = np.random.default_rng([seed, 99])
    now = grid.counts(np.asarray(happens(COLUMNS[column](rng, rows), rng), dtype=np.float64))
    cells = open_cells(now, then, grid)
    value = psi(cells.current, cells.reference)
    if value is None or value <= 0.1:
        return None
    return tuple(cause.cause for cause in explain_column(now, then, grid))


def measured(rounds: int) -> tuple[dict[str, Counter[str]], dict[str, Counter[str]]]:
    """By break and by drift, how many windows are named rightly, wrongly and not at all."""
    broken: dict[str, Counter[str]] = {}
    for name, (happens, right, told) in BREAKS.items():
        found = broken.setdefault(name, Counter())
        for column in sorted(told):
            for seed in range(rounds):
                causes = named(column, happens, seed)
                if causes is None:
                    continue
                found["right" if set(causes[:1]) & right else "wrong" if causes else "none"] += 1
                found["two"] += len(causes) > 1
    drifted: dict[str, Counter[str]] = {}
    for name, happens in DRIFTS.items():
        found = drifted.setdefault(name, Counter())
        for column in COLUMNS:
            for seed in range(rounds):
                causes = named(column, happens, seed)
                if causes is not None:
                    found["asked"] += 1
                    found["named"] += bool(set(causes[:1]) - FOREIGN)
                    found.update(f"  {cause}" for cause in causes[:1])
    return broken, drifted


@pytest.fixture(scope="module")
def table() -> tuple[dict[str, Counter[str]], dict[str, Counter[str]]]:
    return measured(6)


@pytest.mark.parametrize("name", BREAKS)
def test_a_break_is_named_for_what_it_is(
    name: str, table: tuple[dict[str, Counter[str]], dict[str, Counter[str]]]
) -> None:
    found = table[0][name]
    asked = found["right"] + found["wrong"] + found["none"]
    assert asked >= 5
    assert found["right"] >= RIGHT * asked
    assert found["wrong"] <= WRONG * asked


def test_what_merely_drifts_is_given_no_name(
    table: tuple[dict[str, Counter[str]], dict[str, Counter[str]]],
) -> None:
    found = sum((found for found in table[1].values()), Counter[str]())
    assert found["asked"] > 150
    assert found["named"] <= INVENTED * found["asked"]


def test_nothing_is_named_where_nothing_has_moved() -> None:
    for column in COLUMNS:
        grid, then = side(column, 0)
        for seed in range(20):
            now = grid.counts(COLUMNS[column](np.random.default_rng([seed, 7]), WINDOW))
            assert explain_column(now, then, grid) == ()


def main() -> None:
    broken, drifted = measured(int(sys.argv[1]) if len(sys.argv) > 1 else 50)
    for name, found in broken.items():
        asked = found["right"] + found["wrong"] + found["none"]
        shares = " ".join(f"{k} {found[k] / asked:.3f}" for k in ("right", "none", "wrong", "two"))
        print(f"{name:24} asked {asked:5} {shares}")
    for name, found in drifted.items():
        print(f"{name:26} asked {found['asked']:5} named {found['named']:4}", dict(found))


if __name__ == "__main__":
    main()
