"""Ends this process when it is told to: in good order, or else after a bounded time all the same.

What was flushed is committed, and what was not is read again by the next owner: an end without
order repeats work, and loses nothing. One that takes for ever keeps partitions from everybody.
"""

import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable

#: A last flush takes a second at most where the broker answers.
DEADLINE_S = 8.0
EXIT_DISORDERLY = 3
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stopping:
    """Waits, in a thread of its own, for a signal that means "end"; then it has a deadline.

    The signal comes through a pipe that Python writes to in the very moment. A handler would wait
    for the main thread, and an event loop's for the loop, and either may be what does not move.
    """

    def __init__(self, stop: Callable[[], None], deadline_s: float = DEADLINE_S) -> None:
        self._stop = stop
        self._deadline_s = deadline_s
        self._read, self._write = os.pipe()
        os.set_blocking(self._write, False)

    def watch(self) -> None:
        """From here on a signal calls `stop`, once, in another thread. For the main thread."""
        threading.Thread(target=self._wait, name="stopping", daemon=True).start()
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        for number in _SIGNALS:
            signal.signal(number, lambda *_: None)

    def begin(self) -> None:
        """What ends by itself has the same deadline."""
        os.write(self._write, b"\0")

    def _wait(self) -> None:
        os.read(self._read, 1)
        deadline = time.monotonic() + self._deadline_s
        self._stop()
        while (left := deadline - time.monotonic()) > 0:
            if select.select([self._read], [], [], left)[0]:
                os.read(self._read, 512)
        sys.stderr.write(
            f"watchkeeper: not stopped in good order within {self._deadline_s:.0f} s, so at once; "
            f"what was not flushed is read again{os.linesep}"
        )
        sys.stderr.flush()
        os._exit(EXIT_DISORDERLY)
