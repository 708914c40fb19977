"""Building a baseline: kinds, what is refused, and outcomes at equal label age."""

import numpy as np
import pytest

from monitor.baselines.baseline import Baseline
from monitor.baselines.build import build_baseline
from monitor.errors import BaselineError
from monitor.stats.grid import CategoricalGrid, NumericGrid

HOUR = 3_600_000


def built(**changes: object) -> Baseline:
    given: dict[str, object] = {
        "id": "march",
        "model_id": "delays",
        "columns": {"distance": [1.0, 2.0, 3.0, None], "carrier": ["AA", "UA", "AA", None]},
        "prediction": [True, False, True, False],
        "score": [0.9, 0.1, 0.8, 0.2],
        "labels": [True, True, None, False],
        "prediction_ms": [0, HOUR, 2 * HOUR, 3 * HOUR],
        "label_ms": [HOUR, 9 * HOUR, None, 3 * HOUR],
        "max_delay_ms": 8 * HOUR,
    }
    return build_baseline(**(given | changes))  # type: ignore[arg-type]


def test_every_row_of_every_column_is_in_the_reference() -> None:
    baseline = built()
    assert baseline.layout.subjects == (
        "feature/distance",
        "feature/carrier",
        "prediction",
        "score",
    )
    assert dict(baseline.features) == {"distance": "numeric", "carrier": "categorical"}
    for subject in baseline.layout.subjects:
        assert baseline.counts(subject).sum() == baseline.rows == 4
    assert baseline.counts("feature/distance")[NumericGrid.NULL] == 1
    assert baseline.counts("feature/carrier").tolist() == [2, 1, 0, 0, 1, 0]
    assert (baseline.start_ms, baseline.end_ms) == (0, 3 * HOUR)


def test_outcomes_at_an_age_hold_the_labels_known_by_then() -> None:
    outcomes = built().outcomes
    assert outcomes is not None
    assert outcomes.classes == ("false", "true", "__other__")
    assert outcomes.ages_ms == (HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR)
    assert outcomes.predictions == 4
    assert outcomes.cumulative(HOUR - 1).sum() == 0
    assert outcomes.cumulative(HOUR).tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 0]]
    assert outcomes.cumulative(8 * HOUR).tolist() == [[1, 0, 0], [1, 1, 0], [0, 0, 0]]
    assert outcomes.total.tolist() == outcomes.cumulative(8 * HOUR).tolist()


def test_a_label_later_than_the_longest_delay_is_not_counted() -> None:
    outcomes = built(label_ms=[HOUR, 9 * HOUR + 1, None, 3 * HOUR]).outcomes
    assert outcomes is not None
    assert outcomes.total.sum() == 2


def test_labels_without_times_are_all_known_at_every_age() -> None:
    for lacking in ({"label_ms": None}, {"prediction_ms": None}):
        outcomes = built(**lacking).outcomes
        assert outcomes is not None
        assert not outcomes.ages_known
        assert outcomes.cumulative(0).tolist() == outcomes.total.tolist()
        assert outcomes.total.sum() == 3


def test_a_regression_has_numbers_for_predictions_and_no_outcomes() -> None:
    baseline = built(
        task="regression", prediction=[1.0, 2.0, 3.0, 4.0], labels=[1.0, 2.0, 3.0, 4.0]
    )
    assert isinstance(baseline.grid("prediction"), NumericGrid)
    assert baseline.outcomes is None


def test_classes_given_as_numbers_are_still_classes() -> None:
    baseline = built(prediction=[1, 0, 1, 0], labels=[1.0, 0.0, None, 1.0])
    assert isinstance(baseline.grid("prediction"), CategoricalGrid)
    assert baseline.outcomes is not None
    assert baseline.outcomes.classes == ("0", "1", "__other__")
    assert np.trace(baseline.outcomes.total) == 2


def test_a_row_without_a_prediction_has_no_outcome() -> None:
    outcomes = built(prediction=[None, False, True, False]).outcomes
    assert outcomes is not None
    assert (outcomes.predictions, outcomes.total.sum()) == (3, 2)


def test_very_many_classes_share_the_last_one() -> None:
    classes = [f"c{i:03}" for i in range(300)]
    baseline = build_baseline("b", "m", {}, prediction=classes, labels=classes)
    assert baseline.outcomes is not None
    assert len(baseline.outcomes.classes) == 101
    assert baseline.outcomes.total[-1, -1] == 200


def test_declared_kinds_win() -> None:
    baseline = build_baseline(
        "b",
        "m",
        {"code": [1, 2, 1], "mixed": [1, "x", 2.5], "free": [1, "x", None]},
        kinds={"code": "categorical", "mixed": "numeric"},
    )
    assert dict(baseline.features) == {
        "code": "categorical",
        "mixed": "numeric",
        "free": "categorical",
    }
    mixed = baseline.counts("feature/mixed")
    assert (mixed[NumericGrid.TYPE_ERROR], mixed[NumericGrid.NULL], mixed.sum()) == (1, 0, 3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"columns": {}, "prediction": []}, "has no rows"),
        ({"columns": {"x": []}}, "'prediction' has 4 rows and the first one 0"),
        ({"columns": {"x": [1.0]}}, "'prediction' has 4 rows and the first one 1"),
        ({"labels": [True]}, "'label' has 1 rows and the first one 4"),
        ({"columns": {"x": [None] * 4, "y": [None] * 4}}, "no value in any row of x, y: .*exclude"),
        ({"columns": {"x": [1.0] * 4}, "kinds": {"y": "numeric"}}, "lacks: y; it has x"),
        ({"columns": {"x": [1.0] * 4}, "kinds": {"x": "text"}}, "x: unknown kind 'text'; known"),
        ({"columns": {"x": ["a"] * 4}, "kinds": {"x": "numeric"}}, "x: no finite number in 4"),
        ({"score": [None] * 4}, "score: no finite number in 4"),
        ({"prediction": [None] * 4}, "prediction: no value in 4"),
        ({"label_ms": [HOUR, None, None, HOUR]}, "1 of 3 labelled rows lack a time"),
        ({"labels": ["late", "on", None, "late"]}, "no class in common: .*false.*late.*alike"),
    ],
)
def test_what_cannot_be_judged_later_is_refused_with_its_remedy(
    changes: dict[str, object], message: str
) -> None:
    if changes.get("columns") == {} or changes.get("columns") == {"x": []}:
        changes = {"score": None, "labels": None, "prediction_ms": None, "label_ms": None} | changes
    with pytest.raises(BaselineError, match=message):
        built(**changes)
