"""The cases in which naive code is silently wrong, through counts."""

import math

import numpy as np
import pytest

from monitor.stats.auc import auc
from monitor.stats.cells import Cells, closed_cells, open_cells, uniform_counts, valid_rows
from monitor.stats.chi2 import chi2
from monitor.stats.clopper_pearson import clopper_pearson
from monitor.stats.concept import concept_drift, degradation
from monitor.stats.effect import effect
from monitor.stats.fisher import excess_p
from monitor.stats.grid import Counts, Grid, build_categorical, build_numeric
from monitor.stats.hellinger import hellinger
from monitor.stats.js import js
from monitor.stats.ks import ks
from monitor.stats.newcombe import newcombe, wilson
from monitor.stats.performance import performance
from monitor.stats.psi import expected_psi, psi, psi_uniform
from monitor.stats.rates import rates
from monitor.stats.total_variation import total_variation
from monitor.stats.trend import trend
from monitor.stats.two_proportions import two_proportions
from monitor.stats.wasserstein import bin_means, wasserstein

LN2 = math.log(2)


def both(cells: Cells) -> tuple[Counts, Counts]:
    return cells.current, cells.reference


def grid_of(values: list[float]) -> tuple[Grid, Counts]:
    grid = build_numeric(np.array(values))
    return grid, grid.counts(np.array(values))


def test_identical_columns_do_not_differ() -> None:
    values = np.random.default_rng(0).normal(size=1000)
    grid = build_numeric(values)
    counts = grid.counts(values)
    coarse, closed = open_cells(counts, counts, grid), closed_cells(counts, counts, grid)
    assert psi(coarse.current, coarse.reference) == 0
    assert psi_uniform(counts, counts, grid) == 0
    divergence = js(closed.current, closed.reference)
    assert divergence is not None
    assert divergence.divergence_nats == 0
    assert hellinger(closed.current, closed.reference) == 0
    distance = ks(counts, counts, grid)
    assert distance is not None
    assert (distance.d, distance.p_value) == (0, 1)
    rank = auc(counts, counts, grid)
    assert rank is not None
    assert rank.value == pytest.approx(0.5)
    assert rank.p_value == pytest.approx(1)
    test = chi2(closed.current, closed.reference)
    assert test is not None
    assert (test.statistic, test.p_value) == (0, 1)
    assert total_variation(closed.current, closed.reference) == 0
    assert wasserstein(counts, counts, grid, bin_means(values, grid)) == 0
    size = effect(coarse.current, coarse.reference)
    assert size is not None
    assert (size.psi, size.corrected, size.lower, size.p_value) == (0, 0, 0, 1)


def test_uniform_psi_of_disjoint_columns_over_the_baselines_edges() -> None:
    reference = np.linspace(0, 1, 1000)
    grid = build_numeric(reference)
    found = psi_uniform(grid.counts(reference + 5), grid.counts(reference), grid)
    assert found == pytest.approx(6.9008, abs=5e-5)


def test_disjoint_columns_reach_the_bounds() -> None:
    reference = np.random.default_rng(1).uniform(0, 1, 500)
    grid = build_numeric(reference)
    now, then = grid.counts(reference + 2), grid.counts(reference)
    cells = closed_cells(now, then, grid)
    found = js(cells.current, cells.reference)
    assert found is not None
    assert found.divergence_nats == pytest.approx(0.693147, abs=5e-7)
    assert found.distance_nats == pytest.approx(0.832555, abs=5e-7)
    assert found.distance_base2 == pytest.approx(1.0, abs=1e-15)
    assert hellinger(cells.current, cells.reference) == 1
    distance = ks(now, then, grid)
    assert distance is not None
    assert (distance.d, distance.high) == (1, 1)
    rank = auc(now, then, grid)
    assert rank is not None
    assert rank.value == 1
    assert total_variation(cells.current, cells.reference) == pytest.approx(1, abs=1e-15)
    means = bin_means(reference, grid)
    moved = wasserstein(now, then, grid, means, above=float((reference + 2).sum()))
    assert moved == pytest.approx(2, abs=1e-9)


