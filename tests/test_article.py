"""The article's formulas through the product's own path, equal to 1e-12.

The product never sees an array of raw values: rows become counts over the baseline's bins,
partition by partition, the partitions' counts are added, and a detector judges the window. The
oracle is the article's code on the raw arrays (Huwyler, practice 8).
"""

from collections.abc import Sequence
from functools import reduce

import numpy as np
import numpy.typing as npt
import pytest
import scipy.stats
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from monitor.baselines.baseline import Baseline
from monitor.baselines.build import build_baseline
from monitor.detectors.finding import Finding
from monitor.detectors.registry import detectors_for
from monitor.detectors.severity import article_severity
from monitor.detectors.window import Day, InputWindow, OutcomeWindow
from monitor.registry.specs import (
    DAY_MS,
    DataDriftSpec,
    LabelsSpec,
    ModelSpec,
    PerformanceSpec,
    PredictionDriftSpec,
)
from monitor.stats.column import Values, count
from monitor.stats.tally import added
from tests.stats.article import (
    compute_psi,
    detect_concept_drift,
    detect_performance_trend,
    js_divergence,
)

EXACT = 1e-12
PARTITIONS = 4
MODEL = ModelSpec(
    id="article",
    data_drift=DataDriftSpec(min_samples=1),
    prediction_drift=PredictionDriftSpec(min_samples=1),
    performance=PerformanceSpec(min_samples=1),
    labels=LabelsSpec(max_delay_ms=8000),
)


def assess_severity(psi: float, perf_degradation: float) -> str:
    """The article's `_assess_severity`, as it prints it."""
    if psi > 0.3 or perf_degradation > 0.10:
        return "critical"
    elif psi > 0.2 or perf_degradation > 0.05:
        return "high"
    elif psi > 0.1 or perf_degradation > 0.03:
        return "medium"
    else:
        return "low"


def judged(baseline: Baseline, signal: str, subject: str, values: Values) -> list[Finding]:
    """Count the rows in four partitions, add the counts, and ask the signal's detectors."""
    where, grid = baseline.layout.slice(subject), baseline.grid(subject)
    window = baseline.layout.zeros()
    for partition in range(PARTITIONS):
        pane = baseline.layout.zeros()
        pane[where] = count(grid, values[partition::PARTITIONS])
        window = window + pane
    asked = InputWindow(MODEL, "v1", 0, 1, baseline, window, len(values))
    return [
        found
        for detector in detectors_for(signal)
        for found in detector.judge(asked)
        if found.subject == subject
    ]


def drift_of(training: npt.NDArray[np.float64], production: npt.NDArray[np.float64]) -> Finding:
    baseline = build_baseline("b", "article", {"x": training})
    (found,) = [
        f for f in judged(baseline, "data_drift", "feature/x", production)
        if f.detector == "data_drift"
    ]  # fmt: skip
    return found


SAMPLES = {
    "the same": (0.0, 1.0),
    "shifted": (0.4, 1.0),
    "wider": (0.0, 2.5),
    "out of range": (9.0, 0.2),
}


@pytest.mark.parametrize("sample", SAMPLES)
@pytest.mark.parametrize("shape", ["normal", "lognormal", "tied", "flights"])
@pytest.mark.parametrize("rows", [700, 5000])
def test_psi(sample: str, shape: str, rows: int) -> None:
    rng = np.random.default_rng(rows)
    shift, scale = SAMPLES[sample]
    training = rng.normal(0.0, 1.0, 3 * rows)
    production = rng.normal(shift, scale, rows)
    if shape == "lognormal":
        training, production = np.exp(training), np.exp(production)
    elif shape == "tied":
        training, production = np.round(training * 2), np.round(production * 2)
    elif shape == "flights":
        training, production = np.round(training * 60) + 1e6, np.round(production * 60) + 1e6
    found = drift_of(training, production)
    expected = compute_psi(training, production)
    assert found.statistics["psi_uniform"] == pytest.approx(expected, rel=0, abs=EXACT)
    severity = ["low", "medium", "high", "critical"].index(assess_severity(expected, 0.0))
    assert found.statistics["plain_psi_severity"] == severity


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=80),
    st.lists(st.floats(-2e6, 2e6), min_size=1, max_size=80),
)
def test_psi_of_anything(training: list[float], production: list[float]) -> None:
    then, now = np.array(training) + 0.0, np.array(production) + 0.0
    # Where ten bins don't fit into the floats between, np.histogram refuses the edges.
    assume(np.unique(np.linspace(then.min(), then.max(), 11)).size == 11)
    expected = compute_psi(then, now)
    assert drift_of(then, now).statistics["psi_uniform"] == pytest.approx(expected, abs=EXACT)


