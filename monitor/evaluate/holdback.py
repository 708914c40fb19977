"""Who holds back the time of a model: one stuck source partition freezes all its windows.

No window closes then, so no verdict tells of it: a finding of its own does, once an episode, and
again when time goes on. It goes by the broker's time alone, as it stands in the log of `panes`, and
looks at it at fixed steps: how the log is cut into chunks decides nothing.
"""

from typing import NamedTuple

import msgspec

from monitor.detectors.finding import Finding
from monitor.evaluate.clock import BEHIND_MS, Clock
from monitor.evaluate.judged import Judged
from monitor.events.timestamps import rfc3339
from monitor.events.types import STALLED_PARTITION, HealthReason, PipelineHealth
from monitor.panes.messages import END, UNHEARD
from monitor.registry.durations import duration_words
from monitor.registry.specs import ModelSpec

#: Time is looked at once in so much of the broker's time.
LOOK_MS = 30_000
#: Where so many looks had nothing to see, all were away: who comes back first accuses nobody.
AWAY = 4


class Episode(msgspec.Struct, array_like=True, frozen=True):
    """A standstill that was told of: when it began, and the stretch of event time that waits, ms.

    `partitions` are those that were named.
    """

    since_ms: int
    start_ms: int
    end_ms: int
    partitions: list[int]


class HoldbackRow(msgspec.Struct, array_like=True, frozen=True):
    """What a restart takes up."""

    since: list[tuple[int, int]]
    told: Episode | None


class Standstill(NamedTuple):
    """What is told of an episode, at its beginning and at its end."""

    since_ms: int
    judged: Judged
    health: PipelineHealth


class Holdback:
    """Since when which source partitions have held back one model."""

    def __init__(self, spec: ModelSpec) -> None:
        self.spec = spec
        #: By source partition, the broker's time at which it was first seen to hold back, ms.
        self.since: dict[int, int] = {}
        self.told: Episode | None = None

    @property
    def row(self) -> HoldbackRow | None:
        """What `restore` takes up; None where nothing is held back."""
        known = self.since or self.told
        return HoldbackRow(sorted(self.since.items()), self.told) if known else None

    def restore(self, row: HoldbackRow | None) -> None:
        """Take up what was seen and told before a restart."""
        if row is not None:
            self.since, self.told = dict(row.since), row.told

    def look(self, clock: Clock, away: bool) -> Standstill | None:
        """What is to be told now; `away` says that nobody was heard since the last look."""
        now = clock.now
        held = clock.holding(self.spec)
        self.since = {n: now if away else self.since.get(n, now) for n in held}
        if self.told is not None:
            return None if held else self._over(now)
        stuck = {n: since for n, since in self.since.items() if now - since >= BEHIND_MS}
        return self._begun(stuck, held, clock) if stuck else None

    def _begun(
        self, stuck: dict[int, int], held: dict[int, HealthReason], clock: Clock
    ) -> Standstill:
        marks = [mark for mark in clock.marks(self.spec).values() if mark not in (END, UNHEARD)]
        start, end = (min(marks), max(marks)) if marks else (clock.now, clock.now)
        self.told = Episode(min(stuck.values()), start, end, sorted(stuck))
        why = "; ".join(clock.told(n, self.spec) for n in sorted(stuck))
        reasons = sorted({held[n] for n in stuck})
        finding = Finding(
            detector=STALLED_PARTITION,
            subject="watermark",
            statistic="holdback_seconds",
            verdict="high" if self.spec.risk_tier == "high" else "medium",
            value=(clock.now - self.told.since_ms) / 1000,
            threshold=BEHIND_MS / 1000,
            message=(
                f"no window of {self.spec.id} closes: its time stands at {rfc3339(start)}, and "
                f"others are at {rfc3339(end)}. {why}. See that the workers of "
                f"{_partitions(self.told)} run and keep up (watchkeeper_lag_records): start or "
                "restart them, or add one"
            ),
        )
        health = PipelineHealth(status="blind", reasons=reasons, partitions=sorted(stuck))
        return _standstill(self.told, finding, 0, health)

    def _over(self, now_ms: int) -> Standstill:
        assert self.told is not None
        told, self.told = self.told, None
        finding = Finding(
            detector=STALLED_PARTITION,
            subject="watermark",
            statistic="holdback_seconds",
            verdict="low",
            value=0.0,
            threshold=BEHIND_MS / 1000,
            message=(
                f"the time of {self.spec.id} goes on, {duration_words(now_ms - told.since_ms)} "
                f"after {_partitions(told)} began to hold it back"
            ),
        )
        return _standstill(told, finding, 1, PipelineHealth(status="healthy"))


def _standstill(of: Episode, finding: Finding, revision: int, health: PipelineHealth) -> Standstill:
    judged = Judged(
        finding.detector, "", of.start_ms, of.end_ms, (finding,), 0, revision, settled=revision > 0
    )  # fmt: skip
    return Standstill(of.since_ms, judged, health)


def _partitions(of: Episode) -> str:
    names = ", ".join(str(n) for n in of.partitions)
    return f"source partition{'' if len(of.partitions) == 1 else 's'} {names}"
