"""Records with any keys through Apache Kafka; the worker is killed while it sends them on."""

import asyncio
import json
import os
import random
import signal
import time
from pathlib import Path
from typing import Any

from monitor.stream.broker import EmbeddedKafka
from tests.e2e import logs, processes
from tests.e2e.scenario import Sent
from tests.observe.stream import baseline
from tests.test_split_laws import END, on_time

WINDOW = "window: {size: 1h, allowed_lateness: 10m}"
MODELS = """
namespace: %s
kafka: {bootstrap: "%s", partitions: 4}
metrics: {port: null}
models:
  - id: m
    clock: events
    repartition: %s
    baseline: {path: m.json}
    signals:
      data_drift: {%s, min_samples: 50}
      prediction_drift: {%s, min_samples: 50}
      performance: {%s, min_samples: 20}
    labels: {max_delay: 8h, min_coverage: 0.5}
"""


def configured(folder: Path, kafka: EmbeddedKafka, namespace: str, split: bool) -> Path:
    (folder / "m.json").write_bytes(baseline().to_json())
    path = folder / f"{namespace}.yaml"
    given = namespace, kafka.address, json.dumps(split), WINDOW, WINDOW, WINDOW
    path.write_text(MODELS % given)
    made = processes.run("topics", "create", path)
    assert made.returncode == 0, made.stderr
    return path


def records(scattered: bool) -> list[Sent]:
    """A story by its keys, or each of its events in some partition, under a key that says nothing.

    Labels come before, after and among their predictions.
    """
    draw, sent = random.Random(5), []
    for topic, events in zip(("predictions", "labels"), on_time(1, spotless=True), strict=True):
        homes: dict[str, int] = {}
        for event in events:
            value = json.dumps(event).encode()
            if event == END:
                sent += [Sent(topic, b"end", value, n) for n in range(logs.PARTITIONS)]
            elif scattered:
                home = homes.setdefault(event["prediction_id"], draw.randrange(logs.PARTITIONS))
                sent.append(Sent(topic, b"customer", value, home))
            else:
                sent.append(Sent(topic, event["prediction_id"].encode(), value))
    return sent


async def judged(
    kafka: EmbeddedKafka, namespace: str, partitions: int = logs.PARTITIONS
) -> dict[str, dict[str, Any]]:
    """What was told in the end: the last revision of each event, but for offsets and hashes."""
    found = await logs.observed(kafka.address, namespace, partitions)
    told = {}
    for topic in ("drift-events", *logs.RESPONSES):
        identities = [event["id"] for event in found.events[topic]]
        assert len(identities) == len(set(identities)), f"{topic} has one twice"
        for event in found.events[topic]:
            for varies in ("source_offsets", "config_hash"):
                event["data"].pop(varies, None)
            told[event["id"]] = event
    return told


def test_any_keys_say_what_the_right_ones_say_whatever_kills_the_worker(
    kafka: EmbeddedKafka, namespace: str, tmp_path: Path
) -> None:
    told = {}
    for split in (False, True):
        name = f"{namespace}-{split}"
        config = configured(tmp_path, kafka, name, split)
        sent = records(split)
        with processes.Worker(tmp_path / f"{name}.log", config) as worker:
            asyncio.run(logs.send(kafka.address, name, sent[: len(sent) // 2]))
            worker.owns()
            if split:
                time.sleep(1.0)
                killed = worker.started()
                os.kill(killed, signal.SIGKILL)
                asyncio.run(logs.send(kafka.address, name, sent[len(sent) // 2 :]))
                worker.started(but=(killed,))
            else:
                asyncio.run(logs.send(kafka.address, name, sent[len(sent) // 2 :]))
            asyncio.run(logs.at_rest(kafka.address, name, timeout=90))
            assert worker.stop() == 0
        told[split] = asyncio.run(judged(kafka, name))
    assert told[True] == told[False]
    assert len(told[False]) > 100
    found = asyncio.run(logs.observed(kafka.address, f"{namespace}-True"))
    for topic in ("predictions", "labels"):
        counts = found.accounting[topic]
        assert counts["read"] == counts["moved"] == counts["arrived"] > 500
        assert (
            counts["counted"] + counts.get("duplicate", 0) + counts.get("dead", 0) == counts["read"]
        )
        assert all(of[topic]["arrived"] for of in found.partitions.values()), "each judges a part"
