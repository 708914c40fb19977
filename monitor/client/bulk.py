"""Many events at once: batches of our own making, one a partition, many in flight."""

import asyncio
from collections.abc import Iterable
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaTimeoutError
from aiokafka.partitioner import murmur2

from monitor.client.connecting import known_topic
from monitor.client.encoding import Encoded
from monitor.connection import topic_name

#: Records after which the sender gets its turn, even where nothing has to be waited for.
_TURN = 500


class Bulk:
    """Fills a batch for each partition, sends what is full, and counts what is acknowledged.

    aiokafka holds one waiting and one sent batch a partition, and `add` waits while there are
    more: so memory is bounded by the partitions, whatever is sent.
    """

    def __init__(
        self, producer: AIOKafkaProducer, namespace: str, bootstrap: str, patience: float
    ) -> None:
        self._producer = producer
        self._namespace = namespace
        self._bootstrap = bootstrap
        self._patience = patience
        self._topics: dict[str, tuple[str, int]] = {}
        self._open: dict[tuple[str, int], Any] = {}
        self._sent: set[asyncio.Future[Any]] = set()
        self._failed: BaseException | None = None
        self._count = 0
        #: The topic that was sent to last, for the message of an error.
        self.topic = ""

    async def add(self, records: Iterable[Encoded]) -> None:
        """Take records in order; raises what an earlier batch failed with."""
        for n, (short, key, value) in enumerate(records):
            if short not in self._topics:
                self.topic = topic_name(self._namespace, short)
                partitions = await known_topic(self._producer, self.topic, self._bootstrap)
                self._topics[short] = (self.topic, partitions)
            topic, partitions = self._topics[short]
            place = (topic, (murmur2(key) & 0x7FFFFFFF) % partitions)
            builder = self._open.get(place)
            if builder is None:
                builder = self._open[place] = self._producer.create_batch()
            if builder.append(key=key, value=value, timestamp=None) is None:
                await self._send(place)
                builder = self._open[place] = self._producer.create_batch()
                builder.append(key=key, value=value, timestamp=None)
            if n % _TURN == 0:
                await asyncio.sleep(0)

    async def finish(self) -> int:
        """Send what is left; return the number of events once all are acknowledged."""
        for place in tuple(self._open):
            await self._send(place)
        while self._sent:
            # An idempotent producer retries without end, so it is our patience that ends.
            done, _ = await asyncio.wait(
                self._sent, timeout=self._patience, return_when=asyncio.FIRST_COMPLETED
            )
            if not done:
                raise KafkaTimeoutError
        if self._failed is not None:
            raise self._failed
        return self._count

    async def _send(self, place: tuple[str, int]) -> None:
        if self._failed is not None:
            raise self._failed
        builder = self._open.pop(place)
        self.topic, partition = place
        count = builder.record_count()
        future = await self._producer.send_batch(builder, self.topic, partition=partition)
        self._sent.add(future)

        def acknowledged(done: asyncio.Future[Any]) -> None:
            self._sent.discard(done)
            if done.cancelled():
                self._failed = self._failed or asyncio.CancelledError()
            elif error := done.exception():
                self._failed = self._failed or error
            else:
                self._count += count

        future.add_done_callback(acknowledged)
