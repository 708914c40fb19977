"""Has the model become worse? Its metric beside the baseline's at equal label age."""

from __future__ import annotations

from monitor.detectors.finding import Finding
from monitor.detectors.outcomes import (
    SUBJECT,
    Measured,
    age,
    confusions,
    figures,
    measure,
    positive_index,
    too_early,
)
from monitor.detectors.registry import detector
from monitor.detectors.severity import article_severity, grade, limit_told, rank
from monitor.detectors.window import OutcomeWindow
from monitor.detectors.wording import against, chance, count, moved
from monitor.registry.specs import DROP
from monitor.stats.fisher import excess_p
from monitor.stats.newcombe import Interval, newcombe


@detector("performance", signal="performance")
def judge(window: OutcomeWindow) -> list[Finding]:
    """The drop of the metric below the baseline's: reference minus current, graded.

    `p_value` is the exact one-sided chance of so many misses if nothing has changed, and
    `drop_interval` Newcombe's 95 % interval of the drop; both only where the metric is a
    proportion. The drop is the article's "performance degradation" (Huwyler, practice 8).
    """
    spec = window.spec.performance
    if spec is None:
        return []
    assert window.matrix is not None
    assert window.reference is not None
    positive, statistic = positive_index(window), f"{spec.metric}_drop"
    now = measure(window.matrix, spec.metric, positive)
    before = measure(window.reference, spec.metric, positive)
    early = too_early("performance", statistic, window, spec, now)
    if early is not None:
        return [early]
    statistics = figures(window)
    if before.value is None or now.value is None or before.rows < spec.min_samples:
        message = (
            f"{spec.metric}: at a label age of {age(window.age_ms)} the baseline has "
            f"n={count(before.rows)} < {count(max(spec.min_samples, 1))} needed; "
            "rebuild it from more labelled rows, or lower min_samples"
        )
        return [
            Finding(
                detector="performance",
                subject=SUBJECT,
                statistic=statistic,
                verdict="insufficient_data",
                n_reference=before.rows,
                n_current=now.rows,
                statistics=statistics,
                message=message,
            )
        ]
    drop = before.value - now.value
    limits = spec.thresholds.get("drop", DROP)
    interval, p_value = _interval(before, now), _p_value(before, now)
    statistics["drop_interval"] = [interval.low, interval.high] if interval else None
    statistics["plain_severity"] = float(rank(article_severity(0.0, drop)))
    top = confusions(window)
    limit = limit_told(drop, limits)
    between = f"; 95 % interval {interval.low:.3f} to {interval.high:.3f}" if interval else ""
    by_chance = f"; p {chance(p_value)} by chance" if p_value is not None and drop > 0 else ""
    verb = "fell" if drop > 0 else "rose"
    change = (
        f"{verb} from {before.value:.3f} to {now.value:.3f}"
        if drop
        else f"stayed at {now.value:.3f}"
    )
    text = (
        f"{spec.metric} {change}: "
        f"drop {against(drop, limit)} (n={count(now.rows)}{between}{by_chance})."
    )
    if drop > 0 and top:
        text += f" Share of {top[0].bin} {moved(top[0].reference, top[0].current)}."
    return [
        Finding(
            detector="performance",
            subject=SUBJECT,
            statistic=statistic,
            verdict=grade(drop, limits),
            value=drop,
            threshold=limit,
            expected=0.0,
            p_value=p_value,
            n_reference=before.rows,
            n_current=now.rows,
            statistics=statistics,
            top_bins=top,
            message=text,
        )
    ]


def _interval(before: Measured, now: Measured) -> Interval | None:
    if before.proportion is None or now.proportion is None:
        return None
    was, is_ = before.proportion, now.proportion
    return newcombe(was.hits, was.rows, is_.hits, is_.rows)


def _p_value(before: Measured, now: Measured) -> float | None:
    if before.proportion is None or now.proportion is None:
        return None
    was, is_ = before.proportion, now.proportion
    return excess_p(is_.rows - is_.hits, is_.rows, was.rows - was.hits, was.rows)
