"""What detectors are given, after every stage and partition, is what was sent: counted by loops."""

import random
from collections import Counter
from typing import Any

import numpy as np
import pytest

from monitor.detectors.finding import Finding
from monitor.detectors.registry import Detector
from monitor.detectors.window import InputWindow, OutcomeWindow
from monitor.registry.specs import DataDriftSpec, LabelsSpec, PerformanceSpec, WindowSpec
from tests.observe.slots import slot
from tests.observe.stream import HOUR, MINUTE, T0, label, monitored, prediction
from tests.pipeline import Pipeline

SLIDING = WindowSpec(size_ms=2 * HOUR, hop_ms=HOUR, allowed_lateness_ms=10 * MINUTE)
MODEL = monitored(
    data_drift=DataDriftSpec(windows=(SLIDING,), min_samples=50),
    prediction_drift=None,
    performance=PerformanceSpec(windows=(SLIDING,), min_samples=20),
    labels=LabelsSpec(max_delay_ms=8 * HOUR, min_coverage=0.0),
)
AGES = (1, 2, 4, 8)
Events = list[dict[str, Any]]


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Any]]:
    """All windows that detectors are given, by signal."""
    windows: dict[str, list[Any]] = {"data_drift": [], "performance": []}

    def spy(signal: str) -> tuple[Detector, ...]:
        def question(window: Any) -> list[Finding]:
            windows[signal].append(window)
            return []

        return (Detector("spy", signal, question),)  # type: ignore[arg-type]

    monkeypatch.setattr("monitor.evaluate.inputs.detectors_for", spy)
    monkeypatch.setattr("monitor.evaluate.outcomes.detectors_for", spy)
    return windows


def made(seed: int, n: int = 800) -> tuple[Events, Events]:
    """Predictions in order of time, and labels of most, corrections included, in order of time."""
    rng = np.random.default_rng(seed)
    amounts: list[Any] = [None, "oops", True, 1e9, -1e9, 80, 100]
    predictions, labels = [], []
    for i, time in enumerate(sorted((T0 + rng.integers(0, 9 * HOUR, n)).tolist())):
        odd = int(rng.integers(0, 40))
        features = {
            "amount": amounts[odd] if odd < len(amounts) else float(rng.normal(100, 20)),
            "color": str(rng.choice(["red", "green", "blue", "mauve"])),
            "unknown": odd,
        }
        if odd == 39:
            del features["amount"]
        event = prediction(
            f"p{i}", time, features=features,
            model_version=str(rng.choice(["1", "2"], p=[0.8, 0.2])),
            prediction=str(rng.choice(["yes", "no", "maybe"], p=[0.4, 0.5, 0.1])),
            score=None if odd == 38 else float(rng.random()),
        )  # fmt: skip
        predictions.append(event)
        for _ in range(int(rng.integers(0, 4))):
            due = time + int(rng.integers(0, 8 * HOUR))
            labels.append(label(f"p{i}", due, str(rng.choice(["yes", "no", "never seen"]))))
    labels.sort(key=lambda event: event["timestamp"])
    return predictions, labels


def run(predictions: Events, labels: Events, schedule: random.Random) -> None:
    pipeline = Pipeline([MODEL])
    end = {"type": "end_of_stream", "model_id": "m"}
    pipeline.produce("predictions", [*predictions, end])
    pipeline.produce("labels", [*labels, end])
    pipeline.run(schedule, crashes=0.1)


def windows_of(time: int) -> list[int]:
    """The ends of the windows that hold a time."""
    return [end for end in range(T0, T0 + 20 * HOUR, HOUR) if end - 2 * HOUR <= time < end]


@pytest.mark.parametrize("seed", range(3))
def test_every_prediction_is_in_its_windows_and_its_slots(
    seed: int, given: dict[str, list[Any]]
) -> None:
    predictions, labels = made(seed)
    run(predictions, labels, random.Random(seed))
    assert MODEL.baseline
    layout = MODEL.baseline.layout
    rows: Counter[Any] = Counter()
    counts: Counter[Any] = Counter()
    for event in predictions:
        for end in windows_of(event["timestamp"]):
            key = (event["model_version"], end)
            rows[key] += 1
            for column in layout.columns:
                name = column.subject.removeprefix("feature/")
                value = event["features"].get(name) if name != column.subject else event[name]
                counts[*key, column.subject, slot(column.grid, value)] += 1
    # Evaluate's crashes make it judge a window again: the last judgement of each is the published.
    windows: dict[Any, InputWindow] = {(w.version, w.end_ms): w for w in given["data_drift"]}
    assert {key: w.rows for key, w in windows.items() if w.rows} == rows
    found: Counter[Any] = Counter()
    for key, window in windows.items():
        assert window.counts is not None
        for subject in layout.subjects:
            for n, count in enumerate(window.counts[layout.slice(subject)].tolist()):
                found[*key, subject, n] += count
    assert +found == counts


@pytest.mark.parametrize("seed", range(3))
def test_every_label_is_in_its_windows_as_it_was_known_at_each_age(
    seed: int, given: dict[str, list[Any]]
) -> None:
    predictions, labels = made(seed)
    run(predictions, labels, random.Random(seed))
    assert MODEL.baseline
    assert MODEL.baseline.outcomes
    classes = MODEL.baseline.outcomes.classes

    def index(name: str) -> int:
        return classes.index(name) if name in classes else len(classes) - 1

    expected: Counter[Any] = Counter()
    for event in predictions:
        mine = [x for x in labels if x["prediction_id"] == event["prediction_id"]]
        for age in AGES:
            known = [x for x in mine if x["timestamp"] - event["timestamp"] <= age * HOUR]
            if known:
                # Later ones correct earlier ones; of the same time, the one read last.
                held = max(enumerate(known), key=lambda pair: (pair[1]["timestamp"], pair[0]))[1]
                cell = index(held["label"]), index(event["prediction"])
                for end in windows_of(event["timestamp"]):
                    expected[event["model_version"], end, age, *cell] += 1
    windows: dict[Any, OutcomeWindow] = {
        (w.version, w.end_ms, w.age_ms // HOUR): w for w in given["performance"]
    }
    found: Counter[Any] = Counter()
    for key, window in windows.items():
        assert window.matrix is not None
        for row, column in np.argwhere(window.matrix):
            found[*key, int(row), int(column)] = int(window.matrix[row, column])
    judged = {age for *_, age in windows}
    assert judged >= {4, 8}
    assert found == Counter({key: n for key, n in expected.items() if key[:3] in windows})
    # At half and the whole of the delay every window is judged, at earlier ages only the first.
    assert {key[:3] for key in expected if key[2] >= 4} <= windows.keys()
