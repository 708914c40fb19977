"""Figures taken while something goes on, and state and join log made long."""

import asyncio
import random
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec
import zstandard
from aiokafka import AIOKafkaProducer

from monitor.observe.joinlog import ENTRIES, Change
from monitor.observe.rows import PARTITION_KEY, partition_row
from monitor.stream.broker import EmbeddedKafka
from tests.e2e.logs import PARTITIONS, Reader
from tests.e2e.oracle.setting import HOUR
from tests.e2e.scenario import T0
from tests.faults.rig import Rig

EVERY_S = 0.5
#: No label that was sent has such an offset, by which it is known.
BEYOND = 1 << 40


class Samples:
    """Takes a value twice a second while entered; zeros, for what isn't there, are left out."""

    def __init__(self, value: Callable[[], int]) -> None:
        self.values: list[int] = []
        self._value = value
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._take, daemon=True)

    def __enter__(self) -> "Samples":
        self._take_one()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(10.0)
        self._take_one()

    def _take(self) -> None:
        while not self._stop.wait(EVERY_S):
            self._take_one()

    def _take_one(self) -> None:
        if value := self._value():
            self.values.append(value)


def lengthen(rig: Rig, size: int) -> None:
    """Write the latest rows of observe's state again and again: as many bytes, the same state."""
    asyncio.run(_lengthen(rig, size))


async def _lengthen(rig: Rig, size: int) -> None:
    rows: dict[tuple[int, bytes], bytes | None] = {}
    async with Reader(rig.kafka.address, rig.namespace, ["observe-state"]) as reader:
        await reader.read(time.monotonic() + 60.0)
        for (_, partition), records in reader.records.items():
            rows |= {(partition, r.key): r.value for r in records}
    async with _writing(rig) as producer:
        written = 0
        while written < size:
            sent = []
            for (partition, key), row in rows.items():
                topic = f"{rig.namespace}.observe-state"
                sent.append(await producer.send(topic, row, key=key, partition=partition))
                written += len(key) + len(row or b"")
            await asyncio.gather(*sent)


def remember(rig: Rig, size: int, seed: int) -> int:
    """Lengthen the join log by predictions and their labels that nothing refers to; how many."""
    return asyncio.run(_remember(rig, size, seed))


async def _remember(rig: Rig, size: int, seed: int) -> int:
    model = next(model.id for model in rig.load.models if model.max_delay is not None)
    chance, made, written = random.Random(seed), 0, 0
    compress, encode = zstandard.ZstdCompressor(level=1).compress, msgspec.msgpack.encode
    async with _writing(rig) as producer:
        while written < size:
            sent = []
            for partition in range(PARTITIONS):
                ids = [f"{chance.getrandbits(128):032x}" for _ in range(ENTRIES)]
                # Late in the load's day: nothing of then is forgotten yet.
                at = [T0 + 20 * HOUR + chance.randrange(HOUR) for _ in ids]
                labels = [
                    (key, time + HOUR, BEYOND + made + n, "approve", time + HOUR)
                    for n, (key, time) in enumerate(zip(ids, at, strict=True))
                ]
                crcs = [chance.getrandbits(32) for _ in ids]
                predictions = [
                    (key, time, "1.1", "approve", crc)
                    for key, time, crc in zip(ids, at, crcs, strict=True)
                ]
                # A label comes later than its prediction, and so in a record of its own.
                for change in (
                    Change(model, predictions=predictions),
                    Change(model, labels=labels),
                ):
                    record = compress(encode(change))
                    topic = f"{rig.namespace}.join-log"
                    sent.append(await producer.send(topic, record, partition=partition))
                    written += len(record)
                made += len(ids)
            await asyncio.gather(*sent)
    return made


@asynccontextmanager
async def _writing(rig: Rig) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(
        bootstrap_servers=rig.kafka.address, enable_idempotence=True, max_batch_size=512 * 1024
    )
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


def counting_again(rig: Rig, killed_ms: float) -> float:
    """Seconds from a kill until the last partition had committed that it has read more."""
    return asyncio.run(_counting_again(rig, killed_ms))


async def _counting_again(rig: Rig, killed_ms: float) -> float:
    async with Reader(rig.kafka.address, rig.namespace, ["observe-state"]) as reader:
        await reader.read(time.monotonic() + 60.0)
    back = []
    for records in reader.records.values():
        rows = [(r.timestamp, _read(r.value)) for r in records if r.key == PARTITION_KEY]
        # What a process that is gone had appended, it can no longer have committed.
        before = max((n for at, n in rows if at <= killed_ms), default=0)
        after = [at for at, n in rows if at > killed_ms and n > before]
        assert after, "a partition has read nothing since the kill"
        back.append(min(after))
    return (max(back) - killed_ms) / 1000


def _read(row: bytes) -> int:
    return sum(counts.get("read", 0) for counts in partition_row(row).accounting.values())


def log_bytes(kafka: EmbeddedKafka, namespace: str, topic: str) -> int:
    """Bytes of a topic's records on the broker's disk."""
    folders = (kafka.data_dir / "data").glob(f"{namespace}.{topic}-[0-9]*")
    return sum(file.stat().st_size for folder in folders for file in folder.glob("*.log"))
