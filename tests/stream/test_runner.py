"""The runner on a real Kafka: own, apply, flush, lose and own again, a stage that only adds."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import IllegalOperation, ProducerFenced
from aiokafka.producer.message_accumulator import BatchBuilder
from faust.types import TP

from monitor.errors import BrokerError, Fenced, StaleCache, TopicMismatch
from monitor.panes.flush import Flush, LogRecord, Output, Record
from monitor.stream import runner as module
from monitor.stream.broker import EmbeddedKafka
from monitor.stream.owner import RECORD_BYTES, Owner
from monitor.stream.runner import Runner
from monitor.stream.stages import Stage
from monitor.stream.tables import OFFSETS_KEY, Applied
from tests.observe.stream import Rec
from tests.stream import topics

PARTITIONS = 2


class Sum:
    """Adds numbers up, in a row; publishes each sum, and logs each number."""

    made: int = 0

    def __init__(self, partition: int) -> None:
        Sum.made += 1
        self.partition = partition
        self.total = 0
        self.logged: list[bytes] = []
        self.discarded = self.closed = False
        self.log_offsets: list[int | None] = []
        self.urgent = False
        self.heard_ms: list[int] = []
        self._flush = Flush()

    def heard(self, append_ms: int) -> None:
        self.heard_ms.append(append_ms)

    #: Where the log stands that a worker of before has left behind, and whether it is another's.
    held: int | None = None
    stale: bool = False

    @property
    def log_from(self) -> int | None:
        return Sum.held

    def discard(self) -> None:
        self.discarded = True
        self.logged = []

    def replay(self, records: Sequence[LogRecord]) -> None:
        if Sum.stale and not self.discarded:
            raise StaleCache("another's")
        self.logged += [value for _, value in records]

    def committed(self, log_offset: int | None) -> None:
        self.log_offsets.append(log_offset)

    def close(self) -> None:
        self.closed = True

    def restore(self, rows: Mapping[bytes, bytes]) -> None:
        assert OFFSETS_KEY not in rows
        self.total = int(rows.get(b"total", b"0"))

    def apply(self, topic: str, records: Sequence[Record]) -> None:
        for record in records:
            if record.value == b"bug":
                raise ZeroDivisionError("a bug of ours")
            self.total += int(record.value or b"0")
            self.logged.append(record.value or b"")
            self._flush.log.append(record.value or b"")
            self._flush.outputs.append(Output("sums", b"k", b"%d" % self.total, self.partition))

    def drain(self, offsets: Mapping[str, int], heartbeat: bool, idle: tuple[str, ...]) -> Flush:
        flush, self._flush = self._flush, Flush()
        flush.rows[b"total"] = b"%d" % self.total
        if heartbeat:
            flush.outputs.append(Output("beats", b"k", ",".join(idle).encode(), self.partition))
        self.urgent = False
        return flush


class Ended(Exception):
    """The worker has ended, with this exit code."""


STAGE = Stage("sum", ("numbers", "more"), "sum-state", "sum-log", True, Sum)


@dataclass
class Event:
    """What Faust would hand over with a chunk."""

    acked: bool = False

    def ack(self) -> None:
        self.acked = True


@dataclass
class Bench:
    """A namespace of topics on the broker, and runners as different workers would have them."""

    address: str
    namespace: str
    producers: list[AIOKafkaProducer] = field(default_factory=list)

    def runner(self, partitions: int = PARTITIONS) -> Runner:
        made = Runner([STAGE], self.namespace, partitions, {"bootstrap_servers": self.address})
        make = made._producer

        def producer(stage: str, partition: int) -> AIOKafkaProducer:
            self.producers.append(make(stage, partition))
            return self.producers[-1]

        made._producer = producer  # type: ignore[method-assign]
        return made

    def topic(self, name: str) -> str:
        return f"{self.namespace}.{name}"

    def tps(self, *numbers: int) -> set[TP]:
        return {TP(self.topic(t), n) for t in STAGE.topics for n in numbers}

    async def own(self, *numbers: int, runner: Runner | None = None) -> Runner:
        """A worker that owns partitions."""
        runner = runner or self.runner()
        await runner.positions(self.tps(*numbers))
        return runner

    async def produce(self, *numbers: int, topic: str = "numbers", partition: int = 0) -> None:
        name = self.topic(topic)
        await topics.send(self.address, [(name, partition, None, b"%d" % n) for n in numbers])

    async def apply(
        self, runner: Runner, *numbers: int, first: int = 0, partition: int = 0
    ) -> Event:
        """Hand a chunk of `numbers` to a worker."""
        event = Event()
        chunk = [Rec(first + n, 0, b"%d" % number) for n, number in enumerate(numbers)]
        await runner.process(self.topic("numbers"), partition, chunk, event)
        return event

    async def published(self, topic: str) -> list[Any]:
        """What has been sent to a topic, and committed."""
        found = await topics.committed(self.address, self.topic(topic), PARTITIONS)
        return [value for _, _, value in found]

    async def sums(self) -> list[int]:
        """Every sum that has been published."""
        return [int(value) for value in await self.published("sums")]


Story = Callable[[Callable[[Bench], Coroutine[Any, Any, None]]], None]


@pytest.fixture
def play(kafka: EmbeddedKafka, namespace: str, monkeypatch: pytest.MonkeyPatch) -> Story:
    """Plays a story with a bench; a worker that ends itself raises Ended instead."""

    def end(code: int) -> None:
        raise Ended(code)

    monkeypatch.setattr(module.os, "_exit", end)

    @asynccontextmanager
    async def bench() -> AsyncIterator[Bench]:
        names = [*STAGE.topics, "sum-state", "sum-log", "sums", "beats"]
        made = Bench(kafka.address, namespace)
        await topics.make(kafka.address, {made.topic(t): PARTITIONS for t in names})
        try:
            yield made
        finally:
            for producer in made.producers:
                await topics.close(producer)

    def run(story: Callable[[Bench], Coroutine[Any, Any, None]]) -> None:
        async def within() -> None:
            async with bench() as made:
                await asyncio.wait_for(story(made), 60)

        asyncio.run(within())

    return run


def only(runner: Runner) -> tuple[Owner, Sum]:
    (owner,) = runner.owners.values()
    assert isinstance(owner.logic, Sum)
    return owner, owner.logic


# -- once, whatever happens ---------------------------------------------------------------------


def test_what_was_flushed_is_taken_up_by_the_next_owner(play: Story) -> None:
    async def story(bench: Bench) -> None:
        await bench.produce(1, 2, 3, 4)
        first = await bench.own(0)
        event = await bench.apply(first, 1, 2, 3)
        assert not event.acked
        await first.release()
        assert event.acked
        assert await bench.sums() == [1, 3, 6]

        second = bench.runner()
        positions = await second.positions(bench.tps(0))
        assert positions == {TP(bench.topic("numbers"), 0): 3, TP(bench.topic("more"), 0): 0}
        assert only(second)[1].total == 6
        assert only(second)[1].logged == [b"1", b"2", b"3"]

    play(story)


def test_what_was_not_flushed_is_read_again(play: Story) -> None:
    async def story(bench: Bench) -> None:
        await bench.produce(1, 2, 3, 4)
        first = await bench.own(0)
        await bench.apply(first, 1, 2)
        await only(first)[0].flush()
        killed = await bench.apply(first, 3, 4, first=2)

        second = bench.runner()
        positions = await second.positions(bench.tps(0))
        assert positions[TP(bench.topic("numbers"), 0)] == 2
        await bench.apply(second, 3, 4, first=2)
        await only(second)[0].flush()
        assert not killed.acked
        assert await bench.sums() == [1, 3, 6, 10]

    play(story)


def test_records_handed_out_twice_are_applied_once(play: Story) -> None:
    async def story(bench: Bench) -> None:
        await bench.produce(1, 2, 3, 4)
        runner = await bench.own(0)
        await bench.apply(runner, 1, 2, 3)
        event = await bench.apply(runner, 2, 3, 4, first=1)
        again = await bench.apply(runner, 1, first=0)
        await only(runner)[0].flush()
        assert only(runner)[1].total == 10
        assert event.acked
        assert again.acked

    play(story)


def test_a_second_owner_fences_the_first(play: Story) -> None:
    """Paused, and woken after its successor has caught up: nothing of it lands."""

    async def story(bench: Bench) -> None:
        await bench.produce(1, 2)
        zombie = await bench.own(0)
        event = await bench.apply(zombie, 1, 2)
        heir = await bench.own(0)
        await bench.apply(heir, 1, 2)
        await only(heir)[0].flush()
        with pytest.raises(Fenced, match="another worker has taken it over"):
            await only(zombie)[0].flush()
        assert not event.acked
        assert await bench.sums() == [1, 3]
        # The heir goes on as if nothing had been.
        await bench.apply(heir, 4, first=2)
        await only(heir)[0].flush()
        assert await bench.sums() == [1, 3, 7]

    play(story)


def test_an_owner_fenced_within_its_transaction_leaves_nothing(
    play: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between enqueue and delivery: the moment that loses data without transactions."""

    async def story(bench: Bench) -> None:
        await bench.produce(1, 2)
        zombie = await bench.own(0)
        await bench.apply(zombie, 1, 2)
        producer = only(zombie)[0].producer
        commit = producer.commit_transaction
        heirs = []

        async def paused() -> None:
            await producer.flush()
            heirs.append(await bench.own(0))
            await commit()

        monkeypatch.setattr(producer, "commit_transaction", paused)
        with pytest.raises(Fenced):
            await only(zombie)[0].flush()
        assert await bench.sums() == []
        assert only(heirs[0])[1].total == 0

    play(story)


