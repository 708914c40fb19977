"""Whatever is killed, paused or restarted, the same comes out as if nothing had been.

Every test sends one and the same story while it does its harm; what stands in the topics in the end
must equal what an undisturbed run has left: counters, counts of all panes, findings, actions and
dead letters. What depends on the moment (source offsets, the broker's append times) is left out.
"""

import asyncio
import contextlib
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from monitor.stream.broker import EmbeddedKafka
from tests.e2e import logs, processes, verdicts
from tests.e2e.logs import DidNotQuiesce, Observed
from tests.e2e.oracle.intake import take
from tests.e2e.processes import Worker
from tests.e2e.scenario import Scenario, scenario

#: The story lasts about so long, in seconds, so that there is a midst of it to do harm in.
SPREAD_S = 12.0
REST_S = 90.0


@pytest.fixture(scope="module")
def story() -> Scenario:
    return scenario(hours=24, rate=200, seed=5)


def outcome(found: Observed) -> dict[str, Any]:
    """All that must be equal, by name; an event published twice is an error of its own."""
    events: dict[str, Any] = {}
    for topic, some in found.events.items():
        for event in some:
            assert (topic, event["id"]) not in events, f"published twice on {topic}: {event}"
            data = {k: v for k, v in event["data"].items() if k not in ("source_offsets",)}
            event = event | {"data": data}
            if topic in ("dead-letters", "late"):
                del data["append_time"], event["time"]
            if data.get("reason") == "future_timestamp":
                del data["detail"]  # how far ahead of the broker's clock
            events[topic, event["id"]] = event
    return {"accounting": found.accounting, "panes": found.panes, "events": events}


class Stage:
    """A namespace with its topics, and the story flowing into it."""

    def __init__(self, kafka: EmbeddedKafka, namespace: str, story: Scenario, folder: Path):
        self.kafka, self.namespace, self.story, self.folder = kafka, namespace, story, folder
        self.config = story.write(folder, kafka.address, namespace)
        made = processes.run("topics", "create", self.config)
        assert made.returncode == 0, made.stderr
        self._workers = contextlib.ExitStack()
        self._numbers = iter(range(99))
        self._failure: list[BaseException] = []
        self._thread = threading.Thread(target=self._send, daemon=True)

    def __enter__(self) -> "Stage":
        return self

    def __exit__(self, *_: object) -> None:
        self._workers.close()

    def worker(self) -> Worker:
        log = self.folder / f"worker-{next(self._numbers)}.log"
        return self._workers.enter_context(Worker(log, self.config))

    def flow(self) -> None:
        """Begin to send the story, spread over some seconds."""
        self._thread.start()

    def _send(self) -> None:
        every = 100

        async def pause(n: int, _: logs.Delivered) -> None:
            if n % every == 0:
                await asyncio.sleep(SPREAD_S * every / len(self.story.sent))

        try:
            asyncio.run(logs.send(self.kafka.address, self.namespace, self.story.sent, pause))
        except BaseException as error:  # noqa: BLE001 - told by the thread that waits for it
            self._failure.append(error)

    def end(self) -> dict[str, Any]:
        """Wait for the end of the story and of what it sets off; what has come of it."""
        self._thread.join(REST_S)
        assert not self._thread.is_alive(), "the story could not be sent"
        if self._failure:
            raise self._failure[0]
        try:
            asyncio.run(logs.at_rest(self.kafka.address, self.namespace, REST_S))
        except DidNotQuiesce as error:
            said = [f"{log.name}: {log.read_text()[-1500:]}" for log in self.folder.glob("*.log")]
            raise DidNotQuiesce("\n".join([str(error), *sorted(said)])) from None
        return outcome(asyncio.run(logs.observed(self.kafka.address, self.namespace)))


