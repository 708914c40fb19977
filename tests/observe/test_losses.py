"""What was read and not counted stands where the watermark stood, however the log was cut."""

import json
import random
from typing import Any

from aiokafka.partitioner import murmur2
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.observe.partition import ObservePartition
from monitor.panes.messages import Loss, decode
from tests.observe.stream import HOUR, MINUTE, T0, log, monitored, prediction
from tests.pipeline import APPEND_MS, PARTITIONS, Pipeline

#: Some of them name another partition than the first, where all are read.
KEYS = [b"", b"k1", b"k2", b"k3", b"k4"]
MODELS = [monitored(), monitored(model_id="n")]
PANE, DISORDER, LATENESS = HOUR, 30_000, 10 * MINUTE
KINDS = (
    "good",
    "good",
    "good",
    "late",
    "future",
    "odd",
    "broken",
    "stranger",
    "repeated",
    "unlike",
)


def story(seed: int, n: int = 120) -> list[Any]:
    """Events of two models, and of a stranger; many of them of no use."""
    draw = random.Random(seed)
    now, events = T0, []
    last: dict[str, dict[str, Any]] = {}
    for i in range(n):
        now += draw.choice([0, MINUTE, 20 * MINUTE])
        model, kind = draw.choice(["m", "m", "n"]), draw.choice(KINDS)
        event = prediction(f"p{i}", now, model_id=model)
        changed: dict[str, Any] = {
            "good": event,
            "late": event | {"timestamp": now - 5 * HOUR},
            "future": event | {"timestamp": APPEND_MS + HOUR},
            "odd": event | {"features": "none"},
            "stranger": event | {"model_id": "stranger"},
            "broken": b'{"broken"',
            "repeated": last.get(model, event),
            "unlike": last.get(model, event) | {"score": i / 1000},
        }
        events.append(changed[kind])
        last[model] = event if kind == "good" else last.get(model, event)
    return events


def reckoned(events: list[Any]) -> dict[tuple[str, int], list[int]]:
    """Late, dead, quarantined and misplaced by model and pane, one event after the other."""
    lost: dict[tuple[str, int], list[int]] = {}
    greatest: dict[str, int] = {}
    seen: dict[str, Any] = {}
    named = ""
    for n, event in enumerate(events):
        outcome = None
        if isinstance(event, bytes):
            model, outcome = named, 1
        elif event["model_id"] == "stranger":
            continue
        else:
            model = named = event["model_id"]
            mark = greatest.get(model, -(2**62)) - DISORDER
            time = event["timestamp"]
            if event["features"] == "none":
                outcome = 1
            elif time > APPEND_MS + 5 * MINUTE:
                outcome = 2
            elif time - time % PANE + PANE + LATENESS <= mark:
                outcome = 0
            elif seen.setdefault(event["prediction_id"], event) != event:
                outcome = 1
        readable = not isinstance(event, bytes) and event["features"] != "none"
        misplaced = readable and (murmur2(KEYS[n % len(KEYS)]) & 0x7FFFFFFF) % PARTITIONS != 0
        for what in [outcome] * (outcome is not None) + [3] * misplaced:
            if model in greatest:
                mark = greatest[model] - DISORDER
                lost.setdefault((model, mark - mark % PANE), [0, 0, 0, 0])[what] += 1
        if readable and outcome != 2:
            greatest[model] = max(event["timestamp"], greatest.get(model, 0))
    return lost


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.lists(st.integers(1, 40), min_size=1, max_size=8), st.randoms())
def test_losses_depend_on_the_log_alone(seed: int, cuts: list[int], chance: random.Random) -> None:
    """However it is cut, flushed, and taken up again after a crash."""
    events = story(seed)
    pipeline = Pipeline(MODELS)
    unit = pipeline.units[0]
    for n, event in enumerate(events):
        value = event if isinstance(event, bytes) else json.dumps(event).encode()
        pipeline.append("predictions", KEYS[n % len(KEYS)], value, 0)
    n = 0
    while pipeline.read(unit, "predictions", cuts[n % len(cuts)]):
        n += 1
        if chance.random() < 0.5:
            pipeline.flush(unit, heartbeat=True)
            if chance.random() < 0.5:
                unit.crash()
    pipeline.flush(unit, heartbeat=True)
    told: dict[tuple[str, int], list[int]] = {}
    for partition in range(PARTITIONS):
        for record in pipeline.logs["panes", partition]:
            message = decode(record.value or b"")
            if isinstance(message, Loss):
                place = message.model_id, message.start_ms
                lost = [message.late, message.dead, message.quarantined]
                told[place] = [*lost, message.misplaced]
    assert told == reckoned(events)


def test_what_was_told_and_can_grow_no_more_is_forgotten() -> None:
    partition = ObservePartition(MODELS, 0, 1)
    bad = b'{"broken"'
    partition.apply("predictions", log([prediction("a", T0), bad, prediction("b", T0 + 2 * HOUR)]))
    kept = partition.drain({}, True, ()).rows
    assert not any(b"loss" in key for key, row in kept.items() if row is not None)
    assert partition.losses.counts == {}


def test_losses_outside_a_stream_belong_to_no_window() -> None:
    partition = ObservePartition(MODELS, 0, 1)
    end = {"type": "end_of_stream", "model_id": "m"}
    bad = prediction("a", T0, features=1)
    partition.apply("predictions", log([bad, prediction("b", T0), end, bad]))
    assert partition.losses.counts == {}
    assert partition.accounting.counts["predictions", "dead"] == 2
