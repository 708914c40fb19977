"""The last looks at each column of each version: what later verdicts by several windows rest on.

A look is a window that overlaps no other one; windows that slide in between are judged by the looks
before them. Kept are the coarse counts, of so many looks as any scale needs.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from monitor.calibration.budget import drift_level
from monitor.calibration.detection import LOOKS
from monitor.calibration.usual import Usual
from monitor.detectors.window import Calibrated
from monitor.evaluate.input_sums import Total
from monitor.observe.model import Period
from monitor.registry.specs import DataDriftSpec, PredictionDriftSpec
from monitor.stats.coarse import coarse
from monitor.stats.grid import Counts

#: A version of which no window was looked at for so many is forgotten.
FORGOTTEN = 8 * LOOKS
_ROW = msgspec.msgpack.Encoder().encode


class LooksRow(msgspec.Struct, array_like=True):
    """What a restart takes up of one version: by subject the end of each look, in ms, and counts.

    `fingerprint` is that of the baseline by which it was counted.
    """

    model_id: str
    signal: str
    version: str
    size_ms: int
    hop_ms: int
    fingerprint: str
    looks: dict[str, list[list[int]]]


class Looks:
    """The looks of one signal at windows of one length."""

    def __init__(self, model_id: str, signal: str, size_ms: int, hop_ms: int) -> None:
        self._of = model_id, signal
        self._shape = size_ms, hop_ms
        #: By version: the baseline, and the looks by subject, each its end and its counts.
        self._held: dict[str, tuple[str, dict[str, list[list[int]]]]] = {}
        self._usual: dict[str, dict[str, Usual]] = {}
        #: Versions whose rows have changed since they were last written.
        self.touched: set[str] = set()

    def calibrated(
        self,
        version: str,
        total: Total,
        end: int,
        period: Period,
        spec: DataDriftSpec | PredictionDriftSpec,
        *,
        early: bool,
    ) -> Calibrated | None:
        """What a window is judged by; None where the baseline has no windows of its length.

        A look is added to those of its version, unless the verdict is an `early` one.
        """
        baseline, size = period.baseline, self._shape[0]
        own = baseline.own_windows(size) if baseline else None
        if baseline is None or own is None or spec.method == "plain":
            return None
        usual = self._usual.get(period.fingerprint)
        if usual is None:
            subjects = baseline.layout.subjects
            usual = self._usual[period.fingerprint] = {
                subject: Usual.of(baseline, own, subject, spec.min_samples) for subject in subjects
            }
        mark, held = self._held.get(version, (period.fingerprint, {}))
        if mark != period.fingerprint:
            held = {}
        looked = end % size == 0
        seen: dict[str, Sequence[Counts]] = {}
        ends: dict[str, Sequence[int]] = {}
        for subject in usual:
            counts = total.counts[baseline.layout.slice(subject)]
            before = [one for one in held.get(subject, ()) if one[0] < end]
            if looked:
                cells = coarse(counts, baseline.grid(subject))
                if cells.sum() >= spec.min_samples:
                    before = [*before, [end, *cells.tolist()]][-LOOKS:]
                    if not early:
                        held[subject] = before
            ends[subject] = [one[0] for one in before]
            seen[subject] = [np.array(one[1:], dtype=np.int64) for one in before]
        if looked and not early:
            self._held[version] = period.fingerprint, held
            self.touched.add(version)
            self._forget(end)
        return Calibrated(usual, seen, drift_level(spec, size), spec.false_alarms, ends, size)

    def _forget(self, end: int) -> None:
        """Drop versions that have not been looked at for long."""
        before = end - FORGOTTEN * self._shape[0]
        for version, (_, held) in list(self._held.items()):
            if max((looks[-1][0] for looks in held.values() if looks), default=end) < before:
                del self._held[version]
                self.touched.add(version)

    def rows(self) -> dict[bytes, bytes | None]:
        """Rows of the versions that have changed; None where a version is forgotten."""
        rows: dict[bytes, bytes | None] = {}
        for version in sorted(self.touched):
            held = self._held.get(version)
            row = LooksRow(*self._of, version, *self._shape, *held) if held else None
            rows[_key(*self._of, version, *self._shape)] = _ROW(row) if row else None
        self.touched = set()
        return rows

    def restore(self, rows: Sequence[LooksRow]) -> None:
        """Take up those of our signal and length."""
        for row in rows:
            if (row.signal, row.size_ms, row.hop_ms) == (self._of[1], *self._shape):
                self._held[row.version] = row.fingerprint, row.looks


def stale(rows: Sequence[LooksRow], known: Sequence[Looks]) -> dict[bytes, bytes | None]:
    """Rows of windows of an earlier configuration, which are deleted."""
    shapes = {(*looks._of, *looks._shape) for looks in known}
    return {
        _key(row.model_id, row.signal, row.version, row.size_ms, row.hop_ms): None
        for row in rows
        if (row.model_id, row.signal, row.size_ms, row.hop_ms) not in shapes
    }


def _key(model_id: str, signal: str, version: str, size_ms: int, hop_ms: int) -> bytes:
    return _ROW(["looks", model_id, signal, version, size_ms, hop_ms])
