"""When each partition of a stage last made something durable: how long counting stood still."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterable

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from monitor.stream.tables import OFFSETS_KEY
from tests.e2e.logs import PARTITIONS
from tests.faults.rig import Rig, until

#: They flush whatever is sent; respond has nothing to do where nothing drifts.
STAGES = ("observe", "evaluate")
Unit = tuple[str, int]


class Progress:
    """Follows the committed flushes of a rig while entered, by when a plain consumer sees them."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        #: Of each flush: when the broker took it (s since the epoch), and when it could be read.
        self._flushes: dict[Unit, list[tuple[float, float]]] = {
            (stage, n): [] for stage in STAGES for n in range(PARTITIONS)
        }
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._follow()), daemon=True)

    def __enter__(self) -> "Progress":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(30.0)

    def again_s(self, moment: float, seconds: float = 60.0) -> float:
        """Wait until every partition has flushed since a moment; how long the slowest took, in s.

        A flush that was under way at that moment, and ended after it, is none of those.
        """
        until("counting again", lambda: all(self._since(moment)), seconds)
        return max(first[0] for first in self._since(moment)) - moment

    def steady(self) -> None:
        """Wait until every partition has flushed from now on."""
        self.again_s(time.time())

    def _since(self, moment: float) -> Iterable[list[float]]:
        for flushes in self._flushes.values():
            yield [read for taken, read in list(flushes) if taken > moment][:1]

    async def _follow(self) -> None:
        namespace = self._rig.namespace
        stages = {f"{namespace}.{stage}-state": stage for stage in STAGES}
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._rig.kafka.address,
            isolation_level="read_committed",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            fetch_max_wait_ms=100,
        )
        await consumer.start()
        try:
            consumer.assign([TopicPartition(name, n) for name in stages for n in range(PARTITIONS)])
            while not self._stop.is_set():
                with contextlib.suppress(KafkaError):
                    for tp, records in (await consumer.getmany(timeout_ms=100)).items():
                        taken = [r.timestamp / 1000 for r in records if r.key == OFFSETS_KEY]
                        read = time.time()
                        self._flushes[stages[tp.topic], tp.partition] += [(t, read) for t in taken]
        finally:
            await consumer.stop()
