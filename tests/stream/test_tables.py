"""Our tables on a real Kafka: what was committed is restored, and nothing else."""

import asyncio
from collections.abc import Sequence

import pytest
from aiokafka import TopicPartition

from monitor.errors import TopicMismatch
from monitor.panes.flush import LogRecord
from monitor.stream import tables
from monitor.stream.broker import EmbeddedKafka
from monitor.stream.tables import OFFSETS_KEY, Applied, Restored, StateReader, encode_applied
from tests.stream import topics


class Taken:
    """A log that takes everything, perhaps not from its start, perhaps twice."""

    def __init__(self, start: int | None = None, again: bool = False) -> None:
        self.start = start
        self.again = again
        self.log: list[bytes] = []
        self.begun: tuple[int, int] | None = None

    def begin(self, first: int, end: int) -> int:
        self.begun = first, end
        return first if self.start is None else self.start

    def take(self, records: Sequence[LogRecord]) -> int | None:
        if self.again:
            assert self.begun
            self.again = False
            return self.begun[0]
        self.log += [value for _, value in records]
        return None


def restore(
    kafka: EmbeddedKafka,
    table: str,
    log: str,
    *partitions: int,
    start: int | None = None,
    again: bool = False,
) -> tuple[list[Restored], list[Taken]]:
    """The tables and the logs of some partitions, read together."""
    rows = [TopicPartition(table, n) for n in partitions]
    logs = {TopicPartition(log, n): Taken(start, again) for n in partitions}

    async def read() -> dict[TopicPartition, Restored]:
        reader = StateReader({"bootstrap_servers": kafka.address})
        return await asyncio.wait_for(reader.read(rows, logs), 30)

    found = asyncio.run(read())
    return [found[tp] for tp in rows], list(logs.values())


@pytest.fixture
def names(kafka: EmbeddedKafka, namespace: str) -> tuple[str, str]:
    """A topic for a table and one for a log, of three partitions each."""
    table, log = f"{namespace}.state", f"{namespace}.log"
    asyncio.run(topics.make(kafka.address, {table: 3, log: 3}))
    return table, log


def test_the_latest_row_of_each_key_is_restored(
    kafka: EmbeddedKafka, names: tuple[str, str]
) -> None:
    table, log = names
    asyncio.run(topics.send(kafka.address, [
        (table, 0, b"a", b"1"), (table, 0, b"b", b"2"), (table, 0, b"a", b"3"),
        (table, 1, b"a", b"other partition"),
    ]))  # fmt: skip
    (first, second), _ = restore(kafka, table, log, 0, 1)
    assert first.rows == {b"a": b"3", b"b": b"2"}
    assert second.rows == {b"a": b"other partition"}


def test_a_tombstone_deletes_its_row(kafka: EmbeddedKafka, names: tuple[str, str]) -> None:
    table, log = names
    asyncio.run(topics.send(kafka.address, [
        (table, 0, b"a", b"1"), (table, 0, b"b", b"2"), (table, 0, b"a", None),
        (table, 0, b"never was", None), (table, 0, b"b", None), (table, 0, b"b", b"again"),
    ]))  # fmt: skip
    (state,), _ = restore(kafka, table, log, 0)
    assert state.rows == {b"b": b"again"}


def test_every_record_of_a_log_is_restored_in_order(
    kafka: EmbeddedKafka, names: tuple[str, str]
) -> None:
    table, log = names
    values = [str(n).encode() for n in range(2000)]
    asyncio.run(topics.send(kafka.address, [(log, 2, None, value) for value in values]))
    _, (state,) = restore(kafka, table, log, 2)
    assert state.log == values
    assert state.begun == (0, 2000)


def test_a_log_is_read_from_where_it_is_held_and_anew_where_that_is_stale(
    kafka: EmbeddedKafka, names: tuple[str, str]
) -> None:
    table, log = names
    values = [str(n).encode() for n in range(500)]
    asyncio.run(topics.send(kafka.address, [(log, 0, None, value) for value in values]))
    _, (held,) = restore(kafka, table, log, 0, start=400)
    assert held.log == values[400:]
    _, (stale,) = restore(kafka, table, log, 0, start=400, again=True)
    assert stale.log == values


def test_what_was_aborted_never_was(kafka: EmbeddedKafka, names: tuple[str, str]) -> None:
    table, log = names

    async def story() -> None:
        for n, end in enumerate(["commit", "abort", "commit", "abort"]):
            value = str(n).encode()
            records = [
                (table, 0, b"a", value),
                (table, 0, value, end.encode()),
                (log, 0, None, value),
            ]
            await topics.close(await topics.transact(kafka.address, table, records, end))

    asyncio.run(story())
    (state,), (logged,) = restore(kafka, table, log, 0)
    assert state.rows == {b"a": b"2", b"0": b"commit", b"2": b"commit"}
    assert logged.log == [b"0", b"2"]


