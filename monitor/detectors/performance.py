"""Has the model become worse? Its metric beside the baseline's at equal label age."""

from __future__ import annotations

from monitor.detectors.evidence import fall_of, level_of
from monitor.detectors.finding import Finding
from monitor.detectors.outcomes import (
    SUBJECT,
    confusions,
    figures,
    measure,
    positive_index,
    too_early,
    unlabelled_before,
)
from monitor.detectors.registry import detector
from monitor.detectors.severity import article_severity, exceeds, grade, limit_told, rank
from monitor.detectors.window import OutcomeWindow
from monitor.detectors.wording import against, count, moved
from monitor.registry.specs import DROP


@detector("performance", signal="performance")
def judge(window: OutcomeWindow) -> list[Finding]:
    """The drop of the metric below the baseline's: reference minus current, graded if it is real.

    It is found if the lower limit of Newcombe's interval is above 0 at the level of the look
    (`found`, `level`, `drop_bound`), and `p_value`, the exact one-sided chance of so many misses
    if nothing has changed, is no higher; an average over classes has none. What is not found is
    low, however great, unless the method is `plain`. The drop is the article's "performance
    degradation", and `plain_severity`, 0 to 3, its own severity of it (Huwyler, practice 8).
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
    fall = fall_of(window, spec.metric, level_of(window, spec))
    if fall is None or before.value is None or now.value is None or before.rows < spec.min_samples:
        return [unlabelled_before("performance", statistic, window, spec, before, now)]
    drop = before.value - now.value
    limits = spec.thresholds.get("drop", DROP)
    statistics |= fall.statistics
    statistics["plain_severity"] = float(rank(article_severity(0.0, drop)))
    top = confusions(window)
    # What chance explains has exceeded no limit, however great it is.
    real = fall.found or spec.method == "plain"
    limit = limit_told(drop if real else -1.0, limits)
    size = against(drop, limit)
    if not real and limit is not None and exceeds(drop, limit):
        size = f"{drop:.3f}, which chance explains"
    verb = "fell" if drop > 0 else "rose"
    change = (
        f"{verb} from {before.value:.3f} to {now.value:.3f}"
        if drop
        else f"stayed at {now.value:.3f}"
    )
    text = f"{spec.metric} {change}: drop {size} (n={count(now.rows)}{fall.told(drop)})."
    if drop > 0 and top:
        text += f" Share of {top[0].bin} {moved(top[0].reference, top[0].current)}."
    return [
        Finding(
            detector="performance",
            subject=SUBJECT,
            statistic=statistic,
            verdict=grade(drop, limits) if real else "low",
            value=drop,
            threshold=limit,
            expected=0.0,
            p_value=fall.p_value,
            n_reference=before.rows,
            n_current=now.rows,
            statistics=statistics,
            top_bins=top,
            message=text,
            detection=fall.detection(fall.found, fall.p_value, spec),
        )
    ]
