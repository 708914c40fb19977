"""What holds of every detector there is: this file is not edited when one is added."""

import json
import math
from collections.abc import Callable
from functools import cache
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.baselines.baseline import Baseline
from monitor.detectors.finding import GRADES, UNJUDGED, Finding
from monitor.detectors.registry import Detector, every_detector
from monitor.detectors.window import InputWindow, OutcomeWindow, Window
from tests.detectors.windows import (
    ROWS,
    baseline,
    confusion,
    days,
    input_window,
    outcome_window,
    reference_columns,
    reference_outputs,
    spec,
)

DETECTORS = every_detector()
INPUTS = tuple(found for found in DETECTORS if found.signal != "performance")
OUTCOMES = tuple(found for found in DETECTORS if found.signal == "performance")
each = pytest.mark.parametrize("detector", DETECTORS, ids=lambda found: found.name)


@cache
def base() -> Baseline:
    return baseline()


@cache
def bare() -> Baseline:
    """A baseline of features only: no predictions, scores or labels."""
    return baseline(outputs={})


def rows(n: int) -> dict[str, Any]:
    """The first rows of the reference itself, outputs included."""
    outputs = reference_outputs()
    columns = reference_columns() | {name: outputs[name] for name in ("prediction", "score")}
    return {name: values[:n] for name, values in columns.items()}


def everything(value: object, n: int = 1000) -> dict[str, Any]:
    """Every column holding one value in every row."""
    return {name: [value] * n for name in rows(1)}


