"""Bytes of a columnar record to its predictions: once, by the Struct of the record's model.

What that Struct refuses is looked at again, slowly, as with single events: a mistyped feature or a
time that cannot be is one row's; anything else is the whole record's, and stands for all its rows.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import numpy as np

from monitor.events.limits import MAX_COLUMNAR_BYTES, MAX_FEATURES
from monitor.observe.columnar import Columnar, Decoded, Packed
from monitor.observe.columns import Columns
from monitor.observe.fields import LAST_MS, NOBODY, Scalar, Timestamp
from monitor.observe.refusal import MAX_DEPTH, UNREADABLE, deeper, explain, feature_float, parse
from monitor.observe.rejection import Rejected
from monitor.observe.shape import Shape
from monitor.panes.flush import Record

_TIMES = ("timestamp", "timestamps")
#: The bit in which { differs from [.
_CASE = np.uint8(ord("{") ^ ord("["))


class ColumnarDecoder:
    """Decodes columnar records of the registered models; `known` refuses those of others."""

    def __init__(
        self,
        columns: Mapping[str, Columns],
        shapes: Sequence[Shape],
        known: Callable[[object], str],
    ) -> None:
        self._columns = columns
        self._known = known
        of = {n: shape for shape in shapes for n in shape.members}
        #: The number of each model, and its shape.
        self._place = {model_id: (n, of[n]) for n, model_id in enumerate(columns)}
        self._structs = {model_id: _struct(model_id, of) for model_id, of in columns.items()}
        self._model_of: dict[type, str] = {s: m for m, s in self._structs.items()}
        union: Any = msgspec.defstruct("Nobody", [], tag_field="model_id", tag=NOBODY)
        for struct in self._structs.values():
            union = union | struct
        self._decode = msgspec.json.Decoder(union).decode

    def decode(self, record: Record) -> Columnar | None:
        """The predictions of a record; None where it is a single event, Rejected if unusable."""
        value = record.value or b""
        if len(value) > MAX_COLUMNAR_BYTES:
            raise Rejected("limit_size", f"{len(value)} bytes, limit {MAX_COLUMNAR_BYTES}")
        if not value.isascii():
            try:
                value.decode()
            except UnicodeDecodeError as error:
                raise Rejected("malformed", str(error)) from None
        try:
            decoded = self._decode(value)
            model_id = self._model_of[decoded.__class__]
        except (*UNREADABLE, KeyError):
            return self.parsed(record, parse(value))
        try:
            _screen(value, decoded)
            return self._columnar(model_id, record, decoded, {})
        except Rejected as rejected:
            raise _of_all(rejected, len(decoded.predictions), model_id) from None

    def parsed(self, record: Record, raw: dict[str, Any]) -> Columnar | None:
        """The same of a record that was parsed, because no Struct would take it."""
        if raw.get("prediction_id") is not None or "predictions" not in raw:
            return None
        model_id = None
        try:
            _check_shape(raw)
            model_id = self._known(raw.get("model_id"))
            decoded, mistyped = self._lenient(model_id, raw)
            return self._columnar(model_id, record, decoded, mistyped)
        except Rejected as rejected:
            raise _of_all(rejected, _rows(raw), model_id) from None

    def _columnar(
        self, model_id: str, record: Record, decoded: Any, mistyped: Mapping[int, list[str]]
    ) -> Columnar:
        number, shape = self._place[model_id]
        return Columnar(model_id, number, shape, record, decoded, mistyped)

    def _lenient(self, model_id: str, raw: dict[str, Any]) -> tuple[Any, dict[int, list[str]]]:
        """The Struct of a record, and by row the numeric features of a wrong type."""
        plain = {name: value for name, value in raw.items() if name not in _TIMES}
        lists: dict[str, list[Any]] = {}
        if isinstance(given := raw.get("features"), dict):
            # A list may hold anything; what is no list is the Struct's to judge.
            lists = {name: value for name, value in given.items() if isinstance(value, list)}
            plain["features"] = {n: v for n, v in given.items() if n not in lists}
        try:
            decoded: Any = msgspec.convert(plain, self._structs[model_id])
        except msgspec.ValidationError as error:
            raise explain(error, model_id) from None
        for name in _TIMES:
            setattr(decoded, name, raw.get(name))
        if decoded.timestamp is not None:
            decoded.timestamp = _time("$.timestamp", decoded.timestamp)
        if decoded.timestamps is not None:
            decoded.timestamps = _times("$.timestamps", decoded.timestamps)
        mistyped: dict[int, list[str]] = {}
        features = self._columns[model_id].features
        for n, (name, categorical) in enumerate(
            zip(features.names, features.categorical, strict=True)
        ):
            if name in lists:
                column = lists[name] if categorical else _numbers(name, lists[name], mistyped)
                setattr(decoded.features, f"f{n}", column)
        return decoded, mistyped


def _struct(model_id: str, columns: Columns) -> type[msgspec.Struct]:
    of = columns.features
    fields: list[tuple[str, Any, Any]] = [
        (f"f{n}", (list[Scalar] if categorical else list[float | None]) | Packed | None, None)
        for n, categorical in enumerate(of.categorical)
    ]
    rename = {f"f{n}": name for n, name in enumerate(of.names)}
    features = msgspec.defstruct("Features", fields, rename=rename, gc=False)
    return msgspec.defstruct(
        "ColumnarRecord",
        [("features", features)],
        bases=(Decoded,),
        tag_field="model_id",
        tag=model_id,
        kw_only=True,
        gc=False,
    )


def _screen(value: bytes, decoded: Any) -> None:
    """Refuse what the decoder passed over without a look: too many features, or too deep ones.

    What it did take accounts for a bracket a column; those left over may be within each other.
    """
    columns = [
        column
        for column in (
            *msgspec.structs.astuple(decoded.features),
            decoded.predictions, decoded.scores, decoded.timestamps, decoded.prediction_ids,
        )
        if column is not None
    ]  # fmt: skip
    # A record has a hundred kilobytes: `bytes.count` takes as long for it as for decoding it.
    characters = np.frombuffer(value, np.uint8)
    brackets = np.count_nonzero(characters & ~_CASE == ord("["))
    left_over = brackets - len(columns) - 2
    packed = sum(isinstance(column, Packed) for column in columns)
    names = np.count_nonzero(characters == ord(":")) - 2 * packed
    if left_over > MAX_DEPTH - 2 or names > MAX_FEATURES:
        _check_shape(parse(value))


def _check_shape(raw: dict[str, Any]) -> None:
    if deeper(raw, MAX_DEPTH):
        raise Rejected("malformed", f"objects or lists more than {MAX_DEPTH} deep")
    features = raw.get("features")
    if isinstance(features, dict) and len(features) > MAX_FEATURES:
        raise Rejected("limit_features", f"{len(features)} features, limit {MAX_FEATURES}")


def _numbers(name: str, values: list[Any], mistyped: dict[int, list[str]]) -> list[float | None]:
    """A numeric column of any content; what is no number is None, and noted."""
    column: list[float | None] = []
    for n, value in enumerate(values):
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            column.append(feature_float(name, value))
        else:
            column.append(None)
            if value is not None:
                mistyped.setdefault(n, []).append(name)
    return column


def _times(path: str, given: Any) -> list[int | datetime]:
    if not isinstance(given, list):
        raise Rejected("schema_type", f"{path}: expected an array; one for all is $.timestamp")
    return [_time(f"{path}[{n}]", value) for n, value in enumerate(given)]


def _time(path: str, given: Any) -> int | datetime:
    """An event time of any content; one that cannot be is as far off as it may be."""
    if given.__class__ is int:
        return int(min(max(given, -1), LAST_MS))
    try:
        time: int | datetime = msgspec.convert(given, Timestamp)
    except msgspec.ValidationError as error:
        if "out of range" in str(error):
            return -1 if given.startswith("0") else LAST_MS
        raise Rejected("schema_type", f"{path}: {error}") from None
    return time


def _rows(raw: dict[str, Any]) -> int:
    """How many predictions a record that cannot be used seems to hold."""
    try:
        return len(msgspec.convert(raw["predictions"], list[Any] | Packed))
    except msgspec.ValidationError:
        others = (raw.get("prediction_ids"), raw.get("timestamps"))
        return max((len(column) for column in others if isinstance(column, list)), default=1)


def _of_all(rejected: Rejected, rows: int, model_id: str | None) -> Rejected:
    rejected.events = max(rows, 1)
    rejected.model_id = rejected.model_id or model_id
    return rejected
