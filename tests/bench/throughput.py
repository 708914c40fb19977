"""End-to-end throughput, beside what Python can read at all and beside plain Faust, in one run.

Watchkeeper runs as its users run it: a worker process, transactions on, 20 features over 256 bins,
windows closing. Its speed is read off the broker: how many events the committed state says are
counted, and when the broker appended that state.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from monitor.observe.partition import PARTITION_KEY, partition_row
from monitor.registry.specs import KafkaSpec
from monitor.stream.topics import create_topics
from tests.bench import workload

PARTITIONS = 4
QUIET_S = 60.0
#: All partitions have flushed once by then.
SETTLE_MS = 1000


@dataclass(frozen=True)
class Speed:
    """Events taken in so many seconds."""

    events: int
    seconds: float
    cpu_s: float | None = None

    @property
    def rate(self) -> float:
        """Events a second."""
        return self.events / self.seconds


@dataclass(frozen=True)
class Setup:
    """What is run: models, windows, partitions and workers; dedup costs a look at each id."""

    namespace: str
    deduplicate: bool = False
    models: int = 1
    partitions: int = PARTITIONS
    workers: int = 1

    def config(self, bootstrap: str) -> str:
        """The configuration under test."""
        features = "\n".join(
            [f"      {name}: numeric" for name in workload.NUMERIC]
            + [f"      {name}: categorical" for name in workload.CATEGORICAL]
        )
        models = "".join(
            f"""
  - id: {model}
    clock: events
    deduplicate: {str(self.deduplicate).lower()}
    baseline: {{type: reference, path: {model}.json}}
    features:
{features}
    signals:
      data_drift: {{window: {{size: 5m, allowed_lateness: 1m}}}}
      prediction_drift: {{window: {{size: 5m, allowed_lateness: 1m}}}}
"""
            for model in workload.names(self.models)
        )
        return f"""\
namespace: {self.namespace}
kafka: {{bootstrap: "{bootstrap}", partitions: {self.partitions}}}
models:{models}"""


async def publish(bootstrap: str, setup: Setup, events: Sequence[bytes]) -> None:
    """Write the events in batches, round robin over the partitions, and the stream's end."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, max_batch_size=512 * 1024)
    await producer.start()
    topic = f"{setup.namespace}.predictions"
    try:
        sent = []
        for number, first in enumerate(range(0, len(events), 400)):
            batch = producer.create_batch()
            for event in events[first : first + 400]:
                if batch.append(key=None, value=event, timestamp=None) is None:
                    raise AssertionError("a batch of 400 events does not fit")
            sent.append(
                await producer.send_batch(batch, topic, partition=number % setup.partitions)
            )
            if len(sent) == 200:
                await asyncio.gather(*sent)
                sent = []
        await asyncio.gather(*sent)
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


async def counted_over_time(bootstrap: str, setup: Setup, until: int) -> list[tuple[int, int]]:
    """(append time in ms, events counted so far), one for each committed flush, until all are."""
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
    finally:
        await consumer.stop()
    totals, sums = [], dict.fromkeys(range(setup.partitions), 0)
    for at, partition, n in sorted(flushes):
        sums[partition] = n
        totals.append((at, sum(sums.values())))
    return totals


