"""The chunked driver without a broker: what it hands out, what it commits, what it reads again."""

import asyncio
import inspect
import time
import tomllib
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiokafka
import faust
import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.consumer import fetcher
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.consumer.subscription_state import (
    Assignment,
    SubscriptionState,
    TopicPartitionState,
)
from faust.transport import drivers
from faust.transport.drivers import aiokafka as base
from faust.transport.utils import DefaultSchedulingStrategy
from faust.types import TP, ConsumerMessage
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitor.errors import TopicMismatch
from monitor.observe.model import Monitored
from monitor.observe.store import DictStore
from monitor.registry.specs import Config, KafkaSpec, ModelSpec
from monitor.stream import driver
from monitor.stream.app import QUEUE, WatchkeeperApp, Worker, build
from monitor.stream.client import Client, ProducerClient
from monitor.stream.driver import Chunk, Consumer, Scheduler
from monitor.stream.records import PartitionRecords

TOPIC = "w.predictions"
T, OTHER, UNCHUNKED = TP(TOPIC, 0), TP(TOPIC, 1), TP("w.replies", 0)
Run = Callable[[Coroutine[Any, Any, None]], None]


@dataclass(frozen=True)
class Record:
    """A record as aiokafka hands it over, as far as the driver looks at it."""

    offset: int
    topic: str = TOPIC
    partition: int = 0
    timestamp: int = 1_370_000_000_000
    timestamp_type: int = 1
    headers: tuple[Any, ...] = ()
    key: bytes | None = None
    value: bytes | None = b"{}"
    checksum: None = None
    serialized_key_size: int = 0
    serialized_value_size: int = 2


def run_of(first: int, last: int) -> list[Record]:
    return [Record(offset) for offset in range(first, last + 1)]


@dataclass
class Thread:
    """The consumer's thread, which alone speaks to Kafka: notes what it is asked for."""

    fetches: deque[Any] = field(default_factory=deque)
    seeks: list[tuple[TP, int]] = field(default_factory=list)
    commits: list[dict[TP, int]] = field(default_factory=list)
    assigned: set[TP] = field(default_factory=lambda: {T, OTHER, UNCHUNKED})
    committed: dict[TP, int] = field(default_factory=dict)
    #: What aiokafka knows of partitions.
    ends: dict[Any, Any] = field(default_factory=dict)
    #: Where Faust would hang it into its tree of services.
    beacon: None = None

    def assignment(self) -> set[TP]:
        return set(self.assigned)

    def seek(self, tp: TP, offset: int) -> None:
        self.seeks.append((tp, offset))

    async def seek_wait(self, positions: dict[TP, int]) -> None:
        self.seeks += sorted(positions.items())

    async def seek_to_committed(self) -> dict[TP, int]:
        return dict(self.committed)

    async def commit(self, offsets: dict[TP, int]) -> bool:
        self.commits.append(dict(offsets))
        return True

    def _ensure_consumer(self) -> Any:
        assignment = SimpleNamespace(tps=set(self.ends), state_value=self.ends.__getitem__)
        subscription = SimpleNamespace(subscription=SimpleNamespace(assignment=assignment))
        return SimpleNamespace(_subscription=subscription)

    async def getmany(self, active: Any, timeout: float) -> Any:
        fetched = self.fetches.popleft()
        if callable(fetched):
            fetched = await fetched()
        if isinstance(fetched, Exception):
            raise fetched
        return fetched


class App(WatchkeeperApp):
    """An app whose own state says where to read on."""

    chunked = frozenset({TOPIC})
    chunk_size = 3

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.applied: dict[TP, int] = {T: 0, OTHER: 0}
        self.calls: list[str] = []

    async def positions(self, assigned: set[TP]) -> dict[TP, int]:
        self.calls.append("positions")
        return {tp: self.applied[tp] for tp in assigned}

    async def release(self) -> None:
        self.calls.append("release")


@pytest.fixture(autouse=True)
def as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the driver replaces for its whole process comes back for the tests after these."""
    monkeypatch.setattr(fetcher, "PartitionRecords", fetcher.PartitionRecords)
    for module in (aiokafka.consumer.consumer, aiokafka.producer.producer):
        monkeypatch.setattr(module, "AIOKafkaClient", module.AIOKafkaClient)


@pytest.fixture
def run() -> Iterator[Run]:
    """Runs a coroutine in a loop that Faust sees as the current one."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield lambda coroutine: loop.run_until_complete(coroutine)
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()
    asyncio.set_event_loop(None)


