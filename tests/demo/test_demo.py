"""The demo itself: a real Apache Kafka, a supervised worker, and the whole stream."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from monitor.demo.incidents import IN_TIME, INCIDENTS
from monitor.demo.rehearsal import Rehearsed
from monitor.demo.story import Story
from monitor.events.types import FindingData

COMMAND = [sys.executable, "-m", "monitor.cli.main", "demo"]


def processes(mentioning: Path) -> list[str]:
    """Return the command lines of running processes that mention a folder."""
    listed = subprocess.run(
        ["ps", "-axww", "-o", "args="], check=True, capture_output=True, text=True
    )
    return [line for line in listed.stdout.splitlines() if str(mentioning) in line]


def all_gone(mentioning: Path, seconds: float = 10.0) -> bool:
    deadline = time.monotonic() + seconds
    while processes(mentioning):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def done(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, "--dir", str(folder)]
    return subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=220, stdin=subprocess.DEVNULL
    )


def test_it_ends_by_itself_with_all_as_announced(
    done: subprocess.CompletedProcess[str], folder: Path
) -> None:
    assert done.returncode == 0, done.stdout + done.stderr
    text = " ".join(done.stdout.split())
    for incident in INCIDENTS:
        assert f"found: {incident.name}, began {incident.start[:10]}, in window 1" in text
    assert "505,644 of 505,644 events published; 276 of 276 days judged" in text
    assert "All as announced, and every event accounted for." in text
    assert "\x1b" not in done.stdout
    assert all_gone(folder)


def test_its_report_says_the_same_to_machines(
    done: subprocess.CompletedProcess[str], folder: Path
) -> None:
    said = msgspec.json.decode((folder / "report.json").read_bytes())
    assert [v["incident"]["name"] for v in said["verdicts"]] == [i.name for i in INCIDENTS]
    for verdict in said["verdicts"]:
        assert 1 <= verdict["found"]["delay"] <= IN_TIME
        assert verdict["calm"] is None
        assert "alert (page)" in verdict["found"]["actions"]
    for balance in said["balances"]:
        assert balance["sent"] == balance["read"] == sum(balance["outcomes"].values()) > 0


def test_kafka_and_the_worker_say_what_the_pure_stages_say(
    done: subprocess.CompletedProcess[str], folder: Path, rehearsed: Rehearsed
) -> None:
    story = Story(INCIDENTS)
    for line in (folder / "drift-events.jsonl").read_bytes().splitlines():
        story.take(line)
    assert story.windows.keys() == rehearsed.story.windows.keys()
    for key, window in story.windows.items():
        assert window.results == rehearsed.story.windows[key].results
        assert window.predictions == rehearsed.story.windows[key].predictions
    assert story.findings.keys() == rehearsed.story.findings.keys()
    for key, finding in story.findings.items():
        assert lasting(finding) == lasting(rehearsed.story.findings[key])


def lasting(finding: FindingData) -> FindingData:
    """Return a finding without what depends on when flushes fell."""
    return msgspec.structs.replace(finding, revision=0, source_offsets={})


def test_without_its_extra_it_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['polars'] = None\n"
        "from monitor.cli.main import run; sys.exit(run(['demo']))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 2
    assert ended.stderr == (
        "watchkeeper: the demo needs polars; install it with: pip install 'watchkeeper[demo]'\n"
    )


def test_ctrl_c_ends_it_and_all_that_it_started(tmp_path: Path) -> None:
    folder = tmp_path / "interrupted"
    process = subprocess.Popen(
        [*COMMAND, "--dir", str(folder)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    events = folder / "drift-events.jsonl"
    while not (events.exists() and events.stat().st_size):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert len(processes(folder)) > 1
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=40)
    assert process.returncode == 130
    assert "Traceback" not in said
    assert all_gone(folder)
