"""Has the relation of inputs and outcome moved? The metric below that of the recent periods."""

from __future__ import annotations

import math

from monitor.detectors.finding import Finding
from monitor.detectors.outcomes import (
    SUBJECT,
    confusions,
    figures,
    measure,
    positive_index,
    too_early,
)
from monitor.detectors.registry import detector
from monitor.detectors.severity import grade, limit_told
from monitor.detectors.window import OutcomeWindow
from monitor.detectors.wording import against, count
from monitor.registry.specs import DROP
from monitor.stats.concept import concept_drift, degradation


@detector("concept_drift", signal="performance")
def judge(window: OutcomeWindow) -> list[Finding]:
    """The mean of the last periods minus the current metric, at equal label age, graded.

    `plain_concept_drift` is the article's own verdict, more than 0.05 below the mean of the last
    4. Fewer earlier periods than needed are insufficient_data, where the article says "no drift".
    Source: Huwyler, practice 8 (`detect_concept_drift`).
    """
    spec = window.spec.performance
    if spec is None:
        return []
    assert window.matrix is not None
    now = measure(window.matrix, spec.metric, positive_index(window))
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
    limits = spec.thresholds.get("concept", DROP)
    limit = limit_told(drop, limits)
    return [
        Finding(
            detector="concept_drift",
            subject=SUBJECT,
            statistic="degradation",
            verdict=grade(drop, limits),
            value=drop,
            threshold=limit,
            expected=0.0,
            n_current=now.rows,
            statistics=statistics,
            top_bins=confusions(window),
            message=(
                f"{spec.metric} {now.value:.3f} after a mean of {now.value + drop:.3f} over the "
                f"last {spec.periods} periods: degradation {against(drop, limit)} "
                f"(n={count(now.rows)})."
            ),
        )
    ]
