"""From fields to the bytes of an event, refused here if the stream would refuse them.

The fast path is one encoding and one decoding by msgspec; only what fails is looked at field by
field, to say which one and what to do.
"""

import math
import re
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple
from uuid import UUID

import msgspec
import numpy as np

from monitor.errors import InvalidEvent
from monitor.events.limits import (
    LEAST_PLAUSIBLE_MS,
    MAX_CLASS,
    MAX_EVENT_BYTES,
    MAX_FEATURE_NAME,
    MAX_FEATURES,
    MAX_ID,
    MAX_INTEGER,
    MIN_INTEGER,
)
from monitor.events.timestamps import to_ms
from monitor.events.types import EndOfStream, Label, Prediction, Review
from monitor.registry.problems import nearest

Kind = Literal["prediction", "label", "review"]
Event = Prediction | Label | Review
Scalar = str | int | float | bool | None

#: More milliseconds than this (the year 5138) were surely meant as micro- or nanoseconds.
MOST_PLAUSIBLE_MS = 100_000_000_000_000
TOPICS: Mapping[Kind, str] = {
    "prediction": "predictions",
    "label": "labels",
    "review": "reviews",
}
_PLAIN = frozenset({str, int, float, bool, type(None)})
_NAMES = frozenset({str})
_TYPES: Mapping[Kind, type[Event]] = {"prediction": Prediction, "label": Label, "review": Review}
_FIELDS = {kind: frozenset(struct.__struct_fields__) for kind, struct in _TYPES.items()}
_TIMES = ("timestamp", "prediction_timestamp", "started_at")
_PATH = re.compile(r"^(?P<what>.*?)(?: - at `(?P<where>.*)`)?$", re.DOTALL)


class Encoded(NamedTuple):
    """An event as it goes to Kafka: the topic without its namespace, the key, the value."""

    topic: str
    key: bytes
    value: bytes


def encode(kind: Kind, event: Mapping[str, Any] | Event, now_ms: int) -> Encoded:
    """Validate and encode one event; `now_ms` is its timestamp where it has none.

    Raises InvalidEvent that names the event and the field.

    >>> encode("label", {"prediction_id": "p", "model_id": "m", "label": np.int64(1)}, 10**12)[1:]
    (b'p', b'{"prediction_id":"p","model_id":"m","label":1,"timestamp":1000000000000}')
    """
    if kind not in _TYPES:
        raise InvalidEvent(f"{kind!r:.40} is no kind of event; {nearest(str(kind), _TYPES)}")
    given = _given(kind, event)
    try:
        fields = _timed({name: _plain_field(name, value) for name, value in given.items()}, now_ms)
        value = msgspec.json.encode(fields)
        # msgspec writes NaN and infinities as null, and the stream would take those for missing.
        if b"null" in value:
            _check_finite(fields)
        decoded = _DECODERS[kind].decode(value)
        if len(value) > MAX_EVENT_BYTES:
            raise InvalidEvent(
                f"{len(value)} bytes; at most {MAX_EVENT_BYTES}: send fewer features"
            )
    except InvalidEvent as error:
        raise InvalidEvent(f"{_named(kind, given)}: {error}") from None
    except (msgspec.ValidationError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise InvalidEvent(f"{_named(kind, given)}: {_blame(given, error)}") from None
    # What came in a columnar record is keyed by that record, wherever it is spoken of.
    key = getattr(decoded, "batch_id", None) or decoded.prediction_id
    return Encoded(TOPICS[kind], key.encode(), value)


def end_of_stream(model_id: str) -> bytes:
    """Encode the record that closes what is open of a model; InvalidEvent for a bad id."""
    value = msgspec.json.encode(EndOfStream(model_id=model_id))
    try:
        msgspec.json.decode(value, type=EndOfStream)
    except msgspec.ValidationError as error:
        raise InvalidEvent(f"end of stream: {_blame({'model_id': model_id}, error)}") from None
    return value


def plain(value: object) -> Scalar:
    """Return NumPy's scalars, and subclasses, as what JSON carries; TypeError for all else.

    >>> plain(np.float64(0.5)), plain(np.bool_(True)), plain(np.str_("a"))
    (0.5, True, 'a')
    """
    if value.__class__ in _PLAIN:
        return value  # type: ignore[return-value]
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.ndim == 0):
        value = value.item()
    if isinstance(value, bool):
        return value
    # As the base class has it, since an Enum's own str() is another text than its value.
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, float):
        return float.__add__(value, 0.0)
    if isinstance(value, int):
        return int.__add__(value, 0)
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"a {type(value).__name__}")


def _plain_field(name: str, value: object) -> object:
    """A field as msgspec is to encode it; left alone, it writes bytes as base64, and the like."""
    if value.__class__ in _PLAIN or name in _TIMES:
        return value
    if not isinstance(value, Mapping):
        return plain(value)
    kinds = set(map(type, value.values()))
    if not (kinds <= _PLAIN and set(map(type, value)) <= _NAMES):
        value = {_name(key): plain(item) for key, item in value.items()}
    if int in kinds:
        for key, item in value.items():
            if item.__class__ is int and not MIN_INTEGER <= item <= MAX_INTEGER:
                raise InvalidEvent(f"{key!r:.140} is an integer of more than 64 bits; send a float")
    return value if value.__class__ is dict else dict(value)


def _name(key: object) -> str:
    if not isinstance(key, str):
        raise TypeError(f"{key!r:.60} is no name; names are text")
    return str.__str__(key)


