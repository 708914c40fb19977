"""What one detector said of one window of one model version."""

from dataclasses import dataclass

from monitor.detectors.finding import Finding


@dataclass(frozen=True, slots=True)
class Judged:
    """A detector's findings on a window [start, end) in ms; performance has an age and a revision.

    `rows` are the predictions of the window, judged or not.
    """

    detector: str
    version: str
    start_ms: int
    end_ms: int
    findings: tuple[Finding, ...]
    rows: int
    revision: int = 0
    age_ms: int | None = None
