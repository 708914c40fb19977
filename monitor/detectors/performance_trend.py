"""Is the model becoming worse, day by day? Told before a limit is crossed, and when it will be."""

from __future__ import annotations

from dataclasses import dataclass

from monitor.detectors.evidence import by_rows, level_of
from monitor.detectors.finding import Finding, Statistics
from monitor.detectors.outcomes import SUBJECT, age, measure, positive_index
from monitor.detectors.registry import detector
from monitor.detectors.severity import exceeds
from monitor.detectors.window import Day, OutcomeWindow
from monitor.detectors.wording import chance, count
from monitor.events.timestamps import rfc3339
from monitor.registry.specs import DAY_MS, DROP, LabelsSpec, PerformanceSpec
from monitor.stats.tally import PROPORTION, value_of
from monitor.stats.trend import Trend, trend
from monitor.stats.trend_in_days import FallingDays, falling_days

#: The article's window, and the fewest days that a line is drawn through.
DAYS, FEWEST = 7, 5
#: How many days ahead the article projects the metric, and its significance.
AHEAD, PLAIN_SIGNIFICANCE = 7, 0.05
#: A day may be looked at when windows of it have enough labels, at every age that there is.
AGES = 4


@detector("performance_trend", signal="performance", daily=True)
def judge(window: OutcomeWindow) -> list[Finding]:
    """How far below the baseline's the metric will be in 7 days, if it is found to fall.

    Asked once for each day (UTC) that has ended, of the last 7 days with enough labels, 5 at least,
    among the last 14, all at the label age of the window. It is found by the counts of the days
    (`falling_days`), or by the line through their values where the metric is an average over
    classes, at the level of a daily look. The grade is medium at most: nothing is lost yet.
    `slope`, `slope_p`, `projected_7d` and `plain_trend_detected` are the article's own; its
    significance of 0.05, asked daily, is met within 90 days with probability 0.96 by chance.

    Source: Huwyler, practice 8 (`detect_performance_trend`).
    """
    spec = window.spec.performance
    if spec is None or window.days is None:
        return []
    assert window.reference is not None
    before = measure(window.reference, spec.metric, positive_index(window))
    run, least = _Run.of(window, spec), max(spec.min_samples, 1)
    if len(run.days) < FEWEST:
        message = (
            f"{spec.metric}: a trend needs {FEWEST} days of {count(least)} labels among the last "
            f"14, at a label age of {age(window.age_ms)}, has {len(run.days)}"
        )
        return [_ungraded(run, before.rows, message)]
    if before.value is None or before.rows < spec.min_samples:
        message = (
            f"{spec.metric}: at a label age of {age(window.age_ms)} the baseline has "
            f"n={count(before.rows)} < {count(least)} needed; rebuild it from more labelled rows, "
            "or lower min_samples"
        )
        return [_ungraded(run, before.rows, message)]
    alpha = level_of(window, spec, DAY_MS, AGES)
    found = run.p_value <= alpha
    loss, limit = before.value - run.projected, spec.thresholds.get("drop", DROP).medium
    real = found or (spec.method == "plain" and run.declines)
    beyond = real and limit is not None and exceeds(loss, limit)
    crossing = run.crossing(before.value - limit) if limit is not None else None
    text = (
        f"{spec.metric} {run.told} (n={count(run.rows)}; p {chance(run.p_value)} by chance, "
        f"{'found' if found else 'not found'} at {alpha:.1e}). If it goes on it is "
        f"{run.projected:.3f} in {AHEAD} days; the baseline's is {before.value:.3f}."
    )
    if real and crossing is not None:
        day = rfc3339(run.days[-1].start_ms + round(crossing * DAY_MS))[:10]
        text += f" It is {limit:g} below that {f'on {day}' if crossing else 'already'}."
    return [
        Finding(
            detector="performance_trend",
            subject=SUBJECT,
            statistic="projected_drop",
            verdict="medium" if beyond else "low",
            value=loss,
            threshold=limit,
            expected=0.0,
            p_value=run.p_value,
            n_reference=before.rows,
            n_current=run.rows,
            statistics=run.statistics
            | {"found": float(found), "level": alpha, "days_to_limit": crossing},
            message=text,
            detection=by_rows(spec, alpha, found, run.p_value, len(run.days)),
        )
    ]


