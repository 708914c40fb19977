"""Limits of proportions, their differences and their trends, against scipy and by other ways."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from monitor.stats.beta_binomial import BetaBinomial, fit_beta_binomial
from monitor.stats.clopper_pearson import clopper_pearson, lower_limit, upper_limit
from monitor.stats.cochran_armitage import cochran_armitage
from monitor.stats.e_process import EProcess
from monitor.stats.two_proportions import two_proportions

PART = st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def test_certification_needs_59_requests_for_p95_and_299_for_p99() -> None:
    for q, least in ((0.95, 59), (0.99, 299)):
        met = [n for n in range(1, 400) if (upper_limit(0, n) or 1.0) <= 1 - q]
        assert met[0] == least


def test_a_limit_of_no_rows_is_not_known() -> None:
    assert upper_limit(0, 0) is lower_limit(0, 0) is clopper_pearson(0, 0) is None
    with pytest.raises(ValueError, match="5 of 4 rows"):
        upper_limit(5, 4)


def test_a_trend_needs_three_periods_that_have_rows() -> None:
    assert cochran_armitage([5, 4], [9, 9]) is None
    assert cochran_armitage([5, 0, 4], [9, 0, 9]) is None
    with pytest.raises(ValueError, match="2 counts, 3 rows"):
        cochran_armitage([1, 2], [3, 3, 3])


def factor(process: EProcess, a: int, n: int, b: int, m: int) -> float:
    return math.exp(process.after(a, n, b, m).log_e - process.log_e)


@given(
    st.floats(0.01, 0.99),
    st.integers(1, 6),
    st.integers(1, 6),
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=3),
)
def test_without_a_difference_no_block_is_expected_to_add_evidence(
    rate: float, n: int, m: int, before: list[tuple[int, int]]
) -> None:
    """Summed over every outcome of the block, whatever was seen before: a supermartingale."""
    process = EProcess()
    for a, b in before:
        process = process.after(a, 4, b, 4)
    expected = sum(
        stats.binom.pmf(a, n, rate) * stats.binom.pmf(b, m, rate) * factor(process, a, n, b, m)
        for a in range(n + 1)
        for b in range(m + 1)
    )
    assert expected <= 1 + 1e-9


def test_evidence_is_found_and_not_made_up_by_looking_fifty_times() -> None:
    rng = np.random.default_rng(9)
    wrong = found = 0
    runs = 300
    for _ in range(runs):
        same, other = EProcess(), EProcess()
        for _ in range(50):
            same = same.after(int(rng.binomial(100, 0.1)), 100, int(rng.binomial(100, 0.1)), 100)
            other = other.after(int(rng.binomial(100, 0.15)), 100, int(rng.binomial(100, 0.1)), 100)
        wrong += same.p_value <= 0.05
        found += other.p_value <= 0.05
    assert wrong / runs <= 0.05
    assert found / runs >= 0.99


def test_evidence_is_kept_and_one_empty_side_says_nothing() -> None:
    process = EProcess().after(30, 100, 5, 100).after(30, 100, 5, 100)
    assert process.after(3, 10, 0, 0).e_value == process.e_value > 1
    assert process.after(5, 100, 30, 100).p_value == process.p_value


def test_a_fit_finds_the_spread_between_people() -> None:
    rng = np.random.default_rng(10)
    shares = rng.beta(0.12 * 65, 0.88 * 65, 400)
    fitted = fit_beta_binomial(rng.binomial(300, shares).tolist(), [300] * 400)
    assert fitted is not None
    assert fitted.mean == pytest.approx(0.12, abs=0.01)
    assert fitted.sd == pytest.approx(0.04, abs=0.005)


def test_a_fit_is_the_most_likely_of_its_neighbours() -> None:
    counts, rows = [3, 8, 14, 5, 21, 9], [100, 120, 90, 80, 150, 110]
    fitted = fit_beta_binomial(counts, rows)
    assert fitted is not None

    def likelihood(mean: float, precision: float) -> float:
        a, b = mean * precision, (1 - mean) * precision
        return float(stats.betabinom.logpmf(counts, rows, a, b).sum())

    best = likelihood(fitted.mean, fitted.precision)
    for mean in (0.97, 1.03):
        for precision in (0.9, 1.0, 1.1):
            assert likelihood(fitted.mean * mean, fitted.precision * precision) < best


def test_people_who_are_all_alike_have_no_spread() -> None:
    fitted = fit_beta_binomial([10] * 20, [100] * 20)
    assert fitted is not None
    assert fitted.sd < 0.01
    assert fit_beta_binomial([0] * 5, [50] * 5) is None
    assert fit_beta_binomial([1, 2], [50, 50]) is None


def test_counts_beyond_their_rows_are_refused() -> None:
    for wrong in (
        lambda: two_proportions(2, 1, 0, 5),
        lambda: EProcess().after(2, 1, 0, 5),
        lambda: fit_beta_binomial([6, 1, 1], [5, 5, 5]),
        lambda: BetaBinomial(0.5, 2).at_most(3, 2),
        lambda: cochran_armitage([4, 1, 1], [3, 3, 3]),
    ):
        with pytest.raises(ValueError, match=r"rows"):
            wrong()


def test_a_side_without_rows_compares_with_nothing() -> None:
    assert two_proportions(0, 0, 1, 5) is None
