"""Events that are remembered: ids, predictions, and labels and reviews that wait for those.

An entry lives as long as something may still refer to it, and no longer: until the watermarks
have passed the horizon of labels and reviews (or, without either, the pane's close). What a flush
changed is a record of the join log; reading the log again gives the same memory, here or on another
machine.

Predictions and reviews lie in a store; at hand are those that a batch asks for, and those changed
since the last commit. The store is written after a commit, and so is never ahead of the log.
"""

from collections.abc import Iterable, Iterator

import msgspec

from monitor.observe.held import Held
from monitor.observe.joinlog import Change, pack_change
from monitor.observe.outcomes import Chain, Label, in_reach, repeated, with_label
from monitor.observe.rejection import Trace
from monitor.observe.remembered import (
    Known,
    Remembered,
    Seen,
    Writes,
    known_row,
    row,
    row_key,
    seen_row,
)
from monitor.observe.store import DictStore, Store
from monitor.observe.waiting import Claimed, Waited, Waiting


class Forgotten(msgspec.Struct, array_like=True):
    """What was made before these times is forgotten, even where the store still has it."""

    predictions_ms: int = 0
    reviews_ms: int = 0
    approvals_ms: int = 0


_waited = msgspec.msgpack.Decoder(Waited).decode
_forgotten = msgspec.msgpack.Decoder(Forgotten).decode


