"""What is wrong with a setup is said in one line with its remedy, and exit code 2: no traceback."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from monitor.stream.broker import EmbeddedKafka
from tests.e2e import logs, processes
from tests.e2e.processes import Worker
from tests.e2e.scenario import scenario

STORY = scenario(hours=4, rate=60)
NOWHERE = "127.0.0.1:1"


def refused(*arguments: object, of: tuple[str, ...]) -> str:
    """Run a command that must be refused; the line that it says."""
    ended = processes.run(*arguments)
    said = f"exit code {ended.returncode}\n{ended.stdout}{ended.stderr}"
    assert ended.returncode == 2, said
    assert "Traceback" not in said, said
    lines = ended.stderr.splitlines()
    assert len(lines) == 1, said
    assert lines[0].startswith("watchkeeper: "), said
    for words in of:
        assert words in lines[0], f"{words!r} is not in: {said}"
    return lines[0]


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


def written(folder: Path, bootstrap: str = NOWHERE, namespace: str = "bad", n: int = 4) -> Path:
    return STORY.write(folder, bootstrap, namespace, partitions=n)


@pytest.mark.parametrize("command", [("worker",), ("topics", "create")])
def test_no_broker_there(command: tuple[str, ...], tmp_path: Path) -> None:
    config = written(tmp_path)
    refused(*command, config, of=(NOWHERE, "no Kafka answers", "kafka.bootstrap"))


def test_topics_that_nobody_made(kafka: EmbeddedKafka, namespace: str, tmp_path: Path) -> None:
    config = written(tmp_path, kafka.address, namespace)
    remedy = f"watchkeeper topics create {config}"
    refused("worker", config, of=("topics are missing", namespace, remedy))


def test_another_number_of_partitions(kafka: EmbeddedKafka, namespace: str, tmp_path: Path) -> None:
    config = written(tmp_path, kafka.address, namespace)
    assert processes.run("topics", "create", config).returncode == 0
    written(tmp_path, kafka.address, namespace, n=2)
    for command in (("worker",), ("topics", "create")):
        refused(*command, config, of=("has 4 partitions, must have 2", "kafka.partitions"))


Spoil = Callable[[Path], None]


def replaced(old: str, new: str) -> Spoil:
    def spoil(config: Path) -> None:
        text = config.read_text()
        assert old in text
        config.write_text(text.replace(old, new, 1))

    return spoil


BROKEN: dict[str, tuple[Spoil, tuple[str, ...]]] = {
    "a key that nobody knows": (
        replaced('"window"', '"windwo"'),
        ("models.yaml:{line}", "windwo", 'did you mean "window"'),
    ),
    "a value out of range": (
        replaced('"min_coverage": 0.6', '"min_coverage": 60'),
        ("models.yaml:{line}", "min_coverage", "60"),
    ),
    "no YAML at all": (lambda config: config.write_text("{{") and None, ("models.yaml:{line}",)),
    "no text at all": (
        lambda config: config.write_bytes(b"\xff\xfe\x00") and None,
        ("models.yaml", "cannot be read"),
    ),
    "authority that is not to be had": (
        replaced('"dry_run"', '"auto"'),
        ("models.yaml:{line}", "authority", "use dry_run"),
    ),
    "no file": (Path.unlink, ("models.yaml",)),
    "no baseline": (
        lambda config: config.with_name("credit.json").unlink(),
        ("credit.json", "credit", "watchkeeper baseline build"),
    ),
    "a baseline that was altered": (
        lambda config: replaced('"rows": 4000', '"rows": 4001')(config.with_name("credit.json")),
        ("credit.json", "altered", "rebuild it"),
    ),
    "another model's baseline": (
        replaced('"credit.json"', '"fraud.json"'),
        ("fraud.json", "'fraud'", "'credit'"),
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_configuration(name: str, tmp_path: Path) -> None:
    """Said before anything is asked of a broker: there is none."""
    config = written(tmp_path)
    before = config.read_text().splitlines()
    spoil, words = BROKEN[name]
    spoil(config)
    after = config.read_text(errors="replace").splitlines() if config.exists() else []
    pairs = enumerate(zip(before, after, strict=False), 1)
    spoilt = next((n for n, (one, other) in pairs if one != other), 1)
    of = tuple(word.format(line=spoilt) for word in words)
    refused("worker", config, of=of)
    refused("up", config, "--data-dir", tmp_path / "kafka", of=of)
    assert not (tmp_path / "kafka").exists()


def test_a_port_in_use(taken_port: int, tmp_path: Path) -> None:
    of = (f"port {taken_port}", "stop what uses it", "choose another")
    refused("broker", "--port", taken_port, "--data-dir", tmp_path / "kafka", of=of)
    config = written(tmp_path, f"127.0.0.1:{taken_port}")
    refused("up", config, "--data-dir", tmp_path / "kafka", of=of)


def test_up_starts_no_broker_elsewhere(tmp_path: Path) -> None:
    config = written(tmp_path, "kafka.example.org:9092")
    of = ("kafka.example.org:9092", "watchkeeper worker")
    refused("up", config, "--data-dir", tmp_path / "kafka", of=of)


def test_a_topic_that_was_made_anew_under_our_state(
    kafka: EmbeddedKafka, namespace: str, tmp_path: Path
) -> None:
    """Offsets that we have applied are no longer there: to go on would count others as known."""
    config = written(tmp_path, kafka.address, namespace)
    assert processes.run("topics", "create", config).returncode == 0
    asyncio.run(logs.send(kafka.address, namespace, STORY.sent))
    with Worker(tmp_path / "worker.log", config) as worker:
        asyncio.run(logs.at_rest(kafka.address, namespace, timeout=60))
        assert worker.stop() == 0
    asyncio.run(_drop(kafka.address, f"{namespace}.predictions"))
    assert processes.run("topics", "create", config).returncode == 0
    line = "recreated or truncated; put its data back, or start under a new namespace"
    with Worker(tmp_path / "again.log", config) as worker:
        assert worker.process.wait(60) == 2, worker.said
    said = [text for text in worker.said.splitlines() if line in text]
    assert len(said) == 1, worker.said
    assert f"{namespace}.predictions" in said[0]
    assert "Traceback" not in worker.said


async def _drop(bootstrap: str, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.delete_topics([topic])
        while topic in await admin.list_topics():
            await asyncio.sleep(0.1)
    finally:
        await admin.close()