@pytest.mark.parametrize("end", ["commit", "abort"])
def test_a_marker_at_the_end_does_not_keep_the_restore_waiting(
    kafka: EmbeddedKafka, names: tuple[str, str], end: str
) -> None:
    """The last offset of a transactional topic is a marker's, which no reader ever gets."""
    table, log = names

    async def story() -> None:
        records = [(table, 0, b"a", b"1")]
        await topics.close(await topics.transact(kafka.address, table, records, end))

    asyncio.run(story())
    (state,), _ = restore(kafka, table, log, 0)
    assert state.rows == ({b"a": b"1"} if end == "commit" else {})


def test_what_a_dead_owner_left_open_is_ended_by_its_successor(
    kafka: EmbeddedKafka, names: tuple[str, str]
) -> None:
    """Starting a producer of the same id aborts it: what is read after that is final."""
    table, log = names

    async def story() -> None:
        committed = [(table, 0, b"a", b"1")]
        await topics.close(await topics.transact(kafka.address, table, committed))
        dead = await topics.transact(kafka.address, table, [(table, 0, b"a", b"2")], "open")
        heir = await topics.transact(kafka.address, table, [(table, 1, b"b", b"3")])
        await topics.close(heir)
        await topics.close(dead)

    asyncio.run(story())
    (first, second), _ = restore(kafka, table, log, 0, 1)
    assert first.rows == {b"a": b"1"}
    assert second.rows == {b"b": b"3"}


def test_partitions_in_which_nothing_was_written_are_empty(
    kafka: EmbeddedKafka, names: tuple[str, str]
) -> None:
    states, logs = restore(kafka, *names, 0, 1, 2)
    assert states == [Restored(), Restored(), Restored()]
    assert [log.log for log in logs] == [[], [], []]


def test_a_log_of_which_the_beginning_has_expired_is_read_from_what_is_left(
    kafka: EmbeddedKafka, names: tuple[str, str]
) -> None:
    table, log = names

    async def story() -> None:
        await topics.send(
            kafka.address, [(log, n, None, b"%d" % i) for i in range(5) for n in (0, 1)]
        )
        await topics.shorten(kafka.address, log, 0, 3)
        await topics.shorten(kafka.address, log, 1, 5)

    asyncio.run(story())
    _, (some, none) = restore(kafka, table, log, 0, 1)
    assert some.log == [b"3", b"4"]
    assert none.log == []


def test_nothing_to_restore_asks_no_broker() -> None:
    assert asyncio.run(StateReader({"bootstrap_servers": "127.0.0.1:1"}).read([], [])) == {}


def test_a_restore_that_gets_nothing_ends(
    kafka: EmbeddedKafka, names: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broker has gone, or hides what is there: it says so, and ends."""
    table, _ = names
    monkeypatch.setattr(tables, "STALLED_S", 1.0)

    async def story() -> None:
        reader = StateReader({"bootstrap_servers": kafka.address})
        tp = TopicPartition(table, 0)

        async def behind(self: object, tps: list[TopicPartition]) -> dict[TopicPartition, int]:
            return dict.fromkeys(tps, 99)

        monkeypatch.setattr("aiokafka.AIOKafkaConsumer.end_offsets", behind)
        with pytest.raises(TimeoutError, match=table):
            await asyncio.wait_for(reader.read([tp], {}), 30)

    asyncio.run(story())


def test_the_partition_s_row_says_how_far_it_is_applied() -> None:
    row = encode_applied(Applied(4, {"predictions": 17, "labels": 3}))
    state = Restored({OFFSETS_KEY: row, b"a": b"1"})
    assert state.applied(4) == Applied(4, {"predictions": 17, "labels": 3})
    assert state.rows == {b"a": b"1"}
    assert Restored().applied(4) == Applied(4, {})


def test_another_number_of_partitions_is_refused_with_the_remedy() -> None:
    """Keys have moved: a label would look for its prediction in the wrong partition."""
    state = Restored({OFFSETS_KEY: encode_applied(Applied(4, {"predictions": 17}))})
    with pytest.raises(TopicMismatch, match=r"4 partitions, now there are 6.*kafka\.partitions"):
        state.applied(6)


def test_rows_of_format_1_are_still_read() -> None:
    """The first ones knew nothing of the log's end."""
    first = bytes.fromhex("930482ab70726564696374696f6e7311a66c6162656c730301")
    row = bytes.fromhex("940482ab70726564696374696f6e7311a66c616265" + "6c73030105")
    applied = Applied(4, {"predictions": 17, "labels": 3}, log_end=5)
    assert row == encode_applied(applied)
    assert Restored({OFFSETS_KEY: row}).applied(4) == applied
    assert Restored({OFFSETS_KEY: first}).applied(4) == Applied(4, applied.offsets)
