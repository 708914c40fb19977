"""Records that are keyed otherwise come to the same verdicts as if they had the right keys."""

import base64
import json
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.observe.accounting import total, unbalanced
from monitor.observe.partition import ObservePartition
from monitor.observe.split import REKEYED, Carried, Marks, decode, encode
from tests.observe.stream import HOUR, MINUTE, T0, Rec, columnar, label, monitored, prediction
from tests.pipeline import APPEND_MS, PARTITIONS, Pipeline, Unit
from tests.story import END, story

JUDGED = ("drift-events", "alerts", "review-mode", "retraining", "rollbacks")
BESIDE = monitored(model_id="n")


def on_time(seed: int, spotless: bool) -> tuple[list[Any], list[Any]]:
    """The story without what is late: where sources wait for each other, less is too late.

    A spotless one has nothing that is refused: what was lost stands where the watermark stood, and
    that of what was sent on stands behind.
    """
    predictions, labels = story(seed)
    kept: list[Any] = [
        event
        for event in predictions
        if not (isinstance(event, dict) and str(event.get("prediction_id")).startswith("late"))
    ]
    if spotless:
        kept = [
            event
            for event in kept
            if isinstance(event, dict)
            and event["score"] != 0.9
            and not event["prediction_id"].startswith("future")
        ]
    return [*kept, END], [*labels, END]


def scattered(
    events: dict[str, list[Any]],
    seed: int,
    schedule: random.Random | None = None,
    crashes: float = 0.0,
) -> Pipeline:
    """Each prediction, and apart from it its labels, in a partition drawn by lot."""
    pipeline = Pipeline([monitored(repartition=True), BESIDE])
    for topic, values in events.items():
        for event in values:
            value = event if isinstance(event, bytes) else json.dumps(event).encode()
            if event == END:
                for n in range(PARTITIONS):
                    pipeline.append(topic, b"", value, n)
                continue
            of = event.get("prediction_id") if isinstance(event, dict) else value
            place = random.Random(f"{topic} {of} {seed}").randrange(PARTITIONS)
            pipeline.append(topic, b"customer", value, place)
    pipeline.run(schedule, crashes)
    return pipeline


def observers(pipeline: Pipeline) -> list[ObservePartition]:
    return [u.logic for u in pipeline.units if isinstance(u.logic, ObservePartition)]


def told(pipeline: Pipeline, topic: str, spotless: bool) -> dict[str, dict[str, Any]]:
    """The events of a topic, with their health where nothing was refused."""
    events = pipeline.events(topic)
    for event in events.values() if not spotless else ():
        del event["data"]["health"]
    return events


