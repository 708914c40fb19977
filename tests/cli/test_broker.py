"""`watchkeeper broker`: tells its address, runs until told to stop, refuses in one line."""

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from monitor.cli.broker import jars_bar
from monitor.stream.broker import EmbeddedKafka
from monitor.stream.jars import Progress
from tests.stream.test_children import gone_within


def broker(*words: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-u", "-m", "monitor.cli.main", "broker", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_it_runs_until_it_is_told_to_stop(tmp_path: Path) -> None:
    with broker("--port", "0", "--data-dir", str(tmp_path)) as running:
        assert running.stdout is not None
        line = running.stdout.readline()
        assert line.startswith("Apache Kafka at 127.0.0.1:")
        assert str(tmp_path) in line
        with socket.create_connection(("127.0.0.1", int(line.split(":")[1].split(",")[0]))):
            pass
        pid = int(line.rsplit(" ", 1)[1])
        running.send_signal(signal.SIGTERM)
        assert running.wait(20) == 0
        assert gone_within(pid, 5)


def test_a_port_in_use_is_one_line_and_2(kafka: EmbeddedKafka, tmp_path: Path) -> None:
    with broker("--port", str(kafka.port), "--data-dir", str(tmp_path)) as refused:
        out, err = refused.communicate()
        assert (refused.returncode, out) == (2, "")
        assert err.startswith(f"watchkeeper: port {kafka.port} on 127.0.0.1 cannot be had")
        assert err.count("\n") == 1


def test_without_a_terminal_progress_is_a_line_at_each_end(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with jars_bar() as progress:
        for done in range(4):
            progress(Progress(done, 3, done * 1_000_000, 3_000_000))
    assert capsys.readouterr().err == (
        "Apache Kafka, once: jars 0/3 · 0.0/3.0 MB\nApache Kafka, once: jars 3/3 · 3.0/3.0 MB\n"
    )
