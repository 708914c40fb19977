"""What counts over bins are worth beside the raw values; the pairs are in `tests.stats.oracles`."""

import decimal
import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from monitor.stats.auc import auc
from monitor.stats.cells import closed_cells, open_cells
from monitor.stats.fisher import excess_p
from monitor.stats.grid import Floats, build_categorical, build_numeric
from monitor.stats.js import js
from monitor.stats.ks import ks
from monitor.stats.performance import performance
from monitor.stats.psi import expected_psi, psi, psi_uniform
from monitor.stats.rates import rates
from tests.stats import article
from tests.stats.columns import smooth


@pytest.mark.parametrize("bins", [2, 64, 256, 1024])
def test_uniform_psi_does_not_depend_on_how_fine_the_bins_are(bins: int) -> None:
    rng = np.random.default_rng(3)
    reference, current = rng.lognormal(size=5000), rng.lognormal(0.3, size=3000)
    grid = build_numeric(reference, bins)
    found = psi_uniform(grid.counts(current), grid.counts(reference), grid)
    assert found == pytest.approx(article.compute_psi(reference, current), abs=1e-12)


def test_coarse_psi_is_that_of_raw_values_cut_at_the_same_edges() -> None:
    rng = np.random.default_rng(4)
    reference, current = rng.normal(size=4000), rng.normal(0.4, size=900)
    grid = build_numeric(reference)
    cells = open_cells(grid.counts(current), grid.counts(reference), grid)
    cuts = [-np.inf, *grid.edges[grid.coarse], np.inf]
    p = np.histogram(current, cuts)[0] / current.size
    q = np.histogram(reference, cuts)[0] / reference.size
    expected = stats.entropy(p, q) + stats.entropy(q, p)
    assert psi(cells.current, cells.reference) == pytest.approx(expected, abs=1e-12)


@given(smooth(), smooth())
def test_ks_of_the_raw_values_lies_in_the_interval(reference: Floats, current: Floats) -> None:
    assume(min(reference.size, current.size) >= 4)  # scipy's own p-value divides by zero below
    grid = build_numeric(reference, 32)
    found = ks(grid.counts(current), grid.counts(reference), grid)
    assert found is not None
    exact = float(stats.ks_2samp(reference, current, method="asymp").statistic)
    assert found.low - 1e-12 <= exact <= found.high + 1e-12
    mass = grid.counts(reference)[1 : grid.bins - 1][~grid.single].max(initial=0)
    assert found.high - found.low <= mass / reference.size + 1e-12


def test_ks_false_alarms_stay_under_their_level() -> None:
    rng = np.random.default_rng(5)
    grid = build_numeric(reference := rng.normal(size=2000))
    counts = grid.counts(reference)
    found = [ks(grid.counts(rng.normal(size=200)), counts, grid) for _ in range(500)]
    assert (
        np.mean([k is not None and k.p_value is not None and k.p_value < 0.05 for k in found]) < 0.1
    )


def test_auc_from_counts_is_near_that_of_raw_values() -> None:
    rng = np.random.default_rng(6)
    reference, current = rng.normal(size=5000), rng.normal(0.2, size=2000)
    grid = build_numeric(reference)
    found = auc(grid.counts(current), grid.counts(reference), grid)
    exact = stats.mannwhitneyu(current, reference).statistic / (2000 * 5000)
    assert found is not None
    assert found.value == pytest.approx(exact, abs=5e-4)
    assert found.value > 0.5, "values rose"


@given(st.integers(0, 2**32))
def test_js_of_classes_is_the_articles_to_1e_12(seed: int) -> None:
    rng = np.random.default_rng(seed)
    baseline, current = rng.integers(0, 4, 400), rng.choice(4, 300, p=[0.4, 0.3, 0.2, 0.1])
    assume(np.unique(baseline).size == np.unique(current).size == 4)
    grid = build_categorical(baseline.tolist())
    cells = closed_cells(grid.counts(current.tolist()), grid.counts(baseline.tolist()), grid)
    found = js(cells.current, cells.reference)
    assert found is not None
    assert found.divergence_nats == pytest.approx(
        article.js_divergence(baseline, current), abs=1e-12
    )


def exact_tail(k: int, n: int, r: int, m: int) -> float:
    """The tail with fifty digits: binomials as whole numbers, then term by term.

    scipy's own is right to nine digits only: of 1 in 500 against 0 in 10 million it makes
    4.999750007e-05, which is 500 / 10,000,500 = 4.999750012e-05.
    """
    with decimal.localcontext(prec=50):
        marked = k + r
        ways = math.comb(n, k) * math.comb(m, r)
        term = decimal.Decimal(ways) / decimal.Decimal(math.comb(n + m, marked))
        tail = decimal.Decimal(0)
        for at in range(k, min(n, marked) + 1):
            tail += term
            if term < tail * decimal.Decimal("1e-40"):
                break
            term = term * (marked - at) * (n - at) / ((at + 1) * (m - marked + at + 1))
    return float(tail)


@pytest.mark.parametrize(
    ("k", "n", "r", "m"),
    [
        (5000, 1_000_000, 3000, 1_000_000),
        (1, 500, 0, 10_000_000),
        (500, 500, 0, 1_000_000),
        (300, 300_000, 3, 20_000),
        (29_990, 30_000, 30_000, 30_000),
        (15_030, 30_000, 15_000, 30_000),
        (20_000, 20_000, 19_000, 20_000),
    ],
)
def test_excess_p_is_fishers_exact_test_in_large_windows(k: int, n: int, r: int, m: int) -> None:
    assert excess_p(k, n, r, m) == pytest.approx(exact_tail(k, n, r, m), rel=1e-10, abs=1e-300)


def test_rates_are_counted_from_what_is_wrong() -> None:
    grid = build_numeric(np.arange(100.0))
    now = grid.counts(np.array([5.0] * 50 + [-1.0] * 10 + [200.0] * 20 + [np.nan] * 10), 10)
    now += grid.counts(np.full(20, np.inf))
    found = rates(now, grid.counts(np.arange(100.0)), grid)
    assert {name: (rate.count, rate.rows) for name, rate in found.items()} == {
        "null_rate": (10, 120),
        "type_error_rate": (10, 120),
        "out_of_range_rate": (50, 100),
    }
    assert found["out_of_range_rate"].excess == 0.5
    oracle = stats.fisher_exact([[10, 110], [0, 100]], alternative="greater")
    assert found["null_rate"].p_value == pytest.approx(float(oracle.pvalue), rel=1e-9)


def test_rates_of_categories_take_the_expected_unseen_share_off() -> None:
    rng = np.random.default_rng(7)
    names = [str(i) for i in range(10_000)]
    reference, current = rng.choice(names, 1000).tolist(), rng.choice(names, 1000).tolist()
    grid = build_categorical(reference)
    found = rates(grid.counts(current), grid.counts(reference), grid)["unseen_rate"]
    assert found.value is not None
    assert found.value > 0.85
    assert found.excess is not None
    assert abs(found.excess) < 0.05
    assert found.p_value is not None
    assert found.p_value > 0.001


def test_an_unknown_metric_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown metric 'auc'; known: accuracy"):
        performance(np.eye(2, dtype=np.int64), "auc")


def test_expected_psi_is_what_samples_without_drift_show() -> None:
    rng = np.random.default_rng(8)
    found = [
        psi(rng.multinomial(500, [0.1] * 10), rng.multinomial(5000, [0.1] * 10)) for _ in range(400)
    ]
    assert expected_psi(10, 500, 5000) == pytest.approx(np.mean(np.array(found, float)), rel=0.1)
