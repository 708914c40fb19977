"""What is committed in topics, read without a group: from any offset up to an end."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

#: How long one request waits for records, ms; a reader looks around in between.
POLL_MS = 200


@contextlib.asynccontextmanager
async def reader(settings: Mapping[str, Any]) -> AsyncIterator[Any]:
    """A consumer without a group, from the beginning of what it is assigned."""
    consumer = AIOKafkaConsumer(
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        **settings,
    )
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


async def batches(
    consumer: Any, ends: Mapping[TopicPartition, int], stalled_s: float
) -> AsyncIterator[tuple[TopicPartition, Sequence[Any]]]:
    """Records of each partition from where the consumer stands up to given ends.

    Who reads may seek in between. Raises TimeoutError if nothing comes for `stalled_s` seconds
    while there is more: the broker is lost.
    """
    clock = asyncio.get_running_loop().time
    heard = clock()
    waiting = {place for place in ends if await consumer.position(place) < ends[place]}
    while waiting:
        for place, records in (await consumer.getmany(timeout_ms=POLL_MS)).items():
            heard = clock()
            yield place, [record for record in records if record.offset < ends[place]]
        # By its position, as the markers of transactions take up offsets and are no records.
        waiting = {place for place in waiting if await consumer.position(place) < ends[place]}
        if waiting and clock() - heard > stalled_s:
            raise TimeoutError(f"nothing more of {min(waiting)} for {stalled_s:.0f} s")
