"""Our tables: the rows of a partition, kept in a compacted topic and restored from it.

Faust's tables are not used: their changelog writes are not fenced, and their recovery reads what
was never committed. Ours are written in the partition's own transaction, read back with
`read_committed`, and dropped whole when the partition goes.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from monitor.errors import TopicMismatch

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


encode_applied = msgspec.msgpack.Encoder().encode
decode_applied = msgspec.msgpack.Decoder(Applied).decode


@dataclass(slots=True)
class Restored:
    """The committed state of one partition of a stage."""

    rows: dict[bytes, bytes] = field(default_factory=dict)
    log: list[bytes] = field(default_factory=list)

    def applied(self, partitions: int) -> dict[str, int]:
        """Applied offsets; raises TopicMismatch if the topics had another number of partitions."""
        row = self.rows.pop(OFFSETS_KEY, None)
        if row is None:
            return {}
        applied = decode_applied(row)
        if applied.partitions != partitions:
            raise TopicMismatch(
                f"the state was made with {applied.partitions} partitions, now there are "
                f"{partitions}: keys have moved; put kafka.partitions back, or start under a "
                "new namespace"
            )
        return applied.offsets


class StateReader:
    """Reads partitions of state topics from their start to their end, committed records only."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settings = settings

    async def read(
        self, tables: Sequence[TopicPartition], logs: Sequence[TopicPartition]
    ) -> dict[TopicPartition, Restored]:
        """Read tables (latest row of each key) and logs (every record), all at once."""
        restored = {tp: Restored() for tp in (*tables, *logs)}
        if not restored:
            return restored
        consumer = AIOKafkaConsumer(
            isolation_level="read_committed",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            **self.settings,
        )
        await consumer.start()
        try:
            consumer.assign(list(restored))
            ends = await consumer.end_offsets(list(restored))
            waiting = {tp for tp, end in ends.items() if end > 0}
            is_log = set(logs)
            loop = asyncio.get_running_loop()
            last_read = loop.time()
            while waiting:
                for tp, records in (await consumer.getmany(timeout_ms=200)).items():
                    last_read = loop.time()
                    state = restored[tp]
                    for record in records:
                        if tp in is_log:
                            if record.value is not None:
                                state.log.append(record.value)
                        elif record.value is None:
                            state.rows.pop(record.key, None)
                        else:
                            state.rows[record.key] = record.value
                waiting = {tp for tp in waiting if await consumer.position(tp) < ends[tp]}
                if waiting and loop.time() - last_read > STALLED_S:
                    raise TimeoutError(
                        f"restore of {sorted(waiting)} stalled for {STALLED_S:.0f} s"
                    )
        finally:
            await consumer.stop()
        return restored
