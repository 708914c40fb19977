"""A baseline takes effect at an event time: whoever reads what when, no window has two of them."""

import random
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.baselines.baseline import Baseline
from monitor.baselines.build import build_baseline
from monitor.errors import BaselineError, ConfigError
from monitor.events.timestamps import rfc3339, to_ms
from monitor.observe.accounting import unbalanced
from monitor.observe.columns import Columns
from monitor.observe.model import Monitored
from monitor.observe.shape import shapes
from monitor.registry.specs import DataDriftSpec, PredictionDriftSpec, WindowSpec
from tests.observe.stream import HOUR, MINUTE, T0, baseline, columnar, spec
from tests.pipeline import APPEND_MS, Pipeline
from tests.story import END, NOON, story, value_of

OUTPUTS = ("drift-events", "alerts", "review-mode", "retraining", "rollbacks")
WINDOW = WindowSpec(size_ms=HOUR, hop_ms=HOUR, allowed_lateness_ms=10 * MINUTE)
SLIDING = WindowSpec(size_ms=4 * HOUR, hop_ms=HOUR, allowed_lateness_ms=0)
OLD = baseline()


def of_the_afternoon() -> Baseline:
    """Other edges, another category, a third class, and a feature that was not there before."""
    rng = np.random.default_rng(8)
    n = 500
    amount = rng.normal(160, 15, n)
    label = rng.choice(["yes", "no", "maybe"], n, p=[0.6, 0.3, 0.1])
    return build_baseline(
        "new",
        "m",
        {"age": rng.integers(18, 80, n).astype(float), "color": ["red"] * n, "amount": amount},
        prediction=rng.permutation(label).tolist(),
        score=rng.random(n).tolist(),
        labels=label.tolist(),
        prediction_ms=np.full(n, T0).tolist(),
        label_ms=(T0 + rng.integers(0, 8 * HOUR, n)).tolist(),
        max_delay_ms=8 * HOUR,
    )


NEW = of_the_afternoon()


def model(first: Baseline, *changes: tuple[int, Baseline]) -> Monitored:
    drift = DataDriftSpec(windows=(WINDOW, SLIDING), min_samples=50)
    outputs = PredictionDriftSpec(windows=(WINDOW,), min_samples=50)
    return Monitored(spec(data_drift=drift, prediction_drift=outputs), first, changes)


SCHEDULED = model(OLD, (NOON, NEW))


def pipeline_of(models: Monitored, seed: int) -> Pipeline:
    pipeline = Pipeline([models])
    predictions, labels = story(seed)
    pipeline.produce("predictions", [*predictions, END])
    pipeline.produce("labels", [*labels, END])
    return pipeline


def plain(models: Monitored, seed: int) -> Pipeline:
    pipeline = pipeline_of(models, seed)
    pipeline.run()
    return pipeline


#: A window: detector, version, start, end and label age. What was said of it: each result.
Key = tuple[str, str, int, int, int | None]


def windows(pipeline: Pipeline) -> dict[Key, dict[str, Any]]:
    """The last word on each window, at each age."""
    told = {}
    for event in pipeline.events("drift-events").values():
        data = event["data"]
        if data["kind"] == "window":
            start, end = (to_ms(data["window"][key]) for key in ("start", "end"))
            key = (data["detector"], data["model_version"], start, end, data["age_ms"])
            told[key] = data
    return told


def unjudged(data: dict[str, Any]) -> bool:
    return {result["verdict"] for result in data["results"]} == {"baseline_missing"}


def straddling(keys: Iterable[Key], at: int = NOON) -> set[Key]:
    return {key for key in keys if key[2] < at < key[3]}


PLAIN = {seed: plain(SCHEDULED, seed) for seed in range(2)}
UNAWARE = {seed: plain(model(OLD), seed) for seed in PLAIN}


@pytest.mark.parametrize("seed", PLAIN)
def test_windows_before_and_after_are_judged_as_if_there_were_one_baseline(seed: int) -> None:
    """The oracle is the same stream under each of the two baselines alone."""
    told = windows(PLAIN[seed])
    under = {name: windows(plain(model(one), seed)) for name, one in (("ref", OLD), ("new", NEW))}
    assert under["ref"].keys() == told.keys() == under["new"].keys()
    for key, data in told.items():
        name = "ref" if key[2] < NOON else "new"
        assert data["baseline_id"] == name
        if key not in straddling(told):
            # The rule of recent periods begins anew: those of before had other classes.
            if key[0] not in FOLLOWING or name == "ref":
                assert data["results"] == under[name][key]["results"], key
        else:
            assert unjudged(data)
            assert data["predictions"] == under["ref"][key]["predictions"] > 0
            (message,) = {result["message"] for result in data["results"]}
            assert f"the baseline ref held until {rfc3339(NOON)}, and new since" in message
    assert len(straddling(told)) == 3 * len({key[0] for key in straddling(told)}) >= 3
    # The morning is like one and the afternoon like the other.
    drifted = {
        data["baseline_id"]
        for event in PLAIN[seed].events("drift-events").values()
        if (data := event["data"])["kind"] == "drift" and data["subject"] == "amount"
    }
    assert drifted == set()


