"""When each partition of a stage made something durable: how long a harm kept it from that."""

import asyncio
import contextlib
import statistics
import threading
import time
from collections.abc import Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from monitor.stream.tables import OFFSETS_KEY
from tests.e2e.logs import PARTITIONS
from tests.faults.rig import Rig, until

#: They flush every few seconds, whatever is sent; respond has nothing to do where nothing drifts.
STAGES = ("observe", "evaluate")
Unit = tuple[str, int]
#: When the broker took a flush, and when it could be read: seconds since the epoch.
Flush = tuple[float, float]


class Progress:
    """Follows the committed flushes of a rig while entered, by when a plain consumer sees them."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self.flushes: dict[Unit, list[Flush]] = {
            (stage, n): [] for stage in STAGES for n in range(PARTITIONS)
        }
        self._over = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._follow()), daemon=True)

    def __enter__(self) -> "Progress":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(30.0)

    def again(self, since: float, seconds: float = 60.0, times: int = 1) -> None:
        """Wait until every partition has flushed so many times since a moment."""
        until(
            "counting again",
            lambda: again_s(self.flushes, since, times=times) is not None,
            seconds,
        )

    async def _follow(self) -> None:
        stages = {f"{self._rig.namespace}.{stage}-state": stage for stage in STAGES}
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
            while not self._over.is_set():
                with contextlib.suppress(KafkaError):
                    for tp, records in (await consumer.getmany(timeout_ms=100)).items():
                        taken = [r.timestamp / 1000 for r in records if r.key == OFFSETS_KEY]
                        read = time.time()
                        self.flushes[stages[tp.topic], tp.partition] += [(t, read) for t in taken]
        finally:
            await consumer.stop()


def again_s(
    flushes: dict[Unit, list[Flush]],
    since: float,
    before: float = float("inf"),
    times: int = 1,
) -> float | None:
    """Seconds from a moment until every partition has flushed anew; None if one did not in time.

    A flush that the broker had taken by then, and that was read only after it, is not a new one.
    Nor does one say that it goes on, where a harm may just have held it up: ask for two.

    >>> again_s({("observe", 0): [(1.0, 9.0), (6.0, 7.0)], ("observe", 1): [(5.0, 8.0)]}, 4.0)
    4.0
    >>> again_s({("observe", 0): [(1.0, 9.0)]}, 4.0) is None
    True
    >>> again_s({("observe", 0): [(1.0, 9.0), (6.0, 7.0), (7.5, 8.0)]}, 4.0, times=2)
    4.0
    """
    lasts = []
    for some in flushes.values():
        news = [read for taken, read in list(some) if since < taken and read < before]
        if len(news) < times:
            return None
        lasts.append(news[times - 1] - since)
    return max(lasts)


def standstills(
    flushes: dict[Unit, list[Flush]], harms: Sequence[float], times: int = 1
) -> dict[str, float]:
    """Figures of how long counting stood still; a harm during another's recovery counts with it.

    >>> flushes = {("observe", 0): [(3.0, 3.5), (14.0, 14.0)]}
    >>> standstills(flushes, [1.0, 10.0, 11.0])
    {'counting_again_max_s': 3.0, 'counting_again_median_s': 2.8}
    """
    ends = [*harms[1:], float("inf")]
    times = [again_s(flushes, *span, times) for span in zip(harms, ends, strict=True)]
    known = [round(seconds, 1) for seconds in times if seconds is not None]
    return {
        "counting_again_max_s": max(known, default=float("inf")),
        "counting_again_median_s": round(statistics.median(known or [float("inf")]), 1),
    }
