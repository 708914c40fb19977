"""SOAK: months pass, and what is held stops growing once labels can come no more.

Event time runs 2,400 times as fast as the clock. The series is written as it is taken; when the
label horizon has passed, a slope decides which figures are flat (`flat.py`).
"""

import asyncio
import contextlib
import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from aiokafka import AIOKafkaProducer

from monitor.observe.remembered import Seen
from monitor.stream.rocks import RocksStore
from tests.e2e import processes
from tests.e2e.logs import INPUTS, STAGES
from tests.e2e.oracle.setting import HOUR
from tests.e2e.scenario import T0
from tests.faults.comparison import OUTCOMES
from tests.faults.flat import Flatness, flatness, linearity
from tests.faults.follow import Follower
from tests.faults.ground import MEGA, Found, Ground
from tests.faults.months import DAY, MODEL, PARTITIONS, Months
from tests.faults.rig import Invalid, PatchedWorker
from tests.faults.samples import log_bytes

#: What passes at full scale, and how fast: 5 million records; 35 days are over in 21 minutes, and
#: the rest is what is judged.
DAYS, HORIZON_DAYS, SECONDS, RATE = 50, 30, 30 * 60, 1500
LONGEST_WINDOW_DAYS = 7
EVERY_S = 15.0
#: Records that may be sent and not yet read: the pace follows the worker, as the rate is free.
AHEAD = 20_000
REST_S = 300.0
#: Growth in another horizon, as a share: without forgetting it is near 1.
ROWS = {"observe_rows": 0.05, "evaluate_rows": 0.05}
#: These are judged at full scale alone: a shorter run ends before buffers and caches are filled.
#: The store's files come and go with compactions, of which there are few; what it holds is counted
#: in the end, at any scale.
FILLED = {"rss_mb": 0.10, "store_mb": 0.4}
BOUNDS = {**FILLED, **ROWS}
#: How much more an event may take of the topics in the second half of the rest than in the first.
LINEAR = 1.15
#: Forgotten by the hour, once pane and lateness are over, and a flush has come round to it.
SLACK = 4 * HOUR
#: Outcomes are needed for so long by the window of performance that they lie in.
WINDOW = DAY
#: Topics that keep all that is written in so short a time.
KEPT = ("join-log", "panes", "drift-events", "alerts", "retraining", "dead-letters", "late")
#: What has to have come and gone: else nothing is said of whether it is forgotten.
FORGOTTEN = {
    "observe-state": ("input", "outcome"),
    "evaluate-state": (
        "pane input", "pane outcome",
        "sum of 30 minutes", "sum of 60 minutes", "sum of 1440 minutes",
    ),
}  # fmt: skip


