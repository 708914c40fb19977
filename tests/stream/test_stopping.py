"""A process that is told to end does, whatever it is at: in good order, or at its deadline."""

import signal
import subprocess
import sys
import time

import pytest

from monitor.stream.stopping import EXIT_DISORDERLY

PROGRAM = """
import sys, threading, time
from monitor.stream.stopping import Stopping
ended = threading.Event()
stopping = Stopping({stop}, deadline_s=1.0)
stopping.watch()
print("up", flush=True)
{work}
"""
WAIT = "ended.wait(30); print('in good order')"
#: The main thread holds the interpreter's attention and never looks at a signal's handler.
BLOCKED = "sum(1 for _ in iter(int, 1))"
NEVER = "lambda: None"


def run(stop: str, work: str) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.format(stop=stop, work=work)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    return process


def end(process: "subprocess.Popen[str]") -> tuple[int, float, str, str]:
    """Its exit code, how long it took from now, and what it said."""
    began = time.monotonic()
    said, complained = process.communicate(timeout=10)
    return process.returncode, time.monotonic() - began, said, complained


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_good_order(number: signal.Signals) -> None:
    process = run("ended.set", WAIT)
    process.send_signal(number)
    assert end(process)[0::2] == (0, "in good order\n")


@pytest.mark.parametrize("work", [WAIT, BLOCKED], ids=["waiting", "blocked"])
def test_what_does_not_stop_ends_at_its_deadline_and_says_so(work: str) -> None:
    process = run(NEVER, work)
    process.send_signal(signal.SIGTERM)
    code, took, _, complained = end(process)
    assert code == EXIT_DISORDERLY
    assert 0.9 < took < 5
    assert "not stopped in good order within 1 s" in complained


def test_more_signals_change_nothing() -> None:
    process = run(NEVER, WAIT)
    for _ in range(3):
        process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
    code, took, _, _ = end(process)
    assert code == EXIT_DISORDERLY
    assert took > 0.2


def test_an_end_that_nobody_asked_for_has_the_same_deadline() -> None:
    code, took, _, _ = end(run(NEVER, f"stopping.begin(); {WAIT}"))
    assert code == EXIT_DISORDERLY
    assert took < 5