def test_psi_of_disjoint_samples_on_the_baseline_s_edges() -> None:
    found = drift_of(np.linspace(0.0, 1.0, 1000), np.full(1000, 9.0))
    assert found.statistics["psi_uniform"] == pytest.approx(6.9008, abs=5e-5)


@pytest.mark.parametrize("shift", [0.0, 0.05, 0.25, 0.5, 2.0])
@pytest.mark.parametrize("decimals", [0, 1, 9])
def test_the_exact_ks_lies_within_the_interval(shift: float, decimals: int) -> None:
    rng = np.random.default_rng(17)
    training = np.round(rng.normal(0.0, 1.0, 8000), decimals)
    production = np.round(rng.normal(shift, 1.0, 2000), decimals)
    exact = scipy.stats.ks_2samp(training, production)
    statistics = drift_of(training, production).statistics
    low, high = statistics["ks_interval"]
    assert low - EXACT <= exact.statistic <= high + EXACT
    assert high - low < 0.005
    assert statistics["ks"] == low
    # The article's verdicts, wherever the interval leaves no doubt about the first.
    grades = [2 if d > 0.2 else 1 if d > 0.1 else 0 for d in (low, high)]
    if grades[0] == grades[1]:
        assert statistics["plain_ks_severity"] == grades[0]
    assert statistics["plain_ks_drifted"] == float(exact.pvalue < 0.05)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 400), st.integers(1, 400)), min_size=2, max_size=8),
)
def test_js(counts: list[tuple[int, int]]) -> None:
    classes = np.arange(len(counts))
    baseline_predictions = np.repeat(classes, [before for before, _ in counts])
    current_predictions = np.repeat(classes, [now for _, now in counts])
    baseline = build_baseline("b", "article", {}, prediction=baseline_predictions)
    (found,) = judged(baseline, "prediction_drift", "prediction", current_predictions)
    expected = js_divergence(baseline_predictions, current_predictions)
    assert found.statistics["js_divergence"] == pytest.approx(expected, rel=0, abs=EXACT)
    drifted = found.verdict != "low"
    if abs(expected - 0.1) > 1e-8 and expected > 0.1:
        assert drifted, "what the article calls drift is at least medium"


def test_js_where_the_article_s_printed_form_is_nan() -> None:
    baseline = build_baseline("b", "article", {}, prediction=[0] * 50 + [1] * 50)
    (found,) = judged(baseline, "prediction_drift", "prediction", [0] * 40 + [1] * 40 + [2] * 20)
    assert found.statistics["js_divergence"] == pytest.approx(0.0748818, abs=5e-8)


def performance_of(
    right: int, history: Sequence[float] = (), detector: str = "concept_drift"
) -> Finding:
    """1,000 labelled predictions of which so many were right, after these periods."""
    baseline = build_baseline("b", "article", {}, prediction=[0, 1], labels=[0, 1])
    matrix = np.zeros((3, 3), dtype=np.int64)
    perfect = np.diag([500, 500, 0])
    for part in parted(right):
        matrix[0, :2] += [part.sum(), (~part).sum()]
    window = OutcomeWindow(
        MODEL, "v1", 0, 1, baseline, matrix, 1000, 8000, perfect, 1000, tuple(history)
    )
    (found,) = [
        f
        for asked in detectors_for("performance")
        for f in asked.judge(window)
        if f.detector == detector
    ]
    return found


