"""Bars: a fair picture, on one scale."""

import numpy as np
import pytest

from monitor.files.shape import bars, shape
from monitor.stats.grid import build_categorical, build_numeric


def test_bars_of_numbers_are_the_histogram_of_the_columns() -> None:
    rng = np.random.default_rng(1)
    reference, current = rng.normal(size=20_000), rng.normal(1, size=20_000)
    grid = build_numeric(reference)
    found = shape(grid.counts(reference), grid.counts(current), grid, 12)
    low, high = np.quantile(reference, [0.01, 0.99])
    cuts = [-np.inf, *np.linspace(low, high, 13)[1:-1], np.inf]
    for shares, values in ((found.reference, reference), (found.current, current)):
        expected = np.histogram(values, cuts)[0] / values.size
        assert shares == pytest.approx(expected, abs=0.01)


def test_an_outlier_does_not_squeeze_all_else_into_one_bar() -> None:
    reference = np.append(np.random.default_rng(2).uniform(0, 1, 5000), 1e9)
    grid = build_numeric(reference)
    counts = grid.counts(reference)
    assert np.count_nonzero(shape(counts, counts, grid).reference > 0.05) == 12


@pytest.mark.parametrize("values", [[3.0], [0.0, 1.0], [1.7976931348623157e308], [-1e308, 1e308]])
def test_strange_references_have_bars_too(values: list[float]) -> None:
    grid = build_numeric(np.array(values))
    found = shape(grid.counts(np.array(values)), grid.counts(np.array([])), grid, 8)
    assert found.reference.sum() == pytest.approx(1)
    assert found.reference.size == found.current.size == 8
    assert found.current.sum() == 0


def test_bars_of_categories_are_the_frequent_ones_and_the_unseen() -> None:
    reference = ["a"] * 6 + ["b"] * 3 + ["c"]
    grid = build_categorical(reference)
    found = shape(grid.counts(reference), grid.counts(["a", "z"]), grid, 3)
    assert found.reference.tolist() == [0.6, 0.3, 0]
    assert found.current.tolist() == [0.5, 0, 0.5]


def test_a_share_above_zero_is_never_blank() -> None:
    assert bars(np.array([0, 1e-9, 0.5, 1.0]), 1.0) == " ▁▄█"
    assert bars(np.array([0.0, 0.0]), 0.0) == "  "
    assert bars(np.array([0.5, 0.25]), 0.5, " .#") == "#."
