"""Windows that hold more than can be told apart: inconclusive.

Ids that were not remembered: the numbers are right as far as everything was sent once, and whether
it was, nobody can tell. A producer that repeats itself could move a distribution, so nothing is
graded, and nothing rests on it. Of that people are told, once an episode, because the model is not
watched. Versions beyond the first few of a pane: they are counted as one, and health says so.
"""

from monitor.detectors.finding import Finding
from monitor.detectors.unjudged import ungraded
from monitor.detectors.wording import count
from monitor.evaluate.judged import Judged
from monitor.evaluate.kept import Kept
from monitor.events.timestamps import rfc3339
from monitor.events.types import DEDUP_OVERFLOW
from monitor.observe.state import OTHER_VERSIONS, VERSIONS_LIMIT
from monitor.panes.messages import UNHEARD, Unremembered
from monitor.registry.footprint import most_remembered
from monitor.registry.specs import HOUR_MS, ModelSpec

#: Panes that overflow within this time of each other are of one episode.
GAP_MS = HOUR_MS


class Overflows(Kept[Unremembered]):
    """What the memories of one model had no room for, over `sources` partitions."""

    def __init__(self, spec: ModelSpec, sources: int) -> None:
        super().__init__()
        self.spec = spec
        self.most = most_remembered(spec, sources)
        #: The start of the last pane of an episode that has been told, in ms.
        self.told_ms = UNHEARD

    def predictions(self, version: str, start_ms: int, end_ms: int) -> int:
        """How many predictions of a version in [start, end) were not remembered."""
        held = self.within(start_ms, end_ms)
        return sum(message.predictions for message in held if message.version == version)

    def why(self, version: str, start_ms: int, end_ms: int, rows: int) -> str | None:
        """Why a window of so many predictions cannot be judged; None where it can."""
        if version == OTHER_VERSIONS:
            return (
                f"{count(rows)} predictions are of versions beyond the first {VERSIONS_LIMIT} of "
                "their panes, which are counted as one and cannot be told apart: name a version "
                "by its release, not by its request"
            )
        lost = self.predictions(version, start_ms, end_ms)
        if not lost:
            return None
        return (
            f"{count(lost)} of {count(rows)} predictions came while {count(self.most)} ids were "
            f"remembered in their partition, which is the limit: {REMEDY}"
        )

    def begins(self, judged: Judged) -> bool:
        """Whether a window is the first of an episode; it is then told of."""
        starts = sorted(message.start_ms for message in self.within(judged.start_ms, judged.end_ms))
        new = [start for start in starts if start > self.told_ms]
        begun = bool(new) and (self.told_ms == UNHEARD or new[0] - self.told_ms > GAP_MS)
        self.told_ms = max(self.told_ms, *new) if new else self.told_ms
        return begun

    def finding(self, judged: Judged) -> Finding:
        """That the memory of a model is full: nothing of it is judged until there is room."""
        held = list(self.within(judged.start_ms, judged.end_ms))
        lost = sum(message.predictions for message in held)
        at = ", ".join(str(n) for n in sorted({message.source for message in held}))
        return Finding(
            detector=DEDUP_OVERFLOW,
            subject="model",
            statistic="unremembered",
            verdict="high" if self.spec.risk_tier == "high" else "medium",
            value=float(lost),
            threshold=0.0,
            n_current=lost,
            message=(
                f"{count(lost)} predictions of {self.spec.id} from {rfc3339(judged.start_ms)} to "
                f"{rfc3339(judged.end_ms)} came while {count(self.most)} ids were remembered in "
                f"partition {at}, which is the limit; their windows are inconclusive: {REMEDY}"
            ),
        )


REMEDY = (
    "whether they were repeated is unknown; raise max_remembered or kafka.partitions, or shorten "
    "labels.max_delay"
)


def inconclusive(detector: str, why: str, rows: int) -> Finding:
    """The verdict on a window that holds more than can be told apart."""
    return ungraded(detector, "inconclusive", why, rows)