def test_js_with_an_empty_cell_is_defined() -> None:
    found = js(np.array([40, 40, 20]), np.array([50, 50, 0]))
    assert found is not None
    assert found.divergence_nats == pytest.approx(0.0748818, abs=5e-8)
    assert found.distance_nats == pytest.approx(0.273645, abs=5e-7)
    assert found.distance_base2 == pytest.approx(0.328682, abs=5e-7)


def test_a_constant_that_stays_is_no_drift() -> None:
    grid = build_numeric(np.full(100, 3.0))
    now, then = grid.counts(np.full(60, 3.0)), grid.counts(np.full(100, 3.0))
    assert psi_uniform(now, then, grid) == 0
    distance = ks(now, then, grid)
    assert distance is not None
    assert (distance.d, distance.high, distance.p_value) == (0, 0, 1)
    rank = auc(now, then, grid)
    assert rank is not None
    assert (rank.value, rank.z, rank.p_value) == (0.5, 0, 1)
    assert wasserstein(now, then, grid, bin_means(np.full(9, 3.0), grid)) == 0


def test_a_constant_that_becomes_another_is_total_drift() -> None:
    grid = build_numeric(np.full(100, 3.0))
    for other in (2.0, 4.0, math.nextafter(3.0, 4), math.nextafter(3.0, 2)):
        now, then = grid.counts(np.full(60, other)), grid.counts(np.full(100, 3.0))
        distance = ks(now, then, grid)
        assert distance is not None
        assert distance.d == 1
        cells = closed_cells(now, then, grid)
        found = js(cells.current, cells.reference)
        assert found is not None
        assert found.divergence_nats == pytest.approx(LN2, abs=1e-12)
        assert psi_uniform(now, then, grid) == pytest.approx(9.2094, abs=5e-5)
        assert rates(now, then, grid)["out_of_range_rate"].value == 1
        means, total = bin_means(np.full(9, 3.0), grid), other * 60
        below, above = (total, None) if other < 3 else (None, total)
        moved = wasserstein(now, then, grid, means, below, above)
        assert moved == pytest.approx(abs(other - 3), abs=1e-12)


@pytest.mark.parametrize("values", [[], [math.nan] * 9])
def test_an_empty_or_all_null_window_is_undefined_and_never_zero(values: list[float]) -> None:
    grid, then = (
        build_numeric(np.arange(50.0)),
        build_numeric(np.arange(50.0)).counts(np.arange(50.0)),
    )
    now = grid.counts(np.array(values))
    for a, b in ((now, then), (then, now)):
        assert psi_uniform(a, b, grid) is None
        assert ks(a, b, grid) is None
        assert auc(a, b, grid) is None
        coarse, closed = open_cells(a, b, grid), closed_cells(a, b, grid)
        assert psi(coarse.current, coarse.reference) is None
        assert js(closed.current, closed.reference) is None
        assert chi2(closed.current, closed.reference) is None
        assert hellinger(closed.current, closed.reference) is None
        assert total_variation(closed.current, closed.reference) is None
        assert effect(coarse.current, coarse.reference) is None
        assert wasserstein(a, b, grid, bin_means(np.arange(50.0), grid), 0.0, 0.0) is None
    found = rates(now, then, grid)
    assert found["null_rate"].value == (1 if values else None)
    assert found["out_of_range_rate"].value is None
    assert found["out_of_range_rate"].excess is None
    assert found["out_of_range_rate"].p_value is None


def test_other_undefined_results_are_none() -> None:
    assert expected_psi(10, 0, 5) is None
    assert excess_p(0, 0, 1, 2) is None
    assert performance(np.zeros((2, 2), dtype=np.int64), "accuracy") is None
    assert performance(np.array([[3, 0], [0, 0]]), "precision", 1) is None
    assert degradation([0.9] * 3, 0.1) is None
    assert degradation([0.9, 0.9, math.nan, 0.9], 0.5) is None
    assert degradation([0.9] * 4, math.nan) is None
    assert concept_drift([0.9] * 4, math.nan) is None
    assert wilson(0, 0) is clopper_pearson(0, 0) is newcombe(0, 0, 1, 2) is None
    assert two_proportions(0, 0, 1, 2) is None
    assert trend([0.9, 0.8], 3) is trend([0.9] * 7) is trend([0.9] * 6 + [math.nan]) is None
    with pytest.raises(ValueError, match="0 periods"):
        degradation([0.9], 0.9, 0)


