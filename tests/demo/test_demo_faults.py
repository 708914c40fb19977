"""The demo's stream under faults: killed workers, and a paused one that comes back as a zombie."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from monitor.demo.incidents import INCIDENTS
from monitor.demo.rehearsal import Rehearsed
from monitor.demo.story import Story
from monitor.events.types import FindingData

PYTHON = [sys.executable, "-m", "monitor.cli.main"]
PAUSE_S = 15.0


def until(what: str, condition: Callable[[], object], seconds: float) -> None:
    """Wait for a condition; fail with its name."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} s"
        time.sleep(0.1)


def workers(folder: Path) -> list[int]:
    """Process ids of the workers (not their supervisors or guards) on the demo's configuration."""
    listed = subprocess.run(
        ["ps", "-axww", "-o", "pid=,args="], check=True, capture_output=True, text=True
    ).stdout
    ours = re.compile(
        rf"^\s*(\d+) \S*python\S* -m monitor\.cli\.main worker --supervised {folder}/"
    )
    return [int(m[1]) for m in map(ours.match, listed.splitlines()) if m]


def judged(folder: Path) -> int:
    """Bytes of verdicts so far: they grow as the stream goes on."""
    events = folder / "drift-events.jsonl"
    return events.stat().st_size if events.exists() else 0


@contextmanager
def demo(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A running demo."""
    process = subprocess.Popen(
        [*PYTHON, "demo", "--dir", str(folder)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)


def assert_nothing_changed(folder: Path, said: str, rehearsed: Rehearsed) -> None:
    """The verdicts and counts are those of an undisturbed run, revision and offsets apart."""
    assert "All as announced, and every event accounted for." in " ".join(said.split())
    story = Story(INCIDENTS)
    for line in (folder / "drift-events.jsonl").read_bytes().splitlines():
        story.take(line)
    assert story.windows.keys() == rehearsed.story.windows.keys()
    assert all(
        window.results == rehearsed.story.windows[key].results
        for key, window in story.windows.items()
    )
    assert {k: lasting(f) for k, f in story.findings.items()} == {
        k: lasting(f) for k, f in rehearsed.story.findings.items()
    }


def lasting(finding: FindingData) -> FindingData:
    """A finding without what depends on when flushes fell."""
    return msgspec.structs.replace(finding, revision=0, source_offsets={})


def test_a_killed_worker_is_started_again_and_nothing_is_lost_or_counted_twice(
    tmp_path: Path, rehearsed: Rehearsed
) -> None:
    folder = tmp_path / "killed"
    with demo(folder) as process:
        killed: list[int] = []
        for _ in range(3):
            before = judged(folder)
            until("verdicts", lambda before=before: judged(folder) > before, 120)
            (worker,) = workers(folder)
            os.kill(worker, signal.SIGKILL)
            killed.append(worker)
            until("restart", lambda: set(workers(folder)) - set(killed), 30)
        said, _ = process.communicate(timeout=220)
        assert process.returncode == 0, said
    log = (folder / "worker.log").read_text()
    assert log.count("worker was ended by SIGKILL") == 3
    assert_nothing_changed(folder, said, rehearsed)


def test_a_paused_worker_is_fenced_when_it_comes_back(tmp_path: Path, rehearsed: Rehearsed) -> None:
    folder = tmp_path / "paused"
    with demo(folder) as process:
        until("verdicts", lambda: judged(folder), 120)
        (paused,) = workers(folder)
        os.kill(paused, signal.SIGSTOP)
        try:
            second = subprocess.Popen(
                [*PYTHON, "worker", str(folder / "flights.yaml")],
                stderr=subprocess.PIPE,
                text=True,
            )
            time.sleep(PAUSE_S)
            at_pause = judged(folder)
            until("the successor's verdicts", lambda: judged(folder) > at_pause, 60)
        finally:
            os.kill(paused, signal.SIGCONT)
        try:
            until("the end of the paused worker", lambda: paused not in workers(folder), 60)
            said, _ = process.communicate(timeout=220)
            assert process.returncode == 0, said
        finally:
            second.terminate()
            second.communicate(timeout=60)
    log = (folder / "worker.log").read_text()
    assert "another worker has taken it over" in log
    assert "worker ended with exit code 3" in log
    assert_nothing_changed(folder, said, rehearsed)
