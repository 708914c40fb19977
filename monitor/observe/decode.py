"""Bytes to typed rows: one msgspec decoder over a tagged union of the registered models.

The fast path decodes a record straight into the Struct of its model. A record that it refuses is
looked at again, slowly: a mistyped *feature* is counted as a type error of that feature; anything
else gets its reason.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from monitor.events.limits import MAX_EVENT_BYTES, MAX_FEATURES, SCHEMA_MAJOR
from monitor.events.signatures import Keyring
from monitor.events.types import Decision, EndOfStream, Outcome
from monitor.observe.columnar import Columnar
from monitor.observe.columnar_decode import ColumnarDecoder
from monitor.observe.columns import Columns
from monitor.observe.fields import NOBODY, Identifier, SchemaVersion, Timestamp
from monitor.observe.model import Monitored
from monitor.observe.refusal import MAX_DEPTH, UNREADABLE, deeper, explain, parse
from monitor.observe.rejection import Rejected
from monitor.observe.shape import shapes
from monitor.panes.flush import Record

#: No 500 features are shorter, so only a longer event is searched for too many.
WIDE_BYTES = 5 * MAX_FEATURES


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
    batch_id: Identifier | None = None
    schema_version: SchemaVersion = f"{SCHEMA_MAJOR}.0"


class ReviewRow(msgspec.Struct, gc=False):
    """A human's review of one prediction."""

    review_id: Identifier
    prediction_id: Identifier
    model_id: Identifier
    reviewer_id: Identifier
    final_decision: Outcome
    timestamp: Timestamp
    batch_id: Identifier | None = None
    schema_version: SchemaVersion = f"{SCHEMA_MAJOR}.0"


class ApprovalRow(msgspec.Struct, gc=False):
    """A person's decision about one command, once its signature has been found to hold."""

    approval_id: Identifier
    command_id: Identifier
    model_id: Identifier
    decision: Decision
    approver: Identifier
    timestamp: Timestamp
    schema_version: SchemaVersion = f"{SCHEMA_MAJOR}.0"


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


def _row(model_id: str | None, features: type | None) -> type[msgspec.Struct]:
    """The Struct of a model's predictions, told by its tag; without a model, of any model's."""
    fields: list[Any] = [("features", features)] if features else []
    if model_id is None:
        return msgspec.defstruct(
            "PredictionRow", [("model_id", str), *fields], bases=(Row,), kw_only=True, gc=False
        )
    return msgspec.defstruct(
        "PredictionRow",
        fields,
        bases=(Row,) if features else (),
        namespace={"model_id": model_id},
        tag_field="model_id",
        tag=model_id,
        kw_only=True,
        gc=False,
    )


