"""Where the baseline knows its own windows: verdicts that rest on several, whatever happens."""

import random
from dataclasses import replace
from functools import cache

import msgspec
import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.baselines.own_windows import OwnWindows
from monitor.evaluate.looks import LooksRow
from monitor.evaluate.partition import EvaluatePartition
from monitor.observe.model import Monitored
from monitor.registry.specs import DataDriftSpec, Method, PredictionDriftSpec, WindowSpec
from monitor.stats.coarse import coarse
from tests.observe.stream import HOUR, MINUTE, T0, baseline, prediction, spec
from tests.pipeline import Pipeline
from tests.story import END, story

WINDOWS = 60


def window(size: int, hop: int, *, provisional: bool = False) -> WindowSpec:
    """A window, in minutes."""
    return WindowSpec(
        size_ms=size * MINUTE,
        hop_ms=hop * MINUTE,
        allowed_lateness_ms=10 * MINUTE,
        provisional=provisional,
    )


@cache
def calibrated(*windows: WindowSpec, method: Method = "calibrated") -> Monitored:
    """The small model, whose baseline has drawn windows of its own, of each length."""
    reference, rng = baseline(), np.random.default_rng(3)
    own = []
    for size_ms in sorted({one.size_ms for one in windows}):
        counts = {}
        for column in reference.layout.columns:
            cells = coarse(reference.counts(column.subject), column.grid)
            counts[column.subject] = rng.multinomial(60, cells / cells.sum(), WINDOWS)
        starts = T0 - (WINDOWS - np.arange(WINDOWS)) * size_ms
        own.append(OwnWindows(size_ms, starts, counts))
    of = spec(
        data_drift=DataDriftSpec(windows=windows, min_samples=20, method=method),
        prediction_drift=PredictionDriftSpec(windows=windows[:1], min_samples=20, method=method),
    )
    return Monitored(of, replace(reference, own=tuple(own)))


SLIDING = calibrated(window(60, 60), window(30, 15))
EARLY = calibrated(window(60, 60, provisional=True))


def run(model: Monitored, seed: int, schedule: random.Random | None, crashes: float) -> Pipeline:
    pipeline = Pipeline([model])
    predictions, labels = story(seed)
    pipeline.produce("predictions", [*predictions, END])
    pipeline.produce("labels", [*labels, END])
    pipeline.run(schedule, crashes)
    return pipeline


@cache
def undisturbed(model: int, seed: int) -> Pipeline:
    return run((SLIDING, EARLY)[model], seed, None, 0.0)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    model=st.integers(0, 1),
    seed=st.integers(0, 1),
    order=st.integers(0, 10**6),
    crashes=st.sampled_from([0.0, 0.15]),
)
def test_what_rests_on_several_windows_survives_crashes(
    model: int, seed: int, order: int, crashes: float
) -> None:
    plain = undisturbed(model, seed)
    drawn = run((SLIDING, EARLY)[model], seed, random.Random(order), crashes)
    for topic in ("drift-events", "alerts", "review-mode", "retraining", "rollbacks"):
        assert drawn.events(topic) == plain.events(topic)
    results = [
        result
        for event in plain.events("drift-events").values()
        if event["data"]["kind"] == "window" and event["data"]["detector"] == "data_drift"
        for result in event["data"]["results"]
    ]
    assert {"found" in result for result in results if result["verdict"] == "low"} == {True}


def moved(hours: int, since: int, n: int = 120) -> list[dict[str, object]]:
    """Predictions of which `amount` rises by 0.6 of its spread from some hour on."""
    rng, made = np.random.default_rng(5), []
    for hour in range(hours):
        for k in range(n):
            amount = rng.normal(100 + (9.0 if hour >= since else 0.0), 15)
            color = str(rng.choice(["red", "green", "blue"], p=[0.5, 0.3, 0.2]))
            late = amount > 110
            made.append(
                prediction(
                    f"p-{hour}-{k}", T0 + hour * HOUR + k * HOUR // n,
                    features={"amount": float(amount), "color": color},
                    prediction="yes" if late else "no", score=float(amount / 200),
                )
            )  # fmt: skip
    return made


def told(pipeline: Pipeline, detector: str, subject: str) -> dict[int, dict[str, object]]:
    """What was said of a subject, by the hour of the window."""
    found = {}
    for event in pipeline.events("drift-events").values():
        data = event["data"]
        if data["kind"] == "window" and data["detector"] == detector:
            for result in data["results"]:
                if result["subject"] == subject:
                    start = np.datetime64(data["window"]["start"].removesuffix("Z"), "ms")
                    found[(int(start.astype(np.int64)) - T0) // HOUR] = result
    return found


def test_a_shift_is_found_and_what_has_not_moved_is_not() -> None:
    """Whether it is real, by how much, and at which budget, is in the event and in its words."""
    pipeline = Pipeline([calibrated(window(60, 60))])
    pipeline.produce("predictions", [*moved(24, 8), END])
    pipeline.run()
    amount = told(pipeline, "data_drift", "feature/amount")
    assert not any(amount[hour]["found"] for hour in range(8))
    assert amount[10]["found"] is True
    assert all(amount[hour]["found"] for hour in range(11, 24))
    color = told(pipeline, "data_drift", "feature/color")
    assert not any(result["found"] for result in color.values())
    drift = [
        event["data"]
        for event in pipeline.events("drift-events").values()
        if event["data"]["kind"] == "drift" and event["data"]["subject"] == "feature/amount"
    ]
    assert drift
    last = max(drift, key=lambda data: data["window"]["start"])
    assert last["detection"]["found"] is True
    assert last["detection"]["p_value"] <= last["detection"]["level"]
    assert last["detection"]["false_alarms"] == 1.0
    assert last["value"] == last["detection"]["corrected"] < last["statistics"]["psi"] + 0.05
    assert "Real: p" in last["message"]


def test_plain_verdicts_are_the_articles_alone() -> None:
    pipeline = Pipeline([calibrated(window(60, 60), method="plain")])
    pipeline.produce("predictions", [*moved(4, 2), END])
    pipeline.run()
    results = told(pipeline, "data_drift", "feature/amount").values()
    assert results
    assert not any("found" in result for result in results)


def test_windows_in_between_go_by_the_looks_before_them() -> None:
    """Half-hour windows every quarter: those that begin between two looks add none."""
    pipeline = Pipeline([calibrated(window(30, 15))])
    pipeline.produce("predictions", [*moved(6, 3, 400), END])
    pipeline.run()
    evaluate = [unit for unit in pipeline.units if isinstance(unit.logic, EvaluatePartition)]
    stored = [row for unit in evaluate for row in unit.rows.items()]
    rows = [
        msgspec.msgpack.decode(value, type=LooksRow)
        for key, value in stored
        if msgspec.msgpack.decode(key)[0] == "looks"
    ]
    assert rows
    for row in rows:
        for looks in row.looks.values():
            ends = [end for end, *_ in looks]
            assert ends == sorted(set(ends))
            assert all(end % (30 * MINUTE) == 0 for end in ends)
