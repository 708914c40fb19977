"""Columnar records: what is unusable is told, whole or row by row, and no bytes stop the worker."""

import base64
import gc
import hashlib
import json
import random
import sys
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.events.types import DeadLetterData
from monitor.observe.accounting import unbalanced
from monitor.observe.columnar import Columnar
from monitor.observe.decode import Decoder
from monitor.observe.partition import ObservePartition
from monitor.observe.rejection import Rejected
from tests.observe.slots import slot
from tests.observe.stream import (
    HOUR,
    MINUTE,
    T0,
    Rec,
    columnar,
    label,
    log,
    monitored,
    packed,
    prediction,
)

APPEND_MS = T0 + 1000 * HOUR
MODEL = monitored()
THREE = [
    prediction("p0", T0, score=0.25),
    prediction("p1", T0 + 1, features={"amount": None, "color": "green"}, score=None),
    prediction("p2", T0 + 2, features={"color": None, "amount": 7.5}, prediction="yes"),
]
OK = columnar(THREE)


def written(**fields: Any) -> bytes:
    return json.dumps({k: v for k, v in (OK | fields).items() if v is not ...}).encode()


def features(**columns: Any) -> bytes:
    return written(features=OK["features"] | columns)


def taken(*values: Any, first: int = 0) -> ObservePartition:
    """A partition that has read these values."""
    partition = ObservePartition([MODEL], source=2, panes_partitions=1)
    partition.apply("predictions", log(list(values), APPEND_MS, first))
    assert unbalanced(partition.accounting) == {}
    return partition


def letters(partition: ObservePartition) -> list[DeadLetterData]:
    """All dead letters and late events, in order; their ids are unique."""
    outs = [o for o in partition.drain({}, False, ()).outputs if o.topic != "panes"]
    events = [msgspec.json.decode(out.value) for out in outs]
    assert len({event["id"] for event in events}) == len(events)
    return [msgspec.convert(event["data"], DeadLetterData) for event in events]


def accounted(partition: ObservePartition) -> dict[str, int]:
    return partition.accounting.to_rows()["predictions"]


def counts(partition: ObservePartition, subject: str) -> dict[int, int]:
    """Counts of one column by slot, over all panes."""
    state = partition.states["m"]
    partition.piles.bin()
    baseline = state.model.baseline
    assert baseline is not None
    where = baseline.layout.slice(subject)
    total = sum(pane.counts[where] for pane in state.panes.values())
    return {int(n): int(total[n]) for n in np.flatnonzero(total)}


# -- what is counted -----------------------------------------------------------------------------

PACKED: dict[str, dict[str, Any]] = {
    "arrays": {},
    "packed": {
        "features": OK["features"] | {"amount": packed([100.0, None, 7.5])},
        "scores": packed([0.25, None, 0.5]),
    },
    "packed as float32": {
        "features": OK["features"] | {"amount": packed([100.0, None, 7.5], "f32le")},
        "scores": packed([0.25, None, 0.5], "f32le"),
    },
    "unknown fields": {
        "trace": {"id": [1, {"a": None}]},
        "features": OK["features"] | {f"new{n}": [n] * 9 for n in range(40)} | {"newer": {"a": 1}},
    },
    "beyond ASCII": {"note": "ünïcödé 東京 😀"},
}


@pytest.mark.parametrize("form", PACKED)
def test_each_row_is_counted_as_a_single_event_is(form: str) -> None:
    singles, rows = taken(*THREE), taken(written(**PACKED[form]))
    assert accounted(rows) == {"counted": 3, "read": 3}
    assert accounted(rows) == accounted(singles)
    baseline = rows.states["m"].model.baseline
    assert baseline is not None
    for subject in baseline.layout.subjects:
        assert counts(rows, subject) == counts(singles, subject), subject
    assert rows.states["m"].panes.keys() == singles.states["m"].panes.keys()


def test_times_may_be_text() -> None:
    times = ["2013-06-01T02:00:00+02:00", 1_370_044_800_001, "2013-06-01T00:00:00.002Z"]
    (batch,) = Decoder([MODEL]).predictions(log([OK | {"timestamps": times}]))
    assert batch.times.tolist() == [1_370_044_800_000 + n for n in range(3)]
    (batch,) = Decoder([MODEL]).predictions(
        log([written(timestamps=..., timestamp="2013-06-01T00:00:00Z")])
    )
    assert batch.times.tolist() == [1_370_044_800_000] * 3


