"""The outcomes of one model: each source's latest snapshot of every pane, and sums over them.

A label that comes weeks late replaces the snapshot of its pane, so snapshots are held until the
last label age has been judged. What is summed, of a pane, an hour or a day, is remembered until
one of its snapshots is replaced: a window costs its roll-ups, and what has changed in them.
"""

from bisect import bisect_left, insort
from dataclasses import dataclass

import numpy as np

from monitor.evaluate.input_sums import Key
from monitor.evaluate.rollup import pieces, units
from monitor.observe.model import Monitored
from monitor.panes.codec import Counts, pack, unpack
from monitor.panes.messages import OutcomePane, encode


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Predictions of one version in a stretch of time, and what their labels said.

    `counts` (packed) is ages x classes x classes. `foreign` are predictions whose snapshots were
    made under another configuration: those of before were counted anew, and sent again, by
    whoever took up the partition, so that they count only where there are no others.
    """

    predictions: int
    foreign: int
    counts: bytes | None


@dataclass(slots=True)
class OutcomeTotal:
    """What a window holds of one version; `ours` where it was counted as configured now."""

    predictions: int
    ours: bool
    counts: Counts


class OutcomeSums:
    """Snapshots of outcome panes, sums by unit of time, and the rows that hold the snapshots."""

    def __init__(self, model: Monitored) -> None:
        self.fingerprint = model.fingerprint
        self.units = units(model.spec.pane_ms)
        outcomes = model.baseline.outcomes if model.baseline else None
        #: Without a baseline there are no classes, and predictions alone are counted.
        self.shape = outcomes.counts.shape if outcomes else (0, 0, 0)
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
        return {
            version: self._unpacked(_of_version(parts, version))
            for version in sorted({version for part in parts for version in part})
        }

    def _unpacked(self, parts: list[Outcomes]) -> OutcomeTotal:
        counts = [part.counts for part in parts if part.counts is not None]
        ours = bool(counts)
        rows = sum(part.predictions if ours else part.foreign for part in parts)
        return OutcomeTotal(rows, ours, self._add(counts))

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
        by_version: dict[str, list[OutcomePane]] = {}
        for one in at:
            for _, pane in sorted(self.snapshots[one].items()):
                by_version.setdefault(pane.version, []).append(pane)
        found = {}
        for version, panes in by_version.items():
            ours = [pane for pane in panes if pane.fingerprint == self.fingerprint]
            found[version] = Outcomes(
                sum(pane.predictions for pane in ours),
                sum(pane.predictions for pane in panes if pane.fingerprint != self.fingerprint),
                pack(self._add([pane.counts for pane in ours])) if ours else None,
            )
        return found

    def _whole(self, n: int, start: int, end: int) -> dict[str, Outcomes]:
        parts = [self._sum(n - 1, at) for at in range(start, end, self.units[n - 1])]
        found = {}
        for version in sorted({version for part in parts for version in part}):
            mine = _of_version(parts, version)
            counts = [part.counts for part in mine if part.counts is not None]
            found[version] = Outcomes(
                sum(part.predictions for part in mine),
                sum(part.foreign for part in mine),
                pack(self._add(counts)) if counts else None,
            )
        return found

    def _add(self, packed: list[bytes]) -> Counts:
        total = np.zeros(self.shape, dtype=np.int64)
        for counts in packed if total.size else ():
            total += unpack(counts, total.size).reshape(total.shape)
        return total

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


def _of_version(parts: list[dict[str, Outcomes]], version: str) -> list[Outcomes]:
    return [part[version] for part in parts if version in part]
