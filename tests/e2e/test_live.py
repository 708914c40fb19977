"""A live model: where all partitions fall silent, time goes on by the broker's clock.

No event and no end of stream closes what is open here; heartbeats do. The events lie in the last
hours, so that nothing has to be waited for.
"""

import asyncio
import time
from pathlib import Path

import pytest

from monitor.stream.broker import EmbeddedKafka
from tests.e2e import logs, processes, verdicts
from tests.e2e.oracle.intake import take
from tests.e2e.oracle.setting import MINUTE, SECOND, Signal
from tests.e2e.scenario import Sent, live

#: Heartbeats come every five seconds, from two stages one after the other.
CLOSED_S = 60.0


@pytest.fixture
def now() -> int:
    return int(time.time() * 1000)


def test_what_is_open_when_all_fall_silent_is_judged_whole(
    kafka: EmbeddedKafka, namespace: str, tmp_path: Path, now: int
) -> None:
    window = Signal(5 * MINUTE, 5 * MINUTE, 30 * SECOND, 60)
    story = live(window, since=now - 100 * MINUTE, until=now - 30 * MINUTE)
    config = story.write(tmp_path, kafka.address, namespace)
    assert processes.run("topics", "create", config).returncode == 0
    asyncio.run(logs.send(kafka.address, namespace, story.sent))
    with processes.Worker(tmp_path / "worker.log", config) as worker:
        asyncio.run(logs.at_rest(kafka.address, namespace, timeout=60))
        deadline = time.monotonic() + CLOSED_S
        while True:
            found = asyncio.run(logs.observed(kafka.address, namespace))
            taken = take(found.log, story.models)
            judged = verdicts.judged(story.models, taken)
            drift = found.events["drift-events"]
            wrong = [*verdicts.findings(drift, judged), *verdicts.windows(drift, judged)]
            if not wrong or time.monotonic() > deadline:
                break
            time.sleep(2.0)
        # Time has gone on: who comes now with the same hours comes late, and is told so.
        again = [
            Sent(sent.topic, b"late-" + sent.key, sent.value.replace(b'"l', b'"late-', 1))
            for sent in story.sent
            if sent.topic == "predictions" and sent.value is not None
        ]
        asyncio.run(logs.send(kafka.address, namespace, again))
        asyncio.run(logs.at_rest(kafka.address, namespace, timeout=60))
        after = asyncio.run(logs.observed(kafka.address, namespace))
        assert worker.stop() == 0
    assert not wrong, f"{len(wrong)} differences:\n" + "\n".join(wrong[:20])
    assert found.accounting == taken.accounting()
    assert len(after.events["late"]) == after.accounting["predictions"]["late"] == len(again)
    assert after.accounting["predictions"]["counted"] == found.accounting["predictions"]["counted"]
    assert {e["id"] for e in after.events["drift-events"]} == {e["id"] for e in drift}
    said = {(j.detector, f.verdict) for j in judged for f in j.findings}
    assert {("data_drift", "no_traffic"), ("performance", "low")} <= said
