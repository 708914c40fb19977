"""Events that are remembered: ids seen, predictions that wait for labels, labels that wait.

An entry lives as long as something may still refer to it, and no longer: until the watermarks
have passed the label horizon (or, without labels, the pane's close). What a flush changed is one
record of the join log; reading the log again gives the same memory, here or on another machine.
"""

from collections.abc import Iterator
from typing import NamedTuple

import msgspec
import zstandard

from monitor.observe.outcomes import Chain, Label, in_reach, repeated, with_label
from monitor.observe.rejection import Trace
from monitor.panes.codec import FORMAT

HOUR_MS = 3_600_000
#: Entries in one record of the log: about 60 bytes each, at most 800; a trace at most 1,100.
ENTRIES = 1_200
TRACES = 800


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


class Memory:
    """The memory of one model in one source partition; labels reach `max_delay_ms` far."""

    def __init__(self, model_id: str, max_delay_ms: int = 0) -> None:
        self.model_id = model_id
        self.max_delay_ms = max_delay_ms
        self.seen: dict[str, Seen] = {}
        #: Every label that waits, repeated ones too: each is accounted for when its fate is known.
        self.waiting: dict[str, Chain] = {}
        self._traces: dict[int, Trace] = {}
        self.reviews: dict[str, tuple[int, int]] = {}
        self._hours: dict[int, list[str]] = {}
        self._review_hours: dict[int, list[str]] = {}
        self._change = Change(model_id)

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
        for label in sorted(self.waiting.pop(key, ()), key=lambda waited: waited.offset):
            trace = self._traces.pop(label.offset)
            if not in_reach(label, seen.time_ms, self.max_delay_ms):
                lost.append(trace)
            elif repeated(seen.chain, label):
                again += 1
            else:
                taken += 1
                seen.chain = with_label(seen.chain, label)
        return Claimed(taken, again, lost)

    def drain(self) -> list[bytes]:
        """What has been added since the last call, as records of the log."""
        change, self._change = self._change, Change(self.model_id)
        return [_compress(_encode(piece)) for piece in _cut(change)]

    def restore(self, change: Change) -> None:
        """Apply a record of the log."""
        self._forget(change.forgotten_ms, change.reviews_forgotten_ms)
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

    def _give_up(self, key: str) -> list[Trace]:
        return [self._traces.pop(label.offset) for label in self.waiting.pop(key, ())]

    def _take(self, key: str, seen: Seen) -> None:
        self.seen[key] = seen
        self._hours.setdefault(_hour(seen.time_ms), []).append(key)

    def _label(self, key: str, label: Label) -> None:
        seen = self.seen.get(key)
        if seen is None:
            self.waiting[key] = with_label(self.waiting.get(key, ()), label)
            return
        # A label that waited and was claimed within one flush is met here, after its prediction.
        self._traces.pop(label.offset, None)
        if in_reach(label, seen.time_ms, self.max_delay_ms) and not repeated(seen.chain, label):
            seen.chain = with_label(seen.chain, label)

    def _review(self, key: str, time_ms: int, crc: int) -> None:
        self.reviews[key] = (time_ms, crc)
        self._review_hours.setdefault(_hour(time_ms), []).append(key)

    def _forget(self, before_ms: int, reviews_before_ms: int) -> bool:
        dropped = False
        for hours, entries, before in (
            (self._hours, self.seen, before_ms),
            (self._review_hours, self.reviews, reviews_before_ms),
        ):
            for hour in [h for h in hours if h + HOUR_MS <= before]:
                dropped = True
                for key in hours.pop(hour):
                    # An id may have come again since, long after: then it is another's.
                    if key in entries and _hour(_time_of(entries[key])) == hour:
                        del entries[key]
        return dropped


def _hour(time_ms: int) -> int:
    return time_ms - time_ms % HOUR_MS


def _time_of(entry: Seen | tuple[int, int]) -> int:
    return entry.time_ms if isinstance(entry, Seen) else entry[0]
