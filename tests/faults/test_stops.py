"""A worker that is told to stop does, at whatever instant of its life, within a bounded time."""

import asyncio
import signal
import subprocess
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from monitor.stream.broker import EmbeddedKafka
from tests.e2e import logs
from tests.e2e.processes import Command
from tests.faults.ground import Ground
from tests.faults.load import load
from tests.faults.rig import Rig

#: The deadline of a worker's own is 8 s.
BOUND_S = 10.0
#: From its first instruction on; it owns its partitions after two seconds or more.
MOMENTS_S = [0.05 + 0.45 * n for n in range(15)]
AT_ONCE = 3


def stopped(rig: Rig, moments: Iterable[float], lane: int) -> list[tuple[float, int, float]]:
    """Start a worker for each moment, and stop it then: the moment, its exit code, and how long."""
    found = []
    for after_s in moments:
        log = rig.folder / f"stop-{lane}-{after_s:.2f}.log"
        state = rig.folder / f"lane-{lane}"
        with Command(log, "worker", rig.config, "--unsupervised", "--state-dir", state) as worker:
            time.sleep(after_s)
            began = time.monotonic()
            worker.process.send_signal(signal.SIGTERM)
            try:
                code = worker.process.wait(2 * BOUND_S)
            except subprocess.TimeoutExpired:
                code = 1
            found.append((after_s, code, time.monotonic() - began))
    return found


@pytest.mark.timeout(400)
def test_a_stop_at_any_instant_ends_it(kafka: EmbeddedKafka, tmp_path: Path) -> None:
    """In Python's start, in its first join, in a rebalance, in recovery, and at work."""
    with Ground(kafka, tmp_path, 0.01).rig(load(6000)) as rig, ThreadPoolExecutor(AT_ONCE) as lanes:
        asyncio.run(logs.send(kafka.address, rig.namespace, rig.load.sent))
        lots = [MOMENTS_S[lane::AT_ONCE] for lane in range(AT_ONCE)]
        ends = [
            e for lane in lanes.map(stopped, [rig] * AT_ONCE, lots, range(AT_ONCE)) for e in lane
        ]
    # What is not up yet ends by the signal itself; all that is, in good order.
    assert {code for _, code, _ in ends} <= {0, -signal.SIGTERM}, ends
    assert max(took for _, _, took in ends) < BOUND_S, ends
    assert any(code == 0 for _, code, _ in ends)


@pytest.mark.timeout(300)
def test_a_stop_waits_for_no_flush_that_is_put_off(kafka: EmbeddedKafka, tmp_path: Path) -> None:
    """The next one would be due in a minute; the last is at once."""
    with Ground(kafka, tmp_path, 0.01).rig(load(6000), 12.0) as rig:
        worker = rig.worker("put_off:60")
        worker.owns()
        rig.flow()
        rig.gone(0.5)
        began = time.monotonic()
        assert worker.stop() == 0
        took = time.monotonic() - began
        assert took < BOUND_S, worker.said
        assert "in good order" not in worker.said
