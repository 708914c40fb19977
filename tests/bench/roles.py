"""The contestants, each a process: `python -m tests.bench.roles ROLE BOOTSTRAP TOPIC EVENTS`.

Each prints one line of JSON: how many events it took and in how many seconds, from the first to
the last, so that the start of an interpreter or of a consumer group isn't counted.
"""

import asyncio
import json
import sys
import time


async def yardstick(bootstrap: str, topic: str, count: int) -> tuple[int, float]:
    """aiokafka and orjson.loads, nothing else: what Python can read from Kafka at most."""
    import orjson
    from aiokafka import AIOKafkaConsumer, TopicPartition

    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_partition_fetch_bytes=2 * 1024 * 1024,
    )
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, n) for n in range(4)])
        taken, began = 0, 0.0
        while taken < count:
            batch = await consumer.getmany(timeout_ms=1000)
            began = began or time.perf_counter()
            for records in batch.values():
                for record in records:
                    orjson.loads(record.value)
                taken += len(records)
        return taken, time.perf_counter() - began
    finally:
        await consumer.stop()


def plain_faust(bootstrap: str, topic: str, count: int) -> None:
    """A Faust agent as its documentation shows it, that only counts; ends the process."""
    import os
    import tempfile

    import faust

    app = faust.App(
        f"plain-{time.time_ns()}",
        broker=f"kafka://{bootstrap}",
        store="memory://",
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
        datadir=tempfile.mkdtemp(),
        value_serializer="json",
    )
    source = app.topic(topic, partitions=4)
    taken, began = 0, 0.0

    @app.agent(source)
    async def read(stream):  # type: ignore[no-untyped-def]
        nonlocal taken, began
        async for _ in stream:
            taken += 1
            if taken == 1:
                began = time.perf_counter()
            elif taken == count:
                _tell(taken, time.perf_counter() - began)
                os._exit(0)  # it has said what it is here for; a graceful stop takes seconds

    faust.Worker(app, loglevel="CRITICAL", quiet=True).execute_from_commandline()


def _tell(events: int, seconds: float) -> None:
    # Faust takes sys.stdout for its log.
    print(json.dumps({"events": events, "seconds": seconds}), file=sys.__stdout__, flush=True)


def main() -> None:
    """Run one role and print its figures."""
    role, bootstrap, topic, count = sys.argv[1:]
    if role == "yardstick":
        _tell(*asyncio.run(yardstick(bootstrap, topic, int(count))))
    else:
        plain_faust(bootstrap, topic, int(count))


if __name__ == "__main__":
    main()