@dataclass(frozen=True, slots=True)
class _Run:
    """Days with enough labels, the metric of each, and what may be drawn through them."""

    days: tuple[Day, ...]
    values: tuple[float, ...]
    line: Trend | None
    falls: FallingDays | None

    @classmethod
    def of(cls, window: OutcomeWindow, spec: PerformanceSpec) -> _Run:
        covered = (window.spec.labels or LabelsSpec()).min_coverage
        known = [
            (day, value)
            for day in window.days or ()
            if day.labelled >= max(spec.min_samples, 1)
            and round(day.labelled / day.predictions, 9) >= round(covered, 9)
            and (value := value_of(day.tally, spec.metric)) is not None
        ][-DAYS:]
        days, values = tuple(day for day, _ in known), tuple(value for _, value in known)
        falls = None
        if days and len(days[0].tally) == PROPORTION:
            at = [(day.start_ms - days[0].start_ms) / DAY_MS for day in days]
            counts, rows = zip(*(day.tally for day in days), strict=True)
            falls = falling_days(counts, rows, at)
        return cls(days, values, trend(values, len(values)), falls)

    @property
    def rows(self) -> int:
        return sum(day.labelled for day in self.days)

    @property
    def p_value(self) -> float:
        """One-sided, of a fall: by counts where there are any, else by the line."""
        if self.falls is not None:
            return self.falls.p_value
        if self.line is None:
            return 1.0
        half = self.line.p_value / 2
        return half if self.line.slope < 0 else 1 - half

    @property
    def declines(self) -> bool:
        """The article's verdict, which a shorter run than 7 days never has."""
        if self.line is None or len(self.values) < DAYS:
            return False
        return self.line.slope < 0 and self.line.p_value < PLAIN_SIGNIFICANCE

    @property
    def projected(self) -> float:
        """The line's value in 7 days, as the article reckons; a level one's is its own."""
        return self.line.projected(AHEAD) if self.line is not None else self.values[-1]

    def crossing(self, limit: float) -> float | None:
        """Days after the last one until the line falls to a limit.

        None where the slope may be 0 or more, or where days are missing between.
        """
        whole = self.days[-1].start_ms - self.days[0].start_ms == (len(self.days) - 1) * DAY_MS
        return self.line.crossing(limit) if self.line is not None and whole else None

    @property
    def told(self) -> str:
        """The slope in words."""
        if self.line is None or self.line.slope == 0:
            return f"has not moved over {len(self.days)} days"
        verb = "falls" if self.line.slope < 0 else "rises"
        return f"{verb} by {abs(self.line.slope):.4f} a day over {len(self.days)} days"

    @property
    def statistics(self) -> Statistics:
        line, falls = self.line, self.falls
        known: Statistics = {"days": list(self.values)}
        if len(self.days) < FEWEST:
            return known
        return known | {
            "slope": line.slope if line is not None else 0.0,
            "slope_p": line.p_value if line is not None else 1.0,
            "slope_interval": list(line.slope_interval()) if line is not None else None,
            "projected_7d": self.projected,
            "dispersion": falls.dispersion if falls is not None else None,
            "plain_trend_detected": float(self.declines),
        }


def _ungraded(run: _Run, n_reference: int, message: str) -> Finding:
    return Finding(
        detector="performance_trend",
        subject=SUBJECT,
        statistic="projected_drop",
        verdict="insufficient_data",
        n_reference=n_reference,
        n_current=run.rows,
        statistics=run.statistics,
        message=message,
    )
