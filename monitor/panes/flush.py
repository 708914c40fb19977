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


class Logic(Protocol):
    """The state of one partition of one stage: a plain object that knows nothing of Kafka.

    `apply` takes records of one topic in offset order, each exactly once. `drain` hands out all
    that has changed since the last call; `offsets` are the applied ones by topic. After a crash
    the object is made anew and given, by `restore`, the rows and log that were committed.
    """

    def restore(self, rows: Mapping[bytes, bytes], log: Sequence[bytes]) -> None:
        """Take up the committed state."""

    def apply(self, topic: str, records: Sequence[Record]) -> None:
        """Take records of one topic, in offset order."""

    def drain(self, offsets: Mapping[str, int], heartbeat: bool, idle: tuple[str, ...]) -> Flush:
        """Hand out what has changed; a heartbeat also says how far time has come."""

    def heard(self, append_ms: int) -> None:
        """Take the broker's time, in ms: the only clock that a stage ever sees."""

    @property
    def urgent(self) -> bool:
        """Whether something downstream waits for the next flush."""
