"""The fault tests of FAULTS.md by name, at any scale: 1.0 is what it asks for.

A trial returns what it found; a wait that is not met in time is an AssertionError, a run that says
nothing `Invalid` or `DidNotQuiesce`. T9, T10 and T16 wait for parts that are not built.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path

from monitor.stream.broker import EmbeddedKafka
from tests.e2e.scenario import Scenario
from tests.faults.comparison import Truth
from tests.faults.load import Load, Shares, flooded, load
from tests.faults.rig import Invalid, PatchedWorker, Rig, until
from tests.faults.samples import Samples, lengthen, state_bytes

MEGA = 2**20
#: Events a second of the longer trials.
RATE = 1000
#: The reasons of FAULTS.md's table that a load's poison gives.
REASONS = {
    "malformed", "limit_size", "limit_id", "limit_class", "limit_features", "schema_missing",
    "schema_type", "schema_version", "schema_range", "future_timestamp", "id_conflict",
    "orphan_label", "unknown_model", "late",
}  # fmt: skip


class Skipped(Exception):
    """A trial that cannot be held on this machine."""


@dataclass
class Found:
    """What a trial found: differences from the truth, and figures by name."""

    differences: list[str]
    figures: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Ground:
    """Where trials are held: a broker, a folder, a scale, and someone who is told of them."""

    kafka: EmbeddedKafka
    folder: Path
    scale: float = 1.0
    seed: int = 1
    told: Callable[[str], None] = lambda what: None

    def times(self, n: int, least: int = 1) -> int:
        """So many at full scale, at a smaller one as many fewer."""
        return max(least, round(n * self.scale))

    def seconds(self, n: float, least: float = 12.0) -> float:
        return max(least, n * self.scale)

    @contextmanager
    def rig(
        self, of: Scenario, seconds: float = 0.0, kafka: EmbeddedKafka | None = None
    ) -> Iterator[Rig]:
        """Topics for a load and whatever happens to it; its files are kept at small scales."""
        about: dict[str, object] = {}
        if isinstance(of, Load):
            about = {"drawn_by": of.seed, "shares": of.shares, "drawn": of.drawn}
        rig = Rig(
            kafka or self.kafka, of, self.folder / "rig", seconds, self.seed, self.told, **about
        )
        try:
            with rig:
                yield rig
        finally:
            if self.scale >= 1.0:
                shutil.rmtree(self.folder / "rig", ignore_errors=True)


def conclude(rig: Rig, **more: float) -> Found:
    """Come to rest and compare."""
    truth, _, wrong = rig.differences()
    return figures(rig, truth, wrong, **more)


def figures(rig: Rig, truth: Truth, wrong: list[str], **more: float) -> Found:
    """What a rig suffered and what came of it, with more figures of a trial's own."""
    every: dict[str, float] = {
        "events": len(truth.taken.fates),
        "windows": len(truth.judged),
        "mismatches": len(wrong),
        "kills": rig.kills,
        "rebalances": rig.rebalances,
    }
    return Found(wrong, every | more)


