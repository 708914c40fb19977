"""Runs the stages: restores what is assigned, applies what is read, flushes what is due."""

import asyncio
import logging
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError
from faust.types import TP

from monitor.connection import topic_name
from monitor.errors import BaselineError, BrokerError, TopicMismatch, WatchkeeperError
from monitor.panes.flush import Logic
from monitor.stream.owner import Owner
from monitor.stream.replay import Replay
from monitor.stream.stages import Stage
from monitor.stream.tables import Restored, StateReader

logger = logging.getLogger("watchkeeper")

Unit = tuple[str, int]

TICK_S = 0.05
#: Downstream waits for a boundary: flush soon, but let boundaries that follow closely share it.
URGENT_S = 0.2
DIRTY_S = 1.0
HEARTBEAT_S = 5.0
#: The work of a stage's flushes may take this part of the time: under load they grow instead of
#: multiplying. Waiting is no work: else a broker that was away would put them off for minutes.
FLUSH_SHARE = 0.2
#: What nobody waits for is made durable in this part of the time, and at each heartbeat: the fewer
#: flushes there are, the less an event costs, and no more is read again after a crash.
DURABLE_SHARE = 0.05
#: CPU seconds that a transaction takes besides what is in it, in the client's tasks.
TRANSACTION_S = 0.004
#: Bytes of records applied and not yet durable; more of them make the stream wait for a flush.
PENDING_BYTES = 32 * 2**20
#: A partition's batches are sent one after the other: in aiokafka's 16 KiB a flush of 250 kB would
#: ask the broker sixteen times. Kafka takes a batch of up to a megabyte.
BATCH_BYTES = 512 * 1024
EXIT_CONFIGURATION = 2
EXIT_FAILED = 3


