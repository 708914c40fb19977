"""How far time had come by the records that are no news any more.

A window whose time was passed by records that lay in Kafka for long, at a first start or after an
outage, is told late: nobody is to be called about it. What a stream read in one go may cover days,
so each watermark is remembered by the append times of the records that moved it.
"""

from collections import deque

import numpy as np
import numpy.typing as npt

from monitor.panes.messages import UNHEARD

Times = npt.NDArray[np.int64]
#: A watermark is remembered so often within the age: a record may be younger by one part than told.
PARTS = 15


class Past:
    """The greatest event time of one model and topic as of append times, back to an age in ms."""

    def __init__(self, age_ms: int) -> None:
        self.age_ms = age_ms
        self.part_ms = max(1, age_ms // PARTS)
        #: The number of the part of append time, and the greatest event time by its end.
        self._known: deque[tuple[int, int]] = deque()
        #: What is past whatever the records say: by silence alone, or from before a restart.
        self._least = UNHEARD

    def take(self, times: Times, appended: Times) -> None:
        """Take events in offset order, each with its own time and its append time in ms."""
        if not len(times):
            return
        parts = np.maximum.accumulate(appended) // self.part_ms
        last = np.append(np.flatnonzero(np.diff(parts)), len(parts) - 1)
        running = np.maximum.accumulate(times)[last].tolist()
        for part, greatest in zip(parts[last].tolist(), running, strict=True):
            self._note(part, greatest)

    def move(self, greatest_ms: int, append_ms: int) -> None:
        """Time has gone on to here without events, at an append time in ms.

        In silence time goes on by the clock, and stood an age behind this an age ago.
        """
        self.restore(greatest_ms - self.age_ms)
        self._note(append_ms // self.part_ms, greatest_ms)

    def _note(self, part: int, greatest: int) -> None:
        if self._known:
            newest, known = self._known[-1]
            part, greatest = max(part, newest), max(greatest, known)
            if part == newest:
                self._known.pop()
        self._known.append((part, greatest))
        self._forget(part * self.part_ms)

    def of(self, now_ms: int) -> int:
        """The greatest event time by records appended longer than the age before an append time."""
        before = [n for part, n in self._known if (part + 1) * self.part_ms <= now_ms - self.age_ms]
        return max(before[-1], self._least) if before else self._least

    def restore(self, greatest_ms: int) -> None:
        """Take up what was past before."""
        self._least = max(self._least, greatest_ms)

    def _forget(self, now_ms: int) -> None:
        """Of what is past by now, the last is enough."""
        known = self._known
        while len(known) > 1 and (known[1][0] + 1) * self.part_ms <= now_ms - self.age_ms:
            known.popleft()