_DECODERS: Mapping[Kind, msgspec.json.Decoder[Any]] = {
    kind: msgspec.json.Decoder(struct) for kind, struct in _TYPES.items()
}


def _given(kind: Kind, event: Mapping[str, Any] | Event) -> dict[str, Any]:
    """The fields that have a value; None is the same as left out."""
    if isinstance(event, msgspec.Struct):
        if not isinstance(event, _TYPES[kind]):
            raise InvalidEvent(f"a {type(event).__name__} was given as a {kind}")
        event = msgspec.structs.asdict(event)
    given = {name: value for name, value in event.items() if value is not None}
    if not given.keys() <= _FIELDS[kind]:
        unknown = min(given.keys() - _FIELDS[kind], key=str)
        raise InvalidEvent(
            f"{_named(kind, given)}: unknown field {unknown!r:.60}; "
            f"{nearest(str(unknown), _FIELDS[kind])}"
        )
    return given


def _timed(given: dict[str, Any], now_ms: int) -> dict[str, Any]:
    """The fields with every time in integer milliseconds, which the stream reads fastest."""
    fields = {**given, "timestamp": given.get("timestamp", now_ms)}
    for name in _TIMES:
        if name in fields:
            fields[name] = time_ms(name, fields[name])
    return fields


def time_ms(name: str, value: Any) -> int:
    """Return a time in milliseconds; InvalidEvent where it is none, or surely of another unit."""
    try:
        ms = to_ms(value)
    except InvalidEvent as error:
        raise InvalidEvent(f"{name}: {error}") from None
    if ms < 0:
        raise InvalidEvent(f"{name} is {value}, before 1970; give the event's time")
    if not isinstance(value, str) and ms < LEAST_PLAUSIBLE_MS:
        raise InvalidEvent(f"{name} {ms} looks like seconds; give milliseconds since 1970")
    if ms > MOST_PLAUSIBLE_MS:
        raise InvalidEvent(f"{name} {ms} looks like microseconds; give milliseconds since 1970")
    return ms


def _check_finite(fields: Mapping[str, Any]) -> None:
    features = fields.get("features")
    if isinstance(features, Mapping):
        for name, value in features.items():
            if _infinite(value):
                raise InvalidEvent(
                    f"feature {name!r:.140} is {value}; send None for a value that is missing"
                )
    probabilities = fields.get("probabilities")
    if isinstance(probabilities, Mapping):
        for name, value in probabilities.items():
            if _infinite(value):
                raise InvalidEvent(f"the probability of {name!r:.140} is {value}; leave it out")
    for name, value in fields.items():
        if _infinite(value):
            raise InvalidEvent(f"{name} is {value}; leave it out, or send a number")


def _infinite(value: object) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def _named(kind: Kind, given: Mapping[str, Any]) -> str:
    name = f"{kind} {_shown(given.get('prediction_id', 'without prediction_id'))}"
    return f"{name} of model {_shown(given['model_id'])}" if "model_id" in given else name


def _shown(value: object) -> str:
    """An identifier in a message, which stays one line whatever the identifier is."""
    text = f"{value!s:.140}"
    return text if text.isprintable() else repr(text)


def _blame(given: Mapping[str, Any], error: Exception) -> str:
    """Which field is to blame, and what would be right."""
    for group in ("features", "probabilities", "segment", "protected"):
        values = given.get(group)
        if isinstance(values, Mapping):
            for name, value in values.items():
                if trouble := _trouble(name, value):
                    return f"{group}: {trouble}"
    features = given.get("features")
    if isinstance(features, Mapping):
        if len(features) > MAX_FEATURES:
            return f"{len(features)} features; at most {MAX_FEATURES} are possible"
        for name in features:
            if not 1 <= len(name) <= MAX_FEATURE_NAME:
                return (
                    f"feature {name[:40]!r} has a name of {len(name)} characters; "
                    f"1 to {MAX_FEATURE_NAME} are possible"
                )
    for name, value in given.items():
        scalar = not isinstance(value, Mapping) and name not in _TIMES
        if scalar and (trouble := _trouble(name, value)):
            return trouble
    match = _PATH.match(str(error))
    what, where = (match["what"], match["where"]) if match else (str(error), None)
    name = (where or "").removeprefix("$.").partition("[")[0]
    if "missing required field" in what:
        return f"{what.partition('`')[2].rstrip('`')} is missing"
    if "matching regex" in what and name.endswith(("_id", "model_version")):
        return (
            f"{name} is {given.get(name)!r:.140}; use 1 to {MAX_ID} letters, digits or any of "
            ". _ : / @ -"
        )
    value = given.get(name)
    if "of length <=" in what and isinstance(value, str):
        return f"{name} is a class of {len(value)} characters; at most {MAX_CLASS} are possible"
    if isinstance(value, int | np.integer) and not MIN_INTEGER <= value <= MAX_INTEGER:
        return f"{name} is an integer of more than 64 bits; send a float, or text"
    return f"{name}: {what[:1].lower()}{what[1:]}" if name else what


def _trouble(name: object, value: object) -> str | None:
    """Why a value cannot be sent under its name, None if it can as far as one sees."""
    if not isinstance(name, str):
        return f"{name!r:.60} is no name; names are text"
    for text in (name, value):
        if isinstance(text, str) and not _encodable(text):
            return f"{name!r:.140} holds text that is not valid Unicode"
    try:
        plain(value)
    except TypeError:
        return f"{name} is a {type(value).__name__}; send a number, text, true or false"
    return None


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