#: What rests on windows before, which may have been judged against the other baseline.
FOLLOWING = ("concept_drift", "performance_trend")


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.sampled_from([*PLAIN]), order=st.integers(0, 10**6), crash=st.booleans())
def test_events_depend_on_event_time_alone(seed: int, order: int, crash: bool) -> None:
    """Any interleaving of partitions, chunks, flushes and crashes gives the same events."""
    drawn = pipeline_of(SCHEDULED, seed)
    drawn.run(random.Random(order), 0.15 if crash else 0.0)
    for topic in OUTPUTS:
        assert drawn.events(topic) == PLAIN[seed].events(topic)
    assert drawn.accounting().to_rows() == PLAIN[seed].accounting().to_rows()
    assert unbalanced(drawn.accounting()) == {}


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.sampled_from([*PLAIN]), order=st.integers(0, 10**6), before=st.floats(0, 1))
def test_a_baseline_announced_in_time_is_as_if_it_had_always_been(
    seed: int, order: int, before: float
) -> None:
    """Workers begin with the first alone, and learn of the second before its time has come."""
    schedule = random.Random(order)
    predictions, labels = story(seed)
    made = int(before * sum(event["timestamp"] < NOON for event in predictions if _timed(event)))
    due = max((e["timestamp"] for e in predictions[:made] if _timed(e)), default=0)
    known = sum(label["timestamp"] <= due for label in labels)
    drawn = Pipeline([model(OLD)])
    drawn.produce("predictions", predictions[:made])
    drawn.produce("labels", labels[:known])
    drawn.run(schedule, 0.1)
    drawn.reconfigure([SCHEDULED])
    drawn.produce("predictions", [*predictions[made:], END])
    drawn.produce("labels", [*labels[known:], END])
    drawn.run(schedule, 0.1)
    for topic in OUTPUTS:
        assert drawn.events(topic) == PLAIN[seed].events(topic)
    assert drawn.accounting().to_rows() == PLAIN[seed].accounting().to_rows()


def restarted_one_by_one(seed: int, order: int, before: Monitored, after: Monitored) -> Pipeline:
    """Each part of each worker takes up the other model at a drawn moment of its own."""
    schedule = random.Random(order)
    predictions, labels = story(seed)
    drawn = Pipeline([before])
    left = schedule.sample(drawn.units, len(drawn.units))
    cuts = sorted(schedule.randrange(len(predictions)) for _ in left[:-1])
    first = known = 0
    for cut in [*cuts, len(predictions)]:
        now = max((e["timestamp"] for e in predictions[:cut] if _timed(e)), default=0)
        until = sum(label["timestamp"] <= now for label in labels)
        drawn.produce("predictions", predictions[first:cut])
        drawn.produce("labels", labels[known:until])
        drawn.run(schedule, 0.05)
        drawn.reconfigure([after], left.pop())
        first, known = cut, until
    drawn.produce("predictions", [END])
    drawn.produce("labels", [*labels[known:], END])
    drawn.run(schedule, 0.05)
    return drawn


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.sampled_from([*PLAIN]), order=st.integers(0, 10**6))
def test_a_baseline_announced_late_costs_verdicts_and_makes_none_wrong(
    seed: int, order: int
) -> None:
    """Some hear of it before its time has come, and others long after."""
    told = windows(restarted_one_by_one(seed, order, model(OLD), SCHEDULED))
    right, before = windows(PLAIN[seed]), windows(UNAWARE[seed])
    # Who has not heard of it yet judges by the one of before, and says so.
    for key, data in told.items():
        if data["results"] != right[key]["results"] and key[0] not in FOLLOWING:
            assert key[3] > NOON
            assert unjudged(data) or data["results"] == before[key]["results"], key
            assert unjudged(data) or data["baseline_id"] == "ref", key
        assert data["predictions"] == right[key]["predictions"]
    assert {key for key in right if key[4] is None} <= told.keys() <= right.keys()


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(order=st.integers(0, 10**6))
def test_a_baseline_that_is_replaced_without_a_schedule_makes_no_verdict_wrong(order: int) -> None:
    """Every window is judged against one of the two as a whole, under its name, or not at all."""
    told = windows(restarted_one_by_one(0, order, model(OLD), model(NEW)))
    under = {"ref": windows(UNAWARE[0]), "new": windows(plain(model(NEW), 0))}
    judged = 0
    for key, data in told.items():
        whole = under[data["baseline_id"]][key]
        if not unjudged(data) and key[0] not in FOLLOWING:
            assert data["results"] == whole["results"], key
            judged += 1
    assert judged


