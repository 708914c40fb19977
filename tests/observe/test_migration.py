"""Partitions that become more: what goes where, what is refused, and what is told of it."""

import json
from typing import Any

import numpy as np
import pytest

from monitor.errors import MigrationRefused
from monitor.observe.joinlog import Change, pack_change, unpack_change
from monitor.observe.migration import Left, Migration
from monitor.observe.model import Monitored
from monitor.observe.partition import ObservePartition
from monitor.observe.placement import UNKEYED, murmur2, partition_of
from monitor.observe.rejection import Trace
from monitor.observe.rows import PARTITION_KEY, PartitionRow, partition_row
from monitor.observe.store import DictStore
from monitor.panes.messages import END, encode
from tests.observe.stream import HOUR, MINUTE, T0, label, monitored, prediction
from tests.pipeline import Pipeline
from tests.test_changed_baseline import NEW, model
from tests.test_migration_laws import migrated

MODEL = monitored()
TRACE = Trace(7, 0, 2, b"s", b"{}")


def named(partition: int, partitions: int, but: int = -1, of: int = 1) -> str:
    """An id that names a partition of so many, and not the partition `but` of `of`."""
    ids = (f"p{n}" for n in range(10_000))
    return next(
        i
        for i in ids
        if partition_of(i.encode(), partitions) == partition and partition_of(i.encode(), of) != but
    )


def left(*changes: Change, rows: dict[bytes, bytes] | None = None) -> Left:
    """A partition that was left with such a join log."""
    one = Left([MODEL], DictStore())
    one.rows = rows or {}
    one.take(list(enumerate(r for change in changes for r in pack_change(change))))
    return one


def remembered(key: str, hashed: int | None = None, noted: bool = True) -> Change:
    hashes = [] if hashed is None else [hashed]
    entry = (key, T0, "1", "no", 7)
    return Change("m", predictions=[entry], hashes=hashes, noted=noted)


def homes(migration: Migration) -> dict[str, int]:
    """Where each prediction and each id of a review or approval is remembered."""
    found: dict[str, int] = {}
    for at, record in migration.log():
        change = unpack_change(record)
        for entry in (*change.predictions, *change.reviews, *change.approvals):
            assert found.setdefault(entry[0], at) == at
    return found


def test_an_entry_goes_where_the_key_of_its_record_leads() -> None:
    """An id that is the key by itself, another by the hash, and one without a key nowhere."""
    mine = named(1, 2)
    batch = murmur2(b"batch")
    old = left(
        remembered(mine),
        remembered("b/1", batch),
        remembered("free", UNKEYED),
        Change("m", reviews=[("r", T0, 1)], review_hashes=[batch], noted=True),
        Change("m", approvals=[("a", T0, 1)], approval_hashes=[murmur2(b"m")], noted=True),
    )
    assert homes(Migration([left(), old], 5)) == {
        mine: partition_of(mine.encode(), 5),
        "b/1": partition_of(b"batch", 5),
        "free": 1,
        "r": partition_of(b"batch", 5),
        "a": partition_of(b"m", 5),
    }


def test_fewer_partitions_are_refused() -> None:
    with pytest.raises(MigrationRefused, match="3 partitions cannot become 2"):
        Migration([left(), left(), left()], 2)


def test_an_entry_whose_key_nobody_noted_is_carried_where_its_id_is_the_key() -> None:
    mine, other = named(1, 2), named(0, 2)
    assert homes(Migration([left(), left(remembered(mine, noted=False))], 4))[mine] in (1, 3)
    with pytest.raises(MigrationRefused, match=f"remembers {other}, .* until it is forgotten"):
        homes(Migration([left(), left(remembered(other, noted=False))], 4))


def test_of_one_partition_every_id_may_be_the_key_so_none_of_before_is_carried() -> None:
    old = remembered("b/1", noted=False)
    with pytest.raises(MigrationRefused, match="until it is forgotten"):
        homes(Migration([left(old)], 4))
    assert homes(Migration([left(old, Change("m", forgotten_ms=T0 + 2 * HOUR))], 4)) == {}
    assert homes(Migration([left(remembered("p1"))], 4)) == {"p1": partition_of(b"p1", 4)}


