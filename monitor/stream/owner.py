"""One partition of one stage, owned: its state, its producer, and what waits for a flush.

A flush is one Kafka transaction of a producer of the partition's own. Starting that producer
fences whoever owned the partition before; a flush that fails ends the worker.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import IllegalOperation, KafkaError, ProducerFenced

from monitor.connection import topic_name
from monitor.errors import BrokerError, Fenced
from monitor.observe.rows import PARTITION_KEY
from monitor.panes.flush import Flush, Logic
from monitor.stream.stages import Stage
from monitor.stream.tables import OFFSETS_KEY, Applied, encode_applied

#: What a record takes of memory besides its value: the object, its key and its headers.
RECORD_BYTES = 300
CONTENT_TYPE = [("content-type", b"application/cloudevents+json; charset=UTF-8")]


@dataclass(frozen=True, slots=True)
class Report:
    """What is durable of a partition, as of its last flush or of its restore; never changed.

    `row` is the partition's own row, `offsets` the applied ones by topic. Flushes are counted since
    the restore, with their time in s and their records; `at` is a monotonic clock's, in s.
    """

    offsets: Mapping[str, int]
    row: bytes | None
    rows: int
    at: float
    appended_ms: int = 0
    flushes: int = 0
    seconds: float = 0.0
    records: int = 0


class Owner:
    """Applies records to the state of a partition, and makes what changed durable."""

    def __init__(
        self,
        stage: Stage,
        partition: int,
        logic: Logic,
        applied: Applied,
        producer: AIOKafkaProducer,
        namespace: str,
        rows: Mapping[bytes, bytes] | None = None,
    ) -> None:
        self.stage = stage
        self.partition = partition
        self.logic = logic
        self.applied = applied
        self.offsets = applied.offsets
        self.producer = producer
        self.namespace = namespace
        #: Events whose records are applied but not yet durable; acknowledged after the commit.
        self.pending: list[Any] = []
        #: Bytes of the records of these events.
        self.held = 0
        self.flushed_at = time.monotonic()
        self.heartbeat_at = 0.0
        #: CPU seconds of the last drain, during which this process can do nothing else.
        self.work = 0.0
        self._keys = set(rows or ())
        row = (rows or {}).get(PARTITION_KEY)
        self.report = Report(dict(self.offsets), row, len(self._keys), self.flushed_at)
        self._one_at_a_time = asyncio.Lock()
        self._stopped = False

    @property
    def flushing(self) -> bool:
        """Whether a flush is under way."""
        return self._one_at_a_time.locked()

    def apply(self, topic: str, records: Sequence[Any], event: Any) -> None:
        """Apply the records that are new to us; compared once a record, with one offset a topic."""
        held = sum([len(record.value or b"") for record in records]) + RECORD_BYTES * len(records)
        applied = self.offsets.get(topic, -1)
        if records[0].offset <= applied:
            records = [record for record in records if record.offset > applied]
        if records:
            self.logic.apply(topic, records)
            self.offsets[topic] = records[-1].offset
        self.pending.append(event)
        self.held += held

    async def flush(self, heartbeat: bool = False, idle: tuple[str, ...] = ()) -> None:
        """Commit one transaction of all that has changed; raises Fenced or BrokerError."""
        async with self._one_at_a_time:
            began = time.monotonic()
            events, self.pending, self.held = self.pending, [], 0
            if self._stopped or not (events or heartbeat or self.logic.urgent):
                return
            before = time.thread_time()
            changed = self.logic.drain(self.offsets, heartbeat, idle)
            self.work = time.thread_time() - before
            offsets = dict(self.offsets)
            changed.rows[OFFSETS_KEY] = encode_applied(self.applied)
            try:
                appended_ms, log_offset = await self._commit(changed)
            except ProducerFenced:
                raise Fenced(
                    f"{self.stage.name} {self.partition}: another worker has taken it over"
                ) from None
            except (KafkaError, IllegalOperation, OSError, TimeoutError) as error:
                raise BrokerError(
                    f"{self.stage.name} {self.partition}: a flush failed: {error!r}"
                ) from error
            self.logic.heard(appended_ms)
            self.logic.committed(log_offset)
            if log_offset is not None:
                self.applied.log_end = log_offset + 1
            for event in events:
                event.ack()
            self.flushed_at = time.monotonic()
            self._report(changed, offsets, appended_ms, self.flushed_at - began)
            if heartbeat:
                self.heartbeat_at = self.flushed_at

    def _report(
        self, changed: Flush, offsets: dict[str, int], appended_ms: int, took: float
    ) -> None:
        """Tell what is durable now."""
        del changed.rows[OFFSETS_KEY]
        for key, row in changed.rows.items():
            (self._keys.discard if row is None else self._keys.add)(key)
        before = self.report
        self.report = Report(
            offsets,
            changed.rows.get(PARTITION_KEY, before.row),
            len(self._keys),
            self.flushed_at,
            max(appended_ms, before.appended_ms),
            before.flushes + 1,
            before.seconds + took,
            before.records + len(changed.rows) + 1 + len(changed.log) + len(changed.outputs),
        )

    async def _commit(self, changed: Flush) -> tuple[int, int | None]:
        """Commit one transaction; the broker's time of it, in ms, and the log's last offset."""
        await self.producer.begin_transaction()
        sent: list[Any] = []
        appended_ms, log_offset = 0, None
        try:
            last = await self._send(changed, sent)
        finally:
            # A fenced producer refuses to send more; why, the deliveries before it tell.
            for delivered in await asyncio.gather(*sent, return_exceptions=True):
                if isinstance(delivered, BaseException):
                    raise delivered
                appended_ms = max(appended_ms, delivered.timestamp or 0)
        if changed.log:
            log_offset = sent[-1].result().offset + last - 1
        await self.producer.commit_transaction()
        return appended_ms, log_offset

    async def _send(self, changed: Flush, sent: list[Any]) -> int:
        """Hand all records to the producer; `sent` gets the futures of their delivery.

        Returns how many records are in the last batch.
        """
        send, name = self.producer.send, self.namespace
        for output in changed.outputs:
            topic = topic_name(name, output.topic)
            headers = CONTENT_TYPE if output.value[:1] == b"{" else None
            sent.append(
                await send(
                    topic, output.value, key=output.key, partition=output.partition, headers=headers
                )
            )
        last = await self._send_batches(self.stage.state, changed.rows.items(), sent)
        if self.stage.log:
            records = ((None, record) for record in changed.log)
            last = await self._send_batches(self.stage.log, records, sent)
        return last

    async def _send_batches(
        self, topic: str, records: Iterable[tuple[bytes | None, bytes | None]], sent: list[Any]
    ) -> int:
        """Send keys and values to our partition of a topic: a tenth of the work of one by one.

        Returns how many are in the last batch.
        """
        name, batch = topic_name(self.namespace, topic), self.producer.create_batch()
        for key, value in records:
            while batch.append(key=key, value=value, timestamp=None) is None:
                sent.append(await self.producer.send_batch(batch, name, partition=self.partition))
                batch = self.producer.create_batch()
        if batch.record_count():
            sent.append(await self.producer.send_batch(batch, name, partition=self.partition))
        return int(batch.record_count())

    async def stop(self) -> None:
        """Let go of the partition; what is not flushed is read again by its next owner."""
        async with self._one_at_a_time:
            self._stopped = True
            self.logic.close()
            await self.producer.stop()
