"""The topics of a namespace, written and read by plain clients; and whether the stream is at rest.

Nothing of the stream is used but the names and the formats of what it writes.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from monitor.observe.rows import PARTITION_KEY
from monitor.panes.messages import InputPane, OutcomePane, decode
from monitor.stream.tables import OFFSETS_KEY
from tests.e2e.oracle.intake import Entry
from tests.e2e.scenario import Sent

PARTITIONS = 4
INPUTS = ("predictions", "labels", "reviews", "approvals")
RESPONSES = ("alerts", "review-mode", "retraining", "rollbacks")
OUTPUTS = ("drift-events", *RESPONSES, "dead-letters", "late", "panes")
#: What each stage reads, and where it says how far it has come.
STAGES = {
    "observe": (INPUTS, "observe-state"),
    # What the same stage has sent on to its partitions.
    "split": (("rekeyed",), "observe-state"),
    "evaluate": (("panes",), "evaluate-state"),
    "respond": (("drift-events",), "respond-state"),
}
Place = tuple[str, int]


class DidNotQuiesce(Exception):
    """The stream did not come to rest in time: the run is invalid, and says nothing else."""


Delivered = Callable[[], Awaitable[Any]]


async def send(
    bootstrap: str,
    namespace: str,
    records: Iterable[Sent],
    pause: Callable[[int, Delivered], Awaitable[None]] | None = None,
    patience: float = 60.0,
) -> None:
    """Send in order, each once; after the n-th record wait for `pause(n, delivered)`.

    `delivered` waits until all that was sent has been acknowledged.

    A broker that is away longer than `patience`, in seconds, is an error.
    """
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, enable_idempotence=True, acks="all", linger_ms=5,
        request_timeout_ms=int(patience * 1000),
    )  # fmt: skip
    await producer.start()
    try:
        waiting = []
        for n, record in enumerate(records):
            waiting.append(
                await producer.send(
                    f"{namespace}.{record.topic}",
                    record.value,
                    key=record.key,
                    partition=record.partition,
                )
            )
            if len(waiting) >= 2000:
                await asyncio.gather(*waiting)
                waiting = []
            if pause is not None:
                await pause(n, producer.flush)
        await asyncio.gather(*waiting)
    finally:
        await producer.stop()


class Reader:
    """A consumer of its own, of committed records, from the beginning."""

    def __init__(
        self,
        bootstrap: str,
        namespace: str,
        topics: Sequence[str],
        partitions: int = PARTITIONS,
    ) -> None:
        self.namespace = namespace
        self.partitions = partitions
        self.topics = topics
        self.records: dict[Place, list[Any]] = {}
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap,
            isolation_level="read_committed",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            request_timeout_ms=20_000,
        )

    async def __aenter__(self) -> "Reader":
        await self._consumer.start()
        self._tps = [
            TopicPartition(f"{self.namespace}.{topic}", n)
            for topic in self.topics
            for n in range(self.partitions)
        ]
        self._consumer.assign(self._tps)
        self.records = {self._place(tp): [] for tp in self._tps}
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()

    def _place(self, tp: TopicPartition) -> Place:
        return tp.topic.removeprefix(f"{self.namespace}."), tp.partition

    async def read(self, deadline: float) -> None:
        """Read up to where all partitions end now."""
        ends = await self._consumer.end_offsets(self._tps)
        while True:
            for tp, records in (await self._consumer.getmany(timeout_ms=100)).items():
                self.records[self._place(tp)] += records
            behind = [tp for tp in self._tps if await self._consumer.position(tp) < ends[tp]]
            if not behind:
                return
            if time.monotonic() > deadline:
                raise DidNotQuiesce(f"could not read {behind} to their ends")

    def last(self, topic: str) -> dict[int, int]:
        """The last offset that was read of each partition of a topic; -1 where there is none."""
        return {
            n: records[-1].offset if records else -1
            for (name, n), records in self.records.items()
            if name == topic
        }


async def at_rest(
    bootstrap: str, namespace: str, timeout: float, partitions: int = PARTITIONS
) -> None:
    """Wait until everything that was sent has gone through all stages; raises DidNotQuiesce.

    One stage after another: what a stage has applied and what came of that are one transaction, so
    that when all of its input is applied, all of its output is there.
    """
    deadline = time.monotonic() + timeout
    named = (name for sources, state in STAGES.values() for name in (*sources, state))
    topics = list(dict.fromkeys(named))
    async with Reader(bootstrap, namespace, topics, partitions) as reader:
        await reader.read(deadline)
        for stage, (sources, state) in STAGES.items():
            wanted = {topic: reader.last(topic) for topic in sources}
            while behind := list(_behind(reader, stage, state, wanted)):
                if time.monotonic() > deadline:
                    raise DidNotQuiesce(f"after {timeout:.0f} s: " + "; ".join(behind))
                await asyncio.sleep(0.2)
                await reader.read(deadline)
            await reader.read(deadline)


def _behind(
    reader: Reader, stage: str, state: str, wanted: dict[str, dict[int, int]]
) -> Iterable[str]:
    for n in range(reader.partitions):
        rows = [r.value for r in reader.records[state, n] if r.key == OFFSETS_KEY]
        applied = msgspec.msgpack.decode(rows[-1])[1] if rows else {}
        for topic, last in wanted.items():
            if applied.get(topic, -1) < last[n]:
                yield f"{stage} {n} has applied {topic} up to {applied.get(topic, -1)} of {last[n]}"


@dataclass
class Observed:
    """What stood in a namespace's topics in the end."""

    log: list[Entry]
    events: dict[str, list[dict[str, Any]]]
    #: The last snapshot of every pane: its identity to its rows and counts.
    panes: dict[tuple[Any, ...], tuple[int, bytes]]
    accounting: dict[str, dict[str, int]] = field(default_factory=dict)
    #: The same counters, as the committed state of each source partition has them.
    partitions: dict[int, dict[str, dict[str, int]]] = field(default_factory=dict)
    headers: set[tuple[str, bytes]] = field(default_factory=set)


