"""No more ids are remembered than is stated; what comes beyond is counted, and its pane is marked.

The oracle takes one event after the other, and knows of hours and a limit; it has no store, flushes
nothing and forgets nothing.
"""

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.observe.accounting import unbalanced
from monitor.observe.partition import ObservePartition
from monitor.panes.messages import InputPane, OutcomePane, Unremembered, decode
from monitor.registry.specs import LabelsSpec
from tests.observe.stream import HOUR, MINUTE, T0, label, log, monitored, prediction
from tests.pipeline import PARTITIONS, Pipeline

LIMIT = 6
DELAY = 2 * HOUR
PANE, DISORDER, LATENESS = HOUR, 30_000, 10 * MINUTE
LIMITED = monitored(max_remembered=LIMIT, labels=LabelsSpec(max_delay_ms=DELAY))
#: Beyond it nothing is of any use: the hour of an event and its pane, then label and lateness.
HORIZON = DELAY + LATENESS + PANE + DISORDER


def story(seed: int, n: int = 150) -> list[dict[str, Any]]:
    """Predictions of two versions, in bursts; many are sent again, at once or much later."""
    draw = random.Random(seed)
    now, sent = T0, []
    for i in range(n):
        now += draw.choice([0, 0, MINUTE, 20 * MINUTE, 3 * HOUR if draw.random() < 0.1 else 0])
        event = prediction(f"p{i}", now - draw.choice([0, 0, 30 * MINUTE]))
        event["model_version"] = draw.choice("12")
        sent.append(draw.choice(sent[-20:]) if sent and draw.random() < 0.3 else event)
    return sent


class Reckoned:
    """What becomes of each, by the rule alone."""

    def __init__(self, events: list[dict[str, Any]]) -> None:
        self.unremembered: dict[tuple[str, int], int] = {}
        self.rows: dict[tuple[str, int], int] = {}
        self.counts = dict.fromkeys(("counted", "duplicate", "late"), 0)
        self.most = 0
        remembered: dict[str, int] = {}
        greatest = -(2**62)
        for event in events:
            key, time = event["prediction_id"], event["timestamp"]
            mark, greatest = greatest, max(greatest, time)
            pane = event["model_version"], time - time % PANE
            if pane[1] + PANE + LATENESS <= mark - DISORDER:
                self.counts["late"] += 1
                continue
            live = {k for k, at in remembered.items() if at - at % HOUR + HOUR > mark - HORIZON}
            if key in live:
                self.counts["duplicate"] += 1
                continue
            self.counts["counted"] += 1
            self.rows[pane] = self.rows.get(pane, 0) + 1
            held = {k for k, at in remembered.items() if at - at % HOUR + HOUR > greatest - HORIZON}
            if len(held) >= LIMIT:
                self.unremembered[pane] = self.unremembered.get(pane, 0) + 1
            else:
                remembered[key] = time
                self.most = max(self.most, len(held) + 1)


def played(events: list[dict[str, Any]], cuts: list[int], chance: random.Random) -> Pipeline:
    """In one partition: cut, flushed, lost and taken up elsewhere as it is drawn."""
    pipeline = Pipeline([LIMITED])
    unit = pipeline.units[0]
    for event in events:
        pipeline.append("predictions", b"", json.dumps(event).encode(), 0)
    n = 0
    while pipeline.read(unit, "predictions", cuts[n % len(cuts)]):
        n += 1
        if chance.random() < 0.5:
            crash = chance.random() < 0.5
            told = not crash or chance.random() < 0.7
            pipeline.flush(unit, heartbeat=chance.random() < 0.5, told=told)
            if crash:
                unit.crash(elsewhere=chance.random() < 0.5)
    end = {"type": "end_of_stream", "model_id": "m"}
    pipeline.append("predictions", b"", json.dumps(end).encode(), 0)
    pipeline.read(unit, "predictions", 1)
    pipeline.flush(unit, heartbeat=True)
    return pipeline


def told(pipeline: Pipeline, kind: type) -> dict[tuple[str, int], Any]:
    """The last message of a kind by version and pane."""
    found = {}
    for partition in range(PARTITIONS):
        for record in pipeline.logs["panes", partition]:
            message = decode(record.value or b"")
            if isinstance(message, kind) and getattr(message, "block", 0) == 0:
                found[message.version, message.start_ms] = message  # type: ignore[attr-defined]
    return found


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 10**6), st.lists(st.integers(1, 40), min_size=1, max_size=8), st.integers())
def test_who_is_remembered_depends_on_the_log_alone(
    seed: int, cuts: list[int], chance: int
) -> None:
    """However it is cut, flushed, and taken up again after a crash, here or elsewhere."""
    events = story(seed)
    expected, pipeline = Reckoned(events), played(events, cuts, random.Random(chance))
    marked = {pane: message.predictions for pane, message in told(pipeline, Unremembered).items()}
    assert marked == expected.unremembered
    assert {p: m.rows for p, m in told(pipeline, InputPane).items()} == expected.rows
    assert {p: m.predictions for p, m in told(pipeline, OutcomePane).items()} == expected.rows
    counts = pipeline.units[0].logic.accounting.counts  # type: ignore[attr-defined]
    assert {outcome: counts["predictions", outcome] for outcome in expected.counts} == (
        expected.counts
    )


def test_stories_fill_the_memory_and_leave_room_again() -> None:
    """Else the law above would say nothing."""
    found = [Reckoned(story(seed)) for seed in range(20)]
    assert {one.most for one in found} == {LIMIT}
    assert all(one.unremembered for one in found)
    assert all(one.rows.keys() - one.unremembered.keys() for one in found)
    assert all(one.counts["duplicate"] for one in found)