def test_ids_are_given_or_derived_from_the_batch() -> None:
    every = np.arange(3)
    decoder = Decoder([MODEL])
    (batch,) = decoder.predictions(log([OK]))
    assert batch.ids(every) == ["p0", "p1", "p2"]
    (batch,) = decoder.predictions(log([written(prediction_ids=..., batch_id="x/1")]))
    assert batch.ids(every) == ["x/1/0", "x/1/1", "x/1/2"]
    (batch,) = decoder.predictions(log([written(prediction_ids=None, first_index=500)]))
    assert batch.ids(every[1:]) == ["b/501", "b/502"]


def test_a_label_finds_its_prediction_in_a_record() -> None:
    partition = ObservePartition([MODEL], 2, 1)
    early = label("b/0", T0 + MINUTE, "no", batch_id="b")
    late = label("b/2", T0 + MINUTE, "yes", batch_id="b")
    partition.apply("labels", log([early], APPEND_MS))
    partition.apply("predictions", log([written(prediction_ids=...)], APPEND_MS))
    partition.apply("labels", log([late], APPEND_MS, first=1))
    assert partition.accounting.to_rows()["labels"] == {"counted": 2, "read": 2}
    (pane,) = partition.states["m"].outcomes.values()
    assert (pane.predictions, pane.counts.sum()) == (3, 2)


def test_what_no_json_can_say_is_told_apart() -> None:
    """NaN is a null, as None is; an infinity is a number that is none."""
    partition = taken(features(amount=packed([float("inf"), float("nan"), 100.0])))
    assert MODEL.baseline is not None
    grid = MODEL.baseline.layout.grid("feature/amount")
    assert counts(partition, "feature/amount") == {
        slot(grid, 100.0): 1,
        grid.width + grid.NULL: 1,
        grid.width + grid.NONFINITE: 1,  # type: ignore[union-attr]
    }


@pytest.mark.parametrize("column", [None, ...])
def test_a_column_that_is_missing_is_null_in_every_row(column: Any) -> None:
    columns = {name: c for name, c in {"amount": column, "color": column}.items() if c is not ...}
    partition = taken(written(features=columns, scores=None))
    assert MODEL.baseline is not None
    for subject in ("feature/amount", "feature/color", "score"):
        grid = MODEL.baseline.layout.grid(subject)
        assert counts(partition, subject) == {grid.width + grid.NULL: 3}


def test_a_mistyped_feature_is_one_rows_error() -> None:
    value = features(amount=["oops", 100, True], color=[["red"], "red", {}])
    partition = taken(value)
    assert accounted(partition) == {"counted": 3, "read": 3}
    assert MODEL.baseline is not None
    for subject, wrong, good in (("amount", 2, 100.0), ("color", 2, "red")):
        grid = MODEL.baseline.layout.grid(f"feature/{subject}")
        assert counts(partition, f"feature/{subject}") == {
            slot(grid, good): 1,
            grid.width + grid.TYPE_ERROR: wrong,
        }


def many(n: int, **fields: Any) -> dict[str, Any]:
    return (
        OK
        | {
            "prediction_ids": None,
            "timestamps": None,
            "timestamp": T0,
            "features": {"amount": packed([100.0] * n)},
            "predictions": ["no"] * n,
            "scores": None,
        }
        | fields
    )


def test_a_record_may_be_large() -> None:
    assert accounted(taken(many(10_000)))["counted"] == 10_000
    (letter,) = letters(refused := taken(many(10_001)))
    assert (letter.reason, letter.events) == ("limit_rows", 10_001)
    assert accounted(refused) == {"dead": 10_001, "read": 10_001}
    wide = many(9_000, features={"amount": packed([1.0] * 9_000), "x": packed([1.0] * 60_000)})
    assert 700_000 < len(json.dumps(wide)) < 960 * 1024
    assert accounted(taken(wide))["counted"] == 9_000
    (letter,) = letters(taken(many(10, note="x" * 960 * 1024)))
    assert (letter.reason, letter.events) == ("limit_size", 1)


