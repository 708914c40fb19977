"""Records unwrapped: the same as aiokafka's own, record by record."""

from collections.abc import Iterable
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords

from monitor.stream.records import PartitionRecords, unwrap

SEEN = ("offset", "timestamp", "timestamp_type", "key", "value", "headers")


def batch(first: int, count: int, producer: int = -1, compression: int = 0) -> bytes:
    builder = DefaultRecordBatchBuilder(
        magic=2, compression_type=compression, is_transactional=int(producer >= 0),
        producer_id=producer, producer_epoch=0 if producer >= 0 else -1,
        base_sequence=0 if producer >= 0 else -1, batch_size=1 << 20,
    )  # fmt: skip
    for n in range(count):
        value = None if n == 3 else b"value %d" % (first + n)
        builder.append(n, 1_700_000_000_000 + n, b"k" if n % 2 else None, value, [("h", b"x")])
    return first.to_bytes(8, "big") + bytes(builder.build())[8:]


def taken(cls: type, data: bytes, first: int, aborted: Iterable[Any] = ()) -> Any:
    read = cls(
        TopicPartition("t", 0), MemoryRecords(data), list(aborted), first, None, None, False,
        fetcher.READ_COMMITTED,
    )  # fmt: skip
    records = [[getattr(r, name) for name in SEEN] for r in read]
    return [[*r[:-1], tuple(r[-1])] for r in records], read.next_fetch_offset


@pytest.mark.parametrize("first", [0, 7])
@pytest.mark.parametrize("compression", [0, 1])
def test_records_are_those_that_aiokafka_wraps(first: int, compression: int) -> None:
    data = batch(0, 10, compression=compression) + batch(10, 5)
    read, following = taken(PartitionRecords, data, first)
    assert (read, following) == taken(fetcher_s_own(), data, first)
    assert [r[0] for r in read] == list(range(first, 15))
    assert following == 15


def test_what_was_aborted_is_passed_over() -> None:
    data = batch(0, 4, producer=9) + batch(4, 4, producer=8)
    read, following = taken(PartitionRecords, data, 0, aborted=[(9, 0)])
    assert [r[0] for r in read] == [4, 5, 6, 7]
    assert (read, following) == taken(fetcher_s_own(), data, 0, aborted=[(9, 0)])


def fetcher_s_own() -> type:
    return PartitionRecords.__mro__[1]


def test_every_consumer_of_the_process_reads_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetcher, "PartitionRecords", fetcher_s_own())
    unwrap()
    assert fetcher.PartitionRecords is PartitionRecords
