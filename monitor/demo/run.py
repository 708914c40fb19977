"""The demo from end to end: a broker, a worker, a year's stream, and a report."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import msgspec
import numpy as np
from rich.console import Console
from rich.text import Text

from monitor.client import AsyncPublisher
from monitor.demo.flights import NEVER
from monitor.demo.incidents import DAY_MS, INCIDENTS, Incident
from monitor.demo.materials import Materials, gather, write
from monitor.demo.screen import Counts, Screen
from monitor.demo.settings import INCIDENTS_FILE
from monitor.demo.story import Story
from monitor.demo.traffic import MODEL_ID, events
from monitor.demo.verdict import Report, balances, verdicts
from monitor.demo.view import report
from monitor.demo.watch import Watcher
from monitor.errors import WatchkeeperError
from monitor.observe.accounting import Accounting
from monitor.registry.specs import Config
from monitor.stream.broker import EmbeddedKafka
from monitor.stream.children import ChildProcess, spawn
from monitor.stream.jars import Progress
from monitor.stream.models import read_config
from monitor.stream.topics import Horizons, create_topics

WORKER_LOG = "worker.log"
#: In the demo's folder: what the worker published, and the report as JSON.
EVENTS_FILE = "drift-events.jsonl"
REPORT_FILE = "report.json"
#: How lines begin in which the worker's supervisor speaks: of deaths, and new starts.
_SUPERVISOR = "watchkeeper: "
CHUNK = 4000
#: The stream stays so close to its verdicts, in event time, that one can watch both.
AHEAD_MS = 30 * DAY_MS
PATIENCE_S = 0.5


@dataclass(frozen=True, slots=True)
class Options:
    """Where the demo keeps its files (None: nowhere), Kafka's port, and what befalls the stream."""

    folder: Path | None = None
    port: int = 0
    incidents: tuple[Incident, ...] = INCIDENTS
    keep: bool = False


def run(options: Options, console: Console, jars: Callable[[Progress], None] | None = None) -> int:
    """Run the demo; return 0 if all went as announced and every event is accounted for, else 1.

    `jars` hears of Kafka's jars, where they have to be fetched. Nothing that it starts outlives it.
    """
    with contextlib.ExitStack() as stack:
        folder = _folder(options.folder, stack)
        kafka = EmbeddedKafka(folder / "kafka", options.port)
        stack.callback(kafka.stop)
        kafka.start(jars)
        _say(console, f"Apache Kafka at {kafka.address}, in {folder}.")
        _say(console, "Reading a year of flights, and training the model on January and February.")
        materials = gather(options.incidents)
        _say(console, _describe(materials))
        path = write(materials, folder, kafka.address)
        _announce(console, materials.incidents, folder)
        config = read_config(path)
        asyncio.run(create_topics(config.kafka, config.namespace, Horizons.of(config)))
        worker = _worker(path, folder / WORKER_LOG)
        stack.callback(worker.stop)
        story = Story(materials.incidents)
        accounting = asyncio.run(_stream(materials, config, story, worker, folder, console))
        told = _report(materials, story, accounting)
        (folder / REPORT_FILE).write_bytes(msgspec.json.encode(told))
        report(console, told)
        if options.keep:
            _keep(console, path, worker)
        return 1 if told.failures else 0


def _say(console: Console, line: str) -> None:
    console.print(Text(line))


def _folder(given: Path | None, stack: contextlib.ExitStack) -> Path:
    if given is None:
        return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="watchkeeper-demo-")))
    given.mkdir(parents=True, exist_ok=True)
    if any(given.iterdir()):
        raise WatchkeeperError(
            f"{given} isn't empty, and a demo begins with an empty Kafka; give another folder"
        )
    return given.absolute()


def _describe(materials: Materials) -> str:
    march = materials.march
    right = float(march.correct[march.flights.labelled].mean())
    return (
        f"Baseline: March, out of sample, {len(march.flights):,} flights, {right:.1%} foretold "
        f"right. Stream: April to December, {len(materials.sent.flights):,} flights."
    )


