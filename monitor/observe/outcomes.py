"""What labels say of predictions, by the age of the label.

A cell counts predictions of one class that were labelled with another, in the age bucket of the
label. A correction is a change in the bucket of *its* age: minus the old cell, plus the new. So
the sum of the buckets up to an age is what was known at that age.

A label's age is the age at which it was *known*: by its own time, or, if it came behind the
watermark of the labels, by that. Whoever judges a window when the watermark has passed an age sees
all labels of that age and none that come later, whenever it looks.
"""

from bisect import bisect_left
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from monitor.panes.codec import Counts
from monitor.stats.grid import canonical


class Label(NamedTuple):
    """One label; sorts by (timestamp in ms, offset): the greatest is the one that holds.

    `known_ms` is its timestamp, or the watermark that it came behind.
    """

    timestamp: int
    offset: int
    label: str
    known_ms: int


Chain = tuple[Label, ...]


def with_label(chain: Chain, label: Label) -> Chain:
    """The chain with one more label, in order of time; labels of one time by offset."""
    return tuple(sorted((*chain, label)))


def repeated(chain: Chain, label: Label) -> bool:
    """Whether a label says what the chain has already, of the same time."""
    return any(x.timestamp == label.timestamp and x.label == label.label for x in chain)


def in_reach(label: Label, predicted_at: int, max_delay_ms: int) -> bool:
    """Whether a label was known at most `max_delay_ms` after its prediction, or made so before."""
    return (
        label.known_ms - predicted_at <= max_delay_ms
        and predicted_at - label.timestamp <= max_delay_ms
    )


def changes(
    chain: Chain, predicted_at: int, ages_ms: tuple[int, ...]
) -> Iterator[tuple[int, str, int]]:
    """Changes (age bucket, label, ±1) that the labels of a prediction make, as they were known.

    A label older than the last age makes none.

    >>> list(changes((Label(5, 0, "a", 5), Label(30, 1, "b", 30)), 0, (10, 100)))
    [(0, 'a', 1), (1, 'a', -1), (1, 'b', 1)]
    """
    held: Label | None = None
    for label in sorted(chain, key=_when_known):
        bucket = bisect_left(ages_ms, label.known_ms - predicted_at)
        if bucket == len(ages_ms):
            return
        if held is not None and label < held:
            continue
        if held is None or held.label != label.label:
            if held is not None:
                yield bucket, held.label, -1
            yield bucket, label.label, 1
        held = label


def _when_known(label: Label) -> tuple[int, Label]:
    return label.known_ms, label


def class_name(value: object) -> str:
    """The name under which a prediction or label is counted: `1`, `1.0` and `"1"` are one class.

    >>> class_name(1.0), class_name("yes")
    ('1', 'yes')
    """
    return value if isinstance(value, str) else canonical(value) or ""


class Classes:
    """Indexes of class names; whatever the baseline has not seen is the last class, `__other__`."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.index = {name: n for n, name in enumerate(names)}
        self.other = len(names) - 1

    def __getitem__(self, name: str) -> int:
        return self.index.get(name, self.other)


class OutcomeCounts:
    """Outcome counts of one pane: int64[ages, classes, classes], and its number of predictions."""

    __slots__ = ("counts", "predictions")

    def __init__(self, ages: int, classes: int) -> None:
        self.predictions = 0
        self.counts: Counts = np.zeros((ages, classes, classes), dtype=np.int64)

    def replace(
        self,
        before: Chain,
        after: Chain,
        prediction: str,
        predicted_at: int,
        ages_ms: tuple[int, ...],
        classes: Classes,
    ) -> None:
        """Take back what the chain `before` said of a prediction and count what `after` says."""
        cell = classes[prediction]
        for bucket, label, sign in changes(before, predicted_at, ages_ms):
            self.counts[bucket, classes[label], cell] -= sign
        for bucket, label, sign in changes(after, predicted_at, ages_ms):
            self.counts[bucket, classes[label], cell] += sign
