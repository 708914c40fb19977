"""Publishing from asyncio: validated before it is sent, acknowledged before it returns."""

import asyncio
import time
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from types import TracebackType
from typing import Any, Self, Unpack

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from monitor.client.bulk import Bulk
from monitor.client.columns import encode_columns
from monitor.client.connecting import connect, discard, known_topic, undelivered
from monitor.client.encoding import TOPICS, Encoded, Event, Kind, encode, end_of_stream
from monitor.client.fields import LabelFields, PredictionFields, PredictionsFields, ReviewFields
from monitor.connection import client_settings, topic_name
from monitor.errors import BrokerError, InvalidEvent
from monitor.registry.specs import KafkaSpec

#: Events that are encoded before they are handed on.
CHUNK = 500


class AsyncPublisher:
    """Publishes predictions, labels and reviews, keyed by prediction id or by that of their batch.

    `kafka` is an address (`host:port`, several with commas) or a KafkaSpec with its security.
    Every call returns once all in-sync replicas have the event, or raises within about `timeout`
    seconds: InvalidEvent before anything was sent, TopicMissing, BrokerUnreachable.
    """

    def __init__(
        self,
        kafka: str | KafkaSpec = KafkaSpec(),  # noqa: B008 - it is frozen
        *,
        namespace: str = "watchkeeper",
        timeout: float = 10.0,
    ) -> None:
        self._kafka = KafkaSpec(bootstrap=kafka) if isinstance(kafka, str) else kafka
        self._namespace = namespace
        self._timeout = timeout
        self._producer: AIOKafkaProducer | None = None

    async def start(self) -> None:
        """Connect; raises BrokerUnreachable with the reason."""
        if self._producer is None:
            self._producer = await connect(client_settings(self._kafka), self._timeout)

    async def stop(self) -> None:
        """Send what is left, and disconnect; may be called twice."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await discard(producer, patience=self._timeout)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    async def prediction(self, **fields: Unpack[PredictionFields]) -> None:
        """Publish one prediction."""
        await self._send(encode("prediction", fields, now_ms()))

    async def predictions(self, **fields: Unpack[PredictionsFields]) -> int:
        """Publish many predictions of one model version as columns; return their number.

        They are packed and cut into as many records as they need, all keyed by `batch_id`: give it
        with their labels and reviews. Nothing is sent if one of them is invalid.
        """
        records, rows = encode_columns(fields, now_ms())
        await self.deliver(records)
        return rows

    async def deliver(self, records: list[Encoded]) -> None:
        """Send encoded records, and return once all are acknowledged."""
        bulk = self.bulk()
        await self.add(bulk, records)
        await self.finish(bulk)

    async def label(self, **fields: Unpack[LabelFields]) -> None:
        """Publish the ground truth of one prediction."""
        await self._send(encode("label", fields, now_ms()))

    async def review(self, **fields: Unpack[ReviewFields]) -> None:
        """Publish a human's decision about one prediction."""
        await self._send(encode("review", fields, now_ms()))

    async def send_many(self, events: Iterable[tuple[Kind, Mapping[str, Any] | Event]]) -> int:
        """Publish many `(kind, event)`, and return their number once all are acknowledged.

        An invalid one ends it: what stood before it is sent, and InvalidEvent tells its place.
        """
        bulk = self.bulk()
        try:
            for chunk in encoded(events):
                await self.add(bulk, chunk)
        except InvalidEvent as error:
            raise InvalidEvent(f"{error} ({await self.finish(bulk)} before it were sent)") from None
        return await self.finish(bulk)

    async def end_of_stream(self, model_id: str) -> None:
        """Say that a model's replayed stream has ended, in every partition of every input."""
        value = end_of_stream(model_id)
        producer = self._connected()
        for short in TOPICS.values():
            topic = topic_name(self._namespace, short)
            count = await known_topic(producer, topic, self._kafka.bootstrap)
            for partition in range(count):
                await self._deliver(topic, value, model_id.encode(), partition)

    def bulk(self) -> Bulk:
        """Return a new bulk over this connection, for `add` and `finish`."""
        return Bulk(self._connected(), self._namespace, self._kafka.bootstrap, self._timeout)

    async def add(self, bulk: Bulk, records: list[Encoded]) -> None:
        """Hand records to a bulk; raises what went wrong with earlier ones."""
        try:
            await bulk.add(records)
        except KafkaError as error:
            raise await self._why(bulk.topic, error) from None

    async def finish(self, bulk: Bulk) -> int:
        """Wait for all that a bulk was given; return the number acknowledged."""
        try:
            return await bulk.finish()
        except KafkaError as error:
            raise await self._why(bulk.topic, error) from None

    async def _send(self, event: Encoded) -> None:
        await self._deliver(topic_name(self._namespace, event.topic), event.value, event.key)

    async def _deliver(
        self, topic: str, value: bytes, key: bytes, partition: int | None = None
    ) -> None:
        producer = self._connected()
        await known_topic(producer, topic, self._kafka.bootstrap)
        try:
            async with asyncio.timeout(self._timeout):
                await producer.send_and_wait(topic, value, key, partition)
        except (KafkaError, TimeoutError) as error:
            raise await self._why(topic, error) from None

    async def _why(self, topic: str, error: Exception) -> BrokerError:
        producer = self._connected()
        reason = await undelivered(producer, topic, self._kafka.bootstrap, error, self._timeout)
        if producer._sender.sender_task.done():
            # A producer whose sender has ended delivers nothing any more: the next call makes
            # a new one.
            await self.stop()
            await self.start()
        return reason

    def _connected(self) -> AIOKafkaProducer:
        if self._producer is None:
            raise BrokerError("the publisher is not connected; use it in `with`, or start it first")
        return self._producer


def encoded(
    events: Iterable[tuple[Kind, Mapping[str, Any] | Event]],
) -> Iterator[list[Encoded]]:
    """Yield lists of encoded events; where one is invalid, those before it, then InvalidEvent."""
    count = 0
    source = iter(events)
    while chunk := list(islice(source, CHUNK)):
        now, done = now_ms(), []
        try:
            for kind, event in chunk:
                done.append(encode(kind, event, now))
        except InvalidEvent as error:
            yield done
            raise InvalidEvent(f"event {count + len(done)}: {error}") from None
        count += len(done)
        yield done


def now_ms() -> int:
    """Return milliseconds since 1970 by this machine's clock: the edge is where time is read."""
    return time.time_ns() // 1_000_000