async def judged(bootstrap: str, setup: Setup, predictions: int) -> list[dict[str, Any]]:
    """The drift and window events, read until the windows hold every prediction."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, isolation_level="read_committed", auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        topic = f"{setup.namespace}.drift-events"
        consumer.assign([TopicPartition(topic, n) for n in range(setup.partitions)])
        events: list[dict[str, Any]] = []
        quiet, held = time.monotonic(), 0
        while held < predictions:
            for records in (await consumer.getmany(timeout_ms=500)).values():
                quiet = time.monotonic()
                events += [json.loads(record.value) for record in records]
            held = sum(
                e["data"]["predictions"]
                for e in events
                if e["data"]["kind"] == "window" and e["data"]["detector"] == "data_drift"
            )
            if time.monotonic() - quiet > QUIET_S:
                raise AssertionError(f"windows hold {held} of {predictions} predictions")
        return events
    finally:
        await consumer.stop()


def check(events: list[dict[str, Any]], count: int) -> int:
    """Compare the PSI of a feature in every window with numpy on the raw values; windows checked.

    Raises AssertionError where the product's figure and the oracle's differ.
    """
    name = workload.NUMERIC[0]
    reference = np.array(workload.columns(20_000, 1)[name])
    drawn = np.array(workload.columns(workload.DIFFERENT, 4)[name])
    baseline = workload.baseline()
    grid = baseline.grid(f"feature/{name}")
    cuts = np.asarray(grid.edges)[np.asarray(grid.coarse)]
    n = np.arange(count)
    times = workload.START_MS + n // 5
    values = drawn[n % workload.DIFFERENT]
    windows = 0
    for event in events:
        data = event["data"]
        if data["kind"] != "window" or data["detector"] != "data_drift":
            continue
        told = next(r for r in data["results"] if r["subject"] == f"feature/{name}")
        start = np.datetime64(data["window"]["start"].rstrip("Z"), "ms").astype(np.int64)
        inside = values[(times >= start) & (times < start + workload.WINDOW.size_ms)]
        if data["predictions"] != inside.size:
            raise AssertionError(f"window {start}: {data['predictions']} != {inside.size}")
        p, q = (
            np.maximum(np.bincount(np.searchsorted(cuts, x, "right"), minlength=cuts.size + 1), 0)
            / x.size
            for x in (inside, reference)
        )
        p, q = np.where(p == 0, 1e-4, p), np.where(q == 0, 1e-4, q)
        psi = float(np.sum((p - q) * np.log(p / q)))
        if told["value"] is not None and abs(psi - told["value"]) > 1e-12:
            raise AssertionError(f"window {start}: PSI {told['value']} != {psi}")
        windows += 1
    return windows


async def renew(kafka: KafkaSpec, namespace: str) -> None:
    """Forget all that a worker made, and keep its input."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    try:
        inputs = {f"{namespace}.{name}" for name in ("predictions", "labels", "reviews")}
        ours = [t for t in await admin.list_topics() if t.startswith(f"{namespace}.")]
        made = [t for t in ours if t not in inputs]
        if made:
            await admin.delete_topics(made)
        for _ in range(100):
            if not set(made) & set(await admin.list_topics()):
                break
            await asyncio.sleep(0.1)
    finally:
        await admin.close()
    await create_topics(kafka, namespace)


class Meter:
    """CPU seconds that processes have taken, noted ten times a second."""

    def __init__(self, pids: Sequence[int]) -> None:
        self.pids = pids
        self.notes: list[tuple[float, float]] = []
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._note, daemon=True)

    def __enter__(self) -> "Meter":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _note(self) -> None:
        ticks = os.sysconf("SC_CLK_TCK")
        while not self._end.wait(0.1):
            total = 0
            for pid in self.pids:
                try:
                    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                except OSError:
                    continue
                total += int(fields[11]) + int(fields[12])
            self.notes.append((time.time() * 1000, total / ticks))

    def between(self, began_ms: float, ended_ms: float) -> float:
        """CPU seconds from one time to another."""
        times, taken = zip(*self.notes, strict=True)
        return float(np.interp(ended_ms, times, taken) - np.interp(began_ms, times, taken))


def watchkeeper(bootstrap: str, setup: Setup, count: int, checked: bool = True) -> Speed:
    """Workers over the whole topic, from their first flush to their last."""
    kafka = KafkaSpec(bootstrap=bootstrap, partitions=setup.partitions)
    asyncio.run(renew(kafka, setup.namespace))
    workers: list[subprocess.Popen[bytes]] = []
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "bench.yaml")
        config.write_text(setup.config(bootstrap))
        for model in workload.names(setup.models):
            Path(folder, f"{model}.json").write_bytes(workload.baseline(model).to_json())
        argv = [sys.executable, "-m", "monitor.cli.main", "worker", "--unsupervised", str(config)]
        argv += ["--state-dir", folder]
        try:
            for _ in range(setup.workers):
                workers.append(subprocess.Popen(argv, stderr=subprocess.DEVNULL))
            with Meter([worker.pid for worker in workers]) as meter:
                totals = asyncio.run(counted_over_time(bootstrap, setup, count))
            if checked:
                check(asyncio.run(judged(bootstrap, setup, count)), count)
        finally:
            for worker in workers:
                worker.terminate()
            for worker in workers:
                try:
                    worker.wait(20)
                except subprocess.TimeoutExpired:
                    worker.kill()
                    worker.wait()
    # What the first flushes hold was partly counted before the clock starts: they don't count.
    started = next(at for at, counted in totals if counted) + SETTLE_MS
    (began, first), (ended, last) = next(t for t in totals if t[0] >= started), totals[-1]
    return Speed(last - first, (ended - began) / 1000, meter.between(began, ended))


def contestant(role: str, bootstrap: str, topic: str, count: int) -> Speed:
    """Another way to read the same topic, in a process of its own."""
    argv = [sys.executable, "-m", "tests.bench.roles", role, bootstrap, topic, str(count)]
    said = subprocess.run(argv, capture_output=True, text=True, timeout=180, check=True).stdout
    figures = json.loads(said[said.index("{") : said.rindex("}") + 1])
    return Speed(figures["events"], figures["seconds"])