@dataclass
class Soak:
    """One run: its stream, what is taken of it, and where that is written."""

    ground: Ground
    months: Months
    namespace: str
    seconds: float
    out: Path
    began: float = field(default_factory=time.monotonic)
    series: list[dict[str, Any]] = field(default_factory=list)
    sent: int = 0
    day: float = 0.0

    @property
    def horizon_day(self) -> float:
        """When all that is forgotten has begun to be, in days."""
        return (self.months.horizon + WINDOW + SLACK) / DAY

    async def send(self, follower: Follower) -> None:
        """Send the months, at an even pace or as fast as they are read."""
        async with self._producer() as producer:
            began, waiting = time.monotonic(), []
            for one in self.months:
                topic = f"{self.namespace}.{one.topic}"
                waiting.append(await producer.send(topic, one.value, key=one.key.encode()))
                self.sent += 1
                self.day = (one.time - T0) / DAY
                if self.sent % 100:
                    continue
                due = began + (one.time - T0) / self.months.length * self.seconds
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                while self.sent - follower.read > AHEAD:
                    await asyncio.sleep(0.1)
                if len(waiting) >= 2000:
                    await asyncio.gather(*waiting)
                    waiting = []
            await asyncio.gather(*waiting)

    async def end(self) -> None:
        """End the streams: what still waits is given up."""
        end = json.dumps({"type": "end_of_stream", "model_id": MODEL}).encode()
        async with self._producer() as producer:
            for topic in ("predictions", "labels"):
                for n in range(PARTITIONS):
                    await producer.send_and_wait(f"{self.namespace}.{topic}", end, partition=n)

    @contextlib.asynccontextmanager
    async def _producer(self) -> AsyncIterator[AIOKafkaProducer]:
        producer = AIOKafkaProducer(
            bootstrap_servers=self.ground.kafka.address, enable_idempotence=True, linger_ms=5
        )
        await producer.start()
        try:
            yield producer
        finally:
            await producer.stop()

    async def take(self, follower: Follower, worker: PatchedWorker, stores: Path) -> None:
        """Take a sample every few seconds, and write it."""
        every = max(1.0, EVERY_S * self.ground.scale)
        while True:
            await asyncio.sleep(every)
            kafka, of = self.ground.kafka, self.namespace
            topics = {topic: log_bytes(kafka, of, topic) for topic in (*INPUTS, *KEPT)}
            states = sum(log_bytes(kafka, of, state) for _, state in STAGES.values())
            self.series.append(
                {
                    "clock_s": round(time.monotonic() - self.began, 1),
                    "day": round(self.day, 3),
                    "events": self.sent,
                    "rss_mb": round(worker.rss / MEGA, 1),
                    "store_mb": round(_bytes(stores) / MEGA, 2),
                    **{f"{k.partition('-')[0]}_rows": len(v) for k, v in follower.live.items()},
                    "topics_mb": {name: round(n / MEGA, 2) for name, n in topics.items()},
                    "kept_mb": round(sum(topics.values()) / MEGA, 2),
                    "states_mb": round(states / MEGA, 2),
                }
            )
            self.write()
            last = self.series[-1]
            self.ground.told(
                f"day {last['day']:.1f} of {self.months.length / DAY:.0f}, "
                f"{last['events']:,} records, {last['rss_mb']:.0f} MB"
            )

    def write(self, **more: Any) -> None:
        """Write what is known so far."""
        about = {
            "scale": self.ground.scale,
            "horizon_days": self.months.horizon / DAY,
            "judged_from_day": self.horizon_day,
            "bounds": BOUNDS | {"linear": LINEAR},
            "judged": sorted(BOUNDS if self.ground.scale >= 1 else ROWS),
        }
        self.out.parent.mkdir(parents=True, exist_ok=True)
        self.out.write_text(json.dumps(about | more | {"series": self.series}, indent=1) + "\n")


def _bytes(folder: Path) -> int:
    """Bytes of all files; one that goes meanwhile counts for nothing."""
    total = 0
    for file in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            total += file.stat().st_size if file.is_file() else 0
    return total


def soak(ground: Ground) -> Found:
    """SOAK: 50 days with labels up to 30 days late: what is held stops growing."""
    return asyncio.run(_soak(ground))


async def _soak(ground: Ground) -> Found:
    seconds = SECONDS * ground.scale
    months = Months(
        int(RATE * seconds),
        int(DAYS * DAY * ground.scale),
        int(HORIZON_DAYS * DAY * ground.scale),
        ground.seed,
    )
    folder, namespace = ground.folder / "soak", f"soak-{ground.seed}"
    folder.mkdir(parents=True)
    config, stores = folder / "months.yaml", folder / "caches"
    longest = max(2, round(LONGEST_WINDOW_DAYS * ground.scale))
    config.write_text(months.config(ground.kafka.address, namespace, longest))
    (folder / f"{MODEL}.json").write_bytes(months.baseline())
    made = processes.run("topics", "create", config)
    assert made.returncode == 0, made.stderr
    run = Soak(ground, months, namespace, seconds, ground.out / "soak.json")
    wrong: list[str] = []
    async with Follower(ground.kafka.address, namespace, PARTITIONS) as follower:
        following = asyncio.create_task(follower.follow())
        with PatchedWorker(folder / "worker-0.log", config, stores) as worker:
            await asyncio.to_thread(worker.owns)
            taking = asyncio.create_task(run.take(follower, worker, stores))
            await run.send(follower)
            await follower.at_rest(REST_S)
            await _cancelled(taking)
            said = worker.said
            assert await asyncio.to_thread(worker.stop) == 0
        wrong += [f"the worker failed:\n{said[-2000:]}"] * ("started again" in said)
        held, differs = _remembered(months, stores)
        wrong += differs
        # Another one takes up what is left, and ends it.
        with PatchedWorker(folder / "worker-1.log", config, stores) as worker:
            await run.end()
            await follower.at_rest(REST_S)
        await _cancelled(following)
        wrong += accounted(follower.accounting, await follower.ends(), months.sent)
    flat = judge(run.series, run.horizon_day, months.horizon / DAY)
    judged = BOUNDS if ground.scale >= 1 else ROWS
    wrong += [
        f"{name} would grow by {found.growth:.0%} in another horizon, limit {found.bound:.0%}"
        for name, found in flat.items()
        if name in judged and not found.flat
    ]
    linear = _linear(run)
    if linear > LINEAR:
        wrong.append(f"an event takes {linear:.2f} times the bytes of before, limit {LINEAR}")
    for topic, kinds in FORGOTTEN.items():
        wrong += [
            f"no row of {topic} was forgotten: {k}" for k in kinds if not follower.gone[topic, k]
        ]
    figure = drawn(run.series, run.horizon_day)
    run.write(
        growth={name: found.growth for name, found in flat.items()},
        linear=linear,
        differences=wrong,
        figure=figure.splitlines(),
    )
    return Found(
        wrong,
        {
            "events": run.sent,
            "days": round(run.day, 1),
            "ids_held": held,
            "linear": round(linear, 3),
        }
        | {f"growth_{name}": round(found.growth, 3) for name, found in flat.items()},
        figure,
    )


