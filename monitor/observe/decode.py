"""Bytes to typed rows: one msgspec decoder over a tagged union of the registered models.

The fast path decodes a record straight into the Struct of its model. A record that it refuses is
looked at again, slowly: a mistyped *feature* is counted as a type error of that feature; anything
else gets its reason.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Annotated, Any

import msgspec

from monitor.events.limits import ID_PATTERN, MAX_EVENT_BYTES, MAX_FEATURES, SCHEMA_MAJOR
from monitor.events.types import EndOfStream, Outcome
from monitor.observe.model import Monitored
from monitor.observe.reasons import Reason
from monitor.observe.rejection import Rejected
from monitor.panes.flush import Record
from monitor.stats.grid import CategoricalGrid

NAN = float("nan")
#: The last millisecond of the year 9999: beyond it there is no RFC 3339, and soon no int64.
LAST_MS = 253_402_300_799_999
#: No 500 features are shorter, so only a longer event is searched for too many.
WIDE_BYTES = 5 * MAX_FEATURES
#: Objects and lists within each other; an event of ours needs two or three.
MAX_DEPTH = 16
#: Stands among the models so that `model_id` is asked for even where there is one, or none.
NOBODY = "?"
Identifier = Annotated[str, msgspec.Meta(pattern=ID_PATTERN)]
Timestamp = (
    Annotated[int, msgspec.Meta(ge=0, le=LAST_MS)] | Annotated[datetime, msgspec.Meta(tz=True)]
)
Scalar = str | int | float | bool | None
SchemaVersion = Annotated[str, msgspec.Meta(pattern=rf"^{SCHEMA_MAJOR}(\.[0-9]+)*$(?!\n)")]
#: What msgspec raises at input that it cannot read; bad UTF-8 is no error of its own.
_UNREADABLE = (msgspec.MsgspecError, RecursionError, UnicodeDecodeError)
_PATH = re.compile(r"^(?P<what>.*?)(?: - at `(?P<path>[^`]*)`)?$", re.DOTALL)


class Row(msgspec.Struct, gc=False):
    """What every prediction carries, whatever its model; `features` is a Struct of the model's."""

    prediction_id: Identifier
    model_version: Identifier
    timestamp: Timestamp
    prediction: Outcome
    score: float | None = None
    schema_version: SchemaVersion = f"{SCHEMA_MAJOR}.0"


class LabelRow(msgspec.Struct, gc=False):
    """A ground-truth label of one prediction."""

    prediction_id: Identifier
    model_id: Identifier
    label: Outcome
    timestamp: Timestamp
    schema_version: SchemaVersion = f"{SCHEMA_MAJOR}.0"


class ReviewRow(msgspec.Struct, gc=False):
    """A human's review of one prediction."""

    review_id: Identifier
    prediction_id: Identifier
    model_id: Identifier
    reviewer_id: Identifier
    final_decision: Outcome
    timestamp: Timestamp
    schema_version: SchemaVersion = f"{SCHEMA_MAJOR}.0"


class Features:
    """The features of one model: the Struct that they decode into, and their columns in order."""

    def __init__(self, model: Monitored) -> None:
        columns = model.baseline.layout.columns if model.baseline else ()
        wanted = [c for c in columns if c.subject.startswith("feature/")]
        self.names = [c.subject.removeprefix("feature/") for c in wanted]
        self.categorical = [isinstance(c.grid, CategoricalGrid) for c in wanted]
        fields = [f"f{i}" for i in range(len(wanted))]
        self.struct = msgspec.defstruct(
            "Features",
            [
                (field, Scalar, None) if categorical else (field, float | None, NAN)
                for field, categorical in zip(fields, self.categorical, strict=True)
            ],
            rename=dict(zip(fields, self.names, strict=True)),
            gc=False,
        )
        #: Values of one row's numeric or categorical features, in column order.
        self.numeric = _values([f for f, c in zip(fields, self.categorical, strict=True) if not c])
        self.categories = _values([f for f, c in zip(fields, self.categorical, strict=True) if c])

    def lenient(self, raw: Mapping[str, Any]) -> tuple[Any, list[str]]:
        """Take features of any type; return the Struct and the numeric features of a wrong type.

        A category of a wrong type is passed on: its grid has a slot for it.
        """
        values: list[Any] = []
        mistyped: list[str] = []
        for name, categorical in zip(self.names, self.categorical, strict=True):
            value = raw.get(name)
            if categorical:
                values.append(value)
            elif value is None:
                values.append(NAN)
            elif isinstance(value, (int, float)) and not isinstance(value, bool):
                values.append(_float(name, value))
            else:
                mistyped.append(name)
                values.append(NAN)
        return self.struct(*values), mistyped


