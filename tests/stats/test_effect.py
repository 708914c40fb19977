"""The size of a drift and its bound: against the law that they rest on, and by simulation."""

import numpy as np
import pytest
from scipy import stats

from monitor.stats.effect import effect


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
