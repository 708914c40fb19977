"""Many predictions as columns to records: numbers packed, cut so that each record fits.

What the stream would refuse is refused here, with the column and the row; nothing is sent then.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from monitor.client.column import Column, column, encodable, times
from monitor.client.encoding import TOPICS, Encoded, plain, time_ms
from monitor.errors import InvalidEvent
from monitor.events.limits import (
    MAX_COLUMNAR_BYTES,
    MAX_FEATURE_NAME,
    MAX_FEATURES,
    MAX_ID,
    MAX_ROWS,
)
from monitor.events.types import ColumnarPredictions
from monitor.registry.problems import nearest

#: A record of this size is read as fast as a larger one, and two fit a batch of a producer.
RECORD_BYTES = 256 * 1024
_SCALARS = ("batch_id", "model_id", "model_version", "first_index", "schema_version")
_FIELDS = frozenset(ColumnarPredictions.__struct_fields__)
_PATH = re.compile(
    r"^(?P<what>.*?) - at `\$\.(?P<name>\w+)(?:\[(?P<row>\d+)\])?(?P<rest>.*)`$", re.S
)


def encode_columns(fields: Mapping[str, Any], now_ms: int) -> tuple[list[Encoded], int]:
    """Validate and encode predictions; return their records, and how many predictions they are.

    `now_ms` is the time of all where they have none. Raises InvalidEvent that names the batch, the
    column and the row.

    >>> records, rows = encode_columns({"batch_id": "b", "model_id": "m", "model_version": "1",
    ...     "features": {"x": ["a", None]}, "predictions": ["yes", "no"]}, 10**12)
    >>> rows, records[0].key
    (2, b'b')
    """
    given = {name: value for name, value in fields.items() if value is not None}
    try:
        if unknown := given.keys() - _FIELDS:
            name = min(unknown, key=str)
            raise InvalidEvent(f"unknown field {name!r:.60}; {nearest(str(name), _FIELDS)}")
        return _encoded(given, now_ms)
    except InvalidEvent as error:
        batch = f"{given.get('batch_id', 'without batch_id')!s:.140}"
        batch = batch if batch.isprintable() else repr(batch)
        raise InvalidEvent(f"batch {batch}: {error}") from None


def _encoded(given: dict[str, Any], now_ms: int) -> tuple[list[Encoded], int]:
    for name in ("batch_id", "model_id", "model_version", "features", "predictions"):
        if name not in given:
            raise InvalidEvent(f"{name} is missing")
    columns, features = _columns(given), _features(given["features"])
    rows = len(columns["predictions"])
    head = {name: _scalar(name, given[name]) for name in _SCALARS if name in given}
    if "timestamps" not in columns:
        head["timestamp"] = time_ms("timestamp", given.get("timestamp", now_ms))
    first = head.pop("first_index", 0)
    if first.__class__ is not int or first < 0:
        raise InvalidEvent(f"first_index is {first!r:.60}; give the number of rows before these")
    _check(head, first, columns, features)
    records, start, size = [], 0, MAX_ROWS
    while start < rows:
        cut = slice(start, min(start + size, rows))
        body = head | {name: encodable(values[cut]) for name, values in columns.items()}
        body["features"] = {name: encodable(values[cut]) for name, values in features.items()}
        if "prediction_ids" not in columns and first + start:
            body["first_index"] = first + start
        value = msgspec.json.encode(body)
        count = cut.stop - start
        # A little fewer than fit on the average: what is too large is cut again.
        size = min(max(1, count * RECORD_BYTES // len(value) * 19 // 20), MAX_ROWS)
        if len(value) > RECORD_BYTES and count > 1:
            continue
        if len(value) > MAX_COLUMNAR_BYTES:
            raise InvalidEvent(
                f"row {start} alone has {len(value)} bytes; at most {MAX_COLUMNAR_BYTES}"
            )
        _decode(body, start)
        records.append(Encoded(TOPICS["prediction"], head["batch_id"].encode(), value))
        start = cut.stop
    return records, rows


def _columns(given: Mapping[str, Any]) -> dict[str, Column]:
    """The columns besides the features'."""
    columns = {n: column(n, given[n]) for n in ("predictions", "scores") if n in given}
    if "timestamps" in given:
        if "timestamp" in given:
            raise InvalidEvent("timestamp and timestamps are both given; give one of them")
        columns["timestamps"] = times("timestamps", given["timestamps"])
    if "prediction_ids" in given:
        ids = given["prediction_ids"]
        if isinstance(ids, (str, bytes)) or not hasattr(ids, "__len__"):
            raise InvalidEvent(f"prediction_ids is a {type(ids).__name__}; send a list of texts")
        columns["prediction_ids"] = [_scalar("prediction_ids", key) for key in ids]
    return columns


