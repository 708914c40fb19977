"""Windows of inputs and outputs of one model: closed in order of time, each judged once."""

from collections.abc import Iterator
from typing import Literal

import msgspec

from monitor.detectors.registry import detectors_for
from monitor.detectors.window import InputWindow
from monitor.evaluate.judged import Judged, not_judged
from monitor.evaluate.store import PaneStore, rows_of, sum_inputs
from monitor.evaluate.windows import closing_with_panes, first_end, last_complete_end
from monitor.events.cloudevents import rfc3339
from monitor.observe.model import Monitored
from monitor.panes.messages import END, UNHEARD, InputPane
from monitor.registry.specs import HOUR_MS, WindowSpec

Signal = Literal["data_drift", "prediction_drift"]


class InputCursor(msgspec.Struct, array_like=True, frozen=True):
    """How far the windows of a signal have been judged, and what windows they were, in ms."""

    next_end: int | None
    silent: bool
    size_ms: int
    hop_ms: int
    whole_from: int


class InputWindows:
    """The windows of one signal; `next_end` is the end of the first that is not yet judged."""

    def __init__(self, model: Monitored, signal: Signal, window: WindowSpec) -> None:
        self.model = model
        self.signal = signal
        self.window = closing_with_panes(window, model)
        self.next_end: int | None = None
        #: Whether the last window was empty: a silence is told once, at its beginning.
        self.silent = False
        #: Panes that start before are gone: a window that begins there cannot be judged.
        self.whole_from = UNHEARD

    @property
    def cursor(self) -> InputCursor:
        """What `resume` takes up."""
        size, hop = self.window.size_ms, self.window.hop_ms
        return InputCursor(self.next_end, self.silent, size, hop, self.whole_from)

    def resume(self, cursor: InputCursor | None, gone_before: int) -> None:
        """Go on after a restart, perhaps with other windows; None where the signal is new."""
        if cursor is None:
            self.whole_from = gone_before
            return
        self.next_end, self.silent = cursor.next_end, cursor.silent
        self.whole_from = cursor.whole_from
        changed = (cursor.size_ms, cursor.hop_ms) != (self.window.size_ms, self.window.hop_ms)
        if changed and cursor.next_end is not None:
            self.next_end = first_end(self.window, cursor.next_end - cursor.hop_ms)
            self.whole_from = gone_before

    def needed_from(self) -> int | None:
        """The earliest time that a window to come may still hold, in ms."""
        return None if self.next_end is None else self.next_end - self.window.size_ms

    def advance(self, store: PaneStore, mark_ms: int) -> Iterator[Judged]:
        """Judge every window that the watermark completes."""
        while True:
            # Until the first window is complete, a slower partition may still bring an earlier one.
            first = store.first_start("input")
            if first is None and self.next_end is None:
                return
            end = self.next_end if self.next_end is not None else first_end(self.window, first or 0)
            if mark_ms == END:
                if not store.within("input", end - self.window.size_ms, END):
                    return
            elif end > last_complete_end(self.window, mark_ms):
                return
            start = end - self.window.size_ms
            panes = [p for p in store.within("input", start, end) if isinstance(p, InputPane)]
            yield from self._judge([*self._reaching_into(store, start), *panes], end)
            self.next_end = end + self.window.hop_ms
            if not panes:
                self._skip(store, mark_ms)

    def _reaching_into(self, store: PaneStore, start: int) -> list[InputPane]:
        """Panes of an earlier configuration that begin before a time and end after it."""
        before = store.within("input", start - HOUR_MS, start)
        return [
            p
            for p in before
            if isinstance(p, InputPane)
            and p.fingerprint != self.model.fingerprint
            and p.start_ms + _length(p) > start
        ]

    def _skip(self, store: PaneStore, mark_ms: int) -> None:
        """Pass over the rest of a silence, however long, in one step."""
        assert self.next_end is not None
        start = self.next_end - self.window.size_ms
        ends = [first_end(self.window, s) for s in store.starts["input"] if s >= start]
        if mark_ms != END:
            ends.append(last_complete_end(self.window, mark_ms) + self.window.hop_ms)
        self.next_end = max(self.next_end, min(ends, default=self.next_end))

    def _judge(self, panes: list[InputPane], end: int) -> Iterator[Judged]:
        if not panes:
            if not self.silent:
                self.silent = True
                yield from self._findings("", [], end)
            return
        self.silent = False
        for version in sorted({pane.version for pane in panes}):
            yield from self._findings(version, [p for p in panes if p.version == version], end)

    def _findings(self, version: str, panes: list[InputPane], end: int) -> Iterator[Judged]:
        spec, baseline = self.model.spec, self.model.baseline
        foreign = [p for p in panes if p.fingerprint != self.model.fingerprint]
        start = end - self.window.size_ms
        why = None
        if foreign:
            why = (
                f"{rows_of(foreign)} of {rows_of(panes)} predictions were counted with "
                f"{foreign[0].fingerprint}, now it is {self.model.fingerprint}"
            )
        elif start < self.whole_from:
            why = f"predictions before {rfc3339(self.whole_from)} are in windows of before"
        if why:
            finding = not_judged(self.signal, why, rows_of(panes))
            yield Judged(self.signal, version, start, end, (finding,), rows_of(panes))
            return
        window = InputWindow(
            spec=spec,
            version=version,
            start_ms=start,
            end_ms=end,
            baseline=baseline,
            counts=sum_inputs(panes, baseline) if baseline else None,
            rows=rows_of(panes),
        )
        for found in detectors_for(self.signal):
            findings = tuple(found.judge(window))
            yield Judged(found.name, version, start, end, findings, window.rows)


def _length(pane: InputPane) -> int:
    """The length of a pane in ms, which its fingerprint tells."""
    return int(pane.fingerprint.rpartition("/")[2])
