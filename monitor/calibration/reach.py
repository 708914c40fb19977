"""Which columns a baseline's own windows let be judged within a budget, and which not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from monitor.baselines.baseline import Baseline
from monitor.baselines.own_windows import OwnWindows
from monitor.calibration.usual import Usual


@dataclass(frozen=True, slots=True)
class Reach:
    """The columns that are judged by their rows, by ranks of whole windows, and not at all."""

    rows: tuple[str, ...]
    windows: tuple[str, ...]
    none: tuple[str, ...]


def reach(
    baseline: Baseline, own: OwnWindows, subjects: Iterable[str], alpha: float, least: int = 1
) -> Reach:
    """Say by which path each subject is judged, if all of them together have the level alpha.

    Own windows count that hold `least` rows of it. Raises BaselineError if the baseline lacks one.
    """
    usual = {subject: Usual.of(baseline, own, subject, least) for subject in subjects}
    each = alpha / max(1, len(usual))
    rows = tuple(name for name, one in usual.items() if one.path == "rows")
    windows = tuple(
        name for name, one in usual.items() if one.path == "windows" and any(one.levels(each))
    )
    none = tuple(name for name in usual if name not in rows and name not in windows)
    return Reach(rows, windows, none)
