"""What a columnar record holds, as arrays: its predictions as intake judges them.

Packed columns are read where they lie, JSON arrays in one go; no value becomes an object of ours.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property
from struct import error as StructError
from struct import pack
from typing import Annotated, Any, Literal
from zlib import crc32

import msgspec
import numpy as np
import numpy.typing as npt

from monitor.events.limits import ID_PATTERN, MAX_ID, MAX_INDEX, MAX_ROWS, SCHEMA_MAJOR
from monitor.events.types import Outcome
from monitor.observe.batch import ROW, Hash, Place, event_ms
from monitor.observe.columns import Block, Counted, Indexes, Times, floats
from monitor.observe.fields import Identifier, SchemaVersion, Timestamp
from monitor.observe.model import FEATURE
from monitor.observe.redaction import Redaction
from monitor.observe.rejection import Rejected, Trace, trace
from monitor.observe.shape import Shape, Where
from monitor.panes.flush import Record

_DTYPES: Mapping[str, np.dtype[Any]] = {"f64le": np.dtype("<f8"), "f32le": np.dtype("<f4")}
_ID_CHARACTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:/@-"
_ID = re.compile(ID_PATTERN)
_encode = msgspec.json.Encoder().encode


class Packed(msgspec.Struct, gc=False):
    """A column of floats, as the bytes that they are in memory."""

    encoding: Literal["f64le", "f32le"]
    data: bytes

    def __len__(self) -> int:
        return len(self.data) // _DTYPES[self.encoding].itemsize


#: A column as it is read: a list, or an array of floats.
Column = Sequence[Any] | npt.NDArray[np.floating[Any]]


class Decoded(msgspec.Struct, gc=False, kw_only=True):
    """What every columnar record carries; a model's own has `features` besides, a Struct."""

    batch_id: Identifier
    model_version: Identifier
    predictions: list[Outcome] | Packed
    timestamp: Timestamp | None = None
    timestamps: list[Timestamp] | None = None
    scores: list[float | None] | Packed | None = None
    prediction_ids: list[str] | None = None
    first_index: Annotated[int, msgspec.Meta(ge=0, le=MAX_INDEX)] = 0
    schema_version: SchemaVersion = f"{SCHEMA_MAJOR}.0"
    #: A record with an id of its own is a single prediction.
    prediction_id: None = None


class Columnar:
    """The predictions of one record: columns for the panes, and each by its place.

    Raises Rejected, which stands for all of them, where the columns don't fit together.
    """

    def __init__(
        self,
        model_id: str,
        number: int,
        shape: Shape,
        record: Record,
        decoded: Any,
        mistyped: Mapping[int, Sequence[str]],
    ) -> None:
        self.model_id = model_id
        self.batch_id: str = decoded.batch_id
        self.record = record
        self._hashed: int | None = None
        self._decoded: Decoded = decoded
        columns = shape.members[number]
        rows = len(decoded.predictions)
        self.rows = rows
        if rows > MAX_ROWS:
            raise Rejected("limit_rows", f"{rows} predictions, limit {MAX_ROWS}; send two records")
        read = _Reader(rows)
        predictions = read.column("$.predictions", decoded.predictions)
        if not rows:
            raise Rejected("schema_length", "$.predictions: none; a record has at least one")
        read.outcomes(predictions)
        #: What was read, by subject; None where the record has no such column.
        self._read: dict[str, Column | None] = {
            "prediction": predictions,
            "score": read.column("$.scores", decoded.scores),
        }
        for n, name in enumerate(columns.features.names):
            value = getattr(decoded.features, f"f{n}")
            self._read[f"feature/{name}"] = read.column(f"$.features.{name}", value)
        read.ids(decoded)
        times = read.times(decoded)
        none = [None] * rows
        numbers = np.empty((len(columns.numeric), rows))
        for subject, out in zip(columns.numeric, numbers, strict=True):
            value = self._read[subject]
            if value is None:
                out[:] = np.nan
            elif subject == "prediction" and isinstance(value, list):
                out[:] = floats(value)
            else:
                out[:] = _numbers(value)
        texts = [self._read[subject] for subject in columns.categorical]
        self.of: Indexes = np.full(rows, number)
        layouts = shape.layouts(self.of, times)
        codes = shape.codes([none if text is None else _listed(text) for text in texts], layouts)
        self.block = Block(
            self.of, layouts, times, [decoded.model_version], np.zeros(rows, dtype=np.int32),
            numbers, codes, mistyped,
        )  # fmt: skip
        self._shape = shape
        self.times: Times = times
        self.appended: Times = np.full(rows, record.timestamp, dtype=np.int64)

    def places(self, kept: Indexes) -> list[Place]:
        """All in one record."""
        offset = self.record.offset
        return [(offset, k) for k in kept.tolist()]

    def given(self, n: int) -> int | datetime:
        """The time of a prediction as its producer wrote it."""
        one, each = self._decoded.timestamp, self._decoded.timestamps
        if each is not None:
            return each[n]
        assert one is not None
        return one

    def left(self, n: int) -> Trace:
        """Place, size and SHA-256 of the record; its first KiB would say nothing of a row."""
        return self._trace

    @cached_property
    def _trace(self) -> Trace:
        return trace(self.record, Redaction(()))._replace(head=b"")

    def refused(self, n: int, rejected: Rejected) -> Rejected:
        """The same, with the row's place and id."""
        rejected.index = n
        rejected.detail = f"row {n}, prediction {self._id(n)}: {rejected.detail}"
        return rejected

    def ids(self, kept: Indexes) -> Sequence[str]:
        """Prediction ids at these positions."""
        return [self._id(n) for n in kept.tolist()]

    def _id(self, n: int) -> str:
        decoded = self._decoded
        ids = decoded.prediction_ids
        return ids[n] if ids is not None else f"{decoded.batch_id}/{decoded.first_index + n}"

    def hashed(self, n: int, hash_of: Hash) -> int | None:
        """One key for all: the batch's."""
        if self._hashed is None:
            self._hashed = hash_of(self.record, None)
        return self._hashed

    def outcomes(self, kept: Indexes) -> Sequence[Any]:
        """What was predicted: a class or a number."""
        predictions = _listed(self._read["prediction"])
        return [predictions[n] for n in kept.tolist()]

    def payloads(self, kept: Indexes) -> Sequence[int]:
        """A checksum of each row as it was read: the same, whatever record brings it again.

        Only columns of the baseline that holds at the row's time are in it: one that is to come
        changes no checksum.
        """
        told = np.empty(self.block.rows, dtype=np.int64)
        for counted, where in self._shape.parts(self.block.layouts):
            told[where] = self._checksums(counted, where)
        return told[kept].tolist()  # type: ignore[no-any-return]

    def _checksums(self, counted: Counted, where: Where) -> list[int]:
        start = crc32(self._decoded.model_version.encode())
        wrong, rows = self.block.mistyped, np.arange(self.block.rows)[where].tolist()
        parts = ("prediction", "score", *(subject for _, subject, _ in counted.categorical))
        read = [self._read[part] for part in parts]
        columns = [None if column is None else _listed(column) for column in read]
        times = self.times.tolist()
        numbers = np.ascontiguousarray(self.block.numbers[[n for n, _, _ in counted.numeric]].T)
        sums = []
        for n in rows:
            text = (times[n], *(None if column is None else column[n] for column in columns))
            told = crc32(_encode(text), start)
            names = n in wrong and [
                subject.removeprefix(FEATURE)
                for _, subject, _ in counted.numeric
                if subject.removeprefix(FEATURE) in wrong[n]
            ]
            sums.append(ROW + crc32(numbers[n], crc32(_encode(names), told) if names else told))
        return sums