def _plain(values: Sequence[bytes | None], objects: int) -> bool:
    """Whether a chunk has nothing that the fast decoder would skip over without a look.

    An event of the schema has at least `objects` objects. If the chunk has just so many an event,
    and each decodes, then none is deeper; and without lists, with ASCII alone and of a moderate
    length, an event has nothing else to be screened for.
    """
    try:
        joined = b"".join(values)  # type: ignore[arg-type]
    except TypeError:
        return False  # a tombstone
    return (
        joined.isascii()
        and b"[" not in joined
        and joined.count(b"{") == objects * len(values)
        and max(map(len, values), default=0) <= WIDE_BYTES  # type: ignore[arg-type]
    )


def _float(name: str, value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        raise Rejected("malformed", f"$.features.{name:.80}: number out of range") from None


def _values(fields: Sequence[str]) -> Callable[[Any], tuple[Any, ...]]:
    """A function from a Struct to the tuple of the named fields, also for none or one."""
    if not fields:
        return lambda row: ()
    if len(fields) == 1:
        only = attrgetter(fields[0])
        return lambda row: (only(row),)
    return attrgetter(*fields)


class Decoder:
    """Decodes the values of the three input topics for the registered models."""

    def __init__(self, models: Iterable[Monitored]) -> None:
        self.features = {model.spec.id: Features(model) for model in models}
        structs = [
            msgspec.defstruct(
                "PredictionRow",
                [("features", features.struct)],
                bases=(Row,),
                tag_field="model_id",
                tag=model_id,
                kw_only=True,
                gc=False,
            )
            for model_id, features in self.features.items()
        ]
        self._struct = dict(zip(self.features, structs, strict=True))
        self.model_of: dict[type, str] = {s: m for m, s in self._struct.items()}
        union: Any = msgspec.defstruct("Nobody", [], tag_field="model_id", tag=NOBODY)
        self.model_of[union] = NOBODY
        for struct in structs:
            union = union | struct
        self._prediction = msgspec.json.Decoder(union)
        self._label = msgspec.json.Decoder(LabelRow)
        self._review = msgspec.json.Decoder(ReviewRow)

    def predictions(self, records: Sequence[Record]) -> list[Any]:
        """Decode each to a row, a `(row, mistyped features)`, an EndOfStream or a Rejected."""
        return self._all(records, self._prediction.decode, self._slow_prediction, objects=2)

    def labels(self, records: Sequence[Record]) -> list[Any]:
        """Decode each record to a LabelRow, an EndOfStream or a Rejected."""
        return self._all(records, self._label.decode, self._slow, objects=1)

    def reviews(self, records: Sequence[Record]) -> list[Any]:
        """Decode each record to a ReviewRow, an EndOfStream or a Rejected."""
        return self._all(records, self._review.decode, self._slow, objects=1)

    def _all(
        self,
        records: Sequence[Record],
        fast: Callable[[bytes], Any],
        slow: Callable[[bytes, Exception], Any],
        objects: int,
    ) -> list[Any]:
        values = [record.value for record in records]
        if _plain(values, objects):
            try:
                return [fast(value) for value in values]  # type: ignore[arg-type]
            except _UNREADABLE:
                pass  # one of them is not: each is looked at by itself
        rows: list[Any] = []
        append = rows.append
        for record in records:
            value = record.value
            try:
                if (
                    value is None
                    or not value.isascii()
                    or value.find(b"[") >= 0
                    or len(value) > WIDE_BYTES
                    # Counts objects, in a third of the time that `count` takes.
                    or len(value) - len(value.replace(b"{", b"")) > MAX_DEPTH
                ):
                    value = self._screened(value)
                append(fast(value))
            except Rejected as rejected:
                append(rejected)
            except _UNREADABLE as refusal:
                try:
                    append(slow(value or b"", refusal))
                except Rejected as rejected:
                    append(rejected)
        return rows

    def _screened(self, value: bytes | None) -> bytes:
        """Refuse what the fast decoder would not notice, because it skips what it doesn't know."""
        if value is None:
            raise Rejected("malformed", "no value: a tombstone is no event")
        if len(value) > MAX_EVENT_BYTES:
            raise Rejected("limit_size", f"{len(value)} bytes, limit {MAX_EVENT_BYTES}")
        try:
            value.decode()
        except UnicodeDecodeError as error:
            raise Rejected("malformed", str(error)) from None
        brackets = value.count(b"{") + value.count(b"[")
        if brackets > MAX_DEPTH or value.count(b":") > MAX_FEATURES:
            raw = _parse(value)
            if _deeper(raw, MAX_DEPTH):
                raise Rejected("malformed", f"objects or lists more than {MAX_DEPTH} deep")
            features = raw.get("features")
            if isinstance(features, dict) and len(features) > MAX_FEATURES:
                why = f"{len(features)} features, limit {MAX_FEATURES}"
                raise Rejected("limit_features", why, model_id=self._known(raw.get("model_id")))
        return value

    def _slow(self, value: bytes, refusal: Exception) -> Any:
        raw = _parse(value)
        if raw.get("type") == "end_of_stream":
            return self._end_of_stream(value)
        model_id = raw.get("model_id")
        self._known(model_id)
        raise _explain(refusal, str(model_id))

    def _slow_prediction(self, value: bytes, refusal: Exception) -> Any:
        raw = _parse(value)
        if raw.get("type") == "end_of_stream":
            return self._end_of_stream(value)
        model_id = self._known(raw.get("model_id"))
        features = raw.get("features")
        if not isinstance(features, dict):
            raise _explain(refusal, model_id)
        decoded, mistyped = self.features[model_id].lenient(features)
        try:
            # What the Struct of the model says of all the rest; its features are optional.
            row = msgspec.convert({**raw, "features": {}}, self._struct[model_id])
        except msgspec.ValidationError as error:
            raise _explain(error, model_id) from None
        row.features = decoded  # type: ignore[attr-defined]
        return (row, mistyped) if mistyped else row

    def _end_of_stream(self, value: bytes) -> EndOfStream:
        try:
            end = msgspec.json.decode(value, type=EndOfStream)
        except _UNREADABLE as error:
            raise _explain(error, None) from None
        self._known(end.model_id)
        return end

    def _known(self, model_id: object) -> str:
        if model_id is None:
            raise Rejected("schema_missing", "$.model_id: required field is missing")
        if not isinstance(model_id, str):
            # Not what it is: that may be anything, and the detail of a letter is not redacted.
            got = type(model_id).__name__
            raise Rejected("schema_type", f"$.model_id: expected a string, got {got}")
        if model_id not in self.features:
            raise Rejected("unknown_model", f"model {model_id!r:.140} is not registered")
        return model_id


def _deeper(value: Any, limit: int) -> bool:
    """Whether objects and lists are nested more than `limit` deep; a list of numbers is 1 deep."""
    level = [value]
    for _ in range(limit):
        boxes = [v.values() if isinstance(v, dict) else v for v in level if _is_box(v)]
        level = [inner for box in boxes for inner in box]
    return any(map(_is_box, level))


def _is_box(value: Any) -> bool:
    return isinstance(value, (dict, list))


def _parse(value: bytes) -> dict[str, Any]:
    """Any JSON object; Rejected as malformed otherwise."""
    try:
        raw = msgspec.json.decode(value)
    except _UNREADABLE as error:
        raise Rejected("malformed", str(error)) from None
    if not isinstance(raw, dict):
        raise Rejected("malformed", f"a JSON object is expected, got {type(raw).__name__}")
    return raw


def _explain(error: Exception, model_id: str | None) -> Rejected:
    """The reason and the path of a refusal, in the bounded vocabulary of dead letters."""
    if not isinstance(error, msgspec.ValidationError):
        return Rejected("malformed", str(error), model_id=model_id)
    match = _PATH.match(str(error))
    what, path = (match["what"], match["path"] or "$") if match else (str(error), "$")
    unbounded = "out of range" in what or "Expected `int` <=" in what or "Expected `int` >=" in what
    reason: Reason
    if "missing required field" in what:
        reason = "schema_missing"
    elif path == "$.schema_version":
        reason = "schema_version"
    elif "matching regex" in what:
        reason = "limit_id"
    elif unbounded and path == "$.timestamp":
        return Rejected(
            "future_timestamp", f"{path}: {what}", outcome="quarantined", model_id=model_id
        )
    elif unbounded:
        reason = "malformed"
    elif "of length <=" in what:
        reason = "limit_class"
    else:
        reason = "schema_type"
    return Rejected(reason, f"{path}: {what}", model_id=model_id)
