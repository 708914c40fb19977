"""Windows of several lengths at once, of every signal: against a count of all events of each."""

import random
from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from monitor.evaluate.partition import EvaluatePartition
from monitor.events.timestamps import to_ms
from monitor.observe.model import Monitored
from monitor.registry.specs import (
    DataDriftSpec,
    LabelsSpec,
    PerformanceSpec,
    PredictionDriftSpec,
    WindowSpec,
)
from tests.observe.stream import HOUR, MINUTE, T0, label, monitored, prediction
from tests.pipeline import Pipeline

END = {"type": "end_of_stream", "model_id": "m"}
LENGTHS = ((5, 5), (60, 60), (120, 30), (720, 60))


def windows(*lengths: tuple[int, int]) -> tuple[WindowSpec, ...]:
    """Size and hop of each in minutes."""
    return tuple(
        WindowSpec(size_ms=size * MINUTE, hop_ms=hop * MINUTE, allowed_lateness_ms=10 * MINUTE)
        for size, hop in lengths
    )


def model(*lengths: tuple[int, int]) -> Monitored:
    return monitored(
        data_drift=DataDriftSpec(windows=windows(*lengths), min_samples=5),
        prediction_drift=PredictionDriftSpec(windows=windows(*lengths[1:]), min_samples=5),
        performance=PerformanceSpec(windows=windows(*lengths[1:3]), min_samples=5),
        labels=LabelsSpec(max_delay_ms=8 * HOUR, min_coverage=0.1),
    )


def story(seed: int, n: int = 600) -> tuple[list[Any], list[Any]]:
    """Half a day of predictions with a silence in it, and labels of most."""
    rng = np.random.default_rng(seed)
    minutes = rng.integers(0, 720, n)
    times = np.sort(T0 + np.where(minutes > 300, minutes + 200, minutes) * MINUTE).tolist()
    predictions = [prediction(f"p{i}", time) for i, time in enumerate(times)]
    due = sorted((time + int(rng.integers(0, 7 * HOUR)), i) for i, time in enumerate(times))
    return [*predictions, END], [*(label(f"p{i}", when, "no") for when, i in due), END]


def run(of: Monitored, seed: int, schedule: random.Random | None, crashes: float) -> Pipeline:
    pipeline = Pipeline([of])
    predictions, labels = story(seed)
    pipeline.produce("predictions", predictions)
    pipeline.produce("labels", labels)
    pipeline.run(schedule, crashes)
    return pipeline


def counted(pipeline: Pipeline) -> Counter[tuple[str, int, int]]:
    """Predictions by detector, start and end of the windows told, in ms.

    A trend is told of days, with whichever window is the first after midnight.
    """
    told: Counter[tuple[str, int, int]] = Counter()
    for event in pipeline.events("drift-events").values():
        data = event["data"]
        if data["detector"] == "performance_trend":
            continue
        if data["kind"] == "window" and data["predictions"]:
            span = data["window"]
            told[data["detector"], to_ms(span["start"]), to_ms(span["end"])] = data["predictions"]
    return told


def expected(seed: int) -> Counter[tuple[str, int, int]]:
    found: Counter[tuple[str, int, int]] = Counter()
    of_detector = {
        "data_drift": LENGTHS,
        "data_quality": LENGTHS,
        "inputs": LENGTHS,
        "prediction_drift": LENGTHS[1:],
        "estimated_performance": LENGTHS[1:],
        "performance": LENGTHS[1:3],
        "concept_drift": LENGTHS[1:3],
        "label_coverage": LENGTHS[1:3],
    }
    for event in story(seed)[0][:-1]:
        for detector, lengths in of_detector.items():
            for size, hop in lengths:
                first = event["timestamp"] // (hop * MINUTE) * hop * MINUTE + hop * MINUTE
                for end in range(first, event["timestamp"] + size * MINUTE + 1, hop * MINUTE):
                    found[detector, end - size * MINUTE, end] += 1
    return found


