"""Windows of performance: judged at fixed label ages, never label by label.

A window is looked at whenever all labels up to an age limit must have been read. It is judged
first at the least age at which enough of its predictions are labelled, then at half and at the
whole of `labels.max_delay`; each time only labels up to that age count, in the window and in the
baseline, so that the verdict depends on event time alone.
"""

from collections.abc import Iterator

import msgspec

from monitor.baselines.baseline import age_limits
from monitor.detectors.registry import detectors_for
from monitor.detectors.window import OutcomeWindow
from monitor.evaluate.judged import Judged, not_judged
from monitor.evaluate.store import PaneStore, sum_outcomes
from monitor.evaluate.windows import closing_with_panes, first_end, last_complete_end
from monitor.events.cloudevents import rfc3339
from monitor.observe.model import Monitored
from monitor.panes.codec import Counts
from monitor.panes.messages import END, UNHEARD, OutcomePane
from monitor.registry.specs import LabelsSpec, PerformanceSpec
from monitor.stats.performance import performance

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
    history: list[list[tuple[int, float]]]
    published: dict[int, int]


class OutcomeWindows:
    """The performance windows of one model; cursors and histories by label age."""

    def __init__(self, model: Monitored, signal: PerformanceSpec, labels: LabelsSpec) -> None:
        self.model = model
        self.window = closing_with_panes(signal.window, model)
        self.metric = signal.metric
        self.labels = labels
        #: What the history holds: figures of another measure say nothing about this one.
        self.measure = f"{signal.metric}/{model.spec.positive}/{model.fingerprint}"
        self.min_samples = signal.min_samples
        #: The article's own rule, which is shown too, always looks at four.
        self.periods = max(signal.periods, ARTICLE_PERIODS)
        outcomes = model.baseline.outcomes if model.baseline else None
        self.ages = outcomes.ages_ms if outcomes else age_limits(labels.max_delay_ms)
        self.next_end: list[int | None] = [None] * len(self.ages)
        #: The metric of the last judged periods by version and age, with their ends.
        self.history: dict[str, list[list[tuple[int, float]]]] = {}
        #: How often a window was published, by version and end.
        self.published: dict[str, dict[int, int]] = {}
        #: Panes that start before are gone: a window that begins there cannot be judged.
        self.whole_from = UNHEARD
        #: Versions whose rows have changed since they were last written.
        self.touched: set[str] = set()

    def version_row(self, version: str) -> VersionRow | None:
        """The row of a version; None, and forgotten, where nothing of it can matter any more."""
        history, published = self.history.get(version, []), self.published.get(version, {})
        newest = max((until for ends in history for until, _ in ends), default=None)
        begun = min((end for end in self.next_end if end is not None), default=0)
        gone = newest is None or newest < begun - HISTORY_WINDOWS * self.window.size_ms
        if gone and not published:
            self.history.pop(version, None)
            self.published.pop(version, None)
            return None
        return VersionRow(self.model.spec.id, version, history, published)

    @property
    def cursor(self) -> OutcomeCursor:
        """What `resume` takes up."""
        return OutcomeCursor(
            self.next_end,
            self.window.size_ms,
            self.window.hop_ms,
            self.ages,
            self.whole_from,
            self.measure,
        )

    def resume(
        self, cursor: OutcomeCursor | None, versions: list[VersionRow], gone_before: int
    ) -> None:
        """Go on after a restart; with other windows or ages, histories begin anew."""
        if cursor is None:
            self.whole_from = gone_before
            return
        was = (cursor.size_ms, cursor.hop_ms, cursor.ages)
        if was == (self.window.size_ms, self.window.hop_ms, self.ages):
            self.next_end = list(cursor.next_end)
            if cursor.measure == self.measure:
                self.history = {row.version: row.history for row in versions}
            self.published = {row.version: row.published for row in versions}
            self.whole_from = cursor.whole_from
            return
        self.whole_from = gone_before
        ends = [end for end in cursor.next_end if end is not None]
        if ends:
            # The age that lags most: what was judged at it, was judged at all of them.
            self.next_end = [first_end(self.window, min(ends) - cursor.hop_ms)] * len(self.ages)

    def needed_from(self) -> int | None:
        """The earliest time that a window to come may still hold, in ms."""
        ends = [end for end in self.next_end if end is not None]
        return min(ends) - self.window.size_ms if len(ends) == len(self.ages) else None

    def advance(self, store: PaneStore, inputs_ms: int, labels_ms: int) -> Iterator[Judged]:
        """Look at every window that the watermarks of predictions and labels complete at an age."""
        for age, limit in enumerate(self.ages):
            while True:
                # Until the first window is complete, a slower partition may bring an earlier one.
                end = self.next_end[age]
                if end is None:
                    first = store.first_start("outcome")
                    if first is None:
                        return
                    end = first_end(self.window, first)
                if not self._complete(store, end, limit, inputs_ms, labels_ms):
                    break
                panes = store.within("outcome", end - self.window.size_ms, end)
                yield from self._look([p for p in panes if isinstance(p, OutcomePane)], end, age)
                self.next_end[age] = self._following(store, end, inputs_ms)

    def _complete(
        self, store: PaneStore, end: int, age_ms: int, inputs_ms: int, labels_ms: int
    ) -> bool:
        """Whether all predictions before `end`, and all their labels up to an age, must be here."""
        complete = inputs_ms == END or end <= last_complete_end(self.window, inputs_ms)
        if not complete or (labels_ms != END and end + age_ms > labels_ms):
            return False
        # Beyond the last prediction there is no performance; silence is told by the inputs.
        return bool(store.within("outcome", end - self.window.size_ms, END))

    def _following(self, store: PaneStore, end: int, inputs_ms: int) -> int:
        """The next window that may hold a prediction: a silence is passed over in one step."""
        following = end + self.window.hop_ms
        start = following - self.window.size_ms
        ends = [first_end(self.window, s) for s in store.starts["outcome"] if s >= start]
        if inputs_ms != END:
            ends.append(last_complete_end(self.window, inputs_ms) + self.window.hop_ms)
        return max(following, min(ends, default=following))

    def _look(self, panes: list[OutcomePane], end: int, age: int) -> Iterator[Judged]:
        for version in sorted({pane.version for pane in panes}):
            mine = [p for p in panes if p.version == version]
            yield from self._judge(version, mine, end, age)
        if age == len(self.ages) - 1:
            for version, ends in self.published.items():
                if ends.pop(end, None) is not None:
                    self.touched.add(version)

    def _judge(
        self, version: str, panes: list[OutcomePane], end: int, age: int
    ) -> Iterator[Judged]:
        model, limit = self.model, self.ages[age]
        baseline = model.baseline
        outcomes = baseline.outcomes if baseline else None
        matrix: Counts | None = None
        # Those of before were counted anew, and sent again, by whoever took up the partition.
        ours = [p for p in panes if p.fingerprint == model.fingerprint]
        if outcomes:
            counts, _ = sum_outcomes(ours, len(self.ages), len(outcomes.classes))
            matrix = counts[: age + 1].sum(axis=0)
        predictions = sum(pane.predictions for pane in ours or panes)
        labelled = int(matrix.sum()) if matrix is not None else 0
        covered = predictions > 0 and labelled / predictions >= self.labels.min_coverage
        self.touched.add(version)
        histories = self.history.setdefault(version, [[] for _ in self.ages])
        before = [value for until, value in histories[age] if until <= end - self.window.size_ms]
        window = OutcomeWindow(
            spec=model.spec,
            version=version,
            start_ms=end - self.window.size_ms,
            end_ms=end,
            baseline=baseline,
            matrix=matrix,
            predictions=predictions,
            age_ms=limit,
            reference=outcomes.cumulative(limit) if outcomes else None,
            reference_predictions=outcomes.predictions if outcomes else 0,
            history=tuple(before[-self.periods :]),
        )
        whole = bool(ours) and window.start_ms >= self.whole_from
        if matrix is not None and covered and whole and labelled >= self.min_samples:
            positive = model.spec.positive
            one = outcomes.index(positive) if outcomes and positive is not None else None
            value = performance(matrix, self.metric, one)
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
        for found in detectors_for("performance"):
            if whole:
                findings = tuple(found.judge(window))
            else:
                why = f"{predictions} predictions were counted with an earlier one"
                if ours:
                    why = f"predictions before {rfc3339(self.whole_from)} are in windows of before"
                findings = (not_judged(found.name, why, predictions),)
            yield Judged(
                found.name, version, end - self.window.size_ms, end, findings, predictions,
                revision, limit,
            )  # fmt: skip