def test_ks_of_few_rows_has_no_p_value() -> None:
    grid = build_numeric(np.arange(100.0))
    then = grid.counts(np.arange(100.0))
    for rows, has in ((49, False), (50, True)):
        found = ks(grid.counts(np.arange(float(rows))), then, grid)
        assert found is not None
        assert (found.p_value is not None) == has


def test_a_single_row_is_far_away_by_the_articles_psi_and_has_no_p_value() -> None:
    """Which is why a grade needs a least number of rows."""
    reference = np.linspace(0, 1, 10_000)
    grid = build_numeric(reference)
    now, then = grid.counts(np.array([0.55])), grid.counts(reference)
    naive = psi_uniform(now, then, grid)
    assert naive == pytest.approx(8.28, abs=0.005)
    found, size = ks(now, then, grid), effect(*both(open_cells(now, then, grid)))
    assert found is not None
    assert found.p_value is None
    assert size is not None
    assert size.corrected < 0.1
    assert size.lower == 0


@pytest.mark.parametrize("part", [0, 10])
def test_proportions_of_nothing_and_of_all_are_alike_and_have_limits(part: int) -> None:
    found = two_proportions(part, 10, 2 * part, 20)
    assert found is not None
    assert (found.z, found.p_value, found.p_greater) == (0, 1, 1)
    for interval in (wilson(part, 10), clopper_pearson(part, 10)):
        assert interval is not None
        assert (interval.low if part == 0 else interval.high) == pytest.approx(part / 10, abs=1e-15)
        assert 0 < interval.high - interval.low < 0.35


def test_how_far_rows_moved_beyond_the_edges_is_known_from_their_sum_alone() -> None:
    reference = np.arange(100.0)
    grid, means = build_numeric(reference), bin_means(reference, build_numeric(reference))
    then, now = grid.counts(reference), grid.counts(np.append(reference, 1e6))
    assert wasserstein(now, then, grid, means) is None
    far = wasserstein(now, then, grid, means, above=1e6)
    assert far == pytest.approx((1e6 - 49.5) / 101, rel=1e-9)
    holes = grid.counts(np.concatenate((reference, [np.nan, np.inf, -np.inf])), type_errors=3)
    assert wasserstein(holes, then, grid, means) == 0, "what is in no bin is a rate"
    with pytest.raises(ValueError, match="9 means of"):
        wasserstein(now, then, grid, np.zeros(9))


def test_nulls_are_out_of_the_denominator() -> None:
    reference = np.random.default_rng(2).normal(size=1000)
    grid = build_numeric(reference)
    then, now = grid.counts(reference), grid.counts(reference[:300])
    holes = grid.counts(np.concatenate((reference[:300], np.full(700, np.nan))), type_errors=50)
    assert psi_uniform(holes, then, grid) == psi_uniform(now, then, grid)
    assert ks(holes, then, grid) == ks(now, then, grid)
    assert valid_rows(holes, grid) == 300


def test_infinities_are_out_of_range_and_in_no_bin() -> None:
    grid, then = grid_of([0.0, 1.0] * 20)
    now = grid.counts(np.array([0.0] * 8 + [np.inf, -np.inf]))
    assert rates(now, then, grid)["out_of_range_rate"].value == 0.2
    assert valid_rows(now, grid) == 8


def test_ten_percent_above_the_maximum_is_a_rate_and_hardly_a_psi() -> None:
    reference = np.random.default_rng(3).uniform(0, 1, 10_000)
    current = np.concatenate((np.random.default_rng(4).uniform(0, 1, 9000), np.full(1000, 7.0)))
    grid = build_numeric(reference)
    now, then = grid.counts(current), grid.counts(reference)
    rate = rates(now, then, grid)["out_of_range_rate"]
    assert rate.value == pytest.approx(0.10, abs=0.001)
    assert rate.p_value is not None
    assert rate.p_value < 1e-12
    naive = psi_uniform(now, then, grid)
    assert naive is not None
    assert naive < 0.02
    assert uniform_counts(now, grid).sum() == pytest.approx(9000, abs=5)
    assert open_cells(now, then, grid).current.sum() == 10_000


