"""The laws of columnar records: however predictions are cut into records, the same comes out."""

import random
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.observe.accounting import unbalanced
from monitor.observe.partition import ObservePartition
from monitor.observe.placement import partition_of as partition_of_key
from monitor.registry.specs import DataDriftSpec
from tests.observe.stream import (
    HOUR,
    MINUTE,
    T0,
    WINDOW,
    columnar,
    log,
    monitored,
    packed,
    prediction,
)
from tests.pipeline import APPEND_MS, Pipeline
from tests.story import BROKEN, END, story, value_of

EARLY = msgspec.structs.replace(WINDOW, provisional=True)
MODEL = monitored(data_drift=DataDriftSpec(windows=(EARLY,), min_samples=50))
Cut = list[list[dict[str, Any]]]

AMOUNTS = st.one_of(st.floats(40, 160), st.sampled_from([None, "oops", True, [1], 0.0, 1e300, 10]))
COLORS = st.sampled_from(["red", "green", "blue", "mauve", None, 1, True, [], 2.5])
TIMES = st.one_of(
    st.integers(T0, T0 + 5 * HOUR),
    st.sampled_from(
        [-1, 2**70, APPEND_MS + 300_001, T0 // 1000, "2013-06-01T00:00:00Z", T0 - 9 * HOUR]
    ),
)


@st.composite
def streams(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Predictions in the order of a log: some late, some impossible, some twice, some at odds."""
    events: list[dict[str, Any]] = []
    for n in range(draw(st.integers(1, 40))):
        if events and draw(st.integers(0, 5)) == 0:
            again = draw(st.sampled_from(events))
            changed: dict[str, Any] = draw(st.sampled_from([{}, {}, {"score": 0.123}]))
            events.append(again | changed)
            continue
        features = draw(st.fixed_dictionaries({}, optional={"amount": AMOUNTS, "color": COLORS}))
        events.append(
            prediction(
                f"p{n}",
                draw(TIMES),
                model_version=draw(st.sampled_from(["1", "1", "1", "2"])),
                features=features,
                prediction=draw(st.sampled_from(["yes", "no", "maybe", 1, True])),
                score=draw(st.one_of(st.none(), st.floats(0, 1))),
            )
        )
    return events


@st.composite
def cuttings(draw: st.DrawFn, events: list[dict[str, Any]]) -> Cut:
    """The same in runs of one version each."""
    runs: Cut = []
    for n, event in enumerate(events):
        new = not n or event["model_version"] != events[n - 1]["model_version"]
        if new or draw(st.integers(0, 6)) == 0:
            runs.append([])
        runs[-1].append(event)
    return runs


def record(run: list[dict[str, Any]], batch: str, pack: bool) -> dict[str, Any]:
    """A run as a columnar record, numbers packed where all are numbers."""
    made = columnar(run, batch)
    if not pack:
        return made
    amounts = made["features"].get("amount", ["none"])
    if all(v is None or type(v) in (int, float) for v in amounts):
        made["features"]["amount"] = packed(amounts)
    made["scores"] = packed(made["scores"])
    if len(set(made["timestamps"])) == 1:
        made["timestamp"] = made.pop("timestamps")[0]
    return made


def partition_of(values: list[Any], chunk: int) -> ObservePartition:
    partition = ObservePartition([MODEL], 0, 1)
    records = log(values, APPEND_MS)
    for n in range(0, len(records), chunk):
        partition.apply("predictions", records[n : n + chunk])
    return partition


def state_of(partition: ObservePartition) -> dict[str, Any]:
    """Everything that a partition knows, but where it read it and what payloads were like."""
    state = partition.states["m"]
    partition.piles.bin()
    return {
        "accounting": partition.accounting.to_rows(),
        "marks": partition.marks.greatest,
        "panes": {key: (pane.rows, pane.counts.tolist()) for key, pane in state.panes.items()},
        "outcomes": {
            key: (pane.predictions, pane.counts.tolist()) for key, pane in state.outcomes.items()
        },
        "seen": {k: (s.time_ms, s.version, s.prediction) for k, s in state.memory.predictions()},
        "versions": state.versions,
        "on time": state.on_time,
    }


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_records_of_any_length_say_what_single_events_say(data: st.DataObject) -> None:
    events = data.draw(streams())
    runs = data.draw(cuttings(events))
    chunk = data.draw(st.integers(1, 7))
    values = [record(run, f"b{n}", data.draw(st.booleans())) for n, run in enumerate(runs)]
    rows = partition_of(values, chunk)
    assert unbalanced(rows.accounting) == {}
    assert state_of(rows) == state_of(partition_of(events, 3))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_records_and_single_events_may_alternate(data: st.DataObject) -> None:
    """Only whether two forms of one prediction agree cannot be told, so none disagree here."""
    events = [e for e in data.draw(streams()) if e["score"] != 0.123]
    values: list[Any] = []
    for n, run in enumerate(data.draw(cuttings(events))):
        values += [record(run, f"b{n}", False)] if data.draw(st.booleans()) else run
    drawn = partition_of(values, data.draw(st.integers(1, 7))) if values else None
    if drawn is not None:
        assert state_of(drawn) == state_of(partition_of(events, 5))


@pytest.mark.parametrize("limit", [1, 2])
def test_versions_beyond_the_limit_are_counted_alike(
    limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.observe.state.VERSIONS_LIMIT", limit)
    events = [
        prediction(f"p{n}", T0 + n * 20 * MINUTE, model_version=str(n * 7 % 4)) for n in range(60)
    ]
    values = [columnar([event], f"b{n}") for n, event in enumerate(events)]
    drawn = state_of(partition_of(values, 7))
    assert drawn == state_of(partition_of(events, 60))
    assert "__other__" in {version for version, _ in drawn["panes"]}


# -- the whole stream ----------------------------------------------------------------------------


#: A key for each partition: a batch is produced to the partition that its key names.
KEYS = [next(k for n in range(99) if partition_of_key(k := b"b%d" % n, 3) == p) for p in range(3)]


def run(cut: list[int] | None, schedule: random.Random | None, crashes: float) -> Pipeline:
    """One by one, or in records between these places; three partitions, by place in the story."""
    pipeline = Pipeline([MODEL])
    predictions, labels = story(11)
    # What is no JSON can be in no record with others.
    predictions = [event for event in predictions if event != BROKEN]
    home = {event["prediction_id"]: n % 3 for n, event in enumerate(predictions)}
    shares = [[e for e in predictions if home[e["prediction_id"]] == p] for p in range(3)]
    for p, share in enumerate(shares):
        values: list[Any] = list(share)
        if cut is not None:
            places = [0, *sorted({c % len(share) for c in cut} - {0}), len(share)]
            runs = [share[a:b] for a, b in pairwise(places)]
            values = [record(run, f"b{p}-{n}", n % 2 == 0) for n, run in enumerate(runs)]
        for value in [*values, END]:
            pipeline.append("predictions", KEYS[p], value_of(value), p)
    for event in labels:
        p = home.get(event["prediction_id"], 0)
        pipeline.append("labels", KEYS[p], value_of(event), p)
    for p in range(3):
        pipeline.append("labels", KEYS[p], value_of(END), p)
    pipeline.run(schedule, crashes)
    return pipeline


SINGLE = run(None, None, 0.0)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    cut=st.lists(st.integers(1, 600), max_size=60),
    order=st.one_of(st.none(), st.integers(0, 10**6)),
    crashes=st.sampled_from([0.0, 0.15]),
)
def test_events_do_not_depend_on_how_predictions_are_cut(
    cut: list[int], order: int | None, crashes: float
) -> None:
    drawn = run(cut, random.Random(order) if order is not None else None, crashes)
    assert unbalanced(drawn.accounting()) == {}
    assert drawn.accounting().to_rows() == SINGLE.accounting().to_rows()
    for topic in ("drift-events", "alerts", "review-mode", "retraining", "rollbacks"):
        assert drawn.events(topic) == SINGLE.events(topic)
    for topic in ("dead-letters", "late"):
        assert len(drawn.events(topic)) == len(SINGLE.events(topic)) > 5
    assert SINGLE.events("drift-events")
    assert SINGLE.accounting().to_rows()["predictions"].keys() >= {
        "counted", "duplicate", "late", "dead", "quarantined",
    }  # fmt: skip
