"""Our tables: the rows of a partition, kept in a compacted topic and restored from it.

Faust's tables are not used: their changelog writes are not fenced, and their recovery reads what
was never committed. Ours are written in the partition's own transaction, read back with
`read_committed`, and dropped whole when the partition goes.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec
from aiokafka import TopicPartition

from monitor.errors import TopicMismatch
from monitor.panes.flush import LogRecord
from monitor.stream.committed import batches, reader

FORMAT = 1
#: The row that says how far each source topic has been applied; everything else is true as of it.
OFFSETS_KEY = b"\x00offsets"
#: A restore that reads nothing for so long has lost its broker.
STALLED_S = 60.0


class Applied(msgspec.Struct, array_like=True):
    """Applied offsets by topic (without the namespace), and the partition count they hold for."""

    partitions: int
    offsets: dict[str, int]
    format: int = FORMAT
    #: Where the log ended when this row was made, before the flush that the row belongs to.
    log_end: int = 0


encode_applied = msgspec.msgpack.Encoder().encode
decode_applied = msgspec.msgpack.Decoder(Applied).decode


@dataclass(slots=True)
class Restored:
    """The committed state of one partition of a stage."""

    rows: dict[bytes, bytes] = field(default_factory=dict)

    def take(self, records: Iterable[Any]) -> None:
        """Take records in their order: the last of each key stays."""
        for record in records:
            if record.value is None:
                self.rows.pop(record.key, None)
            else:
                self.rows[record.key] = record.value

    def applied(self, partitions: int) -> Applied:
        """Applied offsets; raises TopicMismatch if the topics had another number of partitions."""
        row = self.rows.pop(OFFSETS_KEY, None)
        if row is None:
            return Applied(partitions, {})
        applied = decode_applied(row)
        if applied.partitions != partitions:
            raise TopicMismatch(
                f"the state was made with {applied.partitions} partitions, now there are "
                f"{partitions}: keys have moved; put kafka.partitions back, or move to a new "
                "namespace: watchkeeper topics migrate"
            )
        return applied


class Log(Protocol):
    """What reads a log takes its records, and says where to begin."""

    def begin(self, first: int, end: int) -> int:
        """The offset to read from; the log holds offsets from `first` up to `end`."""

    def take(self, records: Sequence[LogRecord]) -> int | None:
        """Take committed records in their order; an offset to begin anew from, else None."""


class StateReader:
    """Reads partitions of state topics from their start to their end, committed records only."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settings = settings

    async def read(
        self, tables: Sequence[TopicPartition], logs: Mapping[TopicPartition, Log]
    ) -> dict[TopicPartition, Restored]:
        """Read tables (latest row of each key), and hand logs what they hold, all at once."""
        restored = {tp: Restored() for tp in tables}
        everything = [*tables, *logs]
        if not everything:
            return restored
        async with reader(self.settings) as consumer:
            consumer.assign(everything)
            ends = await consumer.end_offsets(everything)
            firsts = await consumer.beginning_offsets(list(logs))
            for tp, log in logs.items():
                consumer.seek(tp, log.begin(firsts[tp], ends[tp]))
            async for tp, records in batches(consumer, ends, STALLED_S):
                if tp in logs:
                    again = logs[tp].take([(r.offset, r.value) for r in records if r.value])
                    if again is not None:
                        consumer.seek(tp, again)
                else:
                    restored[tp].take(records)
        return restored
