"""The real commands as processes: started, watched, hurt and ended; never one that isn't ours."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
#: How long a worker may take to stop in good order, or to come back, in seconds.
STOP_S = 40.0
BACK_S = 60.0


def argv(*arguments: object, module: str = "monitor.cli.main") -> list[str]:
    return [sys.executable, "-m", module, *map(str, arguments)]


def environment() -> dict[str, str]:
    """Ours, with this source tree first on Python's path."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def run(*arguments: object, timeout: float = 60.0) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end."""
    return subprocess.run(
        argv(*arguments), capture_output=True, text=True, timeout=timeout, env=environment()
    )


class Command:
    """A command that runs until it is told to stop; all that it says goes to a file."""

    def __init__(
        self,
        log: Path,
        *arguments: object,
        module: str = "monitor.cli.main",
        stdin: int = subprocess.DEVNULL,
    ) -> None:
        self.log = log
        self.arguments = arguments
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                argv(*arguments, module=module),
                stdin=stdin,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment(),
            )

    def __enter__(self) -> "Command":
        return self

    def __exit__(self, *_: object) -> None:
        """Leave nothing behind, whatever has happened."""
        if self.process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.terminate()
                self.process.wait(STOP_S)
            self.process.kill()
            self.process.wait()

    @property
    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def stop(self) -> int:
        """Ask it to stop; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_S)

    def says(self, text: str, times: int = 1, within: float = BACK_S) -> None:
        """Wait until a text has stood so many times in what it says."""
        deadline = time.monotonic() + within
        while self.said.count(text) < times:
            assert self.process.poll() is None, f"it has ended:\n{self.said}"
            if time.monotonic() > deadline:
                raise AssertionError(f"not said {times} times in time: {text!r}\n{self.said}")
            time.sleep(0.05)

    def owns(self, times: int = 1, within: float = BACK_S) -> None:
        """Wait until a worker has told so many times that it owns partitions."""
        self.says("own ", times, within)


class Worker(Command):
    """`watchkeeper worker CONFIG`: a supervisor, and under it the worker proper."""

    def __init__(self, log: Path, config: Path) -> None:
        super().__init__(log, "worker", config)

    @property
    def pid(self) -> int | None:
        """The worker's own process id, None while there is none."""
        table = subprocess.run(
            ["ps", "-A", "-o", "pid=", "-o", "ppid="], capture_output=True, text=True, check=True
        )
        parent = {int(pid): int(of) for pid, of in map(str.split, table.stdout.splitlines())}
        # Between the supervisor and the worker stands a guard, which ends it with its parent.
        return next((p for p in parent if parent.get(parent[p]) == self.process.pid), None)

    def started(self, but: Sequence[int | None] = ()) -> int:
        """Wait for a worker other than those; its process id."""
        deadline = time.monotonic() + BACK_S
        while time.monotonic() < deadline:
            assert self.process.poll() is None, f"the supervisor has ended:\n{self.said}"
            pid = self.pid
            if pid is not None and pid not in but:
                return pid
            time.sleep(0.05)
        raise AssertionError(f"no worker within {BACK_S:.0f} s:\n{self.said}")
