"""Records of the join log: what one flush did to the memory of one model.

Reading them again in order gives the same memory, here or on another machine.
"""

from collections.abc import Iterator, Sequence
from typing import TypeVar

import msgspec
import zstandard

from monitor.observe.rejection import Trace
from monitor.panes.codec import FORMAT

#: Entries in one record of the log: about 60 bytes each, at most 800; with a trace at most 1,900.
ENTRIES = 1_200
TRACED = 500
#: A waiting label or review: the id of its prediction, and its fields.
Said = tuple[str, int, int, str, int]
_Entry = TypeVar("_Entry")


class Change(msgspec.Struct, array_like=True):
    """What one flush did to the memory of one model: predictions, labels and reviews by id.

    What was made before `forgotten_ms` (reviews and approvals: their own times) was dropped before
    everything else of the flush; `orphans` are ids whose labels were given up after it. Replayed in
    this order, the log makes the same memory: a label of a prediction that is forgotten waits, and
    must not find it again. `traces` are what is left of the records of labels that wait, and stand
    beside them in one record: a crash within a replay must not part them. Of reviews, `reviews`
    has the ids, and `waiting_reviews` those that wait for their predictions; `orphan_reviews` are
    ids of predictions. Of predictions, reviews and approvals, `hashes` and the like say in the same
    order what is remembered of the keys that they came with, and are empty where every id is the
    key itself. Records from before these were `noted` have none, whatever the keys were.
    """

    model_id: str
    forgotten_ms: int = 0
    reviews_forgotten_ms: int = 0
    predictions: list[tuple[str, int, str, str, int]] = []
    traces: list[Trace] = []
    labels: list[Said] = []
    reviews: list[tuple[str, int, int]] = []
    orphans: list[str] = []
    format: int = FORMAT
    review_traces: list[Trace] = []
    waiting_reviews: list[Said] = []
    orphan_reviews: list[str] = []
    approvals_forgotten_ms: int = 0
    approvals: list[tuple[str, int, int]] = []
    hashes: list[int | None] = []
    review_hashes: list[int | None] = []
    approval_hashes: list[int | None] = []
    noted: bool = False


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Change).decode
_compress = zstandard.ZstdCompressor(level=1).compress
_decompress = zstandard.ZstdDecompressor().decompress


def pack_change(change: Change) -> list[bytes]:
    """A change as records of the join log, each under Kafka's 1 MB."""
    if change == Change(change.model_id, noted=change.noted):
        return []
    return [_compress(_encode(piece)) for piece in _cut(change)]


def unpack_change(data: bytes) -> Change:
    """One record of the join log."""
    return _decode(_decompress(data, max_output_size=256 * 2**20))


def _cut(change: Change) -> Iterator[Change]:
    """The same change in pieces that stay under Kafka's 1 MB, in the order of `restore`."""
    model = change.model_id
    forgotten = (
        change.forgotten_ms, change.reviews_forgotten_ms, change.approvals_forgotten_ms
    )  # fmt: skip
    if any(forgotten):
        yield Change(model, *forgotten[:2], approvals_forgotten_ms=forgotten[2])
    for entries, hashes in _hashed(change.predictions, change.hashes):
        yield Change(model, predictions=entries, hashes=hashes, noted=change.noted)
    for traces, labels in _traced(change.traces, change.labels):
        yield Change(model, traces=traces, labels=labels)
    for ids, hashes in _hashed(change.reviews, change.review_hashes):
        yield Change(model, reviews=ids, review_hashes=hashes, noted=change.noted)
    for n in range(0, len(change.orphans), ENTRIES):
        yield Change(model, orphans=change.orphans[n : n + ENTRIES])
    for traces, waiting in _traced(change.review_traces, change.waiting_reviews):
        yield Change(model, review_traces=traces, waiting_reviews=waiting)
    for n in range(0, len(change.orphan_reviews), ENTRIES):
        yield Change(model, orphan_reviews=change.orphan_reviews[n : n + ENTRIES])
    for ids, hashes in _hashed(change.approvals, change.approval_hashes):
        yield Change(model, approvals=ids, approval_hashes=hashes, noted=change.noted)


def _hashed(
    entries: Sequence[_Entry], hashes: Sequence[int | None]
) -> Iterator[tuple[list[_Entry], list[int | None]]]:
    """Entries in pieces, each with its hashes."""
    for n in range(0, len(entries), ENTRIES):
        mine = list(hashes[n : n + ENTRIES])
        some = any(one is not None for one in mine)
        yield list(entries[n : n + ENTRIES]), mine if some else []


def _traced(
    traces: Sequence[Trace], said: Sequence[Said]
) -> Iterator[tuple[list[Trace], list[Said]]]:
    """Labels or reviews in pieces, each with the traces of those that wait."""
    left = {trace.offset: trace for trace in traces}
    size = TRACED if left else ENTRIES
    for n in range(0, len(said), size):
        piece = list(said[n : n + size])
        yield [left[offset] for _, _, offset, *_ in piece if offset in left], piece