@pytest.fixture
def app(run: Run, monkeypatch: pytest.MonkeyPatch) -> App:
    driver.register()
    monkeypatch.setattr(Consumer, "_new_consumer_thread", lambda self: Thread())
    made = App("t", broker=f"{driver.SCHEME}://none:1", store="memory://",
               web_enabled=False, topic_disable_leader=True)  # fmt: skip
    made.topics._acking_topics.add(TOPIC)
    return made


@pytest.fixture
def consumer(app: App) -> Consumer:
    made = app.consumer
    assert isinstance(made, Consumer)
    return made


async def fetch(consumer: Consumer, *fetched: Any) -> list[list[int]]:
    """Let the consumer fetch; the offsets of each chunk that it hands out."""
    chunks = []
    for one in fetched:
        consumer._thread.fetches.append(one)
        records = await consumer._getmany({T, OTHER, UNCHUNKED}, 1.0)
        for tp, record in consumer.scheduler.iterate(records):
            message = consumer._to_message(tp, record)
            chunks.append([r.offset for r in message.value])
    return chunks


def deliver(consumer: Consumer, first: int, last: int) -> ConsumerMessage:
    return consumer._to_message(T, Chunk(run_of(first, last)))


def committable(consumer: Consumer) -> int | None:
    """The offset that Faust would commit now; then it has."""
    offsets = consumer._filter_committable_offsets([T])
    consumer._committed_offset.update(offsets)
    offset: int | None = offsets.get(T)
    return offset


# -- what is private to Faust and aiokafka still is what the driver takes it for ----------------

