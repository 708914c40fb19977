"""Quantiles from geometric bins, against numpy's on the raw values."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.stats.log_bins import LogBins

BINS = LogBins.of(1e-6, 3600.0, limits=[0.2, 1.0])
LATENCIES = st.lists(st.floats(1.001e-6, 3599.0), min_size=1, max_size=200).map(np.array)


@given(LATENCIES, LATENCIES)
def test_counts_add_up_to_those_of_the_union(one: np.ndarray, other: np.ndarray) -> None:
    both = BINS.counts(np.concatenate((one, other)))
    assert both.tolist() == (BINS.counts(one) + BINS.counts(other)).tolist()
    assert both.sum() == one.size + other.size


@given(st.lists(st.sampled_from([0.1, 0.2, math.nextafter(0.2, 1), 0.3, 1.0, 1.1])))
def test_what_exceeds_a_contractual_limit_is_counted_exactly(values: list[float]) -> None:
    counts = BINS.counts(np.array(values, dtype=float))
    assert BINS.above(counts, 0.2) == sum(value > 0.2 for value in values)
    assert BINS.above(counts, 1.0) == sum(value > 1.0 for value in values)


def test_what_lies_outside_is_counted_and_its_quantile_is_not_known() -> None:
    counts = BINS.counts(np.array([0.0, -1.0, 0.5, 1e9, math.inf]))
    assert counts.sum() == 5
    assert (counts[0], counts[-1]) == (2, 2)
    assert math.isnan(BINS.quantile(counts, 0.0) or 0.0)
    assert math.isnan(BINS.quantile(counts, 1.0) or 0.0)
    assert BINS.quantile(counts, 0.5) == pytest.approx(0.5, rel=0.01)


def test_no_rows_have_no_quantile() -> None:
    assert BINS.quantile(BINS.counts(np.array([])), 0.5) is None


def test_what_makes_no_bins_is_refused() -> None:
    with pytest.raises(ValueError, match="0 < low < high"):
        LogBins.of(0.0, 1.0)
    with pytest.raises(ValueError, match="limit 5"):
        LogBins.of(0.1, 1.0, limits=[5])
    with pytest.raises(ValueError, match="no edge"):
        BINS.above(BINS.counts(np.array([0.5])), 0.21)
    with pytest.raises(ValueError, match="1 of 2 values are NaN"):
        BINS.counts(np.array([0.5, np.nan]))
