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


@given(PART, st.sampled_from([0.8, 0.95, 0.999]))
def test_clopper_pearson_is_scipys_exact_interval(part: tuple[int, int], level: float) -> None:
    k, n = part
    found = clopper_pearson(k, n, level)
    oracle = stats.binomtest(k, n).proportion_ci(level, "exact")
    assert found is not None
    assert (found.low, found.high) == pytest.approx((oracle.low, oracle.high), rel=1e-9, abs=1e-12)


def test_certification_needs_59_requests_for_p95_and_299_for_p99() -> None:
    for q, least in ((0.95, 59), (0.99, 299)):
        met = [n for n in range(1, 400) if (upper_limit(0, n) or 1.0) <= 1 - q]
        assert met[0] == least


def test_a_limit_of_no_rows_is_not_known() -> None:
    assert upper_limit(0, 0) is lower_limit(0, 0) is clopper_pearson(0, 0) is None
    with pytest.raises(ValueError, match="5 of 4 rows"):
        upper_limit(5, 4)


@given(PART, PART)
def test_two_proportions_are_pearsons_chi_squared(
    one: tuple[int, int], other: tuple[int, int]
) -> None:
    found = two_proportions(*one, *other)
    assert found is not None
    table = np.array([[one[0], one[1] - one[0]], [other[0], other[1] - other[0]]])
    if not table.sum(axis=0).all():
        assert (found.z, found.p_value, found.p_greater) == (0.0, 1.0, 1.0)
        return
    oracle = stats.chi2_contingency(table, correction=False)
    assert found.z**2 == pytest.approx(oracle.statistic, rel=1e-9, abs=1e-9)
    assert found.p_value == pytest.approx(oracle.pvalue, rel=1e-6, abs=1e-300)
    assert math.copysign(1, found.difference) == math.copysign(1, found.z) or found.z == 0
    if found.z > 0:
        assert found.p_greater == pytest.approx(found.p_value / 2, rel=1e-9, abs=1e-300)


@given(st.lists(PART.filter(lambda p: p[1] < 300), min_size=3, max_size=8))
def test_a_trend_in_proportions_is_the_correlation_of_rows_with_their_period(
    parts: list[tuple[int, int]],
) -> None:
    found = cochran_armitage([k for k, _ in parts], [n for _, n in parts])
    assert found is not None
    outcome = np.concatenate([np.repeat([1.0, 0.0], [k, n - k]) for k, n in parts])
    period = np.repeat(np.arange(float(len(parts))), [n for _, n in parts])
    if np.all(outcome == outcome[0]):
        assert (found.z, found.p_value) == (0.0, 1.0)
        return
    r = float(np.corrcoef(outcome, period)[0, 1])
    assert found.z == pytest.approx(r * math.sqrt(outcome.size), rel=1e-7, abs=1e-7)
    assert found.slope == pytest.approx(np.polyfit(period, outcome, 1)[0], rel=1e-6, abs=1e-9)
    assert found.p_value == pytest.approx(2 * stats.norm.sf(abs(found.z)), rel=1e-9)


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


@given(PART.filter(lambda p: p[1] < 400), st.floats(0.01, 0.99), st.floats(0.5, 1e4))
def test_the_beta_binomial_tail_is_scipys(
    part: tuple[int, int], mean: float, precision: float
) -> None:
    k, n = part
    expected = stats.betabinom.cdf(k, n, mean * precision, (1 - mean) * precision)
    found = BetaBinomial(mean, precision).at_most(k, n)
    assert found == pytest.approx(float(expected), rel=1e-6, abs=1e-9)


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
