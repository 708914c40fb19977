"""Windows of inputs and outputs of one model: closed in order of time, each judged once.

A provisional window is judged twice, under one key::

    ...[ panes ...........)<- allowed lateness ->|
                          ^ revision 0: what had come on time
                                                 ^ revision 1: all that counts

What is on time is decided by each source partition's log, and revision 1 is told even if it says
the same: how far the worker was, and when it flushed, makes no difference. Silence is never
provisional: what has not come may still come.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Literal

import msgspec

from monitor.detectors.finding import Finding
from monitor.detectors.inputs import parts
from monitor.detectors.registry import detectors_for
from monitor.detectors.window import InputWindow
from monitor.evaluate import annotated
from monitor.evaluate.cursor import Cursor, Next
from monitor.evaluate.input_sums import InputSums, Total
from monitor.evaluate.judged import Judged, changes, not_judged
from monitor.evaluate.looks import Looks
from monitor.evaluate.overflow import Overflows, inconclusive
from monitor.evaluate.windows import closing_with_panes, first_end
from monitor.events.cloudevents import rfc3339
from monitor.observe.model import Monitored
from monitor.panes.messages import END, UNHEARD
from monitor.registry.specs import DataDriftSpec, PredictionDriftSpec, WindowSpec

Signal = Literal["data_drift", "prediction_drift"]


class InputCursor(msgspec.Struct, array_like=True, frozen=True):
    """How far the windows of a signal have been judged, and what windows they were, in ms."""

    signal: str
    next_end: int | None
    silent: bool
    size_ms: int
    hop_ms: int
    whole_from: int
    early: int | None = None


class InputWindows:
    """The windows of one length of one signal."""

    def __init__(
        self, model: Monitored, signal: Signal, window: WindowSpec, overflows: Overflows
    ) -> None:
        self.model = model
        self.overflows = overflows
        self.signal = signal
        self.window = closing_with_panes(window, model)
        self.looks = Looks(model.spec.id, signal, self.window.size_ms, self.window.hop_ms)
        self.at = Cursor(self.window)
        #: The same of verdicts that are provisional; where they are not wanted, it rests.
        self.early = Cursor(msgspec.structs.replace(self.window, allowed_lateness_ms=0))
        #: Whether the last window was empty: a silence is told once, at its beginning.
        self.silent = False
        #: Panes that start before are gone: a window that begins there cannot be judged.
        self.whole_from = UNHEARD

    @property
    def _spec(self) -> DataDriftSpec | PredictionDriftSpec | None:
        spec = self.model.spec
        return spec.data_drift if self.signal == "data_drift" else spec.prediction_drift

    @property
    def cursor(self) -> InputCursor:
        """What `resume` takes up."""
        size, hop = self.window.size_ms, self.window.hop_ms
        return InputCursor(
            self.signal, self.at.next_end, self.silent, size, hop, self.whole_from,
            self.early.next_end,
        )  # fmt: skip

    def resume(self, cursors: Sequence[InputCursor], sums: InputSums) -> None:
        """Go on after a restart, given where all windows stood.

        Windows of another length than before begin where the last of those ended, and those of a
        new signal with what is not settled yet.
        """
        cursors = [cursor for cursor in cursors if cursor.signal == self.signal]
        for cursor in cursors:
            if (cursor.size_ms, cursor.hop_ms) == (self.window.size_ms, self.window.hop_ms):
                self.at.next_end, self.silent = cursor.next_end, cursor.silent
                self.early.next_end = cursor.early
                self.whole_from = cursor.whole_from
                self._watch(sums)
                return
        self.whole_from = sums.whole_from(self.window.hop_ms)
        judged = [c.next_end - c.hop_ms for c in cursors if c.next_end is not None]
        since = max(judged) if judged else sums.edge
        if since not in (UNHEARD, END):
            self.at.next_end = first_end(self.window, since)
        early = [c.early - c.hop_ms for c in cursors if c.early is not None]
        if early:
            self.early.next_end = first_end(self.window, max(early))
        self._watch(sums)

    def _watch(self, sums: InputSums) -> None:
        """Windows that are provisional from now on begin with the first that is watched whole.

        What came on time of panes that had ended before is not known; of windows that end a
        lateness later they are settled.
        """
        begun, early = self.at.next_end, self.early.next_end
        if not self.window.provisional or begun is None or sums.edge in (UNHEARD, END):
            return
        if early is None or early < begun:
            passed = sums.edge + sums.units[0] + sums.lateness_ms
            self.early.next_end = max(begun, first_end(self.window, passed + sums.lateness_ms))

    def due(self, sums: InputSums, mark_ms: int) -> int | None:
        """The end of the next window to be judged provisionally, None while there is none."""
        if not self.window.provisional:
            return None
        end = self.early.end(sums.first)
        if end is None or not self.early.completes(end, mark_ms):
            return None
        over = mark_ms == END and sums.next(end - self.window.size_ms, self.window.hop_ms) is None
        return None if over else end

    def judge_early(self, sums: InputSums, end: int, mark_ms: int) -> Iterator[Judged]:
        """Judge a window that is due, by what is settled of it and what came on time."""
        totals = sums.total(end - self.window.size_ms, end, on_time=True)
        for version in sorted(totals):
            for judged in self._judge(version, totals[version], end, early=True):
                yield replace(judged, revision=0, decidable=False, settled=False)
        self.early.step(end)
        if not totals:
            self.early.pass_silence(lambda at: sums.next(at, self.window.hop_ms), mark_ms)

    def advance(self, sums: InputSums, mark_ms: int) -> Iterator[Judged]:
        """Judge every window that the watermark completes."""
        at, window = self.at, self.window

        def ahead(from_ms: int) -> int | None:
            return sums.next(from_ms, window.hop_ms)

        while (end := at.end(sums.first)) is not None and at.completes(end, mark_ms):
            start = end - window.size_ms
            if mark_ms == END and ahead(start) is None:
                return
            totals = sums.total(start, end)
            clears = annotated.clears(self.model.spec, window, end)
            if totals or not self.silent or clears:
                nothing = sums.nothing(self.model.at(start))
                for version in sorted(totals) or [""]:
                    yield from self._judge(version, totals.get(version) or nothing, end)
            self.silent = not totals
            at.step(end)
            if self.silent:
                self._pass_silence(ahead, mark_ms)

    def _pass_silence(self, ahead: Next, mark_ms: int) -> None:
        """Go on to the next window that has something to say."""
        at = self.at
        following = at.next_end
        at.pass_silence(ahead, mark_ms)
        assert following is not None
        assert at.next_end is not None
        clear = annotated.next_clear(self.model.spec, self.window, following)
        at.next_end = at.next_end if clear is None else min(at.next_end, clear)

    def _judge(
        self, version: str, total: Total, end: int, *, early: bool = False
    ) -> Iterator[Judged]:
        start, rows = end - self.window.size_ms, total.predictions
        told = self.early.next_end is not None and end < self.early.next_end
        revision = 1 if told and version else 0
        baseline = self.model.at(start).baseline
        asked = [found for found in detectors_for(self.signal) if found.answers(baseline)]
        why = None
        if rows and self.model.within(start, end) is None:
            why = changes(self.model, start, end)
        elif total.foreign:
            why = (
                f"{rows - total.rows} of {rows} predictions were counted with "
                f"{min(total.foreign)}, now it is {self.model.at(start).fingerprint}"
            )
        elif start < self.whole_from:
            why = f"predictions before {rfc3339(self.whole_from)} are in windows of before"
        if why:
            for found in asked:
                finding = not_judged(found.name, why, rows)
                yield Judged(found.name, version, start, end, (finding,), rows, revision)
            return
        excused = annotated.why(self.model.spec, start, end)
        full = excused or self.overflows.why(version, start, end, rows)
        calibrated = None
        if rows and not full and (spec := self._spec) is not None:
            calibrated = self.looks.calibrated(
                version, total, end, self.model.at(start), spec, early=early
            )
        window = InputWindow(
            spec=self.model.spec,
            version=version,
            start_ms=start,
            end_ms=end,
            baseline=baseline,
            counts=total.counts if baseline else None,
            rows=rows,
            calibrated=calibrated,
        )
        heard: dict[str, list[Finding]] = {}
        whole: list[Finding] = []
        for found in asked:
            said = [finding for findings in heard.values() for finding in findings]
            if full:
                heard[found.name] = [inconclusive(found.name, full, rows)]
            else:
                heard[found.name] = found.judge(window, said)
            whole += heard[found.name] if found.sums_up else []
        silent = not (version or excused)
        for name, findings in heard.items():
            yield Judged(
                name, version, start, end, tuple(parts(findings, whole)), rows, revision,
                silent=silent,
            )  # fmt: skip
