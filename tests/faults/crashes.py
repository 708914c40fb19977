"""T1 to T3: workers and the broker are killed, paused and restarted."""

import os
import signal
import time
from dataclasses import dataclass
from itertools import cycle

from monitor.stream.broker import EmbeddedKafka
from monitor.stream.runner import HEARTBEAT_S
from tests.faults.ground import RATE, Found, Ground, conclude
from tests.faults.load import load
from tests.faults.progress import Progress, standstills
from tests.faults.rig import REST_S, PatchedWorker, Rig, until

#: A broker is away for longer than a heartbeat: then every partition of observe has a flush that
#: waits for it, and must not be put off afterwards for having waited.
AWAY_S = HEARTBEAT_S + 1.0


def kill_9(ground: Ground) -> Found:
    """T1: killed before a commit, right after one, at work and in recovery, again and again."""
    kills, seconds = ground.times(20, least=4), ground.seconds(600)
    with (
        ground.rig(load(int(RATE * seconds), ground.seed), seconds) as rig,
        Progress(rig) as progress,
    ):
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
            rig.kill(worker, dead, rig.chance.uniform(0.0, 1.0))
            rig.allow((rig.kills + 1) / (kills + 1))
            rig.kill(worker, dead, rig.chance.uniform(0.3, 3.0))
            worker.says("worker started again", times=4)
            progress.again(rig.harms[-1], REST_S)
            if rig.kills < kills:
                assert worker.stop() == 0
        return conclude(rig, **standstills(progress.flushes, rig.harms))


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
            assert pauses or "started again" not in worker.said, worker.said
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
        Progress(rig) as progress,
    ):
        up: list[float] = []
        worker = rig.worker()
        worker.owns()
        rig.allow(0.0)
        rig.flow()
        ways = cycle((kafka.kill, kafka.stop))
        for n in range(steps):
            rig.allow((n + 1) / (steps + 1))
            rig.gone((n + 0.5) / (steps + 1))
            next(ways)()
            rig.harms.append(time.time())
            ground.told(f"{n + 1} broker restarts")
            # What is sent meanwhile waits in the producer.
            time.sleep(AWAY_S if n < restarts else outages[n - restarts])
            kafka.start()
            up.append(time.time())
            progress.again(up[-1], REST_S, times=2)
        if outages:
            assert "ended with exit code 3" in worker.said, "an outage of 150 s ended no worker"
        # How long the broker itself takes to start is the machine's matter.
        after_start = standstills(progress.flushes, up, times=2)["counting_again_max_s"]
        return conclude(
            rig,
            broker_restarts=steps,
            after_start_max_s=after_start,
            **standstills(progress.flushes, rig.harms, times=2),
        )
