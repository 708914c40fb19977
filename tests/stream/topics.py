"""Topics of a test's own on the real broker, and what stands in them."""

import asyncio
import contextlib
from collections.abc import Iterable, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete
from aiokafka.errors import KafkaError

Send = tuple[str, int, bytes | None, bytes | None]


async def make(address: str, partitions: Mapping[str, int]) -> None:
    """Make topics, name to number of partitions, and wait until they can be written."""
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    await admin.create_topics([NewTopic(t, n, 1) for t, n in partitions.items()])
    await admin.close()
    async with AIOKafkaProducer(bootstrap_servers=address) as producer:
        for name, count in partitions.items():
            while len(await producer.partitions_for(name)) != count:
                await asyncio.sleep(0.05)


async def remake(address: str, name: str, partitions: int) -> None:
    """Delete a topic, and make it again without its records."""
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    await admin.delete_topics([name])
    while name in await admin.list_topics():
        await asyncio.sleep(0.05)
    for _ in range(100):
        response = await admin.create_topics([NewTopic(name, partitions, 1)])
        if not response.topic_errors[0][1]:
            break
        await asyncio.sleep(0.1)
    await admin.close()


async def shorten(address: str, name: str, partition: int, before: int) -> None:
    """Delete the records before an offset, as retention does."""
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    await admin.delete_records({TopicPartition(name, partition): RecordsToDelete(before)})
    await admin.close()


async def send(address: str, records: Iterable[Send]) -> None:
    """Send records (topic, partition, key, value), and wait for them."""
    async with AIOKafkaProducer(bootstrap_servers=address) as producer:
        sent = [await producer.send(t, value, key=k, partition=p) for t, p, k, value in records]
        await asyncio.gather(*sent)


async def transact(
    address: str, transactional_id: str, records: Iterable[Send], end: str = "commit"
) -> AIOKafkaProducer:
    """Send records in a transaction that is committed, aborted or left open."""
    producer = AIOKafkaProducer(bootstrap_servers=address, transactional_id=transactional_id)
    await producer.start()
    await producer.begin_transaction()
    sent = [await producer.send(t, value, key=k, partition=p) for t, p, k, value in records]
    await asyncio.gather(*sent)
    if end == "commit":
        await producer.commit_transaction()
    elif end == "abort":
        await producer.abort_transaction()
    return producer


async def committed(address: str, topic: str, partitions: int) -> list[tuple[int, Any, Any]]:
    """All committed records of a topic by partition: (partition, key, value).

    A commit is answered before its markers are written: it waits until no transaction is open.
    """
    consumer = AIOKafkaConsumer(
        bootstrap_servers=address, isolation_level="read_committed", auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        tps = [TopicPartition(topic, n) for n in range(partitions)]
        consumer.assign(tps)
        async with AIOKafkaConsumer(bootstrap_servers=address) as sees_all:
            ends = await sees_all.end_offsets(tps)
        found: list[tuple[int, Any, Any]] = []
        while [tp for tp in tps if await consumer.position(tp) < ends[tp]]:
            for tp, records in (await consumer.getmany(timeout_ms=100)).items():
                found += [(tp.partition, r.key, r.value) for r in records]
        return sorted(found, key=lambda record: record[0])
    finally:
        await consumer.stop()


async def close(producer: AIOKafkaProducer) -> None:
    """End a producer that may have been fenced."""
    with contextlib.suppress(KafkaError):
        await producer.stop()
    sender = producer._sender.sender_task
    if sender is not None and sender.done() and not sender.cancelled():
        sender.exception()  # asked for, so that asyncio does not tell of it at the end
