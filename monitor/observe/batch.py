"""Events as they are judged: together as columns, and each where it must be named."""

import zlib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import numpy as np

from monitor.observe.columns import Block, Indexes, Times
from monitor.observe.rejection import Rejected, Trace
from monitor.observe.shape import Shape
from monitor.panes.flush import Record

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)

#: Checksums of rows of columnar records begin here; those of records are below.
ROW = 1 << 32


def alike(one: int, other: int) -> bool:
    """Whether two checksums may be of one payload.

    Of a record and a row nobody can tell, and a repetition is likelier than a conflict.
    """
    return one == other or (one ^ other) >= ROW


def event_ms(timestamp: int | datetime) -> int:
    """Event time in ms since 1970, exactly.

    >>> event_ms(datetime(2013, 5, 1, tzinfo=UTC))
    1367366400000
    """
    return timestamp if timestamp.__class__ is int else (timestamp - _EPOCH) // _MS  # type: ignore[operator]


#: Where an event stands in the log: the offset of its record, and its index there.
Place = tuple[int, int]
#: What is remembered of a record's key, given the id that it may be (`Placement.hash_of`).
Hash = Callable[[Record, str | None], int | None]


class Events(Protocol):
    """Events in the order of the log, from one record each or all from one."""

    #: The numbers of their models, int[n].
    of: Indexes
    #: Event times and the broker's append times, int64[n] in ms.
    times: Times
    appended: Times

    def given(self, n: int) -> int | datetime:
        """The time of an event as its producer wrote it."""

    def left(self, n: int) -> Record | Trace:
        """What a dead letter tells of an event's record."""

    def refused(self, n: int, rejected: Rejected) -> Rejected:
        """The same refusal, with what tells the event from others of its record."""


class Predictions(Events, Protocol):
    """Predictions of one shape: columns for the panes, and what the memory asks of some."""

    block: Block

    def places(self, kept: Indexes) -> list[Place]:
        """Where the predictions at these positions stand in the log."""

    def ids(self, kept: Indexes) -> Sequence[str]:
        """Prediction ids at these positions."""

    def hashed(self, n: int, hash_of: Hash) -> int | None:
        """What is remembered of the key of a prediction's record."""

    def outcomes(self, kept: Indexes) -> Sequence[Any]:
        """What was predicted: a class or a number."""

    def payloads(self, kept: Indexes) -> Sequence[int]:
        """A checksum of each prediction's content, to tell a repetition from a conflict."""


class Singles:
    """Events of a record each: decoded rows, and the records that they were decoded from."""

    def __init__(self, rows: Sequence[Any], records: Sequence[Record], of: Indexes) -> None:
        self.rows = rows
        self.records = records
        self.of = of
        self.times: Times = np.array([event_ms(row.timestamp) for row in rows], dtype=np.int64)
        self.appended: Times = np.array([r.timestamp for r in records], dtype=np.int64)

    def given(self, n: int) -> int | datetime:
        """The time of an event as its producer wrote it."""
        timestamp: int | datetime = self.rows[n].timestamp
        return timestamp

    def left(self, n: int) -> Record | Trace:
        """The record of an event."""
        return self.records[n]

    def refused(self, n: int, rejected: Rejected) -> Rejected:
        """The same: the record is the event."""
        return rejected

    def places(self, kept: Indexes) -> list[Place]:
        """A record each."""
        records = self.records
        return [(records[k].offset, 0) for k in kept.tolist()]


class SinglePredictions(Singles):
    """Predictions of a record each, as columns."""

    def __init__(
        self,
        shape: Shape,
        rows: Sequence[Any],
        records: Sequence[Record],
        of: Indexes,
        mistyped: Mapping[int, Sequence[str]],
    ) -> None:
        super().__init__(rows, records, of)
        self.block = shape.block(rows, of, self.times, mistyped)

    def ids(self, kept: Indexes) -> Sequence[str]:
        """Prediction ids at these positions."""
        rows = self.rows
        return [rows[k].prediction_id for k in kept.tolist()]

    def hashed(self, n: int, hash_of: Hash) -> int | None:
        """Of a record each, keyed by its prediction or otherwise."""
        return hash_of(self.records[n], self.rows[n].prediction_id)

    def outcomes(self, kept: Indexes) -> Sequence[Any]:
        """What was predicted: a class or a number."""
        rows = self.rows
        return [rows[k].prediction for k in kept.tolist()]

    def payloads(self, kept: Indexes) -> Sequence[int]:
        """CRC-32 of each record."""
        records, crc32 = self.records, zlib.crc32
        return [crc32(records[k].value or b"") for k in kept.tolist()]
