"""Data drift against values computed apart, from the raw rows, by numpy and scipy."""

import math

import numpy as np
import pytest
import scipy.spatial.distance
import scipy.stats

from monitor.detectors.finding import Finding
from monitor.detectors.registry import detectors_for
from monitor.errors import GridMismatch
from monitor.registry.specs import DataDriftSpec, ModelSpec, Thresholds
from monitor.stats.grid import NumericGrid
from tests.detectors.windows import baseline, input_window, reference_columns, spec

(DRIFT,) = (found for found in detectors_for("data_drift") if found.name == "data_drift")


def judged(
    now: dict[str, object], then: dict[str, object], model: ModelSpec | None = None
) -> dict[str, Finding]:
    base = baseline(columns=then, outputs={})
    window = input_window(base, now, model)
    return {found.subject.removeprefix("feature/"): found for found in DRIFT.judge(window)}


def plain_psi(p: np.ndarray, q: np.ndarray) -> float:
    p, q = np.where(p == 0, 1e-4, p), np.where(q == 0, 1e-4, q)
    return float(((p - q) * np.log(p / q)).sum())


def test_every_statistic_of_a_number_agrees_with_scipy_on_the_raw_rows() -> None:
    rng = np.random.default_rng(5)
    then, now = rng.lognormal(3, 1, 6000), rng.lognormal(3.2, 1, 1500)
    found = judged({"x": now}, {"x": then})["x"]
    grid = baseline(columns={"x": then}, outputs={}).grid("feature/x")
    assert isinstance(grid, NumericGrid)
    cuts = grid.edges[grid.coarse]
    assert len(cuts) == 9

    def shares(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
        return np.histogram(values, [-np.inf, *edges, np.inf])[0] / len(values)

    statistics = found.statistics
    expected = plain_psi(shares(now, cuts), shares(then, cuts))
    assert found.value == pytest.approx(expected, abs=1e-12)
    assert statistics["psi"] == found.value
    assert found.expected == pytest.approx(9 * (1 / 1500 + 1 / 6000), abs=1e-15)
    closed = [then.min(), *cuts, np.nextafter(then.max(), np.inf)]
    p, q = shares(now, np.array(closed)), shares(then, np.array(closed))
    nats = scipy.spatial.distance.jensenshannon(p, q)
    assert statistics["js_divergence"] == pytest.approx(nats**2, abs=1e-12)
    base2 = scipy.spatial.distance.jensenshannon(p, q, 2)
    assert statistics["js_distance"] == pytest.approx(base2, abs=1e-12)
    table = np.array([p * 1500, q * 6000])
    chi2 = scipy.stats.chi2_contingency(table[:, table.sum(axis=0) > 0], correction=False)
    assert statistics["chi2"] == pytest.approx(chi2.statistic, rel=1e-10)
    assert statistics["chi2_p"] == pytest.approx(chi2.pvalue, rel=1e-8)
    exact = scipy.stats.ks_2samp(now, then)
    low, high = statistics["ks_interval"]
    assert low <= exact.statistic <= high <= low + 0.006
    assert found.p_value == statistics["ks_p"]
    assert found.p_value == pytest.approx(exact.pvalue, rel=0.6)
    area = scipy.stats.mannwhitneyu(now, then).statistic / (1500 * 6000)
    assert statistics["auc"] == pytest.approx(area, abs=0.002)
    assert (found.n_current, found.n_reference) == (1500, 6000)


def test_every_statistic_of_categories_agrees_with_scipy() -> None:
    then = ["a"] * 500 + ["b"] * 500
    now = ["a"] * 400 + ["b"] * 400 + ["c"] * 200
    found = judged({"x": now}, {"x": then})["x"]
    statistics = found.statistics
    assert found.statistic == "psi"
    assert found.value == pytest.approx(0.0, abs=1e-12), "what is unseen is a rate, not PSI"
    assert found.n_current == 800
    nats = scipy.spatial.distance.jensenshannon([0.4, 0.4, 0.2], [0.5, 0.5, 0]) ** 2
    assert statistics["js_divergence"] == pytest.approx(nats, abs=1e-12)
    chi2 = scipy.stats.chi2_contingency([[400, 400, 200], [500, 500, 0]], correction=False)
    assert found.p_value == pytest.approx(chi2.pvalue, rel=1e-9)
    assert "ks" not in statistics


@pytest.mark.parametrize(
    ("shift", "verdict"), [(0.0, "low"), (0.36, "medium"), (0.5, "high"), (0.7, "critical")]
)
def test_the_grade_is_psi_s_by_the_limits(shift: float, verdict: str) -> None:
    quantiles = scipy.stats.norm.ppf((np.arange(5000) + 0.5) / 5000)
    found = judged({"x": quantiles + shift}, {"x": quantiles})["x"]
    assert found.verdict == verdict
    told = {"low": 0.1, "medium": 0.1, "high": 0.2, "critical": 0.3}[verdict]
    assert found.threshold == told


def test_the_message_tells_number_limit_rows_chance_and_what_changed() -> None:
    then = np.arange(1000.0)
    now = np.concatenate([np.full(620, 450.0), np.full(380, 950.0)])
    found = judged({"distance": now}, {"distance": then})["distance"]
    assert found.message == (
        "distance: PSI 6.843 > 0.300 (n=1,000; 0.018 expected by chance). "
        "Share of 399.5 – 499.5 rose from 10 % to 62 %."
    )
    assert [b.bin for b in found.top_bins][:2] == ["399.5 – 499.5", "below 99.5"]
    assert (found.top_bins[0].reference, found.top_bins[0].current) == (0.1, 0.62)


def test_the_bin_that_is_told_is_the_one_of_the_top_ones_whose_share_moved_most() -> None:
    then = np.arange(1000.0)
    now = np.concatenate([np.arange(100.0, 900.0), np.full(200, 950.0)])
    found = judged({"x": now}, {"x": then})["x"]
    assert [b.bin for b in found.top_bins] == ["below 99.5", "above 899.5"]
    assert found.message.endswith("Share below 99.5 fell from 10 % to 0 %.")
    found = judged({"x": np.append(now, [950.0] * 5)}, {"x": then})["x"]
    assert found.top_bins[0].bin == "below 99.5"
    assert found.message.endswith("Share above 899.5 rose from 10 % to 20 %.")


def test_a_category_is_told_by_its_name() -> None:
    then = ["EV"] * 100 + ["petrol"] * 900
    found = judged({"fuel": ["EV"] * 600 + ["petrol"] * 400}, {"fuel": then})["fuel"]
    assert found.message.endswith('Share of "EV" rose from 10 % to 60 %.')
    assert found.top_bins[0].bin == "EV"


def test_null_infinite_and_mistyped_rows_are_no_rows_of_the_comparison() -> None:
    then = np.arange(1000.0)
    now = [*range(1000), *[None] * 700, *[math.inf] * 30, *["x"] * 20]
    found = judged({"x": now}, {"x": then})["x"]
    assert (found.verdict, found.value, found.n_current) == ("low", 0.0, 1000)


def test_too_few_rows_with_a_value_are_told_with_what_was_missing() -> None:
    now = [*range(312), *[None] * 1188]
    found = judged({"x": now}, {"x": np.arange(1000.0)})["x"]
    assert found.verdict == "insufficient_data"
    assert found.message == "x: n=312 < 500 needed; 1,188 of 1,500 rows hold no value"
    assert (found.value, found.threshold) == (None, None)
    assert found.statistics["psi"] is not None, "shown, and not judged"


def test_a_baseline_of_too_few_rows_cannot_judge() -> None:
    found = judged({"x": np.arange(900.0)}, {"x": np.arange(80.0)})["x"]
    assert found.verdict == "insufficient_data"
    assert found.message.startswith("x: the baseline has n=80 < 500 needed")


class TestAConstantBaseline:
    """PSI over one bin is 0 whatever comes, so it is not asked."""

    def test_the_same_value_is_low(self) -> None:
        found = judged({"x": [5.0] * 900}, {"x": [5.0] * 1000})["x"]
        assert (found.statistic, found.value, found.verdict) == ("js_divergence", 0.0, "low")

    @pytest.mark.parametrize("value", [4.0, 6.0])
    def test_another_value_is_not_low(self, value: float) -> None:
        found = judged({"x": [value] * 900}, {"x": [5.0] * 1000})["x"]
        assert found.value == pytest.approx(math.log(2), abs=1e-12)
        assert (found.verdict, found.threshold, found.expected) == ("medium", 0.1, 0.0)
        assert found.statistics["ks"] == 1.0

    def test_another_category_is_not_low(self) -> None:
        found = judged({"x": ["USD"] * 900}, {"x": ["EUR"] * 1000})["x"]
        assert (found.statistic, found.verdict) == ("js_divergence", "medium")


def test_psi_does_not_rest_on_the_few_rows_of_known_categories() -> None:
    then = ["a"] * 500 + ["b"] * 500
    now = ["a"] * 3 + ["new"] * 997
    found = judged({"x": now}, {"x": then})["x"]
    assert (found.statistic, found.verdict, found.n_current) == ("js_divergence", "medium", 1000)


def test_only_what_is_included_and_not_excluded_is_judged() -> None:
    model = spec(data_drift=DataDriftSpec(include=("c*", "town"), exclude=("currency",)))
    found = judged({"color": ["red"] * 600}, reference_columns(), model)
    assert list(found) == ["children", "country_code", "color", "town"]


def test_a_declared_feature_that_the_baseline_lacks_is_told() -> None:
    model = spec(features={"x": "numeric", "rain": "numeric"})
    found = judged({"x": np.arange(900.0)}, {"x": np.arange(900.0)}, model)
    assert found["x"].verdict == "low"
    assert found["rain"].verdict == "baseline_missing"
    assert "rain" in found["rain"].message


def test_the_configured_limits_hold() -> None:
    limits = {"psi": Thresholds(medium=5.0)}
    model = spec(data_drift=DataDriftSpec(thresholds=limits))
    now, then = np.arange(1000.0) + 500, np.arange(1000.0)
    assert judged({"x": now}, {"x": then})["x"].verdict == "critical"
    assert judged({"x": now}, {"x": then}, model)["x"].threshold == 5.0


def test_counts_over_other_bins_are_refused() -> None:
    base, other = baseline(), baseline(columns={"amount": np.arange(900.0)}, outputs={})
    window = input_window(other, {"amount": np.arange(900.0)})
    with pytest.raises(GridMismatch):
        DRIFT.judge(type(window)(window.spec, "v", 0, 1, base, window.counts, 900))
