"""Has the relation of inputs and outcome moved? The metric below that of the recent periods."""

from __future__ import annotations

import math

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
from monitor.detectors.severity import exceeds, grade, limit_told
from monitor.detectors.window import OutcomeWindow
from monitor.detectors.wording import against, chance, count
from monitor.registry.specs import DROP
from monitor.stats.concept import concept_drift, degradation


@detector("concept_drift", signal="performance")
def judge(window: OutcomeWindow) -> list[Finding]:
    """The mean of the last periods minus the current metric, at equal label age, graded if real.

    It is real if the metric lies below the baseline's at the level of the look: by the one-sided
    two-proportion test (`p_value`) and, because that holds its level in great windows alone, by
    what finds a drop of performance. What is not found is low, unless the method is `plain`.
    `plain_concept_drift` is the article's own verdict, more than 0.05 below the mean of the last 4,
    which alone fires by chance on 1.8 % of windows of 200 rows. Fewer earlier periods than needed
    are insufficient_data, where the article says "no drift".

    Source: Huwyler, practice 8 (`detect_concept_drift`).
    """
    spec = window.spec.performance
    if spec is None:
        return []
    assert window.matrix is not None
    assert window.reference is not None
    positive = positive_index(window)
    now = measure(window.matrix, spec.metric, positive)
    early = too_early("concept_drift", "degradation", window, spec, now)
    if early is not None:
        return [early]
    assert now.value is not None
    statistics = figures(window)
    statistics["history"] = [value for value in window.history if math.isfinite(value)]
    drop = degradation(window.history, now.value, spec.periods)
    if drop is None:
        unknown = sum(not math.isfinite(value) for value in window.history[-spec.periods :])
        aside = f", of which {unknown} unknown" if unknown else ""
        return [
            Finding(
                detector="concept_drift",
                subject=SUBJECT,
                statistic="degradation",
                verdict="insufficient_data",
                n_current=now.rows,
                statistics=statistics,
                message=(
                    f"{spec.metric}: needs {spec.periods} earlier periods, "
                    f"has {len(window.history)}{aside}"
                ),
            )
        ]
    statistics["recent_mean"] = now.value + drop
    plain = concept_drift(window.history, now.value)
    statistics["plain_concept_drift"] = None if plain is None else float(plain)
    before = measure(window.reference, spec.metric, positive)
    fall = fall_of(window, spec.metric, level_of(window, spec))
    if fall is None or before.value is None or before.rows < spec.min_samples:
        return [unlabelled_before("concept_drift", "degradation", window, spec, before, now)]
    p_value = fall.p_two_proportions
    found = fall.found and (p_value is None or p_value <= fall.level)
    statistics |= fall.statistics | {"found": float(found)}
    real = found or spec.method == "plain"
    limits = spec.thresholds.get("concept", DROP)
    # What chance explains has exceeded no limit, however great it is.
    limit = limit_told(drop if real else -1.0, limits)
    size = against(drop, limit)
    if not real and limit is not None and exceeds(drop, limit):
        size = f"{drop:.3f}, which chance explains"
    tested = f"; p {chance(p_value)}" if p_value is not None else ""
    evidence = f"{tested} against the baseline's {before.value:.3f}" if drop > 0 else ""
    if drop > 0:
        evidence += f", {'found' if found else 'not found'} at {fall.level:.1e}"
    return [
        Finding(
            detector="concept_drift",
            subject=SUBJECT,
            statistic="degradation",
            verdict=grade(drop, limits) if real else "low",
            value=drop,
            threshold=limit,
            expected=0.0,
            p_value=p_value,
            n_reference=before.rows,
            n_current=now.rows,
            statistics=statistics,
            top_bins=confusions(window),
            detection=fall.detection(found, p_value, spec),
            message=(
                f"{spec.metric} {now.value:.3f} after a mean of {now.value + drop:.3f} over the "
                f"last {spec.periods} periods: degradation {size} "
                f"(n={count(now.rows)}{evidence})."
            ),
        )
    ]
