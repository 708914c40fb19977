"""The supervisor: what ends is started again, later and later; what it is told to end, ends."""

import itertools
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from monitor.stream import supervisor
from monitor.stream.supervisor import Child, Supervisor, backoff_s
from tests.stream.test_children import alive, gone_within

Trace = Callable[..., Any]
SLEEPER = (sys.executable, "-c", "import time; time.sleep(60)")


def python(program: str) -> tuple[str, ...]:
    return (sys.executable, "-c", program)


def until(holds: Callable[[], object], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


class Running:
    """A supervisor in a thread, with all that it says."""

    def __init__(self, *children: Child) -> None:
        self.said: list[str] = []
        self.code: int | None = None
        self.supervisor = Supervisor(children, say=self.said.append)
        self.thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        self.code = self.supervisor.run()

    def __enter__(self) -> "Running":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.supervisor.stop()
        self.thread.join(20)
        assert not self.thread.is_alive()


def test_a_killed_child_is_started_again_and_it_says_so() -> None:
    with Running(Child("worker", SLEEPER)) as running:
        until(lambda: running.supervisor.pids)
        first = running.supervisor.pids["worker"]
        os.kill(first, signal.SIGKILL)
        until(lambda: running.supervisor.pids.get("worker", first) != first)
        second = running.supervisor.pids["worker"]
        assert running.said[0].startswith("worker was ended by SIGKILL after 0 s; next try in 0.")
        assert running.said[1] == "worker started again (try 2)"
    assert running.code == 0
    assert not alive(second)


def test_exit_code_2_is_not_retried_and_ends_the_others() -> None:
    refused = Child("worker", python("raise SystemExit(2)"))
    with Running(Child("broker", SLEEPER), refused) as running:
        running.thread.join(10)
        assert running.code == 2
        assert running.said == []
        assert running.supervisor.pids == {} or not any(
            map(alive, running.supervisor.pids.values())
        )


def test_exit_code_0_is_an_end_like_any_other() -> None:
    with Running(Child("worker", python("pass"))) as running:
        until(lambda: len(running.said) >= 2)
    assert running.said[0].startswith("worker ended with exit code 0 after")


def test_the_next_child_waits_until_the_one_before_is_ready(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    first = Child("broker", SLEEPER, ready=ready.exists)
    with Running(first, Child("worker", SLEEPER)) as running:
        until(lambda: "broker" in running.supervisor.pids)
        time.sleep(0.5)
        assert "worker" not in running.supervisor.pids
        ready.touch()
        until(lambda: "worker" in running.supervisor.pids)


def test_children_end_in_reverse_order(tmp_path: Path) -> None:
    log = tmp_path / "log"
    program = (
        "import signal, sys, time\n"
        "def end(*_):\n"
        f"    time.sleep(0.2); open({str(log)!r}, 'a').write({{0!r}}); sys.exit()\n"
        "signal.signal(signal.SIGTERM, end)\n"
        f"open({str(log)!r}, 'a').write('.')\n"
        "time.sleep(60)"
    )
    children = [Child(name, python(program.format(name))) for name in "ab"]
    with Running(*children):
        until(lambda: log.exists() and log.read_text() == "..")
    assert log.read_text() == "..ba"


def test_backoff_doubles_to_a_limit_and_is_the_same_for_the_same_seed() -> None:
    waits = [backoff_s(n, random.Random(n)) for n in range(1, 12)]
    assert waits == [backoff_s(n, random.Random(n)) for n in range(1, 12)]
    for n, wait in enumerate(waits):
        assert min(0.5 * 2**n, 30) <= wait <= 1.25 * min(0.5 * 2**n, 30)
    assert len({backoff_s(1, random.Random(seed)) for seed in range(9)}) == 9


def test_a_healthy_run_forgets_the_failures_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = supervisor._Watch(Child("worker", python("raise SystemExit(3)")), seed=0)

    def end_after(seconds: float) -> float:
        watch.start(100.0)
        assert watch.process is not None
        watch.process.wait()
        assert watch.ended(100.0 + seconds) == 3
        return watch.due_at - 100.0 - seconds

    waits = [end_after(1), end_after(1), end_after(59.9), end_after(60), end_after(1)]
    assert [round(wait / 0.5 - 0.49) for wait in waits] == [1, 2, 4, 1, 2]
    assert watch.failures == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_a_signal_ends_supervisor_and_child(number: signal.Signals) -> None:
    program = (
        "import sys\n"
        "from monitor.stream.supervisor import Child, Supervisor\n"
        "child = 'import os, time; print(os.getpid(), flush=True); time.sleep(60)'\n"
        "sys.exit(Supervisor([Child('worker', [sys.executable, '-c', child])]).run())"
    )
    with subprocess.Popen(python(program), stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.send_signal(number)
        assert gone_within(pid, 6)
        assert parent.wait(5) == (-9 if number == signal.SIGKILL else 0)


def test_a_signal_at_any_moment_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its handler runs between any two lines, and waits for ever for a lock that is held there."""
    monkeypatch.setattr(supervisor, "_POLL_S", 0.001)
    for moment in range(120):
        made = Supervisor([])
        lines = itertools.count()

        def interrupt(*_: object, made: Supervisor = made, lines: Iterator[int] = lines) -> Trace:
            if next(lines) == moment:  # noqa: B023 - it is over before the next one
                made.stop()
            return interrupt

        def run(made: Supervisor = made, interrupt: Trace = interrupt) -> None:
            sys.settrace(interrupt)
            made.run()

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        thread.join(5)
        assert not thread.is_alive(), f"interrupted at line {moment}"
        assert next(lines) > moment


def test_a_second_signal_ends_a_stubborn_child_at_once() -> None:
    program = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"
    with Running(Child("worker", python(program))) as running:
        until(lambda: running.supervisor.pids)
        time.sleep(0.3)
        began = time.monotonic()
        running.supervisor.stop()
        time.sleep(0.5)
        running.supervisor.stop()
        running.thread.join(5)
        assert running.code == 0
        assert 0.5 <= time.monotonic() - began < 5