OVERRIDDEN = {
    base.Consumer: {
        "_new_consumer_thread": ["self"],
        "_getmany": ["self", "active_partitions", "timeout"],
        "_to_message": ["self", "tp", "record"],
        "on_buffer_full": ["self", "tp"],
        "_add_gap": ["self", "tp", "offset_from", "offset_to"],
        "_new_offset": ["self", "tp"],
        "on_partitions_revoked": ["self", "revoked"],
        "on_partitions_assigned": ["self", "assigned", "generation_id"],
        "perform_seek": ["self"],
        "resume_flow": ["self"],
        "seek": ["self", "partition", "offset"],
    },
    base.AIOKafkaConsumerThread: {
        "_create_worker_consumer": ["self", "transport"],
        "on_thread_stop": ["self"],
    },
    DefaultSchedulingStrategy: {"iterate": ["self", "records"]},
    AIOKafkaClient: {
        "_get_conn": ["self", "node_id", "group", "no_hint"],
        "_metadata_update": ["self", "cluster_metadata", "topics"],
    },
    faust.App: {
        "_consumer_wait_empty": ["self", "consumer", "logger"],
        "_create_directories": ["self"],
    },
    faust.Worker: {"install_signal_handlers": ["self"], "on_worker_shutdown": ["self"]},
    fetcher.PartitionRecords: {"__iter__": ["self"], "_consumer_record": ["self", "tp", "record"]},
}
CALLED = {
    base.Consumer: {
        "stop_flow": ["self"],
        "seek_wait": ["self", "partitions"],
        "commit": ["self", "topics", "start_new_transaction"],
        "assignment": ["self"],
    },
    base.AIOKafkaConsumerThread: {
        "_ensure_consumer": ["self"],
        "seek": ["self", "partition", "offset"],
    },
    faust.App: {"create_event": ["self", "key", "value", "headers", "message"]},
    faust.Worker: {"_on_sigterm": ["self"]},
    GroupCoordinator: {"_maybe_leave_group": ["self"]},
    ConsumerMessage: {
        "__init__": ["self", "topic", "partition", "offset", "timestamp", "timestamp_type",
                     "headers", "key", "value", "checksum", "serialized_key_size",
                     "serialized_value_size", "tp", "time_in", "time_out", "time_total",
                     "generation_id"],
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ("owner", "name", "expected"),
    [
        (owner, name, expected)
        for table in (OVERRIDDEN, CALLED)
        for owner, names in table.items()
        for name, expected in names.items()
    ],
)
def test_what_we_override_and_call_has_the_signature_we_know(
    owner: type, name: str, expected: list[str]
) -> None:
    assert list(inspect.signature(getattr(owner, name)).parameters) == expected


def test_nothing_is_overridden_that_this_test_does_not_know() -> None:
    ours = {
        base.Consumer: Consumer,
        base.AIOKafkaConsumerThread: driver.ConsumerThread,
        DefaultSchedulingStrategy: Scheduler,
        fetcher.PartitionRecords: PartitionRecords,
        AIOKafkaClient: Client,
        faust.App: WatchkeeperApp,
        faust.Worker: Worker,
    }
    for theirs, made in ours.items():
        overridden = {name for name in vars(made) if hasattr(theirs, name)}
        own = {name for name in overridden if not name.startswith("__") and name != "abc_impl"}
        known = {name for name in OVERRIDDEN[theirs] if not name.startswith("__")}
        assert {n for n in own if inspect.isfunction(vars(made)[n])} == known


def test_the_state_that_we_share_with_faust_exists(consumer: Consumer) -> None:
    for name in ("_acked", "_acked_index", "_committed_offset", "_read_offset", "scheduler"):
        assert name in vars(consumer)
    made = inspect.getsource(aiokafka.AIOKafkaConsumer.__init__)
    assert "self._subscription = SubscriptionState(" in made
    for owner, name in (
        (SubscriptionState, "subscription"),
        (Assignment, "tps"),
        (Assignment, "state_value"),
        (TopicPartitionState, "position"),
        (TopicPartitionState, "has_valid_position"),
    ):
        assert hasattr(owner, name)
    # A static member stays in its group; who is none leaves it, at its end.
    leave = inspect.getsource(GroupCoordinator._maybe_leave_group)
    assert "self._group_instance_id is None" in leave
    assert "await self._maybe_leave_group()" in inspect.getsource(GroupCoordinator.close)
    assert "await self._consumer_wait_empty(" in inspect.getsource(faust.App._stop_consumer)
    assert "self.highwater = " in inspect.getsource(TopicPartitionState.__init__)


def test_the_versions_are_pinned_that_all_this_was_written_for() -> None:
    project = tomllib.loads(
        Path(__file__).parents[2].joinpath("pyproject.toml").read_text(encoding="utf-8")
    )["project"]
    pinned = dict(line.split("==") for line in project["dependencies"] if "==" in line)
    for name in ("aiokafka", "faust-streaming", "mode-streaming"):
        assert pinned[name] == version(name)


def test_the_scheme_is_registered(app: App) -> None:
    assert drivers.TRANSPORTS[driver.SCHEME] == "monitor.stream.driver:Transport"
    assert isinstance(app.transport, driver.Transport)
    assert fetcher.PartitionRecords is PartitionRecords
    assert aiokafka.consumer.consumer.AIOKafkaClient is Client
    assert aiokafka.producer.producer.AIOKafkaClient is ProducerClient


# -- chunks -------------------------------------------------------------------------------------


@given(st.dictionaries(st.sampled_from([T, OTHER]), st.integers(0, 20)), st.integers(1, 7))
def test_chunks_cover_each_partition_in_order(lengths: dict[TP, int], size: int) -> None:
    records = {tp: run_of(0, n - 1) for tp, n in lengths.items()}
    handed: dict[TP, list[int]] = {tp: [] for tp in lengths}
    for tp, chunk in Scheduler(frozenset({TOPIC}), size).iterate(records):
        assert isinstance(chunk, Chunk)
        assert 0 < len(chunk) <= size
        handed[tp] += [record.offset for record in chunk]
    assert handed == {tp: list(range(n)) for tp, n in lengths.items()}


def test_partitions_take_turns() -> None:
    scheduler = Scheduler(frozenset({TOPIC}), 2)
    turns = scheduler.iterate({T: run_of(0, 3), OTHER: run_of(0, 3)})
    assert [tp for tp, _ in turns] == [T, OTHER, T, OTHER]


def test_topics_that_are_not_named_are_handed_out_a_record_at_a_time(consumer: Consumer) -> None:
    record = Record(7, topic=UNCHUNKED.topic)
    turns = list(consumer.scheduler.iterate({UNCHUNKED: [record]}))
    assert turns == [(UNCHUNKED, record)]
    message = consumer._to_message(UNCHUNKED, record)
    assert (message.offset, message.value) == (7, b"{}")
    assert UNCHUNKED not in consumer._cursor


def test_a_chunk_is_one_message_at_its_last_record(consumer: Consumer) -> None:
    message = deliver(consumer, 5, 7)
    assert (message.topic, message.partition, message.offset) == (TOPIC, 0, 7)
    assert message.timestamp == 1_370_000_000.0
    assert [record.offset for record in message.value] == [5, 6, 7]
    assert message.tp == T


def test_the_queue_alone_holds_chunks_back(consumer: Consumer) -> None:
    """Faust would stop fetching a partition whose queue is full, and look again after a second."""
    consumer._set_active_tps({T, UNCHUNKED})
    consumer.on_buffer_full(T)
    consumer.on_buffer_full(UNCHUNKED)
    assert consumer._get_active_partitions() == {T}


# -- what is committed --------------------------------------------------------------------------


def test_a_first_chunk_of_one_record_does_not_stop_commits_for_ever(consumer: Consumer) -> None:
    """Faust's own gaps would: an offset of 0 is false, and the next chunk a gap of 99 (#606)."""
    found = []
    for first, last in ((0, 0), (1, 100), (101, 200)):
        consumer.ack(deliver(consumer, first, last))
        found.append(committable(consumer))
    assert found == [1, 101, 201]


def test_gaps_are_kept_for_topics_that_are_not_chunked_alone(run: Run, consumer: Consumer) -> None:
    """Nothing would ever take those of the others away."""

    async def story() -> None:
        await consumer._add_gap(T, 0, 99)
        await consumer._add_gap(UNCHUNKED, 0, 99)
        assert not consumer._gap.get(T)
        assert consumer._gap[UNCHUNKED]

    run(story())


def test_nothing_is_committed_over_a_chunk_in_flight(consumer: Consumer) -> None:
    """Faust's own gaps would lose 50 to 249: acknowledging the third fills the gap before it."""
    consumer._committed_offset[T] = 50
    first, second, third = (deliver(consumer, n, n + 99) for n in (50, 150, 250))
    consumer.ack(third)
    assert committable(consumer) is None
    consumer.ack(first)
    assert committable(consumer) == 150
    consumer.ack(second)
    assert committable(consumer) == 350


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sizes=st.lists(st.integers(1, 50), min_size=1, max_size=12), data=st.data())
def test_the_longest_acknowledged_prefix_is_committed(
    consumer: Consumer, sizes: list[int], data: st.DataObject
) -> None:
    """Whatever the order of acknowledgements and commits, also with gaps left by compaction."""
    consumer._forget([T])
    consumer._committed_offset.pop(T, None)
    chunks, first = [], 0
    for size in sizes:
        first += data.draw(st.integers(0, 3))  # what compaction or a control record has taken
        chunks.append((first + size - 1, deliver(consumer, first, first + size - 1)))
        first += size
    order = data.draw(st.permutations(range(len(chunks))))
    acked: set[int] = set()
    committed = None
    for n in order:
        consumer.ack(chunks[n][1])
        acked.add(n)
        if data.draw(st.booleans()):
            offset = committable(consumer)
            committed = committed if offset is None else offset
            done = next((k for k in range(len(chunks)) if k not in acked), len(chunks))
            assert committed == (chunks[done - 1][0] + 1 if done else None)
    offset = committable(consumer)
    assert (committed if offset is None else offset) == chunks[-1][0] + 1
    assert not consumer._acked[T]
    assert not consumer._acked_index[T]
    assert not consumer._inflight[T]


