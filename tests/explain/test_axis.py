"""The distribution that bins tell, against the raw rows, and maps of it against mapped rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.errors import GridMismatch
from monitor.explain.axis import Axis
from monitor.stats.grid import build_numeric
from tests.explain.breaks import COLUMNS, Rows

each = pytest.mark.parametrize("column", COLUMNS)


def axis(rows: Rows, now: Rows | None = None) -> Axis:
    grid = build_numeric(rows)
    return Axis.of(grid.counts(rows if now is None else now), grid.counts(rows), grid)


def rows_of(column: str, seed: int = 0, n: int = 5_000) -> Rows:
    return COLUMNS[column](np.random.default_rng(seed), n)


@each
def test_shares_below_a_value_are_those_of_the_raw_rows_up_to_a_bin(column: str) -> None:
    rows = rows_of(column)
    one = axis(rows)
    at = np.quantile(rows, np.linspace(0.01, 0.99, 50), method="nearest")
    for inclusive in (False, True):
        exact = np.array([(rows <= v).mean() if inclusive else (rows < v).mean() for v in at])
        found = one.below(at, np.full(at.size, inclusive))
        assert np.abs(found - exact).max() < 2 / 256


@each
def test_quantiles_are_those_of_the_raw_rows_up_to_a_bin(column: str) -> None:
    rows = rows_of(column)
    one, levels = axis(rows), np.arange(1, 20) / 20
    found = one.quantiles(one.reference, levels)
    below = np.array([(rows < v - 1e-9).mean() for v in found])
    up_to = np.array([(rows <= v + 1e-9).mean() for v in found])
    assert np.all(below <= levels + 2 / 256)
    assert np.all(up_to >= levels - 2 / 256)


@each
def test_nothing_done_predicts_the_baseline(column: str) -> None:
    one = axis(rows_of(column))
    same = one.mapped(one.targets(0.0))
    assert same == pytest.approx(one.cells(one.reference) / one.reference.sum(), abs=1e-6)


@each
@pytest.mark.parametrize("factor", [1.609344, 0.45359237, 60.0, 1000.0])
def test_a_predicted_map_is_the_mapped_rows_counted(column: str, factor: float) -> None:
    rows = rows_of(column)
    one = axis(rows, rows * factor)
    predicted = one.mapped(one.targets(0.0) / factor)
    assert np.abs(predicted - one.cells(one.current) / rows.size).max() < 2 / 256


@pytest.mark.parametrize("column", ["whole", "hour"])
@pytest.mark.parametrize("by", [-3.0, 1.0, 7.0])
def test_whole_numbers_that_are_shifted_land_on_whole_numbers_exactly(
    column: str, by: float
) -> None:
    rows = rows_of(column)
    one = axis(rows, rows + by)
    assert one.lattice == 1.0
    predicted = one.mapped(one.targets(0.0) - by)
    assert np.abs(predicted - one.cells(one.current) / rows.size).max() < 1 / 256


def test_the_other_sign_is_the_flipped_rows_counted() -> None:
    rows = rows_of("signed")
    one = axis(rows, -rows)
    predicted = one.mapped(-one.targets(0.0), rising=False)
    assert np.abs(predicted - one.cells(one.current) / rows.size).max() < 2 / 256


def test_rounded_rows_are_predicted_by_where_they_are_rounded_to() -> None:
    rows = rows_of("normal")
    one = axis(rows, np.round(rows, -1))
    predicted = one.mapped(one.targets(10.0))
    assert np.abs(predicted - one.cells(one.current) / rows.size).max() < 2 / 256


def test_quantiles_beyond_the_edges_are_not_known() -> None:
    rows = rows_of("normal")
    one = axis(rows, rows + 1e6)
    assert np.isnan(one.quantiles(one.current, np.array([0.1, 0.9]))).all()


def test_fractions_are_no_lattice() -> None:
    assert axis(rows_of("normal")).lattice == 0.0
    assert axis(rows_of("tenths")).lattice == 0.0


def test_counts_over_other_bins_are_refused() -> None:
    grid = build_numeric(np.arange(9.0))
    with pytest.raises(GridMismatch):
        Axis.of(np.zeros(3, dtype=np.int64), grid.counts(np.arange(9.0)), grid)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=60),
    st.lists(st.floats(-1e7, 1e7), min_size=1, max_size=60),
    st.floats(0.001, 1000),
)
def test_whatever_the_rows_a_prediction_is_a_distribution(
    then: list[float], now: list[float], factor: float
) -> None:
    one = axis(np.array(then), np.array(now))
    for shares in (
        one.mapped(one.targets(0.0) / factor),
        one.mapped(-one.targets(0.0), rising=False),
        one.mapped(one.targets(1.0) - 1.0),
        one.merged(one.shares),
    ):
        assert shares.shape == one.cells(one.current).shape
        assert shares.min() >= 0
        assert shares.sum() == pytest.approx(1.0)