def test_open_psi_does_not_grow_with_the_size_of_the_reference() -> None:
    shares = []
    for rows in (5_000, 500_000):
        reference = np.linspace(0, 1, rows)
        grid = build_numeric(reference)
        current = np.concatenate((np.linspace(0, 1, 980), np.full(20, 2.0)))
        cells = open_cells(grid.counts(current), grid.counts(reference), grid)
        shares.append(psi(cells.current, cells.reference))
    assert shares[0] == pytest.approx(shares[1], abs=1e-3)


def test_a_new_category() -> None:
    grid = build_categorical(["a"] * 50 + ["b"] * 50)
    then = grid.counts(["a"] * 50 + ["b"] * 50)
    now = grid.counts(["a"] * 40 + ["b"] * 40 + ["c"] * 20)
    cells = closed_cells(now, then, grid)
    test = chi2(cells.current, cells.reference)
    assert test is not None
    assert (round(test.statistic, 2), round(test.p_value, 6)) == (22.22, 1.5e-5)
    coarse = open_cells(now, then, grid)
    assert psi(coarse.current, coarse.reference) == 0, "the new category is a rate of its own"
    assert rates(now, then, grid)["unseen_rate"].value == 0.2


def test_a_category_that_occurs_on_neither_side_is_dropped() -> None:
    with_empty = chi2(np.array([10, 20, 0]), np.array([15, 15, 0]))
    assert with_empty == chi2(np.array([10, 20]), np.array([15, 15]))


def test_ten_thousand_categories_without_drift_show_none() -> None:
    rng = np.random.default_rng(5)
    names = np.array([f"c{i}" for i in range(10_000)])
    weights = 1 / np.arange(1, 10_001)
    weights /= weights.sum()
    for shares in (None, weights):
        reference = rng.choice(names, 10_000, p=shares).tolist()
        grid = build_categorical(reference)
        then, now = grid.counts(reference), grid.counts(rng.choice(names, 1000, p=shares).tolist())
        cells = open_cells(now, then, grid)
        assert cells.current.size <= 10 + 1000 / 20 + 1
        found = psi(cells.current, cells.reference)
        assert found is not None
        assert found < 0.1
        unseen = rates(now, then, grid)["unseen_rate"]
        assert unseen.p_value is not None
        assert unseen.p_value > 0.001


def test_a_category_has_a_cell_where_twenty_rows_are_to_be_expected() -> None:
    reference = [str(i) for i in range(20)] * 100
    grid = build_categorical(reference)
    then = grid.counts(reference)
    for rows, cells in ((399, 10), (400, 20)):
        now = grid.counts(reference[:rows])
        found = open_cells(now, then, grid)
        assert found.current.size == cells + 1
        assert found.current.sum() == rows
        assert found.reference.sum() == 2000


def test_ten_classes_are_never_merged() -> None:
    grid = build_categorical(list(range(10)))
    counts = grid.counts(list(range(10)))
    assert open_cells(counts, counts, grid).current.tolist() == [1] * 10 + [0]


def test_a_drop_of_exactly_the_limit_is_not_above_it() -> None:
    assert 0.85 - 0.75 != 0.10
    assert concept_drift([0.85] * 4, 0.75, threshold=0.10) is False
    assert concept_drift([0.9] * 4, 0.85) is False
    assert concept_drift([0.9] * 4, 0.85 - 1e-8) is True


@pytest.mark.parametrize(
    ("reference", "names"),
    [
        ([1.0] * 5, (("all",), ("< 1", "1 to 1", ">= 1"))),
        ([0.0, 1.0] * 5, (("< 0.5", ">= 0.5"), ("< 0", "0 to 0.5", "0.5 to 1", ">= 1"))),
    ],
)
def test_cells_of_numbers_are_named_by_their_bounds(
    reference: list[float], names: tuple[tuple[str, ...], ...]
) -> None:
    grid, counts = grid_of(reference)
    assert open_cells(counts, counts, grid).names == names[0]
    assert closed_cells(counts, counts, grid).names == names[1]


def test_cells_of_categories_are_named_by_them() -> None:
    grid = build_categorical(["a", "b", "b"])
    counts = grid.counts(["a", "z", None])
    assert open_cells(counts, counts, grid).names == ("b", "a", "__other__")
    closed = closed_cells(counts, counts, grid)
    assert closed.names == ("b", "a", "__other__", "__unseen__")
    assert closed.current.tolist() == [0, 1, 0, 1]
