"""A worker's /metrics beside what the oracle counts from the input log, partition by partition."""

import asyncio
import os
import re
import signal
import time
import urllib.request
from collections import Counter
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from monitor.stream.broker import EmbeddedKafka
from tests.e2e import logs, processes
from tests.e2e.oracle.intake import take
from tests.e2e.scenario import scenario

#: What a flush and an answer may take until a counter is there.
SETTLED_S = 30.0
ORDER = ("stage", "model", "topic", "partition", "outcome", "reason")
Series = dict[tuple[str, ...], float]


def scraped(worker: processes.Worker) -> dict[str, Series]:
    """The last server's series by name and values of labels."""
    *_, url = re.findall(r"metrics at (\S+)", worker.said)
    with urllib.request.urlopen(url, timeout=10) as answer:
        text = answer.read().decode()
    found: dict[str, Series] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = tuple(sample.labels[name] for name in ORDER if name in sample.labels)
            found.setdefault(sample.name, {})[labels] = sample.value
    return found


def test_metrics_agree_with_a_count_of_the_log_and_survive_a_kill(
    kafka: EmbeddedKafka, namespace: str, tmp_path: Path
) -> None:
    story = scenario(hours=6, rate=100, seed=11)
    config = story.write(tmp_path, kafka.address, namespace)
    config.write_text("metrics: {port: 0}\n" + config.read_text())
    assert processes.run("topics", "create", config).returncode == 0
    asyncio.run(logs.send(kafka.address, namespace, story.sent))
    with processes.Worker(tmp_path / "worker.log", config) as worker:
        worker.says("metrics at ")
        asyncio.run(logs.at_rest(kafka.address, namespace, timeout=60))
        told = _settled(worker)
        pid = worker.started()
        os.kill(pid, signal.SIGKILL)
        worker.says("metrics at ", times=2)
        worker.owns(times=2)
        again = _settled(worker)
        assert worker.stop() == 0
    found = asyncio.run(logs.observed(kafka.address, namespace))
    taken = take(found.log, story.models)
    expected: Counter[tuple[str, ...]] = Counter()
    reasons: Counter[tuple[str, ...]] = Counter()
    for (topic, partition, _), fate in taken.fates.items():
        at = topic, str(partition)
        expected[*at, "read"] += 1
        expected[*at, fate.outcome] += 1
        if fate.reason:
            reasons[*at, fate.reason] += 1
    for series in (told, again):
        events = {k: n for k, n in series["watchkeeper_events_total"].items() if n}
        assert events == expected
        assert series["watchkeeper_refused_events_total"] == reasons
        assert len(events) > 20
        for topic in logs.INPUTS:
            for n in map(str, range(logs.PARTITIONS)):
                outcomes = [v for k, v in events.items() if k[:2] == (topic, n) and k[2] != "read"]
                if topic == "approvals" and not outcomes:
                    continue  # their keys are those of four models
                waiting = series["watchkeeper_waiting_events"][topic, n]
                assert events[topic, n, "read"] == sum(outcomes) + waiting
        assert set(series["watchkeeper_lag_records"]) == {
            (topic, str(n))
            for topics, _ in logs.STAGES.values()
            for topic in topics
            for n in range(logs.PARTITIONS)
        }
        assert len(series["watchkeeper_store_bytes"]) == logs.PARTITIONS
        assert series["process_resident_memory_bytes"][()] > 2**20
        assert set(series["watchkeeper_watermark_holdback_seconds"].values()) == {0}, "all ended"


def _settled(worker: processes.Worker) -> dict[str, Series]:
    """The series once nothing lags any more."""
    deadline = time.monotonic() + SETTLED_S
    read = sum(len(topics) for topics, _ in logs.STAGES.values()) * logs.PARTITIONS
    while True:
        found = scraped(worker)
        lags = found.get("watchkeeper_lag_records", {})
        if lags and len(lags) == read and not any(lags.values()):
            return found
        assert time.monotonic() < deadline, f"still behind: {lags}"
        time.sleep(0.2)
