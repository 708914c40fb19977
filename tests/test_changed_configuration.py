"""A worker restarted with other windows: what straddles the change says so, no more is lost."""

import random
from collections import Counter
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from monitor.observe.model import Monitored
from monitor.registry.specs import (
    DataDriftSpec,
    LabelsSpec,
    PerformanceSpec,
    ReviewsSpec,
    Thresholds,
    WindowSpec,
    sealed,
)
from tests.observe.stream import HOUR, MINUTE, T0, label, monitored, prediction
from tests.pipeline import APPEND_MS, Pipeline
from tests.story import END, story

EVERY_MS = 6_000


def model(minutes: int, lateness: int = 0, provisional: bool = False) -> Monitored:
    size, late = minutes * MINUTE, lateness * MINUTE
    window = WindowSpec(
        size_ms=size, hop_ms=size, allowed_lateness_ms=late, provisional=provisional
    )
    return monitored(
        data_drift=DataDriftSpec(windows=(window,), min_samples=50),
        prediction_drift=None,
        performance=PerformanceSpec(
            windows=(msgspec.structs.replace(window, provisional=False),), min_samples=20
        ),
    )


def windows(pipeline: Pipeline, detector: str) -> list[dict[str, Any]]:
    told = [e["data"] for e in pipeline.events("drift-events").values()]
    return [d for d in told if d["kind"] == "window" and d["detector"] == detector]


