"""The features of a window that the configuration wants judged, with their counts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from monitor.detectors.finding import Finding
from monitor.detectors.window import InputWindow
from monitor.stats.grid import Counts, Grid

PREFIX = "feature/"


@dataclass(frozen=True, slots=True, eq=False)
class ColumnCounts:
    """A column's counts in the window and in the baseline, int64[grid.width] each."""

    subject: str
    grid: Grid
    current: Counts
    reference: Counts


def column_counts(window: InputWindow, subject: str) -> ColumnCounts:
    """The counts of one subject; raises BaselineError or GridMismatch if the window lacks it."""
    assert window.baseline is not None
    assert window.counts is not None
    layout = window.baseline.layout
    return ColumnCounts(
        subject,
        layout.grid(subject),
        layout.check(window.counts)[layout.slice(subject)],
        window.baseline.counts(subject),
    )


def judged_features(window: InputWindow) -> Iterator[ColumnCounts]:
    """The features of the baseline that data_drift includes, in the baseline's order."""
    assert window.baseline is not None
    spec = window.spec.data_drift
    for name in window.baseline.features:
        if spec is not None and spec.judges(name):
            yield column_counts(window, PREFIX + name)


def lacking(detector: str, statistic: str, window: InputWindow) -> list[Finding]:
    """A finding for each feature that is declared and included, but not in the baseline."""
    assert window.baseline is not None
    spec, baseline = window.spec.data_drift, window.baseline
    return [
        Finding(
            detector=detector,
            subject=PREFIX + name,
            statistic=statistic,
            verdict="baseline_missing",
            n_current=window.rows,
            message=(
                f"{name}: the configuration declares it, and the baseline {baseline.id} "
                f"(n={baseline.rows:,}) lacks it; rebuild the baseline with this column"
            ),
        )
        for name in window.spec.features
        if spec is not None and spec.judges(name) and name not in baseline.features
    ]
