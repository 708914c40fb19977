"""Events of a model that was not registered yet: refused, replayed, counted, each exactly once."""

import asyncio
import json
import time
from pathlib import Path

from monitor.panes.messages import Progress, decode
from monitor.stream.broker import EmbeddedKafka
from tests.e2e import logs, processes
from tests.e2e.scenario import Sent

CONFIG = """\
namespace: {namespace}
kafka: {{bootstrap: "{bootstrap}", partitions: 4}}
models:
  - {{id: known, signals: {{data_drift: {{window: {{size: 5m}}}}}}}}
"""
NEW = "  - {id: new, signals: {data_drift: {window: {size: 5m}}}}\n"
IDLE_S = 30.0


def events(model: str, count: int) -> list[Sent]:
    now = int(time.time() * 1000)
    return [
        Sent(
            "predictions",
            f"{model}-{n}".encode(),
            json.dumps(
                {"prediction_id": f"{model}-{n}", "model_id": model, "model_version": "1",
                 "timestamp": now - n, "features": {}, "prediction": "no"}
            ).encode(),
        )
        for n in range(count)
    ]  # fmt: skip


def test_what_is_replayed_to_a_worker_counts_exactly_once(
    kafka: EmbeddedKafka, namespace: str, tmp_path: Path
) -> None:
    config = tmp_path / "models.yaml"
    config.write_text(CONFIG.format(namespace=namespace, bootstrap=kafka.address))
    assert processes.run("topics", "create", config).returncode == 0
    sent = events("known", 30) + events("new", 250)
    asyncio.run(logs.send(kafka.address, namespace, sent))

    def counts() -> dict[str, int]:
        asyncio.run(logs.at_rest(kafka.address, namespace, timeout=60))
        return asyncio.run(logs.observed(kafka.address, namespace)).accounting["predictions"]

    def replay(*options: str) -> str:
        words = ("dead-letters", "replay", config, "--reason", "unknown_model", *options)
        done = processes.run(*words)
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.splitlines()[-1]

    with processes.Worker(tmp_path / "worker-1.log", config) as worker:
        assert counts() == {"read": 280, "counted": 30, "dead": 250}
        assert worker.stop() == 0
    config.write_text(config.read_text() + NEW)
    with processes.Worker(tmp_path / "worker-2.log", config) as worker:
        worker.owns()
        assert replay("--limit", "120", "--yes") == "120 records published again."
        assert replay("--yes") == "130 records published again."
        assert counts() == {"read": 530, "counted": 280, "dead": 250}
        assert replay("--yes") == "0 records published again."
        assert replay("--yes", "--again") == "250 records published again."
        assert counts() == {"read": 780, "counted": 280, "dead": 250, "duplicate": 250}
        # The markers of the replays' transactions stand at the ends of the partitions, and no
        # record: they are read all the same.
        asyncio.run(all_idle(kafka.address, namespace))
        assert worker.stop() == 0


async def all_idle(bootstrap: str, namespace: str) -> None:
    """Wait until each partition has told that it has read all that there is."""
    deadline = time.monotonic() + IDLE_S
    async with logs.Reader(bootstrap, namespace, ("panes", "predictions")) as reader:
        while True:
            await reader.read(deadline)
            last = {
                n: records[-1]
                for (topic, n), records in reader.records.items()
                if topic == "predictions" and records
            }
            told = [decode(record.value) for record in reader.records["panes", 0]]
            idle = {
                message.source
                for message in told
                if isinstance(message, Progress)
                and (end := last.get(message.source))
                and message.offsets.get("predictions") == end.offset
                # Read beyond the last record: all that there is has been, up to that time.
                and message.read.get("predictions", 0) > end.timestamp
            }
            if idle == set(last):
                return
            assert time.monotonic() < deadline, f"idle: {idle}"
            await asyncio.sleep(0.5)
