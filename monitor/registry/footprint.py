"""What a model's memory takes: ids that wait for labels and reviews, or are told from repeats.

No more than a stated number are remembered in a partition. Beyond it predictions are still counted,
and windows that hold such ones are inconclusive: repeats may be among them.

Sizes and speed were measured with ids of 36 characters (UUIDs) and a label for each; shorter ids
take less.
"""

import math
from dataclasses import dataclass

from monitor.registry.specs import HOUR_MS, ModelSpec

#: Of an id in the store, and in the join log with its label.
STORE_BYTES = 110
LOG_BYTES = 65
#: Ids a second that one core makes of the log again.
RECOVERY_RATE = 50_000
#: More than this of one partition, on disk or in the time of a recovery, is refused.
STORE_LIMIT = 100 * 10**9
RECOVERY_LIMIT_S = 3600.0
#: No model remembers more in a partition, unless it says so: a recovery would take too long.
MOST_REMEMBERED = int(RECOVERY_RATE * RECOVERY_LIMIT_S)
#: Every model may remember so many, however few it expects: that takes 6 MB.
LEAST_REMEMBERED = 50_000
#: Times what is expected: for rush hours, and keys that do not spread evenly.
MARGIN = 4


@dataclass(frozen=True, slots=True)
class Footprint:
    """Ids that a model's memory holds at its expected rate, in one of the input's partitions."""

    ids: float

    @property
    def store_bytes(self) -> float:
        """Disk of the worker that owns the partition."""
        return self.ids * STORE_BYTES

    @property
    def log_bytes(self) -> float:
        """Disk of the brokers, for one replica."""
        return self.ids * LOG_BYTES

    @property
    def recovery_s(self) -> float:
        """How long another machine needs to take the partition over."""
        return self.ids / RECOVERY_RATE

    @property
    def excessive(self) -> bool:
        """Whether it is more than one partition should hold."""
        return self.store_bytes > STORE_LIMIT or self.recovery_s > RECOVERY_LIMIT_S


def footprint(spec: ModelSpec, partitions: int) -> Footprint | None:
    """The memory of a model in one of `partitions`; None if it remembers none, or without a rate.

    >>> from monitor.registry.specs import LabelsSpec
    >>> found = footprint(ModelSpec(id="m", expected_rate=100, labels=LabelsSpec()), 8)
    >>> round(found.ids / 1e6), round(found.store_bytes / 1e9, 1), round(found.recovery_s)
    (32, 3.6, 650)
    """
    if spec.expected_rate is None or not spec.remembers:
        return None
    # Forgotten by the hour, once the pane and the hour are over.
    horizon_ms = spec.join_ms + spec.lateness_ms + spec.pane_ms + HOUR_MS
    return Footprint(spec.expected_rate * horizon_ms / 1000 / partitions)


def most_remembered(spec: ModelSpec, partitions: int) -> int:
    """How many ids of a model are remembered at once in one of `partitions`.

    >>> found = [
    ...     ModelSpec(id="m", **told)
    ...     for told in ({"expected_rate": 100}, {"expected_rate": 1}, {}, {"max_remembered": 9})
    ... ]
    >>> [most_remembered(spec, 8) for spec in found]
    [360000, 50000, 180000000, 9]
    """
    if spec.max_remembered is not None:
        return spec.max_remembered
    expected = footprint(spec, partitions)
    if expected is None:
        return MOST_REMEMBERED
    return min(MOST_REMEMBERED, max(LEAST_REMEMBERED, math.ceil(MARGIN * expected.ids)))