@pytest.mark.parametrize("topic", ["labels", "reviews"])
def test_what_would_meet_its_prediction_unseen_is_refused(topic: str) -> None:
    """A label lay where the prediction's key does not lead: nobody has joined them."""
    key = named(0, 2)
    said = (key, T0, TRACE.offset, "yes", T0)
    trace = TRACE._replace(hashed=murmur2(key.encode()))
    waits = (
        Change("m", labels=[said], traces=[trace], noted=True)
        if topic == "labels"
        else Change("m", waiting_reviews=[said], review_traces=[trace], noted=True)
    )
    migration = Migration([left(remembered(key)), left(waits)], 2)
    with pytest.raises(MigrationRefused, match=f"{topic} of model m wait in other partitions"):
        list(migration.log())
    assert list(Migration([left(), left(waits)], 2).log()), "without it there is nothing to meet"


def test_a_new_partition_begins_where_the_last_of_the_old_ones_stands() -> None:
    """What only some have heard of is unheard there."""

    def row(**fields: Any) -> dict[bytes, bytes]:
        return {PARTITION_KEY: encode(PartitionRow(**fields))}

    heard = [("predictions", "m", T0 + 5), ("labels", "m", END), ("predictions", "n", 3)]
    first = row(
        greatest=heard, accounting={"labels": {"read": 2, "waiting": 2}}, named="m",
        read={"predictions": 9, "labels": 4}, past=[("labels", "m", 8)], sent=heard,
    )  # fmt: skip
    known = [("labels", "m", T0 + 7), ("predictions", "m", T0 + 6)]
    second = row(
        greatest=known, accounting={}, read={"predictions": 7}, past=[("labels", "m", 6)],
        sent=known,
    )  # fmt: skip
    elsewhere = named(2, 3, but=1, of=2)
    trace = TRACE._replace(hashed=murmur2(elsewhere.encode()))
    said = (elsewhere, T0, TRACE.offset, "yes", T0)
    waits = Change("m", labels=[said], traces=[trace], noted=True)
    migration = Migration([left(waits, rows=first), left(rows=second)], 3)
    log = list(migration.log())
    rows = [partition_row(migration.rows(n)[PARTITION_KEY]) for n in range(3)]
    least = {("predictions", "m", T0 + 5), ("labels", "m", T0 + 7)}
    assert [rows[0].greatest, rows[1].greatest] == [heard, known]
    assert set(rows[2].greatest) == set(rows[2].sent) == least
    assert (rows[2].read, rows[2].past) == ({"predictions": 7}, [("labels", "m", 6)])
    assert rows[2].named is None
    assert [row.accounting for row in rows] == [
        {"labels": {"read": 2, "waiting": 1, "moved": 1}},
        {},
        {"labels": {"arrived": 1, "waiting": 1}},
    ]
    (moved,) = (unpack_change(r) for at, r in log if at == 2)
    assert moved.labels == [(elsewhere, T0, -1, "yes", T0)]


def observers(pipeline: Pipeline) -> list[ObservePartition]:
    return [u.logic for u in pipeline.units if isinstance(u.logic, ObservePartition)]


def outcomes(pipeline: Pipeline) -> dict[tuple[str, int], tuple[int, list[int]]]:
    """What all partitions together have of each outcome pane."""
    panes = [p for one in observers(pipeline) for p in one.states["m"].outcomes.items()]
    return {
        key: (
            sum(pane.predictions for k, pane in panes if k == key),
            np.sum([pane.counts for k, pane in panes if k == key], axis=0).ravel().tolist(),
        )
        for key, _ in panes
    }


def told(models: Monitored, to: int | None, *parts: dict[str, list[Any]]) -> Pipeline:
    """One part after the other; after the first it moves `to` so many partitions, or stays."""
    pipeline = Pipeline([models], partitions=2)
    for n, part in enumerate(parts):
        for topic, events in part.items():
            pipeline.produce(topic, events)
        pipeline.run()
        if n == 0 and to is not None:
            pipeline = migrated(pipeline, [models], to)
    return pipeline


