"""Events that are remembered: ids seen, predictions that wait for labels, labels that wait.

An entry lives as long as something may still refer to it, and no longer: until the watermarks
have passed the label horizon (or, without labels, the pane's close). What a flush changed is one
record of the join log; reading the log again gives the same memory, here or on another machine.
"""

from collections.abc import Iterator

import msgspec
import zstandard

from monitor.observe.outcomes import Chain, Label, with_label
from monitor.panes.codec import FORMAT

HOUR_MS = 3_600_000
#: Entries in one record of the log: about 60 bytes each, at most 260.
ENTRIES = 3_000


class Seen(msgspec.Struct, array_like=True, gc=False):
    """A prediction as it is remembered: when, of what version and class, and its payload's CRC."""

    time_ms: int
    version: str
    prediction: str
    crc: int
    chain: tuple[Label, ...] = ()


class Change(msgspec.Struct, array_like=True):
    """What one flush did to the memory of one model: predictions, labels and reviews by id.

    What was made before `forgotten_ms` was dropped before everything else of the flush; `orphans`
    are ids whose labels were given up after it. Replayed in this order, the log makes the same
    memory: a label of a prediction that is forgotten waits, and must not find it again.
    """

    model_id: str
    forgotten_ms: int = 0
    predictions: list[tuple[str, int, str, str, int]] = []
    labels: list[tuple[str, int, int, str]] = []
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
    if change.forgotten_ms:
        yield Change(model, forgotten_ms=change.forgotten_ms)
    for n in range(0, len(change.predictions), ENTRIES):
        yield Change(model, predictions=change.predictions[n : n + ENTRIES])
    for n in range(0, len(change.labels), ENTRIES):
        yield Change(model, labels=change.labels[n : n + ENTRIES])
    for n in range(0, len(change.reviews), ENTRIES):
        yield Change(model, reviews=change.reviews[n : n + ENTRIES])
    for n in range(0, len(change.orphans), ENTRIES):
        yield Change(model, orphans=change.orphans[n : n + ENTRIES])


class Memory:
    """The memory of one model in one source partition."""

    def __init__(self, model_id: str) -> None:
        self.model_id = model_id
        self.seen: dict[str, Seen] = {}
        self.waiting: dict[str, Chain] = {}
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

    def label(self, key: str, label: Label) -> None:
        """Take a label; it waits where its prediction has not come."""
        self._label(key, label)
        self._change.labels.append((key, *label))

    def review(self, key: str, time_ms: int, crc: int) -> None:
        """Take a review's id."""
        self._review(key, time_ms, crc)
        self._change.reviews.append((key, time_ms, crc))

    def claim(self, key: str) -> Chain:
        """Hand the waiting labels of a prediction that has come to it."""
        chain = self.waiting.pop(key, ())
        if chain:
            self.seen[key].chain = chain
        return chain

    def drain(self) -> list[bytes]:
        """What has been added since the last call, as records of the log."""
        change, self._change = self._change, Change(self.model_id)
        return [_compress(_encode(piece)) for piece in _cut(change)]

    def restore(self, change: Change) -> None:
        """Apply a record of the log."""
        if change.forgotten_ms:
            self._forget(change.forgotten_ms)
        for key, time_ms, version, prediction, crc in change.predictions:
            self._take(key, Seen(time_ms, version, prediction, crc))
            self.claim(key)
        for key, timestamp, offset, label in change.labels:
            self._label(key, Label(timestamp, offset, label))
        for key, time_ms, crc in change.reviews:
            self._review(key, time_ms, crc)
        for key in change.orphans:
            self.waiting.pop(key, None)

    def forget(self, before_ms: int) -> None:
        """Drop predictions and reviews made before a time (rounded down to an hour)."""
        if self._forget(before_ms):
            self._change.forgotten_ms = before_ms

    def orphans(self, before_ms: int) -> dict[str, Chain]:
        """Take out labels that came before a time and whose prediction never came.

        A chain is judged by its last label, so that all labels of one prediction share its fate.
        """
        gone = {k: c for k, c in self.waiting.items() if c[-1].timestamp < before_ms}
        for key in gone:
            del self.waiting[key]
        self._change.orphans += gone
        return gone

    def _take(self, key: str, seen: Seen) -> None:
        self.seen[key] = seen
        self._hours.setdefault(seen.time_ms - seen.time_ms % HOUR_MS, []).append(key)

    def _label(self, key: str, label: Label) -> None:
        seen = self.seen.get(key)
        if seen is None:
            self.waiting[key] = with_label(self.waiting.get(key, ()), label)
        else:
            seen.chain = with_label(seen.chain, label)

    def _review(self, key: str, time_ms: int, crc: int) -> None:
        self.reviews[key] = (time_ms, crc)
        self._review_hours.setdefault(time_ms - time_ms % HOUR_MS, []).append(key)

    def _forget(self, before_ms: int) -> bool:
        dropped = False
        for hours, entries in ((self._hours, self.seen), (self._review_hours, self.reviews)):
            for hour in [h for h in hours if h + HOUR_MS <= before_ms]:
                dropped = True
                for key in hours.pop(hour):
                    entries.pop(key, None)
        return dropped
