from dataclasses import replace

import msgspec
import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from monitor.baselines.baseline import Baseline
from monitor.detectors.finding import Finding
from monitor.detectors.registry import detectors_for
from monitor.registry.specs import DAY_MS, LabelsSpec, ModelSpec
from tests.detectors.windows import baseline, confusion, outcome_window, spec

(COVERAGE,) = (found for found in detectors_for("performance") if found.name == "label_coverage")


def slow() -> Baseline:
    """1,000 rows: 600 labelled at once, 300 after 3 days, 100 never; the ages are 1, 2, 4, 8 d."""
    labels = [0] * 900 + [None] * 100
    came = np.where(np.arange(1000) < 600, 0, 3 * DAY_MS)
    return baseline(
        columns={"x": [1.0, 2.0] * 500},
        outputs={
            "prediction": [0] * 1000,
            "labels": labels,
            "prediction_ms": np.zeros(1000),
            "label_ms": came,
        },
    )


BASE = slow()


def judged(
    labelled: int,
    predictions: int = 1000,
    age_days: int = 8,
    model: ModelSpec | None = None,
    base: Baseline = BASE,
) -> Finding:
    window = outcome_window(
        base,
        confusion([labelled, 0], [0, 0]),
        predictions=predictions,
        age_ms=age_days * DAY_MS,
        model=model or lenient(),
    )
    (found,) = COVERAGE.judge(window)
    return found


def lenient(least: float = 0.1, **changed: object) -> ModelSpec:
    return msgspec.structs.replace(
        spec(labels=LabelsSpec(max_delay_ms=8 * DAY_MS, min_coverage=least)), **changed
    )


@given(st.integers(200, 1000), st.sampled_from([1, 2, 4, 8]))
def test_a_fall_is_found_by_fishers_exact_test_at_equal_age(labelled: int, age: int) -> None:
    found, known = judged(labelled, age_days=age), 600 if age < 4 else 900
    oracle = scipy.stats.fisher_exact(
        [[1000 - labelled, labelled], [1000 - known, known]], alternative="greater"
    )
    level = 0.2 / (30 * 24) / 12
    fall = known / 1000 - labelled / 1000
    assert found.value == pytest.approx(fall, abs=1e-12)
    assert found.p_value == pytest.approx(oracle.pvalue, rel=1e-9)
    assert found.statistics["found"] == float(oracle.pvalue <= level)
    real = oracle.pvalue <= level and round(fall, 9) > 0.05
    assert found.verdict == ("medium" if real else "low")
    assert found.statistic == "coverage_drop"


def test_a_fall_is_told_with_its_age_and_evidence() -> None:
    assert judged(500, age_days=2).message == (
        "Share labelled within 2 d fell from 60 % to 50 %: 0.100 > 0.050 (n=1,000; p = 4.2e-06, "
        "level 2.3e-05)."
    )
    assert judged(55, 100, age_days=2).message == (
        "Share labelled within 2 d fell from 60 % to 55 %: 0.050, which chance explains (n=100; "
        "p = 0.193, level 2.3e-05)."
    )
    assert judged(700, age_days=2).message == (
        "Share labelled within 2 d rose from 60 % to 70 % (n=1,000)."
    )


def test_a_small_fall_of_many_rows_is_found_and_low() -> None:
    big = outcome_window(
        BASE, confusion([86_000, 0], [0, 0]), predictions=100_000, age_ms=8 * DAY_MS,
        reference=confusion([90_000, 0], [0, 0]),
    )  # fmt: skip
    (found,) = COVERAGE.judge(replace(big, reference_predictions=100_000))
    assert (found.verdict, found.statistics["found"]) == ("low", 1.0)


@pytest.mark.parametrize(("labelled", "verdict"), [(799, "medium"), (800, "medium"), (870, "low")])
def test_when_every_label_has_had_its_time_the_least_coverage_counts(
    labelled: int, verdict: str
) -> None:
    found = judged(labelled, model=lenient(0.8))
    assert found.verdict == verdict
    assert (found.statistic == "coverage_shortfall") == (labelled < 800)
    if labelled < 800:
        assert found.value == pytest.approx(0.001)
        assert found.message.startswith("0.799 of 1,000 predictions have a label within 8 d, 0.800")
    assert judged(500, age_days=4, model=lenient(0.8)).statistic == "coverage_drop"


def test_it_is_high_where_the_risk_is() -> None:
    assert judged(100, model=lenient(risk_tier="high")).verdict == "high"
    assert judged(10, model=lenient(0.8, risk_tier="high")).verdict == "high"


def test_few_predictions_and_a_baseline_without_times_are_not_judged() -> None:
    assert judged(10, 99).message == "labels: n=99 predictions < 100 needed"
    timeless = baseline(
        columns={"x": [1.0, 2.0] * 500},
        outputs={"prediction": [0] * 1000, "labels": [0] * 900 + [None] * 100},
    )
    early = judged(500, age_days=4, base=timeless)
    assert early.verdict == "insufficient_data"
    assert "knows no label ages" in early.message
    assert early.statistics["coverage_by_age_reference"] is None
    late = judged(700, age_days=8, base=timeless)
    assert (late.verdict, late.value) == ("medium", pytest.approx(0.2))


def test_how_late_labels_come_stands_beside() -> None:
    window = outcome_window(
        BASE, confusion([700, 0], [0, 0]), predictions=1000, age_ms=8 * DAY_MS, model=lenient()
    )
    (found,) = COVERAGE.judge(replace(window, known=(100, 200, 350, 700)))
    assert found.statistics["coverage_by_age"] == [0.1, 0.2, 0.35, 0.7]
    assert found.statistics["coverage_by_age_reference"] == [0.6, 0.6, 0.9, 0.9]
    assert found.statistics["median_delay_ms"] == 4 * DAY_MS
    assert found.statistics["median_delay_ms_reference"] == DAY_MS
    (none,) = COVERAGE.judge(replace(window, matrix=window.matrix * 0, known=(0, 0, 0, 0)))  # type: ignore[operator]
    assert none.statistics["median_delay_ms"] is None
