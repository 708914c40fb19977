"""Laws of numeric bins: nothing is lost, merging is addition, the article's bins are among them."""

import math

import numpy as np
import pytest
from hypothesis import example, given

from monitor.errors import BaselineError, GridMismatch
from monitor.stats.cells import open_cells, uniform_counts
from monitor.stats.grid import Floats, NumericGrid, build_numeric, grid_from_dict
from monitor.stats.numeric import uniform_edges
from tests.stats.columns import ANY, CURRENT, NASTY, REFERENCE, arrays

MAX = 1.7976931348623157e308


def plain_counts(grid: NumericGrid, values: Floats, type_errors: int) -> list[int]:
    """Count one value at a time, with comparisons only."""
    edges = [-math.inf, *grid.edges.tolist(), math.inf]
    slots = [0] * grid.width
    for x in values.tolist():
        if math.isnan(x):
            slots[grid.NULL] += 1
        elif math.isinf(x):
            slots[grid.NONFINITE] += 1
        else:
            slots[max(i for i in range(grid.bins) if edges[i] <= x)] += 1
    slots[grid.TYPE_ERROR] += type_errors
    return slots


@given(REFERENCE, CURRENT)
def test_counts_are_those_of_comparing_each_value_with_each_edge(
    reference: Floats, current: Floats
) -> None:
    grid = build_numeric(reference)
    assert grid.counts(current, 3).tolist() == plain_counts(grid, current, 3)


@given(REFERENCE, CURRENT)
def test_bincount_of_codes_is_counts(reference: Floats, current: Floats) -> None:
    grid = build_numeric(reference)
    by_code = np.bincount(grid.codes(current), minlength=grid.width)
    assert by_code.tolist() == grid.counts(current).tolist()


@given(REFERENCE, CURRENT, CURRENT)
def test_counts_of_a_union_are_the_sum_of_counts(
    reference: Floats, first: Floats, second: Floats
) -> None:
    grid = build_numeric(reference)
    union = grid.counts(np.concatenate((first, second)))
    assert union.tolist() == (grid.counts(first) + grid.counts(second)).tolist()


@given(REFERENCE)
def test_the_reference_lies_inside_and_the_next_float_beyond_it_outside(reference: Floats) -> None:
    grid = build_numeric(reference)
    counts = grid.counts(reference)
    assert counts[0] == counts[grid.bins - 1] == 0
    assert counts.sum() == reference.size
    beyond = np.array(
        [math.nextafter(reference.min(), -math.inf), math.nextafter(reference.max(), math.inf)]
    )
    outside = grid.counts(beyond)
    assert outside[0] + outside[grid.bins - 1] + outside[grid.NONFINITE] == 2


@given(REFERENCE, CURRENT)
@example(np.array([0.0, 5e-324]), np.array([5e-324]))
@example(np.array([1.0, np.nextafter(1.0, 2)]), np.array([1.0]))
@example(np.array([4.0]), np.array([4.0, 5.0]))
def test_uniform_counts_are_those_of_numpys_histogram(reference: Floats, current: Floats) -> None:
    grid = build_numeric(reference)
    finite = current[np.isfinite(current)]
    expected, _ = np.histogram(
        finite, bins=uniform_edges(float(reference.min()), float(reference.max()))
    )
    assert uniform_counts(grid.counts(current), grid).tolist() == expected.tolist()


@given(REFERENCE)
def test_uniform_edges_are_numpys_linspace_where_that_is_finite(reference: Floats) -> None:
    low, high = float(reference.min()), float(reference.max())
    ours = uniform_edges(low, high)
    assert np.all(np.isfinite(ours))
    assert ours[0] == low
    assert ours[-1] == high
    if math.isfinite(high - low):
        assert ours.tolist() == np.linspace(low, high, 11).tolist()


@given(REFERENCE)
def test_a_value_with_a_bins_share_is_alone_in_its_bin(reference: Floats) -> None:
    grid = build_numeric(reference)
    values, mass = np.unique(reference + 0.0, return_counts=True)
    for atom in values[mass * 256 >= reference.size].tolist():
        at = int(grid.codes(np.array([atom]))[0])
        assert grid.edges[at - 1] == atom
        assert grid.edges[at] == math.nextafter(atom, math.inf)


