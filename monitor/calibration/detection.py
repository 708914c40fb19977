"""Is a drift real? Each column's p-value by the path that holds for it, and who is found by it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from monitor.calibration.budget import found
from monitor.calibration.usual import Path, Usual
from monitor.stats.grid import Counts
from monitor.stats.window_ranks import SCALES
from monitor.stats.window_scores import logit_auc

#: How many windows are merged where rows are counted.
MERGED = (1, 2, 4, 8)
#: Merged windows may hold this part of the reference's rows. With more, all later merges would
#: share the reference's own chance: one false alarm would stay for ever.
PART = 20
#: The windows that any scale needs, the present one included.
SUMMED = max(*SCALES, *MERGED)
#: Found in so many windows in succession, even a small drift is told to somebody.
LASTING = 8
#: How many looks are kept: each of those in succession needs its own.
LOOKS = SUMMED + LASTING


@dataclass(frozen=True, slots=True)
class Detected:
    """What a look says of one column.

    `p_value` is the least over all scales and scores, each in the measure of its part: it is
    compared with `level`, which the column has alone. It is None where nothing can be told, and
    `why` says why; `windows` is the scale that it is from. `gross` says that the last window alone
    lay beyond anything usual, `lasting` that the one before did so too.
    """

    level: float
    gross: bool
    lasting: bool
    found: bool = False
    p_value: float | None = None
    path: Path | None = None
    windows: int = 0
    why: str = ""


def detect(
    usual: Mapping[str, Usual], looks: Mapping[str, Sequence[Counts]], alpha: float
) -> dict[str, Detected]:
    """Judge columns by their last windows, int64[K] each in time order, at one level for all.

    Columns that are not looked at now have no entry in `looks`.
    """
    each = alpha / max(1, len(looks))
    seen = {subject: _one(usual[subject], windows, each) for subject, windows in looks.items()}
    judged = {subject: one.p_value for subject, one in seen.items() if one.p_value is not None}
    beyond = found(judged, alpha)
    return {subject: replace(one, found=subject in beyond) for subject, one in seen.items()}


def lasting(usual: Usual, windows: Sequence[Counts], alpha: float, times: int) -> bool:
    """Whether a column would have been found in each of its last windows, at its own level."""
    if len(windows) < times:
        return False
    for n in range(times):
        p = _one(usual, windows[: len(windows) - n], alpha).p_value
        if p is None or not found({"": p}, alpha):
            return False
    return True


def _one(usual: Usual, windows: Sequence[Counts], alpha: float) -> Detected:
    gross = len(windows) > 0 and usual.gross(windows[-1])
    lasting = gross and len(windows) > 1 and usual.gross(windows[-2])
    seen = Detected(alpha, gross, lasting)
    if usual.path == "rows":
        p, scale = _by_rows(usual, windows)
        return replace(seen, p_value=p, path="rows", windows=scale)
    if usual.path is None:
        return replace(seen, why=f"the baseline has {usual.windows} windows of its own")
    levels = usual.levels(alpha)
    if not any(levels):
        why = (
            f"{usual.windows} windows of the baseline, of which neighbours correlate by up to "
            f"{max(ranks.cautious_correlation for ranks in usual.ranks):.2f}, reach no level of "
            f"{alpha:.1g}"
        )
        return replace(seen, why=why)
    p, scale = _by_windows(usual, windows, levels)
    return replace(seen, p_value=p, path="windows", windows=scale)


def _by_rows(usual: Usual, windows: Sequence[Counts]) -> tuple[float | None, int]:
    """The least p over merged windows, times their number, and how many were merged."""
    rows = int(usual.reference.sum())
    merged = [
        (r, np.sum(windows[-r:], axis=0))
        for r in MERGED
        if r <= len(windows) and (r == 1 or PART * int(np.sum(windows[-r:])) <= rows)
    ]
    found = [(p, r) for r, window in merged if (p := usual.by_rows(window)) is not None]
    if not found:
        return None, 0
    p, scale = min(found)
    return min(1.0, p * len(merged)), scale


def _by_windows(
    usual: Usual, windows: Sequence[Counts], levels: Sequence[Mapping[int, float]]
) -> tuple[float | None, int]:
    """The least p over both scores' scales, times the scores, and from which scale it is."""
    assert usual.distance is not None
    last = np.array([window for window in windows[-SUMMED:] if window.any()])
    if not len(last):
        return None, 0
    scores = usual.distance.score(last), logit_auc(last, usual.reference)
    least: tuple[float, int] | None = None
    for n, (ranks, part) in enumerate(zip(usual.ranks, levels, strict=True)):
        if part and (judged := ranks.judge(scores[n], part, two_sided=n > 0)) is not None:
            p = min(1.0, judged.p_value * len(usual.ranks))
            if least is None or p < least[0]:
                least = p, judged.windows
    return least if least is not None else (None, 0)
