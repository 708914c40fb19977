"""Whether a namespace may be left: `watchkeeper topics drained`, before, while and after."""

import asyncio
import json
import time
from pathlib import Path

from monitor.stream.broker import EmbeddedKafka
from tests.e2e import logs, processes
from tests.e2e.scenario import Sent

CONFIG = """\
namespace: {namespace}
kafka: {{bootstrap: "{bootstrap}", partitions: 4}}
metrics: {{port: null}}
models:
  - {{id: m, repartition: true, signals: {{data_drift: {{window: {{size: 5m}}}}}}}}
"""


def sent(first: int, count: int) -> list[Sent]:
    """Predictions of a key that says nothing."""
    now = int(time.time() * 1000)
    fields = {"model_id": "m", "model_version": "1", "features": {}, "prediction": "no"}
    events = [
        {"prediction_id": f"p{first + n}", "timestamp": now + n, **fields} for n in range(count)
    ]
    return [Sent("predictions", b"key", json.dumps(event).encode(), 2) for event in events]


def test_a_namespace_is_drained_when_all_is_applied_and_nobody_reads(
    kafka: EmbeddedKafka, namespace: str, tmp_path: Path
) -> None:
    config = tmp_path / "models.yaml"
    config.write_text(CONFIG.format(namespace=namespace, bootstrap=kafka.address))

    def drained() -> tuple[int, list[str]]:
        done = processes.run("topics", "drained", config)
        assert "Traceback" not in done.stderr
        return done.returncode, done.stdout.splitlines()

    missing = processes.run("topics", "drained", config)
    assert missing.returncode == 2
    assert "watchkeeper topics create" in missing.stderr
    assert processes.run("topics", "create", config).returncode == 0
    fine = (0, ["drained: everything that was sent is applied, and no worker runs"])
    assert drained() == fine, "nothing was ever sent"
    asyncio.run(logs.send(kafka.address, namespace, sent(0, 7)))
    waits = f"{namespace}.predictions partition 2: 7 records are not applied; let the workers run"
    code, told = drained()
    assert code == 1
    assert [line.startswith(waits) for line in told] == [True]
    with processes.Worker(tmp_path / "worker.log", config) as worker:
        asyncio.run(logs.at_rest(kafka.address, namespace, timeout=60))
        code, told = drained()
        assert code == 1
        assert told == ["workers run (1): stop them, when all is applied"]
        assert worker.stop() == 0
    assert drained() == fine
