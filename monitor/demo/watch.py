"""Reads what the worker writes to Kafka, until it has judged and acted upon the last window."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import BinaryIO

from aiokafka import TopicPartition

from monitor.connection import client_settings, topic_name
from monitor.demo.story import Story
from monitor.detectors.registry import detectors_for
from monitor.errors import WatchkeeperError
from monitor.observe.accounting import Accounting, total
from monitor.observe.rows import PARTITION_KEY, partition_row
from monitor.registry.specs import Config, ModelSpec
from monitor.stream.committed import reader
from monitor.stream.tables import OFFSETS_KEY, StateReader, decode_applied

FINDINGS = "drift-events"
#: Where actions are published; monitoring more closely is advice, and goes with the alerts.
ACTIONS = ("alerts", "review-mode", "retraining", "rollbacks")
#: A worker that publishes nothing for so long, in seconds, while it has work, is stuck.
STALLED_S = 90.0
_POLL_S = 0.25


class Watcher:
    """Follows the topics of one configuration from their beginnings, committed records only.

    Every event of `drift-events` goes into the story, and into `copy`, one a line.
    """

    def __init__(self, config: Config, story: Story, copy: BinaryIO) -> None:
        self._settings = client_settings(config.kafka)
        self._namespace = config.namespace
        self._partitions = range(config.kafka.partitions)
        self._story = story
        self._read: dict[int, int] = {}
        self._copy = copy

    async def follow(self, spec: ModelSpec, last_start_ms: int, check: Callable[[], None]) -> None:
        """Take findings until the window that begins at `last_start_ms` is judged for good.

        `check` is called several times a second; what it raises ends the watch. Raises
        WatchkeeperError if nothing comes for long.
        """
        async with reader(self._settings) as consumer:
            consumer.assign(self._of(FINDINGS))
            clock = asyncio.get_running_loop()
            heard = clock.time()
            while not settled(self._story, spec, last_start_ms):
                check()
                for place, records in (await consumer.getmany(timeout_ms=_POLL_S * 1000)).items():
                    heard = clock.time()
                    self._read[place.partition] = records[-1].offset
                    for record in records:
                        self._copy.write(record.value + b"\n")
                        self._story.take(record.value)
                if clock.time() - heard > STALLED_S:
                    raise WatchkeeperError(
                        f"the worker has published nothing for {STALLED_S:.0f} s, and the window "
                        f"of {self._last_day()} was its last: see its log"
                    )

    async def actions(self) -> None:
        """Wait until every finding that was read has been acted upon, and take the actions."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + STALLED_S
        while not await self._acted():
            if loop.time() > deadline:
                raise WatchkeeperError(
                    f"findings wait for their actions for {STALLED_S:.0f} s: see the worker's log"
                )
            await asyncio.sleep(_POLL_S)
        logs = [place for topic in ACTIONS for place in self._of(topic)]
        taken = {place: _Taken() for place in logs}
        await StateReader(self._settings).read([], taken)
        for value in (value for place in logs for value in taken[place].values):
            self._story.take(value)

    async def accounting(self) -> Accounting:
        """Return what became of every event, summed over the source partitions."""
        tables = await StateReader(self._settings).read(self._of("observe-state"), {})
        rows = [table.rows[PARTITION_KEY] for table in tables.values()]
        return total(Accounting.from_rows(partition_row(row).accounting) for row in rows)

    async def _acted(self) -> bool:
        tables = await StateReader(self._settings).read(self._of("respond-state"), {})
        applied = {
            place.partition: decode_applied(table.rows[OFFSETS_KEY]).offsets.get(FINDINGS, -1)
            for place, table in tables.items()
            if OFFSETS_KEY in table.rows
        }
        return all(applied.get(partition, -1) >= last for partition, last in self._read.items())

    def _of(self, topic: str) -> list[TopicPartition]:
        name = topic_name(self._namespace, topic)
        return [TopicPartition(name, partition) for partition in self._partitions]

    def _last_day(self) -> str:
        return max((w.window.start[:10] for w in self._story.windows.values()), default="no day")


class _Taken:
    """Everything that a log holds."""

    def __init__(self) -> None:
        self.values: list[bytes] = []

    def begin(self, first: int, end: int) -> int:
        return first

    def take(self, records: Sequence[tuple[int, bytes]]) -> None:
        self.values += [value for _, value in records]


def settled(story: Story, spec: ModelSpec, start_ms: int) -> bool:
    """Say whether every detector has judged a window, performance at the greatest label age.

    One that asks something of the baseline may have nothing to say.
    """
    for signal in ("data_drift", "prediction_drift", "performance"):
        for found in (one for one in detectors_for(signal) if one.answers(None)):
            window = story.windows.get((found.name, start_ms))
            final = spec.labels.max_delay_ms if signal == "performance" and spec.labels else None
            if window is None or window.age_ms != final:
                return False
    return True
