"""Have the inputs moved? One finding a feature, graded by PSI over quantile bins."""

from __future__ import annotations

from monitor.detectors.distribution import judge_columns
from monitor.detectors.features import judged_features, lacking
from monitor.detectors.finding import Finding
from monitor.detectors.registry import detector
from monitor.detectors.window import InputWindow


@detector("data_drift", signal="data_drift")
def judge(window: InputWindow) -> list[Finding]:
    """PSI of every feature that the configuration includes, with the other statistics beside it.

    A feature that the configuration declares and the baseline lacks is baseline_missing.
    """
    spec = window.spec.data_drift
    if spec is None:
        return []
    found = judge_columns("data_drift", window, list(judged_features(window)), spec)
    return found + lacking("data_drift", "psi", window)
