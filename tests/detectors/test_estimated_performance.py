"""Performance before labels: what is said of it, beside what the labels say when they come."""

import msgspec
import numpy as np
import pytest

from monitor.baselines.baseline import Baseline
from monitor.baselines.build import build_baseline
from monitor.detectors.finding import Finding
from monitor.detectors.registry import detectors_for
from monitor.registry.specs import DAY_MS, DROP, ModelSpec, PerformanceSpec, Thresholds
from tests.detectors.windows import START, input_window, spec

(ESTIMATED,) = (d for d in detectors_for("prediction_drift") if d.name == "estimated_performance")
ROWS = 8000
POSITIVE = spec(positive="1")


def rows(seed: int, n: int, sure: float) -> dict[str, np.ndarray]:
    """Scores that keep their meaning; the surer, the more of them are far from one half."""
    rng = np.random.default_rng(seed)
    score = rng.beta(1 / sure, 1 / sure, n)
    return {"score": score, "prediction": score > 0.5, "labels": rng.random(n) < score}


def base(**changes: object) -> Baseline:
    given = {name: values.tolist() for name, values in rows(1, ROWS, 2.0).items()}
    outputs = given | {"prediction": [int(p) for p in given["prediction"]]}
    outputs["labels"] = [int(label) for label in given["labels"]]
    return build_baseline("b", "credit", {}, **(outputs | changes))  # type: ignore[arg-type]


def judged(now: dict[str, np.ndarray], model: ModelSpec = POSITIVE, **changes: object) -> Finding:
    window = input_window(base(**changes), {"score": now["score"]}, model)
    (found,) = ESTIMATED.judge(window)
    return found


def accuracy(of: dict[str, np.ndarray]) -> float:
    return float((of["prediction"] == of["labels"]).mean())


def test_what_is_estimated_is_what_labels_say_later() -> None:
    now = rows(2, 4000, 0.5)
    found = judged(now)
    low, high = found.statistics["estimated_accuracy_interval"]  # type: ignore[misc]
    assert found.statistics["estimated_accuracy"] == pytest.approx(accuracy(now), abs=0.02)
    assert low <= accuracy(now) <= high
    assert found.value == pytest.approx(accuracy(rows(1, ROWS, 2.0)) - accuracy(now), abs=0.02)
    assert (found.subject, found.statistic) == ("performance", "estimated_accuracy_drop")
    assert (found.verdict, found.threshold) == ("critical", DROP.critical)
    assert found.p_value is not None
    assert found.p_value < 1e-9
    auc = found.statistics["estimated_auc"]
    assert isinstance(auc, float)
    assert auc < found.statistics["estimated_auc_reference"]  # type: ignore[operator]
    assert found.message.startswith("accuracy, estimated, falls from 0.")
    assert found.message.endswith("if a score means what it meant in the baseline.")
    assert "labels will put it at 0." in found.message


def test_surer_scores_are_no_drop() -> None:
    found = judged(rows(3, 4000, 3.0))
    assert (found.verdict, found.threshold) == ("low", DROP.medium)
    assert found.value is not None
    assert found.value < 0
    assert "rises from" in found.message


def test_limits_are_those_of_a_measured_drop_of_the_accuracy() -> None:
    now = rows(2, 4000, 0.5)
    wide = {"drop": Thresholds(medium=0.5)}
    model = msgspec.structs.replace(POSITIVE, performance=PerformanceSpec(thresholds=wide))
    assert judged(now, model).verdict == "low"
    assert judged(now, msgspec.structs.replace(POSITIVE, performance=None)).verdict == "critical"
    other = PerformanceSpec(metric="f1", thresholds=wide)
    found = judged(now, msgspec.structs.replace(POSITIVE, performance=other))
    assert found.verdict == "critical", "a limit of F1 says nothing of the accuracy"


def test_without_a_positive_class_there_is_no_auc() -> None:
    for model in (spec(), spec(positive="unheard-of")):
        found = judged(rows(2, 4000, 1.0), model)
        assert found.statistics["estimated_auc"] is None
        assert found.graded


def test_too_little_is_told_and_not_graded() -> None:
    few = judged(rows(2, 499, 1.0))
    assert (few.verdict, few.message) == (
        "insufficient_data", "accuracy, estimated: n=499 scores < 500 needed",
    )  # fmt: skip
    labels: list[int | None] = [1] * 400 + [None] * (ROWS - 400)
    unlabelled = judged(rows(2, 4000, 1.0), labels=labels)
    assert "n=400 labelled scores < 500 needed; rebuild" in unlabelled.message
    beyond = rows(2, 4000, 1.0)
    beyond["score"][:600] += 9.0
    outside = judged(beyond)
    assert outside.verdict == "insufficient_data"
    assert outside.value is None
    assert outside.statistics["estimated_accuracy"] is None
    assert "more than 5 % of n=4,000 scores lie where the baseline has fewer" in outside.message


def test_labels_that_come_too_late_say_nothing_of_a_score() -> None:
    made = np.full(ROWS, START)
    late = np.where(np.arange(ROWS) < 600, START, START + 9 * DAY_MS)
    found = judged(rows(2, 4000, 2.0), prediction_ms=made, label_ms=late, max_delay_ms=8 * DAY_MS)
    assert found.n_reference == 600


@pytest.mark.parametrize("lacking", ["score", "labels", "prediction"])
def test_what_cannot_be_estimated_is_not_asked(lacking: str) -> None:
    bare = base(**{lacking: None})
    assert not ESTIMATED.answers(bare)
    assert not ESTIMATED.answers(None)
    assert ESTIMATED.answers(base())
    assert ESTIMATED.judge(input_window(bare, {"score": rows(2, 900, 1.0)["score"]})) == []


def test_a_regression_has_no_accuracy() -> None:
    rng = np.random.default_rng(1)
    given = rng.random(900)
    bare = build_baseline(
        "b", "credit", {}, prediction=given, score=given, labels=given, task="regression"
    )
    assert not ESTIMATED.answers(bare)
