"""What workers do while measured: their CPU time, and when they last took partitions up."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

STOP_S = 20.0
#: How long workers may take to come up, and when no partition will move any more.
START_S, UNMOVED_MS = 300.0, 5000
#: How often is looked.
EVERY_S = 0.1


class Workers:
    """Worker processes over one configuration, looked at ten times a second while entered."""

    def __init__(self, count: int, config: Path) -> None:
        self.notes: list[tuple[float, float]] = []
        #: When the last rebalance was over, in ms: partitions had been taken up by then.
        self.owned_ms = 0.0
        argv = [sys.executable, "-m", "monitor.cli.main", "worker", "--unsupervised", str(config)]
        argv += ["--state-dir", str(config.parent)]
        self._logs = [config.with_name(f"worker-{n}.log") for n in range(count)]
        self._processes: list[subprocess.Popen[bytes]] = []
        for log in self._logs:
            with log.open("wb") as output:
                self._processes.append(subprocess.Popen(argv, stderr=output))
        self._owned = [0] * count
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> "Workers":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()
        for worker in self._processes:
            worker.terminate()
        for worker in self._processes:
            try:
                worker.wait(STOP_S)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()

    @property
    def pids(self) -> Sequence[int]:
        """The processes: nothing else counts as theirs."""
        return [worker.pid for worker in self._processes]

    @property
    def said(self) -> str:
        """The end of all that they have said."""
        return "\n".join(log.read_text(errors="replace")[-2000:] for log in self._logs)

    def _look(self) -> None:
        ticks = os.sysconf("SC_CLK_TCK")
        while not self._end.wait(EVERY_S):
            total = 0
            for pid in self.pids:
                try:
                    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                except OSError:
                    continue
                total += int(fields[11]) + int(fields[12])  # user and system time
            now = time.time() * 1000
            self.notes.append((now, total / ticks))
            owned = [log.read_bytes().count(b": own ") for log in self._logs]
            if owned != self._owned:
                self._owned, self.owned_ms = owned, now

    @property
    def all_own(self) -> bool:
        """Whether each has taken partitions up."""
        return all(self._owned)

    def idle(self) -> None:
        """Wait until each has partitions, and none has been moved for a while."""
        deadline = time.monotonic() + START_S
        while not self.all_own or time.time() * 1000 - self.owned_ms < UNMOVED_MS:
            assert time.monotonic() < deadline, f"not all had partitions in {START_S:.0f} s"
            time.sleep(EVERY_S)

    def cpu_s(self, began_ms: float, ended_ms: float) -> float:
        """CPU seconds from one time to another."""
        times, taken = zip(*self.notes, strict=True)
        return float(np.interp(ended_ms, times, taken) - np.interp(began_ms, times, taken))