# -- what the whole record is refused for --------------------------------------------------------


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


DATA = packed([1.0, 2.0, 3.0])["data"]
#: What, the reason, what the detail must tell, and how many events it is told to be.
REFUSED: dict[str, tuple[bytes, str, str, int]] = {
    "half a record": (written()[:-20], "malformed", "", 1),
    "bad UTF-8": (written(note="<>").replace(b"<>", b"\xff"), "malformed", "", 1),
    "NaN in a column": (features(amount=[1.0, float("nan"), 2.0]), "malformed", "", 1),
    "a number beyond a float": (features(amount=[1, 10**400, 2]), "malformed", "amount", 3),
    "a class beyond int64": (written(predictions=[1, 2**70, 2]), "malformed", "predictions[1]", 3),
    "a depth of 17": (
        written(note="<>").replace(b'"<>"', nested(16).encode()), "malformed", "16", 3,
    ),
    "10,000 lists": (
        written(note="<>").replace(b'"<>"', nested(10_000).encode()), "malformed", "", 1,
    ),
    "a depth of 17 in a column": (
        features(color=["<>", "red", "red"]).replace(b'"<>"', nested(14).encode()),
        "malformed", "16", 3,
    ),
    "501 features": (
        features(**{f"f{n}": [1, 2, 3] for n in range(499)}), "limit_features", "501", 3,
    ),
    "501 features that are no columns": (
        features(**{f"f{n}": n for n in range(499)}), "limit_features", "501", 3,
    ),
    "an unknown model": (written(model_id="other"), "unknown_model", "'other'", 3),
    "the model that stands for none": (written(model_id="?"), "unknown_model", "'?'", 3),
    "no model": (written(model_id=...), "schema_missing", "$.model_id", 3),
    "a model that is a number": (written(model_id=7), "schema_type", "$.model_id", 3),
    "no batch": (written(batch_id=...), "schema_missing", "batch_id", 3),
    "no version": (written(model_version=...), "schema_missing", "model_version", 3),
    "no features": (written(features=...), "schema_missing", "features", 3),
    "no times": (written(timestamps=...), "schema_missing", "$.timestamps", 3),
    "times that are null": (written(timestamps=None), "schema_missing", "$.timestamps", 3),
    "one time and many": (written(timestamp=T0), "schema_type", "$.timestamp", 3),
    "a batch with a space": (written(batch_id="a b"), "limit_id", "$.batch_id", 3),
    "a batch too long for its ids": (
        written(batch_id="x" * 127, prediction_ids=...), "limit_id", "$.batch_id", 3,
    ),
    "an id with a space": (
        written(prediction_ids=["a", "b b", "c"]), "limit_id", "$.prediction_ids[1]", 3,
    ),
    "an id with a line feed": (
        written(prediction_ids=["a", "b", "c\n"]), "limit_id", "$.prediction_ids[2]", 3,
    ),
    "an id in Cyrillic": (
        written(prediction_ids=["\u0430", "b", "c"]), "limit_id", "$.prediction_ids[0]", 3,
    ),
    "an empty id": (written(prediction_ids=["a", "", "c"]), "limit_id", "$.prediction_ids[1]", 3),
    "an id of 129 characters": (
        written(prediction_ids=["a", "b", "x" * 129]), "limit_id", "$.prediction_ids[2]", 3,
    ),
    "an id that is a number": (
        written(prediction_ids=["a", 1, "c"]), "schema_type", "$.prediction_ids[1]", 3,
    ),
    "a class of 129 characters": (
        written(predictions=["a", "b", "x" * 129]), "limit_class", "$.predictions[2]", 3,
    ),
    "a prediction that is null": (
        written(predictions=["a", None, "c"]), "schema_type", "$.predictions[1]", 3,
    ),
    "packed predictions with NaN": (
        written(predictions=packed([1, None, 0])), "schema_type", "$.predictions[1]: ", 3,
    ),
    "packed predictions with an infinity": (
        written(predictions=packed([1, 0, float("-inf")])), "schema_type", "$.predictions[2]: ", 3,
    ),
    "predictions that are one": (written(predictions="a"), "schema_type", "$.predictions", 3),
    "predictions that are null": (written(predictions=None), "schema_type", "$.predictions", 3),
    "no predictions in the list": (written(predictions=[]), "schema_length", "$.predict", 1),
    "a score that is text": (
        written(scores=[0.5, "0.5", 0.5]), "schema_type", "$.scores[1]", 3,
    ),
    "features that are a list": (written(features=[1]), "schema_type", "$.features", 3),
    "features that are null": (written(features=None), "schema_type", "$.features", 3),
    "a column that is one number": (features(amount=5), "schema_type", "$.features.amount", 3),
    "a column that is text": (features(color="red"), "schema_type", "$.features.color", 3),
    "a column too short": (features(amount=[1, 2]), "schema_length", "$.features.amount: 2", 3),
    "a column too long": (features(color=["red"] * 4), "schema_length", "$.features.color: 4", 3),
    "a mistyped column too long": (
        features(amount=["x"] * 4), "schema_length", "$.features.amount: 4", 3,
    ),
    "too few ids": (written(prediction_ids=["a"]), "schema_length", "$.prediction_ids: 1", 3),
    "too many times": (written(timestamps=[T0] * 4), "schema_length", "$.timestamps: 4", 3),
    "too many scores": (written(scores=[0.5] * 4), "schema_length", "$.scores: 4", 3),
    "too few predictions": (written(predictions=["a"]), "schema_length", "3 values for 1", 1),
    "packed too short": (
        features(amount=packed([1, 2])), "schema_length", "$.features.amount: 2", 3,
    ),
    "packed bytes cut": (
        features(amount={"encoding": "f64le", "data": DATA[:-4]}),
        "schema_encoding", "$.features.amount.data: 21 bytes", 3,
    ),
    "packed as another width": (
        features(amount={"encoding": "f32le", "data": DATA}), "schema_length", "6 values", 3,
    ),
    "bad base64": (
        features(amount={"encoding": "f64le", "data": "!" + DATA[1:]}),
        "schema_encoding", "$.features.amount.data", 3,
    ),
    "base64 without padding": (
        written(scores={"encoding": "f64le", "data": DATA + "AA"}),
        "schema_encoding", "$.scores.data", 3,
    ),
    "an unknown encoding": (
        features(amount={"encoding": "f64be", "data": DATA}),
        "schema_encoding", "$.features.amount.encoding", 3,
    ),
    "no encoding": (
        features(amount={"data": DATA}), "schema_missing", "$.features.amount", 3,
    ),
    "data that is a list": (
        features(amount={"encoding": "f64le", "data": [1]}),
        "schema_type", "$.features.amount.data", 3,
    ),
    "a time without an offset": (
        written(timestamps=[T0, "2013-06-01T00:00:00", T0]), "schema_type", "$.timestamps[1]", 3,
    ),
    "a time that is no date": (
        written(timestamps=..., timestamp="yesterday"), "schema_type", "$.timestamp", 3,
    ),
    "a time that is a float": (
        written(timestamps=[T0, T0, T0 + 0.5]), "schema_type", "$.timestamps[2]", 3,
    ),
    "a time that is true": (
        written(timestamps=[True, T0, T0]), "schema_type", "$.timestamps[0]", 3,
    ),
    "a time that is null": (
        written(timestamps=[T0, None, T0]), "schema_type", "$.timestamps[1]", 3,
    ),
    "times that are one list in another": (
        written(timestamps=[[T0], T0, T0]), "schema_type", "$.timestamps[0]", 3,
    ),
    "a time that is a list": (
        written(timestamps=..., timestamp=[T0] * 3), "schema_type", "$.timestamp", 3,
    ),
    "times that are one": (written(timestamps=T0), "schema_type", "$.timestamps", 3),
    "a first index below 0": (written(first_index=-1), "malformed", "$.first_index", 3),
    "a first index that is text": (written(first_index="0"), "schema_type", "$.first_index", 3),
    "major version 2": (written(schema_version="2.0"), "schema_version", "$.schema_version", 3),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_record_is_refused_as_a_whole_with_its_reason_and_the_place(name: str) -> None:
    value, reason, told, events = REFUSED[name]
    after = prediction("after", T0 + 5)
    partition = taken(value, after, first=40)
    (letter,) = letters(partition)
    assert (letter.reason, letter.events, letter.index) == (reason, events, None)
    assert told in letter.detail
    assert len(letter.detail) < 500
    assert (letter.topic, letter.partition, letter.offset) == ("predictions", 2, 40)
    assert (letter.size, letter.sha256) == (len(value), hashlib.sha256(value).hexdigest())
    assert base64.b64decode(letter.head) == value[:1024]
    assert accounted(partition) == {"counted": 1, "dead": events, "read": events + 1}
    assert partition.accounting.to_rows()["predictions!reasons"] == {reason: events}
    assert partition.marks.greatest == {("predictions", "m"): T0 + 5}


@pytest.mark.parametrize(
    "value",
    [
        written(note="x" * 3000 + '"predictions"'),
        written(note=[[["predictions"]]]),
        written(**{"predictions ": [1]}),
        features(color=["[" * 40, "{" * 40, ":" * 600]),
        written(prediction_ids=[f"urn:{n}" + ":" * 100 for n in range(3)], extra=":" * 500),
        written(prediction_id=None),
        written().replace(b'"predictions"', b'"predic\\u0074ions"'),
        written(features={"amount": packed([1, 2, 3]), "color": None}),
        b" \n" + json.dumps(OK, indent=1).encode(),
    ],
)
def test_what_only_looks_wrong_is_counted(value: bytes) -> None:
    assert accounted(taken(value)) == {"counted": 3, "read": 3}


def test_an_event_with_an_id_is_a_single_prediction_whatever_else_it_has() -> None:
    event = prediction("p", T0) | {"predictions": ["yes"], "batch_id": "b"}
    assert accounted(taken(event)) == {"counted": 1, "read": 1}
    (letter,) = letters(taken(OK | {"prediction_id": "p"}))
    assert (letter.reason, letter.events) == ("schema_missing", 1)
    assert "missing required field `timestamp`" in letter.detail


# -- what single rows are refused for ------------------------------------------------------------


def test_times_are_judged_row_by_row() -> None:
    times = [
        T0, -1, 2**62, 2**80, -(10**300), "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00",
        "1969-12-31T23:59:59Z", APPEND_MS + 300_001, T0 // 1000, APPEND_MS + 300_000,
        "1972-01-01T00:00:00Z",
    ]  # fmt: skip
    n = len(times)
    value = many(n, timestamp=None, timestamps=times, features={}, batch_id="x")
    # Of which the last is believed, and late.
    partition, singles = (
        taken(value), taken(*[prediction(f"q{k}", t) for k, t in enumerate(times)]),
    )  # fmt: skip
    assert accounted(partition) == {
        "counted": 2, "dead": 1, "late": 1, "quarantined": 8, "read": n,
    }  # fmt: skip
    assert partition.accounting.to_rows() == singles.accounting.to_rows()
    assert partition.marks.greatest == singles.marks.greatest
    told = {letter.index: letter for letter in letters(partition)}
    assert {n: letter.reason for n, letter in told.items()} == {
        **dict.fromkeys(range(1, 9), "future_timestamp"), 9: "schema_range", 11: "late",
    }  # fmt: skip
    for n, letter in told.items():
        assert f"row {n}, prediction x/{n}: " in letter.detail
        assert (letter.events, letter.offset, letter.head) == (1, 0, "")
        assert letter.sha256 == hashlib.sha256(json.dumps(value).encode()).hexdigest()


def test_duplicates_within_a_record_are_told_apart_by_their_place() -> None:
    twice = columnar([THREE[0], THREE[1], THREE[0], THREE[0] | {"score": 0.75}])
    partition = taken(twice)
    assert accounted(partition) == {"counted": 2, "dead": 1, "duplicate": 1, "read": 4}
    (letter,) = letters(partition)
    assert (letter.reason, letter.index) == ("id_conflict", 3)
    assert "prediction p0" in letter.detail


DIFFERENT: dict[str, dict[str, Any]] = {
    "score": {"score": 0.125},
    "prediction": {"prediction": "yes"},
    "version": {"model_version": "2"},
    "time": {"timestamp": T0 + 9},
    "number": {"features": THREE[0]["features"] | {"amount": 99.0}},
    "category never seen": {"features": THREE[0]["features"] | {"color": "mauve"}},
    "type": {"features": THREE[0]["features"] | {"amount": "oops"}},
}


@pytest.mark.parametrize("what", DIFFERENT)
def test_another_payload_of_the_same_id_is_a_conflict(what: str) -> None:
    partition = taken(OK, columnar([THREE[0] | DIFFERENT[what]]))
    assert accounted(partition) == {"counted": 3, "dead": 1, "read": 4}
    assert [letter.reason for letter in letters(partition)] == ["id_conflict"]


def test_a_row_is_the_same_in_whichever_record_it_comes_again() -> None:
    """A producer that tries again may cut otherwise, or pack what it sent as numbers."""
    again = columnar(THREE[1:], "c")
    again["features"]["amount"] = packed([None, 7.5])
    again["scores"] = packed([None, 0.5])
    partition = taken(OK, OK, again, columnar(THREE[:1]))
    assert accounted(partition) == {"counted": 3, "duplicate": 6, "read": 9}


def test_a_row_and_a_single_event_of_one_id_count_once() -> None:
    assert accounted(taken(OK, *THREE)) == {"counted": 3, "duplicate": 3, "read": 6}
    assert accounted(taken(*THREE, OK)) == {"counted": 3, "duplicate": 3, "read": 6}


def test_what_is_remembered_of_rows_survives_a_restart() -> None:
    partition = taken(OK)
    flush = partition.drain({}, True, ())
    again = ObservePartition([MODEL], 2, 1)
    again.replay(list(enumerate(flush.log)))
    again.restore({k: v for k, v in flush.rows.items() if v is not None})
    again.apply("predictions", log([OK, columnar([THREE[0] | {"score": 0.125}])], APPEND_MS, 1))
    assert accounted(again) == {"counted": 3, "dead": 1, "duplicate": 3, "read": 7}


# -- whatever the bytes --------------------------------------------------------------------------

ROW = [
    "null", "[]", "{}", "-1", "1e400", '""', '"\\u0000"', "true", str(10**30), '"x"', "[[[]]]",
    '{"a":{"b":[1]}}', "NaN", "1" * 5000, '"\\ud800"', str(T0), '"2013-06-01T00:00:00Z"',
    '{"encoding":"f64le","data":""}', '{"encoding":"f64le","data":"AAAAAAAA8H8="}',
    '{"encoding":"f32le","data":"AAAAAAAA8H8AAIA/"}', '{"encoding":"f64le","data":"A"}',
    '{"encoding":"f64le"}', "[1,2,3]", '["a","b","c"]', "[null,null,null]", "[[],{},1]", "0.5",
]  # fmt: skip


def mutated(rng: random.Random) -> bytes:
    """A valid record, packed or not, with one thing done to it, or two."""
    record = OK | {"schema_version": "1.0"}
    if rng.random() < 0.5:
        record |= {
            "features": OK["features"] | {"amount": packed([1, 2, 3])},
            "scores": packed([0, 0.5, 1], rng.choice(["f64le", "f32le"])),
        }
    if rng.random() < 0.3:
        del record["prediction_ids"]
    if rng.random() < 0.3:
        record["timestamp"] = record.pop("timestamps")[0]
    for _ in range(rng.randint(1, 2)):
        name = rng.choice([*record, "amount", "color", "element", "extra"])
        if name in ("amount", "color"):
            record["features"] = OK["features"] | {name: "<scrap>"}
        elif name == "element":
            column = rng.choice([k for k, v in OK.items() if isinstance(v, list)])
            record[column] = [*OK[column][:-1], "<scrap>"]
        else:
            record[name] = "<scrap>"
        if rng.random() < 0.3:
            record.pop(rng.choice(list(record)))
            break
    text = json.dumps(record)
    while '"<scrap>"' in text:
        text = text.replace('"<scrap>"', rng.choice(ROW), 1)
    value = bytearray(text.encode())
    kind = rng.randrange(8)
    at = rng.randrange(len(value))
    if kind == 0:
        value[at] = rng.randrange(256)
    elif kind == 1:
        del value[at : at + rng.randrange(1, 20)]
    elif kind == 2:
        value[at:at] = rng.choice([b"{", b"[", b'"', b",", b"\\", b"\xf0\x9f", b"0", b":" * 600])
    return bytes(value)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32))
