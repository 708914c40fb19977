"""Has the output moved? Predictions by the article's JS divergence and by PSI, scores by PSI."""

from __future__ import annotations

from monitor.detectors.distribution import judge_columns
from monitor.detectors.features import column_counts
from monitor.detectors.finding import Finding
from monitor.detectors.registry import detector
from monitor.detectors.window import InputWindow


@detector("prediction_drift", signal="prediction_drift")
def judge(window: InputWindow) -> list[Finding]:
    """One finding for `prediction` and one for `score`, as far as the baseline has them.

    The prediction's statistic is whichever of JS divergence (nats) and PSI has the higher grade,
    the former if they agree. Source: Huwyler, practice 8 (`detect_prediction_drift`).
    """
    spec = window.spec.prediction_drift
    if spec is None or window.baseline is None:
        return []
    baseline = window.baseline
    subjects = [subject for subject in ("prediction", "score") if subject in baseline.layout]
    if not subjects:
        return [
            Finding(
                detector="prediction_drift",
                subject="prediction",
                statistic="js_divergence",
                verdict="baseline_missing",
                n_current=window.rows,
                message=(
                    f"the baseline {baseline.id} (n={baseline.rows:,}) has neither predictions "
                    "nor scores; rebuild it with them, or drop signals: prediction_drift"
                ),
            )
        ]
    columns = [column_counts(window, subject) for subject in subjects]
    return judge_columns("prediction_drift", window, columns, spec, with_js=("prediction",))
