"""Child processes that never outlive their parent, whichever signal ends it."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_GUARD = Path(__file__).with_name("guard.py")
#: How long an orphaned child may take to put its state in order, in seconds.
GRACE_S = 3.0


@dataclass(frozen=True, slots=True)
class ChildProcess:
    """A running child behind its guard; `pid` is the child's own, which leads its process group."""

    pid: int
    _guard: "subprocess.Popen[bytes]"

    def __enter__(self) -> "ChildProcess":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def returncode(self) -> int | None:
        """The exit code, minus the signal's number if one ended it, or None while it runs."""
        return self.wait(0)

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait up to `timeout` seconds for its end; the return code, or None if it still runs."""
        try:
            code = self._guard.wait(timeout)
        except subprocess.TimeoutExpired:
            return None
        assert self._guard.stdin is not None
        self._guard.stdin.close()
        return code

    def send(self, number: int) -> None:
        """Send a signal to the child alone; nothing happens if it has ended."""
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def stop(self, timeout: float = 10.0) -> int:
        """End it: SIGTERM, after `timeout` seconds SIGKILL; returns its return code."""
        self.send(signal.SIGTERM)
        code = self.wait(timeout)
        return self.kill() if code is None else code

    def kill(self) -> int:
        """End it at once, with SIGKILL; returns its return code."""
        self.send(signal.SIGKILL)
        code = self.wait()
        assert code is not None
        return code


def spawn(
    argv: Sequence[str | os.PathLike[str]],
    *,
    env: Mapping[str, str] | None = None,
    output: "IO[bytes] | int | None" = None,
    keep: Sequence[int] = (),
    grace: float = GRACE_S,
) -> ChildProcess:
    """Start a child that ends when this process does, by whatever signal.

    It runs in a session and a process group of its own, so that a terminal's Ctrl-C reaches only
    the parent, and reads nothing from standard input. `output` takes its stdout and stderr; without
    one they are the parent's. `keep` names file descriptors that it inherits. When the parent has
    gone, the child's group gets SIGTERM, and SIGKILL `grace` seconds later.

    Raises OSError if the program cannot be executed.
    """
    words = [os.fspath(word) for word in argv]
    report, child_report = os.pipe()
    try:
        guard = subprocess.Popen(
            [
                sys.executable, "-I", "-S", str(_GUARD),
                str(os.getpid()), str(child_report), str(grace), *words,
            ],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=None if output is None else subprocess.STDOUT,
            env=None if env is None else dict(env),
            pass_fds=(child_report, *keep),
            start_new_session=True,
        )  # fmt: skip
    finally:
        os.close(child_report)
    with open(report, encoding="utf-8") as said:  # noqa: PTH123 - a descriptor, not a path
        lines = said.read().split("\n")
    failures = [line[1:] for line in lines if line.startswith("!")]
    pids = [int(line) for line in lines if line.isdigit()]
    if failures or not pids:
        assert guard.stdin is not None
        guard.stdin.close()
        guard.wait()
        raise OSError(0, failures[0] if failures else "its guard did not start", words[0])
    return ChildProcess(pids[0], guard)
