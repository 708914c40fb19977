"""How long after a window's close its drift event is on the topic, in a stream that is live.

Events come at an even pace and tell the present. Every window of every model has drifted. A window
closes when the last source partition has a record that lets the model's watermark pass it: the
delay is the broker's time from that record to the event. The models differ in `disorder`, a second
each, so that closes are spread over the minute.
"""

import asyncio
import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from monitor.registry.specs import MINUTE_MS, SECOND_MS, KafkaSpec
from monitor.stream.topics import create_topics
from tests.bench import workload
from tests.bench.meter import Workers
from tests.bench.outputs import milliseconds
from tests.bench.setup import PARTITIONS

NAMESPACE = "latency"
MODELS = 60
TICK_S = 0.02
#: Events of one tick at most, after a stall: a partition's part fits a batch.
AT_ONCE, BATCH_BYTES = 1600, 512 * 1024
#: How long is waited for what the last events set off.
PATIENCE_S = 30.0
#: A stream this much slower than asked for says nothing.
PACE_KEPT = 0.95
Close = tuple[str, int]


def config(bootstrap: str) -> str:
    """Models with windows of a minute; the n-th waits n seconds for what comes out of order."""
    models = "".join(
        f"""
  - id: {model}
    clock: append
    disorder: {n}s
    deduplicate: false
    baseline: {{type: reference, path: {model}.json}}
    signals: {{data_drift: {{window: {{size: 1m, allowed_lateness: 0s}}}}}}
"""
        for n, model in enumerate(workload.names(MODELS))
    )
    return f"""\
namespace: {NAMESPACE}
kafka: {{bootstrap: "{bootstrap}", partitions: {PARTITIONS}}}
metrics: {{port: null}}
models:{models}"""


@dataclass
class Closes:
    """Which record let each model's watermark pass each window, by partition."""

    #: The append times of the records, once they are known.
    by: dict[Close, dict[int, asyncio.Future[Any]]] = field(default_factory=dict)
    passed: dict[tuple[int, int], int] = field(default_factory=dict)

    def note(self, model: int, partition: int, time_ms: int, sent: asyncio.Future[Any]) -> None:
        """Take an event, in the order of its partition."""
        mark = time_ms - model * SECOND_MS
        end = mark - mark % MINUTE_MS
        before = self.passed.setdefault((model, partition), end)
        if end > before:
            self.passed[model, partition] = end
            key = workload.names(MODELS)[model], end
            self.by.setdefault(key, {})[partition] = sent

    def closed(self, since_ms: int) -> Iterator[tuple[Close, int]]:
        """The windows that began since a time, all partitions having passed them, and when."""
        for (model, end), sent in self.by.items():
            if end - MINUTE_MS >= since_ms and len(sent) == PARTITIONS:
                yield (model, end), max(one.result().timestamp for one in sent.values())


@dataclass(frozen=True)
class Delays:
    """Seconds from a window's close to its drift event: appended, and seen by a reader."""

    appended: list[float]
    seen: list[float]


def measure(bootstrap: str, pace: int, minutes: float) -> Delays:
    """Run a live stream for so long. Raises AssertionError where an event is missing."""
    asyncio.run(create_topics(KafkaSpec(bootstrap=bootstrap, partitions=PARTITIONS), NAMESPACE))
    with tempfile.TemporaryDirectory(prefix="watchkeeper-bench-") as folder:
        path = Path(folder, "latency.yaml")
        path.write_text(config(bootstrap))
        for model in workload.names(MODELS):
            path.with_name(f"{model}.json").write_bytes(workload.baseline(model).to_json())
        with Workers(1, path) as workers:
            try:
                workers.idle()
                return asyncio.run(_run(bootstrap, pace, minutes))
            except AssertionError as error:
                raise AssertionError(f"{error}\n{workers.said}") from None


