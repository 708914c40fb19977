"""Laws of the whole stream: whatever the schedule, whatever crashes, the same comes out."""

import json
import random
from functools import cache

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.observe.accounting import unbalanced
from monitor.observe.model import Monitored
from monitor.registry.specs import DataDriftSpec, PredictionDriftSpec, WindowSpec
from tests.observe.stream import HOUR, MINUTE, T0, monitored, prediction
from tests.pipeline import Pipeline
from tests.story import END, LENGTH, blemishes, story


def early(size: int, hop: int) -> WindowSpec:
    """A provisional window, in minutes."""
    return WindowSpec(
        size_ms=size * MINUTE,
        hop_ms=hop * MINUTE,
        allowed_lateness_ms=10 * MINUTE,
        provisional=True,
    )


MODEL = monitored()
PROVISIONAL = monitored(
    data_drift=DataDriftSpec(windows=(early(60, 60), early(30, 15)), min_samples=20),
    prediction_drift=PredictionDriftSpec(windows=(early(120, 60),), min_samples=20),
)


def run(
    seed: int, schedule: random.Random | None, crashes: float, model: Monitored = MODEL
) -> Pipeline:
    pipeline = Pipeline([model])
    predictions, labels = story(seed)
    pipeline.produce("predictions", [*predictions, END])
    pipeline.produce("labels", [*labels, END])
    pipeline.run(schedule, crashes)
    return pipeline


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 3), order=st.integers(0, 10**6), crashes=st.sampled_from([0.0, 0.15]))
def test_events_depend_on_event_time_alone(seed: int, order: int, crashes: float) -> None:
    """Any interleaving of partitions, chunks, flushes and crashes gives the same events."""
    plain, drawn = run(seed, None, 0.0), run(seed, random.Random(order), crashes)
    for topic in ("drift-events", "alerts", "review-mode", "retraining", "rollbacks"):
        assert drawn.events(topic) == plain.events(topic)
    assert drawn.accounting().to_rows() == plain.accounting().to_rows()
    assert plain.events("drift-events")


@cache
def undisturbed(seed: int) -> Pipeline:
    return run(seed, None, 0.0, PROVISIONAL)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 1), order=st.integers(0, 10**6), crashes=st.sampled_from([0.0, 0.15]))
def test_provisional_verdicts_and_their_revisions_do_too(
    seed: int, order: int, crashes: float
) -> None:
    """Both verdicts of a window, each published once, say the same however flushes fell."""
    plain = undisturbed(seed)
    drawn = run(seed, random.Random(order), crashes, PROVISIONAL)
    for topic in ("drift-events", "alerts", "review-mode", "retraining", "rollbacks"):
        assert drawn.events(topic) == plain.events(topic)
        assert len(drawn.published(topic)) == len(drawn.events(topic))
    told = [event["data"] for event in drawn.events("drift-events").values()]
    counts: dict[str, dict[int, int]] = {}
    for data in told:
        assert data["provisional"] == (not data["decidable"] and not data["settled"])
        if data["kind"] == "window" and data["age_ms"] is None and data["model_version"]:
            assert data["provisional"] == (data["revision"] == 0)
            counts.setdefault(data["event_key"], {})[data["revision"]] = data["predictions"]
    both = [rows for rows in counts.values() if rows.keys() == {0, 1}]
    assert all(rows[0] <= rows[1] for rows in both)
    assert any(rows[0] < rows[1] for rows in both)
    assert any(rows[0] == rows[1] for rows in both)
    assert all(rows.keys() in ({1}, {0, 1}) for rows in counts.values())


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 3), order=st.integers(0, 10**6))
def test_every_event_read_is_accounted_for(seed: int, order: int) -> None:
    """read = counted + duplicate + late + dead + quarantined + waiting, at any moment."""
    pipeline = run(seed, random.Random(order), 0.1)
    accounting = pipeline.accounting()
    assert unbalanced(accounting) == {}
    predictions, labels = story(seed)
    assert accounting.counts["predictions", "read"] == len(predictions)
    assert accounting.counts["labels", "read"] == len(labels)
    assert accounting.counts["labels", "waiting"] == 0


