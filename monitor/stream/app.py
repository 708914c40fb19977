"""The Faust application: one agent a source topic, all of them thin."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

import faust
from faust.exceptions import ConsumerNotStarted
from faust.types import TP

from monitor.connection import client_settings, group_name, topic_name
from monitor.errors import WatchkeeperError
from monitor.events.signatures import Keyring
from monitor.observe.model import Monitored
from monitor.observe.store import Store
from monitor.registry.specs import Config
from monitor.stream import driver
from monitor.stream.metrics import serve
from monitor.stream.owner import Owner
from monitor.stream.runner import Runner
from monitor.stream.stages import Stage, stages
from monitor.stream.stopping import Stopping

logger = logging.getLogger("watchkeeper")

#: Chunks a topic's queue holds: it is the back-pressure, and what a crash makes us read again.
QUEUE = 8
CHUNK = 1000


class WatchkeeperApp(faust.App):  # type: ignore[misc]
    """Faust's app, with what our driver asks of it."""

    chunked: frozenset[str] = frozenset()
    chunk_size = CHUNK
    groups: Mapping[str, Sequence[str]] = {}
    client_settings: Mapping[str, Any] = {}
    runner: Runner

    async def positions(self, assigned: set[TP]) -> dict[TP, int]:
        """Restore what is assigned; say where to read on."""
        return await self.runner.positions(assigned)

    async def release(self) -> None:
        """Flush and let go, before the partitions are revoked."""
        await self.runner.release()

    def refuse(self, error: WatchkeeperError) -> None:
        """End the worker for good, and say why: to start it again would be of no use."""
        self.runner.end(error)

    async def _consumer_wait_empty(self, consumer: Any, logger: Any) -> None:
        """Flush, then wait: what streams have taken is acknowledged by a flush.

        The next one may be far: after much work they are put off.
        """
        await self.release()
        await super()._consumer_wait_empty(consumer, logger)

    def _create_directories(self) -> None:
        """Make none: our state is in Kafka, and a killed worker would leave them behind."""


def build(
    config: Config,
    models: Sequence[Monitored],
    store: Callable[[int], Store],
    keyring: Keyring | None = None,
    member: str | None = None,
) -> WatchkeeperApp:
    """Make the application of a configuration, ready for a Faust worker.

    `store` opens the local store of a partition of observe; `keyring` has the approvers' keys. A
    `member` that comes back under its name has its partitions at once, without a rebalance; no two
    workers may share one.
    """
    driver.register()
    kafka, namespace = config.kafka, config.namespace
    settings = client_settings(kafka)
    all_stages = stages(models, kafka.partitions, store, keyring)
    app = WatchkeeperApp(
        group_name(namespace),
        broker=f"{driver.SCHEME}://{kafka.bootstrap}",
        store="memory://",
        web_enabled=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        topic_partitions=kafka.partitions,
        topic_replication_factor=kafka.replication,
        # For those who look at the group from outside: what we go by is in our own state.
        broker_commit_interval=5.0,
        # The shortest that every broker allows: so long are the partitions of a lost machine idle.
        broker_session_timeout=6.0,
        broker_heartbeat_interval=2.0,
        broker_rebalance_timeout=30.0,
        # Faust waits no longer for a restore, and then stands still for ever without a word.
        broker_request_timeout=86_400.0,
        broker_max_poll_interval=300.0,
        consumer_group_instance_id=member,
        consumer_max_fetch_size=2 * 1024 * 1024,
        # Of all queues: Faust passes on no maximum of a topic's own.
        stream_buffer_maxsize=QUEUE,
        stream_wait_empty=True,
        autodiscover=False,
    )
    app.client_settings = settings
    app.groups = {s.name: [topic_name(namespace, t) for t in s.topics] for s in all_stages}
    app.chunked = frozenset(topic for topics in app.groups.values() for topic in topics)
    app.runner = Runner(all_stages, namespace, kafka.partitions, settings)
    for stage in all_stages:
        for topic in stage.topics:
            _agent(app, topic_name(namespace, topic), kafka.partitions)

    @app.task  # type: ignore[untyped-decorator]
    async def flushes() -> None:
        await app.runner.flush_forever(lambda owner: idle_topics(app, owner))

    @app.task  # type: ignore[untyped-decorator]
    async def metrics() -> None:
        specs = [model.spec for model in models]
        serve(config.metrics, app.runner, specs, lambda owner, topic: lag(app, owner, topic))

    @app.on_partitions_revoked.connect  # type: ignore[untyped-decorator]
    async def released(*_: Any, **__: Any) -> None:
        await app.runner.release()

    return app


def lag(app: WatchkeeperApp, owner: Owner, topic: str) -> int | None:
    """Records of a source topic beyond what is committed; None where the broker has not said."""
    applied = owner.report.offsets.get(topic, -1)
    with contextlib.suppress(ConsumerNotStarted):
        found: int | None = app.consumer.lag(
            TP(topic_name(owner.namespace, topic), owner.partition), applied
        )
        return found
    return None


def idle_topics(app: WatchkeeperApp, owner: Owner) -> tuple[str, ...]:
    """The source topics of a partition of which everything that the broker holds is applied."""
    stage: Stage = owner.stage
    return tuple(
        topic
        for topic in stage.topics
        if app.consumer.caught_up(
            TP(topic_name(owner.namespace, topic), owner.partition), owner.offsets.get(topic, -1)
        )
    )


def _agent(app: WatchkeeperApp, topic: str, partitions: int) -> None:
    channel = app.topic(topic, partitions=partitions, schema=driver.ChunkSchema(), internal=False)

    @app.agent(channel, name=f"watchkeeper.{topic}")  # type: ignore[untyped-decorator]
    async def read(stream: Any) -> None:
        chunks: AsyncIterator[Any] = stream.noack()
        async for chunk in chunks:
            event = faust.current_event()
            assert event is not None
            if app.consumer.forgotten(event.message.tp, chunk):
                event.ack()
                continue
            await app.runner.process(topic, event.message.partition, chunk, event)
            # Faust holds it until it is acknowledged, which may be seconds from now.
            chunk.clear()


class Worker(faust.Worker):  # type: ignore[misc]
    """Faust's worker, which ends within a bounded time: told to by a signal, or by a failure."""

    def __init__(self, app: WatchkeeperApp) -> None:
        super().__init__(
            app,
            loglevel="WARNING",
            logging_config=None,
            redirect_stdouts=False,
            quiet=True,
            override_logging=False,
            loop=asyncio.new_event_loop(),
        )
        self.spinner = None  # it writes control characters, terminal or not
        self._stopping = Stopping(self._stop_soon)

    def install_signal_handlers(self) -> None:
        """Take the signals in a thread: Faust's own handlers wait for the event loop."""
        self._stopping.watch()

    def on_worker_shutdown(self) -> None:
        """Called at every end: one that nobody asked for must not last either."""
        self._stopping.begin()
        super().on_worker_shutdown()

    def _stop_soon(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: it has stopped already
            self.loop.call_soon_threadsafe(self._on_sigterm)


def run(app: WatchkeeperApp) -> None:
    """Run the worker until it is told to stop; it flushes what it holds and leaves its group."""
    Worker(app).execute_from_commandline()