async def _cancelled(task: "asyncio.Task[None]") -> None:
    """End a task; raise what it has failed with."""
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def judge(series: list[dict[str, Any]], since: float, horizon: float) -> dict[str, Flatness]:
    """Which figures are flat since a day, all in days; Invalid where too few samples tell."""
    days = [sample["day"] for sample in series]
    try:
        return {
            name: flatness(days, [sample[name] for sample in series], since, horizon, bound)
            for name, bound in BOUNDS.items()
        }
    except ValueError as error:
        raise Invalid(str(error)) from None


def _linear(run: Soak) -> float:
    since = next(n for n, sample in enumerate(run.series) if sample["day"] >= run.horizon_day)
    events = [sample["events"] for sample in run.series]
    return linearity(events, [sample["kept_mb"] for sample in run.series], since)


def accounted(
    accounting: dict[int, dict[str, dict[str, int]]],
    ends: dict[tuple[str, int], int],
    sent: Counter[tuple[str, str]],
) -> list[str]:
    """Where a partition's identity doesn't hold, or the sums aren't what was sent, to the event."""
    wrong, found = [], Counter[tuple[str, str]]()
    for (topic, partition), end in sorted(ends.items()):
        of = accounting.get(partition, {}).get(topic, {})
        fates = {outcome: of.get(outcome, 0) for outcome in OUTCOMES}
        events = end - (topic != "reviews")  # the end of the stream is no event
        if not of.get("read", 0) == sum(fates.values()) == events:
            wrong.append(f"{topic} {partition}: {events} events, read and accounted for: {of}")
        found.update({(topic, outcome): n for outcome, n in fates.items()})
    for topic, fate in sorted(found.keys() | sent.keys()):
        if found[topic, fate] != sent[topic, fate]:
            wrong.append(f"{found[topic, fate]} {topic} {fate}, {sent[topic, fate]} sent")
    return wrong


def _remembered(months: Months, stores: Path) -> tuple[int, list[str]]:
    """How many predictions the stores hold, and what is wrong about that."""
    decode, prefix = msgspec.msgpack.Decoder(Seen).decode, f"{MODEL}\0p".encode()
    times: list[int] = []
    for folder in sorted(stores.glob("*/worker-*/observe-*")):
        store = RocksStore(folder)
        times += [decode(row).time_ms for _, row in store.scan(prefix)]
        store.close()
    last = T0 + months.length
    share = months.horizon / months.length * months.sent["predictions", "counted"]
    wrong = []
    if len(times) < 0.99 * share:
        wrong.append(f"{len(times)} predictions are remembered, about {share:.0f} may get labels")
    if times and min(times) < last - months.horizon - SLACK:
        days = (last - min(times)) / DAY
        wrong.append(f"a prediction of {days:.2f} days ago is remembered, past the horizon")
    return len(times), wrong


def drawn(series: list[dict[str, Any]], horizon_day: float, width: int = 48) -> str:
    """The series as lines of text, from zero to the greatest of each; | is the horizon."""
    levels, last = " ▁▂▃▄▅▆▇█", series[-1]["day"]
    lines = []
    for name in (*BOUNDS, "kept_mb"):
        top = max(sample[name] for sample in series) or 1
        cells = []
        for n in range(width):
            upto = last * (n + 1) / width
            value = next(s[name] for s in series if s["day"] >= min(upto, last))
            cells.append(levels[round(value / top * (len(levels) - 1))])
        lines.append(f"{name:>14} {''.join(cells)} {top:,.0f}")
    mark = min(width - 1, int(horizon_day / last * width))
    return "\n".join([*lines, f"{'day':>14} {' ' * mark}| {horizon_day:.1f} of {last:.1f}"])