async def _run(bootstrap: str, pace: int, minutes: float) -> Delays:
    drifted: dict[Close, tuple[int, float]] = {}
    reader = asyncio.create_task(_read(bootstrap, drifted))
    try:
        since_ms, closes = await _publish(bootstrap, pace, minutes)
        closed = dict(closes.closed(since_ms))
        deadline = time.monotonic() + PATIENCE_S
        while missing := closed.keys() - drifted.keys():
            if time.monotonic() > deadline or reader.done():
                raise AssertionError(
                    f"no drift event of {len(missing)} windows of {len(closed)}, "
                    f"as {min(missing)}, within {PATIENCE_S:.0f} s"
                )
            await asyncio.sleep(0.1)
    finally:
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)
    if not closed:
        raise AssertionError(f"no window closed in {minutes:g} minutes; run for 3 or more")
    return Delays(
        [(drifted[key][0] - at) / 1000 for key, at in closed.items()],
        [(drifted[key][1] - at) / 1000 for key, at in closed.items()],
    )


async def _publish(bootstrap: str, pace: int, minutes: float) -> tuple[int, Closes]:
    """Send events of now at an even pace; when the first was made, and what closed by them."""
    bodies, ids = _drifted_rows(), workload.names(MODELS)
    rng, closes = np.random.default_rng(6), Closes()
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, max_batch_size=BATCH_BYTES)
    await producer.start()
    try:
        began, sent = time.monotonic(), 0
        since_ms = int(time.time() * 1000)
        while (elapsed := time.monotonic() - began) < minutes * 60:
            due = min(int(elapsed * pace) - sent, AT_ONCE)
            now = int(time.time() * 1000)
            turns = rng.integers(0, MODELS, due).tolist()
            for partition in range(PARTITIONS):
                batch, mine = (
                    producer.create_batch(),
                    range(sent + partition, sent + due, PARTITIONS),
                )
                for n in mine:
                    value = (
                        f'{{"prediction_id":"p{n}","model_id":"{ids[turns[n - sent]]}",'
                        f'"model_version":"1","timestamp":{now},"prediction":"yes","score":0.5,'
                        f'"features":{bodies[n % len(bodies)]}}}'
                    )
                    assert batch.append(key=None, value=value.encode(), timestamp=None)
                if not len(mine):
                    continue
                future = await producer.send_batch(
                    batch, f"{NAMESPACE}.predictions", partition=partition
                )
                for n in mine:
                    closes.note(turns[n - sent], partition, now, future)
            sent += due
            await asyncio.sleep(TICK_S)
        await producer.flush()
    finally:
        await producer.stop()
    if sent < PACE_KEPT * pace * minutes * 60:
        raise AssertionError(f"only {sent / minutes / 60:.0f} events a second could be sent")
    return since_ms, closes


def _drifted_rows() -> list[str]:
    """The workload's rows, of which three features have moved."""
    drawn = workload.columns(workload.DIFFERENT, 4)
    moved = {
        name: [3.0 * float(value) + 5.0 for value in drawn[name]] for name in workload.NUMERIC[:3]
    }
    columns = drawn | moved
    names = list(columns)
    return [
        json.dumps(dict(zip(names, row, strict=True)))
        for row in zip(*columns.values(), strict=True)
    ]


async def _read(bootstrap: str, drifted: dict[Close, tuple[int, float]]) -> None:
    """Note the last drift event of each window: when it was appended and seen, in ms."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, isolation_level="read_committed",
        auto_offset_reset="earliest", fetch_max_wait_ms=50,
    )  # fmt: skip
    await consumer.start()
    try:
        consumer.assign([TopicPartition(f"{NAMESPACE}.drift-events", n) for n in range(PARTITIONS)])
        while True:
            for records in (await consumer.getmany(timeout_ms=50)).values():
                seen = time.time() * 1000
                for record in records:
                    data = json.loads(record.value)["data"]
                    if data["kind"] == "drift" and data["detector"] == "data_drift":
                        key = data["model_id"], milliseconds(data["window"]["end"])
                        appended, _ = drifted.get(key, (0, 0.0))
                        drifted[key] = max(appended, record.timestamp), seen
    finally:
        await consumer.stop()
