"""The input, written before a benchmark; what came of it is forgotten before each run."""

import asyncio
import json
from collections.abc import Iterable

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from monitor.registry.specs import KafkaSpec
from monitor.stream.topics import create_topics
from tests.bench import workload
from tests.bench.setup import Setup

#: Records of one batch, and its bytes at most.
RECORDS, BATCH_BYTES = 400, 512 * 1024
IN_FLIGHT = 200


def published(bootstrap: str, setup: Setup, count: int) -> None:
    """Make the topics, and write so many predictions and the ends of their streams."""
    spec = KafkaSpec(bootstrap=bootstrap, partitions=setup.partitions)
    asyncio.run(create_topics(spec, setup.namespace))
    records = workload.records(count, setup.form, setup.models, setup.pace)
    asyncio.run(publish(bootstrap, setup, records))
    asyncio.run(end(bootstrap, setup))


async def publish(bootstrap: str, setup: Setup, records: Iterable[bytes]) -> None:
    """Write records in batches, round robin over the partitions."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, max_batch_size=BATCH_BYTES)
    await producer.start()
    topic = f"{setup.namespace}.predictions"
    try:
        number, batch, sent = 0, producer.create_batch(), []

        async def send() -> None:
            nonlocal number, batch, sent
            partition = number % setup.partitions
            sent.append(await producer.send_batch(batch, topic, partition=partition))
            number, batch = number + 1, producer.create_batch()
            if len(sent) == IN_FLIGHT:
                await asyncio.gather(*sent)
                sent = []

        for record in records:
            full = batch.record_count() == RECORDS
            if full or batch.append(key=None, value=record, timestamp=None) is None:
                await send()
                if batch.append(key=None, value=record, timestamp=None) is None:
                    raise AssertionError(f"a record of {len(record)} bytes does not fit a batch")
        await send()
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


async def end(bootstrap: str, setup: Setup) -> None:
    """Write that the stream of each model has ended."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    try:
        for model in workload.names(setup.models):
            end = json.dumps({"type": "end_of_stream", "model_id": model}).encode()
            await asyncio.gather(
                *[
                    await producer.send(f"{setup.namespace}.{name}", end, partition=n)
                    for name in ("predictions", "labels")
                    for n in range(setup.partitions)
                ]
            )
    finally:
        await producer.stop()


async def renew(kafka: KafkaSpec, namespace: str, inputs: bool = False) -> None:
    """Forget all that a worker made, and with `inputs` what it was made of."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    try:
        kept = {f"{namespace}.{name}" for name in ("predictions", "labels", "reviews")}
        ours = [t for t in await admin.list_topics() if t.startswith(f"{namespace}.")]
        made = [t for t in ours if inputs or t not in kept]
        if made:
            await admin.delete_topics(made)
        for _ in range(100):
            if not set(made) & set(await admin.list_topics()):
                break
            await asyncio.sleep(0.1)
    finally:
        await admin.close()
    await create_topics(kafka, namespace)
