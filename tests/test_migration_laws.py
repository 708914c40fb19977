"""Whoever moves to more partitions in mid-stream comes to the verdicts of one who never did."""

import json
import random
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from monitor.evaluate.partition import model_of as evaluated
from monitor.observe.accounting import Accounting, total, unbalanced
from monitor.observe.migration import Left, Migration
from monitor.observe.model import Monitored
from monitor.observe.partition import ObservePartition
from monitor.observe.placement import partition_of
from monitor.observe.store import DictStore
from monitor.response.partition import model_of as responded
from tests.observe.stream import columnar, monitored
from tests.pipeline import Pipeline, Unit
from tests.story import END
from tests.test_split_laws import JUDGED, on_time, reviewed

#: What is produced, by topic: each event with the key of its record.
Keyed = dict[str, list[tuple[str, Any]]]
#: How a model's records are keyed: by prediction, by batch, or anyhow, and are split.
KEYS = ("prediction", "batch", "any")


def keyed(seed: int, by: str) -> Keyed:
    """A story with reviews, and its records' keys."""
    predictions, labels = on_time(seed, spotless=True)
    predictions = [event for event in predictions if event != END]
    labels = [event for event in labels if event != END]
    reviews = [reviewed(event) for event in labels[::4]]
    if by == "prediction":
        of = {"predictions": predictions, "labels": labels, "reviews": reviews}
        return {t: [(e["prediction_id"], e) for e in events] for t, events in of.items()}
    if by == "any":
        of = {"predictions": predictions, "labels": labels, "reviews": reviews}
        return {t: [("customer", e) for e in events] for t, events in of.items()}
    once = list({event["prediction_id"]: event for event in predictions}.values())
    batches = {f"b{n}": once[n : n + 7] for n in range(0, len(once), 7)}
    batch_of = {e["prediction_id"]: key for key, events in batches.items() for e in events}
    return {
        "predictions": [(key, columnar(events, key)) for key, events in batches.items()],
        "labels": [(batch_of.get(e["prediction_id"], "none"), e) for e in labels],
        "reviews": [(batch_of.get(e["prediction_id"], "none"), e) for e in reviews],
    }


def produce(pipeline: Pipeline, events: Keyed, ends: bool) -> None:
    for topic, some in events.items():
        for n, (key, event) in enumerate(some):
            place = n % pipeline.partitions if key == "customer" else None
            pipeline.append(topic, key.encode(), json.dumps(event).encode(), place)
        for n in range(pipeline.partitions) if ends else ():
            pipeline.append(topic, b"", json.dumps(END).encode(), n)


def stage(pipeline: Pipeline, topic: str) -> list[Unit]:
    return [unit for unit in pipeline.units if topic in unit.topics]


def left(pipeline: Pipeline, models: list[Monitored]) -> list[Left]:
    """The partitions of observe as they were left."""
    found = []
    for unit in stage(pipeline, "predictions"):
        one = Left(models, DictStore())
        one.rows = dict(unit.rows)
        one.take(list(enumerate(unit.log)))
        found.append(one)
    return found


def migrated(pipeline: Pipeline, models: list[Monitored], partitions: int) -> Pipeline:
    """A pipeline of so many partitions that goes on where another one has ended."""
    new = Pipeline(models, partitions=partitions)
    migration = Migration(left(pipeline, models), partitions)
    observers = stage(new, "predictions")
    for at, record in migration.log():
        observers[at].log.append(record)
    for at, unit in enumerate(observers):
        unit.rows = migration.rows(at)
    for unit in stage(pipeline, "panes"):
        for key, row in unit.rows.items():
            if model := evaluated(key):
                stage(new, "panes")[partition_of(model.encode(), partitions)].rows[key] = row
    for unit in stage(pipeline, "drift-events"):
        for key, row in unit.rows.items():
            at = partition_of(responded(row).encode(), partitions)
            stage(new, "drift-events")[at].rows[key] = row
    for unit in new.units:
        unit.crash(elsewhere=True)
    return new


def events(topic: str, *pipelines: Pipeline) -> dict[str, dict[str, Any]]:
    """The last revision of each event that one pipeline after the other has told."""
    return {key: event for one in pipelines for key, event in one.events(topic).items()}


def counted(pipeline: Pipeline) -> list[Accounting]:
    return [u.logic.accounting for u in pipeline.units if isinstance(u.logic, ObservePartition)]


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 2),
    by=st.sampled_from(KEYS),
    first=st.integers(1, 4),
    more=st.lists(st.integers(0, 3), min_size=1, max_size=2),
    cuts=st.tuples(*[st.floats(0, 1)] * 3),
    order=st.integers(0, 10**6),
    crashes=st.sampled_from([0.0, 0.15]),
)
# Labels are far ahead, so that a pane is over in some partitions and open in others.
@example(1, "batch", 3, [0], (0.87, 1.0, 0.95), 1, 0.0)
def test_a_stream_that_moves_to_more_partitions_is_judged_as_one_that_stays(
    seed: int,
    by: str,
    first: int,
    more: list[int],
    cuts: tuple[float, float, float],
    order: int,
    crashes: float,
) -> None:
    """Once or twice, at any instant: what is told, and what became of every event, is the same."""
    models = [monitored(repartition=by == "any")]
    story = keyed(seed, by)
    stays = Pipeline(models)
    produce(stays, story, ends=True)
    stays.run()
    moves = [Pipeline(models, partitions=first)]
    at = dict.fromkeys(story, 0)
    for n, grown in enumerate((*more, None)):
        upto = {
            topic: len(some) if grown is None else int(len(some) * cut) * (n + 1) // len(more)
            for (topic, some), cut in zip(story.items(), cuts, strict=True)
        }
        produce(moves[-1], {t: some[at[t] : upto[t]] for t, some in story.items()}, grown is None)
        moves[-1].run(random.Random(order), crashes)
        at = upto
        if grown is not None:
            moves.append(migrated(moves[-1], models, moves[-1].partitions + grown))
    for topic in JUDGED:
        assert events(topic, *moves) == events(topic, stays)
        assert events(topic, stays)
    for one in moves:
        assert [unbalanced(part) for part in counted(one)] == [{}] * one.partitions
    wanted, found = stays.accounting(), total(counted(moves[-1]))
    for topic in story:
        for outcome in ("read", "counted", "duplicate", "late", "dead", "waiting"):
            # What partition 0 and the others have counted before goes on with them.
            assert found.counts[topic, outcome] == wanted.counts[topic, outcome], (topic, outcome)
    assert found.reasons == wanted.reasons
