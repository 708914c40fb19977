"""T8, T11 and T14: a disk that is full, a long changelog, and more than a worker can take."""

import contextlib
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from monitor.stream.broker import EmbeddedKafka
from tests.faults.ground import MEGA, RATE, Found, Ground, Skipped, conclude
from tests.faults.load import load
from tests.faults.rig import Invalid, until
from tests.faults.samples import Samples, counting_again, lengthen, log_bytes, remember

#: From a kill until all partitions count again, and until 500 MB are restored without a cache.
BACK_S, COLD_S = 15, 120


def disk_full(ground: Ground) -> Found:
    """T8: a full disk, the broker's, then a worker's; each stops within 10 s and is exact after.

    Held where a file system of memory can be mounted, and nowhere else.
    """
    one, other = _broker_disk_full(ground), _worker_disk_full(ground)
    both = {f"broker_{name}": n for name, n in one.figures.items()}
    both |= {f"worker_{name}": n for name, n in other.figures.items()}
    return Found([*one.differences, *other.differences], both)


def _broker_disk_full(ground: Ground) -> Found:
    disk, seconds = ground.folder / "t8-disk", ground.seconds(60)
    with (
        _small_disk(disk, 192),
        EmbeddedKafka(disk / "kafka", port=0) as kafka,
        ground.rig(load(int(RATE * seconds), ground.seed), seconds, kafka) as rig,
    ):
        rig.worker().owns()
        rig.allow(0.3)
        rig.flow()
        rig.gone(0.2)
        with _filled(disk):
            full = time.monotonic()
            rig.allow(0.6)
            until("the end of a broker without disk", lambda: not kafka.running, 60.0)
            took = time.monotonic() - full
        kafka.stop()
        kafka.start()
        return _in_time("broker", took, conclude(rig, stopped_s=round(took, 1)))


def _worker_disk_full(ground: Ground) -> Found:
    """A worker's disk holds a cache alone: it may well go on until it has to write there."""
    disk, seconds = ground.folder / "t8-disk", ground.seconds(60)
    with (
        _small_disk(disk, 64),
        ground.rig(load(int(RATE * seconds), ground.seed), seconds) as rig,
    ):
        rig.state_dir = disk
        worker = rig.worker()
        worker.owns()
        rig.allow(0.3)
        rig.flow()
        rig.gone(0.2)
        with _filled(disk):
            full = time.monotonic()
            rig.allow(0.8)
            worker.says("worker ended with exit code")
            took = time.monotonic() - full
        return _in_time("worker", took, conclude(rig, stopped_s=round(took, 1)))


def _in_time(who: str, took: float, found: Found) -> Found:
    if took > 10.0:
        found.differences.append(f"the {who} went on for {took:.1f} s with a full disk, limit 10")
    return found


@contextmanager
def _filled(disk: Path) -> Iterator[None]:
    """Leave no byte of a disk free for a while."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    try:
        yield
    finally:
        ballast.unlink()


@contextmanager
def _small_disk(folder: Path, megabytes: int) -> Iterator[None]:
    folder.mkdir(exist_ok=True)
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
    """T11: killed, a worker counts again within 15 s; with 500 MB to restore, within 120 s.

    The latter on a machine that has no cache, of state and join log half each; nothing is decided
    before all is restored.
    """
    half = ground.times(250) * MEGA
    with ground.rig(load(20_000, ground.seed), 10.0) as rig:
        worker = rig.worker()
        worker.owns()
        rig.allow(0.5)
        rig.flow()
        rig.gone(0.3)
        rig.kill(worker, [], 0.0)
        killed_ms = time.time() * 1000
        rig.gone(0.45)
        rig.rest()
        back = counting_again(rig, killed_ms)
        assert worker.stop() == 0
        ground.told("lengthening state and join log")
        lengthen(rig, half)
        remembered = remember(rig, half, ground.seed)
        state, log = (
            log_bytes(rig.kafka, rig.namespace, of) for of in ("observe-state", "join-log")
        )
        rig.allow(0.6)  # there is something to decide upon at once
        rig.state_dir = rig.folder / "cold"
        began = time.monotonic()
        rig.worker().owns(within=3 * COLD_S)
        cold = time.monotonic() - began
        found = conclude(
            rig,
            back_s=round(back, 1),
            cold_s=round(cold, 1),
            state_mb=round(state / MEGA),
            join_log_mb=round(log / MEGA),
            remembered=remembered,
        )
        if back > BACK_S:
            found.differences.append(f"it counted again {back:.1f} s after a kill, limit {BACK_S}")
        if cold > COLD_S:
            found.differences.append(f"a cold start took {cold:.0f} s, limit {COLD_S}")
        if state + log < 2 * half:
            raise Invalid(f"{(state + log) / MEGA:.0f} MB to restore, {2 * half / MEGA:.0f} wanted")
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
