"""Columns to records: what is sent is what was given, and the stream takes every record of it."""

import base64
import json
import math
from datetime import UTC, datetime
from functools import reduce
from itertools import chain
from operator import getitem
from typing import Any
from uuid import UUID

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.client.columns import RECORD_BYTES, encode_columns
from monitor.client.encoding import encode
from monitor.errors import InvalidEvent
from monitor.events.types import ColumnarPredictions
from monitor.observe.partition import ObservePartition
from tests.observe.stream import HOUR, T0, log, monitored

NOW = T0 + HOUR
MODEL = monitored()
BASE: dict[str, Any] = {
    "batch_id": "b-1",
    "model_id": "m",
    "model_version": "1.0",
    "features": {"amount": [100.0, None, 3], "color": ["red", None, "green"]},
    "predictions": ["yes", "no", "no"],
}


def sent(**changed: Any) -> list[dict[str, Any]]:
    fields = {name: v for name, v in {**BASE, **changed}.items() if v is not ...}
    records, _ = encode_columns(fields, NOW)
    assert {(r.topic, r.key) for r in records} == {
        ("predictions", str(fields["batch_id"]).encode())
    }
    for record in records:
        msgspec.json.decode(record.value, type=ColumnarPredictions)
    return [json.loads(record.value) for record in records]


def joined(records: list[dict[str, Any]], *way: str) -> list[Any]:
    """A column over all records."""
    columns = [reduce(getitem, way, record) for record in records]
    return list(chain.from_iterable(map(unpacked, columns)))


def unpacked(column: Any) -> list[Any]:
    if isinstance(column, list):
        return column
    dtype = {"f64le": "<f8", "f32le": "<f4"}[column["encoding"]]
    values = np.frombuffer(base64.b64decode(column["data"]), dtype).tolist()
    return [None if math.isnan(v) else v for v in values]


