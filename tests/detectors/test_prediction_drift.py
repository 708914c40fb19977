import math

import msgspec
import numpy as np
import pytest
import scipy.spatial.distance

from monitor.baselines.build import build_baseline
from monitor.detectors.finding import Finding
from monitor.detectors.registry import detectors_for
from monitor.registry.specs import PredictionDriftSpec, Thresholds
from tests.detectors.windows import baseline, input_window, spec

(DRIFT,) = (d for d in detectors_for("prediction_drift") if d.name == "prediction_drift")


def judged(now: list[object], then: list[object], **limits: Thresholds) -> Finding:
    base = baseline(columns={}, outputs={"prediction": then})
    model = spec()
    if limits:
        model = msgspec.structs.replace(
            model, prediction_drift=PredictionDriftSpec(thresholds=limits)
        )
    (found,) = DRIFT.judge(input_window(base, {"prediction": now}, model))
    return found


def classes(*counts: int) -> list[object]:
    return [i for i, count in enumerate(counts) for _ in range(count)]


@pytest.mark.parametrize(
    ("now", "statistic", "verdict"),
    [
        ((500, 500), "js_divergence", "low"),
        ((640, 360), "js_divergence", "low"),
        ((660, 340), "psi", "medium"),
        ((720, 280), "psi", "high"),
        ((950, 50), "psi", "critical"),
    ],
)
def test_the_statistic_is_the_one_with_the_higher_grade(
    now: tuple[int, int], statistic: str, verdict: str
) -> None:
    found = judged(classes(*now), classes(5000, 5000))
    assert (found.statistic, found.verdict) == (statistic, verdict)


def test_a_tie_is_told_by_the_article_s_statistic() -> None:
    tied = {"psi": Thresholds(medium=0.01), "js_divergence": Thresholds(medium=0.01)}
    found = judged(classes(900, 100), classes(5000, 5000), **tied)
    assert (found.statistic, found.verdict) == ("js_divergence", "medium")
    expected = scipy.spatial.distance.jensenshannon([0.9, 0.1], [0.5, 0.5]) ** 2
    assert found.value == pytest.approx(expected, abs=1e-12)


def test_the_js_divergence_is_in_nats_over_all_classes_the_new_one_too() -> None:
    found = judged(classes(400, 400, 200), classes(500, 500))
    assert found.statistics["js_divergence"] == pytest.approx(0.0748818, abs=5e-8)
    assert found.statistics["js_distance"] == pytest.approx(0.328682, abs=5e-7)


def test_classes_that_were_never_predicted_before_are_drift() -> None:
    found = judged(["yes"] * 900, ["1"] * 500 + ["0"] * 500)
    assert (found.statistic, found.verdict) == ("js_divergence", "medium")
    assert found.value == pytest.approx(math.log(2), abs=1e-12)


def test_a_score_is_graded_by_psi() -> None:
    base = baseline(columns={}, outputs={"score": np.linspace(0, 1, 2000)})
    (found,) = DRIFT.judge(input_window(base, {"score": np.linspace(0, 1, 900) ** 2}))
    assert (found.subject, found.statistic, found.verdict) == ("score", "psi", "critical")
    assert found.message.startswith("score: PSI ")


def test_a_number_that_is_predicted_is_judged_like_a_number() -> None:
    rng = np.random.default_rng(4)
    base = build_baseline("b", "credit", {}, prediction=rng.normal(0, 1, 4000), task="regression")
    model = msgspec.structs.replace(spec(), task="regression")
    for shift, verdict in ((0.0, "low"), (1.0, "critical")):
        window = input_window(base, {"prediction": rng.normal(shift, 1, 1000)}, model)
        (found,) = DRIFT.judge(window)
        assert (found.subject, found.verdict) == ("prediction", verdict)
        assert "ks" in found.statistics


def test_prediction_and_score_have_a_finding_each() -> None:
    base = baseline()
    found = DRIFT.judge(input_window(base, {"prediction": [0] * 600, "score": [0.1] * 600}))
    assert [finding.subject for finding in found] == ["prediction", "score"]


def test_what_is_expected_by_chance_is_the_mean_without_drift() -> None:
    rng = np.random.default_rng(6)
    shares, n, m = [0.5, 0.3, 0.2], 1000, 2000
    found = [
        judged(classes(*rng.multinomial(n, shares)), classes(*rng.multinomial(m, shares)))
        for _ in range(400)
    ]
    for statistic, expected in (("psi", 2), ("js_divergence", 2 / 8)):
        mean = np.mean([f.statistics[statistic] for f in found])
        assert mean == pytest.approx(expected * (1 / n + 1 / m), rel=0.12)
    assert found[0].statistic == "js_divergence"
    assert found[0].expected == pytest.approx(2 / 8 * (1 / n + 1 / m))
    (drifted,) = [judged(classes(900, 60, 40), classes(*(int(m * s) for s in shares)))]
    assert drifted.statistic == "psi"
    assert drifted.expected == pytest.approx(2 * (1 / n + 1 / m)), (
        "cells that stay empty don't count"
    )
