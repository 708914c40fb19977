"""End-to-end throughput, beside what Python can read at all and beside plain Faust, in one run.

Watchkeeper runs as its users run it: a worker process, transactions on, 20 features over 256 bins,
windows closing. Its speed is read off the broker: how many events the committed state says are
counted, and when the broker appended that state.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from monitor.observe.partition import PARTITION_KEY, _decode_partition
from monitor.registry.specs import KafkaSpec
from monitor.stream.topics import create_topics
from tests.bench import workload

PARTITIONS = 4
QUIET_S = 60.0


@dataclass(frozen=True)
class Speed:
    """Events taken in so many seconds."""

    events: int
    seconds: float

    @property
    def rate(self) -> float:
        """Events a second."""
        return self.events / self.seconds


def config_text(namespace: str, bootstrap: str, deduplicate: bool) -> str:
    """The configuration under test."""
    features = "\n".join(
        [f"      {name}: numeric" for name in workload.NUMERIC]
        + [f"      {name}: categorical" for name in workload.CATEGORICAL]
    )
    return f"""\
namespace: {namespace}
kafka: {{bootstrap: "{bootstrap}", partitions: {PARTITIONS}}}
models:
  - id: {workload.MODEL}
    clock: events
    deduplicate: {str(deduplicate).lower()}
    baseline: {{type: reference, path: bench.json}}
    features:
{features}
    signals:
      data_drift: {{window: {{size: 5m, allowed_lateness: 1m}}}}
      prediction_drift: {{window: {{size: 5m, allowed_lateness: 1m}}}}
"""


async def publish(bootstrap: str, namespace: str, events: Sequence[bytes]) -> None:
    """Write the events in batches, round robin over the partitions, and the stream's end."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, max_batch_size=512 * 1024)
    await producer.start()
    topic = f"{namespace}.predictions"
    try:
        sent = []
        for number, first in enumerate(range(0, len(events), 400)):
            batch = producer.create_batch()
            for event in events[first : first + 400]:
                if batch.append(key=None, value=event, timestamp=None) is None:
                    raise AssertionError("a batch of 400 events does not fit")
            sent.append(await producer.send_batch(batch, topic, partition=number % PARTITIONS))
            if len(sent) == 200:
                await asyncio.gather(*sent)
                sent = []
        await asyncio.gather(*sent)
        end = json.dumps({"type": "end_of_stream", "model_id": workload.MODEL}).encode()
        for name in ("predictions", "labels"):
            for n in range(PARTITIONS):
                await producer.send_and_wait(f"{namespace}.{name}", end, partition=n)
    finally:
        await producer.stop()


async def counted_over_time(bootstrap: str, namespace: str, until: int) -> list[tuple[int, int]]:
    """(append time in ms, events counted so far), one for each committed flush, until all are."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, isolation_level="read_committed", auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        topic = f"{namespace}.observe-state"
        consumer.assign([TopicPartition(topic, n) for n in range(PARTITIONS)])
        held = dict.fromkeys(range(PARTITIONS), 0)
        flushes: list[tuple[int, int, int]] = []
        quiet = time.monotonic()
        while sum(held.values()) < until:
            for records in (await consumer.getmany(timeout_ms=500)).values():
                quiet = time.monotonic()
                for record in records:
                    if record.key == PARTITION_KEY:
                        counts = _decode_partition(record.value).accounting.get("predictions", {})
                        held[record.partition] = counts.get("counted", 0)
                        flushes.append((record.timestamp, record.partition, held[record.partition]))
            if time.monotonic() - quiet > QUIET_S:
                raise AssertionError(f"{sum(held.values())} of {until} counted, then nothing")
    finally:
        await consumer.stop()
    totals, sums = [], dict.fromkeys(range(PARTITIONS), 0)
    for at, partition, n in sorted(flushes):
        sums[partition] = n
        totals.append((at, sum(sums.values())))
    return totals


async def judged(bootstrap: str, namespace: str, predictions: int) -> list[dict[str, Any]]:
    """The drift and window events, read until the windows hold every prediction."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, isolation_level="read_committed", auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        topic = f"{namespace}.drift-events"
        consumer.assign([TopicPartition(topic, n) for n in range(PARTITIONS)])
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


def watchkeeper(bootstrap: str, namespace: str, count: int, deduplicate: bool) -> Speed:
    """One worker over the whole topic: events and seconds between its first and last flush."""
    kafka = KafkaSpec(bootstrap=bootstrap, partitions=PARTITIONS)
    asyncio.run(renew(kafka, namespace))
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "bench.yaml")
        config.write_text(config_text(namespace, bootstrap, deduplicate))
        Path(folder, "bench.json").write_bytes(workload.baseline().to_json())
        argv = [sys.executable, "-m", "monitor.cli.main", "worker", "--unsupervised", str(config)]
        argv += ["--state-dir", folder]
        worker = subprocess.Popen(argv, stderr=subprocess.DEVNULL)
        try:
            totals = asyncio.run(counted_over_time(bootstrap, namespace, count))
            check(asyncio.run(judged(bootstrap, namespace, count)), count)
        finally:
            worker.terminate()
            try:
                worker.wait(20)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()
    (began, first), (ended, last) = next(t for t in totals if t[1]), totals[-1]
    return Speed(last - first, (ended - began) / 1000)


def contestant(role: str, bootstrap: str, topic: str, count: int) -> Speed:
    """Another way to read the same topic, in a process of its own."""
    argv = [sys.executable, "-m", "tests.bench.roles", role, bootstrap, topic, str(count)]
    said = subprocess.run(argv, capture_output=True, text=True, timeout=180, check=True).stdout
    figures = json.loads(said[said.index("{") : said.rindex("}") + 1])
    return Speed(figures["events"], figures["seconds"])
