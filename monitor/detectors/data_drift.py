"""Have the inputs moved? One finding a feature, graded by PSI over quantile bins."""

from __future__ import annotations

from monitor.detectors.calibrated import realities
from monitor.detectors.distribution import judge_distribution
from monitor.detectors.explained import explained
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
    features = list(judged_features(window))
    known = realities(window.calibrated, features) if window.calibrated else {}
    found = [
        judge_distribution(
            "data_drift",
            feature.subject,
            feature.current,
            feature.reference,
            feature.grid,
            thresholds=spec.thresholds,
            min_samples=spec.min_samples,
            reality=known.get(feature.subject),
        )
        for feature in features
    ]
    return explained(found, features, window.calibrated) + lacking("data_drift", "psi", window)
