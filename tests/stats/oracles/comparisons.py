"""Two distributions compared: from raw values, and from counts over cells."""

import math

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st
from scipy import optimize, stats
from scipy.spatial import distance
from scipy.special import rel_entr

from monitor.stats.auc import auc, ordered_auc
from monitor.stats.chi2 import chi2
from monitor.stats.column import count
from monitor.stats.effect import effect
from monitor.stats.fisher import excess_p
from monitor.stats.grid import Counts, Floats, build_numeric
from monitor.stats.hellinger import hellinger
from monitor.stats.js import js
from monitor.stats.ks import LEAST, kolmogorov_p, ks
from monitor.stats.psi import FLOOR, expected_psi, psi, psi_uniform
from monitor.stats.rates import rates
from monitor.stats.total_variation import total_variation
from monitor.stats.wasserstein import bin_means, wasserstein
from tests.stats import article
from tests.stats.columns import REFERENCE, smooth
from tests.stats.oracles import Result, row

#: Counts of a window and of its reference over the same two to twelve cells.
CELLS = st.integers(2, 12).flatmap(
    lambda k: st.tuples(
        *[st.lists(st.integers(0, 500), min_size=k, max_size=k).map(np.array) for _ in range(2)]
    )
)
SIDE = st.integers(0, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
RAW = st.lists(st.sampled_from([0.5, 1, 2.0, -3.0, 9, None, math.nan, math.inf, "x", True]))


def _shares(cells: tuple[Counts, Counts]) -> tuple[Floats, Floats] | None:
    current, reference = cells
    if not current.sum() or not reference.sum():
        return None
    return current / current.sum(), reference / reference.sum()


@row("auc.auc", "Mann & Whitney (1947)", "scipy.stats.mannwhitneyu over the bins",
     smooth(), smooth(), rel=1e-6)  # fmt: skip
def _auc(reference: Floats, current: Floats) -> tuple[Result, Result]:
    grid = build_numeric(reference, 32)
    found = auc(grid.counts(current), grid.counts(reference), grid)
    assert found is not None
    x, y = grid.codes(current), grid.codes(reference)
    if np.unique(np.concatenate((x, y))).size == 1:
        return (found.value, found.z, found.p_value), (0.5, 0.0, 1.0)
    oracle = stats.mannwhitneyu(x, y, method="asymptotic", use_continuity=False)
    value = oracle.statistic / (x.size * y.size)
    side = math.copysign(1.0, found.z) == math.copysign(1.0, value - 0.5) or found.z == 0
    return (found.value, found.p_value, side), (value, oracle.pvalue, True)


@row("auc.ordered_auc", "Mann & Whitney, 1947", "scipy.stats.mannwhitneyu on the rows",
     CELLS, rel=1e-6)  # fmt: skip
def _ordered_auc(cells: tuple[Counts, Counts]) -> tuple[Result, Result]:
    current, reference = cells
    found = ordered_auc(current, reference)
    if not current.sum() or not reference.sum():
        return found, None
    assert found is not None
    x, y = (np.repeat(np.arange(side.size), side) for side in cells)
    if np.unique(np.concatenate((x, y))).size == 1:
        return (found.value, found.p_value), (0.5, 1.0)
    oracle = stats.mannwhitneyu(x, y, method="asymptotic", use_continuity=False)
    return (found.value, found.p_value), (oracle.statistic / (x.size * y.size), oracle.pvalue)


@row("ks.kolmogorov_p", "Stephens", "scipy.stats.kstwobign", st.floats(0, 1), st.integers(1, 5000),
     st.integers(1, 5000))  # fmt: skip
def _kolmogorov_p(d: float, n: int, m: int) -> tuple[Result, Result]:
    s = math.sqrt(n * m / (n + m))
    p = stats.kstwobign.sf(d * (s + 0.12 + 0.11 / s)) if min(n, m) >= 50 else None
    return kolmogorov_p(d, n, m), p


@row("ks.ks", "Stephens", "scipy.stats.ks_2samp over the bins, kstwobign", smooth(), smooth())
def _ks(reference: Floats, current: Floats) -> tuple[Result, Result]:
    assume(min(reference.size, current.size) >= 4)  # scipy's own p-value divides by zero below
    grid = build_numeric(reference)
    found = ks(grid.counts(current), grid.counts(reference), grid)
    assert found is not None
    codes = grid.codes(current), grid.codes(reference)
    d = float(stats.ks_2samp(*codes, method="asymp").statistic)
    n, m = current.size, reference.size
    s = math.sqrt(n * m / (n + m))
    p = stats.kstwobign.sf(d * (s + 0.12 + 0.11 / s)) if min(n, m) >= LEAST else None
    return (found.d, found.p_value), (d, p)


@row("wasserstein.wasserstein", "Vallender", "scipy.stats.wasserstein_distance, each bin's rows "
     "at the reference's mean", smooth(), smooth(), rel=1e-7)  # fmt: skip
def _wasserstein(reference: Floats, current: Floats) -> tuple[Result, Result]:
    assume(np.abs(reference).max() < 1e6 and np.abs(current).max() < 1e6)
    grid = build_numeric(reference)
    means, codes = bin_means(reference, grid), grid.codes(current)
    low, high = current[codes == 0], current[codes == grid.bins - 1]
    found = wasserstein(
        grid.counts(current), grid.counts(reference), grid, means, float(low.sum()),
        float(high.sum()),
    )  # fmt: skip
    middle = np.where(np.isnan(means), (grid.edges[:-1] + grid.edges[1:]) / 2, means)
    places = np.concatenate(([low.mean() if low.size else 0.0], middle,
                             [high.mean() if high.size else 0.0]))  # fmt: skip
    return found, stats.wasserstein_distance(places[codes], places[grid.codes(reference)])


@row("wasserstein.bin_means", "the mean of float64[n] in each bin", "numpy's mean, bin by bin",
     smooth(), smooth())  # fmt: skip
def _bin_means(reference: Floats, values: Floats) -> tuple[Result, Result]:
    grid = build_numeric(reference, 16)
    codes = grid.codes(values)
    inside = [values[codes == at] for at in range(1, grid.bins - 1)]
    found = [None if math.isnan(mean) else mean for mean in bin_means(values, grid).tolist()]
    return tuple(found), tuple(float(v.mean()) if v.size else None for v in inside)


@row("psi.psi", "compute_psi", "relative entropy both ways: scipy.special.rel_entr", CELLS)
def _psi(cells: tuple[Counts, Counts]) -> tuple[Result, Result]:
    shares = _shares(cells)
    if shares is None:
        return psi(*cells), None
    p, q = (np.where(side == 0, FLOOR, side) for side in shares)
    return psi(*cells), float((rel_entr(p, q) + rel_entr(q, p)).sum())


#: Where `np.histogram` counts what lies at an edge otherwise than one would think.
EDGES = (
    (np.array([0.0, 5e-324]), np.array([5e-324])),
    (np.array([3.0, 3.0]), np.array([3.0])),
    (np.array([3.0, 3.0]), np.array([4.0])),
    (np.array([0.0, 1.0, 1.0]), np.array([0.0, 0.0, 2.0])),
)


@row("psi.psi_uniform", "compute_psi", "Huwyler's own code on the raw values",
     REFERENCE, REFERENCE, rel=1e-12, examples=EDGES)  # fmt: skip
def _psi_uniform(reference: Floats, current: Floats) -> tuple[Result, Result]:
    assume(math.isfinite(float(reference.max()) - float(reference.min())))
    grid = build_numeric(reference)
    found = psi_uniform(grid.counts(current), grid.counts(reference), grid)
    return found, article.compute_psi(reference, current)


@row("psi.expected_psi", "Yurdakul & Naranjo", "the mean of scipy.stats.chi2",
     st.integers(1, 40), st.integers(0, 10**6), st.integers(0, 10**6))  # fmt: skip
def _expected_psi(cells: int, n: int, m: int) -> tuple[Result, Result]:
    if not n or not m:
        return expected_psi(cells, n, m), None
    law = stats.chi2(cells - 1).mean() if cells > 1 else 0.0
    return expected_psi(cells, n, m), float(law) * (1 / n + 1 / m)


@row("js.js", "Lin (1991)", "scipy.spatial.distance.jensenshannon", CELLS, abs=1e-7)
def _js(cells: tuple[Counts, Counts]) -> tuple[Result, Result]:
    found, shares = js(*cells), _shares(cells)
    if found is None or shares is None:
        return found, shares
    nats, bits = (float(distance.jensenshannon(*shares, base=base)) for base in (math.e, 2))
    return (found.divergence_nats, found.distance_nats, found.distance_base2), (nats**2, nats, bits)


@row("hellinger.hellinger", "Hellinger (1909)", "scipy.spatial.distance.euclidean of the roots",
     CELLS)  # fmt: skip
def _hellinger(cells: tuple[Counts, Counts]) -> tuple[Result, Result]:
    shares = _shares(cells)
    roots = None if shares is None else [np.sqrt(side) for side in shares]
    expected = None if roots is None else float(distance.euclidean(*roots)) / math.sqrt(2)
    return hellinger(*cells), expected


@row("total_variation.total_variation", r"\sum_i |p_i - q_i|", "one minus what both share", CELLS)
def _total_variation(cells: tuple[Counts, Counts]) -> tuple[Result, Result]:
    shares = _shares(cells)
    expected = None if shares is None else 1 - float(np.minimum(*shares).sum())
    return total_variation(*cells), expected


@row("chi2.chi2", "Pearson (1900)", "scipy.stats.chi2_contingency without empty cells", CELLS)
def _chi2(cells: tuple[Counts, Counts]) -> tuple[Result, Result]:
    found = chi2(*cells)
    if found is None:
        return found, _shares(cells)
    kept = cells[0] + cells[1] > 0
    if kept.sum() == 1:
        return (found.statistic, found.dof, found.p_value), (0.0, 0, 1.0)
    oracle = stats.chi2_contingency(np.stack(cells)[:, kept], correction=False)
    return (found.statistic, found.dof, found.p_value), (
        oracle.statistic,
        oracle.dof,
        oracle.pvalue,
    )


@row("effect.effect", "Yurdakul & Naranjo", "scipy.stats.chi2 and ncx2, solved by brentq",
     CELLS, st.sampled_from([1.0, 2.5]), rel=1e-5, abs=1e-9)  # fmt: skip
def _effect(cells: tuple[Counts, Counts], phi: float) -> tuple[Result, Result]:
    found = effect(*cells, phi)
    if found is None or _shares(cells) is None:
        return found, _shares(cells)
    kept = cells[0] + cells[1] > 0
    k, kappa = int(kept.sum()), phi / cells[0].sum() + 1 / cells[1].sum()
    p, q = ((side[kept] + 0.5) / (side.sum() + k / 2) for side in cells)
    value = float((rel_entr(p, q) + rel_entr(q, p)).sum())
    chance, least = (1.0, 0.0) if k == 1 else (float(stats.chi2.sf(value / kappa, k - 1)), 0.0)
    if chance < 0.05:
        least = kappa * optimize.brentq(
            lambda at: float(stats.ncx2.sf(value / kappa, k - 1, at)) - 0.05,
            1e-9,
            value / kappa + 99,
        )
    corrected = max(0.0, value - (k - 1) * kappa)
    return (found.psi, found.corrected, found.lower, found.p_value), (
        value, corrected, least, chance,
    )  # fmt: skip


@row("fisher.excess_p", "Fisher", "scipy.stats.fisher_exact", SIDE, SIDE)
def _excess_p(now: tuple[int, int], then: tuple[int, int]) -> tuple[Result, Result]:
    (k, n), (r, m) = now, then
    if not n or not m:
        return excess_p(k, n, r, m), None
    oracle = stats.fisher_exact([[k, n - k], [r, m - r]], alternative="greater")
    return excess_p(k, n, r, m), float(oracle.pvalue)


@row("rates.rates", "Good-Turing", "rows counted one by one, scipy.stats.fisher_exact", RAW)
def _rates(raw: list[object]) -> tuple[Result, Result]:
    grid = build_numeric(np.array([0.5, 1.0, 2.0]))
    then = grid.counts(np.array([0.5, 1.0, 2.0, np.nan]))
    found = rates(count(grid, raw), then, grid)
    wrong = sum(isinstance(value, str | bool) for value in raw)
    numbers = [v for v in raw if isinstance(v, int | float) and not isinstance(v, bool)]
    known = [value for value in numbers if not math.isnan(value)]
    expected = {
        "null_rate": (len(raw) - wrong - len(known), len(raw), 1, 4),
        "type_error_rate": (wrong, len(raw), 0, 4),
        "out_of_range_rate": (sum(not 0.5 <= v <= 2 for v in known), len(known), 0, 3),
    }
    tables = [[[k, n - k], [r, m - r]] for k, n, r, m in expected.values() if n]
    p = iter([float(stats.fisher_exact(t, alternative="greater").pvalue) for t in tables])
    return (
        tuple((r.count, r.rows, r.reference_count, r.reference_rows, r.p_value)
              for r in (found[name] for name in expected)),
        tuple((*counts, next(p) if counts[1] else None) for counts in expected.values()),
    )  # fmt: skip