def test_no_damaged_record_stops_the_worker_and_all_are_accounted_for(seed: int) -> None:
    rng = random.Random(seed)
    values = [mutated(rng) for _ in range(20)]
    rows = Decoder([MODEL]).predictions(log(values, APPEND_MS))
    events = sum(
        row.block.rows if isinstance(row, Columnar)
        else row.events if isinstance(row, Rejected) else 1
        for row in rows
    )  # fmt: skip
    partition = taken(*values)
    assert accounted(partition)["read"] == events >= len(values)
    flush = partition.drain({"predictions": len(values) - 1}, True, ())
    outs = [o for o in flush.outputs if o.topic in ("dead-letters", "late")]
    found = [msgspec.convert(msgspec.json.decode(o.value)["data"], DeadLetterData) for o in outs]
    refused = {
        k: n for k, n in accounted(partition).items() if k in ("dead", "late", "quarantined")
    }
    assert sum(letter.events for letter in found) == sum(refused.values())
    assert all(len(out.value) < 20_000 for out in outs)
    again = ObservePartition([MODEL], 2, 1)
    again.replay(list(enumerate(flush.log)))
    again.restore({k: v for k, v in flush.rows.items() if v is not None})
    assert again.accounting.to_rows() == partition.accounting.to_rows()


def test_the_damage_done_is_of_every_kind() -> None:
    """Else the test above would say little."""
    rng = random.Random(1)
    partition = taken(*[mutated(rng) for _ in range(3000)])
    reasons = partition.accounting.to_rows()["predictions!reasons"].keys()
    assert reasons >= {
        "malformed", "schema_type", "schema_missing", "schema_length", "schema_encoding",
        "future_timestamp", "id_conflict", "limit_id", "unknown_model", "schema_version",
    }  # fmt: skip
    assert accounted(partition)["counted"] > 3


