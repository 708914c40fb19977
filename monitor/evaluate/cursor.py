"""How far windows have been judged: one after the other in order of time, and silence at a step."""

from collections.abc import Callable

from monitor.evaluate.windows import first_end, last_complete_end
from monitor.panes.messages import END
from monitor.registry.specs import WindowSpec

#: The start of the earliest pane that is held from a time on, both in ms.
Next = Callable[[int], int | None]


class Cursor:
    """The end, in ms, of the first window that is not judged; None before the first event."""

    def __init__(self, window: WindowSpec, next_end: int | None = None) -> None:
        self.window = window
        self.next_end = next_end

    def end(self, first: Callable[[], int | None]) -> int | None:
        """The end of the next window; the first one is that of the earliest pane held.

        Nothing moves: until that one is complete, a slower partition may bring an earlier pane.
        """
        if self.next_end is not None:
            return self.next_end
        start = first()
        return None if start is None else first_end(self.window, start)

    def completes(self, end: int, mark_ms: int) -> bool:
        """Whether a watermark completes the window that ends at `end`."""
        return mark_ms == END or end <= last_complete_end(self.window, mark_ms)

    def step(self, end: int) -> None:
        """The window that ends at `end` is judged."""
        self.next_end = end + self.window.hop_ms

    def pass_silence(self, next_: Next, mark_ms: int) -> None:
        """Go on to the next window that may hold a prediction, however far, in one step."""
        assert self.next_end is not None
        start = next_(self.next_end - self.window.size_ms)
        ends = [] if start is None else [first_end(self.window, start)]
        if mark_ms != END:
            ends.append(last_complete_end(self.window, mark_ms) + self.window.hop_ms)
        self.next_end = max(self.next_end, min(ends, default=self.next_end))

    @property
    def needed_from(self) -> int | None:
        """The earliest time that a window to come may still hold, in ms."""
        return None if self.next_end is None else self.next_end - self.window.size_ms
