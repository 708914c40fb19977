"""What is wrong is one line with its remedy, exit code 2, and never a traceback."""

import asyncio
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from monitor.registry.specs import KafkaSpec
from monitor.stream.broker import EmbeddedKafka
from monitor.stream.topics import create_topics
from tests.observe.stream import baseline

CONFIG = """\
namespace: {namespace}
kafka: {{bootstrap: "{bootstrap}", partitions: {partitions}}}
models:
  - id: m
    baseline: {{path: m.json}}
    signals: {{data_drift: }}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "m.json").write_bytes(baseline().to_json())
    return tmp_path


def write(folder: Path, bootstrap: str, namespace: str = "bad", partitions: int = 4) -> Path:
    config = folder / "m.yaml"
    text = CONFIG.format(bootstrap=bootstrap, namespace=namespace, partitions=partitions)
    config.write_text(text)
    return config


def refused(*arguments: object) -> str:
    """Run a command that must be refused; return its one line."""
    done = subprocess.run(
        [sys.executable, "-m", "monitor.cli.main", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 2, done
    assert done.stdout == ""
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("watchkeeper: ")
    return lines[0]


@pytest.fixture
def dead_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.mark.parametrize("command", [("worker",), ("topics", "create")])
def test_a_broker_that_does_not_answer(
    command: tuple[str, ...], folder: Path, dead_port: int
) -> None:
    config = write(folder, f"127.0.0.1:{dead_port}")
    line = refused(*command, config)
    assert f"127.0.0.1:{dead_port}" in line
    assert "watchkeeper broker" in line


def test_a_missing_topic(folder: Path, kafka: EmbeddedKafka, namespace: str) -> None:
    config = write(folder, kafka.address, namespace)
    line = refused("worker", config)
    assert f"{namespace}.predictions" in line
    assert f"watchkeeper topics create {config}" in line


def test_another_number_of_partitions(folder: Path, kafka: EmbeddedKafka, namespace: str) -> None:
    asyncio.run(create_topics(KafkaSpec(bootstrap=kafka.address, partitions=4), namespace))
    line = refused("worker", write(folder, kafka.address, namespace, partitions=3))
    assert "4" in line
    assert "3" in line
    assert "kafka.partitions" in line


def test_a_missing_baseline(folder: Path) -> None:
    (folder / "m.json").unlink()
    for command in ("worker", "up"):
        line = refused(command, write(folder, "127.0.0.1:1"))
        assert "m.json" in line
        assert "watchkeeper baseline build" in line


def test_a_baseline_of_another_model(folder: Path) -> None:
    (folder / "m.json").write_bytes(baseline().to_json().replace(b'"m"', b'"x"', 1))
    assert "m.json" in refused("worker", write(folder, "127.0.0.1:1"))


def test_a_mistake_in_the_configuration(folder: Path) -> None:
    config = write(folder, "127.0.0.1:1")
    config.write_text(config.read_text().replace("signals", "singals"))
    line = refused("worker", config)
    assert f"{config}:6" in line
    assert '"signals"' in line


def test_a_configuration_that_does_not_exist(folder: Path) -> None:
    assert "nowhere.yaml" in refused("worker", folder / "nowhere.yaml")


def test_a_port_in_use(folder: Path, kafka: EmbeddedKafka) -> None:
    line = refused("broker", "--port", kafka.port, "--data-dir", folder / "other")
    assert str(kafka.port) in line
    line_of_up = refused("up", write(folder, kafka.address), "--data-dir", folder / "other")
    assert str(kafka.port) in line_of_up


def test_up_wants_a_broker_of_its_own(folder: Path) -> None:
    line = refused("up", write(folder, "kafka.example:9092"))
    assert "watchkeeper worker" in line
