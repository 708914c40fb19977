"""Laws of a stream of many models: each is judged as if it were alone, however the log is cut."""

import json
import random
from collections.abc import Sequence
from typing import Any

import numpy as np
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from monitor.baselines.baseline import Baseline
from monitor.baselines.build import build_baseline
from monitor.observe.accounting import unbalanced
from monitor.observe.model import Monitored
from monitor.observe.partition import ObservePartition
from monitor.observe.rows import PARTITION_KEY, partition_row
from monitor.observe.state import INPUTS
from monitor.panes.messages import InputPane, Loss, OutcomePane, Progress, decode
from monitor.registry.specs import DataDriftSpec, WindowSpec
from tests.observe.stream import (
    HOUR,
    MINUTE,
    T0,
    Rec,
    baseline,
    columnar,
    label,
    monitored,
    prediction,
    spec,
)

APPEND_MS = T0 + 1000 * HOUR
HALF = WindowSpec(size_ms=HOUR // 2, hop_ms=HOUR // 2, allowed_lateness_ms=MINUTE)


def other_baseline() -> Baseline:
    """The same features as the others', over other bins and categories in another order."""
    rng = np.random.default_rng(11)
    return build_baseline(
        "other", "n",
        {"amount": rng.uniform(0, 400, 300), "color": rng.choice(["mauve", "red"], 300).tolist()},
        prediction=rng.choice(["yes", "no"], 300).tolist(),
        score=rng.random(300).tolist(),
    )  # fmt: skip


def later_baseline() -> Baseline:
    """Another feature, one that is gone, other classes, and a score that is not there any more."""
    rng = np.random.default_rng(12)
    return build_baseline(
        "later", "m",
        {"weight": rng.normal(5, 1, 300), "color": rng.choice(["red", "grey"], 300).tolist()},
        prediction=rng.choice(["yes", "maybe"], 300).tolist(),
    )  # fmt: skip


#: Joined; of other bins and panes, live; joined too; without a baseline and a memory; of several
#: baselines, none at first; of two that count other columns.
MODELS = [
    monitored(),
    Monitored(
        spec(
            "n", clock="append", labels=None, performance=None, disorder_ms=MINUTE,
            data_drift=DataDriftSpec(windows=(HALF,)),
        ),
        other_baseline(),
    ),
    monitored(model_id="joined"),
    Monitored(spec("bare", labels=None, performance=None, deduplicate=False), None),
    Monitored(
        spec("late", labels=None, performance=None),
        None,
        ((T0 + HOUR, baseline()), (T0 + 3 * HOUR, other_baseline()), (T0 + 5 * HOUR, baseline())),
    ),
    Monitored(spec("grown", performance=None), baseline(), ((T0 + 2 * HOUR, later_baseline()),)),
]  # fmt: skip
NAMES = [model.spec.id for model in MODELS]


def story(seed: int, n: int = 150) -> list[tuple[str, list[Any]]]:
    """Runs of records of one topic, in the order in which a partition reads them.

    Shorter than the label horizon, and nothing after an end: beyond it a flush decides when a label
    is given up, though not whether.
    """
    draw = random.Random(seed)
    now, runs = T0, []
    told: list[tuple[str, str]] = []
    while len(told) < n:
        topic = draw.choice(["predictions", "predictions", "labels", "reviews"])
        events: list[Any] = []
        for _ in range(draw.randint(1, 25)):
            now += draw.choice([0, 0, MINUTE, 3 * MINUTE])
            model = draw.choice(NAMES)
            key = f"p{draw.randint(0, n)}" if draw.random() < 0.3 else f"p{len(told)}"
            if topic != "predictions" and told and draw.random() < 0.7:
                key, model = draw.choice(told)
            back = draw.choice([0, 0, 0, 20 * MINUTE, 100 * MINUTE])
            if topic == "labels":
                value = draw.choice(["yes", "no"])
                event: Any = label(key, now - back, value, model_id=model)
            elif topic == "reviews":
                event = {
                    "review_id": f"r{key}", "prediction_id": key, "model_id": model,
                    "reviewer_id": "someone", "final_decision": "yes", "timestamp": now - back,
                }  # fmt: skip
            else:
                event = one(draw, key, model, now - back)
                told.append((key, model))
            events.append(event)
        runs.append((topic, events))
    ends = [{"type": "end_of_stream", "model_id": model} for model in NAMES[:3]]
    return [*runs, *((topic, ends) for topic in draw.sample(INPUTS[:3], draw.randint(0, 3)))]


def one(draw: random.Random, key: str, model: str, time_ms: int) -> Any:
    """A prediction of any kind: odd values, columnar, of no use."""
    amount = draw.choice([draw.gauss(100, 40), draw.gauss(100, 40), None, "oops", 1e300])
    color = draw.choice(["red", "red", "green", "mauve", "strange", None, 3])
    features = {"amount": amount, "color": color, "weight": draw.choice([5.0, "heavy"])}
    event = prediction(
        key, time_ms, model_id=model, features=features,
        prediction=draw.choice(["yes", "no", "maybe"]),
        model_version=str(draw.randint(1, 30) if draw.random() < 0.3 else 1),
    )  # fmt: skip
    kind = draw.random()
    if kind < 0.08:
        rows = [event | {"prediction_id": f"{key}/{k}"} for k in range(draw.randint(1, 5))]
        return columnar(rows, f"b{key}")
    if kind < 0.12:
        return event | {"timestamp": APPEND_MS + HOUR}
    if kind < 0.16:
        return event | {"features": "none"}
    return event


def run(
    models: Sequence[Monitored], runs: list[tuple[str, list[Any]]], cut: random.Random | None
) -> tuple[ObservePartition, dict[str, Any]]:
    """Read what the runs have of these models; what was made of it.

    A record at a time and one flush, or in drawn chunks and flushes.
    """
    partition = ObservePartition(models, 0, 1)
    offsets = dict.fromkeys(INPUTS, 0)
    rows: dict[bytes, bytes] = {}
    sent: dict[Any, Any] = {}

    def flush(heartbeat: bool = False) -> None:
        made = partition.drain(offsets, heartbeat, ())
        for key, row in made.rows.items():
            if row is None:
                rows.pop(key, None)
            else:
                rows[key] = row
        for out in made.outputs:
            sent.update([named(out.topic, out.value)])
        partition.committed(None)

    for topic, events in runs:
        at = 0
        while at < len(events):
            size = cut.randint(1, 30) if cut else 1
            chunk = list(enumerate(events[at : at + size], offsets[topic]))
            records = [
                Rec(offset, APPEND_MS, json.dumps(event).encode())
                for offset, event in chunk
                if event["model_id"] in partition.states
            ]
            if records:
                partition.apply(topic, records)
            offsets[topic] += len(chunk)
            at += size
            if cut and cut.random() < 0.3:
                flush()
    # The second leaves nothing to be told of: which flush has told it differs.
    flush(heartbeat=True)
    flush(heartbeat=True)
    assert unbalanced(partition.accounting) == {}
    row = partition_row(rows.pop(PARTITION_KEY))
    return partition, {
        "rows": rows,
        "sent": sent,
        "marks": sorted(row.greatest),
        "past": sorted(row.past),
        "accounting": row.accounting,
        "memory": {m: remembered(partition, m) for m in partition.states},
    }


def named(topic: str, value: bytes) -> tuple[Any, Any]:
    """An output by what a later one of its like replaces."""
    if topic != "panes":
        return json.loads(value)["id"], value
    message = decode(value)
    if isinstance(message, InputPane):
        return ("input", message.model_id, message.version, message.start_ms), message
    if isinstance(message, OutcomePane):
        return ("outcome", message.model_id, message.version, message.start_ms), message
    if isinstance(message, Loss):
        return ("loss", message.model_id, message.start_ms), message
    assert isinstance(message, Progress)
    return "progress", message


def remembered(partition: ObservePartition, model: str) -> Any:
    memory = partition.states[model].memory
    return dict(memory.predictions()), memory.waiting


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 10**6), cut=st.integers(0, 10**6))
def test_what_is_committed_and_sent_does_not_depend_on_how_the_log_is_cut(
    seed: int, cut: int
) -> None:
    """Chunks and flushes of any length, beside a record at a time: rows, outputs, accounting."""
    runs = story(seed)
    _, plain = run(MODELS, runs, None)
    _, drawn = run(MODELS, runs, random.Random(cut))
    for what in plain:
        assert drawn[what] == plain[what], what


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 10**6), cut=st.integers(0, 10**6))
# Reviews alone move what may be forgotten.
@example(seed=222, cut=1)
def test_a_model_among_others_is_judged_as_if_it_were_alone(seed: int, cut: int) -> None:
    """Of each model the same panes, outcomes, memory and time as where only its records are."""
    runs = story(seed)
    together, drawn = run(MODELS, runs, random.Random(cut))
    for model in MODELS:
        name = model.spec.id
        alone, single = run([model], runs, None)
        assert drawn["memory"][name] == single["memory"][name]
        assert [mark for mark in drawn["marks"] if mark[1] == name] == single["marks"]
        assert counted(together, name) == counted(alone, name)
        panes = {k: m for k, m in drawn["sent"].items() if k[0] in KINDS and k[1] == name}
        assert panes == {k: m for k, m in single["sent"].items() if k[0] in KINDS}


KINDS = ("input", "outcome", "loss")


def counted(partition: ObservePartition, model: str) -> Any:
    """The panes that are still open, and their outcomes."""
    state = partition.states[model]
    panes = {key: (pane.rows, pane.counts.tolist()) for key, pane in state.panes.items()}
    outcomes = {k: (o.predictions, o.counts.tolist()) for k, o in state.outcomes.items()}
    return panes, outcomes, state.versions