class Decoder:
    """Decodes the values of the input topics for the registered models."""

    def __init__(self, models: Iterable[Monitored], keyring: Keyring | None = None) -> None:
        self.keyring = keyring or Keyring()
        self.columns = {model.spec.id: Columns(model) for model in models}
        self.shapes = shapes(list(self.columns.values()))
        self._struct = {m: _row(m, columns.features.struct) for m, columns in self.columns.items()}
        alike = {columns.features.struct for columns in self.columns.values()}
        union: Any = _row(NOBODY, None)
        #: What decodes into a prediction, with its `model_id`; that may yet be nobody's.
        self.events: set[type]
        if len(alike) == 1:
            # Where all have the same features, they need not be told apart to be decoded: a Struct
            # for each of a thousand would not stay in the cache.
            union = _row(None, alike.pop())
            self.events = {union}
        else:
            self.events = {union, *self._struct.values()}
            for struct in self._struct.values():
                union = union | struct
        self._prediction = msgspec.json.Decoder(union)
        self._columnar = ColumnarDecoder(self.columns, self.shapes, self._known)
        self._label = msgspec.json.Decoder(LabelRow)
        self._review = msgspec.json.Decoder(ReviewRow)

    def predictions(self, records: Sequence[Record]) -> list[Any]:
        """Decode each to a row, a `(row, mistyped features)`, Columnar, EndOfStream or Rejected."""
        decode, columnar = self._prediction.decode, self._columnar.decode
        return self._all(records, decode, self._slow_prediction, columnar, objects=2)

    def labels(self, records: Sequence[Record]) -> list[Any]:
        """Decode each record to a LabelRow, an EndOfStream or a Rejected."""
        return self._all(records, self._label.decode, self._slow, None, objects=1)

    def reviews(self, records: Sequence[Record]) -> list[Any]:
        """Decode each record to a ReviewRow, an EndOfStream or a Rejected."""
        return self._all(records, self._review.decode, self._slow, None, objects=1)

    def approvals(self, records: Sequence[Record]) -> list[Any]:
        """Decode each record to an ApprovalRow or a Rejected.

        Nothing of a record is believed before its signature holds, and what is taken is the very
        object that was signed.
        """
        return [self._approval(record.value) for record in records]

    def _approval(self, value: bytes | None) -> Any:
        try:
            raw = parse(self._screened(value))
        except Rejected as rejected:
            return rejected
        model_id = raw.get("model_id")
        why = self.keyring.refusal(raw, by="approver")
        if why is not None:
            known = model_id if isinstance(model_id, str) and model_id in self.columns else None
            return Rejected("bad_signature", why, model_id=known)
        try:
            known = self._known(model_id)
            return msgspec.convert(raw, ApprovalRow)
        except Rejected as rejected:
            return rejected
        except msgspec.ValidationError as error:
            return explain(error, known)

    def _all(
        self,
        records: Sequence[Record],
        fast: Callable[[bytes], Any],
        slow: Callable[[Record, Exception], Any],
        columnar: Callable[[Record], Columnar | None] | None,
        objects: int,
    ) -> list[Any]:
        values = [record.value for record in records]
        if _plain(values, objects):
            try:
                return [fast(value) for value in values]  # type: ignore[arg-type]
            except UNREADABLE:
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
                    if columnar and value is not None and b'"predictions"' in value:
                        batch = columnar(record)
                        if batch is not None:
                            append(batch)
                            continue
                    value = self._screened(value)
                append(fast(value))
            except Rejected as rejected:
                append(rejected)
            except UNREADABLE as refusal:
                try:
                    append(slow(record, refusal))
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
            raw = parse(value)
            if deeper(raw, MAX_DEPTH):
                raise Rejected("malformed", f"objects or lists more than {MAX_DEPTH} deep")
            features = raw.get("features")
            if isinstance(features, dict) and len(features) > MAX_FEATURES:
                why = f"{len(features)} features, limit {MAX_FEATURES}"
                raise Rejected("limit_features", why, model_id=self._known(raw.get("model_id")))
        return value

    def _slow(self, record: Record, refusal: Exception) -> Any:
        raw = parse(value := record.value or b"")
        if raw.get("type") == "end_of_stream":
            return self._end_of_stream(value)
        model_id = raw.get("model_id")
        self._known(model_id)
        raise explain(refusal, str(model_id))

    def _slow_prediction(self, record: Record, refusal: Exception) -> Any:
        raw = parse(value := record.value or b"")
        if raw.get("type") == "end_of_stream":
            return self._end_of_stream(value)
        if (batch := self._columnar.parsed(record, raw)) is not None:
            return batch
        model_id = self._known(raw.get("model_id"))
        features = raw.get("features")
        if not isinstance(features, dict):
            raise explain(refusal, model_id)
        decoded, mistyped = self.columns[model_id].features.lenient(features)
        try:
            # What the Struct of the model says of all the rest; its features are optional.
            row = msgspec.convert({**raw, "features": {}}, self._struct[model_id])
        except msgspec.ValidationError as error:
            raise explain(error, model_id) from None
        row.features = decoded  # type: ignore[attr-defined]
        return (row, mistyped) if mistyped else row

    def _end_of_stream(self, value: bytes) -> EndOfStream:
        try:
            end = msgspec.json.decode(value, type=EndOfStream)
        except UNREADABLE as error:
            raise explain(error, None) from None
        self._known(end.model_id)
        return end

    def _known(self, model_id: object) -> str:
        if model_id is None:
            raise Rejected("schema_missing", "$.model_id: required field is missing")
        if not isinstance(model_id, str):
            # Not what it is: that may be anything, and the detail of a letter is not redacted.
            got = type(model_id).__name__
            raise Rejected("schema_type", f"$.model_id: expected a string, got {got}")
        if model_id not in self.columns:
            raise Rejected("unknown_model", f"model {model_id!r:.140} is not registered")
        return model_id
