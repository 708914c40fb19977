"""Keeps child processes running: one that dies is started again, later each time, and said so."""

import os
import random
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import FrameType

from monitor.stream.children import ChildProcess, spawn

#: The exit code of a child that was refused (configuration, usage): trying again cannot help.
EXIT_REFUSED = 2
FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 60.0
#: A child that has lived so long was well: its next death starts the waiting anew.
HEALTHY_S = 60.0
#: How long a child may take to flush and leave its group.
STOP_S = 30.0
_TICK_S = 0.1


@dataclass(frozen=True, slots=True)
class Child:
    """A program to keep running; `env` replaces the environment where given."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] | None = None


def waits(seed: int, first: float = FIRST_WAIT_S, longest: float = LONGEST_WAIT_S) -> "Waits":
    """Exponential backoff with jitter, reproducible by its seed.

    >>> [round(w.next(), 1) for w in [waits(1)] for _ in range(4)]
    [0.3, 0.9, 1.8, 2.5]
    """
    return Waits(random.Random(seed), first, longest)


class Waits:
    """Seconds to wait before each try: between half and the whole of a limit that doubles."""

    def __init__(self, draw: random.Random, first: float, longest: float) -> None:
        self._draw = draw
        self._first = first
        self._longest = longest
        self._tries = 0

    def next(self) -> float:
        """The next wait, in seconds."""
        limit = min(self._longest, self._first * 2.0**self._tries)
        self._tries += 1
        return limit * self._draw.uniform(0.5, 1.0)

    def reset(self) -> None:
        """Begin again with the first."""
        self._tries = 0


@dataclass(slots=True)
class _Kept:
    child: Child
    waits: Waits
    process: ChildProcess | None = None
    started: float = 0.0
    due: float = 0.0


class Supervisor:
    """Runs children until told to stop, or until one of them is refused."""

    def __init__(
        self,
        children: Sequence[Child],
        say: Callable[[str], None] | None = None,
        seed: int | None = None,
    ) -> None:
        seed = os.getpid() if seed is None else seed
        self._kept = [_Kept(child, waits(seed + n)) for n, child in enumerate(children)]
        self._say = say or _to_stderr
        self._stopping = False

    def run(self) -> int:
        """Return 0 after SIGTERM, SIGINT or SIGHUP, 2 if a child was refused, else its code."""
        numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        before = {number: signal.signal(number, self._stop) for number in numbers}
        code = 0
        try:
            while not self._stopping:
                for kept in self._kept:
                    ended = self._look(kept, time.monotonic())
                    if ended is not None:
                        self._stopping, code = True, ended
                        break
                time.sleep(_TICK_S)
        finally:
            self._end()
            for number, handler in before.items():
                signal.signal(number, handler)
        return code

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._stopping = True

    def _look(self, kept: _Kept, now: float) -> int | None:
        """Start a child that is due, mourn one that has died; the code to end with, if any."""
        if kept.process is None:
            if now >= kept.due:
                kept.process, kept.started = spawn(kept.child.argv, env=kept.child.env), now
            return None
        code = kept.process.returncode
        if code is None:
            return None
        kept.process.stop()
        kept.process = None
        if code in (0, EXIT_REFUSED):
            return code
        if now - kept.started >= HEALTHY_S:
            kept.waits.reset()
        wait = kept.waits.next()
        kept.due = now + wait
        self._say(f"{kept.child.name} ended {_how(code)}; starting it again in {wait:.1f} s")
        return None

    def _end(self) -> None:
        running = [kept.process for kept in self._kept if kept.process]
        for process in running:
            process.signal(signal.SIGTERM)
        for process in running:
            process.wait(STOP_S)
            process.stop()


def _how(code: int) -> str:
    """Words for a return code.

    >>> _how(3), _how(-9)
    ('with exit code 3', 'by SIGKILL')
    """
    if code >= 0:
        return f"with exit code {code}"
    try:
        return f"by {signal.Signals(-code).name}"
    except ValueError:
        return f"by signal {-code}"


def _to_stderr(line: str) -> None:
    print(f"watchkeeper: {line}", file=sys.stderr, flush=True)
