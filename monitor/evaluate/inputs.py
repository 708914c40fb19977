"""Windows of inputs and outputs of one model: closed in order of time, each judged once."""

from collections.abc import Iterator
from typing import Literal

from monitor.detectors.finding import Finding
from monitor.detectors.registry import detectors_for
from monitor.detectors.window import InputWindow
from monitor.evaluate.judged import Judged
from monitor.evaluate.store import PaneStore, rows_of, sum_inputs
from monitor.evaluate.windows import closing_with_panes, first_end, last_complete_end
from monitor.observe.model import Monitored
from monitor.panes.messages import END, InputPane
from monitor.registry.specs import WindowSpec

Signal = Literal["data_drift", "prediction_drift"]


class InputWindows:
    """The windows of one signal; `next_end` is the end of the first that is not yet judged."""

    def __init__(self, model: Monitored, signal: Signal, window: WindowSpec) -> None:
        self.model = model
        self.signal = signal
        self.window = closing_with_panes(window, model)
        self.next_end: int | None = None
        #: Whether the last window was empty: a silence is told once, at its beginning.
        self.silent = False

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
            panes = store.within("input", end - self.window.size_ms, end)
            yield from self._judge([p for p in panes if isinstance(p, InputPane)], end)
            self.next_end = end + self.window.hop_ms
            if not panes:
                self._skip(store, mark_ms)

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
        if foreign and baseline:
            finding = Finding(
                detector=self.signal,
                subject="model",
                statistic="rows",
                verdict="baseline_missing",
                n_current=rows_of(panes),
                message=(
                    f"the baseline changed within the window: {rows_of(foreign)} of "
                    f"{rows_of(panes)} predictions were counted with {foreign[0].fingerprint}, "
                    f"now it is {baseline.fingerprint}"
                ),
            )
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
