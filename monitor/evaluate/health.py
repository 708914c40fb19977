"""How well the monitor saw while a window was filled: healthy, degraded, or blind.

A window's health rests on the predictions that were read and not counted (late, dead-lettered,
quarantined) while its model's watermark stood in the window, partition by partition: the time in
which it was filled. Those of before or after it say nothing of it, and a count over a worker's
uptime, as engines keep it (Beam's `droppedDueToLateness`), would make the verdict depend on
restarts. Where a watermark stood is decided by the order of the log, so a replay says the same.

What is lost can shift a share of the rest by as much, at most. Up to 5 % that is less than what a
page or a rollback needs (0.10, 0.15), and Great Expectations' customary `mostly: 0.95` tolerates as
much; beyond half, more is unknown than known.

What lies in another partition than its key names is counted, so inputs are seen as well as ever;
but no label finds it, so a window of performance sees less.
"""

from msgspec import UNSET

from monitor.evaluate.clock import Clock
from monitor.evaluate.judged import Judged
from monitor.evaluate.kept import Kept
from monitor.events.types import HealthReason, HealthStatus, PipelineHealth
from monitor.observe.placement import advice
from monitor.observe.state import OTHER_VERSIONS
from monitor.panes.messages import Loss
from monitor.registry.specs import ModelSpec

#: Shares of a window's predictions that are lost, above which it is not healthy, or not seen.
DEGRADED_ABOVE = 0.05
BLIND_ABOVE = 0.5
_RATES: tuple[HealthReason, ...] = ("late_rate", "dead_rate", "quarantine_rate")


class Losses(Kept[Loss]):
    """What one model has lost."""

    def lost(self, start_ms: int, end_ms: int) -> tuple[int, int, int]:
        """Late, dead and quarantined predictions while the watermark stood in [start, end)."""
        held = self._of("predictions", start_ms, end_ms)
        return (
            sum(loss.late for loss in held),
            sum(loss.dead for loss in held),
            sum(loss.quarantined for loss in held),
        )

    def misplaced(self, judged: Judged, pane_ms: int) -> int:
        """Predictions in wrong partitions while a window was filled.

        Where labels are judged, labels too: those read until the age at which it is judged.
        """
        start, end = judged.start_ms, judged.end_ms
        held = self._of("predictions", start, end)
        if judged.age_ms is not None:
            # Of the last pane, which the age cuts, what was read depends on when it was looked at.
            held += self._of("labels", start, (end + judged.age_ms) // pane_ms * pane_ms)
        return sum(loss.misplaced for loss in held)

    def _of(self, topic: str, start_ms: int, end_ms: int) -> list[Loss]:
        return [loss for loss in self.within(start_ms, end_ms) if loss.topic == topic]


def assess(
    judged: Judged,
    rows: int,
    lost: tuple[int, int, int],
    misplaced: int,
    spec: ModelSpec,
    clock: Clock,
    unremembered: int = 0,
) -> PipelineHealth:
    """The health of a window that has counted `rows` predictions of all versions.

    Where ids were not remembered nothing is judged: such a window is not seen.
    """
    reasons: list[HealthReason] = ["no_traffic"] if rows == 0 else []
    total, missing = rows + sum(lost), sum(lost)
    if missing > DEGRADED_ABOVE * total:
        # Each that is a third of too much, of which there is at least one.
        reasons += [
            rate
            for rate, n in zip(_RATES, lost, strict=True)
            if n > DEGRADED_ABOVE * total / len(lost)
        ]
    blind = rows == 0 or missing > BLIND_ABOVE * total or unremembered > 0
    if judged.age_ms is not None and misplaced > DEGRADED_ABOVE * total:
        reasons.append("misplaced")
    if judged.version == OTHER_VERSIONS:
        reasons.append("overflow")
    if unremembered:
        reasons.append("dedup_overflow")
    behind: set[int] = set()
    if spec.clock == "append":  # a stream that replays the past has no present to be behind
        for reason, partitions in clock.behind().items():
            reasons += [reason] if partitions else []
            behind |= set(partitions)
    status: HealthStatus = "blind" if blind else "degraded" if reasons else "healthy"
    late, dead, quarantined = lost
    return PipelineHealth(
        status=status,
        reasons=reasons,
        late=late,
        dead=dead,
        quarantined=quarantined,
        partitions=sorted(behind),
        misplaced=misplaced or UNSET,
        message=advice(misplaced) if misplaced else UNSET,
        unremembered=unremembered or UNSET,
    )