def test_every_kind_of_blemish_is_told_apart() -> None:
    """The counters, against a count made from the story itself."""
    pipeline = run(0, None, 0.0)
    rows = pipeline.accounting().to_rows()
    expected = blemishes()
    assert rows["predictions"]["duplicate"] == expected["duplicate"]
    for reason in ("malformed", "id_conflict", "future_timestamp"):
        assert rows["predictions!reasons"][reason] == expected[reason]
    # The first ones are late too, but nothing has been heard before them: they are counted.
    assert 0 <= expected["late"] - rows["predictions"]["late"] <= 12
    predictions, labels = ([e for e in events if isinstance(e, dict)] for events in story(0))
    made = {e["prediction_id"]: e["timestamp"] for e in predictions}
    beyond = sum(
        e["timestamp"] - made.get(e["prediction_id"], -(10**15)) > 8 * HOUR for e in labels
    )
    assert rows["labels!reasons"]["orphan_label"] == beyond > len(range(0, LENGTH, 31))


LIVE = monitored(clock="append")
EARLY = DataDriftSpec(windows=(early(60, 60),), min_samples=50)
LIVE_EARLY = monitored(clock="append", data_drift=EARLY)
LIVE_SPLIT = monitored(clock="append", repartition=True)
EARLY_SPLIT = monitored(clock="append", data_drift=EARLY, repartition=True)
TOPICS = ("predictions", "labels", "reviews")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    order=st.integers(0, 10**6),
    crashes=st.sampled_from([0.0, 0.1]),
    model=st.sampled_from([LIVE, LIVE_EARLY, LIVE_SPLIT, EARLY_SPLIT]),
)
def test_a_live_stream_is_judged_whole(order: int, crashes: float, model: Monitored) -> None:
    """Whatever is counted stands in a window, though partitions idle, wake up late and crash.

    Bursts of events with silences between, up to two hours late; heartbeats follow the broker's
    clock. What time has gone past must be told as late, never be counted and judged nowhere.
    """
    draw = random.Random(order)
    pipeline = Pipeline([model])
    observers = [u for u in pipeline.units if "predictions" in u.topics]
    now, made = T0 + HOUR, 0

    def beat() -> None:
        for unit in observers:
            unit.logic.heard(now)
            idle = draw.choice([TOPICS, ("labels", "reviews"), ()])
            pipeline.flush(unit, heartbeat=True, idle=idle, append_ms=now)

    for _ in range(40):
        now += draw.choice([5_000, 60_000, HOUR // 2, 3 * HOUR])
        for _ in range(draw.randint(0, 60)):
            time = now - draw.choice([0, 1_000, 20 * 60_000, 2 * HOUR])
            event = prediction(f"p{made}", time)
            key = f"p{made}".encode()
            pipeline.append("predictions", key, json.dumps(event).encode(), append_ms=now)
            made += 1
        if draw.random() < crashes:
            draw.choice(pipeline.units).crash()
        pipeline.run()
        beat()
        pipeline.run()
    for _ in range(3):
        now += 12 * HOUR
        for unit in observers:
            unit.logic.heard(now)
            pipeline.flush(unit, heartbeat=True, idle=TOPICS, append_ms=now)
        pipeline.run()
    told = [event["data"] for event in pipeline.events("drift-events").values()]
    windows = [d for d in told if d["kind"] == "window" and d["detector"] == "data_drift"]
    counts = pipeline.accounting().counts
    assert counts["predictions", "read"] == made
    assert unbalanced(pipeline.accounting()) == {}
    decidable = sum(d["predictions"] for d in windows if d["decidable"])
    assert decidable == counts["predictions", "counted"]
    assert any(d["provisional"] for d in windows) == (model in (LIVE_EARLY, EARLY_SPLIT))