def test_nothing_is_held_beyond_the_limit() -> None:
    partition = ObservePartition([LIMITED], 0, 1)
    many = [prediction(f"p{n}", T0 + n) for n in range(500)]
    partition.apply("predictions", log(many))
    flush = partition.drain({}, False, ())
    partition.committed(0)
    memory = partition.states["m"].memory
    assert len(dict(memory.predictions())) == LIMIT
    assert partition.accounting.counts["predictions", "counted"] == 500
    assert flush.log


def test_a_known_id_is_known_however_full_the_memory_is() -> None:
    partition = ObservePartition([LIMITED], 0, 1)
    first = [prediction(f"p{n}", T0) for n in range(LIMIT)]
    partition.apply("predictions", log([*first, prediction("q", T0), *first, first[0]]))
    assert partition.accounting.counts["predictions", "duplicate"] == LIMIT + 1
    assert partition.states["m"].overflow.counts == {("1", T0): 1}


@pytest.mark.parametrize("first", ["predictions", "labels"])
@pytest.mark.parametrize("crash", [False, True])
def test_a_label_of_what_was_not_remembered_is_no_orphan(first: str, crash: bool) -> None:
    """
    hours        0     8
    predictions  6, q  r     6 are remembered, q is not; then there is room
    labels       q, x  r, y  x and y were never predicted
    """
    pipeline = Pipeline([LIMITED])
    later = T0 + 8 * HOUR
    made = [
        *(prediction(f"p{n}", T0) for n in range(LIMIT)),
        prediction("q", T0),
        prediction("r", later),
        prediction("s", later + 8 * HOUR),
    ]
    said = [
        label(key, at + MINUTE, "no")
        for key, at in [("q", T0), ("x", T0), ("r", later), ("y", later)]
    ]
    for topic, events in {"predictions": made, "labels": said}.items():
        for event in events:
            pipeline.append(topic, b"", json.dumps(event).encode(), 0)
    unit = pipeline.units[0]
    for topic in sorted(("predictions", "labels"), key=lambda topic: topic != first):
        while pipeline.read(unit, topic, 3):
            pipeline.flush(unit)
            if crash:
                unit.crash()
    pipeline.flush(unit, heartbeat=True)
    accounting = unit.logic.accounting  # type: ignore[attr-defined]
    assert unbalanced(accounting) == {}
    assert accounting.counts["labels", "counted"] == 1
    assert accounting.counts["labels", "waiting"] == 0
    letters = {
        event["data"]["head"]: event["data"] for event in pipeline.events("dead-letters").values()
    }
    assert sorted(letter["reason"] for letter in letters.values()) == [
        "orphan_label", "unremembered", "unremembered",
    ]  # fmt: skip
    why = next(x["detail"] for x in letters.values() if x["reason"] == "unremembered")
    assert "6 were, which is the limit (max_remembered)" in why


def review(key: str, time_ms: int) -> dict[str, Any]:
    return {
        "review_id": f"of-{key}", "prediction_id": key, "model_id": "m", "reviewer_id": "ann",
        "final_decision": "no", "timestamp": time_ms,
    }  # fmt: skip


def test_a_review_of_what_was_not_remembered_is_no_orphan() -> None:
    partition = ObservePartition([LIMITED], 0, 1)
    partition.apply("reviews", log([review("q", T0), review("x", T0 + 6 * HOUR)]))
    made = [prediction(f"p{n}", T0) for n in range(LIMIT)]
    end = {"type": "end_of_stream", "model_id": "m"}
    partition.apply("predictions", log([*made, prediction("q", T0), end]))
    partition.apply("reviews", log([end], first=9))
    partition.drain({}, True, ())
    assert unbalanced(partition.accounting) == {}
    reasons = {of: n for (topic, of), n in partition.accounting.reasons.items() if n}
    assert reasons == {"unremembered": 1, "orphan_review": 1}


def test_an_overflow_is_forgotten_when_no_label_can_reach_it() -> None:
    """It may be dated as far after the pane as it reaches, and waits as long; so for reviews."""
    reach = PANE + DELAY + DELAY + LATENESS + PANE + DISORDER
    for after, left in ((reach - 1, 1), (reach, 0)):
        partition = ObservePartition([LIMITED], 0, 1)
        partition.apply("predictions", log([prediction(f"p{n}", T0) for n in range(LIMIT + 1)]))
        kept = partition.drain({}, True, ()).rows
        far = log([prediction("q", T0 + after)], first=10)
        partition.apply("predictions", far)
        partition.apply("labels", log([label("q", T0 + after, "no")]))
        partition.apply("reviews", log([review("q", T0 + after)]))
        kept |= partition.drain({}, True, ()).rows
        assert [start for _, start in partition.states["m"].overflow.counts].count(T0) == left
        rows = [key for key, row in kept.items() if row is not None and b"unremembered" in key]
        assert len(rows) == left


def test_without_labels_an_id_is_held_until_its_pane_is_closed() -> None:
    """Room comes back as the watermark passes the hour, the lateness and the pane."""
    model = monitored(max_remembered=2, labels=None, performance=None)
    partition = ObservePartition([model], 0, 1)
    due = HOUR + LATENESS + PANE + DISORDER
    times = [0, 1, 2, due - 1, due - 1, due, due, due, due]
    partition.apply("predictions", log([prediction(f"p{n}", T0 + t) for n, t in enumerate(times)]))
    state = partition.states["m"]
    # The sixth brings the watermark by which the first hour is over.
    assert sum(state.overflow.counts.values()) == 1 + 2 + 2
    assert partition.accounting.counts["predictions", "counted"] == len(times)
