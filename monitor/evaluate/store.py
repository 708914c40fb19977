"""Snapshots of panes by source partition: replaced, then summed, so repeats are harmless."""

from collections.abc import Iterator

import numpy as np

from monitor.baselines.baseline import Baseline
from monitor.panes.codec import Counts, unpack
from monitor.panes.messages import InputPane, OutcomePane
from monitor.registry.specs import HOUR_MS

Pane = InputPane | OutcomePane
PaneId = tuple[str, str, int, int, int, str]


def pane_id(pane: Pane) -> PaneId:
    """What a later snapshot of the same pane shares with it: its row key in the state.

    Inputs counted with two baselines stand side by side. Outcomes don't: where the baseline has
    changed, observe counts the whole pane anew.
    """
    if isinstance(pane, InputPane):
        kind, block, fingerprint = "input", pane.block, pane.fingerprint
    else:
        kind, block, fingerprint = "outcome", 0, ""
    return kind, pane.version, pane.start_ms, pane.source, block, fingerprint


class PaneStore:
    """The latest snapshot of every pane of one model that a window may still need."""

    def __init__(self) -> None:
        self.panes: dict[PaneId, Pane] = {}
        self.starts: dict[str, dict[int, set[PaneId]]] = {"input": {}, "outcome": {}}

    def put(self, pane: Pane) -> PaneId:
        """Replace the snapshot of a pane."""
        key = pane_id(pane)
        self.panes[key] = pane
        self.starts[key[0]].setdefault(pane.start_ms, set()).add(key)
        return key

    def first_start(self, kind: str) -> int | None:
        """The start of the earliest pane held of a kind, in ms."""
        return min(self.starts[kind], default=None)

    def within(self, kind: str, start_ms: int, end_ms: int) -> list[Pane]:
        """The snapshots of panes that start in [start, end)."""
        found = (k for s, keys in self.starts[kind].items() if start_ms <= s < end_ms for k in keys)
        return [self.panes[key] for key in sorted(found)]

    def drop(self, kind: str, before_ms: int, fingerprint: str) -> Iterator[PaneId]:
        """Forget panes of a kind that start before a time; yield their ids.

        Those of another fingerprint may be longer than ours and reach into a window to come: they
        stay an hour more, which is the longest pane.
        """
        for start in sorted(s for s in self.starts[kind] if s < before_ms):
            keys = self.starts[kind][start]
            spared = start + HOUR_MS > before_ms
            for key in sorted(k for k in keys if not spared or k[-1] == fingerprint):
                keys.discard(key)
                del self.panes[key]
                yield key
            if not keys:
                del self.starts[kind][start]


def sum_inputs(panes: list[InputPane], baseline: Baseline) -> Counts:
    """Sum snapshots over panes and partitions: int64[layout.width]."""
    layout = baseline.layout
    total = np.zeros(layout.width, dtype=np.int64)
    for pane in panes:
        where = layout.blocks[pane.block]
        total[where] += unpack(pane.counts, where.stop - where.start)
    return total


def rows_of(panes: list[InputPane]) -> int:
    """Predictions in the panes; every block of a pane repeats its number."""
    return sum(pane.rows for pane in panes if pane.block == 0)


def sum_outcomes(panes: list[OutcomePane], ages: int, classes: int) -> tuple[Counts, int]:
    """Sum snapshots: int64[ages, classes, classes], and the number of predictions."""
    total = np.zeros((ages, classes, classes), dtype=np.int64)
    for pane in panes:
        total += unpack(pane.counts, total.size).reshape(total.shape)
    return total, sum(pane.predictions for pane in panes)