def _features(given: Any) -> dict[str, Column]:
    if not isinstance(given, Mapping):
        raise InvalidEvent(f"features is a {type(given).__name__}; send a mapping of columns")
    if len(given) > MAX_FEATURES:
        raise InvalidEvent(f"{len(given)} features; at most {MAX_FEATURES} are possible")
    for name in given:
        if not isinstance(name, str) or not 1 <= len(name) <= MAX_FEATURE_NAME:
            raise InvalidEvent(
                f"feature {name!r:.60}: names are texts of 1 to {MAX_FEATURE_NAME} characters"
            )
    return {
        str.__str__(name): column(f"feature {name!r:.140}", values)
        for name, values in given.items()
        if values is not None
    }


def _check(
    head: Mapping[str, Any],
    first: int,
    columns: Mapping[str, Column],
    features: Mapping[str, Column],
) -> None:
    """Refuse columns of other lengths, predictions that are missing, and ids too long."""
    rows = len(columns["predictions"])
    named = {**columns, **{f"feature {name!r:.140}": values for name, values in features.items()}}
    for name, values in named.items():
        if len(values) != rows:
            raise InvalidEvent(f"{name} has {len(values)} values for {rows} predictions")
    for name in ("predictions", "scores"):
        values = columns.get(name, [])
        if isinstance(values, list):
            odd = [n for n, v in enumerate(values) if v is None] if name == "predictions" else []
        else:
            bad = ~np.isfinite(values) if name == "predictions" else np.isinf(values)
            odd = np.flatnonzero(bad).tolist()
        if odd:
            raise InvalidEvent(f"{name}[{odd[0]}] is {values[odd[0]]}; leave that row out")
    longest = f"{head['batch_id']}/{first + rows - 1}"
    if "prediction_ids" not in columns and len(longest) > MAX_ID:
        raise InvalidEvent(
            f"{longest:.140} and its like are longer than {MAX_ID} characters; shorten batch_id, "
            "or give prediction_ids"
        )


def _decode(body: Mapping[str, Any], start: int) -> None:
    """Refuse what the types refuse; packed columns are right, as they were made here."""
    listed = {name: value for name, value in body.items() if not isinstance(value, dict)}
    features = {n: v for n, v in body["features"].items() if not isinstance(v, dict)}
    try:
        msgspec.convert({"predictions": [0], **listed, "features": features}, ColumnarPredictions)
    except msgspec.ValidationError as error:
        match = _PATH.match(str(error))
        if match is None:
            raise InvalidEvent(str(error)) from None
        what, name, row = match["what"], match["name"], match["row"]
        where = name if row is None else f"{name}[{start + int(row)}]"
        value = body[name] if row is None else body[name][int(row)]
        if "matching regex" in what and name != "schema_version":
            raise InvalidEvent(
                f"{where} is {value!r:.140}; use 1 to {MAX_ID} letters, digits or any of "
                ". _ : / @ -"
            ) from None
        raise InvalidEvent(f"{where}: {what[:1].lower()}{what[1:]}") from None


def _scalar(name: str, value: Any) -> Any:
    try:
        value = plain(value)
        msgspec.json.encode(value)
    except (TypeError, ValueError):
        raise InvalidEvent(f"{name} is a {type(value).__name__}; send text") from None
    return value
