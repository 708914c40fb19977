"""Figures taken while something goes on, and a changelog made long."""

import asyncio
import threading
import time
from collections.abc import Callable

from aiokafka import AIOKafkaProducer

from tests.e2e.logs import PARTITIONS, Reader
from tests.faults.rig import Rig

EVERY_S = 0.5


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
    producer = AIOKafkaProducer(
        bootstrap_servers=rig.kafka.address, enable_idempotence=True, max_batch_size=512 * 1024
    )
    await producer.start()
    try:
        written = 0
        while written < size:
            sent = []
            for (partition, key), row in rows.items():
                topic = f"{rig.namespace}.observe-state"
                sent.append(await producer.send(topic, row, key=key, partition=partition))
                written += len(key) + len(row or b"")
            await asyncio.gather(*sent)
    finally:
        await producer.stop()


def state_bytes(rig: Rig) -> int:
    """Bytes of observe's changelog on the broker's disk."""
    data = rig.kafka.data_dir / "data"
    folders = [data / f"{rig.namespace}.observe-state-{n}" for n in range(PARTITIONS)]
    return sum(file.stat().st_size for folder in folders for file in folder.glob("*.log"))
