"""How many events of a kind a memory holds: counted by the hour, as they are forgotten.

The count is part of the memory: it comes back with the store, and from the log. Whether there is
room is asked of the watermark that a row has found, so that the answer depends on the order of the
log alone: not on what has been flushed or swept, and not on what lies at hand.
"""

from collections.abc import Iterator

HOUR_MS = 3_600_000


class Held:
    """Numbers of what is remembered, by the hour of its event."""

    def __init__(self) -> None:
        self.hours: dict[int, int] = {}
        #: Hours whose numbers have changed since somebody last asked.
        self.changed: set[int] = set()
        self._from = 0
        self._since = 0

    def put(self, hour_ms: int, n: int) -> None:
        """Take up what the store has of an hour."""
        self.hours[hour_ms] = n
        self._since += n

    def add(self, time_ms: int) -> None:
        """One more is remembered."""
        at = hour_of(time_ms)
        self.hours[at] = self.hours.get(at, 0) + 1
        self.changed.add(at)
        if at >= self._from:
            self._since += 1

    def since(self, before_ms: int) -> int:
        """How many are not over before a time, which never goes back.

        >>> held = Held()
        >>> for time_ms in (0, HOUR_MS, HOUR_MS + 1): held.add(time_ms)
        >>> held.since(HOUR_MS - 1), held.since(HOUR_MS), held.since(2 * HOUR_MS)
        (3, 2, 0)
        """
        if before_ms - self._from >= HOUR_MS:
            self._from = hour_of(before_ms)
            self._since = sum(n for at, n in self.hours.items() if at >= self._from)
        return self._since

    def news(self) -> Iterator[tuple[int, int | None]]:
        """Hours whose numbers have changed since this was last asked; None where one has gone."""
        changed, self.changed = self.changed, set()
        for at in changed:
            yield at, self.hours.get(at)

    def forget(self, before_ms: int) -> None:
        """Let go of the hours that are over before a time."""
        for at in [at for at in self.hours if hour_over(at, before_ms)]:
            del self.hours[at]
            self.changed.add(at)
        self.since(before_ms)


def hour_over(time_ms: int, before_ms: int) -> bool:
    """Whether the hour of a time has ended before a time."""
    return hour_of(time_ms) + HOUR_MS <= before_ms


def hour_of(time_ms: int) -> int:
    """The beginning of the hour of a time, in ms."""
    return time_ms - time_ms % HOUR_MS