@pytest.mark.parametrize(
    ("before", "after"), [(30, 60), (60, 30), (20, 60), (60, 20), (20, 30), (30, 20)]
)
def test_no_window_is_judged_over_a_part_of_its_predictions(before: int, after: int) -> None:
    pipeline = Pipeline([model(before)])
    events = [prediction(f"p{i}", T0 + i * EVERY_MS) for i in range(2400)]
    labels = [label(f"p{i}", T0 + i * EVERY_MS + HOUR // 2, "no") for i in range(2400)]
    pipeline.produce("predictions", events[:1050])
    pipeline.produce("labels", labels[:700])
    pipeline.run()
    pipeline.reconfigure([model(after)])
    pipeline.produce("predictions", [*events[1050:], END])
    pipeline.produce("labels", [*labels[700:], END])
    pipeline.run()
    for detector in ("data_drift", "performance"):
        judged = windows(pipeline, detector)
        assert judged
        for data in judged:
            verdicts = {result["verdict"] for result in data["results"]}
            start, end = (_minute(data["window"][key]) for key in ("start", "end"))
            whole = (end - start) * MINUTE // EVERY_MS
            assert verdicts == {"baseline_missing"} or data["predictions"] == whole
            # What isn't judged is still told: a longer pane of before may reach into the window.
            assert data["predictions"] >= whole
        assert {"baseline_missing"} != {
            result["verdict"] for data in judged for result in data["results"]
        }
        assert max(_minute(data["window"]["end"]) for data in judged) == 240


@pytest.mark.parametrize("middle", [20, 60])
@pytest.mark.parametrize("seed", range(4))
def test_a_configuration_that_is_taken_back_is_no_mixture(middle: int, seed: int) -> None:
    """What was counted between, and what was rolled up before, is told and never judged."""
    schedule = random.Random(seed)
    pipeline = Pipeline([model(30)])
    events = [prediction(f"p{i}", T0 + i * EVERY_MS) for i in range(3600)]
    first = schedule.randrange(300, 1500)
    second = first + schedule.randrange(1, 900)
    pipeline.produce("predictions", events[:first])
    pipeline.run()
    pipeline.reconfigure([model(middle)])
    pipeline.produce("predictions", events[first:second])
    pipeline.run()
    pipeline.reconfigure([model(30)])
    pipeline.produce("predictions", [*events[second:], END])
    pipeline.run(schedule, crashes=0.1)
    judged = windows(pipeline, "data_drift")
    fine = 0
    for data in judged:
        start, end = (_minute(data["window"][key]) for key in ("start", "end"))
        whole = (end - start) * MINUTE // EVERY_MS
        verdicts = {result["verdict"] for result in data["results"]}
        if verdicts != {"baseline_missing"}:
            assert data["predictions"] == whole
            fine += 1
    # At most an hour around each change is lost to judgement.
    assert fine * 30 >= 360 - 30 * 5


@pytest.mark.parametrize("seed", range(6))
def test_provisional_verdicts_may_come_and_go(seed: int) -> None:
    """Turned on and off at any moment: every window is decided, whole, and no id says two things.

    What was told on time once is of no matter to what is decidable.
    """
    schedule = random.Random(seed)
    on = bool(seed % 2)
    pipeline = Pipeline([model(30, 20, provisional=on)])
    events = [prediction(f"p{i}", T0 + i * EVERY_MS) for i in range(3600)]
    for i in range(0, 3600, 7):  # up to a quarter of an hour behind, and counted all the same
        events.insert(i + i // 7, prediction(f"q{i}", max(T0, T0 + i * EVERY_MS - 15 * MINUTE)))
    cuts = sorted(schedule.sample(range(200, len(events) - 200), 3))
    for since, until in pairwise([0, *cuts]):
        pipeline.produce("predictions", events[since:until])
        pipeline.run()
        on = not on
        pipeline.reconfigure([model(30, 20, provisional=on)])
    pipeline.produce("predictions", [*events[cuts[-1] :], END])
    pipeline.run(schedule, crashes=0.1)
    whole = Counter((e["timestamp"] - T0) // MINUTE // 30 * 30 for e in events)
    judged = windows(pipeline, "data_drift")
    decided = [data for data in judged if data["decidable"]]
    assert {_minute(d["window"]["start"]): d["predictions"] for d in decided} == whole
    assert len(decided) == len(whole)
    assert {data["provisional"] for data in judged} == {True, False}
    for data in judged:
        if data["provisional"]:
            assert 0 < data["predictions"] <= whole[_minute(data["window"]["start"])]
    published = [event["id"] for event in pipeline.published("drift-events")]
    assert len(published) == len(set(published))


STRICT = {
    "thresholds": {"psi": Thresholds(0.01, 0.02, 0.03), "rates": Thresholds(0.001, 0.002, 0.003)}
}


@pytest.mark.parametrize(
    "changes",
    [
        {"data_drift": STRICT},
        {"data_drift": {"min_samples": 80}, "prediction_drift": {"min_samples": 10}},
        {"data_drift": {"exclude": ("amount",)}},
        {"performance": {"thresholds": {"drop": Thresholds(0.001), "concept": Thresholds(0.001)}}},
    ],
    ids=["thresholds", "min_samples", "features", "performance"],
)
@pytest.mark.parametrize("seed", range(2))
def test_a_window_is_judged_by_the_configuration_at_its_close(
    changes: dict[str, dict[str, Any]], seed: int
) -> None:
    """The restart falls into a window: what closed before it stays, what closes later is new.

    The oracle is the whole stream under each of the two alone.
    """
    before = monitored()
    signals = {
        name: msgspec.structs.replace(getattr(before.spec, name), **change)
        for name, change in changes.items()
    }
    after = monitored(**signals)
    before, after = (Monitored(sealed(m.spec), m.baseline) for m in (before, after))
    predictions, labels = story(seed)
    stream = [*predictions, END], [*labels, END]
    made = len(predictions) * 6 // 10
    due = max(
        e["timestamp"]
        for e in predictions[:made]
        if isinstance(e, dict) and e["timestamp"] < APPEND_MS
    )
    come = sum(e["timestamp"] <= due for e in labels)
    old, new = (judged(one, stream, seed) for one in (before, after))
    pipeline = Pipeline([before])
    pipeline.produce("predictions", predictions[:made])
    pipeline.produce("labels", labels[:come])
    pipeline.run()
    closed = {_judgement(event) for event in pipeline.events("drift-events").values()}
    pipeline.reconfigure([after])
    pipeline.produce("predictions", stream[0][made:])
    pipeline.produce("labels", stream[1][come:])
    pipeline.run(random.Random(seed), 0.1)
    stays = {key: event for key, event in old.items() if _judgement(event) in closed}
    comes = {key: event for key, event in new.items() if _judgement(event) not in closed}
    assert pipeline.events("drift-events") == stays | comes
    for model, events in ((before, stays), (after, comes)):
        hashes = {event["data"]["config_hash"] for event in events.values()}
        assert hashes == {model.spec.config_hash}
    assert before.spec.config_hash != after.spec.config_hash
    # The change is one that shows.
    verdicts = [
        {key: event["data"].get("results") for key, event in events.items()}
        for events in (old, new)
    ]
    assert verdicts[0] != verdicts[1]


def judged(model: Monitored, stream: tuple[list[Any], list[Any]], seed: int) -> dict[str, Any]:
    pipeline = Pipeline([model])
    pipeline.produce("predictions", stream[0])
    pipeline.produce("labels", stream[1])
    pipeline.run(random.Random(seed))
    return pipeline.events("drift-events")


def _judgement(event: dict[str, Any]) -> tuple[Any, ...]:
    """A detector's look at a window of a version, at an age of its labels."""
    data = event["data"]
    span = data["window"]["start"], data["window"]["end"]
    return data["detector"], data["model_version"], *span, data["age_ms"]


def _minute(time: str) -> int:
    from monitor.events.cloudevents import to_ms

    return (to_ms(time) - T0) // MINUTE


def test_panes_that_no_label_reaches_any_more_are_not_counted_again_for_reviews() -> None:
    """Predictions are remembered longer than labels ask for; half a pane of them is no outcome."""
    reviewed = ReviewsSpec(max_delay_ms=100 * HOUR)
    labelled = LabelsSpec(max_delay_ms=2 * HOUR, min_coverage=0.5)
    before, after = (
        Monitored(msgspec.structs.replace(m.spec, labels=labelled, reviews=reviewed), m.baseline)
        for m in (model(60), model(30))
    )
    pipeline = Pipeline([before])
    times = [T0 + i * 10 * MINUTE for i in range(24 * 6)]
    pipeline.produce("predictions", [prediction(f"p{i}", t) for i, t in enumerate(times)])
    labels = [label(f"p{i}", t + 10 * MINUTE, "no") for i, t in enumerate(times)]
    pipeline.produce("labels", labels)
    pipeline.run()
    observers = [unit for unit in pipeline.units if "predictions" in unit.topics]
    open_before = [set(unit.logic.states["m"].outcomes) for unit in observers]
    pipeline.reconfigure([after])
    for unit, known in zip(observers, open_before, strict=True):
        state = unit.logic.states["m"]
        assert sum(1 for _ in state.memory.predictions()) > 40
        hours = {(version, start - start % HOUR) for version, start in state.outcomes}
        assert hours
        assert hours <= known
