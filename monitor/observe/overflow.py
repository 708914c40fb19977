"""Predictions that were counted and not remembered, by pane: their model's memory was full.

Nobody can tell whether such a one came again, or whose label a label is. So the pane that it falls
into is marked: its total stays right, and whoever judges it is told how many there are.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping

from monitor.observe.fold import PaneKey
from monitor.observe.outcomes import Chain
from monitor.panes.messages import Unremembered


class Overflow:
    """What the memory of one model in one source partition had no room for."""

    def __init__(self, model_id: str, source: int, pane_ms: int) -> None:
        self.model_id = model_id
        self.source = source
        self.pane_ms = pane_ms
        self.counts: dict[PaneKey, int] = {}
        #: Those that have changed since they were last handed out.
        self.changed: set[PaneKey] = set()

    def add(self, pane: PaneKey) -> None:
        """One more of this pane."""
        self.counts[pane] = self.counts.get(pane, 0) + 1
        self.changed.add(pane)

    def message(self, pane: PaneKey) -> Unremembered:
        """How many there are of a pane, as a message."""
        return Unremembered(self.model_id, *pane, self.source, self.counts[pane])

    def restore(self, message: Unremembered) -> None:
        """Take up a pane; it is told again: a repeated snapshot replaces an equal one."""
        pane = message.version, message.start_ms
        self.counts[pane] = message.predictions
        self.changed.add(pane)

    def reached(self, chains: Mapping[str, Chain], delay_ms: int) -> Iterator[str]:
        """Keys of labels or reviews, reaching so far, whose prediction may be one of these."""
        starts = sorted({start for _, start in self.counts})
        for key, chain in chains.items() if starts else ():
            first = min(label.known_ms for label in chain) - delay_ms
            last = max(label.timestamp for label in chain) + delay_ms
            at = bisect_left(starts, first - self.pane_ms + 1)
            if at < len(starts) and starts[at] <= last:
                yield key

    def over(self, before_ms: int) -> list[PaneKey]:
        """Panes that had ended before a time, and of which nothing is to be told."""
        ended = [pane for pane in self.counts if pane[1] + self.pane_ms <= before_ms]
        return [pane for pane in ended if pane not in self.changed]
