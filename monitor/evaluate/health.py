"""How well the monitor saw while a window was filled: healthy, degraded, or blind.

A window's health rests on the predictions that were read and not counted (late, dead-lettered,
quarantined) while its model's watermark stood in the window, partition by partition: the time in
which it was filled. Those of before or after it say nothing of it, and a count over a worker's
uptime, as engines keep it (Beam's `droppedDueToLateness`), would make the verdict depend on
restarts. Where a watermark stood is decided by the order of the log, so a replay says the same.

What is lost can shift a share of the rest by as much, at most. Up to 5 % that is less than what a
page or a rollback needs (0.10, 0.15), and Great Expectations' customary `mostly: 0.95` tolerates as
much; beyond half, more is unknown than known.
"""

from monitor.evaluate.clock import Clock
from monitor.evaluate.judged import Judged
from monitor.events.types import HealthReason, HealthStatus, PipelineHealth
from monitor.observe.state import OTHER_VERSIONS
from monitor.panes.messages import Loss, encode
from monitor.registry.specs import ModelSpec

#: Shares of a window's predictions that are lost, above which it is not healthy, or not seen.
DEGRADED_ABOVE = 0.05
BLIND_ABOVE = 0.5
_RATES: tuple[HealthReason, ...] = ("late_rate", "dead_rate", "quarantine_rate")

#: Where a loss stands: the start of its pane in ms, and its source partition.
Place = tuple[int, int]


class Losses:
    """What one model has lost, by pane and source partition, as long as a window may need it."""

    def __init__(self) -> None:
        self._held: dict[Place, Loss] = {}
        #: Rows that have changed since they were last asked for; None where one has gone.
        self.rows: dict[tuple[str, str, int, int], bytes | None] = {}

    def put(self, loss: Loss) -> None:
        """Hold or replace what was lost in a pane of a source partition."""
        self.restore(loss)
        self.rows[_key(loss)] = encode(loss)

    def restore(self, loss: Loss) -> None:
        """Take up a row."""
        self._held[loss.start_ms, loss.source] = loss

    def within(self, start_ms: int, end_ms: int) -> tuple[int, int, int]:
        """Late, dead and quarantined predictions while the watermark stood in [start, end)."""
        held = [loss for (start, _), loss in self._held.items() if start_ms <= start < end_ms]
        return (
            sum(loss.late for loss in held),
            sum(loss.dead for loss in held),
            sum(loss.quarantined for loss in held),
        )

    def forget(self, before_ms: int) -> None:
        """Let go of what was lost in panes before a time."""
        for place in sorted(place for place in self._held if place[0] < before_ms):
            self.rows[_key(self._held.pop(place))] = None


def _key(loss: Loss) -> tuple[str, str, int, int]:
    return "loss", loss.model_id, loss.start_ms, loss.source


def assess(
    judged: Judged, rows: int, lost: tuple[int, int, int], spec: ModelSpec, clock: Clock
) -> PipelineHealth:
    """The health of a window that has counted `rows` predictions of all versions."""
    reasons: list[HealthReason] = ["no_traffic"] if rows == 0 else []
    total, missing = rows + sum(lost), sum(lost)
    if missing > DEGRADED_ABOVE * total:
        # Each that is a third of too much, of which there is at least one.
        reasons += [
            rate
            for rate, n in zip(_RATES, lost, strict=True)
            if n > DEGRADED_ABOVE * total / len(lost)
        ]
    blind = rows == 0 or missing > BLIND_ABOVE * total
    if judged.version == OTHER_VERSIONS:
        reasons.append("overflow")
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
    )
