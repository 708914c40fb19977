"""A worker as its users run it, measured end to end: its speed, and the CPU that an event costs.

Transactions on, 20 features over 256 bins, windows closing. Both are read off the broker: how many
events the committed state says are counted, and when the broker appended that state. Interpreters
and a consumer group that gathers count for nothing. Outputs are compared with an oracle.

Speed is that of a catch-up, over a topic that was written before: from one flush to another, both
in full stream, because what was applied before a flush and is not in it is then as much at both
ends. For the cost all workers are up and idle before the first event is sent, and it ends when the
last is counted: nothing but the same events is in it, however they are spread.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from aiokafka import AIOKafkaConsumer, TopicPartition

from monitor.observe.rows import PARTITION_KEY, partition_row
from monitor.registry.specs import KafkaSpec
from tests.bench import workload
from tests.bench.meter import Workers
from tests.bench.outputs import QUIET_S, check, judged
from tests.bench.publishing import end, publish, renew
from tests.bench.setup import Setup

#: All partitions have flushed once by then.
SETTLE_MS = 1000
#: The part of the events that has to be read in full stream.
LEAST = 0.4
Total = tuple[int, int]


@dataclass(frozen=True)
class Speed:
    """Events taken in so many seconds."""

    events: int
    seconds: float

    @property
    def rate(self) -> float:
        """Events a second."""
        return self.events / self.seconds


@dataclass
class Counted:
    """The committed flushes of a run: (append time in ms, partition, counted there so far)."""

    flushes: list[tuple[int, int, int]]

    @property
    def totals(self) -> list[Total]:
        """(append time, events counted so far in all partitions) by flush."""
        totals, sums = [], dict[int, int]()
        for at, partition, n in sorted(self.flushes):
            sums[partition] = n
            totals.append((at, sum(sums.values())))
        return totals

    def full_stream(self, up_ms: float) -> tuple[Total, Total]:
        """The first flush after all is up and has flushed, the last before a partition runs dry."""
        last = {partition: n for _, partition, n in sorted(self.flushes)}
        dry = min(at for at, partition, n in self.flushes if n == last[partition])
        began = max(next(at for at, n in self.totals if n), up_ms) + SETTLE_MS
        within = [total for total in self.totals if began <= total[0] < dry]
        if not within or within[-1][1] - within[0][1] < LEAST * self.totals[-1][1]:
            raise AssertionError(
                f"less than {LEAST:.0%} of {self.totals[-1][1]} events were read in full stream; "
                "publish more"
            )
        return within[0], within[-1]


async def counted_over_time(bootstrap: str, setup: Setup, until: int) -> Counted:
    """The flushes of all partitions until so many events are counted."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, isolation_level="read_committed", auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        topic = f"{setup.namespace}.observe-state"
        consumer.assign([TopicPartition(topic, n) for n in range(setup.partitions)])
        held = dict.fromkeys(range(setup.partitions), 0)
        flushes: list[tuple[int, int, int]] = []
        quiet = time.monotonic()
        while sum(held.values()) < until:
            for records in (await consumer.getmany(timeout_ms=500)).values():
                quiet = time.monotonic()
                for record in records:
                    if record.key == PARTITION_KEY:
                        counts = partition_row(record.value).accounting.get("predictions", {})
                        held[record.partition] = counts.get("counted", 0)
                        flushes.append((record.timestamp, record.partition, held[record.partition]))
            if time.monotonic() - quiet > QUIET_S:
                raise AssertionError(f"{sum(held.values())} of {until} counted, then nothing")
        return Counted(flushes)
    finally:
        await consumer.stop()


@contextmanager
def _running(bootstrap: str, setup: Setup) -> Iterator[Workers]:
    with tempfile.TemporaryDirectory(prefix="watchkeeper-bench-") as folder:
        config = Path(folder, "bench.yaml")
        config.write_text(setup.config(bootstrap))
        for model in workload.names(setup.models):
            config.with_name(f"{model}.json").write_bytes(workload.baseline(model).to_json())
        with Workers(setup.workers, config) as workers:
            try:
                yield workers
            except AssertionError as error:
                raise AssertionError(f"{setup.namespace}: {error}\n{workers.said}") from None


def speed(bootstrap: str, setup: Setup, count: int) -> Speed:
    """Predictions a second of workers over a topic that holds so many."""
    kafka = KafkaSpec(bootstrap=bootstrap, partitions=setup.partitions)
    asyncio.run(renew(kafka, setup.namespace))
    with _running(bootstrap, setup) as workers:
        counted = asyncio.run(counted_over_time(bootstrap, setup, count))
        check(asyncio.run(judged(bootstrap, setup, count)), setup, count)
        (began, first), (ended, last) = counted.full_stream(workers.owned_ms)
    return Speed(last - first, (ended - began) / 1000)


def cost(bootstrap: str, setup: Setup, records: Sequence[bytes]) -> float:
    """CPU µs of the workers for each of these events, until all are counted.

    Windows that close meanwhile are in it; those that the stream's end closes, all at once, aren't:
    it is told only then.
    """
    kafka, count = KafkaSpec(bootstrap=bootstrap, partitions=setup.partitions), len(records)
    asyncio.run(renew(kafka, setup.namespace, inputs=True))
    with _running(bootstrap, setup) as workers:
        workers.idle()
        began = time.time() * 1000
        asyncio.run(publish(bootstrap, setup, records))
        counted = asyncio.run(counted_over_time(bootstrap, setup, count))
        asyncio.run(end(bootstrap, setup))
        check(asyncio.run(judged(bootstrap, setup, count)), setup, count)
        if workers.owned_ms > began:
            raise AssertionError("partitions moved from one worker to another meanwhile")
    return workers.cpu_s(began, counted.totals[-1][0]) / count * 1e6


def contestant(role: str, bootstrap: str, topic: str, count: int) -> Speed:
    """Another way to read the same topic, in a process of its own."""
    argv = [sys.executable, "-m", "tests.bench.roles", role, bootstrap, topic, str(count)]
    said = subprocess.run(argv, capture_output=True, text=True, timeout=180, check=True).stdout
    figures = json.loads(said[said.index("{") : said.rindex("}") + 1])
    return Speed(figures["events"], figures["seconds"])
