"""Events that are remembered: ids seen, predictions that wait for labels, labels that wait.

An entry lives as long as something may still refer to it, and no longer: until the watermarks
have passed the label horizon (or, without labels, the pane's close). What a flush changed is a
record of the join log; reading the log again gives the same memory, here or on another machine.

Predictions and reviews lie in a store; at hand are those that a batch asks for, and those changed
since the last commit. The store is written after a commit, and so is never ahead of the log.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple, TypeVar

import msgspec
import zstandard

from monitor.observe.outcomes import Chain, Label, in_reach, repeated, with_label
from monitor.observe.rejection import Trace
from monitor.observe.store import DictStore, Store
from monitor.panes.codec import FORMAT

HOUR_MS = 3_600_000
#: Entries in one record of the log: about 60 bytes each, at most 800; a trace at most 1,100.
ENTRIES = 1_200
TRACES = 800


#: Forgotten entries that a flush takes out of the store: more than come, so that none pile up.
SWEPT = 50_000


class Seen(msgspec.Struct, array_like=True, gc=False):
    """A prediction as it is remembered: when, of what version and class, and its payload's CRC."""

    time_ms: int
    version: str
    prediction: str
    crc: int
    chain: tuple[Label, ...] = ()


class Change(msgspec.Struct, array_like=True):
    """What one flush did to the memory of one model: predictions, labels and reviews by id.

    What was made before `forgotten_ms` (reviews: `reviews_forgotten_ms`) was dropped before
    everything else of the flush; `orphans` are ids whose labels were given up after it. Replayed in
    this order, the log makes the same memory: a label of a prediction that is forgotten waits, and
    must not find it again. `traces` are what is left of the records of labels that wait.
    """

    model_id: str
    forgotten_ms: int = 0
    reviews_forgotten_ms: int = 0
    predictions: list[tuple[str, int, str, str, int]] = []
    traces: list[Trace] = []
    labels: list[tuple[str, int, int, str, int]] = []
    reviews: list[tuple[str, int, int]] = []
    orphans: list[str] = []
    format: int = FORMAT


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Change).decode
_compress = zstandard.ZstdCompressor(level=1).compress
_decompress = zstandard.ZstdDecompressor().decompress


def unpack_change(data: bytes) -> Change:
    """One record of the join log."""
    return _decode(_decompress(data, max_output_size=256 * 2**20))


def _cut(change: Change) -> Iterator[Change]:
    """The same change in pieces that stay under Kafka's 1 MB, in the order of `restore`."""
    model = change.model_id
    if change.forgotten_ms or change.reviews_forgotten_ms:
        yield Change(model, change.forgotten_ms, change.reviews_forgotten_ms)
    for n in range(0, len(change.predictions), ENTRIES):
        yield Change(model, predictions=change.predictions[n : n + ENTRIES])
    for n in range(0, len(change.traces), TRACES):
        yield Change(model, traces=change.traces[n : n + TRACES])
    for n in range(0, len(change.labels), ENTRIES):
        yield Change(model, labels=change.labels[n : n + ENTRIES])
    for n in range(0, len(change.reviews), ENTRIES):
        yield Change(model, reviews=change.reviews[n : n + ENTRIES])
    for n in range(0, len(change.orphans), ENTRIES):
        yield Change(model, orphans=change.orphans[n : n + ENTRIES])


class Claimed(NamedTuple):
    """What became of the labels that waited for a prediction: how many were taken or repeated.

    Those out of reach have waited in vain; their traces are taken along.
    """

    taken: int
    repeated: int
    lost: list[Trace]


class Review(NamedTuple):
    """A review as it is remembered: when, and its payload's CRC."""

    time_ms: int
    crc: int


class Waited(msgspec.Struct, array_like=True):
    """Labels that wait for a prediction, with the traces of their records."""

    chain: Chain
    traces: list[Trace]


class Forgotten(msgspec.Struct, array_like=True):
    """What was made before these times is forgotten, even where the store still has it."""

    predictions_ms: int = 0
    reviews_ms: int = 0


