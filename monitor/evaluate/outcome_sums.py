"""The outcomes of one model: each source's latest snapshot of every pane, and sums over them.

A label that comes weeks late replaces the snapshot of its pane, so snapshots are held until the
last label age has been judged. What is summed, of a pane, an hour or a day, is remembered until
one of its snapshots is replaced: a window costs its roll-ups, and what has changed in them.
"""

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from monitor.evaluate.input_sums import Key, length_of
from monitor.evaluate.rollup import pieces
from monitor.observe.model import Monitored, Period
from monitor.panes.codec import Counts, pack, unpack
from monitor.panes.messages import OutcomePane, encode
from monitor.registry.specs import units


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Predictions of one version in a stretch of time, and what their labels said.

    `counts` (packed) is ages x classes x classes, `sources` are those that it is made of. Whoever
    takes up a source's partition counts anew what was counted under another configuration, and
    sends it again. `strange` are predictions of panes that this would replace, and has not;
    `foreign`, by source, those of panes of another length, which count only where there is nothing
    else of their source.
    """

    predictions: int
    sources: frozenset[int]
    strange: int
    foreign: Mapping[int, int]
    counts: bytes | None

    def estranged(self, sources: frozenset[int]) -> int:
        """Predictions of which nothing else is known than that they were made."""
        beyond = (n for source, n in self.foreign.items() if source not in sources)
        return self.strange + sum(beyond)


@dataclass(slots=True)
class OutcomeTotal:
    """What a window holds of one version; `ours` where it was counted as configured now."""

    predictions: int
    ours: bool
    counts: Counts


class OutcomeSums:
    """Snapshots of outcome panes, sums by unit of time, and the rows that hold the snapshots."""

    def __init__(self, model: Monitored) -> None:
        self.model = model
        self.units = units(model.spec.pane_ms)
        self.snapshots: dict[int, dict[Key, OutcomePane]] = {}
        #: The starts of all panes held, in order.
        self.starts: list[int] = []
        #: Panes that start before are judged and gone.
        self.gone: int | None = None
        #: Rows that have changed since they were last asked for; None where one has gone.
        self.rows: dict[Key, bytes | None] = {}
        self._sums: tuple[dict[int, dict[str, Outcomes]], ...] = tuple({} for _ in self.units)

    def put(self, pane: OutcomePane) -> bool:
        """Hold or replace a snapshot; say whether anything still needs it."""
        if self.gone is not None and pane.start_ms < self.gone:
            return False
        self.restore_snapshot(pane)
        self.rows[snapshot_key(pane)] = encode(pane)
        return True

    def restore_snapshot(self, pane: OutcomePane) -> None:
        """Take up a snapshot; what was summed of its time holds no longer."""
        start = pane.start_ms
        if start not in self.snapshots:
            insort(self.starts, start)
        self.snapshots.setdefault(start, {})[snapshot_key(pane)] = pane
        for unit, sums in zip(self.units, self._sums, strict=True):
            sums.pop(start - start % unit, None)

    def first(self) -> int | None:
        """The start of the earliest pane held, in ms."""
        return self.starts[0] if self.starts else None

    def next(self, from_ms: int) -> int | None:
        """The start of the earliest pane held from a time on, in ms."""
        at = bisect_left(self.starts, from_ms)
        return self.starts[at] if at < len(self.starts) else None

    def total(self, start_ms: int, end_ms: int) -> dict[str, OutcomeTotal]:
        """All that is known of predictions in [start, end), by version."""
        parts = [self._sum(n, at) for n, at in pieces(start_ms, end_ms, self.units)]
        period = self.model.within(start_ms, end_ms)
        return {
            version: self._unpacked(_of_version(parts, version), period)
            for version in sorted({version for part in parts for version in part})
        }

    def _unpacked(self, parts: list[Outcomes], period: Period | None) -> OutcomeTotal:
        """All parts in one, where one baseline holds; else no more than how many there are."""
        rows = sum(part.predictions for part in parts)
        if period is None:
            rows += sum(part.estranged(part.sources) for part in parts)
            return OutcomeTotal(rows, False, np.zeros((0, 0, 0), dtype=np.int64))
        sources = frozenset[int]().union(*(part.sources for part in parts))
        estranged = sum(part.estranged(sources) for part in parts)
        counts = [part.counts for part in parts if part.counts is not None]
        return OutcomeTotal(rows + estranged, not estranged, _add(counts, period))

    def _sum(self, n: int, start: int) -> dict[str, Outcomes]:
        """The sum of one unit of time, made of the next shorter ones unless it is remembered."""
        found = self._sums[n].get(start)
        if found is None:
            end = start + self.units[n]
            at = bisect_left(self.starts, start)
            if at == len(self.starts) or self.starts[at] >= end:
                return {}
            found = self._pane(start, end) if n == 0 else self._whole(n, start, end)
            self._sums[n][start] = found
        return found

    def _pane(self, start: int, end: int) -> dict[str, Outcomes]:
        at = self.starts[bisect_left(self.starts, start) : bisect_left(self.starts, end)]
        period = self.model.at(start)
        by_version: dict[str, list[OutcomePane]] = {}
        for one in at:
            for _, pane in sorted(self.snapshots[one].items()):
                by_version.setdefault(pane.version, []).append(pane)
        found = {}
        for version, panes in by_version.items():
            ours = [pane for pane in panes if pane.fingerprint == period.fingerprint]
            strange, foreign = 0, Counter[int]()
            for pane in panes:
                if length_of(pane.fingerprint) != self.units[0]:
                    foreign[pane.source] += pane.predictions
                elif pane.fingerprint != period.fingerprint:
                    strange += pane.predictions
            found[version] = Outcomes(
                sum(pane.predictions for pane in ours),
                frozenset(pane.source for pane in ours),
                strange,
                foreign,
                pack(_add([pane.counts for pane in ours], period)) if ours else None,
            )
        return found

    def _whole(self, n: int, start: int, end: int) -> dict[str, Outcomes]:
        parts = [self._sum(n - 1, at) for at in range(start, end, self.units[n - 1])]
        period = self.model.at(start)
        found = {}
        for version in sorted({version for part in parts for version in part}):
            mine = _of_version(parts, version)
            counts = [part.counts for part in mine if part.counts is not None]
            found[version] = Outcomes(
                sum(part.predictions for part in mine),
                frozenset[int]().union(*(part.sources for part in mine)),
                sum(part.strange for part in mine),
                sum((Counter(part.foreign) for part in mine), Counter[int]()),
                pack(_add(counts, period)) if counts else None,
            )
        return found

    def forget(self, before_ms: int) -> None:
        """Drop panes that start before a time: no window needs them any more."""
        self.gone = before_ms if self.gone is None else max(self.gone, before_ms)
        at = bisect_left(self.starts, self.gone)
        for start in self.starts[:at]:
            self.rows |= dict.fromkeys(self.snapshots.pop(start))
        del self.starts[:at]
        for unit, sums in zip(self.units, self._sums, strict=True):
            for start in [start for start in sums if start + unit <= self.gone]:
                del sums[start]


def snapshot_key(pane: OutcomePane) -> Key:
    """What a later snapshot of the same pane shares with it: its row key in the state.

    Where the configuration has changed observe counts the whole pane anew: that one replaces too.
    """
    return ("pane", pane.model_id, "outcome", pane.version, pane.start_ms, pane.source, 0, "")


def _add(packed: list[bytes], period: Period) -> Counts:
    """Counts of one period added up; without a baseline there are no classes to count by."""
    outcomes = period.baseline.outcomes if period.baseline else None
    total = np.zeros(outcomes.counts.shape if outcomes else (0, 0, 0), dtype=np.int64)
    for counts in packed if total.size else ():
        total += unpack(counts, total.size).reshape(total.shape)
    return total


def _of_version(parts: list[dict[str, Outcomes]], version: str) -> list[Outcomes]:
    return [part[version] for part in parts if version in part]