@pytest.mark.parametrize("seed", PLAIN)
def test_a_baseline_that_no_window_needs_any_more_may_go(seed: int) -> None:
    """The first one is dropped when its last window was judged at the last label age."""
    at = T0 + 2 * HOUR
    predictions, labels = story(seed)
    made = sum(e["timestamp"] < at + 9 * HOUR for e in predictions if _timed(e))
    known = sum(label["timestamp"] < at + 9 * HOUR for label in labels)
    whole, cut = plain(model(OLD, (at, NEW)), seed), Pipeline([model(OLD, (at, NEW))])
    cut.produce("predictions", predictions[:made])
    cut.produce("labels", labels[:known])
    cut.run()
    cut.reconfigure([model(NEW)])
    cut.produce("predictions", [*predictions[made:], END])
    cut.produce("labels", [*labels[known:], END])
    cut.run(random.Random(seed), 0.1)
    for topic in OUTPUTS:
        assert cut.events(topic) == whole.events(topic)


def test_a_columnar_record_may_reach_over_the_change() -> None:
    """A record of a whole day is counted as its predictions are, each over its own baseline."""
    singles, rows = Pipeline([SCHEDULED]), Pipeline([SCHEDULED])
    predictions = [event for event in story(0)[0] if _timed(event)]
    for event in predictions:
        singles.append("predictions", b"", value_of(event), 0)
    for n in range(0, len(predictions), 400):
        run = predictions[n : n + 400]
        rows.append("predictions", b"", value_of(columnar(run, f"b{n}")), 0)
    for pipeline in (singles, rows):
        for p in range(3):
            pipeline.append("predictions", b"", value_of(END), p)
            pipeline.append("labels", b"", value_of(END), p)
        pipeline.run()
    assert rows.accounting().to_rows() == singles.accounting().to_rows()
    assert rows.events("drift-events") == singles.events("drift-events")
    assert rows.accounting().counts["predictions", "duplicate"] > 0


def test_a_repeated_row_is_known_again_although_a_baseline_with_more_columns_was_announced() -> (
    None
):
    """What a later baseline reads of a row is no part of its checksum before that one holds."""
    event = next(e for e in story(0)[0] if _timed(e) and e["timestamp"] > T0 + HOUR)
    event["features"]["age"] = "mistyped, for the second baseline alone"
    pipeline = Pipeline([model(OLD)])
    pipeline.append("predictions", b"", value_of(columnar([event], "a")), 0)
    pipeline.run()
    pipeline.reconfigure([SCHEDULED])
    pipeline.append("predictions", b"", value_of(columnar([event], "b")), 0)
    pipeline.run()
    counts = pipeline.accounting().to_rows()["predictions"]
    assert counts == {"read": 2, "counted": 1, "duplicate": 1}


def test_two_baselines_that_judge_alike_are_one() -> None:
    """The fingerprint covers bins, counts and outcomes: of another name alone nothing changes."""
    renamed = Baseline("renamed", "m", OLD.layout, OLD.reference, OLD.rows, OLD.outcomes)
    watched = model(OLD, (NOON, renamed))
    assert [period.baseline for period in watched.periods] == [OLD]
    assert watched.within(NOON - HOUR, NOON + HOUR) is watched.at(T0)


def test_the_same_bins_with_other_counts_are_another_reference() -> None:
    """Counts over them could be summed, but a window would have two references."""
    doubled = Baseline("doubled", "m", OLD.layout, OLD.reference * 2, OLD.rows * 2, OLD.outcomes)
    told = windows(plain(model(OLD, (NOON, doubled)), 0))
    assert {key for key, data in told.items() if unjudged(data)} == straddling(told) != set()


@given(st.lists(st.integers(-100, 100), max_size=30), st.sets(st.integers(-50, 50), max_size=4))
def test_each_event_time_has_one_baseline(hours: list[int], changes: set[int]) -> None:
    """Parts of times are what looking up each by itself finds, in whatever order they come."""
    made = [(n * HOUR, (NEW, OLD)[k % 2]) for k, n in enumerate(sorted(changes))]
    watched = model(OLD, *made)
    times = np.array([n * HOUR // 2 for n in hours], dtype=np.int64)
    found = np.full(len(times), -1)
    (shape,) = shapes([Columns(watched)])
    layouts = shape.layouts(np.zeros(len(times), dtype=np.intp), times)
    for counted, where in shape.parts(layouts):
        assert (found[where] == -1).all()
        (found[where],) = (n for n, one in enumerate(shape.counted) if one is counted)
    assert found.tolist() == [watched.index(t) for t in times.tolist()]
    for t, n in zip(times.tolist(), found.tolist(), strict=True):
        period = watched.periods[n]
        assert period.from_ms <= t < period.until_ms
        assert period.baseline is [OLD, *(one for at, one in made if at <= t)][-1]


def test_a_baseline_that_would_change_within_a_pane_is_refused() -> None:
    with pytest.raises(ConfigError, match="no multiple of 3600000 ms"):
        model(OLD, (NOON + MINUTE, NEW))


def test_a_feature_is_of_one_kind_in_all_baselines() -> None:
    other = build_baseline("coded", "m", {"amount": ["a", "b"]}, prediction=["no", "yes"])
    with pytest.raises(BaselineError, match="feature/amount is categorical in the baseline coded"):
        model(OLD, (NOON, other))


def _timed(event: Any) -> bool:
    return isinstance(event, dict) and event["timestamp"] < APPEND_MS