@given(st.integers(0, 1000))
def test_performance_degradation(right: int) -> None:
    found = performance_of(right, detector="performance")
    degradation = 1.0 - right / 1000
    assert found.value == pytest.approx(degradation, rel=0, abs=EXACT)
    severity = ["low", "medium", "high", "critical"].index(
        assess_severity(0.0, round(degradation, 9))
    )
    assert found.statistics["plain_severity"] == severity


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 1000), st.lists(st.floats(0, 1), max_size=9))
def test_concept_drift(right: int, history: list[float]) -> None:
    found = performance_of(right, history)
    expected = detect_concept_drift(history, right / 1000)
    if len(history) < 4:
        assert expected is False
        assert found.verdict == "insufficient_data", "not the article's silent no"
        return
    degradation = np.mean(history[-4:]) - right / 1000
    assert found.value == pytest.approx(degradation, rel=0, abs=EXACT)
    if abs(degradation - 0.05) > 1e-8:
        assert found.statistics["plain_concept_drift"] == float(expected)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(0, 1000), min_size=5, max_size=10))
def test_performance_trend(right: list[int]) -> None:
    """Days of 1,000 labels each, as their hits in four partitions add up."""
    baseline = build_baseline("b", "article", {}, prediction=[0, 1], labels=[0, 1])
    matrix = np.diag([500, 500, 0])
    days = []
    for n, hits in enumerate(right):
        tallies = [tuple(map(int, (part.sum(), part.size))) for part in parted(hits)]
        counted = reduce(added, tallies)
        days.append(Day(n * DAY_MS, 1000, 1000, counted))
    window = OutcomeWindow(
        MODEL, "v1", 0, len(right) * DAY_MS, baseline, matrix, 1000, 8000, matrix, 1000,
        days=tuple(days),
    )  # fmt: skip
    (found,) = [
        f
        for asked in detectors_for("performance")
        for f in asked.judge(window)
        if f.detector == "performance_trend"
    ]
    expected = detect_performance_trend(np.array(right) / 1000)
    told = found.statistics
    assert told["days"][-1] == right[-1] / 1000
    if len(set(right[-7:])) == 1:
        assert told["plain_trend_detected"] == 0.0
        return
    if len(right) < 7:
        assert (told["plain_trend_detected"], expected["trend_detected"]) == (0.0, False)
        return
    assert told["slope"] == pytest.approx(expected["slope"], rel=0, abs=EXACT)
    projected = expected["projected_7d_performance"]
    assert told["projected_7d"] == pytest.approx(projected, rel=0, abs=EXACT)
    assert told["slope_p"] == pytest.approx(expected["p_value"], rel=1e-9, abs=EXACT)
    if abs(expected["p_value"] - 0.05) > 1e-9:
        assert told["plain_trend_detected"] == float(expected["trend_detected"])


def parted(hits: int) -> list[npt.NDArray[np.bool_]]:
    """1,000 rows, so many of them right, in four partitions."""
    return np.array_split(np.arange(1000) < hits, PARTITIONS)


@given(
    st.floats(0, 1) | st.sampled_from([0.1, 0.2, 0.3]),
    st.floats(-1, 1) | st.sampled_from([0.03, 0.05, 0.10]),
)
def test_severity(psi: float, degradation: float) -> None:
    near = min(abs(psi - limit) for limit in (0.1, 0.2, 0.3))
    near = min(near, *(abs(degradation - limit) for limit in (0.03, 0.05, 0.10)))
    assume(near == 0 or near > 1e-8)
    assert article_severity(psi, degradation) == assess_severity(psi, degradation)


def test_severity_on_the_limits() -> None:
    for psi in (0.0, 0.1, 0.11, 0.2, 0.21, 0.3, 0.31):
        for degradation in (-0.5, 0.0, 0.03, 0.031, 0.05, 0.051, 0.10, 0.11):
            assert article_severity(psi, degradation) == assess_severity(psi, degradation)