def _announce(console: Console, incidents: tuple[Incident, ...], folder: Path) -> None:
    if not incidents:
        _say(console, "Nothing is injected, so none of the incidents may be found.")
        return
    _say(console, f"Announced in {folder / INCIDENTS_FILE}:")
    for incident in incidents:
        _say(console, f"  {incident.start[:10]}  {incident.name}: {incident.what}")


def _worker(config: Path, log: Path) -> ChildProcess:
    """Start a supervised worker, as `watchkeeper worker` does."""
    command = [sys.executable, "-m", "monitor.cli.main", "worker", str(config)]
    command += ["--state-dir", str(log.parent / "caches")]
    with log.open("wb") as output:
        return spawn(command, output=output)


async def _stream(
    materials: Materials,
    config: Config,
    story: Story,
    worker: ChildProcess,
    folder: Path,
    console: Console,
) -> Accounting:
    """Publish the whole stream, and watch until the worker has judged the last of it."""
    days = np.unique(materials.sent.flights.departed_ms // DAY_MS) * DAY_MS
    counts = Counts(events=sum(_sent(materials).values()), days=len(days))
    publishing = asyncio.create_task(_publish(materials, config, counts, story))
    with (
        (folder / EVENTS_FILE).open("wb") as copy,
        (folder / WORKER_LOG).open(encoding="utf-8", errors="replace") as log,
        Screen(console, counts, story) as screen,
    ):
        watcher = Watcher(config, story, copy)

        def check() -> None:
            screen.show()
            for line in log:
                if line.startswith(_SUPERVISOR):
                    screen.say(line.rstrip())
            if publishing.done():
                publishing.result()
            if worker.returncode is not None:
                raise WatchkeeperError(_died(worker.returncode, folder / WORKER_LOG))

        try:
            await watcher.follow(config.models[0], int(days[-1]), check)
            await publishing
        finally:
            publishing.cancel()
            await asyncio.gather(publishing, return_exceptions=True)
    await watcher.actions()
    return await watcher.accounting()


async def _publish(materials: Materials, config: Config, counts: Counts, story: Story) -> None:
    """Publish everything in the order of its time, a month at most ahead of the verdicts."""
    stream = events(materials.sent)
    async with AsyncPublisher(config.kafka, namespace=config.namespace, timeout=60.0) as publisher:
        while chunk := list(islice(stream, CHUNK)):
            counts.sent += await publisher.send_many((e.kind, e.fields) for e in chunk)
            await _verdicts(story, chunk[-1].time_ms - AHEAD_MS)
        await publisher.end_of_stream(MODEL_ID)


async def _verdicts(story: Story, until_ms: int) -> None:
    """Wait for the verdicts on a time, but never long: what is slow to judge is still published."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE_S):
            while story.latest_ms < until_ms:
                await asyncio.sleep(0.05)


def _sent(materials: Materials) -> dict[str, int]:
    flights = materials.sent.flights
    return {
        "predictions": len(flights),
        "labels": int(np.count_nonzero(flights.landed_ms != NEVER)),
    }


def _report(materials: Materials, story: Story, accounting: Accounting) -> Report:
    return Report(
        verdicts=verdicts(story, materials.calm(), INCIDENTS),
        balances=balances(accounting, _sent(materials)),
        elsewhere=materials.reasons(story),
    )


def _died(code: int, log: Path) -> str:
    said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return f"the worker ended with {code}: {said[-1] if said else 'it said nothing'}; see {log}"


def _keep(console: Console, config: Path, worker: ChildProcess) -> None:
    """Leave broker and worker running for whoever wants to look around, until Ctrl-C."""
    if not sys.stdin.isatty():
        return
    _say(console, f"\nKafka and the worker go on, configured in {config}. Ctrl-C ends them.")
    with contextlib.suppress(KeyboardInterrupt):
        worker.wait()
