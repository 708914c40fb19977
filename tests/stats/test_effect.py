"""The size of a drift and its bound: against the law that they rest on, and by simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from monitor.stats.effect import effect
from monitor.stats.total_variation import total_variation

CELLS = st.lists(st.integers(0, 400), min_size=2, max_size=12)


@given(st.data())
def test_the_bound_is_the_noncentral_law_solved(data: st.DataObject) -> None:
    k = data.draw(st.integers(2, 10))
    sides = st.lists(st.integers(0, 400), min_size=k, max_size=k).map(np.array)
    current, reference = data.draw(sides), data.draw(sides)
    phi = data.draw(st.sampled_from([1.0, 2.5]))
    found = effect(current, reference, phi)
    if not current.sum() or not reference.sum():
        assert found is None
        return
    assert found is not None
    kappa = phi / current.sum() + 1 / reference.sum()
    free = int(((current + reference) > 0).sum()) - 1
    if free == 0:
        assert (found.lower, found.p_value) == (0.0, 1.0)
        return
    assert found.p_value == pytest.approx(stats.chi2.sf(found.psi / kappa, free), abs=1e-12)
    assert found.corrected == pytest.approx(max(0.0, found.psi - free * kappa))
    if found.p_value >= 0.05:
        assert found.lower == 0.0
    else:
        at = stats.ncx2.sf(found.psi / kappa, free, found.lower / kappa)
        assert at == pytest.approx(0.05, abs=1e-6)


@pytest.mark.parametrize("shift", [0.0, 0.25, 0.5, 1.0])
@pytest.mark.parametrize("n", [200, 2000])
def test_the_bound_holds_in_93_of_100_and_the_effect_is_unbiased(shift: float, n: int) -> None:
    rng = np.random.default_rng(12)
    p = np.full(10, 0.1)
    cuts = stats.norm.ppf(np.arange(1, 10) / 10)
    q = np.diff(np.concatenate(([0.0], stats.norm.cdf(cuts - shift), [1.0])))
    true = float(np.sum((q - p) * np.log(q / p)))
    reference = rng.multinomial(20_000, p, 1500)
    current = rng.multinomial(n, q, 1500)
    found = [effect(c, b) for c, b in zip(current, reference, strict=True)]
    held = np.mean([f is not None and f.lower <= true for f in found])
    assert held >= 0.93
    mean = float(np.mean([f.psi - 9 * (1 / n + 1 / 20_000) for f in found if f is not None]))
    assert mean == pytest.approx(true, abs=0.006 + 0.05 * true)


def test_psi_table_of_shifted_normals() -> None:
    """The figures by which a shift in standard deviations is read: PSI over ten quantile bins."""
    cuts = stats.norm.ppf(np.arange(1, 10) / 10)
    for shift, psi in ((0.25, 0.060), (0.316, 0.095), (0.447, 0.190), (0.5, 0.238)):
        q = np.diff(np.concatenate(([0.0], stats.norm.cdf(cuts - shift), [1.0])))
        found = effect((q * 1e9).astype(np.int64), np.full(10, 10**8))
        assert found is not None
        assert found.corrected == pytest.approx(psi, abs=5e-4)


def test_dispersion_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match=r"overdispersion 0.5"):
        effect(np.array([1, 2]), np.array([2, 1]), 0.5)


@given(CELLS, st.data())
def test_total_variation_is_what_would_have_to_move(now: list[int], data: st.DataObject) -> None:
    then = data.draw(st.lists(st.integers(0, 400), min_size=len(now), max_size=len(now)))
    found = total_variation(np.array(now), np.array(then))
    if not sum(now) or not sum(then):
        assert found is None
        return
    p, q = np.array(now) / sum(now), np.array(then) / sum(then)
    assert found == pytest.approx(1 - float(np.minimum(p, q).sum()), abs=1e-12)