class Runner:
    """All partitions that this worker owns, by stage and number."""

    def __init__(
        self,
        stages: Sequence[Stage],
        namespace: str,
        partitions: int,
        settings: Mapping[str, Any],
    ) -> None:
        self.stages = {stage.name: stage for stage in stages}
        self.namespace = namespace
        self.partitions = partitions
        self.settings = dict(settings)
        self.owners: dict[tuple[str, int], Owner] = {}
        self._one_at_a_time = asyncio.Lock()
        #: Counts releases: what was being restored during one is no longer ours.
        self.releases = 0
        self._of_topic = {
            topic_name(namespace, topic): (stage, topic)
            for stage in stages
            for topic in stage.topics
        }

    # -- assignment ----------------------------------------------------------------------------

    async def positions(self, assigned: set[TP]) -> dict[TP, int]:
        """Own every assigned partition and return the offset that each topic is read from.

        One at a time: Faust asks twice in a rebalance, and who restored a partition twice would be
        fenced by himself. Nothing is returned if the partitions were revoked meanwhile.
        """
        try:
            async with self._one_at_a_time:
                return await self._positions(assigned)
        except WatchkeeperError as error:
            _end(error)
        except (KafkaError, OSError, TimeoutError) as error:
            _end(BrokerError(f"the state cannot be restored: {error!r}"))

    async def _positions(self, assigned: set[TP]) -> dict[TP, int]:
        units = sorted({(self._of_topic[tp.topic][0].name, tp.partition) for tp in assigned})
        missing = [unit for unit in units if unit not in self.owners]
        await self._restore(missing)
        if any(unit not in self.owners for unit in units):
            return {}
        applied = {}
        for tp in assigned:
            stage, topic = self._of_topic[tp.topic]
            applied[tp] = self.owners[stage.name, tp.partition].offsets.get(topic, -1)
        return await self._checked(applied)

    async def _restore(self, units: Sequence[tuple[str, int]]) -> None:
        if not units:
            return
        began, releases = time.monotonic(), self.releases
        logics: dict[Unit, Logic] = {}
        # The producers first: starting one fences the old owner, so that what is read is final.
        producers = [self._producer(*unit) for unit in units]
        try:
            await asyncio.gather(*(producer.start() for producer in producers))
            logics = {unit: self.stages[unit[0]].logic(unit[1]) for unit in units}
            read = await self._read(logics)
            owners = {
                unit: self._owner(unit, producer, logics[unit], *read[unit])
                for unit, producer in zip(units, producers, strict=True)
            }
        except BaseException:
            for logic in logics.values():
                logic.close()
            await _stop(producers)
            raise
        if releases != self.releases:
            for logic in logics.values():
                logic.close()
            await _stop(producers)
            return
        self.owners |= owners
        rows = sum(len(state.rows) for state, _ in read.values())
        owned = " ".join(f"{stage}-{n}" for stage, n in units)
        logger.info("own %s (%d rows, %.1f s)", owned, rows, time.monotonic() - began)

    async def _read(self, logics: Mapping[Unit, Logic]) -> dict[Unit, tuple[Restored, Replay]]:
        """The committed rows of units; their logs are replayed into their logics."""
        tables, replays, logs = {}, {}, {}
        for unit, logic in logics.items():
            stage = self.stages[unit[0]]
            tables[unit] = self._state(stage.state, unit[1])
            replays[unit] = Replay(logic)
            if stage.log:
                logs[self._state(stage.log, unit[1])] = replays[unit]
        read = await StateReader(self.settings).read(list(tables.values()), logs)
        return {unit: (read[tables[unit]], replays[unit]) for unit in logics}

    def _owner(
        self,
        unit: Unit,
        producer: AIOKafkaProducer,
        logic: Logic,
        state: Restored,
        replay: Replay,
    ) -> Owner:
        stage, partition = self.stages[unit[0]], unit[1]
        applied = state.applied(self.partitions)
        if stage.log and applied.log_end > replay.end:
            raise TopicMismatch(
                f"{topic_name(self.namespace, stage.log)} partition {partition} ends at "
                f"{replay.end}, but our state was made when it ended at {applied.log_end}: it was "
                "recreated or truncated; put its data back, or start under a new namespace"
            )
        logic.restore(state.rows)
        applied.log_end = max(applied.log_end, replay.end)
        return Owner(stage, partition, logic, applied, producer, self.namespace, state.rows)

    def _producer(self, stage: str, partition: int) -> AIOKafkaProducer:
        return AIOKafkaProducer(
            transactional_id=f"{self.namespace}-{stage}-{partition}",
            compression_type=None,
            max_request_size=1_000_000,
            max_batch_size=BATCH_BYTES,
            linger_ms=2,
            **self.settings,
        )

    def _state(self, topic: str, partition: int) -> TopicPartition:
        return TopicPartition(topic_name(self.namespace, topic), partition)

    async def _checked(self, applied: Mapping[TP, int]) -> dict[TP, int]:
        """The next offsets, checked against what the broker still has."""
        consumer = AIOKafkaConsumer(**self.settings)
        await consumer.start()
        try:
            tps = [TopicPartition(*tp) for tp in applied]
            ends = await consumer.end_offsets(tps)
            starts = await consumer.beginning_offsets(tps)
        finally:
            await consumer.stop()
        positions = {}
        for tp, offset in applied.items():
            start, end = starts[TopicPartition(*tp)], ends[TopicPartition(*tp)]
            if offset + 1 > end:
                raise TopicMismatch(
                    f"{tp.topic} partition {tp.partition} ends at {end}, but {offset + 1} records "
                    "of it are in our state: it was recreated or truncated; put its data back, or "
                    "start under a new namespace"
                )
            if 0 <= offset < start - 1:
                logger.error(
                    "%s partition %d: offsets %d to %d expired unread; raise its retention",
                    tp.topic, tp.partition, offset + 1, start - 1,
                )  # fmt: skip
            positions[tp] = max(offset + 1, start)
        return positions

    async def release(self) -> None:
        """Flush and let go of everything: the partitions may come back, or go to another worker."""
        self.releases += 1
        owners, self.owners = self.owners, {}
        try:
            await asyncio.gather(*(owner.flush() for owner in owners.values()))
        except WatchkeeperError as error:
            _end(error)
        await asyncio.gather(*(owner.stop() for owner in owners.values()))

    def end(self, error: WatchkeeperError) -> None:
        """End the worker for a reason that was found outside."""
        _end(error)

    # -- records -------------------------------------------------------------------------------

    async def process(self, topic: str, partition: int, chunk: Sequence[Any], event: Any) -> None:
        """Apply a chunk; it is acknowledged when the flush that holds it has been committed."""
        stage, name = self._of_topic[topic]
        owner = self.owners.get((stage.name, partition))
        if owner is None:
            event.ack()  # revoked meanwhile: our offsets decide what its next owner reads
            return
        try:
            owner.apply(name, chunk, event)
        except Exception as error:
            # Bad input never gets here: this is our own bug, and going on would lose the chunk.
            logger.exception("%s %d", stage.name, partition)
            _end(WatchkeeperError(f"{stage.name} {partition} failed on {topic}: {error!r}"))
        if owner.held >= PENDING_BYTES:
            await self._flush(owner)
        await asyncio.sleep(0)

    # -- flushes -------------------------------------------------------------------------------

    async def flush_forever(self, idle: Callable[[Owner], tuple[str, ...]]) -> None:
        """Flush what is due while the worker lives; `idle(owner)` names its idle topics.

        No owner waits for the flush of another, which may last as long as a broker is away.
        """
        async with asyncio.TaskGroup() as flushes:
            while True:
                await asyncio.sleep(TICK_S)
                now, rests = time.monotonic(), self._rests()
                for owner in self.owners.values():
                    if not owner.flushing and _due(owner, now, *rests[owner.stage.name]):
                        topics = idle(owner) if _beats(owner, now) else None
                        flushes.create_task(self._flush(owner, topics))

    def _rests(self) -> dict[str, tuple[float, float]]:
        """Seconds without a flush, by stage, that one of each of its owners earns.

        At least so many, and so many if nobody waits for what it makes durable.
        """
        work: dict[str, list[float]] = {stage: [] for stage in self.stages}
        for (stage, _), owner in self.owners.items():
            work[stage].append(owner.work)
        return {
            stage: (
                sum(each) / FLUSH_SHARE,
                sum(TRANSACTION_S + one for one in each) / DURABLE_SHARE,
            )
            for stage, each in work.items()
        }

    async def _flush(self, owner: Owner, idle: tuple[str, ...] | None = None) -> None:
        """Flush one; given its idle topics, be they none, it is a heartbeat."""
        try:
            await owner.flush(heartbeat=idle is not None, idle=idle or ())
        except WatchkeeperError as error:
            _end(error)


def _due(owner: Owner, now: float, least_s: float, durable_s: float) -> bool:
    since = now - owner.flushed_at
    if since < least_s:
        return False
    if owner.logic.urgent and since >= URGENT_S:
        return True
    # At half of what may be pending, so that the stream need not wait for it.
    full = owner.held >= PENDING_BYTES // 2
    if owner.pending and since >= (DIRTY_S if full else max(DIRTY_S, durable_s)):
        return True
    return _beats(owner, now)


def _beats(owner: Owner, now: float) -> bool:
    """Whether a heartbeat is due."""
    return owner.stage.beats and now - owner.heartbeat_at >= HEARTBEAT_S


async def _stop(producers: Sequence[AIOKafkaProducer]) -> None:
    await asyncio.gather(*(producer.stop() for producer in producers), return_exceptions=True)


def _end(error: Exception) -> NoReturn:
    """End this worker at once: its supervisor starts another, which restores what is committed."""
    print(f"watchkeeper: {error}", file=sys.stderr, flush=True)
    refused = isinstance(error, TopicMismatch | BaselineError)
    os._exit(EXIT_CONFIGURATION if refused else EXIT_FAILED)