MADE = [prediction(f"p{n}", T0 + n * MINUTE) for n in range(40)]


@pytest.mark.parametrize("later", ["yes", "no"])
def test_of_two_labels_of_one_time_the_one_that_came_after_the_move_holds(later: str) -> None:
    """Its offset begins at nothing in the new topics, and is less than that of the one before."""
    earlier = "no" if later == "yes" else "yes"
    at = T0 + 45 * MINUTE
    first = {"predictions": MADE, "labels": [label(e["prediction_id"], at, earlier) for e in MADE]}
    second = {"labels": [label(e["prediction_id"], at, later) for e in MADE]}
    assert outcomes(told(MODEL, 5, first, second)) == outcomes(told(MODEL, None, first, second))
    assert outcomes(told(MODEL, 5, first)) == outcomes(told(MODEL, None, first))
    assert outcomes(told(MODEL, 5, first)) != outcomes(told(MODEL, 5, first, second))


def test_another_baseline_after_a_move_counts_every_prediction_where_it_is_remembered() -> None:
    """Also in partitions that have counted none of them."""
    labels = [label(e["prediction_id"], T0 + 45 * MINUTE, "yes") for e in MADE]
    stays, moves = (told(MODEL, to, {"predictions": MADE, "labels": labels}) for to in (None, 5))
    before = outcomes(stays)
    for pipeline in (stays, moves):
        pipeline.reconfigure([model(NEW)])
    assert outcomes(moves) == outcomes(stays) != before
    assert sum(n for n, _ in outcomes(moves).values()) == len(MADE)


@pytest.mark.parametrize("split", [False, True])
def test_letters_of_what_waited_for_nothing_name_no_record_of_the_new_topics(split: bool) -> None:
    """Two places of the old topics may be one of the new: each has a number of its own."""
    models = monitored(repartition=split)
    nobody = [label(f"nobody{n}", T0 + n, "yes") for n in range(30)]
    pipeline = told(models, 5, {"predictions": MADE, "labels": nobody})
    after = [prediction(f"late{n}", T0 + 40 * HOUR) for n in range(30)]
    pipeline.produce("predictions", after)
    pipeline.run()
    letters = [event["data"] for event in pipeline.events("dead-letters").values()]
    assert {data["reason"] for data in letters} == {"orphan_label"}
    places = {(data["partition"], data["offset"]) for data in letters}
    assert len(places) == len(nobody)
    assert all(offset < 0 for _, offset in places)
    shown = sorted(data["sha256"] for data in letters)
    assert len(set(shown)) == len(nobody)
    assert pipeline.accounting().counts["labels", "waiting"] == 0


def test_keys_are_noted_where_an_id_does_not_name_the_partition() -> None:
    """By the log, and by a store that is kept: of ids that are keys nothing is said."""
    mine, other = named(0, 2), named(1, 2)
    part = Pipeline([MODEL], partitions=2)
    for key, event in ((mine, mine), (other, other), ("batch", "x/1"), (None, "free")):
        value = json.dumps(prediction(event, T0)).encode()
        part.append("predictions", key.encode() if key else b"", value, 0)
    unit = part.units[0]
    unkeyed = part.logs["predictions", 0][-1]
    part.logs["predictions", 0][-1] = type(unkeyed)(3, unkeyed.timestamp, unkeyed.value, None)
    part.read(unit, "predictions", 10)
    part.flush(unit)
    wanted = {
        mine: None,
        other: murmur2(other.encode()),
        "x/1": murmur2(b"batch"),
        "free": UNKEYED,
    }
    for elsewhere in (False, True):
        unit.crash(elsewhere)
        assert isinstance(unit.logic, ObservePartition)
        memory = unit.logic.states["m"].memory
        assert {key: seen.hashed for key, seen in memory.predictions()} == wanted
