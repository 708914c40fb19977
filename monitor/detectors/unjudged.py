"""Why there is no grade: each reason is a verdict of its own, and tells its remedy."""

from __future__ import annotations

from monitor.detectors.finding import Finding, Verdict
from monitor.detectors.window import OutcomeWindow, Window
from monitor.detectors.wording import count


def unjudgeable(detector: str, window: Window) -> Finding | None:
    """The finding of a window that no detector can judge, or None: no baseline, or no traffic."""
    rows = window.predictions if isinstance(window, OutcomeWindow) else window.rows
    verdict: Verdict = "baseline_missing"
    message = ""
    if window.baseline is None:
        message = (
            f"no baseline for {window.spec.id}, so {count(rows)} predictions cannot be judged; "
            "build one with `watchkeeper baseline build` and name it in the configuration"
        )
    elif isinstance(window, OutcomeWindow) and _labelless(window):
        message = (
            f"the baseline {window.baseline.id} (n={count(window.baseline.rows)}) has no labels "
            "of a classification to compare with; rebuild it with predictions and labels"
        )
    elif rows == 0:
        verdict = "no_traffic"
        message = (
            f"0 predictions of {window.spec.id} {window.version}".rstrip()
            + " in this window; is its publisher running?"
        )
    if not message:
        return None
    known = window.baseline.rows if window.baseline is not None else 0
    return ungraded(detector, verdict, message, rows, known)


def ungraded(
    detector: str, verdict: Verdict, message: str, rows: int, n_reference: int = 0
) -> Finding:
    """The finding on a whole window of so many rows that there is no grade, and why."""
    return Finding(
        detector=detector,
        subject="model",
        statistic="rows",
        verdict=verdict,
        n_reference=n_reference,
        n_current=rows,
        message=message,
    )


def _labelless(window: OutcomeWindow) -> bool:
    outcomes = window.baseline.outcomes if window.baseline is not None else None
    return outcomes is None or window.matrix is None or window.reference is None
