"""The embedded broker: keeps its data, refuses in one line, and never outlives its parent."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from monitor.errors import BrokerError, PortInUse
from monitor.stream import broker
from monitor.stream.broker import EmbeddedKafka
from tests.stream.test_children import gone_within

PARENT = """
import sys, time
from pathlib import Path
from monitor.stream.broker import EmbeddedKafka
kafka = EmbeddedKafka(Path(sys.argv[1]), port=0)
kafka.start()
print(kafka.pid, flush=True)
time.sleep(60)
"""


async def _write(address: str, topic: str, *values: bytes) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 1, 1)])
    await admin.close()
    async with AIOKafkaProducer(bootstrap_servers=address, acks="all") as producer:
        for value in values:
            await producer.send_and_wait(topic, value, timestamp_ms=1)


async def _read(address: str, topic: str, count: int) -> list[tuple[bytes, int]]:
    async with AIOKafkaConsumer(
        topic, bootstrap_servers=address, auto_offset_reset="earliest"
    ) as consumer:
        records = [await asyncio.wait_for(consumer.getone(), 20) for _ in range(count)]
        return [(record.value, record.timestamp) for record in records]


def test_time_is_the_brokers_and_what_was_acknowledged_survives_sigkill(tmp_path: Path) -> None:
    before = time.time() * 1000
    with EmbeddedKafka(tmp_path, port=0) as kafka:
        first = kafka.pid
        asyncio.run(_write(kafka.address, "kept", b"a", b"b"))
        kafka.kill()
        assert kafka.pid is None
        kafka.start()
        assert kafka.pid not in (None, first)
        records = asyncio.run(_read(kafka.address, "kept", 2))
    assert [value for value, _ in records] == [b"a", b"b"]
    assert all(before - 1000 < stamp < time.time() * 1000 for _, stamp in records)
    assert not kafka.running


def test_it_listens_on_loopback_alone(kafka: EmbeddedKafka) -> None:
    listening = subprocess.run(
        ["ss", "-ltnpH"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    ours = [line.split()[3] for line in listening if f"pid={kafka.pid}," in line]
    assert kafka.address in {address.replace("[::ffff:127.0.0.1]", "127.0.0.1") for address in ours}
    assert all("127.0.0.1" in address for address in ours)


def test_a_topic_must_be_made_on_purpose(kafka: EmbeddedKafka, namespace: str) -> None:
    async def list_after_asking() -> list[str]:
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka.address)
        await admin.start()
        await admin.describe_topics([namespace])
        topics = await admin.list_topics()
        await admin.close()
        return topics

    assert namespace not in asyncio.run(list_after_asking())


def test_a_port_in_use_is_refused_with_its_remedy(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(PortInUse, match=rf"port {port} .*--port"):
            EmbeddedKafka(tmp_path, port).start()


def test_a_data_directory_belongs_to_one_broker(
    kafka: EmbeddedKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker, "_PREDECESSOR_S", 0.2)
    with pytest.raises(BrokerError, match=r"another broker runs in .*--data-dir"):
        EmbeddedKafka(kafka.data_dir, port=0).start()
    assert kafka.running


def test_a_broker_that_cannot_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "meta.properties").write_text("version=1\nnode.id=7\ncluster.id=x\n")
    with pytest.raises(BrokerError, match=r"ended at its start: .*see .*\.log") as refused:
        EmbeddedKafka(tmp_path, port=0).start()
    assert "\n" not in str(refused.value)


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory for one broker after the other."""
    return tmp_path_factory.mktemp("used")


@pytest.mark.parametrize(
    "number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP], ids=lambda n: n.name
)
def test_the_broker_goes_with_its_parent(number: signal.Signals, used: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(used)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        os.kill(parent.pid, number)
        assert gone_within(pid, 5)