async def observed(bootstrap: str, namespace: str, partitions: int = PARTITIONS) -> Observed:
    """Read everything: the inputs, the outputs, and the counters of all partitions."""
    topics = (*INPUTS, *OUTPUTS, "observe-state")
    async with Reader(bootstrap, namespace, topics, partitions) as reader:
        await reader.read(time.monotonic() + 60.0)
    found = Observed([], {topic: [] for topic in OUTPUTS if topic != "panes"}, {})
    for (topic, partition), records in reader.records.items():
        if topic in INPUTS:
            found.log += [Entry(topic, partition, r.offset, r.timestamp, r.value) for r in records]
        elif topic == "panes":
            for record in records:
                message = decode(record.value)
                if isinstance(message, InputPane):
                    found.panes[_pane(message)] = message.rows, message.counts
                elif isinstance(message, OutcomePane):
                    found.panes[_pane(message)] = message.predictions, message.counts
        elif topic in found.events:
            found.events[topic] += [json.loads(record.value) for record in records]
            found.headers |= {header for record in records for header in record.headers}
        else:
            rows = [r.value for r in records if r.key == PARTITION_KEY]
            found.partitions[partition] = msgspec.msgpack.decode(rows[-1])[2] if rows else {}
    for counters in found.partitions.values():
        _add(found.accounting, counters)
    return found


def _pane(pane: InputPane | OutcomePane) -> tuple[Any, ...]:
    block = pane.block if isinstance(pane, InputPane) else None
    return pane.model_id, pane.version, pane.start_ms, pane.source, block


def _add(total: dict[str, dict[str, int]], counters: dict[str, dict[str, int]]) -> None:
    for topic, counts in counters.items():
        into = total.setdefault(topic, {})
        for name, n in counts.items():
            into[name] = into.get(name, 0) + n
