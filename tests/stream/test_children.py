"""No child outlives its parent: the promise, for every signal that can end one."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from monitor.stream.children import spawn

PARENT = """
import sys, time
from monitor.stream.children import spawn
child = spawn([sys.executable, "-c", sys.argv[1]], grace=1.0)
print(child.pid, flush=True)
time.sleep(60)
"""
SLEEPER = "import time; time.sleep(60)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "signal.signal(signal.SIGHUP, signal.SIG_IGN); time.sleep(60)"
)


def alive(pid: int) -> bool:
    """Whether it still runs; one that only waits for init to collect its exit code does not."""
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout
    return state != "" and not state.startswith("Z")


def gone_within(pid: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while alive(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@pytest.mark.parametrize("program", [SLEEPER, STUBBORN], ids=["willing", "stubborn"])
@pytest.mark.parametrize(
    "number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGSEGV]
)
def test_a_child_goes_with_its_parent(number: signal.Signals, program: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, program],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert alive(pid)
        parent.send_signal(number)
        assert gone_within(pid, 5)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
def test_a_child_goes_with_its_guard() -> None:
    child = spawn([sys.executable, "-c", SLEEPER])
    os.kill(child._guard.pid, signal.SIGKILL)
    assert gone_within(child.pid, 5)
    assert child.wait() == -signal.SIGKILL


def test_a_child_outlives_the_thread_that_started_it() -> None:
    from threading import Thread

    started = []
    thread = Thread(target=lambda: started.append(spawn([sys.executable, "-c", SLEEPER])))
    thread.start()
    thread.join()
    time.sleep(0.3)
    assert started[0].returncode is None
    assert started[0].stop() == -signal.SIGTERM


def test_the_return_code_is_the_childs_own() -> None:
    assert spawn([sys.executable, "-c", "raise SystemExit(7)"]).wait() == 7
    suicide = "import os, signal; os.kill(os.getpid(), signal.SIGUSR1)"
    assert spawn([sys.executable, "-c", suicide]).wait() == -signal.SIGUSR1


def test_a_stopped_child_can_still_be_ended() -> None:
    child = spawn([sys.executable, "-c", SLEEPER])
    child.send(signal.SIGSTOP)
    time.sleep(0.2)  # of two pending signals the lower number would act first
    assert child.stop(timeout=0.2) == -signal.SIGKILL


def test_output_and_environment_reach_the_child(tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as output:
        spawn(
            [
                sys.executable,
                "-c",
                "import os, sys; print(os.environ['A'], sys.stdin.read() == '')",
            ],
            env={"A": "b"},
            output=output,
        ).wait()
    assert (tmp_path / "out").read_text() == "b True\n"


def test_a_program_that_is_not_there_is_an_error() -> None:
    with pytest.raises(OSError, match="No such file"):
        spawn(["/nonexistent/program"])


def test_nothing_is_left_behind_in_the_group(tmp_path: Path) -> None:
    forks = (
        f"import subprocess, sys;print(subprocess.Popen([sys.executable, '-c', {SLEEPER!r}]).pid)"
    )
    with (tmp_path / "out").open("wb") as output:
        assert spawn([sys.executable, "-c", forks], output=output).wait() == 0
    assert gone_within(int((tmp_path / "out").read_text()), 5)
