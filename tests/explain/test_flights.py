"""Real days, broken and left as they are: what is named of the flights that left New York in 2013.

The baseline is March; every sixth day from April on is a window. Rows of one hour share their
weather, so nothing here is independent.
"""

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest

from monitor.demo.flights import CATEGORICAL, NUMERIC, Flights, load_flights
from monitor.explain.column import explain_column
from monitor.stats.column import Values, count
from monitor.stats.grid import build_categorical, build_numeric
from tests.explain.breaks import Rows

DAY = 86_400_000
MARCH = 1_362_096_000_000
FIRST, LAST, STEP = MARCH + 31 * DAY, MARCH + 300 * DAY, 6 * DAY


@pytest.fixture(scope="module")
def flights() -> Flights:
    return load_flights()


def named(
    flights: Flights, column: str, happens: Callable[[Values], Values] = lambda values: values
) -> Counter[str]:
    """How many days are said to be what, '' if nothing is said."""
    then = values_of(flights.departing(MARCH, FIRST), column)
    grid = build_numeric(then) if column in NUMERIC else build_categorical(list(then))  # type: ignore[arg-type]
    reference = count(grid, then)
    found: Counter[str] = Counter()
    for start in range(FIRST, LAST, STEP):
        now = count(grid, happens(values_of(flights.departing(start, start + DAY), column)))
        causes = explain_column(now, reference, grid)
        found[causes[0].detail.partition(":")[0] if causes else ""] += 1
    return found


def values_of(flights: Flights, column: str) -> Values:
    return flights.numeric[column] if column in NUMERIC else flights.categorical[column]


BROKEN: list[tuple[str, str, Callable[[Rows], Rows], float]] = [
    ("distance", "a unit change", lambda rows: np.round(rows * 1.609344), 0.95),
    ("distance", "a unit change", lambda rows: rows * 1.609344, 0.95),
    ("distance", "foreign values", lambda rows: np.where(np.arange(rows.size) % 5, rows, 0), 0.9),
    (
        "distance", "a filled-in value",
        lambda rows: np.where(np.arange(rows.size) % 5, rows, 1000), 0.9,
    ),
    ("distance", "clipping", lambda rows: np.minimum(rows, 1500), 0.9),
    ("distance", "truncation", lambda rows: rows[rows < 1500], 0.9),
    ("distance", "a constant column", lambda rows: np.full(rows.size, 1400.0), 1.0),
    ("hour", "a shift", lambda rows: rows + 2, 0.8),
    ("dep_delay", "a flipped sign", lambda rows: -rows, 0.4),
]  # fmt: skip


@pytest.mark.parametrize(("column", "name", "happens", "least"), BROKEN)
def test_what_broke_a_real_day_is_named(
    flights: Flights, column: str, name: str, happens: Callable[[Rows], Rows], least: float
) -> None:
    found = named(flights, column, happens)  # type: ignore[arg-type]
    days = sum(found.values())
    assert found[name] >= least * days, found
    assert days - found[name] - found[""] <= 0.05 * days, found


def test_days_that_nothing_has_broken_are_hardly_ever_given_a_cause(flights: Flights) -> None:
    """A day of steady weather may lack a tail indeed; with what is usual known, it need not."""
    found = {column: named(flights, column) for column in (*NUMERIC, *CATEGORICAL)}
    days = sum(sum(one.values()) for one in found.values())
    invented = sum(
        n for one in found.values() for name, n in one.items() if name not in ("", "new categories")
    )
    assert days > 600
    assert invented <= 0.03 * days, found
