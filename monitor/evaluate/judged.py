"""What one detector said of one window of one model version."""

from dataclasses import dataclass

from monitor.detectors.finding import Finding


@dataclass(frozen=True, slots=True)
class Judged:
    """A detector's findings on a window [start, end) in ms; performance has an age and a revision.

    `rows` are the predictions of the window, judged or not; `silent` says that none came from the
    model at all. A window is `decidable` when all has come that its verdict needs: its allowed
    lateness has passed and, for performance, enough predictions have a label. It is `settled` when
    nothing can change its verdict any more: no revision follows.
    """

    detector: str
    version: str
    start_ms: int
    end_ms: int
    findings: tuple[Finding, ...]
    rows: int
    revision: int = 0
    age_ms: int | None = None
    silent: bool = False
    decidable: bool = True
    settled: bool = True

    @property
    def provisional(self) -> bool:
        """Whether the verdict waits for more than has come."""
        return not (self.decidable or self.settled)


def not_judged(detector: str, why: str, rows: int) -> Finding:
    """The verdict on a window that was counted over more than one configuration."""
    return Finding(
        detector=detector,
        subject="model",
        statistic="rows",
        verdict="baseline_missing",
        n_current=rows,
        message=f"the configuration changed within the window: {why}",
    )
