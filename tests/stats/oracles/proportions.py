"""Proportions: their limits, differences, trends, evidence, and how they vary between people."""

import math
from typing import Any

import numpy as np
from hypothesis import strategies as st
from scipy import stats

from monitor.stats.beta_binomial import BetaBinomial, fit_beta_binomial
from monitor.stats.clopper_pearson import clopper_pearson, lower_limit, upper_limit
from monitor.stats.cochran_armitage import cochran_armitage
from monitor.stats.e_process import EProcess
from monitor.stats.newcombe import newcombe, wilson
from monitor.stats.two_proportions import two_proportions
from tests.stats.oracles import Result, row

Part = tuple[int, int]
PART = st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
FEW = st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
LEVEL = st.sampled_from([0.8, 0.95, 0.999])


@row("newcombe.wilson", "Wilson", "scipy.stats.binomtest, method wilson", PART, LEVEL)
def _wilson(part: Part, level: float) -> tuple[Result, Result]:
    found, oracle = wilson(*part, level), stats.binomtest(*part).proportion_ci(level, "wilson")
    assert found is not None
    return (found.low, found.high), (oracle.low, oracle.high)


@row("newcombe.newcombe", "Newcombe", "his formula over scipy's Wilson limits", PART, PART, LEVEL)
def _newcombe(one: Part, other: Part, level: float) -> tuple[Result, Result]:
    found = newcombe(*one, *other, level)
    assert found is not None
    (l1, u1), (l2, u2) = (
        tuple(stats.binomtest(*part).proportion_ci(level, "wilson")) for part in (one, other)
    )
    p, q = one[0] / one[1], other[0] / other[1]
    low = p - q - math.sqrt((p - l1) ** 2 + (u2 - q) ** 2)
    high = p - q + math.sqrt((u1 - p) ** 2 + (q - l2) ** 2)
    return (found.low, found.high), (low, high)


@row("clopper_pearson.clopper_pearson", "never too narrow",
     "scipy.stats.binomtest, method exact", PART, LEVEL)  # fmt: skip
def _clopper_pearson(part: Part, level: float) -> tuple[Result, Result]:
    found = clopper_pearson(*part, level)
    oracle = stats.binomtest(*part).proportion_ci(level, "exact")
    assert found is not None
    return (found.low, found.high), (oracle.low, oracle.high)


@row("clopper_pearson.upper_limit", "Clopper & Pearson", "scipy.stats.binomtest, one-sided",
     PART, LEVEL)  # fmt: skip
def _upper_limit(part: Part, level: float) -> tuple[Result, Result]:
    oracle = stats.binomtest(*part, alternative="less").proportion_ci(level, "exact")
    return upper_limit(*part, level), oracle.high


@row("clopper_pearson.lower_limit", "Beta(k, n - k + 1)", "scipy.stats.binomtest, one-sided",
     PART, LEVEL)  # fmt: skip
def _lower_limit(part: Part, level: float) -> tuple[Result, Result]:
    oracle = stats.binomtest(*part, alternative="greater").proportion_ci(level, "exact")
    return lower_limit(*part, level), oracle.low


@row("two_proportions.two_proportions", "Huwyler, practice 6", "scipy.stats.chi2_contingency, "
     "whose root z is", PART, PART, rel=1e-6)  # fmt: skip
def _two_proportions(one: Part, other: Part) -> tuple[Result, Result]:
    found = two_proportions(*one, *other)
    assert found is not None
    given = (found.difference, found.z * abs(found.z), found.p_value, found.p_greater)
    difference = one[0] / one[1] - other[0] / other[1]
    cells = np.array([[one[0], one[1] - one[0]], [other[0], other[1] - other[0]]])
    if not cells.sum(axis=0).all():
        return given, (difference, 0.0, 1.0, 1.0)
    oracle = stats.chi2_contingency(cells, correction=False)
    z = math.copysign(math.sqrt(oracle.statistic), difference)
    return given, (difference, z * abs(z), oracle.pvalue, float(stats.norm.sf(z)))


@row("cochran_armitage.cochran_armitage", "Armitage",
     "the correlation of rows with their period: numpy.corrcoef, polyfit",
     st.lists(FEW, min_size=1, max_size=8), rel=1e-6, abs=1e-10)  # fmt: skip
def _cochran_armitage(parts: list[Part]) -> tuple[Result, Result]:
    found = cochran_armitage([k for k, _ in parts], [n for _, n in parts])
    if len(parts) < 3:
        return found, None
    assert found is not None
    given = (found.slope, found.z, found.p_value)
    outcome = np.concatenate([np.repeat([1.0, 0.0], [k, n - k]) for k, n in parts])
    period = np.repeat(np.arange(float(len(parts))), [n for _, n in parts])
    if np.all(outcome == outcome[0]):
        return given, (0.0, 0.0, 1.0)
    z = float(np.corrcoef(outcome, period)[0, 1]) * math.sqrt(outcome.size)
    return given, (float(np.polyfit(period, outcome, 1)[0]), z, 2 * float(stats.norm.sf(abs(z))))


@row("e_process.EProcess", "Turner", "a product of scipy.stats.binom's likelihoods",
     st.lists(st.tuples(FEW, FEW), max_size=5))  # fmt: skip
def _e_process(blocks: list[tuple[Part, Part]]) -> tuple[Result, Result]:
    process, expected, most = EProcess(), 0.0, 0.0
    for (a, n), (b, m) in blocks:
        one, other = ((k + 1) / (rows + 2) for k, rows in (process.a, process.b))
        process = process.after(a, n, b, m)
        same = (n * one + m * other) / (n + m)
        expected += stats.binom.logpmf(a, n, one) + stats.binom.logpmf(b, m, other)
        expected -= stats.binom.logpmf(a, n, same) + stats.binom.logpmf(b, m, same)
        most = max(most, expected)
    return (process.log_e, process.p_value), (expected, math.exp(-most))


@row("beta_binomial.fit_beta_binomial", "Skellam",
     "no better point on a grid of scipy.stats.betabinom's likelihoods",
     st.lists(FEW, min_size=2, max_size=6), rel=1e-5)  # fmt: skip
def _fit_beta_binomial(parts: list[Part]) -> tuple[Result, Result]:
    counts, rows = np.array(parts).T
    fitted = fit_beta_binomial(counts.tolist(), rows.tolist())
    if fitted is None:
        return None, None if len(parts) < 3 or counts.sum() in (0, rows.sum()) else "a fit"

    def likelihood(mean: Any, precision: Any) -> Any:
        a, b = (
            np.asarray(mean * precision)[..., None],
            np.asarray((1 - mean) * precision)[..., None],
        )
        return stats.betabinom.logpmf(counts, rows, a, b).sum(axis=-1)

    best = float(likelihood(fitted.mean, fitted.precision))
    others = likelihood(*np.meshgrid(np.linspace(0.02, 0.98, 9), np.geomspace(0.05, 1e5, 6)))
    return best, max(best, float(others.max()))


@row("beta_binomial.BetaBinomial.at_most", "Chance that a person", "scipy.stats.betabinom.cdf",
     FEW, st.floats(0.01, 0.99), st.floats(0.5, 1e4), rel=1e-6, abs=1e-9)  # fmt: skip
def _at_most(part: Part, mean: float, precision: float) -> tuple[Result, Result]:
    expected = stats.betabinom.cdf(*part, mean * precision, (1 - mean) * precision)
    return BetaBinomial(mean, precision).at_most(*part), float(expected)
