"""The store is a cache of the join log: with it, without it, or with half of it, memory is one."""

import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.errors import StaleCache
from monitor.observe import remembered
from monitor.observe.cache import Cache
from monitor.observe.held import HOUR_MS
from monitor.observe.memory import Memory
from monitor.observe.outcomes import Label
from monitor.observe.rejection import Trace
from monitor.observe.remembered import Seen
from monitor.observe.store import DictStore

DELAY, REVIEW_DELAY = 5 * HOUR_MS, 3 * HOUR_MS
IDS = [f"p{n}" for n in range(12)]
KINDS = ["predict", "predict", "label", "label", "review", "review", "approve", "forget"]


class Partition:
    """A memory, its cache, and the log that a flush writes."""

    def __init__(self, store: DictStore | None = None, log: list[bytes] | None = None) -> None:
        self.log = [] if log is None else log
        self.cache = Cache(store or DictStore(), ["m"])
        self.memory = Memory("m", DELAY, self.cache.store, REVIEW_DELAY)

    def flush(self, told: bool = True) -> None:
        records = self.cache.drain([self.memory])
        self.log += records
        if told:
            self.cache.commit(len(self.log) - 1 if records else None, [self.memory])

    def replay(self, step: int, most: int | None = None) -> None:
        """Come back: with the cache as far as it goes, and the log from there, or a part of it."""
        start = self.cache.log_from or 0
        end = len(self.log) if most is None else min(start + most, len(self.log))
        for first in range(start, end, step):
            records = list(enumerate(self.log))[first : min(first + step, end)]
            self.cache.replay(records, {"m": self.memory})

    @property
    def remembered(self) -> Any:
        memory = self.memory
        memory.fetch(IDS)
        memory.fetch_reviews(IDS)
        memory.fetch_approvals(IDS)
        return (
            {key: (s.time_ms, s.prediction, s.chain) for key, s in memory.predictions()},
            dict(memory.waiting),
            dict(memory.waiting_reviews),
            {key: memory.reviews[key] for key in IDS if key in memory.reviews},
            {key: memory.approvals[key] for key in IDS if key in memory.approvals},
            memory.held.hours,
            sorted(t.offset for t in memory._labels.traces.values()),
            sorted(t.offset for t in memory._waiting_reviews.traces.values()),
        )