def reviewed(event: dict[str, Any]) -> dict[str, Any]:
    """A review that comes when a label does."""
    return {
        "review_id": f"r-{event['prediction_id']}-{event['timestamp']}",
        "prediction_id": event["prediction_id"],
        "model_id": "m",
        "reviewer_id": "someone",
        "final_decision": event["label"],
        "timestamp": event["timestamp"],
    }


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 2),
    spotless=st.booleans(),
    place=st.integers(0, 10**6),
    order=st.one_of(st.none(), st.integers(0, 10**6)),
    crashes=st.sampled_from([0.0, 0.15]),
)
def test_any_keys_say_what_the_right_ones_say(
    seed: int, spotless: bool, place: int, order: int | None, crashes: float
) -> None:
    predictions, labels = on_time(seed, spotless)
    direct = Pipeline([monitored(), BESIDE])
    direct.produce("predictions", predictions)
    direct.produce("labels", labels)
    reviews = [*map(reviewed, labels[:-1:4]), END]
    direct.produce("reviews", reviews)
    direct.run()
    drawn = scattered(
        {"predictions": predictions, "labels": labels, "reviews": reviews},
        place,
        None if order is None else random.Random(order),
        crashes,
    )
    for topic in JUDGED if spotless else JUDGED[:1]:
        assert told(drawn, topic, spotless) == told(direct, topic, spotless)
        assert told(direct, topic, spotless)
    wanted, found = direct.accounting().to_rows(), drawn.accounting().to_rows()
    given = ("predictions", predictions), ("labels", labels), ("reviews", reviews)
    for topic, events in given:
        broken = sum(isinstance(event, bytes) for event in events)
        moved = {"moved": len(events) - broken - 1, "arrived": len(events) - broken - 1}
        assert found[topic] == wanted[topic] | moved
        assert found.get(f"{topic}!reasons") == wanted.get(f"{topic}!reasons")
    assert unbalanced(total(part.accounting for part in observers(drawn))) == {}
    for part in observers(drawn):
        assert unbalanced(part.accounting) == {}, "also in each partition"
        assert not part.placement.counts


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(order=st.integers(0, 10**6))
def test_batches_find_the_labels_that_carry_their_id(order: int) -> None:
    """A columnar record is sent on whole; its labels name the batch."""
    runs = {
        f"b{n}": [
            prediction(f"b{n}/{i}", T0 + n * 10 * MINUTE + i * MINUTE, prediction="yes")
            for i in range(10)
        ]
        for n in range(30)
    }
    records = [
        {k: v for k, v in columnar(run, batch).items() if k != "prediction_ids"}
        for batch, run in runs.items()
    ]
    labels = [
        label(e["prediction_id"], e["timestamp"] + MINUTE, "yes", batch_id=batch)
        for batch, run in runs.items()
        for e in run
    ]
    pipeline = Pipeline([monitored(repartition=True)])
    for topic, events in (("predictions", records), ("labels", labels)):
        for n, event in enumerate(events):
            pipeline.append(topic, b"customer", json.dumps(event).encode(), n % PARTITIONS)
        for n in range(PARTITIONS):
            pipeline.append(topic, b"", json.dumps(END).encode(), n)
    pipeline.run(random.Random(order), 0.1)
    rows = pipeline.accounting().to_rows()
    assert rows["predictions"] == {"read": 300, "moved": 300, "arrived": 300, "counted": 300}
    assert rows["labels"] == {"read": 300, "moved": 300, "arrived": 300, "counted": 300}


def test_letters_name_the_record_where_its_producer_put_it() -> None:
    future = prediction("future", APPEND_MS * 2)
    orphan = label("nobody", T0, "yes")
    pipeline = Pipeline([monitored(repartition=True)])
    places = {"predictions": 1, "labels": 2}
    for topic, event in (("predictions", future), ("labels", orphan)):
        pipeline.append(topic, b"k", json.dumps(prediction("a", T0)).encode()[:-9], places[topic])
        pipeline.append(topic, b"k", json.dumps(event).encode(), places[topic])
        for n in range(PARTITIONS):
            pipeline.append(topic, b"", json.dumps(END).encode(), n)
    pipeline.run(random.Random(1), 0.2)
    letters = [event["data"] for event in pipeline.events("dead-letters").values()]
    assert sorted((d["topic"], d["partition"], d["offset"], d["reason"]) for d in letters) == [
        ("labels", 2, 0, "malformed"),
        ("labels", 2, 1, "orphan_label"),
        ("predictions", 1, 0, "malformed"),
        ("predictions", 1, 1, "future_timestamp"),
    ]
    (head,) = [d["head"] for d in letters if d["reason"] == "future_timestamp"]
    assert json.loads(base64.b64decode(head)) == future


def live(pipeline: Pipeline, now: int, idle: tuple[str, ...]) -> None:
    """Read all there is, twice for what is sent on, and let every source tell of time."""
    for _ in range(2):
        for unit in pipeline.units:
            for topic in unit.topics:
                while pipeline.read(unit, topic, 1000):
                    pass
        for unit in pipeline.units:
            beats = isinstance(unit.logic, ObservePartition)
            if beats:
                unit.logic.heard(now)
            pipeline.flush(unit, heartbeat=beats, idle=idle if beats else (), append_ms=now)