# -- what is read again -------------------------------------------------------------------------


def test_records_handed_out_already_are_trimmed(run: Run, consumer: Consumer) -> None:
    async def story() -> None:
        assert await fetch(consumer, {T: run_of(0, 4)}) == [[0, 1, 2], [3, 4]]
        assert await fetch(consumer, {T: run_of(2, 6)}) == [[5, 6]]
        assert await fetch(consumer, {T: run_of(3, 6)}) == []
        consumer._thread.fetches.append({T: run_of(3, 6)})
        assert await consumer._getmany({T}, 1.0) == {}
        assert await fetch(consumer, {T: run_of(7, 7), OTHER: run_of(0, 0)}) == [[7], [0]]

    run(story())


def test_a_topic_recreated_under_a_worker_ends_it_for_good(
    run: Run, app: App, consumer: Consumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """aiokafka goes on from its beginning; up to 500 all would be dropped as read already."""
    refused: list[Exception] = []
    monkeypatch.setattr(app, "refuse", refused.append)

    async def story() -> None:
        await consumer.seek(T, 500)
        knows(consumer, 520, 520)
        await fetch(consumer, {T: run_of(480, 519)})
        assert refused == []
        knows(consumer, 0, 20)
        await fetch(consumer, {T: run_of(0, 19)})

    run(story())
    (reason,) = refused
    assert isinstance(reason, TopicMismatch)
    assert "w.predictions partition 0 ends at 20, but 520 records of it" in str(reason)
    assert "start under a new namespace" in str(reason)


def test_after_a_restore_reading_goes_on_where_our_own_state_stands(
    run: Run, app: App, consumer: Consumer
) -> None:
    """Kafka's committed offset is of no account: what is applied, and nothing else, is true."""
    app.applied = {T: 40, OTHER: 0}
    consumer._thread.committed = {T: 70, OTHER: 3}

    async def story() -> None:
        await consumer.perform_seek()
        consumer.resume_flow()
        assert consumer._thread.seeks == [(T, 40), (OTHER, 0)]
        assert await fetch(consumer, {T: run_of(40, 41), OTHER: run_of(0, 0)}) == [[40, 41], [0]]

    run(story())


def test_what_is_fetched_during_a_seek_is_read_again(
    run: Run, app: App, consumer: Consumer
) -> None:
    """The queues are cleared while partitions change hands: what lies there is lost (#596)."""
    app.applied = {T: 5, OTHER: 0}

    async def story() -> None:
        await consumer.perform_seek()
        assert await fetch(consumer, {T: run_of(5, 9)}) == []
        consumer._thread.seeks.clear()
        consumer.resume_flow()
        assert consumer._thread.seeks == [(T, 5)]
        assert await fetch(consumer, {T: run_of(5, 9)}) == [[5, 6, 7], [8, 9]]

    run(story())


def test_a_fetch_from_before_a_seek_is_dropped(run: Run, app: App, consumer: Consumer) -> None:
    """A slow fetch: it began at 100, and while it was under way we went back to 40."""
    app.applied = {T: 40, OTHER: 0}

    async def slow() -> dict[TP, list[Record]]:
        await consumer.perform_seek()
        consumer.resume_flow()
        consumer._thread.seeks.clear()
        return {T: run_of(100, 109)}

    async def story() -> None:
        assert await fetch(consumer, slow) == []
        assert consumer._thread.seeks == [(T, 40)]
        assert await fetch(consumer, {T: run_of(40, 42)}) == [[40, 41, 42]]

    run(story())


def test_chunks_in_flight_before_a_seek_are_never_committed(
    run: Run, app: App, consumer: Consumer
) -> None:
    app.applied = {T: 0, OTHER: 0}

    async def story() -> None:
        old = deliver(consumer, 0, 9)
        await consumer.perform_seek()
        consumer.resume_flow()
        again = deliver(consumer, 0, 4)
        consumer.ack(old)
        assert committable(consumer) is None
        consumer.ack(again)
        assert committable(consumer) == 5

    run(story())


def test_a_seek_of_one_partition_forgets_its_chunks(run: Run, consumer: Consumer) -> None:
    async def story() -> None:
        await fetch(consumer, {T: run_of(0, 2), OTHER: run_of(0, 2)})
        await consumer.seek(T, 1)
        assert consumer._thread.seeks == [(T, 1)]
        assert await fetch(consumer, {T: run_of(0, 2), OTHER: run_of(2, 3)}) == [[1, 2], [3]]

    run(story())


def test_chunks_in_flight_before_a_seek_of_one_partition_are_never_committed(
    run: Run, consumer: Consumer
) -> None:
    async def story() -> None:
        old = deliver(consumer, 0, 9)
        await consumer.seek(T, 5)
        consumer.ack(old)
        assert committable(consumer) is None

    run(story())


def test_a_fetch_from_before_a_seek_of_one_partition_is_dropped(
    run: Run, consumer: Consumer
) -> None:
    async def slow() -> dict[TP, list[Record]]:
        await consumer.seek(T, 40)
        return {T: run_of(100, 109)}

    async def story() -> None:
        assert await fetch(consumer, slow) == []
        assert consumer._thread.seeks == [(T, 40), (T, 40)]

    run(story())


def test_after_a_seek_the_flow_goes_on_and_only_what_is_ours_is_read_again(
    run: Run, consumer: Consumer
) -> None:
    async def story() -> None:
        consumer.stop_flow()
        await consumer.perform_seek()
        assert await fetch(consumer, {T: run_of(0, 4), OTHER: run_of(0, 4)}) == []
        consumer._thread.assigned = {T}
        consumer._thread.seeks.clear()
        consumer.resume_flow()
        assert consumer.flow_active
        assert consumer._thread.seeks == [(T, 0)]

    run(story())


def test_a_fetcher_that_lost_a_partition_reads_all_again(run: Run, consumer: Consumer) -> None:
    """aiokafka raises KeyError while a broker restarts; what it had drained for others is gone."""

    async def story() -> None:
        await fetch(consumer, {T: run_of(0, 4), OTHER: run_of(0, 1)})
        consumer._thread.assigned = {T}
        assert await fetch(consumer, KeyError(OTHER)) == []
        assert consumer._thread.seeks == [(T, 5)]
        assert await fetch(consumer, {T: run_of(5, 6)}) == [[5, 6]]

    run(story())


# -- partitions come and go ---------------------------------------------------------------------


def test_before_partitions_go_all_is_flushed_then_committed(
    run: Run, app: App, consumer: Consumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Faust drops its acknowledgements first, and what they were for is read again (#502)."""
    message = deliver(consumer, 0, 4)
    queue = app.FlowControlQueue(maxsize=QUEUE, clear_on_resume=True)
    app.flow_control.resume()
    queue.put_nowait("a chunk that would be applied after the flush")

    async def release() -> None:
        app.calls.append("release")
        assert not app.flow_control.is_active()
        assert queue.empty()
        consumer.ack(message)

    async def revoked(self: Any, partitions: set[TP]) -> None:
        app.calls.append(f"faust after {consumer._thread.commits}")

    monkeypatch.setattr(app, "release", release)
    monkeypatch.setattr(base.Consumer, "on_partitions_revoked", revoked)
    monkeypatch.setattr(app, "_producer", SimpleNamespace(flush=nothing))

    async def story() -> None:
        await consumer.on_partitions_revoked({T})
        assert app.calls == ["release", f"faust after {[{T: 5}]}"]
        assert not consumer.flow_active
        assert not consumer._inflight
        assert not consumer._cursor

    run(story())


def test_a_seek_while_partitions_change_hands_takes_none_of_them(
    run: Run, app: App, consumer: Consumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Faust's fetcher seeks when it finds the flow stopped: to own what was just released, and is
    still seen as assigned, would fence the next owner."""

    async def nothing_more(self: Any, *_: Any) -> None:
        pass

    monkeypatch.setattr(base.Consumer, "on_partitions_revoked", nothing_more)
    monkeypatch.setattr(base.Consumer, "on_partitions_assigned", nothing_more)
    monkeypatch.setattr(app, "_producer", SimpleNamespace(flush=nothing))

    async def story() -> None:
        await consumer.on_partitions_revoked({T, OTHER})
        await consumer.perform_seek()
        assert app.calls == ["release"]
        assert await fetch(consumer, {T: run_of(0, 4)}) == []
        await consumer.on_partitions_assigned({T}, 2)
        consumer._thread.assigned = {T}
        await consumer.perform_seek()
        assert app.calls == ["release", "positions"]
        consumer.resume_flow()
        assert await fetch(consumer, {T: run_of(0, 1)}) == [[0, 1]]

    run(story())


async def nothing(*_: Any, **__: Any) -> None:
    pass


def test_a_stop_flushes_before_it_waits_for_what_streams_have_taken(
    run: Run, app: App, consumer: Consumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a flush acknowledges it, and the next one may be put off for long."""
    message = deliver(consumer, 0, 4)
    consumer.track_message(message)
    assert not message.acked

    async def release() -> None:
        app.calls.append("release")
        message.ack(consumer)

    async def stop_fetcher() -> None:
        app.calls.append("no more comes")

    monkeypatch.setattr(app, "release", release)
    monkeypatch.setattr(app, "_stop_fetcher", stop_fetcher)
    monkeypatch.setattr(app, "_producer", SimpleNamespace(flush=nothing))
    monkeypatch.setattr(app.tables, "stop", nothing)
    monkeypatch.setattr(app.tables, "on_partitions_revoked", lambda revoked: None)

    async def story() -> None:
        await asyncio.wait_for(app._stop_consumer(), 5)
        assert app.calls == ["no more comes", "release"]
        assert consumer._thread.commits == [{T: 5}]

    run(story())


@pytest.mark.parametrize("member", [None, "one"])
def test_a_worker_that_stops_leaves_its_group(
    run: Run, member: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A static member would not: its partitions would wait for its session to expire."""
    left = []

    class Kafka:
        def __init__(self) -> None:
            self._coordinator = SimpleNamespace(_group_instance_id=member)

        async def stop(self) -> None:
            left.append(self._coordinator._group_instance_id is None)

    monkeypatch.setattr(base.ConsumerThread, "on_thread_stop", nothing, raising=False)
    thread = object.__new__(driver.ConsumerThread)
    thread._consumer = Kafka()
    run(thread.on_thread_stop())
    assert left == [True]


# -- caught up ----------------------------------------------------------------------------------


def knows(consumer: Consumer, position: int | None, end: int | None, ago_ms: int = 0) -> None:
    """aiokafka stands at a position of partition 0, and was told its end some time ago."""
    consumer._thread.ends[aiokafka.TopicPartition(*T)] = SimpleNamespace(
        highwater=end,
        has_valid_position=position is not None,
        position=position,
        timestamp=int(time.time() * 1000) - ago_ms,
    )


def caught_up(
    consumer: Consumer, position: int | None, end: int | None, applied: int, cursor: int = 0
) -> bool:
    knows(consumer, position, end)
    consumer._cursor[T] = cursor
    return consumer.caught_up(T, applied)


def test_a_partition_is_idle_only_when_all_that_there_is_has_been_applied(
    consumer: Consumer,
) -> None:
    assert caught_up(consumer, position=10, end=10, applied=9, cursor=10)
    assert not caught_up(consumer, position=10, end=11, applied=9, cursor=10)
    assert not caught_up(consumer, position=10, end=10, applied=6, cursor=10)
    assert not caught_up(consumer, position=None, end=10, applied=9, cursor=10)
    assert not caught_up(consumer, position=10, end=None, applied=9, cursor=10)


def test_markers_of_transactions_at_the_end_do_not_keep_it_from_idling(consumer: Consumer) -> None:
    """Offsets 10 and 11 are a commit's: no record is there to apply."""
    assert caught_up(consumer, position=12, end=12, applied=9, cursor=10)


def test_an_empty_partition_is_idle(consumer: Consumer) -> None:
    assert caught_up(consumer, position=0, end=0, applied=-1, cursor=0)


def test_what_the_broker_said_before_an_outage_says_nothing_of_now(consumer: Consumer) -> None:
    knows(consumer, position=10, end=10, ago_ms=4_000)
    assert consumer.caught_up(T, 9)
    assert consumer.lag(T, 7) is not None
    knows(consumer, position=10, end=10, ago_ms=6_000)
    assert not consumer.caught_up(T, 9)
    assert consumer.lag(T, 7) is None


# -- the settings that the promises rest on -----------------------------------------------------


@pytest.fixture(params=[None, "one"])
def member(request: pytest.FixtureRequest) -> str | None:
    """The name of a supervised worker in its group; others have none."""
    name: str | None = request.param
    return name


@pytest.fixture
def built(run: Run, monkeypatch: pytest.MonkeyPatch) -> WatchkeeperApp:
    return make(monkeypatch)


def make(monkeypatch: pytest.MonkeyPatch, member: str | None = None) -> WatchkeeperApp:
    monkeypatch.setattr(Consumer, "_new_consumer_thread", lambda self: Thread())
    config = Config(
        namespace="w",
        kafka=KafkaSpec(bootstrap="none:1", partitions=2),
        models=(ModelSpec(id="m"),),
    )
    return build(config, [Monitored(config.models[0], None)], lambda n: DictStore(), member=member)


def test_the_consumer_reads_what_is_committed_from_the_start(
    run: Run, member: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = make(monkeypatch, member)
    made: dict[str, Any] = {}
    monkeypatch.setattr(driver.aiokafka, "AIOKafkaConsumer", made.update)
    monkeypatch.setattr(driver.ConsumerThread, "app", built, raising=False)
    thread = object.__new__(driver.ConsumerThread)
    thread._create_worker_consumer(built.transport)
    assert made["isolation_level"] == "read_committed"
    assert made["auto_offset_reset"] == "earliest"
    assert made["enable_auto_commit"] is False
    assert made["bootstrap_servers"] == ["none:1"]
    assert made["request_timeout_ms"] == 60_000
    assert made["group_instance_id"] == member
    (assignor,) = made["partition_assignment_strategy"]
    assert assignor.name == "watchkeeper-units"


def test_a_restore_may_take_longer_than_a_request(built: WatchkeeperApp) -> None:
    """Faust gives `perform_seek` up after this time, in silence, and never reads again."""
    assert built.conf.broker_request_timeout >= 3600


def test_a_queue_holds_no_more_than_a_few_chunks(built: WatchkeeperApp, run: Run) -> None:
    """Faust's default is 4,096 of them: all of a backlog would lie in memory."""

    async def story() -> None:
        built.finalize()
        queues = [agent.stream().channel.queue for agent in built.agents.values()]
        assert {queue.maxsize for queue in queues} == {QUEUE}

    run(story())


def test_a_chunk_from_before_a_seek_is_let_go(built: WatchkeeperApp, run: Run) -> None:
    """It waited to get into a full queue: applied out of order, it would hide those before it."""
    seen = []

    async def process(topic: str, partition: int, chunk: Any, event: Any) -> None:
        seen.append([r.offset for r in chunk])
        event.ack()

    built.runner.process = process  # type: ignore[method-assign]
    agent = built.agents["watchkeeper.w.labels"]
    tp = TP("w.labels", 1)

    async def story() -> None:
        built.finalize()
        built.flow_control.resume()
        consumer = built.consumer
        async with agent.test_context() as testing:
            for first in (10, 20):
                stale = Chunk(run_of(first, first + 2))
                consumer._to_message(tp, stale)
                if first == 10:
                    consumer._forget([tp])
                await testing.put(stale, partition=1, wait=False)
            for _ in range(100):
                if seen:
                    break
                await asyncio.sleep(0.01)

    run(story())
    assert seen == [[20, 21, 22]]


def test_an_agent_hands_whole_chunks_to_the_runner(built: WatchkeeperApp, run: Run) -> None:
    """Undecoded, with topic and partition, and unacknowledged: that is done after the flush."""
    seen = []

    async def process(topic: str, partition: int, chunk: Any, event: Any) -> None:
        seen.append((topic, partition, [r.offset for r in chunk], event.acked))

    built.runner.process = process  # type: ignore[method-assign]
    agent = built.agents["watchkeeper.w.labels"]

    async def story() -> None:
        built.finalize()
        built.flow_control.resume()
        async with agent.test_context() as testing:
            await testing.put(Chunk(run_of(10, 12)), partition=1, wait=False)
            for _ in range(100):
                if seen:
                    break
                await asyncio.sleep(0.01)

    run(story())
    assert seen == [("w.labels", 1, [10, 11, 12], False)]
    assert sorted(built.agents) == [
        f"watchkeeper.w.{topic}"
        for topic in (
            "approvals",
            "drift-events",
            "labels",
            "panes",
            "predictions",
            "rekeyed",
            "reviews",
        )
    ]
