"""What a detector says about one subject in one window: a verdict with its numbers."""

from __future__ import annotations

import msgspec

from monitor.events.types import Cause, Detection, Span, TopBin, Verdict
from monitor.events.types import Severity as Grade

__all__ = [
    "GRADES",
    "UNJUDGED",
    "Cause",
    "Detection",
    "Finding",
    "Grade",
    "Statistics",
    "TopBin",
    "Verdict",
]

GRADES: tuple[Grade, ...] = ("low", "medium", "high", "critical")
UNJUDGED: tuple[Verdict, ...] = (
    "insufficient_data",
    "no_traffic",
    "labels_immature",
    "baseline_missing",
    "inconclusive",
)

Statistics = dict[str, float | list[float] | None]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One detector's judgement of one subject in one window; value is None where undefined.

    `threshold` is the highest limit that the value exceeded or, when it exceeded none, the
    lowest one; `expected` the mean of the value when nothing has changed; `p_value` that of
    the exact or asymptotic test named by the detector. `statistics` carries the other figures
    under their short names, None where one is undefined. `detection`, where it is known what is
    usual, says whether it is real. `causes` are what probably happened, the likeliest first, and
    `began` is when, where the last windows tell. A finding on the whole input names the `features`
    that it is about, and each of theirs is `part_of` it.
    """

    detector: str
    subject: str
    statistic: str
    verdict: Verdict
    message: str
    value: float | None = None
    threshold: float | None = None
    expected: float | None = None
    p_value: float | None = None
    n_reference: int = 0
    n_current: int = 0
    statistics: Statistics = {}
    top_bins: tuple[TopBin, ...] = ()
    detection: Detection | None = None
    causes: tuple[Cause, ...] = ()
    began: Span | None = None
    features: tuple[str, ...] = ()
    part_of: str = ""

    @property
    def graded(self) -> bool:
        """Whether the verdict is a grade, and not a reason for having none."""
        return self.verdict in GRADES
