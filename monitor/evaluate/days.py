"""Tallies of whole days (UTC) by version and label age: what a trend is told from.

Every stretch of time is counted once at each age, when the cursor of that age steps over it. So a
day holds the same whatever the windows are, and however often they overlap.
"""

from collections.abc import Iterator, Sequence
from typing import Self

from monitor.detectors.window import Day
from monitor.registry.specs import DAY_MS
from monitor.stats.tally import added

#: A trend is looked for in seven days, with gaps of as many among them.
KEPT = 14


def cut(start_ms: int, end_ms: int, pane_ms: int) -> Iterator[tuple[int, int]]:
    """Cut [start, end) where days begin; whole where panes lie across midnight, if it is a day's.

    >>> hour = 3_600_000
    >>> [(a // hour, b // hour) for a, b in cut(20 * hour, 50 * hour, hour)]
    [(20, 24), (24, 48), (48, 50)]
    """
    if DAY_MS % pane_ms:
        if end_ms - start_ms <= DAY_MS:
            yield start_ms, end_ms
        return
    at = start_ms
    while at < end_ms:
        until = min(end_ms, at - at % DAY_MS + DAY_MS)
        yield at, until
        at = until


class Days:
    """The latest days of one version, at each of so many label ages."""

    def __init__(self, ages: int) -> None:
        self.held: list[list[Day]] = [[] for _ in range(ages)]
        #: The end of the latest day that was judged at each age, in ms.
        self.judged = [0] * ages

    @classmethod
    def of(cls, held: Sequence[list[Day]], judged: Sequence[int]) -> Self:
        """What was held before a restart."""
        days = cls(len(held))
        days.held, days.judged = list(held), list(judged)
        return days

    def add(
        self, age: int, at_ms: int, predictions: int, labelled: int, counts: tuple[int, ...]
    ) -> None:
        """Add what was counted of the day in which `at_ms` lies; days come in order of time."""
        start = at_ms - at_ms % DAY_MS
        days = self.held[age]
        if days and days[-1].start_ms == start:
            last = days.pop()
            predictions, labelled = predictions + last.predictions, labelled + last.labelled
            counts = added(counts, last.tally)
        days.append(Day(start, predictions, labelled, counts))
        while days[0].start_ms <= start - KEPT * DAY_MS:
            del days[0]

    def until(self, age: int, from_ms: int, end_ms: int) -> tuple[Day, ...] | None:
        """Whole days in [from, end) that a trend may rest on, None where none is new.

        A day that is not over yet is none.
        """
        last = end_ms - end_ms % DAY_MS
        if last <= self.judged[age]:
            return None
        least = max(from_ms, last - KEPT * DAY_MS)
        return tuple(day for day in self.held[age] if day.start_ms >= least and day.start_ms < last)

    def told(self, age: int, end_ms: int) -> None:
        """The days before a time have been judged at an age."""
        self.judged[age] = max(self.judged[age], end_ms - end_ms % DAY_MS)

    @property
    def newest(self) -> int | None:
        """The end of the latest day held, in ms."""
        return max((days[-1].start_ms + DAY_MS for days in self.held if days), default=None)
