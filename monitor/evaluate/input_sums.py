"""The inputs of one model: snapshots until they are settled, then sums, rolled up.

A pane is *settled* when every source partition has passed it. Until then the latest snapshot of
each source is held, and replaced; then these become one sum, and what comes again is ignored. Sums
of a whole hour make the sum of the hour, and those of a whole day that of the day. The shorter ones
go as soon as no window begins or ends within the longer.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from monitor.evaluate.rollup import finest, pieces
from monitor.observe.model import Monitored, Period
from monitor.panes.codec import FORMAT, Counts, pack, unpack
from monitor.panes.messages import END, UNHEARD, InputPane, encode
from monitor.registry.specs import WindowSpec, units

Key = tuple[Any, ...]


class SumRow(msgspec.Struct, array_like=True, frozen=True):
    """A block of columns of a settled sum, as it is stored.

    `counts` is packed. It is empty where the sum was made under another configuration: of that the
    number of predictions is told, and nothing else.
    """

    model_id: str
    version: str
    start_ms: int
    end_ms: int
    block: int
    rows: int
    fingerprint: str
    counts: bytes
    format: int = FORMAT


@dataclass(frozen=True, slots=True)
class Sum:
    """Predictions of one version in a stretch of time, and their counts, packed by block."""

    rows: int
    blocks: tuple[bytes, ...]


@dataclass(slots=True)
class Total:
    """What a window holds of one version: `counts` is flat, over the layout of its baseline.

    That is the one that holds when the window begins. `foreign` are predictions that were counted
    over another one, or under another configuration, by their fingerprint.
    """

    rows: int
    counts: Counts
    foreign: dict[str, int]

    @property
    def predictions(self) -> int:
        """All that there were, however they were counted."""
        return self.rows + sum(self.foreign.values())


class InputSums:
    """Snapshots that wait, sums by unit of time, and the rows that hold both."""

    def __init__(self, model: Monitored) -> None:
        self.model = model
        self.model_id = model.spec.id
        self.lateness_ms = model.lateness_ms
        self.units = units(model.spec.pane_ms)
        #: Snapshots that some source partition has not passed, by the start of our pane.
        self.waiting: dict[int, dict[Key, InputPane]] = {}
        #: What came on time in them, where windows are provisional; alike.
        self.on_time: dict[int, dict[Key, InputPane]] = {}
        #: Sums of each unit, by start and version.
        self.sums: tuple[dict[int, dict[str, Sum]], ...] = tuple({} for _ in self.units)
        #: Predictions counted under other configurations, by start, version and fingerprint.
        self.foreign: dict[tuple[int, str, str], tuple[int, int]] = {}
        #: Panes that start before are settled.
        self.edge = UNHEARD
        #: Sums of each unit that start before are gone.
        self.gone = [UNHEARD] * len(self.units)
        #: Rows that have changed since they were last asked for; None where one has gone.
        self.rows: dict[Key, bytes | None] = {}
        self._totals: dict[tuple[int, int, bool], dict[str, Total]] = {}

    # -- in --------------------------------------------------------------------------------------

    def put(self, pane: InputPane) -> bool:
        """Hold or replace a snapshot; say whether anything still needs it."""
        if pane.start_ms < self.edge:
            return False
        self.restore_snapshot(pane)
        self.rows[snapshot_key(pane)] = encode(pane)
        return True

    def settle(self, mark_ms: int) -> bool:
        """Sum up whatever the watermark over all source partitions has passed; say if any was."""
        if mark_ms == UNHEARD:
            return False
        edge = mark_ms if mark_ms == END else _down(mark_ms - self.lateness_ms, self.units[0])
        if edge <= self.edge:
            return False
        before, self.edge = self.edge, edge
        due = sorted(start for start in self.waiting if start < edge)
        for start in due:
            self._sum_up(start, self.waiting.pop(start))
        for start in [start for start in self.on_time if start < edge]:
            self.rows |= dict.fromkeys(self.on_time.pop(start))
        for n in range(1, len(self.units)):
            self._roll_up(n, before)
        self._totals.clear()
        return bool(due)

    def _sum_up(self, start: int, snapshots: Mapping[Key, InputPane]) -> None:
        by_version: dict[str, list[InputPane]] = {}
        period = self.model.at(start)
        for key, pane in sorted(snapshots.items()):
            self.rows[key] = None
            if pane.fingerprint == period.fingerprint:
                by_version.setdefault(pane.version, []).append(pane)
            elif pane.block == 0:
                name = (pane.start_ms, pane.version, pane.fingerprint)
                rows = self.foreign[name][1] if name in self.foreign else 0
                self._estrange(name, pane.start_ms + length_of(pane.fingerprint), rows + pane.rows)
        for version, panes in by_version.items():
            self._keep(0, start, version, self._merge(panes, period.blocks))

    def _merge(self, panes: list[InputPane], wheres: Sequence[slice]) -> Sum:
        """Add up the snapshots of one pane over its source partitions."""
        blocks = [
            [pane.counts for pane in panes if pane.block == block] for block in range(len(wheres))
        ]
        rows = sum(pane.rows for pane in panes if pane.block == 0)
        return Sum(rows, tuple(map(self._add, blocks, wheres)))

    def _add(self, packed: list[bytes], where: slice) -> bytes:
        """One block's counts added up; packed again only where there are several."""
        size = where.stop - where.start
        if len(packed) == 1:
            return packed[0]
        total = np.zeros(size, dtype=np.int64)
        for counts in packed:
            total += unpack(counts, size)
        return pack(total)

    def _roll_up(self, n: int, before_ms: int) -> None:
        """Make the sums of a unit of which the last part has been settled since `before_ms`.

        Counts over two baselines have no sum; no window is made of a unit in which they change.
        """
        unit, parts = self.units[n], self.sums[n - 1]
        first, last = _down(before_ms, unit), _down(self.edge, unit)
        if first == last:
            return
        whole: dict[int, dict[str, list[Sum]]] = {}
        for start in sorted(parts):
            if first <= start < last:
                for version, part in parts[start].items():
                    whole.setdefault(_down(start, unit), {}).setdefault(version, []).append(part)
        for start, versions in whole.items():
            period = self.model.within(start, start + unit)
            if period is None:
                continue
            for version, found in versions.items():
                blocks = zip(*(part.blocks for part in found), strict=True)
                added = tuple(map(self._add, map(list, blocks), period.blocks))
                self._keep(n, start, version, Sum(sum(part.rows for part in found), added))

    def _keep(self, n: int, start: int, version: str, sum_: Sum) -> None:
        self.sums[n].setdefault(start, {})[version] = sum_
        end, mark = start + self.units[n], self.model.at(start).fingerprint
        for block, counts in enumerate(sum_.blocks):
            self.rows[self._sum_key(n, start, version, block)] = _encode(
                SumRow(self.model_id, version, start, end, block, sum_.rows, mark, counts)
            )

    def _sum_key(self, n: int, start: int, version: str, block: int) -> Key:
        return ("sum", self.model_id, version, start, self.units[n], block)

    # -- out -------------------------------------------------------------------------------------

    def first(self) -> int | None:
        """The start of the earliest pane held, in ms."""
        starts = (*self.waiting, *self.on_time, *self.sums[0])
        return min((*starts, *(start for start, *_ in self.foreign)), default=None)

    def next(self, from_ms: int, hop_ms: int) -> int | None:
        """A time from which windows of a hop may next hold a prediction: it starts no earlier."""
        sums = self.sums[: finest(hop_ms, self.units) + 1]
        starts = (*self.waiting, *self.on_time, *(start for start, *_ in self.foreign))
        found = (s for held in (starts, *sums) for s in held if s >= from_ms)
        return min(found, default=None)

    def nothing(self, period: Period) -> Total:
        """What a silent window holds."""
        return Total(0, np.zeros(period.width, dtype=np.int64), {})

    def total(self, start_ms: int, end_ms: int, on_time: bool = False) -> dict[str, Total]:
        """All that is settled of [start, end), by version; signals that share a window share it.

        With what came on time of panes that are not settled yet, if that is asked for.
        """
        of = start_ms, end_ms, on_time
        if of not in self._totals:
            self._totals[of] = self._total(*of)
        return self._totals[of]

    def _total(self, start_ms: int, end_ms: int, on_time: bool) -> dict[str, Total]:
        totals: dict[str, Total] = {}
        period = self.model.at(start_ms)

        def of(version: str) -> Total:
            if version not in totals:
                totals[version] = self.nothing(period)
            return totals[version]

        def estrange(version: str, fingerprint: str, rows: int) -> None:
            foreign = of(version).foreign
            foreign[fingerprint] = foreign.get(fingerprint, 0) + rows

        for n, start in pieces(start_ms, min(end_ms, self.edge), self.units):
            theirs = self.model.at(start).fingerprint
            for version, part in self.sums[n].get(start, {}).items():
                if theirs != period.fingerprint:
                    estrange(version, theirs, part.rows)
                    continue
                total = of(version)
                total.rows += part.rows
                for where, counts in zip(period.blocks, part.blocks, strict=True):
                    total.counts[where] += unpack(counts, where.stop - where.start)
        for (start, version, fingerprint), (end, rows) in sorted(self.foreign.items()):
            if start < end_ms and end > start_ms:
                estrange(version, fingerprint, rows)
        for start in sorted(self.on_time) if on_time else ():
            if start_ms <= start < end_ms:
                for pane in self.on_time[start].values():
                    rows = pane.rows if pane.block == 0 else 0
                    if pane.fingerprint != period.fingerprint:
                        estrange(pane.version, pane.fingerprint, rows)
                        continue
                    total, where = of(pane.version), period.blocks[pane.block]
                    total.rows += rows
                    total.counts[where] += unpack(pane.counts, where.stop - where.start)
        return totals

    # -- forgetting ------------------------------------------------------------------------------

    def whole_from(self, hop_ms: int) -> int:
        """Windows of a hop that begin before can no longer be summed, ms."""
        return self.gone[finest(hop_ms, self.units)]

    def forget(self, needed: Iterable[tuple[WindowSpec, int]]) -> None:
        """Drop what no window needs: each begins no earlier than its time in ms, from now on."""
        needed = list(needed)
        for n in range(len(self.units)):
            sharp = [at for window, at in needed if finest(window.hop_ms, self.units) <= n]
            if n + 1 < len(self.units):
                # The unit that is not whole yet is still to be made of these.
                sharp.append(_down(self.edge, self.units[n + 1]))
            self.gone[n] = max(self.gone[n], min(sharp, default=self.edge))
            for start in [start for start in self.sums[n] if start < self.gone[n]]:
                for version, part in self.sums[n].pop(start).items():
                    for block in range(len(part.blocks)):
                        self.rows[self._sum_key(n, start, version, block)] = None
        earliest = min((at for _, at in needed), default=self.edge)
        for name in [name for name, (end, _) in self.foreign.items() if end <= earliest]:
            del self.foreign[name]
            self.rows[self._foreign_key(name)] = None

    # -- after a restart -------------------------------------------------------------------------

    def restore_snapshot(self, pane: InputPane) -> None:
        """Take up a snapshot that waited."""
        start = _down(pane.start_ms, self.units[0])
        held = self.on_time if pane.on_time else self.waiting
        held.setdefault(start, {})[snapshot_key(pane)] = pane

    def restore(self, rows: list[SumRow], edge_ms: int, gone: list[int], fingerprint: str) -> None:
        """Take up what was settled; what is counted otherwise by now is foreign from now on.

        `fingerprint` is one of those by which it was counted: it tells the length of panes.
        """
        for row in rows:
            if not row.counts:
                self.foreign[row.start_ms, row.version, row.fingerprint] = row.end_ms, row.rows
        self.edge, self.gone = edge_ms, gone
        if length_of(fingerprint) != self.units[0]:
            self.edge = _down(edge_ms, self.units[0])
            self.gone = [self.edge] * len(self.units)
        found: dict[tuple[int, int, str], dict[int, SumRow]] = {}
        for row in rows:
            if row.counts:
                at = row.end_ms - row.start_ms, row.start_ms, row.version
                found.setdefault(at, {})[row.block] = row
        #: What shorter sums of a version tell already: their starts and numbers of predictions.
        told: dict[str, list[tuple[int, int]]] = {}
        for (length, start, version), blocks in sorted(found.items()):
            first, mine = blocks[0], told.setdefault(version, [])
            within = [(at, n) for at, n in mine if start <= at < first.end_ms]
            rest = first.rows - sum(n for _, n in within)
            mine.append((start, rest))
            if self._ours(first):
                packed = tuple(row.counts for _, row in sorted(blocks.items()))
                sums = self.sums[self.units.index(length)]
                sums.setdefault(start, {})[version] = Sum(first.rows, packed)
                continue
            for block in blocks:
                self.rows["sum", self.model_id, version, start, length, block] = None
            if rest:
                # Of a roll-up, what its parts don't tell: those were forgotten from the oldest on.
                end = min((at for at, _ in within), default=first.end_ms)
                self._estrange((start, version, first.fingerprint), end, rest)

    def _ours(self, row: SumRow) -> bool:
        """Whether a sum was counted as its time is counted now."""
        period = self.model.within(row.start_ms, row.end_ms)
        return period is not None and period.fingerprint == row.fingerprint

    def _estrange(self, name: tuple[int, str, str], end_ms: int, rows: int) -> None:
        start, version, fingerprint = name
        self.foreign[name] = end_ms, rows
        row = SumRow(self.model_id, version, start, end_ms, 0, rows, fingerprint, b"")
        self.rows[self._foreign_key(name)] = _encode(row)

    def _foreign_key(self, name: tuple[int, str, str]) -> Key:
        start, version, fingerprint = name
        return ("foreign", self.model_id, version, start, fingerprint)


def snapshot_key(pane: InputPane) -> Key:
    """What a later snapshot of the same pane shares with it: its row key in the state.

    Those counted under two configurations stand side by side, and so does what came on time.
    """
    key = (
        "pane", pane.model_id, "input", pane.version, pane.start_ms, pane.source, pane.block,
        pane.fingerprint,
    )  # fmt: skip
    return (*key, "on time") if pane.on_time else key


def length_of(fingerprint: str) -> int:
    """The length of panes in ms, which their fingerprint tells."""
    return int(fingerprint.rpartition("/")[2])


def _down(time_ms: int, unit_ms: int) -> int:
    return time_ms - time_ms % unit_ms


_encode = msgspec.msgpack.Encoder().encode