class Story:
    """What happens to a memory, drawn; the same for every partition that plays it."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.now = 0
        self.offset = 0

    def steps(self, n: int) -> Iterator[Any]:
        for _ in range(n):
            self.now += self.draw.choice([0, HOUR_MS // 7, HOUR_MS, 3 * HOUR_MS])
            self.offset += 1
            yield (
                self.draw.choice(KINDS),
                self.draw.choice(IDS),
                max(0, self.now - self.draw.choice([0, HOUR_MS, 2 * HOUR_MS])),
                self.offset,
                self.draw.choice(["yes", "no"]),
            )


def play(memory: Memory, step: Any) -> None:
    """One step, as intake would take it."""
    kind, key, at, offset, name = step
    if kind == "predict":
        memory.fetch([key])
        if key not in memory.seen:
            memory.remember(key, Seen(at, "1", name, offset))
            memory.claim(key)
            memory.claim_reviews(key)
    elif kind == "label":
        memory.fetch([key])
        label = Label(at, offset, name, at)
        waits = key not in memory.seen
        memory.label(key, label, Trace(offset, 0, 2, b"", b"{}") if waits else None)
    elif kind == "review":
        memory.fetch_reviews([key])
        memory.fetch([key])
        if key not in memory.reviews:
            memory.review(key, at, offset)
            if key not in memory.seen:
                memory.wait(key, Label(at, offset, name, at), Trace(offset, 0, 2, b"", b"{}"))
    elif kind == "approve":
        memory.fetch_approvals([key])
        if key not in memory.approvals:
            memory.approval(key, at, offset)


@settings(max_examples=300, deadline=None)
@given(
    st.integers(0, 10**9),
    st.lists(st.sampled_from(["", "", "flush", "untold", "crash", "move", "twice"]), min_size=40,
             max_size=40),
    st.integers(1, 3),
)  # fmt: skip
def test_memory_is_the_same_whatever_is_flushed_evicted_lost_or_moved(
    seed: int, ends: list[str], step: int
) -> None:
    """Beside a memory that never flushes, so that all of it is always at hand."""
    story, partition = Story(seed), Partition()
    plain = Memory("m", DELAY, review_delay_ms=REVIEW_DELAY)
    store = partition.cache.store
    assert isinstance(store, DictStore)
    for what, end in zip(story.steps(40), ends, strict=True):
        play(plain, what)
        play(partition.memory, what)
        if what[0] == "forget":
            # As observe does: labels are given up before a flush, and the rest forgotten after it.
            before = what[2] - DELAY
            assert plain.orphans(before) == partition.memory.orphans(before)
            before = what[2] - REVIEW_DELAY
            assert plain.orphan_reviews(before) == partition.memory.orphan_reviews(before)
            partition.flush()
            plain.forget(what[2] - DELAY, before, before)
            partition.memory.forget(what[2] - DELAY, before, before)
        if end == "flush":
            partition.flush()
        elif end:
            partition.flush(told=end != "untold")
            store = store if end != "move" else DictStore()
            if end == "twice":  # and again, before it has come back
                Partition(store, partition.log).replay(step, most=step)
            partition = Partition(store, partition.log)
            partition.replay(step)
    whole = Partition()
    whole.memory = plain
    assert partition.remembered == whole.remembered


def test_after_a_commit_only_what_has_changed_since_is_at_hand() -> None:
    partition = Partition()
    partition.memory.remember("a", Seen(0, "1", "yes", 1))
    partition.memory.remember("b", Seen(0, "1", "yes", 1))
    records = partition.cache.drain([partition.memory])
    partition.memory.label("b", Label(1, 1, "no", 1))
    partition.cache.commit(0, [partition.memory])
    assert records
    assert list(partition.memory.seen) == ["b"]
    partition.flush()
    assert partition.memory.seen == {}
    partition.memory.fetch(["a", "b", "c"])
    assert {key: len(seen.chain) for key, seen in partition.memory.seen.items()} == {"a": 0, "b": 1}


def test_what_is_forgotten_leaves_the_store_too_a_part_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(remembered, "SWEPT", 10)
    partition = Partition()
    for hour in range(4):
        for n in range(20):
            partition.memory.remember(f"p{hour}-{n}", Seen(hour * HOUR_MS, "1", "yes", 1))
            partition.memory.review(f"r{hour}-{n}", hour * HOUR_MS, 1)
        partition.flush()
    store = partition.cache.store
    assert isinstance(store, DictStore)

    def kept() -> dict[str, int]:
        kinds = [key.split(b"\0")[1][:1].decode() for key in store.entries if b"m\0" in key]
        return {kind: kinds.count(kind) for kind in "prhi"}

    assert kept() == {"p": 80, "r": 80, "h": 4, "i": 4}
    partition.memory.forget(3 * HOUR_MS, 2 * HOUR_MS)
    partition.flush()
    assert kept() == {"p": 60, "r": 60, "h": 3, "i": 3}
    assert len(dict(partition.memory.predictions())) == 20
    for _ in range(3):
        partition.flush()
    assert kept() == {"p": 20, "r": 40, "h": 1, "i": 2}


def test_an_id_that_came_again_is_not_swept_with_the_one_before() -> None:
    partition = Partition()
    partition.memory.remember("a", Seen(0, "1", "yes", 1))
    partition.flush()
    partition.memory.forget(10 * HOUR_MS, 0)
    partition.memory.fetch(["a"])
    assert partition.memory.seen == {}
    partition.memory.remember("a", Seen(20 * HOUR_MS, "2", "no", 1))
    for _ in range(3):
        partition.flush()
    partition.memory.fetch(["a"])
    assert partition.memory.seen["a"].version == "2"


def test_a_cache_of_another_log_is_refused() -> None:
    ours, theirs = Partition(), Partition()
    ours.memory.remember("a", Seen(0, "1", "yes", 1))
    theirs.memory.remember("b", Seen(0, "1", "yes", 1))
    ours.flush()
    theirs.flush()
    store = ours.cache.store
    assert isinstance(store, DictStore)
    moved = Partition(store, theirs.log)
    with pytest.raises(StaleCache, match="another record 0"):
        moved.replay(1)


def test_with_other_models_the_cache_is_made_anew() -> None:
    """What a model did while it was not registered is in the log, and not in the cache."""
    partition = Partition()
    partition.memory.remember("a", Seen(0, "1", "yes", 1))
    partition.flush()
    assert Cache(partition.cache.store, ["m"]).log_from == 0
    assert Cache(partition.cache.store, ["m", "n"]).log_from is None
    assert list(partition.cache.store.scan(b"")) == []
