"""Windows of performance: judged at fixed label ages, never label by label.

A window is looked at whenever all labels up to an age limit must have been read. It is judged
first at the least age at which enough of its predictions are labelled, then at half and at the
whole of `labels.max_delay`; each time only labels up to that age count, in the window and in the
baseline, so that the verdict depends on event time alone.
"""

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np

from monitor.baselines.baseline import Outcomes, age_limits
from monitor.detectors.finding import Finding
from monitor.detectors.registry import detectors_for
from monitor.detectors.window import Day, OutcomeWindow
from monitor.evaluate import annotated
from monitor.evaluate.cursor import Cursor
from monitor.evaluate.days import Days, cut
from monitor.evaluate.judged import Judged, changes, not_judged
from monitor.evaluate.outcome_sums import OutcomeSums, OutcomeTotal
from monitor.evaluate.overflow import Overflows, inconclusive
from monitor.evaluate.windows import closing_with_panes, first_end
from monitor.events.cloudevents import rfc3339
from monitor.observe.model import Monitored
from monitor.panes.codec import Counts
from monitor.panes.messages import END, UNHEARD
from monitor.registry.specs import DAY_MS, LabelsSpec, PerformanceSpec, WindowSpec
from monitor.stats.performance import performance
from monitor.stats.tally import tally

ARTICLE_PERIODS = 4


#: A version that was not seen for so many windows has no recent periods to be compared with.
HISTORY_WINDOWS = 100


class OutcomeCursor(msgspec.Struct, array_like=True, frozen=True):
    """How far the windows have been judged at each age, and what windows they were, in ms."""

    next_end: list[int | None]
    size_ms: int
    hop_ms: int
    ages: tuple[int, ...]
    whole_from: int
    measure: str


class VersionRow(msgspec.Struct, array_like=True, frozen=True):
    """What is held of one model version: a row of its own, because versions are not bounded."""

    model_id: str
    version: str
    size_ms: int
    hop_ms: int
    history: list[list[tuple[int, float]]]
    published: dict[int, int]
    days: list[list[Day]] = []
    days_judged: list[int] = []


