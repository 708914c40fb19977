"""Do the labels still come? Without them a model that has become worse looks as it always did."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from monitor.detectors.evidence import by_rows, level_of
from monitor.detectors.finding import Detection, Finding, Grade, Statistics, Verdict
from monitor.detectors.outcomes import age
from monitor.detectors.registry import detector
from monitor.detectors.severity import exceeds
from monitor.detectors.window import OutcomeWindow
from monitor.detectors.wording import against, chance, count, moved, percent
from monitor.events.types import LABEL_COVERAGE
from monitor.registry.specs import LabelsSpec
from monitor.stats.fisher import excess_p

SUBJECT = "labels"
#: A fall of coverage by less than this costs rows, and no verdict.
SMALL = 0.05


@detector(LABEL_COVERAGE, signal="performance")
def judge(window: OutcomeWindow) -> list[Finding]:
    """The labelled share of the predictions below the baseline's at the same label age.

    It alarms if Fisher's exact test finds it at the level of the look and it is more than 0.05;
    and, when the last label has had its time, if less than `labels.min_coverage` is labelled:
    performance is judged by nobody then. Both are medium, high where the risk tier is: what is not
    seen has no size. `coverage_by_age` are the shares labelled by each age limit, and
    `median_delay_ms` the limit by which half of the labels had come that are known now.
    """
    spec = window.spec.performance
    if spec is None:
        return []
    assert window.matrix is not None
    assert window.reference is not None
    assert window.baseline is not None
    outcomes = window.baseline.outcomes
    assert outcomes is not None
    labelled, rows = int(window.matrix.sum()), window.predictions
    known = int(window.reference.sum())
    of = max(window.reference_predictions, known)
    statistics = _statistics(window, labelled, known, of)
    least, coverage = max(spec.min_samples, 1), labelled / rows
    needed = (window.spec.labels or LabelsSpec()).min_coverage
    settled = window.age_ms >= outcomes.ages_ms[-1]
    within = f"of {count(rows)} predictions have a label within {age(window.age_ms)}"
    severe: Grade = "high" if window.spec.risk_tier == "high" else "medium"
    if rows < least:
        why = f"labels: n={count(rows)} predictions < {count(least)} needed"
        return [_finding(window, statistics, "insufficient_data", why)]
    if settled and exceeds(needed, coverage):
        why = (
            f"{coverage:.3f} {within}, {needed:.3f} needed: how well the model does is not known. "
            "Are labels published, and under the ids of their predictions?"
        )
        short = needed - coverage
        return [_finding(window, statistics, severe, why, "coverage_shortfall", short, 0.0)]
    if of < least or not (outcomes.ages_known or settled):
        lacks = (
            f"has n={count(of)} < {count(least)} needed" if of < least else "knows no label ages"
        )
        why = (
            f"{percent(coverage)} {within}, and the baseline {lacks}; rebuild it from more rows, "
            "with the times of predictions and labels"
        )
        return [_finding(window, statistics, "insufficient_data", why)]
    fall, alpha = known / of - coverage, level_of(window, spec)
    p_value = excess_p(rows - labelled, rows, of - known, of)
    found = p_value is not None and p_value <= alpha
    change = f"Share labelled within {age(window.age_ms)} {moved(known / of, coverage)}"
    why = f"{change} (n={count(rows)})."
    if fall > 0 and p_value is not None:
        size = against(fall, SMALL) if found else f"{fall:.3f}, which chance explains"
        why = f"{change}: {size} (n={count(rows)}; p {chance(p_value)}, level {alpha:.1e})."
    detection = by_rows(spec, alpha, found, p_value)
    verdict = severe if found and exceeds(fall, SMALL) else "low"
    statistics |= {"found": float(found), "level": alpha}
    return [
        _finding(window, statistics, verdict, why, "coverage_drop", fall, SMALL, p_value, detection)
    ]


def _finding(
    window: OutcomeWindow,
    statistics: Statistics,
    verdict: Verdict,
    message: str,
    statistic: str = "coverage_drop",
    value: float | None = None,
    limit: float | None = None,
    p_value: float | None = None,
    detection: Detection | None = None,
) -> Finding:
    return Finding(
        detector=LABEL_COVERAGE,
        subject=SUBJECT,
        statistic=statistic,
        verdict=verdict,
        value=value,
        threshold=limit,
        expected=None if value is None else 0.0,
        p_value=p_value,
        n_reference=window.reference_predictions,
        n_current=window.predictions,
        statistics=statistics,
        message=message,
        detection=detection,
    )


def _statistics(window: OutcomeWindow, labelled: int, known: int, of: int) -> Statistics:
    outcomes = window.baseline.outcomes if window.baseline is not None else None
    assert outcomes is not None
    limits, rows = outcomes.ages_ms, window.predictions
    by_age = np.cumsum(outcomes.counts.sum(axis=(1, 2)))[: len(window.known)].tolist()
    return {
        "coverage": labelled / rows,
        "coverage_reference": known / of if of else None,
        "labelled": float(labelled),
        "predictions": float(rows),
        "age_ms": float(window.age_ms),
        "coverage_by_age": [n / rows for n in window.known],
        "coverage_by_age_reference": (
            [n / of for n in by_age] if of and outcomes.ages_known else None
        ),
        "median_delay_ms": _median(window.known, limits),
        "median_delay_ms_reference": _median(by_age, limits) if outcomes.ages_known else None,
    }


def _median(known: Sequence[int], limits: Sequence[int]) -> float | None:
    """The age limit by which half of the labels had come; None without labels."""
    if not known or not known[-1]:
        return None
    return float(next(limit for n, limit in zip(known, limits, strict=False) if 2 * n >= known[-1]))
