"""What one flush makes durable: one Kafka transaction holds all of it, or nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol


class Record(Protocol):
    """What a stage needs of a Kafka record."""

    @property
    def offset(self) -> int:
        """Its place in its partition."""

    @property
    def timestamp(self) -> int:
        """The broker's append time in ms."""

    @property
    def key(self) -> bytes | None:
        """What decided its partition."""

    @property
    def value(self) -> bytes | None:
        """The event itself, None for a tombstone."""


@dataclass(frozen=True, slots=True)
class Output:
    """A record to publish; without a partition its key decides (murmur2)."""

    topic: str
    key: bytes
    value: bytes
    partition: int | None = None


@dataclass(slots=True)
class Flush:
    """Changed rows of the partition's state (None deletes), records of its log, and outputs."""

    rows: dict[bytes, bytes | None] = field(default_factory=dict)
    log: list[bytes] = field(default_factory=list)
    outputs: list[Output] = field(default_factory=list)


#: A record of a stage's own log: its offset, and what it says.
LogRecord = tuple[int, bytes]


class Logic(Protocol):
    """The state of one partition of one stage: a plain object that knows nothing of Kafka.

    `apply` takes records of one topic in offset order, each exactly once. `drain` hands out all
    that has changed since the last call; `offsets` are the applied ones by topic; `committed`
    tells that it is durable. After a crash the object is made anew and given what was committed:
    its log by `replay`, then its rows by `restore`.
    """

    @property
    def log_from(self) -> int | None:
        """The record of the log that is held already, and to be compared with; None: none is."""

    def discard(self) -> None:
        """Let go of what was held of the log: it is replayed from its start."""

    def replay(self, records: Sequence[LogRecord]) -> None:
        """Take up records of the log, in their order."""

    def restore(self, rows: Mapping[bytes, bytes]) -> None:
        """Take up the committed rows."""

    def apply(self, topic: str, records: Sequence[Record]) -> None:
        """Take records of one topic, in offset order."""

    def drain(self, offsets: Mapping[str, int], heartbeat: bool, idle: tuple[str, ...]) -> Flush:
        """Hand out what has changed; a heartbeat also says how far time has come."""

    def heard(self, append_ms: int) -> None:
        """Take the broker's time, in ms: the only clock that a stage ever sees."""

    def committed(self, log_offset: int | None) -> None:
        """Learn that what was drained last is durable, and where the last record of the log is."""

    def close(self) -> None:
        """Let go of what is held outside memory."""

    @property
    def urgent(self) -> bool:
        """Whether something downstream waits for the next flush."""


class Unlogged:
    """What a stage without a log, and that needs no time but that of events, makes of the rest."""

    log_from: int | None = None

    def discard(self) -> None:
        """Hold nothing of a log."""

    def replay(self, records: Sequence[LogRecord]) -> None:
        """Have no log."""

    def heard(self, append_ms: int) -> None:
        """Need no clock."""

    def committed(self, log_offset: int | None) -> None:
        """Have nothing that waits for it."""

    def close(self) -> None:
        """Hold nothing outside memory."""