SAME = confusion([18, 2], [2, 18]) * 100
INPUT_CASES: dict[str, Callable[[], InputWindow]] = {
    "no baseline": lambda: input_window(None, rows(1000)),
    "no baseline, no traffic": lambda: input_window(None, {}),
    "no traffic": lambda: input_window(base(), {}),
    "one row": lambda: input_window(base(), rows(1)),
    "too few rows": lambda: input_window(base(), rows(499)),
    "all null": lambda: input_window(base(), everything(None)),
    "all NaN": lambda: input_window(base(), everything(math.nan)),
    "all infinite": lambda: input_window(base(), everything(math.inf)),
    "all of a wrong type": lambda: input_window(base(), everything([])),
    "all unseen": lambda: input_window(base(), everything("ultraviolet")),
    "all one number": lambda: input_window(base(), everything(-1e300)),
    "identical": lambda: input_window(base(), rows(ROWS)),
    "no outputs in the baseline": lambda: input_window(bare(), rows(1000)),
    "no minimum, no rows with a value": lambda: input_window(
        base(), everything(None, 3), spec(data_drift=None)
    ),
}
OUTCOME_CASES: dict[str, Callable[[], OutcomeWindow]] = {
    "no baseline": lambda: outcome_window(None, None, predictions=1000),
    "no traffic": lambda: outcome_window(base(), confusion([0, 0], [0, 0])),
    "no labels in the baseline": lambda: outcome_window(bare(), None, predictions=1000),
    "no labels": lambda: outcome_window(base(), confusion([0, 0], [0, 0]), predictions=1000),
    "few labels": lambda: outcome_window(base(), SAME // 100, predictions=1000),
    "too few rows": lambda: outcome_window(base(), SAME // 100),
    "short history": lambda: outcome_window(base(), SAME, history=(0.9, 0.9)),
    "NaN in the history": lambda: outcome_window(base(), SAME, history=(0.9, math.nan, 0.9, 0.9)),
    "all wrong": lambda: outcome_window(base(), confusion([0, 500], [500, 0]), history=(0.9,) * 4),
    "one class": lambda: outcome_window(base(), confusion([500, 0], [0, 0]), history=(0.9,) * 4),
    "identical": lambda: outcome_window(
        base(), SAME, reference=SAME, history=(0.9,) * 9, days=days(*[SAME] * 7)
    ),
    "falling": lambda: outcome_window(
        base(),
        SAME,
        days=days(*(confusion([900 - 20 * n, 100 + 20 * n], [0, 0]) for n in range(7))),
    ),
    "gone": lambda: outcome_window(base(), SAME, days=days(*[SAME * 0] * 14)),
    "no day has ended": lambda: outcome_window(base(), SAME, days=None),
}


def cases(detector: Detector) -> dict[str, Callable[[], Any]]:
    return dict(OUTCOME_CASES) if detector.signal == "performance" else dict(INPUT_CASES)


def every_number(value: object) -> list[float]:
    """All numbers in a finding, wherever they are."""
    if isinstance(value, bool):
        return []
    if isinstance(value, int | float):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return [number for item in value for number in every_number(item)]
    return []


def frozen_copy(window: Window) -> tuple[bytes, ...]:
    arrays = (
        (window.matrix, window.reference)
        if isinstance(window, OutcomeWindow)
        else (window.counts, window.baseline.reference if window.baseline else None)
    )
    return tuple(array.tobytes() for array in arrays if array is not None)


def assert_lawful(detector: Detector, window: Window) -> list[Finding]:
    before = frozen_copy(window)
    findings = detector.judge(window)
    assert frozen_copy(window) == before, "a detector changed what it was given"
    assert findings == detector.judge(window)
    subjects = [finding.subject for finding in findings]
    assert len(set(subjects)) == len(subjects), "two findings on one subject"
    for finding in findings:
        assert isinstance(finding, Finding)
        assert finding.detector == detector.name
        assert finding.verdict in (*GRADES, *UNJUDGED)
        assert finding.graded == (finding.value is not None), "a grade has a value, no grade none"
        if finding.graded:
            assert finding.threshold is not None
        assert all(math.isfinite(n) for n in every_number(msgspec.to_builtins(finding)))
        assert finding.n_current >= 0
        assert finding.n_reference >= 0
        assert any(letter.isdigit() for letter in finding.message), finding.message
        assert "\n" not in finding.message
        for word in ("nan", "None", "inf)", "{", "}"):
            assert word not in finding.message
        encoded = msgspec.json.encode(finding)
        assert msgspec.json.decode(encoded, type=Finding) == finding
        json.loads(encoded, parse_constant=pytest.fail)
        with pytest.raises(AttributeError):
            finding.verdict = "low"
        assert all(0 <= b.reference <= 1 for b in finding.top_bins)
        assert all(0 <= b.current <= 1 for b in finding.top_bins)
    return findings


def test_the_five_first_detectors_are_found_without_being_named() -> None:
    assert {found.name for found in DETECTORS} >= {
        "data_drift",
        "data_quality",
        "prediction_drift",
        "performance",
        "concept_drift",
    }


@each
def test_lawful_in_every_case(detector: Detector) -> None:
    for window in cases(detector).values():
        assert_lawful(detector, window())


@each
def test_without_a_baseline_one_finding_says_so(detector: Detector) -> None:
    (finding,) = detector.judge(cases(detector)["no baseline"]())
    assert (finding.verdict, finding.subject) == ("baseline_missing", "model")
    assert finding.n_current == 1000
    assert "1,000" in finding.message


@each
def test_without_traffic_one_finding_says_so(detector: Detector) -> None:
    (finding,) = detector.judge(cases(detector)["no traffic"]())
    assert (finding.verdict, finding.subject) == ("no_traffic", "model")


@each
def test_what_equals_the_baseline_is_low_everywhere(detector: Detector) -> None:
    findings = detector.judge(cases(detector)["identical"]())
    assert findings
    assert {finding.verdict for finding in findings} == {"low"}
    assert all(finding.value == pytest.approx(0.0, abs=1e-12) for finding in findings)


@each
def test_too_few_rows_are_never_low(detector: Detector) -> None:
    findings = detector.judge(cases(detector)["too few rows"]())
    assert findings
    assert {finding.verdict for finding in findings} == {"insufficient_data"}


@each
def test_a_signal_that_is_off_asks_nothing(detector: Detector) -> None:
    off = spec(data_drift=None, prediction_drift=None, performance=None)
    window: Window = input_window(base(), rows(1000), off)
    if detector.signal == "performance":
        window = outcome_window(base(), SAME, model=off)
    assert detector.judge(window) == []


@pytest.mark.parametrize("detector", INPUTS, ids=lambda found: found.name)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_lawful_whatever_the_counts(detector: Detector, data: st.DataObject) -> None:
    layout = base().layout
    seed, scale = data.draw(st.integers(0, 2**32)), data.draw(st.sampled_from([1, 3, 50, 10**8]))
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, scale, layout.width) * (rng.random(layout.width) < rng.random())
    least = data.draw(st.sampled_from([0, 1, 500]))
    model = spec()
    model = msgspec.structs.replace(
        model,
        data_drift=msgspec.structs.replace(model.data_drift, min_samples=least),
        prediction_drift=msgspec.structs.replace(model.prediction_drift, min_samples=least),
    )
    rows = data.draw(st.integers(0, 2))
    assert_lawful(detector, InputWindow(model, "v", 0, 1, base(), counts.astype(np.int64), rows))


@pytest.mark.parametrize("metric", ["accuracy", "precision", "recall", "f1"])
@pytest.mark.parametrize("positive", ["1", None, "yes"])
@pytest.mark.parametrize("detector", OUTCOMES, ids=lambda found: found.name)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_lawful_whatever_the_labels(
    detector: Detector, positive: str | None, metric: str, data: st.DataObject
) -> None:
    cells = st.lists(st.sampled_from([0, 0, 1, 90, 5000]), min_size=9, max_size=9)
    matrix = np.array(data.draw(cells), dtype=np.int64).reshape(3, 3)
    reference = np.array(data.draw(cells), dtype=np.int64).reshape(3, 3)
    history = data.draw(st.lists(st.floats(0, 1) | st.just(math.nan), max_size=6))
    ended = data.draw(st.lists(st.lists(st.sampled_from([0, 1, 90, 5000]), min_size=9, max_size=9)))
    matrices = [np.array(day, dtype=np.int64).reshape(3, 3) for day in ended[:14]]
    one = {"1": 1, None: None, "yes": 2}[positive]
    model = spec(positive=positive)
    least = data.draw(st.sampled_from([0, 100]))
    changed = msgspec.structs.replace(model.performance, metric=metric, min_samples=least)
    window = outcome_window(
        base(),
        matrix,
        model=msgspec.structs.replace(model, performance=changed),
        predictions=int(matrix.sum()) + data.draw(st.sampled_from([0, 1, 5000])),
        reference=reference,
        history=tuple(history),
        days=days(*matrices, metric=metric, positive=one),
    )
    assert_lawful(detector, window)