class Memory:
    """The memory of one model in one source partition.

    Labels reach `max_delay_ms` far, and reviews `review_delay_ms`.
    """

    def __init__(
        self,
        model_id: str,
        max_delay_ms: int = 0,
        store: Store | None = None,
        review_delay_ms: int = 0,
    ) -> None:
        self.model_id = model_id
        self.max_delay_ms = max_delay_ms
        self.review_delay_ms = review_delay_ms
        self.store: Store = DictStore() if store is None else store
        self._predictions = Remembered(self.store, model_id, ("p", "h", "c"), seen_row)
        self._reviews = Remembered(self.store, model_id, ("r", "i", "d"), known_row)
        self._approvals = Remembered(self.store, model_id, ("a", "b", "e"), known_row)
        #: What is remembered by id, in the order in which times of forgetting are given.
        self._by_id: tuple[Remembered[Seen] | Remembered[Known], ...] = (
            self._predictions,
            self._reviews,
            self._approvals,
        )
        self._labels = Waiting()
        self._waiting_reviews = Waiting()
        self._kinds = (("w", self._labels), ("v", self._waiting_reviews))
        self._forgets = False
        self._change = Change(model_id, noted=True)
        #: What the store is to be told once the flush that was drained last has been committed.
        self.writes: Writes = {}
        self._load()

    # -- what is asked -------------------------------------------------------------------------

    @property
    def seen(self) -> dict[str, Seen]:
        """Predictions at hand."""
        return self._predictions.at_hand

    @property
    def reviews(self) -> dict[str, Known]:
        """Reviews at hand."""
        return self._reviews.at_hand

    @property
    def approvals(self) -> dict[str, Known]:
        """Approvals at hand."""
        return self._approvals.at_hand

    @property
    def held(self) -> Held:
        """How many predictions are remembered, at hand or not."""
        return self._predictions.held

    @property
    def waiting(self) -> dict[str, Chain]:
        """Labels that wait, by prediction."""
        return self._labels.chains

    @property
    def waiting_reviews(self) -> dict[str, Chain]:
        """Reviews that wait, by prediction."""
        return self._waiting_reviews.chains

    def fetch(self, keys: Iterable[str]) -> None:
        """Have at hand what is remembered of predictions: `seen` then knows each of them."""
        self._predictions.fetch(keys)

    def fetch_reviews(self, keys: Iterable[str]) -> None:
        """Have at hand what is remembered of reviews."""
        self._reviews.fetch(keys)

    def fetch_approvals(self, keys: Iterable[str]) -> None:
        """Have at hand what is remembered of approvals."""
        self._approvals.fetch(keys)

    def predictions(self) -> Iterator[tuple[str, Seen]]:
        """Every prediction that is remembered, at hand or not."""
        return self._predictions.items()

    def known_reviews(self) -> Iterator[tuple[str, Known]]:
        """Every review that is remembered, at hand or not."""
        return self._reviews.items()

    def known_approvals(self) -> Iterator[tuple[str, Known]]:
        """Every approval that is remembered, at hand or not."""
        return self._approvals.items()

    def waits(self, topic: str) -> Iterator[tuple[str, Label, Trace]]:
        """All labels or reviews that wait, with the ids of their predictions."""
        waiting = self._labels if topic == "labels" else self._waiting_reviews
        for key, chain in waiting.chains.items():
            for label in chain:
                yield key, label, waiting.traces[label.offset]

    @property
    def forgotten_ms(self) -> tuple[int, ...]:
        """Before which times predictions, reviews and approvals are forgotten."""
        return tuple(one.forgotten_ms for one in self._by_id)

    # -- what comes ----------------------------------------------------------------------------

    def remember(self, key: str, seen: Seen) -> None:
        """Take a new prediction."""
        self._predictions.take(key, seen)
        self._change.predictions.append(
            (key, seen.time_ms, seen.version, seen.prediction, seen.crc)
        )
        self._change.hashes.append(seen.hashed)

    def label(self, key: str, label: Label, trace: Trace | None = None) -> None:
        """Take a label; with the trace of its record it waits for its prediction."""
        if trace is not None:
            self._labels.traces[label.offset] = trace
            self._change.traces.append(trace)
        self._label(key, label)
        self._change.labels.append((key, *label))

    def review(self, key: str, time_ms: int, crc: int, hashed: int | None = None) -> None:
        """Take a review's id."""
        self._reviews.take(key, Known(time_ms, crc, hashed))
        self._change.reviews.append((key, time_ms, crc))
        self._change.review_hashes.append(hashed)

    def approval(self, key: str, time_ms: int, crc: int, hashed: int | None = None) -> None:
        """Take an approval's id."""
        self._approvals.take(key, Known(time_ms, crc, hashed))
        self._change.approvals.append((key, time_ms, crc))
        self._change.approval_hashes.append(hashed)

    def wait(self, key: str, review: Label, trace: Trace) -> None:
        """Let a review wait for its prediction, with the trace of its record."""
        self._waiting_reviews.traces[review.offset] = trace
        self._waiting_reviews.add(key, review)
        self._change.review_traces.append(trace)
        self._change.waiting_reviews.append((key, *review))

    def claim(self, key: str) -> Claimed:
        """Hand the waiting labels of a prediction that has come to it, in the order they came."""
        seen, taken, again, lost = self.seen[key], 0, 0, []
        if key not in self.waiting:
            return Claimed(0, 0, [])
        self._predictions.dirty.add(key)
        for label, trace in self._labels.take(key):
            if not in_reach(label, seen.time_ms, self.max_delay_ms):
                lost.append(trace)
            elif repeated(seen.chain, label):
                again += 1
            else:
                taken += 1
                seen.chain = with_label(seen.chain, label)
        return Claimed(taken, again, lost)

    def claim_reviews(self, key: str) -> Claimed:
        """Hand the waiting reviews of a prediction that has come to it."""
        if key not in self.waiting_reviews:
            return Claimed(0, 0, [])
        waited, made = self._waiting_reviews.take(key), self.seen[key].time_ms
        reach = self.review_delay_ms
        lost = [trace for review, trace in waited if not in_reach(review, made, reach)]
        return Claimed(len(waited) - len(lost), 0, lost)

    def forget(self, before_ms: int, reviews_before_ms: int, approvals_before_ms: int = 0) -> None:
        """Drop what was made before a time of its kind (rounded down to an hour)."""
        if self._forget(before_ms, reviews_before_ms, approvals_before_ms):
            self._change.forgotten_ms = max(before_ms, 0)
            self._change.reviews_forgotten_ms = max(reviews_before_ms, 0)
            self._change.approvals_forgotten_ms = max(approvals_before_ms, 0)

    def orphans(self, before_ms: int) -> dict[str, Waited]:
        """Take out labels that came before a time and whose prediction never came."""
        gone = self._labels.orphans(before_ms)
        self._change.orphans += gone
        return gone

    def orphan_reviews(self, before_ms: int) -> dict[str, Waited]:
        """Take out reviews that came before a time and whose prediction never came."""
        gone = self._waiting_reviews.orphans(before_ms)
        self._change.orphan_reviews += gone
        return gone

    # -- flushes -------------------------------------------------------------------------------

    @property
    def sweeping(self) -> bool:
        """Whether the next flush has something to do though nothing happens until then."""
        return any(one.sweeping for one in self._by_id)

    @property
    def idle(self) -> bool:
        """Whether nothing has happened since the last call of `settle`, and nothing is at hand."""
        return not (
            self._forgets
            or any(one.at_hand or one.dirty or one.held.changed for one in self._by_id)
            or any(waiting.dirty for _, waiting in self._kinds)
            or self.sweeping
        )

    def drain(self) -> list[bytes]:
        """What is new since the last call, as records of the log; `writes` is for the store."""
        return pack_change(self.settle())

    def settle(self) -> Change:
        """Make `writes` of what is new since the last call, and return it."""
        change, self._change = self._change, Change(self.model_id, noted=True)
        self.writes = self._written(change)
        return change

    def committed(self) -> None:
        """The store has been told: at hand stays only what has changed since."""
        self.writes = {}
        for one in self._by_id:
            one.committed()

    def _written(self, change: Change) -> Writes:
        writes: Writes = {}
        self._predictions.written(writes, ((key, made) for key, made, *_ in change.predictions))
        self._reviews.written(writes, ((key, made) for key, made, _ in change.reviews))
        self._approvals.written(writes, ((key, made) for key, made, _ in change.approvals))
        for kind, waiting in self._kinds:
            dirty, waiting.dirty = waiting.dirty, set()
            for key in dirty:
                waited = waiting.row(key)
                writes[row_key(self.model_id, kind, key)] = row(waited) if waited else None
        if self._forgets:
            writes[row_key(self.model_id, "f")] = row(Forgotten(*self.forgotten_ms))
            self._forgets = False
        return writes

    # -- after a crash -------------------------------------------------------------------------

    def _load(self) -> None:
        """Take up what the store has."""
        (forgotten,) = self.store.get([row_key(self.model_id, "f")])
        if forgotten is not None:
            times = msgspec.structs.astuple(_forgotten(forgotten))
            for one, before_ms in zip(self._by_id, times, strict=True):
                one.forgotten_ms = before_ms
        for kind, waiting in self._kinds:
            prefix = row_key(self.model_id, kind)
            for at, value in self.store.scan(prefix):
                waiting.load(at[len(prefix) :].decode(), _waited(value))

    def restore(self, change: Change) -> None:
        """Apply a record of the log."""
        self._forget(
            change.forgotten_ms, change.reviews_forgotten_ms, change.approvals_forgotten_ms
        )
        self.fetch([key for key, *_ in (*change.labels, *change.waiting_reviews)])
        hashes = change.hashes or [None] * len(change.predictions)
        for (key, time_ms, version, prediction, crc), hashed in zip(
            change.predictions, hashes, strict=True
        ):
            seen = Seen(time_ms, version, prediction, crc, hashed=hashed)
            self._predictions.take(key, seen)
            self.claim(key)
            self.claim_reviews(key)
        for trace in change.traces:
            self._labels.traces[trace.offset] = trace
        for key, timestamp, offset, label, known_ms in change.labels:
            self._label(key, Label(timestamp, offset, label, known_ms))
        review_hashes = change.review_hashes or [None] * len(change.reviews)
        for (key, time_ms, crc), hashed in zip(change.reviews, review_hashes, strict=True):
            self._reviews.take(key, Known(time_ms, crc, hashed))
        approval_hashes = change.approval_hashes or [None] * len(change.approvals)
        for (key, time_ms, crc), hashed in zip(change.approvals, approval_hashes, strict=True):
            self._approvals.take(key, Known(time_ms, crc, hashed))
        traces = {trace.offset: trace for trace in change.review_traces}
        for key, timestamp, offset, label, known_ms in change.waiting_reviews:
            # One that waited and was claimed within one flush is met here, after its prediction.
            if key not in self.seen:
                self._waiting_reviews.traces[offset] = traces[offset]
                self._waiting_reviews.add(key, Label(timestamp, offset, label, known_ms))
        for key in change.orphans:
            self._labels.give_up(key)
        for key in change.orphan_reviews:
            self._waiting_reviews.give_up(key)
        # It is in the log already; only the store is to be told.
        self._change.predictions += change.predictions
        self._change.hashes += hashes
        self._change.reviews += change.reviews
        self._change.review_hashes += review_hashes
        self._change.approvals += change.approvals
        self._change.approval_hashes += approval_hashes

    def _label(self, key: str, label: Label) -> None:
        seen = self.seen.get(key)
        if seen is None:
            self._labels.add(key, label)
            return
        # A label that waited and was claimed within one flush is met here, after its prediction.
        self._labels.traces.pop(label.offset, None)
        if in_reach(label, seen.time_ms, self.max_delay_ms) and not repeated(seen.chain, label):
            seen.chain = with_label(seen.chain, label)
            self._predictions.dirty.add(key)

    def _forget(self, before_ms: int, reviews_before_ms: int, approvals_before_ms: int) -> bool:
        before = before_ms, reviews_before_ms, approvals_before_ms
        # All of them, whatever the first says.
        forgets = [one.forget(ms) for one, ms in zip(self._by_id, before, strict=True)]
        self._forgets |= any(forgets)
        return any(forgets)
