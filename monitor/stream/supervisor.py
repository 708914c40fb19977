"""Keeps child processes running: one that ends is started again, later and later, and says so."""

import contextlib
import os
import random
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import FrameType

from monitor.stream.children import ChildProcess, spawn

#: A child that ends with it has been refused (its configuration, its broker): no use to retry.
REFUSED = 2
FIRST_S = 0.5
LONGEST_S = 30.0
#: After so long a child counts as healthy: its next end is a first one again.
HEALTHY_S = 60.0
_POLL_S = 0.1
_STOP_S = 20.0
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Child:
    """A process to keep running. `ready`, if given, must hold before the next child is started."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] | None = None
    ready: Callable[[], bool] | None = None


def backoff_s(failures: int, chance: random.Random) -> float:
    """Seconds to wait after so many failures in a row: doubled each time, plus up to a quarter.

    The jitter keeps many workers that lost the same broker from coming back at once.

    >>> [round(backoff_s(n, random.Random(7)), 2) for n in (1, 2, 3, 10)]
    [0.54, 1.08, 2.16, 32.43]
    """
    return min(FIRST_S * 2.0 ** (failures - 1), LONGEST_S) * (1 + chance.random() / 4)


def ending(code: int) -> str:
    """How a process ended, in words.

    >>> ending(-9), ending(3)
    ('was ended by SIGKILL', 'ended with exit code 3')
    """
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"


class _Watch:
    """One child: its process while it runs, and when it may be started again."""

    def __init__(self, child: Child, seed: int) -> None:
        self.child = child
        self.process: ChildProcess | None = None
        self.failures = 0
        self.started_at = 0.0
        self.due_at = 0.0
        self._chance = random.Random(f"{seed}:{child.name}")

    def start(self, now: float) -> None:
        self.process = spawn(self.child.argv, env=self.child.env, grace=_STOP_S / 4)
        self.started_at = now

    def ended(self, now: float) -> int | None:
        """The return code if it has just ended, with the next start set; else None."""
        code = None if self.process is None else self.process.returncode
        if code is None:
            return None
        self.process = None
        self.failures = 1 if now - self.started_at >= HEALTHY_S else self.failures + 1
        self.due_at = now + backoff_s(self.failures, self._chance)
        return code


class Supervisor:
    """Starts children in order, and starts again whichever ends, until it is told to stop.

    SIGTERM, SIGINT and SIGHUP end the children in reverse order, each with SIGTERM first; a second
    signal ends them at once. If this process is killed they end too (`children.spawn`).
    """

    def __init__(
        self,
        children: Sequence[Child],
        *,
        seed: int = 0,
        say: Callable[[str], None] | None = None,
    ) -> None:
        self._watches = [_Watch(child, seed) for child in children]
        self._say = say or _say
        self._requests = _Requests()

    @property
    def pids(self) -> dict[str, int]:
        """The process ids of the children that run, by name."""
        return {w.child.name: w.process.pid for w in self._watches if w.process is not None}

    def stop(self) -> None:
        """Make `run` end the children and return; a second call makes it hurry.

        For any thread, and for a signal's handler.
        """
        self._requests.add()

    def run(self) -> int:
        """Keep the children running until a signal or `stop`; returns 0.

        Returns 2, at once, if a child ends with 2: it was refused, and would be again.
        """
        with _Signals(self.stop):
            try:
                while not self._requests.count(0.0):
                    if not self._look():
                        return REFUSED
                    self._requests.count(_POLL_S)
                return 0
            finally:
                self._end_all()

    def _look(self) -> bool:
        for watch in self._watches:
            now = time.monotonic()
            code = watch.ended(now)
            if code == REFUSED:
                return False
            if code is not None:
                self._say(
                    f"{watch.child.name} {ending(code)} after {now - watch.started_at:.0f} s; "
                    f"next try in {watch.due_at - now:.1f} s"
                )
            if watch.process is None and now >= watch.due_at:
                watch.start(now)
                if watch.failures:
                    self._say(f"{watch.child.name} started again (try {watch.failures + 1})")
            if watch.child.ready is not None and not watch.child.ready():
                break  # those after it build on it
        return True

    def _end_all(self) -> None:
        for watch in reversed(self._watches):
            if watch.process is None:
                continue
            watch.process.send(signal.SIGTERM)
            deadline = time.monotonic() + _STOP_S
            while watch.process.wait(_POLL_S) is None:
                if self._requests.count(0.0) > 1 or time.monotonic() > deadline:
                    watch.process.kill()


class _Requests:
    """Counts calls of `add`, in a pipe: a signal's handler may write to one.

    It may take no lock, an Event's neither: it runs within the thread that waits, which may hold
    that very lock, and then both wait for ever.
    """

    def __init__(self) -> None:
        self._count = 0
        self._read, self._write = os.pipe()
        os.set_blocking(self._write, False)

    def add(self) -> None:
        # A full pipe has requests enough.
        with contextlib.suppress(BlockingIOError):
            os.write(self._write, b".")

    def count(self, wait_s: float) -> int:
        """How many there have been; where none is new, after waiting so long for one."""
        while select.select([self._read], [], [], wait_s)[0]:
            self._count += len(os.read(self._read, 512))
            wait_s = 0.0
        return self._count

    def __del__(self) -> None:
        os.close(self._read)
        os.close(self._write)


class _Signals:
    """While entered, the signals that mean "end" call a function; in the main thread only."""

    def __init__(self, stop: Callable[[], None]) -> None:
        self._stop = stop
        self._before: dict[int, object] = {}

    def __enter__(self) -> None:
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                self._before[number] = signal.signal(number, self._handle)

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        self._stop()


def _say(text: str) -> None:
    sys.stderr.write(f"watchkeeper: {text}{os.linesep}")
    sys.stderr.flush()
