"""What one detector said of one window of one model version."""

from dataclasses import dataclass

from monitor.detectors.finding import Finding
from monitor.detectors.unjudged import ungraded
from monitor.events.timestamps import rfc3339
from monitor.observe.model import Monitored


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
    """The verdict on a window that was not counted over one baseline and one configuration."""
    message = f"the configuration changed within the window: {why}"
    return ungraded(detector, "baseline_missing", message, rows)


def changes(model: Monitored, start_ms: int, end_ms: int) -> str:
    """Which baselines hold in a window, and until when: counts over two of them have no sum.

    Nor has a window two references, where they differ in counts alone.
    """
    first, last = model.index(start_ms), model.index(end_ms - 1)
    held = [
        f"the baseline {period.baseline.id if period.baseline else 'none'} held until "
        f"{rfc3339(period.until_ms)}"
        for period in model.periods[first:last]
    ]
    now = model.periods[last].baseline
    assert now is not None
    return f"{', '.join(held)}, and {now.id} since; each is judged alone"
