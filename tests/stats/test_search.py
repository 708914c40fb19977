"""Values searched in many grids at once, against a count of the edges below each."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.stats.grid import NumericGrid, build_numeric
from monitor.stats.search import Grids

NUMBERS = st.one_of(
    st.floats(-100, 100), st.integers(-5, 5).map(float), st.sampled_from([-1e300, 1e300, -0.0])
)
GRIDS = st.lists(
    st.tuples(st.lists(NUMBERS, min_size=1, max_size=80), st.integers(1, 64)),
    min_size=1,
    max_size=6,
)
ODD = st.sampled_from([math.nan, math.inf, -math.inf])


def slot(grid: NumericGrid, value: float) -> int:
    if math.isnan(value):
        return grid.width + grid.NULL
    if math.isinf(value):
        return grid.width + grid.NONFINITE
    return sum(edge <= value for edge in grid.edges.tolist())


@settings(max_examples=150, deadline=None)
@given(GRIDS, st.data())
def test_each_value_falls_into_the_slot_of_its_own_grid(
    made: list[tuple[list[float], int]], data: st.DataObject
) -> None:
    """Grids of any lengths side by side; values on their edges, beyond them, and none at all."""
    grids = [build_numeric(np.array(values), bins) for values, bins in made]
    edges = st.sampled_from([edge for grid in grids for edge in grid.edges.tolist()])
    value = st.one_of(NUMBERS, ODD, edges)
    asked = data.draw(st.lists(st.tuples(st.integers(0, len(grids) - 1), value), max_size=40))
    which = np.array([n for n, _ in asked], dtype=np.intp)
    found = Grids(grids).codes(which, np.array([value for _, value in asked], dtype=float))
    assert found.tolist() == [slot(grids[n], value) for n, value in asked]
