"""Values looked up among edges, against a count of the edges at or below each."""

import math
import sys

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from monitor.stats.lookup import COMPARED, Lookup
from monitor.stats.numeric import MANY, build_numeric
from tests.stats.test_numeric_grid import plain_counts

GREATEST = sys.float_info.max
FINITE = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(-3, 3),
    st.integers(-9, 9).map(float),
    st.floats(1000, 1000.001),
    st.floats(-1e-310, 1e-310),
)
EDGES = st.lists(FINITE, min_size=2, max_size=60).map(lambda found: sorted(set(np.add(found, 0.0))))


def neighbours(values: list[float]) -> list[float]:
    return [
        near
        for x in values
        for near in (math.nextafter(x, -math.inf), x, math.nextafter(x, math.inf))
    ]


@settings(max_examples=300, deadline=None)
@given(EDGES.filter(lambda edges: len(edges) > 1), st.lists(FINITE, max_size=40))
@example([-GREATEST, GREATEST], [0.0])
@example([0.0, 5e-324], [-0.0, 1.0])
@example([1.0, math.inf], [GREATEST])
@example(np.linspace(0, 1e-9, 50).tolist() + [1.0], [5e-10, 0.5])
def test_it_counts_the_edges_at_or_below(edges: list[float], values: list[float]) -> None:
    """Any edges, however close or far apart; values between them, on them, beside them, beyond."""
    asked = np.array([*values, *neighbours(edges), 0.0, -0.0, -math.inf, math.inf])
    found = Lookup(np.array(edges)).below(asked).tolist()
    assert found == [sum(edge <= value for edge in edges) for value in asked.tolist()]


@pytest.mark.parametrize("crowd", [COMPARED, COMPARED + 1, 40])
def test_edges_that_share_a_cell(crowd: int) -> None:
    """As many as are compared, one more, and so many that all values there are searched."""
    edges = np.concatenate((np.arange(60.0), 60 + np.arange(crowd) * 1e-12, [61.0, 1e9]))
    asked = np.array(neighbours(edges.tolist()))
    assert Lookup(edges).below(asked).tolist() == edges.searchsorted(asked, "right").tolist()


@pytest.mark.parametrize("seed", range(12))
def test_long_columns_are_counted_as_each_value_is(seed: int) -> None:
    """Heavy tails, atoms, tight clusters; NaN and infinities among them."""
    rng = np.random.default_rng(seed)
    draws = [
        rng.lognormal(0, 3, 4000),
        rng.standard_cauchy(4000),
        rng.poisson(3, 4000).astype(float),
        1e6 + rng.normal(0, 1e-4, 4000),
        np.where(rng.random(4000) < 0.7, 0.0, rng.beta(0.5, 0.5, 4000)),
    ]
    column = draws[seed % len(draws)]
    grid = build_numeric(column[:3000])
    current = rng.permutation(
        np.concatenate((column[2000:], [math.nan] * 7, [math.inf, -math.inf]))
    )
    assert len(current) >= MANY
    assert grid.counts(current, 3).tolist() == plain_counts(grid, current, 3)