def test_a_row_of_a_tombstone_is_none() -> None:
    (row,) = Decoder([MODEL]).predictions([Rec(0, APPEND_MS, None)])
    assert isinstance(row, Rejected)


# -- what it costs -------------------------------------------------------------------------------

PLAIN = monitored(labels=None, performance=None, deduplicate=False)


def calls(rows: int, **fields: Any) -> int:
    """Python functions that are called while a record is read, judged and binned."""
    partition = ObservePartition([PLAIN], 0, 1)
    value = json.dumps(
        {
            "batch_id": "b",
            "model_id": "m",
            "model_version": "1",
            "prediction_ids": [f"p{n}" for n in range(rows)],
            "timestamps": [T0 + n for n in range(rows)],
            "features": {"amount": packed([100.0] * rows), "color": ["red", "green"] * (rows // 2)},
            "predictions": ["yes", "no"] * (rows // 2),
            "scores": packed([0.5] * rows),
        }
        | fields
    ).encode()
    count = 0

    def called(frame: Any, event: str, arg: Any) -> None:
        nonlocal count
        count += event == "call"

    gc.disable()  # Hypothesis hears of every collection
    sys.setprofile(called)
    try:
        partition.apply("predictions", [Rec(0, APPEND_MS, value)])
        partition.piles.bin()
    finally:
        sys.setprofile(None)
        gc.enable()
    assert accounted(partition)["counted"] == rows
    return count


@pytest.mark.parametrize("form", ["packed", "arrays"])
def test_no_python_function_is_called_for_a_row(form: str) -> None:
    """Where nothing is remembered, a record costs the same number of calls however long it is."""
    few, more = 600, 6_000  # on one side of the length from which a column is sorted

    def cost(rows: int) -> int:
        arrays = {"amount": [100.0, None] * (rows // 2), "color": ["red", "green"] * (rows // 2)}
        fields = {"features": arrays, "scores": [0.5] * rows} if form == "arrays" else {}
        return calls(rows, **fields)

    cost(few)
    assert cost(few) == cost(more) < 1_000