def test_a_worker_that_is_fenced_ends(play: Story, capfd: pytest.CaptureFixture[str]) -> None:
    async def story(bench: Bench) -> None:
        await bench.produce(1)
        zombie = await bench.own(0)
        await bench.apply(zombie, 1)
        await bench.own(0)
        with pytest.raises(Ended) as ended:
            await zombie.release()
        assert ended.value.args[0] == module.EXIT_FAILED

    play(story)
    assert "watchkeeper: sum 0: another worker has taken it over" in capfd.readouterr().err


# -- the log, and a cache of it ------------------------------------------------------------------


def test_the_log_is_replayed_from_where_the_cache_stands(
    play: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(bench: Bench) -> None:
        await bench.produce(1, 2, 3, 4)
        first = await bench.own(0)
        await bench.apply(first, 1, 2, 3)
        await only(first)[0].flush()
        offset = only(first)[1].log_offsets[0]
        assert offset == 2
        logic = only(first)[1]
        await first.release()
        assert logic.closed
        for held, stale, logged in (
            (offset, False, [b"3"]),  # the last that is held comes again, to be compared
            (offset, True, [b"1", b"2", b"3"]),
            (offset + 5, False, [b"1", b"2", b"3"]),  # it never got so far
            (None, False, [b"1", b"2", b"3"]),
        ):
            monkeypatch.setattr(Sum, "held", held)
            monkeypatch.setattr(Sum, "stale", stale)
            again = await bench.own(0)
            assert only(again)[1].logged == logged
            assert only(again)[1].discarded == (len(logged) == 3)
            await again.release()

    play(story)


def test_a_log_that_was_emptied_under_our_state_is_refused(
    play: Story, capfd: pytest.CaptureFixture[str]
) -> None:
    """Else what waited for a label would be forgotten without a word."""

    async def story(bench: Bench) -> None:
        await bench.produce(1, 2, 3)
        runner = await bench.own(0)
        await bench.apply(runner, 1, 2)
        await only(runner)[0].flush()
        await bench.apply(runner, 3, first=2)
        await runner.release()
        await topics.remake(bench.address, bench.topic("sum-log"), PARTITIONS)
        with pytest.raises(Ended) as ended:
            await bench.own(0)
        assert ended.value.args[0] == module.EXIT_CONFIGURATION

    play(story)
    assert "sum-log partition 0 ends at 0, but our state was made when it" in capfd.readouterr().err


# -- partitions come and go ---------------------------------------------------------------------


def test_partitions_are_owned_apart(play: Story) -> None:
    async def story(bench: Bench) -> None:
        await bench.produce(1)
        await bench.produce(5, partition=1)
        runner = await bench.own(0, 1)
        await bench.apply(runner, 1)
        await bench.apply(runner, 5, partition=1)
        await runner.release()
        again = await bench.own(0, 1)
        totals = {unit: owner.logic.total for unit, owner in again.owners.items()}  # type: ignore[attr-defined]
        assert totals == {("sum", 0): 1, ("sum", 1): 5}

    play(story)


def test_what_is_owned_already_is_not_restored_again(play: Story) -> None:
    async def story(bench: Bench) -> None:
        await bench.produce(1, 2)
        runner = await bench.own(0)
        await bench.apply(runner, 1)
        positions = await runner.positions(bench.tps(0, 1))
        assert positions[TP(bench.topic("numbers"), 0)] == 1
        assert runner.owners["sum", 0].logic.total == 1  # type: ignore[attr-defined]
        assert len(runner.owners) == 2

    play(story)


def test_two_questions_at_once_restore_once(play: Story) -> None:
    """Faust's fetcher asks while its recovery does: a second restore would fence the first."""

    async def story(bench: Bench) -> None:
        await bench.produce(1)
        made = Sum.made
        runner = bench.runner()
        await asyncio.gather(*(runner.positions(bench.tps(0)) for _ in range(3)))
        assert Sum.made == made + 1
        event = await bench.apply(runner, 1)
        await only(runner)[0].flush()
        assert event.acked

    play(story)


def test_what_is_revoked_while_it_is_restored_is_not_owned(play: Story) -> None:
    async def story(bench: Bench) -> None:
        runner = bench.runner()
        question = asyncio.ensure_future(runner.positions(bench.tps(0, 1)))
        while not runner._one_at_a_time.locked():
            await asyncio.sleep(0)
        await runner.release()
        assert await question == {}
        assert runner.owners == {}

    play(story)


def test_a_chunk_of_a_partition_that_is_gone_is_let_go(play: Story) -> None:
    """Our own offsets decide what its next owner reads."""

    async def story(bench: Bench) -> None:
        await bench.produce(1)
        runner = await bench.own(0)
        await runner.release()
        event = await bench.apply(runner, 1)
        assert event.acked
        assert await bench.sums() == []

    play(story)


def test_a_released_partition_is_not_flushed_again(play: Story) -> None:
    async def story(bench: Bench) -> None:
        runner = await bench.own(0)
        owner, _ = only(runner)
        await runner.release()
        await owner.flush(heartbeat=True)
        assert await bench.published("beats") == []

    play(story)


# -- topics that are no longer what they were ---------------------------------------------------


def test_a_topic_recreated_is_refused(play: Story) -> None:
    """Its records are gone, and ours are true of them: reading on would count a part twice."""

    async def story(bench: Bench) -> None:
        await bench.produce(1, 2, 3)
        first = await bench.own(0)
        await bench.apply(first, 1, 2, 3)
        await first.release()
        await topics.remake(bench.address, bench.topic("numbers"), PARTITIONS)
        await bench.produce(7, 8)
        with pytest.raises(TopicMismatch, match=r"ends at 2, but 3 records.*new namespace"):
            await bench.runner()._positions(bench.tps(0))

    play(story)


def test_a_configuration_error_ends_the_worker_for_good(play: Story) -> None:
    """Exit 2: its supervisor does not start it again."""

    async def story(bench: Bench) -> None:
        await bench.produce(1)
        first = await bench.own(0)
        await bench.apply(first, 1)
        await first.release()
        with pytest.raises(Ended) as ended:
            await bench.runner(partitions=5).positions(bench.tps(0))
        assert ended.value.args[0] == module.EXIT_CONFIGURATION

    play(story)


def test_records_that_expired_unread_are_told_and_passed_over(
    play: Story, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(bench: Bench) -> None:
        await bench.produce(1, 2, 3, 4, 5)
        first = await bench.own(0)
        await bench.apply(first, 1)
        await first.release()
        await topics.shorten(bench.address, bench.topic("numbers"), 0, 4)
        positions = await bench.runner().positions(bench.tps(0))
        assert positions[TP(bench.topic("numbers"), 0)] == 4

    play(story)
    assert "offsets 1 to 3 expired unread" in caplog.text


# -- flushes ------------------------------------------------------------------------------------


def test_a_flush_of_nothing_writes_nothing(play: Story) -> None:
    async def story(bench: Bench) -> None:
        runner = await bench.own(0)
        await only(runner)[0].flush()
        assert await bench.published("sum-state") == []

    play(story)


def test_a_flush_that_the_broker_refuses_is_an_error_and_acknowledges_nothing(play: Story) -> None:
    async def story(bench: Bench) -> None:
        await bench.produce(1)
        runner = await bench.own(0)
        event = await bench.apply(runner, 1)
        owner, logic = only(runner)
        logic._flush.outputs.append(Output("sums", b"k", b"1" * 1_100_000, 0))
        with pytest.raises(BrokerError, match="sum 0: a flush failed"):
            await owner.flush()
        assert not event.acked
        await bench.own(0)  # ends what the flush has left open
        assert await bench.sums() == []

    play(story)


@pytest.mark.parametrize(
    ("delivery", "expected"), [(ProducerFenced(), Fenced), (None, BrokerError)]
)
def test_a_producer_that_refuses_tells_why_by_what_it_did_not_deliver(
    delivery: Exception | None, expected: type[Exception]
) -> None:
    """aiokafka: the first delivery fails as fenced, and the next record "is in no transaction"."""

    class Producer:
        async def begin_transaction(self) -> None:
            self.first = asyncio.get_running_loop().create_future()

        def create_batch(self) -> BatchBuilder:
            return BatchBuilder(1 << 20, 0)

        async def send_batch(self, *_: Any, **__: Any) -> Any:
            if self.first.done():
                raise IllegalOperation("Can't send messages while not in transaction")
            if delivery is None:
                self.first.set_result(SimpleNamespace(timestamp=1))
            else:
                self.first.set_exception(delivery)
            return self.first

        send = send_batch

    async def story() -> None:
        owner = Owner(STAGE, 0, Sum(0), Applied(1, {}), Producer(), "n")
        event = Event()
        owner.apply("numbers", [Rec(0, 0, b"1")], event)
        with pytest.raises(expected):
            await owner.flush()
        assert not event.acked

    asyncio.run(story())


def test_a_bug_of_ours_ends_the_worker_and_acknowledges_nothing(play: Story) -> None:
    async def story(bench: Bench) -> None:
        runner = await bench.own(0)
        event = Event()
        with pytest.raises(Ended) as ended:
            await runner.process(bench.topic("numbers"), 0, [Rec(0, 0, b"bug")], event)
        assert ended.value.args[0] == module.EXIT_FAILED
        assert not event.acked

    play(story)


@pytest.mark.parametrize("size", [1, 5, 10])
def test_bytes_that_wait_for_a_flush_are_bounded_however_they_are_cut(
    play: Story, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """A live stream comes in chunks of a few records, and none of them is a reason to wait."""
    monkeypatch.setattr(module, "PENDING_BYTES", 20 * (RECORD_BYTES + 1))

    async def story(bench: Bench) -> None:
        await bench.produce(*[1] * 20)
        runner = await bench.own(0)
        flushed = []
        for first in range(0, 20, size):
            event = await bench.apply(runner, *[1] * size, first=first)
            flushed.append(event.acked)
        assert flushed == [*[False] * (20 // size - 1), True]
        assert (only(runner)[0].pending, only(runner)[0].held) == ([], 0)

    play(story)


def test_a_great_record_waits_for_a_flush_by_its_bytes(
    play: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PENDING_BYTES", RECORD_BYTES + 1000)

    async def story(bench: Bench) -> None:
        await bench.produce(1, 1)
        runner = await bench.own(0)
        sizes = {}
        for first, length in enumerate((999, 1000)):
            event = Event()
            record = Rec(first, 0, b"1".zfill(length))
            await runner.process(bench.topic("numbers"), 0, [record], event)
            sizes[length] = event.acked
            await only(runner)[0].flush()
        assert sizes == {999: False, 1000: True}

    play(story)


def test_what_is_due_is_flushed_while_the_worker_lives(play: Story) -> None:
    """A heartbeat at once, naming what is idle; what has changed within a second or so."""

    async def story(bench: Bench) -> None:
        await bench.produce(1)
        runner = await bench.own(0)
        task = asyncio.ensure_future(runner.flush_forever(lambda owner: ("numbers",)))
        event = await bench.apply(runner, 1)
        for _ in range(100):
            await asyncio.sleep(0.05)
            if event.acked:
                break
        task.cancel()
        assert event.acked
        assert await bench.published("beats") == [b"numbers"]

    play(story)


def test_an_owner_waits_for_no_flush_of_another() -> None:
    """One that lasts as long as its broker is away; nor is that one begun again meanwhile."""

    class Producer:
        def __init__(self) -> None:
            self.answers = asyncio.Event()
            self.begun = 0

        async def begin_transaction(self) -> None:
            self.begun += 1

        def create_batch(self) -> BatchBuilder:
            return BatchBuilder(1 << 20, 0)

        async def send_batch(self, *_: Any, **__: Any) -> Any:
            sent = asyncio.get_running_loop().create_future()
            sent.set_result(SimpleNamespace(timestamp=1, offset=0))
            return sent

        send = send_batch

        async def commit_transaction(self) -> None:
            await self.answers.wait()

    async def story() -> None:
        silent, other = Producer(), Producer()
        other.answers.set()
        runner = Runner([STAGE], "n", 2, {})
        for n, producer in enumerate((silent, other)):
            runner.owners["sum", n] = Owner(STAGE, n, Sum(n), Applied(1, {}), producer, "n")
        task = asyncio.ensure_future(runner.flush_forever(lambda owner: ()))
        events = [Event() for _ in range(4)]
        for n, event in enumerate(events):
            partition = int(n > 0)
            await runner.process("n.numbers", partition, [Rec(n, 0, b"1")], event)
            if partition:
                runner.owners["sum", 1].logic.urgent = True  # type: ignore[attr-defined]
                for _ in range(100):
                    await asyncio.sleep(0.01)
        assert [event.acked for event in events] == [False, True, True, True]
        assert silent.begun == 1
        silent.answers.set()
        for _ in range(10):
            await asyncio.sleep(0)
        assert events[0].acked
        task.cancel()

    asyncio.run(story())


def test_what_puts_the_next_flush_off_is_work_and_no_waiting(
    play: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flush that waited for a broker says nothing of what the next will take."""

    async def story(bench: Bench) -> None:
        await bench.produce(1, 2)
        runner = await bench.own(0)
        owner, logic = only(runner)
        commit, drain = owner.producer.commit_transaction, logic.drain

        async def late() -> None:
            await asyncio.sleep(1.0)
            await commit()

        def busy(*given: Any) -> Flush:
            end = time.thread_time() + 0.3
            while time.thread_time() < end:
                pass
            return drain(*given)

        monkeypatch.setattr(owner.producer, "commit_transaction", late)
        await bench.apply(runner, 1)
        await owner.flush()
        assert owner.report.seconds >= 1.0
        assert owner.work < 0.2
        monkeypatch.setattr(logic, "drain", busy)
        await bench.apply(runner, 2, first=1)
        await owner.flush()
        assert 0.3 <= owner.work < 0.5

    play(story)


def test_what_a_flush_writes_goes_to_the_broker_in_few_requests(
    play: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each waits for the answer to the one before: a flush would last as long as all of them."""

    async def story(bench: Bench) -> None:
        await bench.produce(1)
        runner = await bench.own(0)
        owner, logic = only(runner)
        requests: list[str] = []
        send = owner.producer.client.send

        async def noted(node: Any, request: Any, **how: Any) -> Any:
            requests.append(type(request).__name__)
            return await send(node, request, **how)

        monkeypatch.setattr(owner.producer.client, "send", noted)
        await bench.apply(runner, 1)
        logic._flush.rows |= {b"row %d" % n: bytes(4000) for n in range(250)}
        await owner.flush()
        produced = [name for name in requests if name.startswith("Produce")]
        # A megabyte of rows in two or three batches; the log and the sums go along with one.
        assert 2 <= len(produced) <= 5, requests
        assert len(await bench.published("sum-state")) == 252

    play(story)


def test_flushes_of_a_stage_together_take_a_fifth_of_the_time() -> None:
    """What evaluate has to tell does not wait for the work that observe has.

    Those for which nobody waits take a twentieth, what the client does for each included.
    """
    light = replace(STAGE, name="light", topics=("light",))
    runner = Runner([STAGE, light], "n", 2, {})
    assert runner._rests() == {"sum": (0.0, 0.0), "light": (0.0, 0.0)}
    for stage, n, work in (("sum", 0, 0.1), ("sum", 1, 0.3), ("light", 0, 0.01)):
        runner.owners[stage, n] = SimpleNamespace(work=work)  # type: ignore[assignment]
    of_each = module.TRANSACTION_S / 0.05
    found = runner._rests()
    assert found["sum"] == pytest.approx((2.0, 8.0 + 2 * of_each))
    assert found["light"] == pytest.approx((0.05, 0.2 + of_each))


@pytest.mark.parametrize(
    ("since", "least", "durable", "urgent", "pending", "held", "beat", "due"),
    [
        (1.1, 0.5, 9.0, False, 3, module.PENDING_BYTES // 2, 0.0, True),  # before it is too much
        (1.1, 1.5, 9.0, False, 3, module.PENDING_BYTES // 2, 0.0, False),
        (0.3, 0.0, 0.0, True, 0, 0, 0.0, True),
        (0.1, 0.0, 0.0, True, 0, 0, 0.0, False),  # boundaries that follow closely share a flush
        (0.3, 0.0, 0.0, False, 3, 0, 0.0, False),
        (1.1, 0.0, 0.0, False, 3, 0, 0.0, True),
        (1.1, 0.0, 0.0, False, 0, 0, 0.0, False),
        (2.4, 2.5, 9.0, True, 3, 0, 9.0, False),
        (2.6, 2.5, 9.0, True, 3, 0, 9.0, True),
        (2.4, 0.5, 2.5, True, 3, 0, 0.0, True),  # somebody waits
        (2.4, 0.5, 2.5, False, 3, 0, 0.0, False),
        (2.6, 0.5, 2.5, False, 3, 0, 0.0, True),
        (5.2, 0.5, 9.0, False, 3, 0, 5.2, True),  # a heartbeat makes all durable
        (4.0, 0.0, 0.0, False, 0, 0, 4.9, False),
        (4.0, 0.0, 0.0, False, 0, 0, 5.1, True),
    ],
)
def test_when_a_flush_is_due(
    since: float,
    least: float,
    durable: float,
    urgent: bool,
    pending: int,
    held: int,
    beat: float,
    due: bool,
) -> None:
    now = 1000.0
    owner: Any = SimpleNamespace(
        flushed_at=now - since,
        logic=SimpleNamespace(urgent=urgent),
        pending=[None] * pending,
        held=held,
        stage=STAGE,
        heartbeat_at=now - beat,
    )
    assert module._due(owner, now, least, durable) is due
