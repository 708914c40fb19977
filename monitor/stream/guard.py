"""Stands between a parent and its child process, and ends the child when the parent is gone.

Run as a script by `children.spawn`, with nothing but the standard library (25 ms, 9 MB):

    python -I -S guard.py PARENT REPORT GRACE ARGV...

However the parent ends, SIGKILL included, the kernel closes its end of our standard input: we see
the end of file, ask the child's process group to end (SIGTERM), and after GRACE seconds kill it.
`PR_SET_PDEATHSIG` alone would not do for the parent: it watches the *thread* that forked, and only
on Linux. It serves for our own child, which this process's only thread forks: a killed guard takes
the child with it.

The child's process id, or why it could not be executed, goes to the file descriptor REPORT; its
exit status becomes ours, a signal included.
"""

import contextlib
import os
import resource
import select
import signal
import sys
import time
from types import FrameType

_PR_SET_PDEATHSIG = 1
_FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


def _die_with_parent() -> None:
    if sys.platform != "linux":
        return
    import ctypes

    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _become(argv: list[str], guard: int, report: int) -> None:
    """In the fork: turn into the child, or say why not."""
    try:
        os.setpgid(0, 0)
        _die_with_parent()
        if os.getppid() != guard:
            os._exit(1)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        signal.set_wakeup_fd(-1)
        for number in (*_FORWARDED, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        os.set_inheritable(report, False)
        os.execvp(argv[0], argv)
    except OSError as error:
        os.write(report, f"!{error.strerror}\n".encode())
    finally:
        os._exit(127)


def _signal_group(child: int, number: int) -> None:
    # On macOS a group of zombies is a PermissionError.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child, number)


def _watch(child: int, parent: int, grace: float, wakeup: int) -> int:
    """Wait for the child's end, hastening it once the parent has gone; its wait status."""
    deadline: float | None = None
    killed = False
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return status
        now = time.monotonic()
        # The second condition is for a parent whose pipe lives on in a fork of it.
        if deadline is None and (_ended(0) or os.getppid() != parent):
            _signal_group(child, signal.SIGTERM)
            deadline = now + grace
        if deadline is not None and now >= deadline and not killed:
            _signal_group(child, signal.SIGKILL)
            killed = True
        sources = [wakeup] if deadline is not None else [wakeup, 0]
        pause = 1.0 if deadline is None or killed else max(0.0, deadline - now)
        if wakeup in select.select(sources, [], [], pause)[0]:
            os.read(wakeup, 512)


def _ended(descriptor: int) -> bool:
    return bool(select.select([descriptor], [], [], 0)[0]) and os.read(descriptor, 512) == b""


def main() -> None:
    """Guard one child until it ends; take its exit status as our own."""
    parent, report, grace = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    wakeup, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    guard = os.getpid()
    child = os.fork()
    if not child:
        _become(sys.argv[4:], guard, report)

    # Both sides do it, so that the group exists whoever runs first.
    with contextlib.suppress(OSError):
        os.setpgid(child, child)

    def forward(number: int, _frame: FrameType | None) -> None:
        _signal_group(child, number)

    for number in _FORWARDED:
        signal.signal(number, forward)
    os.write(report, f"{child}\n".encode())
    os.close(report)
    status = _watch(child, parent, grace, wakeup)
    _signal_group(child, signal.SIGKILL)  # what it may have left in its group
    if os.WIFSIGNALED(status):
        ended_by = os.WTERMSIG(status)
        if ended_by != signal.SIGKILL:
            signal.signal(ended_by, signal.SIG_DFL)
        os.kill(guard, ended_by)
    os._exit(os.WEXITSTATUS(status))


if __name__ == "__main__":
    main()