Entry = TypeVar("Entry", Seen, Review)
_row = msgspec.msgpack.Encoder().encode
_seen = msgspec.msgpack.Decoder(Seen).decode
_reviewed = msgspec.msgpack.Decoder(Review).decode
_waited = msgspec.msgpack.Decoder(Waited).decode
_forgotten = msgspec.msgpack.Decoder(Forgotten).decode
_ids = msgspec.msgpack.Decoder(list[str]).decode


class _Timed(msgspec.Struct, array_like=True):
    """How a remembered prediction or review begins."""

    time_ms: int


_timed = msgspec.msgpack.Decoder(_Timed).decode


def _time(row: bytes) -> int:
    return _timed(row).time_ms


class Memory:
    """The memory of one model in one source partition; labels reach `max_delay_ms` far."""

    def __init__(self, model_id: str, max_delay_ms: int = 0, store: Store | None = None) -> None:
        self.model_id = model_id
        self.max_delay_ms = max_delay_ms
        self.store: Store = DictStore() if store is None else store
        #: At hand: what was fetched, and what has changed since the last commit.
        self.seen: dict[str, Seen] = {}
        self.reviews: dict[str, Review] = {}
        #: Every label that waits, repeated ones too: each is accounted for when its fate is known.
        self.waiting: dict[str, Chain] = {}
        self._traces: dict[int, Trace] = {}
        self._forgotten = Forgotten()
        self._change = Change(model_id)
        self._dirty = _Dirty()
        #: What the store is to be told once the flush that was drained last has been committed.
        self.writes: dict[bytes, bytes | None] = {}
        self._predictions_swept = self._reviews_swept = b""
        self._load()

    # -- what is asked -------------------------------------------------------------------------

    def fetch(self, keys: Iterable[str]) -> None:
        """Have at hand what is remembered of predictions: `seen` then knows each of them."""
        self._fetch(keys, "p", self.seen, _seen, self._forgotten.predictions_ms)

    def fetch_reviews(self, keys: Iterable[str]) -> None:
        """Have at hand what is remembered of reviews."""
        self._fetch(keys, "r", self.reviews, _reviewed, self._forgotten.reviews_ms)

    def _fetch(
        self,
        keys: Iterable[str],
        kind: str,
        at_hand: dict[str, Entry],
        decode: Callable[[bytes], Entry],
        forgotten_ms: int,
    ) -> None:
        missing = [key for key in keys if key not in at_hand]
        prefix = self._key(kind)
        found = self.store.get([prefix + key.encode() for key in missing])
        for key, value in zip(missing, found, strict=True):
            if value is not None and not _over((entry := decode(value)).time_ms, forgotten_ms):
                at_hand[key] = entry

    def predictions(self) -> Iterator[tuple[str, Seen]]:
        """Every prediction that is remembered, at hand or not."""
        prefix = self._key("p")
        yield from self.seen.items()
        for at, value in self.store.scan(prefix):
            key, seen = at[len(prefix) :].decode(), _seen(value)
            if key not in self.seen and not _over(seen.time_ms, self._forgotten.predictions_ms):
                yield key, seen

    # -- what comes ----------------------------------------------------------------------------

    def remember(self, key: str, seen: Seen) -> None:
        """Take a new prediction."""
        self._take(key, seen)
        self._change.predictions.append(
            (key, seen.time_ms, seen.version, seen.prediction, seen.crc)
        )

    def label(self, key: str, label: Label, trace: Trace | None = None) -> None:
        """Take a label; with the trace of its record it waits for its prediction."""
        if trace is not None:
            self._traces[label.offset] = trace
            self._change.traces.append(trace)
        self._label(key, label)
        self._change.labels.append((key, *label))

    def review(self, key: str, time_ms: int, crc: int) -> None:
        """Take a review's id."""
        self._review(key, time_ms, crc)
        self._change.reviews.append((key, time_ms, crc))

    def claim(self, key: str) -> Claimed:
        """Hand the waiting labels of a prediction that has come to it, in the order they came."""
        seen, taken, again, lost = self.seen[key], 0, 0, []
        if key not in self.waiting:
            return Claimed(0, 0, [])
        self._dirty.waiting.add(key)
        self._dirty.seen.add(key)
        for label in sorted(self.waiting.pop(key), key=lambda waited: waited.offset):
            trace = self._traces.pop(label.offset)
            if not in_reach(label, seen.time_ms, self.max_delay_ms):
                lost.append(trace)
            elif repeated(seen.chain, label):
                again += 1
            else:
                taken += 1
                seen.chain = with_label(seen.chain, label)
        return Claimed(taken, again, lost)

    def forget(self, before_ms: int, reviews_before_ms: int) -> None:
        """Drop predictions and reviews made before a time (rounded down to an hour)."""
        if self._forget(before_ms, reviews_before_ms):
            self._change.forgotten_ms = max(before_ms, 0)
            self._change.reviews_forgotten_ms = max(reviews_before_ms, 0)

    def orphans(self, before_ms: int) -> dict[str, list[Trace]]:
        """Take out labels that came before a time and whose prediction never came.

        A chain is judged by its last label, so that all labels of one prediction share its fate.
        """
        gone = [k for k, chain in self.waiting.items() if chain[-1].timestamp < before_ms]
        self._change.orphans += gone
        return {key: self._give_up(key) for key in gone}

    # -- flushes -------------------------------------------------------------------------------

    def drain(self) -> list[bytes]:
        """What is new since the last call, as records of the log; `writes` is for the store."""
        return [_compress(_encode(piece)) for piece in _cut(self.settle())]

    def settle(self) -> Change:
        """Make `writes` of what is new since the last call, and return it."""
        change, self._change = self._change, Change(self.model_id)
        self.writes = self._written(change)
        return change

    def committed(self) -> None:
        """The store has been told: at hand stays only what has changed since."""
        self.writes = {}
        self.seen = {k: self.seen[k] for k in self._dirty.seen if k in self.seen}
        self.reviews = {k: self.reviews[k] for k in self._dirty.reviews if k in self.reviews}

    def _written(self, change: Change) -> dict[bytes, bytes | None]:
        dirty, self._dirty = self._dirty, _Dirty()
        writes: dict[bytes, bytes | None] = {}
        self._sweep(writes)
        changed: tuple[tuple[str, set[str], Mapping[str, Seen | Review]], ...] = (
            ("p", dirty.seen, self.seen),
            ("r", dirty.reviews, self.reviews),
        )
        for kind, keys, at_hand in changed:
            prefix = self._key(kind)
            for key in keys & at_hand.keys():
                writes[prefix + key.encode()] = _row(at_hand[key])
        for key in dirty.waiting:
            chain = self.waiting.get(key)
            traces = [self._traces[label.offset] for label in chain or ()]
            writes[self._key("w", key)] = _row(Waited(chain, traces)) if chain else None
        for kind, entries in (("h", change.predictions), ("i", change.reviews)):
            hours: dict[int, list[str]] = {}
            for key, time_ms, *_ in entries:
                hours.setdefault(_hour(time_ms), []).append(key)
            for hour, made in hours.items():
                writes[self._hour_key(kind, hour) + made[0].encode()] = _row(made)
        if dirty.forgotten:
            writes[self._key("f")] = _row(self._forgotten)
        return writes

    def _sweep(self, writes: dict[bytes, bytes | None]) -> None:
        """Delete what is forgotten, some at a time: whoever asks has not seen it for long."""
        self._predictions_swept = self._deletions(
            writes, "h", "p", self._predictions_swept, self._forgotten.predictions_ms
        )
        self._reviews_swept = self._deletions(
            writes, "i", "r", self._reviews_swept, self._forgotten.reviews_ms
        )

    def _deletions(
        self, writes: dict[bytes, bytes | None], hours: str, of: str, start: bytes, before_ms: int
    ) -> bytes:
        """Deletions of what was made in hours before a time; return where to go on."""
        end, left = self._hour_key(hours, _hour(before_ms)), SWEPT
        if start >= end:
            return start
        prefix = self._key(of)
        for block, ids in self.store.scan(self._key(hours), start):
            if block >= end:
                break
            if left <= 0:
                return start
            keys = [prefix + key.encode() for key in _ids(ids)]
            for key, row in zip(keys, self.store.get(keys), strict=True):
                # An id may have come again since, long after: then it is another's.
                if row is not None and _over(_time(row), before_ms):
                    writes[key] = None
            writes[block] = None
            left -= len(keys)
            start = block + b"\0"
        return end

    # -- after a crash -------------------------------------------------------------------------

    def _load(self) -> None:
        """Take up what the store has."""
        (row,) = self.store.get([self._key("f")])
        if row is not None:
            self._forgotten = _forgotten(row)
        prefix = self._key("w")
        for at, value in self.store.scan(prefix):
            waited = _waited(value)
            self.waiting[at[len(prefix) :].decode()] = waited.chain
            self._traces |= {trace.offset: trace for trace in waited.traces}

    def restore(self, change: Change) -> None:
        """Apply a record of the log."""
        self._forget(change.forgotten_ms, change.reviews_forgotten_ms)
        self.fetch([entry[0] for entry in change.labels])
        for key, time_ms, version, prediction, crc in change.predictions:
            self._take(key, Seen(time_ms, version, prediction, crc))
            self.claim(key)
        for trace in change.traces:
            self._traces[trace.offset] = trace
        for key, timestamp, offset, label, known_ms in change.labels:
            self._label(key, Label(timestamp, offset, label, known_ms))
        for key, time_ms, crc in change.reviews:
            self._review(key, time_ms, crc)
        for key in change.orphans:
            self._give_up(key)
        # It is in the log already; only the store is to be told.
        self._change.predictions += change.predictions
        self._change.reviews += change.reviews

    def _give_up(self, key: str) -> list[Trace]:
        self._dirty.waiting.add(key)
        return [self._traces.pop(label.offset) for label in self.waiting.pop(key, ())]

    def _take(self, key: str, seen: Seen) -> None:
        self.seen[key] = seen
        self._dirty.seen.add(key)

    def _label(self, key: str, label: Label) -> None:
        seen = self.seen.get(key)
        if seen is None:
            self.waiting[key] = with_label(self.waiting.get(key, ()), label)
            self._dirty.waiting.add(key)
            return
        # A label that waited and was claimed within one flush is met here, after its prediction.
        self._traces.pop(label.offset, None)
        if in_reach(label, seen.time_ms, self.max_delay_ms) and not repeated(seen.chain, label):
            seen.chain = with_label(seen.chain, label)
            self._dirty.seen.add(key)

    def _review(self, key: str, time_ms: int, crc: int) -> None:
        self.reviews[key] = Review(time_ms, crc)
        self._dirty.reviews.add(key)

    def _forget(self, before_ms: int, reviews_before_ms: int) -> bool:
        was = self._forgotten
        now = Forgotten(
            max(was.predictions_ms, _hour(before_ms)), max(was.reviews_ms, _hour(reviews_before_ms))
        )
        if now == was:
            return False
        self._forgotten = now
        self._dirty.forgotten = True
        for key in [k for k, s in self.seen.items() if _over(s.time_ms, now.predictions_ms)]:
            del self.seen[key]
        for key in [k for k, r in self.reviews.items() if _over(r.time_ms, now.reviews_ms)]:
            del self.reviews[key]
        return True

    def _key(self, kind: str, key: str = "") -> bytes:
        return f"{self.model_id}\0{kind}{key}".encode()

    def _hour_key(self, kind: str, hour_ms: int) -> bytes:
        return self._key(kind) + max(hour_ms, 0).to_bytes(8, "big")


class _Dirty:
    """Keys that have changed since the last drain."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self.reviews: set[str] = set()
        self.waiting: set[str] = set()
        self.forgotten = False


def _over(time_ms: int, before_ms: int) -> bool:
    """Whether the hour of a time has ended before a time."""
    return _hour(time_ms) + HOUR_MS <= before_ms


def _hour(time_ms: int) -> int:
    return time_ms - time_ms % HOUR_MS
