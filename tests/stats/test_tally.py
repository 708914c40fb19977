"""A tally says of a metric what the confusion counts say, and adds up as they do."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.stats.grid import Counts
from monitor.stats.performance import METRICS, performance
from monitor.stats.tally import added, tally, value_of

MATRIX = st.lists(st.integers(0, 3) | st.integers(0, 900), min_size=9, max_size=9).map(
    lambda cells: np.array(cells, dtype=np.int64).reshape(3, 3)
)
POSITIVE = st.sampled_from([0, 2, None])


@given(MATRIX, st.sampled_from(METRICS), POSITIVE)
def test_the_metric_of_a_tally_is_that_of_the_counts(
    matrix: Counts, metric: str, positive: int | None
) -> None:
    assert value_of(tally(matrix, metric, positive), metric) == performance(
        matrix, metric, positive
    )


@given(MATRIX, MATRIX, st.sampled_from(METRICS), POSITIVE)
def test_tallies_add_up_as_counts_do(
    one: Counts, other: Counts, metric: str, positive: int | None
) -> None:
    both = added(tally(one, metric, positive), tally(other, metric, positive))
    assert both == tally(one + other, metric, positive)
    assert both == added(tally(other, metric, positive), tally(one, metric, positive))


def test_tallies_of_two_metrics_are_not_added() -> None:
    with pytest.raises(ValueError, match="2 and 9 numbers"):
        added((1, 2), (1,) * 9)