@pytest.fixture(scope="module")
def undisturbed(
    kafka: EmbeddedKafka, story: Scenario, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """What the story comes to when nothing happens, which is what the oracle says of it."""
    with Stage(kafka, "undisturbed", story, tmp_path_factory.mktemp("undisturbed")) as stage:
        asyncio.run(logs.send(kafka.address, stage.namespace, story.sent))
        worker = stage.worker()
        asyncio.run(logs.at_rest(kafka.address, stage.namespace, REST_S))
        assert worker.stop() == 0
    found = asyncio.run(logs.observed(kafka.address, "undisturbed"))
    taken = take(found.log, story.models)
    judged = verdicts.judged(story.models, taken)
    drift = found.events["drift-events"]
    wrong = [*verdicts.findings(drift, judged), *verdicts.windows(drift, judged)]
    assert not wrong, f"{len(wrong)} differences:\n" + "\n".join(wrong[:20])
    assert found.accounting == taken.accounting()
    result = outcome(found)
    assert len(result["panes"]) > 300
    assert len(result["events"]) > 1000
    return result


@pytest.fixture
def stage(kafka: EmbeddedKafka, namespace: str, story: Scenario, tmp_path: Path) -> Iterator[Stage]:
    with Stage(kafka, namespace, story, tmp_path) as made:
        yield made


def same(found: dict[str, Any], expected: dict[str, Any]) -> None:
    """Fail with the first differences, by name."""
    for what in ("accounting", "panes", "events"):
        one, other = found[what], expected[what]
        missing = [key for key in other if key not in one]
        extra = [key for key in one if key not in other]
        unlike = [key for key in other if key in one and one[key] != other[key]]
        told = "\n".join(f"{k}: {one[k]}, undisturbed {other[k]}"[:600] for k in unlike[:5])
        assert not [*missing, *extra, *unlike], (
            f"{what}: {len(missing)} missing {missing[:3]}, {len(extra)} too many {extra[:3]}, "
            f"{len(unlike)} unlike\n{told}"
        )


def test_kill_9(stage: Stage, undisturbed: dict[str, Any]) -> None:
    """At work, in recovery, and the moment that recovery is over; each time it is started again."""
    chance = random.Random(7)
    worker = stage.worker()
    stage.flow()
    killed: list[int | None] = []
    owned = 0

    def kill(after_s: float) -> None:
        time.sleep(after_s)
        pid = worker.started(but=killed)
        os.kill(pid, signal.SIGKILL)
        killed.append(pid)

    for moment in ("at work", "in recovery", "at once"):
        if moment == "in recovery":
            worker.started(but=killed)
            kill(chance.uniform(0.5, 4.0))
            continue
        owned += 1
        worker.owns(times=owned)
        kill(0.0 if moment == "at once" else chance.uniform(0.3, 1.5))
    worker.says("worker was ended by SIGKILL", times=len(killed))
    worker.says("worker started again", times=len(killed))
    same(stage.end(), undisturbed)
    assert "Traceback" not in worker.said
    assert worker.stop() == 0


def test_a_paused_worker_is_fenced_when_it_wakes(stage: Stage, undisturbed: dict[str, Any]) -> None:
    """It has records applied and not yet flushed; another has taken over and gone on meanwhile."""
    first = stage.worker()
    first.owns()
    stage.flow()
    time.sleep(1.5)
    paused = first.started()
    os.kill(paused, signal.SIGSTOP)
    try:
        asleep = time.monotonic()
        second = stage.worker()
        second.owns()
        time.sleep(max(0.0, 15.0 - (time.monotonic() - asleep)))
    finally:
        os.kill(paused, signal.SIGCONT)
    first.says("another worker has taken it over")
    first.says("worker ended with exit code 3")
    first.says("worker started again")
    same(stage.end(), undisturbed)
    assert second.stop() == 0
    assert first.stop() == 0


def test_workers_come_and_go(stage: Stage, undisturbed: dict[str, Any]) -> None:
    """Stopped in good order a worker hands over without a loss, and without repeating anything."""
    first = stage.worker()
    first.owns()
    stage.flow()
    time.sleep(1.0)
    second = stage.worker()
    second.owns()
    time.sleep(1.0)
    assert first.stop() == 0
    third = stage.worker()
    third.owns()
    same(stage.end(), undisturbed)
    assert [second.stop(), third.stop()] == [0, 0]
    for worker in (first, second, third):
        assert "started again" not in worker.said


def test_the_broker_is_killed_in_mid_stream(
    story: Scenario, undisturbed: dict[str, Any], tmp_path: Path
) -> None:
    """The producer and the worker, or its successor, go on where they were."""
    with (
        EmbeddedKafka(tmp_path / "kafka", port=0) as kafka,
        Stage(kafka, "broken", story, tmp_path) as stage,
    ):
        worker = stage.worker()
        worker.owns()
        stage.flow()
        time.sleep(3.0)
        kafka.kill()
        time.sleep(1.0)
        kafka.start()
        same(stage.end(), undisturbed)
        assert worker.stop() == 0