@given(REFERENCE)
def test_bins_are_few_and_their_shares_small(reference: Floats) -> None:
    grid = build_numeric(reference)
    counts = grid.counts(reference)[: grid.bins]
    shared = counts[1:-1][~grid.single]
    assert grid.bins <= 2 * 256 + 21
    assert shared.max(initial=0) <= 2 * reference.size / 256 + 1


@given(REFERENCE)
def test_coarse_cells_are_at_most_ten_and_none_is_empty(reference: Floats) -> None:
    grid = build_numeric(reference)
    counts = grid.counts(reference)
    cells = open_cells(counts, counts, grid).reference
    assert cells.size <= 10
    assert cells.min() > 0


def test_coarse_cells_of_a_smooth_column_are_deciles() -> None:
    reference = np.random.default_rng(1).normal(size=20_000)
    grid = build_numeric(reference)
    counts = grid.counts(reference)
    shares = open_cells(counts, counts, grid).reference / 20_000
    assert shares.size == 10
    assert np.all(np.abs(shares - 0.1) < 1e-3)


def test_a_cut_between_two_values_lies_away_from_both() -> None:
    reference = np.repeat(np.arange(24.0), 50)
    grid = build_numeric(reference)
    exact = grid.counts(reference)
    for noise in (-1e-9, 1e-9, -0.4, 0.4):
        noisy = open_cells(grid.counts(reference + noise), exact, grid)
        assert noisy.current.tolist() == noisy.reference.tolist()


@given(REFERENCE)
def test_a_grid_survives_its_dict_exactly(reference: Floats) -> None:
    grid = build_numeric(reference)
    back = grid_from_dict(grid.to_dict())
    assert isinstance(back, NumericGrid)
    assert back == grid
    assert hash(back) == hash(grid)
    assert back.edges.tobytes() == grid.edges.tobytes()


@given(arrays(ANY))
def test_nulls_and_infinities_take_no_part_in_the_bins(reference: Floats) -> None:
    finite = reference[np.isfinite(reference)]
    if finite.size:
        assert build_numeric(reference) == build_numeric(finite)
    else:
        with pytest.raises(BaselineError, match=f"no finite number in {reference.size}"):
            build_numeric(reference)


@given(arrays(NASTY))
def test_building_does_not_depend_on_the_order_of_rows(reference: Floats) -> None:
    assert build_numeric(reference) == build_numeric(reference[::-1])


def test_the_greatest_float_can_be_in_a_reference() -> None:
    grid = build_numeric(np.array([-MAX, 0.0, MAX]))
    assert grid.counts(np.array([MAX, np.inf]))[grid.NONFINITE] == 1
    assert NumericGrid.from_dict(grid.to_dict()) == grid


def test_a_grid_cannot_be_changed() -> None:
    grid = build_numeric(np.array([1.0, 2.0]))
    with pytest.raises(ValueError, match="read-only"):
        grid.edges[0] = 0.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"edges": [2.0, 1.0]}, "strictly increase"),
        ({"edges": [1.0, 1.0]}, "strictly increase"),
        ({"edges": [1.0]}, "at least 2 finite edges"),
        ({"edges": [1.0, "nan"]}, "at least 2 finite edges"),
        ({"edges": ["inf", "inf"]}, "at least 2 finite edges"),
        ({"edges": "ab"}, "not a numeric grid"),
        ({"edges": None}, "not a numeric grid"),
        ({"uniform": [0] * 10}, "uniform must index"),
        ({"uniform": [0] * 10 + [9]}, "uniform must index"),
        ({"uniform": [1] * 10 + [0]}, "must increase"),
        ({"coarse": [-1]}, "coarse must index"),
        ({"coarse": [[0]]}, "coarse must index"),
        ({"kind": "text"}, "unknown kind of grid"),
    ],
)
def test_a_description_that_is_no_grid_is_refused(change: dict[str, object], message: str) -> None:
    good = build_numeric(np.array([1.0])).to_dict()
    with pytest.raises(BaselineError, match=message):
        grid_from_dict(good | change)


def test_counts_over_other_bins_are_refused_with_both_sizes() -> None:
    grid = build_numeric(np.array([1.0, 2.0]))
    with pytest.raises(GridMismatch, match=rf"\(3,\).*{grid.width} slots"):
        grid.check(np.zeros(3, dtype=np.int64))
