"""The log of a partition, replayed into its logic: from where a local cache stands, or anew."""

from collections.abc import Sequence

from monitor.errors import StaleCache
from monitor.panes.flush import Logic, LogRecord


class Replay:
    """Hands the committed records of a log to a logic; `end` is where the log ended."""

    def __init__(self, logic: Logic) -> None:
        self.logic = logic
        self.end = 0
        self._first = 0

    def begin(self, first: int, end: int) -> int:
        """The offset to read from; the log holds offsets from `first` up to `end`."""
        self._first, self.end = first, end
        held = self.logic.log_from
        if held is not None and first <= held < end:
            return held
        self.logic.discard()
        return first

    def take(self, records: Sequence[LogRecord]) -> int | None:
        """Take records in their order; where the cache turns out to be stale, begin anew."""
        try:
            self.logic.replay(records)
        except StaleCache:
            self.logic.discard()
            return self._first
        return None