def test_what_is_sent_is_what_was_given() -> None:
    (record,) = sent(scores=np.array([0.5, np.nan, 1.0]))
    assert record["features"]["color"] == ["red", None, "green"]
    assert unpacked(record["features"]["amount"]) == [100.0, None, 3.0]
    assert unpacked(record["scores"]) == [0.5, None, 1.0]
    assert {k: v for k, v in record.items() if k not in ("features", "scores")} == {
        "batch_id": "b-1", "model_id": "m", "model_version": "1.0", "timestamp": NOW,
        "predictions": ["yes", "no", "no"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("values", "as_read"),
    [
        (np.array([1.5, np.nan]), [1.5, None]),
        (np.array([0.1, 1], dtype=np.float32), [float(np.float32(0.1)), 1.0]),
        (np.array([0.5, 1], dtype=np.float16), [0.5, 1.0]),
        (np.array([1, -(2**53)]), [1.0, -(2.0**53)]),
        (np.array([1, 2**53 + 1]), [1, 2**53 + 1]),
        (np.array([True, False]), [True, False]),
        (np.array(["a", "b"]), ["a", "b"]),
        (np.array(["a", None], dtype=object), ["a", None]),
        (np.array(["a", np.nan], dtype=object), ["a", None]),
        ([1, 2**60], [1, 2**60]),
        ([1, 2.5], [1.0, 2.5]),
        ([None, None], [None, None]),
        ((np.int64(3), np.str_("x")), [3, "x"]),
        ([True, 1], [True, 1]),
        ([math.inf, 1], [math.inf, 1.0]),
        ([UUID(int=7), "x"], ["00000000-0000-0000-0000-000000000007", "x"]),
        (["ünï", "東"], ["ünï", "東"]),
        ([1.5, None][::-1], [None, 1.5]),
        (np.arange(4.0)[::2], [0.0, 2.0]),
        (np.array([1.5, 2.5], dtype=">f8"), [1.5, 2.5]),
    ],
)
def test_columns_of_any_origin_are_sent_exactly(values: Any, as_read: list[Any]) -> None:
    (record,) = sent(features={"x": values}, predictions=[1, 0])
    got = unpacked(record["features"]["x"])
    assert got == as_read
    assert list(map(type, got)) == list(map(type, as_read))


@pytest.mark.parametrize(
    ("times", "ms"),
    [
        (["2013-06-01T00:00:00Z", T0, datetime(2013, 6, 1, tzinfo=UTC)],
         [1_370_044_800_000, T0, 1_370_044_800_000]),
        (np.array([T0, T0 + 1, T0 + 2]), [T0, T0 + 1, T0 + 2]),
        (np.array(["2013-06-01", "2013-06-02", "2013-06-03"], dtype="datetime64[D]"),
         [1_370_044_800_000 + n * 24 * HOUR for n in range(3)]),
    ],
)  # fmt: skip
def test_times_are_sent_as_milliseconds(times: Any, ms: list[int]) -> None:
    (record,) = sent(timestamps=times)
    assert record["timestamps"] == ms
    assert "timestamp" not in record
    (record,) = sent(timestamp="2013-06-01T00:00:00Z")
    assert record["timestamp"] == 1_370_044_800_000


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"batch_id": ...}, "batch without batch_id: batch_id is missing"),
        ({"batch_id": "a b"}, "batch a b: batch_id is 'a b'; use 1 to 128"),
        ({"batch_id": "a\nb"}, r"batch 'a\\nb': batch_id is 'a\\nb'"),
        ({"batch_id": "x" * 128}, "longer than 128 characters; shorten batch_id"),
        ({"model_id": ...}, "batch b-1: model_id is missing"),
        ({"model_version": 7}, "model_version: expected `str`, got `int`"),
        ({"predictions": ...}, "predictions is missing"),
        ({"features": ...}, "features is missing"),
        ({"features": [1, 2, 3]}, "features is a list; send a mapping of columns"),
        ({"scoers": [1, 2, 3]}, "unknown field 'scoers'.*scores"),
        ({"features": {"x": [1, 2]}}, "feature 'x' has 2 values for 3 predictions"),
        ({"scores": [0.5]}, "scores has 1 values for 3 predictions"),
        ({"prediction_ids": ["a"]}, "prediction_ids has 1 values for 3 predictions"),
        ({"timestamps": [T0]}, "timestamps has 1 values for 3 predictions"),
        ({"prediction_ids": ["a", "b b", "c"]}, r"prediction_ids\[1\] is 'b b'; use 1 to 128"),
        ({"prediction_ids": ["a", 1, "c"]}, r"prediction_ids\[1\]: expected `str`"),
        ({"prediction_ids": "abc"}, "prediction_ids is a str"),
        ({"prediction_ids": ["a", object(), "c"]}, "prediction_ids is a object"),
        ({"predictions": ["a", None, "c"]}, r"predictions\[1\] is None; leave that row out"),
        ({"predictions": [1.0, 2.0, math.nan]}, r"predictions\[2\] is nan"),
        ({"predictions": [1.0, math.inf, 2.0]}, r"predictions\[1\] is inf"),
        ({"predictions": "abc"}, "predictions is a str; send a list"),
        ({"predictions": 1}, "predictions is a int; send a list"),
        ({"predictions": np.zeros((3, 1))}, "predictions has 2 dimensions; send one value a row"),
        ({"scores": [0.5, math.inf, 1]}, r"scores\[1\] is inf"),
        ({"scores": ["a", "b", "c"]}, r"scores\[0\]: expected `float \| null`, got `str`"),
        ({"features": {"x": [1, object(), 2]}}, r"feature 'x'\[1\] is a object; send a number"),
        ({"features": {"x": [1, [2], 2]}}, r"feature 'x'\[1\] is a list"),
        ({"features": {"x": ["a", math.inf, "b"]}}, r"feature 'x'\[1\] is inf, among"),
        ({"features": {"x": ["a", 2**70, "b"]}}, r"feature 'x'\[1\] is an integer of more"),
        ({"features": {"x": ["a", "\ud800", "b"]}}, r"feature 'x'\[1\] is text that is not"),
        ({"features": {"x": 5}}, "feature 'x' is a int; send a list or an array"),
        ({"features": {"x": (v for v in "abc")}}, "feature 'x' is a generator"),
        ({"features": {"": [1, 2, 3]}}, "feature '': names are texts of 1 to 128"),
        ({"features": {7: [1, 2, 3]}}, "feature 7: names are texts"),
        ({"features": {f"f{n}": [1, 2, 3] for n in range(501)}}, "501 features; at most 500"),
        ({"timestamps": [T0, T0 // 1000, T0]}, r"timestamps\[1\] \d+ looks like seconds"),
        ({"timestamps": np.array([T0, T0, T0 * 1000])}, r"timestamps\[2\] \d+ looks like micro"),
        ({"timestamps": [T0, "yesterday", T0]}, r"timestamps\[1\]: 'yesterday' is not RFC 3339"),
        ({"timestamps": T0}, "timestamps is a int; one for all is `timestamp`"),
        ({"timestamps": [T0] * 3, "timestamp": T0}, "timestamp and timestamps are both given"),
        ({"timestamp": 5}, "timestamp 5 looks like seconds"),
        ({"first_index": -1}, "first_index is -1; give the number of rows before"),
        ({"first_index": "0"}, "first_index is '0'"),
        ({"schema_version": "2.0"}, "schema_version"),
        ({"features": {"x": ["y" * 1_000_000] * 3}}, "row 0 alone has 1000"),
    ],
)  # fmt: skip
def test_what_the_stream_would_refuse_is_refused_here(changed: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidEvent, match=told) as caught:
        sent(**changed)
    assert str(caught.value).startswith("batch ")
    assert len(str(caught.value)) < 500


def test_none_at_all_are_no_record() -> None:
    empty = BASE | {"features": {"x": []}, "predictions": []}
    assert encode_columns(empty, NOW) == ([], 0)


@pytest.mark.parametrize("rows", [1, 10_000, 10_001, 60_000])
def test_many_are_cut_into_records_that_fit(rows: int) -> None:
    rng = np.random.default_rng(rows)
    numbers = {f"f{n}": rng.normal(size=rows) for n in range(6)}
    records = sent(
        features=numbers | {"color": ["red", "green"] * (rows // 2) + ["blue"] * (rows % 2)},
        predictions=np.arange(rows),
        timestamps=np.arange(rows) + T0,
    )
    lengths = [len(record["timestamps"]) for record in records]
    assert sum(lengths) == rows
    assert max(lengths) <= 10_000
    assert [r.get("first_index", 0) for r in records] == [0, *np.cumsum(lengths)[:-1].tolist()]
    assert joined(records, "timestamps") == list(range(T0, T0 + rows))
    assert joined(records, "predictions") == list(range(rows))
    for name, values in numbers.items():
        assert joined(records, "features", name) == values.tolist()
    sizes = [len(r.value) for r in encode_columns({**BASE, "features": numbers,
             "predictions": np.arange(rows)}, NOW)[0]]  # fmt: skip
    assert max(sizes) <= RECORD_BYTES
    # Cut no finer than it must be: all but the last are at least half full, or as long as can be.
    assert all(size > RECORD_BYTES // 2 for size in sizes[:-1]) or max(lengths) == 10_000


def test_a_column_that_is_long_in_places_is_cut_where_it_must_be() -> None:
    texts = ["x"] * 5000 + ["y" * 5000] * 100 + ["x"] * 5000
    records = sent(features={"t": texts}, predictions=[0] * len(texts), prediction_ids=[
        f"p{n}" for n in range(len(texts))])  # fmt: skip
    assert joined(records, "features", "t") == texts
    assert joined(records, "prediction_ids") == [f"p{n}" for n in range(len(texts))]
    assert all("first_index" not in record for record in records)
    # And no finer afterwards than it must be.
    assert len(records) < 12


def test_labels_and_reviews_follow_their_batch() -> None:
    spoken = {"prediction_id": "b-1/0", "model_id": "m"}
    told = {"review_id": "r", "reviewer_id": "ann", "final_decision": "yes"}
    for kind, fields in (("label", spoken | {"label": "yes"}), ("review", spoken | told)):
        event = encode(kind, fields | {"batch_id": "b-1"}, NOW)  # type: ignore[arg-type]
        assert event.key == b"b-1"
        assert json.loads(event.value)["batch_id"] == "b-1"
        assert encode(kind, fields, NOW).key == b"b-1/0"  # type: ignore[arg-type]
        with pytest.raises(InvalidEvent, match="batch_id is 'b 1'; use 1 to 128"):
            encode(kind, fields | {"batch_id": "b 1"}, NOW)  # type: ignore[arg-type]


VALUES = st.one_of(
    st.none(), st.floats(allow_infinity=False), st.integers(-(2**63), 2**63 - 1), st.booleans(),
    st.text(st.characters(codec="utf-8"), max_size=4),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(VALUES, VALUES, st.sampled_from(["yes", "no", 1, 2.5, True]),
                       st.none() | st.floats(0, 1), st.integers(T0, T0 + HOUR)),
             min_size=1, max_size=12, unique_by=lambda row: row[4])
)  # fmt: skip
def test_the_stream_takes_every_record_as_it_takes_single_events(rows: list[Any]) -> None:
    """What the client sends in columns and what it sends one by one are counted alike."""
    amounts, colors, predictions, scores, times = map(list, zip(*rows, strict=True))
    records, count = encode_columns(
        {
            **BASE,
            "features": {"amount": amounts, "color": colors},
            "predictions": predictions, "scores": scores, "timestamps": times,
        },
        NOW,
    )  # fmt: skip
    assert count == len(rows)
    singles = [
        encode(
            "prediction",
            {
                "prediction_id": f"b-1/{n}", "model_id": "m", "model_version": "1.0",
                "features": {
                    name: None if value != value else value  # NaN, which JSON lacks
                    for name, value in (("amount", row[0]), ("color", row[1]))
                },
                "prediction": row[2], "score": row[3], "timestamp": row[4],
            },
            NOW,
        )
        for n, row in enumerate(rows)
    ]  # fmt: skip
    states = []
    for values in (records, singles):
        partition = ObservePartition([MODEL], 0, 1)
        partition.apply("predictions", log([event.value for event in values]))
        state = partition.states["m"]
        partition.piles.bin()
        seen = {k: (s.time_ms, s.version, s.prediction) for k, s in state.memory.predictions()}
        panes = {k: (pane.rows, pane.counts.tolist()) for k, pane in state.panes.items()}
        states.append((partition.accounting.to_rows(), seen, panes))
    assert states[0] == states[1]
    assert states[0][0]["predictions"] == {"counted": len(rows), "read": len(rows)}