def kill_9(ground: Ground) -> Found:
    """T1: killed before a commit, right after one, at work and in recovery, again and again."""
    kills, seconds = ground.times(20, least=4), ground.seconds(600)
    with ground.rig(load(int(RATE * seconds), ground.seed), seconds) as rig:
        rig.allow(0.0)
        rig.flow()
        for group in range(-(-kills // 4)):
            marks = [rig.folder / f"{group}-{moment}" for moment in ("before", "after")]
            flush = rig.chance.randint(2, 5)
            worker = rig.worker(*(f"die:{mark.name[2:]}:{mark}:{flush}" for mark in marks))
            dead: list[int] = []
            for mark in marks:
                rig.allow((rig.kills + 1) / (kills + 1))
                until(f"a death {mark.name[2:]} a commit", mark.exists)
                until("its process id", mark.read_text)
                dead.append(int(mark.read_text()))
                rig.killed()
            worker.owns(times=3)
            rig.allow((rig.kills + 1) / (kills + 1))
            rig.kill(worker, dead, rig.chance.uniform(0.2, 1.0))
            rig.allow((rig.kills + 1) / (kills + 1))
            rig.kill(worker, dead, rig.chance.uniform(0.3, 3.0))
            worker.says("worker started again", times=4)
            if rig.kills < kills:
                assert worker.stop() == 0
        return conclude(rig)


def rebalance(ground: Ground) -> Found:
    """T2: workers come, go and stand still; one between enqueue and delivery of a flush.

    It goes on only when its successor has caught up, and then must be fenced. Their clocks differ
    by ten minutes either way (T12).
    """
    moves, pauses, seconds = ground.times(15), round(5 * ground.scale), ground.seconds(300)
    with ground.rig(load(int(RATE * seconds), ground.seed), seconds) as rig:
        undead = stand_still(rig, "skew:10")
        others = [rig.worker(skewed) for skewed in ("skew:-10", "skew:10")[: ground.times(3, 1)]]
        for other in others:
            other.owns()
        extra: list[PatchedWorker] = []
        for n in range(moves):
            rig.allow(0.2 + 0.8 * (n + 1) / (moves + 1))
            if extra and rig.chance.random() < 0.5:
                assert extra.pop(rig.chance.randrange(len(extra))).stop() == 0
            else:
                extra.append(rig.worker())
                extra[-1].owns()
            if n < pauses:
                with rig.paused(rig.chance.choice([*others, *extra])):
                    time.sleep(15.0)
        for worker in extra:
            assert worker.stop() == 0
        rig.at_rest()
        undead.wakes()
        undead.worker.says("another worker has taken it over")
        undead.worker.says("worker ended with exit code 3")
        return conclude(rig, joins=len(rig.workers), pauses=pauses + 1)


@dataclass(frozen=True)
class Undead:
    """A worker that stands still with a flush that it has enqueued and not delivered."""

    worker: PatchedWorker
    pid: int

    def wakes(self) -> None:
        os.kill(self.pid, signal.SIGCONT)


def stand_still(rig: Rig, *patches: str) -> Undead:
    """Start a worker and the load; wait until the former has stopped in the midst of a flush."""
    mark = rig.folder / "zombie"
    worker = rig.worker(f"zombie:{mark}:2", *patches)
    worker.owns()
    rig.allow(0.2)
    rig.flow()
    until("a worker that stands still", lambda: mark.exists() and worker.stopped)
    return Undead(worker, int(mark.read_text()))


def broker(ground: Ground) -> Found:
    """T3: the broker restarts, cleanly and not, and is away for longer than anyone waits."""
    restarts, seconds = ground.times(10, least=2), ground.seconds(300)
    outages = (90.0, 150.0) if ground.scale >= 1.0 else ()
    steps = restarts + len(outages)
    with (
        EmbeddedKafka(ground.folder / "t3-kafka", port=0) as kafka,
        ground.rig(load(int(RATE * seconds), ground.seed), seconds, kafka) as rig,
    ):
        worker = rig.worker()
        worker.owns()
        rig.allow(0.0)
        rig.flow()
        ways = cycle((kafka.kill, kafka.stop))
        for n in range(steps):
            rig.allow((n + 1) / (steps + 1))
            rig.gone((n + 0.5) / (steps + 1))
            next(ways)()
            ground.told(f"{n + 1} broker restarts")
            # What is sent meanwhile waits in the producer.
            time.sleep(1.0 if n < restarts else outages[n - restarts])
            kafka.start()
        if outages:
            assert "ended with exit code 3" in worker.said, "an outage of 150 s ended no worker"
        return conclude(rig, broker_restarts=steps)


def _plain(ground: Ground, shares: Shares, demand: Callable[[Load, Truth], bool]) -> Found:
    seconds = ground.seconds(100)
    drawn = load(int(RATE * seconds), ground.seed, shares)
    with ground.rig(drawn, seconds) as rig:
        worker = rig.worker()
        rig.flow()
        truth, _, wrong = rig.differences()
        if not demand(drawn, truth):
            raise Invalid(f"the load lacks what it is for: {drawn.drawn}")
        assert worker.stop() == 0
        if "started again" in worker.said:
            wrong.append(f"the worker was started again:\n{worker.said[-1500:]}")
        return figures(rig, truth, wrong, **demanded(truth))


def demanded(truth: Truth) -> dict[str, float]:
    """How many predictions met each fate, by the oracle."""
    return {f"predictions_{k}": n for k, n in truth.taken.accounting()["predictions"].items()}


def has_duplicates(drawn: Load, truth: Truth) -> bool:
    """Whether most of the duplicates drawn are duplicates, and none too late to be one."""
    return truth.taken.accounting()["predictions"]["duplicate"] > drawn.drawn["duplicate"] / 3


def has_disorder(drawn: Load, truth: Truth) -> bool:
    """Whether events come late and count, and others too late to count."""
    late = truth.taken.accounting()["predictions"]["late"]
    return late > drawn.drawn["beyond"] / 2 > 0 and drawn.drawn["late"] > 0


def has_poison(drawn: Load, truth: Truth) -> bool:
    """Whether every class of bad input occurs."""
    return {fate.reason for fate in truth.taken.fates.values()} >= REASONS


def has_versions(drawn: Load, truth: Truth) -> bool:
    """Whether the next minor version is sent, and a major one that nobody knows."""
    reasons = {fate.reason for fate in truth.taken.fates.values()}
    return drawn.drawn["newer"] > 0 and "schema_version" in reasons


def duplicates(ground: Ground) -> Found:
    """T4: 5 % of the predictions come twice, the second now at once, now hours later."""
    return _plain(ground, Shares(duplicate=0.05), has_duplicates)


def disorder(ground: Ground) -> Found:
    """T5: disorder up to the bound, 2 % late, 1 % too late."""
    return _plain(ground, Shares(late=0.02, beyond=0.01), has_disorder)


def poison(ground: Ground) -> Found:
    """T6: 1 % of bad input of every class; each a dead letter with its reason, and no restart."""
    return _plain(ground, Shares(poison=0.01), has_poison)


def schema(ground: Ground) -> Found:
    """T13: half of the producers are of the next version; one that nobody knows is refused."""
    return _plain(ground, Shares(newer=0.5), has_versions)


def cardinality(ground: Ground) -> Found:
    """T7: a million invented models at 2,000 a second between the events of known ones."""
    ids = ground.times(1_000_000)
    base = load(20_000, ground.seed)
    with ground.rig(flooded(base, ids, ground.seed), ids / 2000) as rig:
        worker = rig.worker()
        worker.owns()
        half = (len(base.sent) // 2 - 100) / len(rig.load.sent)
        rig.allow(half)
        rig.flow()
        rig.gone(half)
        rig.rest()
        before = worker.rss
        with Samples(lambda: worker.rss) as rss:
            rig.at_rest()
        grown = (max(rss.values) - before) / MEGA
        found = conclude(rig, rss_grown_mb=round(grown, 1), invented=ids)
        if grown > 150:
            found.differences.append(f"RSS grew by {grown:.0f} MB, limit 150")
        return found


def disk_full(ground: Ground) -> Found:
    """T8: the broker's disk fills; it stops within 10 s, and all is exact once there is room.

    A worker keeps nothing on disk, so that the broker's is the only one that can be full. It is
    held where a file system of memory can be mounted, and nowhere else.
    """
    disk = ground.folder / "t8-disk"
    with _small_disk(disk, 192), EmbeddedKafka(disk / "kafka", port=0) as kafka:
        seconds = ground.seconds(60)
        with ground.rig(load(int(RATE * seconds), ground.seed), seconds, kafka) as rig:
            worker = rig.worker()
            worker.owns()
            rig.allow(0.3)
            rig.flow()
            rig.gone(0.2)
            ballast = disk / "ballast"
            with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
                while True:
                    file.write(bytes(65536))
            full = time.monotonic()
            rig.allow(0.6)
            until("the end of a broker without disk", lambda: not kafka.running, 30.0)
            took = time.monotonic() - full
            ballast.unlink()
            kafka.stop()
            kafka.start()
            found = conclude(rig, stopped_s=round(took, 1))
            if took > 10.0:
                found.differences.append(f"the broker went on for {took:.1f} s without disk")
            return found


@contextmanager
def _small_disk(folder: Path, megabytes: int) -> Iterator[None]:
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(mount, capture_output=True, text=True, timeout=10)
    except FileNotFoundError:
        raise Skipped("no file system of memory can be mounted here: no mount") from None
    if mounted.returncode:
        raise Skipped(f"no file system of memory can be mounted here: {mounted.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True, timeout=10)


def recovery(ground: Ground) -> Found:
    """T11: a worker starts over a changelog of 500 MB, and decides nothing before it is ready."""
    wanted = ground.times(500) * MEGA
    with ground.rig(load(20_000, ground.seed), 10.0) as rig:
        worker = rig.worker()
        worker.owns()
        rig.allow(0.5)
        rig.flow()
        rig.gone(0.45)
        rig.rest()
        rig.kill(worker, [], 0.0)
        assert worker.stop() == 0
        ground.told("lengthening the changelog")
        lengthen(rig, wanted)
        size = state_bytes(rig)
        rig.allow(0.6)  # there is something to decide upon at once
        began = time.monotonic()
        rig.worker().owns()
        took = time.monotonic() - began
        found = conclude(rig, cold_s=round(took, 1), changelog_mb=round(size / MEGA))
        if took > 120:
            found.differences.append(f"a cold start took {took:.0f} s, limit 120")
        if size < wanted:
            raise Invalid(f"the changelog has {size / MEGA:.0f} MB, {wanted / MEGA:.0f} wanted")
        return found


def overload(ground: Ground) -> Found:
    """T14: three times what a worker can take, for 5 minutes: lag grows, memory doesn't, no loss.

    The worker's capacity is set, so that the machine's doesn't matter; another one takes up the
    rest.
    """
    capacity, seconds = 700, ground.seconds(300, least=20)
    with ground.rig(load(int(3 * capacity * seconds), ground.seed), seconds) as rig:
        worker = rig.worker(f"slow:{capacity}")
        worker.owns()
        rig.flow()
        with Samples(lambda: worker.rss) as rss:
            rig.gone(1.0)
        read = sum(of.get("read", 0) for of in rig.observed().accounting.values())
        assert worker.stop() == 0
        quarter = max(rss.values[: len(rss.values) // 4])
        grown = (max(rss.values) - quarter) / MEGA
        rig.worker()
        behind = 1 - read / len(rig.load.sent)
        found = conclude(rig, rss_grown_mb=round(grown, 1), behind=round(behind, 2))
        if grown > 150:
            found.differences.append(f"RSS grew by {grown:.0f} MB under overload, limit 150")
        if behind < 0.4:
            raise Invalid(f"three times the capacity left only {behind:.0%} to be read")
        return found