def test_time_goes_on_where_a_source_is_silent_and_waits_for_one_that_is_behind() -> None:
    """Two of three sources have nothing: their owners alone can say that nothing comes."""
    spec = monitored(repartition=True, clock="append")
    pipeline = Pipeline([spec])
    now = T0
    for n in range(30):
        now = T0 + n * 10 * MINUTE
        event = prediction(f"p{n}", now)
        pipeline.append("predictions", b"k", json.dumps(event).encode(), 0, now)
        live(pipeline, now, ("predictions", "labels", "reviews"))
    windows = [
        event["data"]
        for event in pipeline.events("drift-events").values()
        if event["data"]["detector"] == "data_drift" and event["data"]["kind"] == "window"
    ]
    assert sorted(d["predictions"] for d in windows) == [6] * 4, "five hours, the last still open"
    behind = Pipeline([spec])
    for n in range(30):
        now = T0 + n * 10 * MINUTE
        event = prediction(f"p{n}", now)
        behind.append("predictions", b"k", json.dumps(event).encode(), 0, now)
        live(behind, now, ())
    assert behind.events("drift-events") == {}, "of two sources nothing is known"


def test_a_model_that_is_not_split_stays_where_it_is() -> None:
    pipeline = Pipeline([monitored(), monitored(model_id="n", repartition=True)])
    pipeline.produce("predictions", [prediction("a", T0), prediction("b", T0, model_id="n")])
    pipeline.run()
    carried = [
        message
        for n in range(PARTITIONS)
        for record in pipeline.logs[REKEYED, n]
        if isinstance(message := decode(record.value or b""), Carried)
    ]
    assert [json.loads(message.value)["prediction_id"] for message in carried] == ["b"]
    assert [message.append_ms for message in carried] == [APPEND_MS]
    assert pipeline.accounting().counts["predictions", "moved"] == 1


def test_the_word_of_another_configuration_s_worker_moves_nothing() -> None:
    part = ObservePartition([monitored(), monitored(model_id="n", repartition=True)], 0, 1)
    greatest = [("predictions", model, T0) for model in ("gone", "m", "n")]
    marks = Marks(0, greatest, {"predictions": T0})
    part.apply(REKEYED, [Rec(0, T0, encode(marks))])
    assert part.marks.greatest == {("predictions", "n"): T0}
    assert part.urgent


def test_an_owner_that_died_between_two_flushes_sends_nothing_twice() -> None:
    pipeline = Pipeline([monitored(repartition=True)])
    unit: Unit = pipeline.units[0]
    for n in range(4):
        value = json.dumps(prediction(f"p{n}", T0 + n * HOUR)).encode()
        pipeline.append("predictions", b"k", value, 0)
    pipeline.read(unit, "predictions", 2)
    unit.crash()
    pipeline.read(unit, "predictions", 3)
    pipeline.flush(unit)
    unit.crash()
    pipeline.run()
    arrived = sum(part.accounting.counts["predictions", "arrived"] for part in observers(pipeline))
    assert arrived == pipeline.accounting().counts["predictions", "read"] == 4


@pytest.mark.parametrize(
    ("message", "stored"),
    [
        (
            Carried("labels", 2, 17, 1_370_000_000_000, b"{}"),
            "97a56576656e74a66c6162656c730211cf0000013efa5d0400c4027b7d01",
        ),
        (
            Marks(2, [("labels", "m", 1_370_000_000_000)], {"labels": 1_370_000_100_000}),
            "95a56d61726b73029193a66c6162656c73a16dcf0000013efa5d040081a66c6162656c73cf0000013efa5e8aa001",
        ),
    ],
)
def test_what_is_sent_on_stays_readable(message: Carried | Marks, stored: str) -> None:
    assert encode(message).hex() == stored
    assert decode(bytes.fromhex(stored)) == message
