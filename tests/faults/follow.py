"""Follows the state topics of a running stream: rows that live and are gone, events read."""

import asyncio
from collections import Counter
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from monitor.observe.rows import PARTITION_KEY, partition_row
from monitor.stream.tables import OFFSETS_KEY, decode_applied
from tests.e2e.logs import INPUTS, STAGES
from tests.e2e.oracle.setting import MINUTE


class Follower:
    """A consumer of its own of committed rows; as far as it has read, everything here is true."""

    def __init__(self, bootstrap: str, namespace: str, partitions: int) -> None:
        self._partitions = range(partitions)
        self._topics = {f"{namespace}.{state}": state for _, state in STAGES.values()}
        self._inputs = [
            TopicPartition(f"{namespace}.{t}", n) for t in INPUTS for n in self._partitions
        ]
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap, isolation_level="read_committed",
            auto_offset_reset="earliest", enable_auto_commit=False,
        )  # fmt: skip
        self.live: dict[str, set[tuple[int, bytes]]] = {s: set() for s in self._topics.values()}
        #: Rows that were deleted, by topic and kind.
        self.gone: Counter[tuple[str, str]] = Counter()
        #: The counters of each source partition, and how far it has applied its inputs.
        self.accounting: dict[int, dict[str, dict[str, int]]] = {}
        self.applied: dict[int, dict[str, int]] = {}

    async def __aenter__(self) -> "Follower":
        await self._consumer.start()
        self._consumer.assign(
            [TopicPartition(t, n) for t in self._topics for n in self._partitions]
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()

    async def follow(self) -> None:
        """Take rows until cancelled."""
        while True:
            for tp, records in (await self._consumer.getmany(timeout_ms=200)).items():
                for record in records:
                    self._take(self._topics[tp.topic], tp.partition, record)

    def _take(self, topic: str, partition: int, record: Any) -> None:
        if record.value is None:
            if (partition, record.key) in self.live[topic]:
                self.live[topic].discard((partition, record.key))
                self.gone[topic, _kind(record.key)] += 1
            return
        self.live[topic].add((partition, record.key))
        if topic == "observe-state" and record.key == PARTITION_KEY:
            self.accounting[partition] = partition_row(record.value).accounting
        elif topic == "observe-state" and record.key == OFFSETS_KEY:
            self.applied[partition] = decode_applied(record.value).offsets

    @property
    def read(self) -> int:
        """Events that observe has read, of all inputs."""
        of = [counters.get(topic, {}) for counters in self.accounting.values() for topic in INPUTS]
        return sum(counts.get("read", 0) for counts in of)

    async def ends(self) -> dict[tuple[str, int], int]:
        """How many records each input partition holds."""
        ends = await self._consumer.end_offsets(self._inputs)
        return {(tp.topic.rpartition(".")[2], tp.partition): end for tp, end in ends.items()}

    async def at_rest(self, seconds: float) -> None:
        """Wait until observe has applied all that its inputs hold; TimeoutError if it doesn't."""
        async with asyncio.timeout(seconds):
            ends = await self.ends()
            while any(
                self.applied.get(n, {}).get(topic, -1) + 1 < end for (topic, n), end in ends.items()
            ):
                await asyncio.sleep(0.2)


def _kind(key: bytes) -> str:
    """What a row is of: an open pane, an outcome pane, a sum of so many minutes."""
    words = msgspec.msgpack.decode(key)
    if words[0] == "sum":
        return f"sum of {words[4] // MINUTE} minutes"
    return f"{words[0]} {words[2]}" if words[0] == "pane" else str(words[0])