class _Reader:
    """Reads the columns of a record of so many rows; Rejected with the path of what cannot be."""

    def __init__(self, rows: int) -> None:
        self.rows = rows

    def column(self, path: str, value: Any) -> Column | None:
        """A column of the record's length."""
        if value is None:
            return None
        if isinstance(value, Packed):
            dtype = _DTYPES[value.encoding]
            if len(value.data) % dtype.itemsize:
                why = f"{len(value.data)} bytes are no multiple of {dtype.itemsize}"
                raise Rejected("schema_encoding", f"{path}.data: {why}")
            value = np.frombuffer(value.data, dtype)
        self._long(path, value)
        column: Column = value
        return column

    def _long(self, path: str, value: Sequence[Any]) -> None:
        if len(value) != self.rows:
            why = f"{len(value)} values for {self.rows} predictions"
            raise Rejected("schema_length", f"{path}: {why}")

    def outcomes(self, predictions: Column | None) -> None:
        """Packed predictions have no null, as those in JSON have none."""
        if isinstance(predictions, np.ndarray) and not np.isfinite(predictions).all():
            n = int(np.argmin(np.isfinite(predictions)))
            why = f"expected a finite number, got {predictions[n]}"
            raise Rejected("schema_type", f"$.predictions[{n}]: {why}")

    def ids(self, decoded: Decoded) -> None:
        """Ids of the right length and characters, given or derived."""
        ids = decoded.prediction_ids
        if ids is None:
            longest = f"{decoded.batch_id}/{decoded.first_index + self.rows - 1}"
            if len(longest) > MAX_ID:
                why = f"{longest} is longer than {MAX_ID} characters"
                raise Rejected("limit_id", f"$.batch_id: {why}; shorten it, or send prediction_ids")
            return
        self._long("$.prediction_ids", ids)
        joined = "".join(ids).encode()
        lengths = list(map(len, ids))
        # All at once: a regular expression for each costs more than all else of a row.
        if (
            joined.translate(None, _ID_CHARACTERS)
            or not 1 <= min(lengths) <= max(lengths) <= MAX_ID
        ):
            n = next(n for n, key in enumerate(ids) if not _ID.search(key))
            # Not what it is: that may be anything.
            why = f"no 1 to {MAX_ID} letters, digits or any of . _ : / @ -"
            raise Rejected("limit_id", f"$.prediction_ids[{n}]: {why}")

    def times(self, decoded: Decoded) -> Times:
        """Event times int64[rows] in ms."""
        one, each = decoded.timestamp, decoded.timestamps
        if one is not None and each is not None:
            raise Rejected("schema_type", "$.timestamp: $.timestamps are there too; send one")
        if one is not None:
            return np.full(self.rows, event_ms(one), dtype=np.int64)
        if each is None:
            why = "required field is missing, and so is $.timestamp, one for all"
            raise Rejected("schema_missing", f"$.timestamps: {why}")
        self._long("$.timestamps", each)
        try:
            return np.array(each, dtype=np.int64)
        except TypeError:  # some are texts
            return np.array([event_ms(time) for time in each], dtype=np.int64)


def _numbers(column: Column) -> Column:
    """The same for an array to take up, which makes None NaN: packed, unless there is any."""
    if isinstance(column, list):
        try:
            return np.frombuffer(pack(f"{len(column)}d", *column))
        except StructError:
            pass
    return column


def _listed(column: Column | None) -> list[Any]:
    listed: list[Any] = column.tolist() if isinstance(column, np.ndarray) else column  # type: ignore[assignment]
    return listed