class OutcomeWindows:
    """The performance windows of one length of one model; cursors and histories by label age."""

    def __init__(
        self,
        model: Monitored,
        signal: PerformanceSpec,
        window: WindowSpec,
        labels: LabelsSpec,
        overflows: Overflows,
    ) -> None:
        self.model = model
        self.overflows = overflows
        self.window = closing_with_panes(window, model)
        self.metric = signal.metric
        self.labels = labels
        #: What the history holds: figures of another measure say nothing about this one.
        self.measure = f"{signal.metric}/{model.spec.positive}"
        self.min_samples = signal.min_samples
        #: The article's own rule, which is shown too, always looks at four.
        self.periods = max(signal.periods, ARTICLE_PERIODS)
        known = [p.baseline.outcomes for p in model.periods if p.baseline and p.baseline.outcomes]
        #: Label ages, the same in every baseline that fits the model.
        self.ages = known[0].ages_ms if known else age_limits(labels.max_delay_ms)
        #: How far the windows have been judged at each age.
        self.at = [Cursor(self.window) for _ in self.ages]
        #: The metric of the last judged periods by version and age, with their ends.
        self.history: dict[str, list[list[tuple[int, float]]]] = {}
        #: Tallies of the latest days by version and age.
        self.days: dict[str, Days] = {}
        #: How often a window was published, by version and end.
        self.published: dict[str, dict[int, int]] = {}
        #: Panes that start before are gone: a window that begins there cannot be judged.
        self.whole_from = UNHEARD
        #: Versions whose rows have changed since they were last written.
        self.touched: set[str] = set()

    def version_row(self, version: str) -> VersionRow | None:
        """The row of a version; None, and forgotten, where nothing of it can matter any more."""
        history, published = self.history.get(version, []), self.published.get(version, {})
        days = self.days.get(version, Days(len(self.ages)))
        known = [until for ends in history for until, _ in ends]
        newest = max(known + ([] if days.newest is None else [days.newest]), default=None)
        begun = min((at.next_end for at in self.at if at.next_end is not None), default=0)
        gone = newest is None or newest < begun - HISTORY_WINDOWS * self.window.size_ms
        if gone and not published:
            self.history.pop(version, None)
            self.days.pop(version, None)
            self.published.pop(version, None)
            return None
        size, hop = self.window.size_ms, self.window.hop_ms
        return VersionRow(
            self.model.spec.id, version, size, hop, history, published, days.held, days.judged
        )

    @property
    def cursor(self) -> OutcomeCursor:
        """What `resume` takes up."""
        return OutcomeCursor(
            [at.next_end for at in self.at],
            self.window.size_ms,
            self.window.hop_ms,
            self.ages,
            self.whole_from,
            self.measure,
        )

    def resume(
        self,
        cursors: Sequence[OutcomeCursor],
        versions: Sequence[VersionRow],
        gone_before: int,
        periods: Sequence[tuple[int, str]],
    ) -> None:
        """Go on after a restart, given where all windows stood; of other ones, begin anew.

        `periods` are the fingerprints by which it was counted, as the model's own are now: figures
        of a time that is counted otherwise by now are dropped.

        Windows of another length, or judged at other ages, begin where the last of those ended
        that had been judged at all ages.
        """
        shape = self.window.size_ms, self.window.hop_ms
        for cursor in cursors:
            if (cursor.size_ms, cursor.hop_ms, cursor.ages) == (*shape, self.ages):
                mine = [row for row in versions if (row.size_ms, row.hop_ms) == shape]
                self.at = [Cursor(self.window, end) for end in cursor.next_end]
                same = cursor.measure == self.measure
                for row in mine:
                    size = self.window.size_ms
                    kept = [
                        [
                            one
                            for one in ends
                            if same and self._alike(one[0] - size, one[0], periods)
                        ]
                        for ends in row.history
                    ]
                    held = [
                        [
                            day
                            for day in days
                            if same and self._alike(day.start_ms, day.start_ms + DAY_MS, periods)
                        ]
                        for days in row.days
                    ]
                    self.history[row.version] = kept
                    if row.days:
                        self.days[row.version] = Days.of(held, row.days_judged)
                    if kept != row.history or held != row.days:
                        self.touched.add(row.version)
                self.published = {row.version: row.published for row in mine}
                self.whole_from = cursor.whole_from
                return
        self.whole_from = gone_before
        judged = [
            min(ends) - cursor.hop_ms
            for cursor in cursors
            if (ends := [end for end in cursor.next_end if end is not None])
        ]
        if judged:
            end = first_end(self.window, max(judged))
            self.at = [Cursor(self.window, end) for _ in self.ages]

    def _alike(self, start: int, end: int, periods: Sequence[tuple[int, str]]) -> bool:
        """Whether [start, end) was counted, by other periods, over the one baseline of now."""
        now = self.model.within(start, end)
        held = {
            mark
            for n, (from_ms, mark) in enumerate(periods)
            if from_ms < end and (n + 1 == len(periods) or periods[n + 1][0] > start)
        }
        return now is not None and held == {now.fingerprint}

    def needed_from(self) -> int | None:
        """The earliest time that a window to come may still hold, in ms."""
        starts = [at.needed_from for at in self.at]
        known = [start for start in starts if start is not None]
        return min(known) if len(known) == len(starts) else None

    def advance(self, sums: OutcomeSums, inputs_ms: int, labels_ms: int) -> Iterator[Judged]:
        """Look at every window that the watermarks of predictions and labels complete at an age."""
        for age, at in enumerate(self.at):
            while (end := at.end(sums.first)) is not None:
                known = labels_ms == END or end + self.ages[age] <= labels_ms
                # Beyond the last prediction there is no performance; the inputs tell of silence.
                start = end - self.window.size_ms
                if not (known and at.completes(end, inputs_ms)) or sums.next(start) is None:
                    break
                self._count(sums, end, age)
                yield from self._look(sums.total(start, end), end, age)
                at.step(end)
                at.pass_silence(sums.next, inputs_ms)

    def _count(self, sums: OutcomeSums, end: int, age: int) -> None:
        """Add the hop that the cursor steps over to its days, as far as it can be judged."""
        for start, until in cut(end - self.window.hop_ms, end, self.model.spec.pane_ms):
            period = self.model.within(start, until)
            outcomes = period.baseline.outcomes if period and period.baseline else None
            apart = annotated.why(self.model.spec, start, until) or start < self.whole_from
            if outcomes is None or apart:
                continue
            for version, total in sums.total(start, until).items():
                rows = total.predictions
                if not total.ours or self.overflows.why(version, start, until, rows):
                    continue
                matrix = total.counts[: age + 1].sum(axis=0)
                counted = tally(matrix, self.metric, self._positive(outcomes))
                days = self.days.setdefault(version, Days(len(self.ages)))
                days.add(age, start, rows, int(matrix.sum()), counted)
                self.touched.add(version)

    def _positive(self, outcomes: Outcomes) -> int | None:
        positive = self.model.spec.positive
        return outcomes.index(positive) if positive is not None else None

    def _look(self, totals: dict[str, OutcomeTotal], end: int, age: int) -> Iterator[Judged]:
        for version, total in totals.items():
            yield from self._judge(version, total, end, age)
        if age == len(self.ages) - 1:
            for version, ends in self.published.items():
                if ends.pop(end, None) is not None:
                    self.touched.add(version)

    def _judge(self, version: str, total: OutcomeTotal, end: int, age: int) -> Iterator[Judged]:
        model, limit = self.model, self.ages[age]
        start = end - self.window.size_ms
        period = model.at(start)
        changing = model.within(start, end) is None
        baseline = period.baseline
        outcomes = baseline.outcomes if baseline else None
        matrix: Counts | None = None
        by_age: list[int] = []
        if outcomes and not changing:
            matrix = total.counts[: age + 1].sum(axis=0)
            by_age = total.counts[: age + 1].sum(axis=(1, 2)).tolist()
        predictions = total.predictions
        labelled = int(matrix.sum()) if matrix is not None else 0
        covered = predictions > 0 and labelled / predictions >= self.labels.min_coverage
        self.touched.add(version)
        histories = self.history.setdefault(version, [[] for _ in self.ages])
        # Figures over the classes of another baseline are none of these windows'.
        from_ms = period.from_ms + self.window.size_ms
        before = [value for until, value in histories[age] if from_ms <= until <= start]
        days = self.days.setdefault(version, Days(len(self.ages)))
        window = OutcomeWindow(
            spec=model.spec,
            version=version,
            start_ms=start,
            end_ms=end,
            baseline=baseline,
            matrix=matrix,
            predictions=predictions,
            age_ms=limit,
            reference=outcomes.cumulative(limit) if outcomes else None,
            reference_predictions=outcomes.predictions if outcomes else 0,
            history=tuple(before[-self.periods :]),
            days=days.until(age, period.from_ms, end),
            known=tuple(np.cumsum(by_age[: age + 1]).tolist()),
        )
        whole = total.ours and start >= self.whole_from
        full = annotated.why(model.spec, start, end) or self.overflows.why(
            version, start, end, predictions
        )
        if (
            full is None
            and matrix is not None
            and covered
            and whole
            and labelled >= self.min_samples
        ):
            value = performance(matrix, self.metric, self._positive(outcomes) if outcomes else None)
            if value is not None:
                histories[age].append((end, value))
                # Sliding windows overlap: enough must be kept for `periods` disjoint ones before.
                overlap = self.window.size_ms // self.window.hop_ms
                del histories[age][: -(self.periods + overlap)]
        ends = self.published.setdefault(version, {})
        late = age >= len(self.ages) - 2
        if not (late or (covered and end not in ends)):
            return
        revision = ends[end] = ends.get(end, -1) + 1
        days.told(age, end)
        for found in detectors_for("performance"):
            if found.daily and window.days is None:
                continue
            findings: tuple[Finding, ...]
            if whole and full:
                findings = (inconclusive(found.name, full, predictions),)
            elif whole:
                findings = tuple(found.judge(window))
            else:
                why = f"{predictions} predictions were counted with an earlier one"
                if changing:
                    why = changes(model, start, end)
                elif total.ours:
                    why = f"predictions before {rfc3339(self.whole_from)} are in windows of before"
                findings = (not_judged(found.name, why, predictions),)
            yield Judged(
                found.name, version, start, end, findings, predictions, revision, limit,
                decidable=covered, settled=age == len(self.ages) - 1,
            )  # fmt: skip