@pytest.mark.parametrize("seed", range(4))
def test_every_length_counts_every_prediction(seed: int) -> None:
    """From five minutes to half a day, over drawn schedules and crashes."""
    assert counted(run(model(*LENGTHS), seed, random.Random(seed), 0.1)) == expected(seed)


def test_each_window_has_a_key_of_its_own() -> None:
    events = run(model(*LENGTHS), 1, None, 0.0).events("drift-events")
    keys: dict[str, set[tuple[str, str, str, str]]] = {}
    for event in events.values():
        data = event["data"]
        span = (data["detector"], event["subject"], data["window"]["start"], data["window"]["end"])
        keys.setdefault(data["event_key"], set()).add(span)
    assert {len(spans) for spans in keys.values()} == {1}
    assert len(set().union(*keys.values())) == len(keys)


def test_windows_of_one_length_say_the_same_whatever_others_there_are() -> None:
    """No length, and no crash, has an effect on another."""
    all_ = counted(run(model(*LENGTHS), 2, random.Random(1), 0.2))
    for some in (LENGTHS[:2], LENGTHS[:3]):
        alone = counted(run(model(*some), 2, random.Random(2), 0.2))
        assert alone.keys() <= all_.keys()
        assert all(all_[key] == rows for key, rows in alone.items())


def reconfigured(pipeline: Pipeline, changed: Monitored) -> None:
    fresh = Pipeline([changed])
    for old, new in zip(pipeline.units, fresh.units, strict=True):
        old.make = new.make
        old.crash()


@pytest.mark.parametrize("seed", range(3))
def test_a_length_that_is_added_begins_now_and_is_whole_or_says_so(seed: int) -> None:
    """Panes stay as long as they were: nothing that was counted is lost, or judged in part."""
    before, after = (LENGTHS[0], LENGTHS[1]), LENGTHS
    pipeline = Pipeline([model(*before)])
    predictions, labels = story(seed)
    cut = random.Random(seed).randrange(100, 500)
    pipeline.produce("predictions", predictions[:cut])
    pipeline.run()
    reconfigured(pipeline, model(*after))
    pipeline.produce("predictions", predictions[cut:])
    pipeline.produce("labels", labels)
    pipeline.run(random.Random(seed), 0.1)
    whole = expected(seed)
    added = 0
    for event in pipeline.events("drift-events").values():
        data = event["data"]
        if data["kind"] != "window" or not data["predictions"]:
            continue
        if data["detector"] == "performance_trend":
            continue
        key = next(iter(counted_one(data)))
        fine = {result["verdict"] for result in data["results"]} != {"baseline_missing"}
        size = (key[2] - key[1]) // MINUTE
        assert data["predictions"] == whole[key] or not fine
        added += fine and size in (120, 720) and data["detector"] == "data_drift"
    assert added
    for size, hop in before:
        ends = sorted(
            end
            for detector, start, end in counted(pipeline)
            if detector == "data_drift" and end - start == size * MINUTE
        )
        assert ends == sorted(
            end
            for detector, start, end in whole
            if detector == "data_drift" and end - start == size * MINUTE
        )
        assert all((b - a) % (hop * MINUTE) == 0 for a, b in pairwise(ends))


def counted_one(data: dict[str, Any]) -> set[tuple[str, int, int]]:
    return {(data["detector"], to_ms(data["window"]["start"]), to_ms(data["window"]["end"]))}


def test_rows_of_windows_that_are_gone_go_too() -> None:
    """A length that is taken out leaves no row of its versions behind."""
    pipeline = run(model(*LENGTHS), 3, None, 0.0)
    reconfigured(pipeline, model(*LENGTHS[:2]))
    pipeline.produce("predictions", [prediction("later", T0 + 40 * HOUR), END])
    pipeline.run()
    rows = [
        key
        for unit in pipeline.units
        if isinstance(unit.logic, EvaluatePartition)
        for key in unit.rows
        if b"version" in key
    ]
    assert len(rows) <= 1
