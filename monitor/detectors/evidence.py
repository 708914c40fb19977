"""Is a fall of a metric real? Asked at the level that one look at a window may spend."""

from __future__ import annotations

from dataclasses import dataclass

from monitor.calibration.budget import level
from monitor.detectors.finding import Detection, Statistics
from monitor.detectors.outcomes import Proportion, positive_index, tested
from monitor.detectors.window import OutcomeWindow
from monitor.detectors.wording import chance
from monitor.registry.specs import PerformanceSpec
from monitor.stats.clopper_pearson import clopper_pearson
from monitor.stats.fisher import excess_p
from monitor.stats.metric_interval import metric_difference
from monitor.stats.newcombe import Interval, newcombe, wilson
from monitor.stats.two_proportions import two_proportions

#: Label ages at which a window is judged: when enough is labelled, at half, and at the whole delay.
AGES = 3
#: Questions that divide what a look may spend: the baseline, recent periods, trend, coverage.
QUESTIONS = 4


def level_of(
    window: OutcomeWindow, spec: PerformanceSpec, every_ms: int | None = None, ages: int = AGES
) -> float:
    """The chance with which one detector may find anything in a window where nothing has changed.

    Looks are `every_ms` apart, by default the hop of windows of that length, at so many `ages`.
    """
    size = window.end_ms - window.start_ms
    hop = next((w.hop_ms for w in spec.windows if w.size_ms == size), size)
    lengths = max(1, len(spec.windows))
    return level(spec.false_alarms, "performance", every_ms or hop, lengths) / (ages * QUESTIONS)


def by_rows(
    spec: PerformanceSpec, alpha: float, found: bool, p_value: float | None, windows: int = 1
) -> Detection:
    """What an event tells of a test of labelled rows, over so many windows or days."""
    return Detection(
        found=found,
        path="rows",
        p_value=p_value,
        level=alpha,
        windows=windows,
        gross=False,
        false_alarms=spec.false_alarms,
        corrected=None,
        lower=None,
    )


@dataclass(frozen=True, slots=True)
class Fall:
    """What is known of the baseline's metric minus the window's, at one level.

    `interval` is the 95 % one and `bound` the one-sided lower limit at the level. `p_value` is
    Fisher's exact one, `p_two_proportions` that of the pooled z, both one-sided; `needed` is the
    least fall that so many rows could have shown. Those three are None for averages over classes,
    whose bound is made of exact limits instead.
    """

    level: float
    interval: Interval
    bound: float
    p_value: float | None
    p_two_proportions: float | None
    needed: float | None

    @property
    def found(self) -> bool:
        """Whether chance does not explain it: both the bound and the exact test say so.

        In small windows Newcombe's bound alone is above 0 far more often than its level says: of
        100 rows at 99 % twenty times as often at 2e-5.
        """
        return self.bound > 0 and (self.p_value is None or self.p_value <= self.level)

    @property
    def statistics(self) -> Statistics:
        """The figures by their short names; a yes is 1."""
        return {
            "found": float(self.found),
            "level": self.level,
            "drop_interval": [self.interval.low, self.interval.high],
            "drop_bound": self.bound,
            "drop_needed": self.needed,
        }

    def detection(self, found: bool, p_value: float | None, spec: PerformanceSpec) -> Detection:
        """The same as an event tells it, of a detector that found it, or not, with its p-value."""
        return by_rows(spec, self.level, found, p_value)

    def told(self, drop: float) -> str:
        """The evidence in words, as it stands after the number of rows."""
        text = f"; 95 % interval {self.interval.low:.3f} to {self.interval.high:.3f}"
        if drop <= 0:
            return text
        if self.p_value is not None:
            text += f"; p {chance(self.p_value)} by chance"
        if self.found:
            return f"{text}, found at {self.level:.1e}"
        needed = f" where {self.needed:.3f} were needed" if self.needed is not None else ""
        return f"{text}, not found at {self.level:.1e}{needed}"


def fall_of(window: OutcomeWindow, metric: str, alpha: float) -> Fall | None:
    """The evidence for a fall below the baseline's metric; None where either side has no value."""
    if window.matrix is None or window.reference is None:
        return None
    positive = positive_index(window)
    sides = window.reference, window.matrix
    before, now = (tested(side, metric, positive) for side in sides)
    limits = wilson if before is not None else clopper_pearson
    interval = metric_difference(*sides, metric, positive)
    at_level = metric_difference(*sides, metric, positive, 1 - 2 * alpha, limits)
    if interval is None or at_level is None:
        return None
    if before is None or now is None:
        return Fall(alpha, interval, at_level.low, None, None, None)
    exact = excess_p(now.rows - now.hits, now.rows, before.rows - before.hits, before.rows)
    pooled = two_proportions(before.hits, before.rows, now.hits, now.rows)
    p_pooled = pooled.p_greater if pooled is not None else None
    needed = _needed(before, now.rows, alpha, metric)
    return Fall(alpha, interval, at_level.low, exact, p_pooled, needed)


def _needed(before: Proportion, rows: int, alpha: float, metric: str) -> float | None:
    """The least fall that is found in so many rows; None where not even a fall to 0 is."""

    def found(hits: int) -> bool:
        limits = newcombe(before.hits, before.rows, hits, rows, 1 - 2 * alpha)
        p = excess_p(rows - hits, rows, before.rows - before.hits, before.rows)
        return limits is not None and limits.low > 0 and p is not None and p <= alpha

    if not found(0):
        return None
    low, high = 0, rows
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if found(middle) else (low, middle)
    was, is_ = before.hits / before.rows, low / rows
    if metric == "f1":
        was, is_ = 2 * was / (1 + was), 2 * is_ / (1 + is_)
    return was - is_
