"""What is remembered, how long, and how it is logged."""

import os
import random
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
import zstandard

from monitor.observe.held import HOUR_MS
from monitor.observe.joinlog import ENTRIES, TRACED, unpack_change
from monitor.observe.memory import Memory
from monitor.observe.outcomes import Label
from monitor.observe.rejection import Trace
from monitor.observe.remembered import Known, Seen
from monitor.panes.codec import FORMAT

#: What the producer of a flush refuses: the flush would never succeed.
LIMIT = 1_000_000
DELAY = 8 * HOUR_MS
ALPHABET = [chr(n) for n in range(0x10000, 0x20000)]


def noise(n: int, letters: str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123") -> str:
    return "".join(random.choices(letters, k=n))


def seen(time_ms: int, **fields: Any) -> Seen:
    return Seen(time_ms, fields.get("version", "1"), fields.get("prediction", "no"), 7)


def trace(offset: int, head: bytes = b"{}") -> Trace:
    return Trace(offset, 0, len(head), b"\x00" * 32, head)


def longest(memory: Memory, n: int) -> None:
    """Predictions whose every name is as long, and as hard to compress, as one can be."""
    for i in range(n):
        prediction = "".join(random.choices(ALPHABET, k=128))  # 4 bytes a character
        row = seen(2**42 + i, version=noise(128), prediction=prediction)
        memory.remember(noise(120) + str(i), row)


def labels(memory: Memory, n: int) -> None:
    for i in range(n):
        name = "".join(random.choices(ALPHABET, k=128))
        label = Label(2**42, 2**40 + i, name, 2**62)
        memory.label(noise(120) + str(i), label, trace(2**40 + i))


def waiting(memory: Memory, n: int) -> None:
    for i in range(n):
        memory.label(noise(128), Label(2**42, i, "yes", 2**42), trace(i, os.urandom(1024)))


def reviews(memory: Memory, n: int) -> None:
    for i in range(n):
        memory.review(noise(120) + str(i), 2**42, 2**32 - 1)


def approvals(memory: Memory, n: int) -> None:
    for i in range(n):
        memory.approval(noise(120) + str(i), 2**42, 2**32 - 1)


def waiting_reviews(memory: Memory, n: int) -> None:
    for i in range(n):
        name = "".join(random.choices(ALPHABET, k=128))
        review = Label(2**42, 2**40 + i, name, 2**62)
        memory.wait(noise(128), review, trace(2**40 + i, os.urandom(1024)))


@pytest.mark.parametrize(
    ("fill", "n"),
    [
        (longest, ENTRIES),
        (labels, TRACED),
        (waiting, TRACED),
        (reviews, ENTRIES),
        (approvals, ENTRIES),
        (waiting_reviews, TRACED),
    ],
)
def test_a_record_of_the_log_is_never_too_large_for_kafka(
    fill: Callable[[Memory, int], None], n: int
) -> None:
    random.seed(1)
    memory = Memory("m", DELAY)
    fill(memory, n + 5)
    records = memory.drain()
    assert len(records) > 1
    assert max(map(len, records)) < LIMIT


def test_nothing_is_lost_where_a_flush_is_cut_into_many_records() -> None:
    memory, again = Memory("m", DELAY), Memory("m", DELAY)
    for n in range(3 * ENTRIES + 7):
        memory.remember(f"p{n}", seen(n))
        memory.label(f"p{n}", Label(n, n, "yes", n))
    waiting(memory, 2 * TRACED + 3)
    waiting_reviews(memory, 2 * TRACED + 1)
    for record in memory.drain():
        again.restore(unpack_change(record))
    assert again.seen == memory.seen
    assert again.waiting == memory.waiting
    assert again.waiting_reviews == memory.waiting_reviews
    assert len(again.waiting_reviews) == 2 * TRACED + 1
    assert len(again.seen) == 3 * ENTRIES + 7
    assert len(again.waiting) == 2 * TRACED + 3


def test_a_drain_hands_each_change_out_once() -> None:
    memory = Memory("m", DELAY)
    memory.remember("p", seen(5))
    assert len(memory.drain()) == 1
    assert memory.drain() == []


def test_what_is_forgotten_is_forgotten_by_the_hour() -> None:
    """
    hours      0     1     2     3
    made       a    b c    d
    forgotten  ------------|         up to 2:00: hour 0 and 1, not 2
    """
    memory = Memory("m", DELAY)
    hours = {"a": 0.5, "b": 1.0, "c": 1.9, "d": 2.0}
    for key, hour in hours.items():
        memory.remember(key, seen(int(hour * HOUR_MS)))
        memory.review(key, int(hour * HOUR_MS), 1)
        memory.approval(key, int(hour * HOUR_MS), 1)
    memory.forget(2 * HOUR_MS - 1, 0)
    assert sorted(memory.seen) == ["b", "c", "d"]
    memory.forget(2 * HOUR_MS, HOUR_MS, 2 * HOUR_MS)
    assert sorted(memory.seen) == ["d"]
    assert sorted(memory.reviews) == ["b", "c", "d"]
    assert sorted(memory.approvals) == ["d"]


def test_the_log_tells_what_was_forgotten_before_what_came_after() -> None:
    """A label of a prediction that is forgotten waits, and must not find it again."""
    memory, again = Memory("m", DELAY), Memory("m", DELAY)
    written = []
    memory.remember("p", seen(0))
    written += memory.drain()
    memory.forget(HOUR_MS, 0)
    memory.label("p", Label(5, 1, "yes", 5), trace(1))
    written += memory.drain()
    for record in written:
        again.restore(unpack_change(record))
    assert again.seen == memory.seen == {}
    assert again.waiting == memory.waiting == {"p": (Label(5, 1, "yes", 5),)}


def test_labels_wait_until_their_prediction_can_no_longer_come() -> None:
    memory = Memory("m", DELAY)
    memory.label("p", Label(100, 1, "yes", 100), trace(1))
    memory.label("p", Label(300, 2, "no", 300), trace(2))
    memory.label("q", Label(200, 3, "no", 200), trace(3))
    assert memory.orphans(200) == {}
    gone = memory.orphans(201)
    assert {key: [t.offset for t in one.traces] for key, one in gone.items()} == {"q": [3]}
    gone = memory.orphans(301)
    assert {key: [t.offset for t in one.traces] for key, one in gone.items()} == {"p": [1, 2]}
    assert memory.waiting == {}
    again = Memory("m", DELAY)
    for record in memory.drain():
        again.restore(unpack_change(record))
    assert again.waiting == {}


def test_a_prediction_claims_its_labels_and_leaves_those_out_of_reach() -> None:
    memory = Memory("m", DELAY)
    for offset, (time, name) in enumerate(
        [(10, "yes"), (10, "yes"), (20, "no"), (DELAY + 6, "late")]
    ):
        memory.label("p", Label(time, offset, name, time), trace(offset))
    memory.remember("p", seen(5))
    claimed = memory.claim("p")
    assert (claimed.taken, claimed.repeated) == (2, 1)
    assert [t.offset for t in claimed.lost] == [3]
    assert memory.seen["p"].chain == (Label(10, 0, "yes", 10), Label(20, 2, "no", 20))


def test_a_prediction_claims_its_reviews_and_leaves_those_out_of_reach() -> None:
    memory = Memory("m", DELAY, review_delay_ms=HOUR_MS)
    for offset, time in enumerate([10, 10, HOUR_MS + 5, HOUR_MS + 6]):
        memory.wait("p", Label(time, offset, "yes", time), trace(offset))
    memory.remember("p", seen(5))
    claimed = memory.claim_reviews("p")
    assert (claimed.taken, [t.offset for t in claimed.lost]) == (3, [3])
    assert memory.waiting_reviews == {}
    assert memory.claim_reviews("p").taken == 0


def test_reviews_wait_until_their_prediction_can_no_longer_come() -> None:
    """And labels of the same prediction wait by themselves."""
    memory = Memory("m", DELAY, review_delay_ms=DELAY)
    memory.wait("p", Label(100, 1, "yes", 100), trace(1))
    memory.wait("p", Label(300, 2, "no", 300), trace(2))
    memory.wait("q", Label(200, 3, "no", 200), trace(3))
    memory.label("q", Label(900, 3, "no", 900), trace(3))
    gone = memory.orphan_reviews(201)
    assert {key: [t.offset for t in one.traces] for key, one in gone.items()} == {"q": [3]}
    assert memory.orphans(201) == {}
    gone = memory.orphan_reviews(301)
    assert {key: [t.offset for t in one.traces] for key, one in gone.items()} == {"p": [1, 2]}
    again = Memory("m", DELAY, review_delay_ms=DELAY)
    for record in memory.drain():
        again.restore(unpack_change(record))
    assert again.waiting_reviews == memory.waiting_reviews == {}
    assert again.waiting == memory.waiting == {"q": (Label(900, 3, "no", 900),)}


def test_a_label_that_waits_and_its_trace_are_in_one_record() -> None:
    """A crash between two records of a replay would else part them for good."""
    memory = Memory("m", DELAY, review_delay_ms=DELAY)
    waiting(memory, TRACED + 3)
    waiting_reviews(memory, TRACED + 3)
    for change in map(unpack_change, memory.drain()):
        assert [label[2] for label in change.labels] == [t.offset for t in change.traces]
        offsets = [review[2] for review in change.waiting_reviews]
        assert offsets == [t.offset for t in change.review_traces]


def test_a_log_from_before_reviews_waited_is_read() -> None:
    """Its records are shorter, and traces stand in records of their own before their labels."""
    of_before: list[list[Any]] = [
        ["m", 0, 0, [["p", 5, "1", "no", 7]], [], [], [], []],
        ["m", 0, 0, [], [[3, 0, 2, b"s", b"{}", False]], [], [], []],
        ["m", 0, 0, [], [], [["q", 6, 3, "yes", 6]], [["r", 6, 9]], []],
    ]
    memory = Memory("m", DELAY)
    for record in of_before:
        packed = msgspec.msgpack.encode([*record, FORMAT])
        memory.restore(unpack_change(zstandard.compress(packed)))
    assert memory.seen == {"p": Seen(5, "1", "no", 7)}
    assert memory.waiting == {"q": (Label(6, 3, "yes", 6),)}
    assert memory.reviews == {"r": Known(6, 9)}
    assert [t.offset for t in memory.orphans(7)["q"].traces] == [3]
