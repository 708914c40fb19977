"""Baselines that are older than they should be: told once, and judged by all the same.

What was usual a year ago may not be so now, and whoever rebuilds a baseline wants to know in time;
but an old reference is better than none, and nobody need get up at night because of it. So the
first window that ends beyond the time makes one finding, a ticket, and no verdict changes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from monitor.detectors.finding import Finding
from monitor.evaluate.judged import Judged
from monitor.events.timestamps import rfc3339
from monitor.events.types import EXPIRED_BASELINE
from monitor.observe.model import Monitored, Period
from monitor.registry.durations import duration_text
from monitor.registry.specs import DAY_MS


@dataclass(frozen=True, slots=True)
class Term:
    """How long a baseline is good for: from the end of what it was learned from, in ms."""

    until_ms: int
    after_ms: int

    @property
    def expires_ms(self) -> int:
        """The event time from which on it is too old."""
        return self.until_ms + self.after_ms


class Expiry:
    """The terms of one model's baselines, and which of them people have been told are over."""

    def __init__(self, model: Monitored) -> None:
        self.model = model
        #: By fingerprint; a baseline that doesn't say when its data ends has none.
        self.terms = {
            baseline.fingerprint: Term(baseline.until_ms, one.expires_after_ms)
            for one, baseline in zip(model.spec.baselines, model.baselines, strict=False)
            if one.expires_after_ms is not None and baseline.until_ms is not None
        }
        self._told: set[str] = set()

    @property
    def row(self) -> list[str]:
        """What `restore` takes up."""
        return sorted(self._told)

    def restore(self, row: list[str]) -> None:
        """Take up what was told before a restart, of terms that still are the same."""
        self._told = set(row) & {_name(mark, term) for mark, term in self.terms.items()}

    def over(self, judged: Judged) -> Judged | None:
        """What is to be told as of a window: that its baseline has expired, and nobody was told."""
        if not self.terms or not judged.rows:
            return None
        period = self.model.at(judged.start_ms)
        mark = period.baseline.fingerprint if period.baseline else ""
        term = self.terms.get(mark)
        if term is None or judged.end_ms <= term.expires_ms or _name(mark, term) in self._told:
            return None
        self._told.add(_name(mark, term))
        # The same span, and so the same key, whichever window comes first.
        start = max(period.from_ms, term.until_ms)
        return replace(
            judged,
            detector=EXPIRED_BASELINE,
            version="",
            start_ms=start,
            end_ms=max(start, term.expires_ms),
            findings=(_finding(self.model, period, term),),
            revision=0,
            age_ms=None,
            decidable=True,
            settled=True,
        )


def _name(fingerprint: str, term: Term) -> str:
    return f"{fingerprint}/{term.expires_ms}"


def _finding(model: Monitored, period: Period, term: Term) -> Finding:
    baseline = period.baseline
    assert baseline is not None
    return Finding(
        detector=EXPIRED_BASELINE,
        subject="baseline",
        statistic="age_days",
        verdict="medium",
        value=term.after_ms / DAY_MS,
        threshold=term.after_ms / DAY_MS,
        n_reference=baseline.rows,
        message=(
            f"the baseline {baseline.id} of {model.spec.id} was learned from data until "
            f"{rfc3339(term.until_ms)}, and expired {duration_text(term.after_ms)} later "
            "(expires_after); windows are judged against it all the same. Build a new one with "
            "`watchkeeper baseline build`, and let it take effect with effective_from"
        ),
    )
