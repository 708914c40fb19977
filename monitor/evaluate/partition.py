"""Evaluate, one partition of `panes`: a plain object; snapshots go in, verdicts come out."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import msgspec

from monitor.errors import DataError
from monitor.evaluate.clock import Clock
from monitor.evaluate.events import events, expired, overflowing, silence, standstill
from monitor.evaluate.expiry import Expiry
from monitor.evaluate.health import Losses, assess
from monitor.evaluate.holdback import AWAY, LOOK_MS, Holdback, HoldbackRow
from monitor.evaluate.input_sums import InputSums, Key, SumRow
from monitor.evaluate.inputs import InputCursor, InputWindows
from monitor.evaluate.judged import Judged
from monitor.evaluate.looks import LooksRow, stale
from monitor.evaluate.outcome_sums import OutcomeSums
from monitor.evaluate.outcomes import OutcomeCursor, OutcomeWindows, VersionRow
from monitor.evaluate.overflow import Overflows
from monitor.observe.model import BEGINNING, Monitored
from monitor.panes.codec import FORMAT
from monitor.panes.flush import Flush, Output, Record, Unlogged
from monitor.panes.messages import (
    UNHEARD,
    InputPane,
    Loss,
    OutcomePane,
    Progress,
    Unremembered,
    decode,
    encode,
)
from monitor.registry.specs import DAY_MS

_ROW = msgspec.msgpack.Encoder().encode
#: What is told of one pane.
Snapshot = InputPane | OutcomePane | Loss | Unremembered


_Window = tuple[str, int, int, int | None, bool]


class ModelRow(msgspec.Struct, array_like=True):
    """How far the windows of a model have been judged, and its panes are settled.

    `edge` and `gone` are those of the sums of inputs; outcome panes that start before `dropped` are
    judged and gone. `overflowed` is the last pane whose overflow was told of, `expired` are the
    baselines that have, as was told. `periods` are the fingerprints by which it all was counted,
    each with the time from which it holds, in ms; `fingerprint` is the one at the edge, which stood
    there alone once.
    """

    model_id: str
    inputs: list[InputCursor]
    outcomes: list[OutcomeCursor]
    edge: int
    gone: list[int]
    fingerprint: str
    dropped: int | None
    format: int = FORMAT
    overflowed: int = UNHEARD
    held: HoldbackRow | None = None
    periods: list[tuple[int, str]] = []
    expired: list[str] = []


_decode_model = msgspec.msgpack.Decoder(ModelRow).decode
_decode_version = msgspec.msgpack.Decoder(VersionRow).decode
_decode_looks = msgspec.msgpack.Decoder(LooksRow).decode
_decode_sum = msgspec.msgpack.Decoder(SumRow).decode


class ModelWindows:
    """All windows of one model, and the sums that they share."""

    def __init__(self, model: Monitored, sources: int) -> None:
        self.model = model
        self.input_sums = InputSums(model)
        self.outcome_sums = OutcomeSums(model)
        self.losses = Losses()
        spec = model.spec
        self.overflows = full = Overflows(spec, sources)
        self.holdback = Holdback(spec)
        self.expiry = Expiry(model)
        self.inputs: list[InputWindows] = []
        if spec.data_drift:
            windows = spec.data_drift.windows
            self.inputs += [InputWindows(model, "data_drift", window, full) for window in windows]
        if spec.prediction_drift:
            windows = spec.prediction_drift.windows
            self.inputs += [
                InputWindows(model, "prediction_drift", window, full) for window in windows
            ]
        self.outcomes: list[OutcomeWindows] = []
        if spec.performance and spec.labels:
            signal, labels = spec.performance, spec.labels
            self.outcomes += [
                OutcomeWindows(model, signal, w, labels, full) for w in signal.windows
            ]
        #: Rows of versions that belong to windows of an earlier configuration.
        self._stale: list[VersionRow] = []
        self._stale_looks: dict[bytes, bytes | None] = {}

    def take(self, pane: Snapshot) -> bool:
        """Hold or replace a snapshot; say whether any window still needs it."""
        if isinstance(pane, Unremembered):
            self.overflows.put(pane)
            return True
        if isinstance(pane, Loss):
            self.losses.put(pane)
            return True
        if isinstance(pane, InputPane):
            return bool(self.inputs) and self.input_sums.put(pane)
        return bool(self.outcomes) and self.outcome_sums.put(pane)

    def advance(self, clock: Clock) -> tuple[bool, list[Judged]]:
        """Settle and judge whatever time has completed; say whether anything has changed."""
        spec = self.model.spec
        inputs_ms = clock.inputs(spec)
        settled, judged = self._early(inputs_ms)
        settled |= self.input_sums.settle(inputs_ms)
        for inputs in self.inputs:
            judged += inputs.advance(self.input_sums, inputs_ms)
        before = [outcomes.cursor for outcomes in self.outcomes]
        for outcomes in self.outcomes:
            judged += outcomes.advance(self.outcome_sums, inputs_ms, clock.labels(spec))
        # What a look adds to its version's row is added once, told or not: so the cursor is kept.
        moved = before != [outcomes.cursor for outcomes in self.outcomes]
        return settled or moved or bool(judged), judged

    def _early(self, mark_ms: int) -> tuple[bool, list[Judged]]:
        """Judge provisional windows whose end has been passed; say whether anything was settled.

        One end after the other, with as much settled as when it was passed, however far time has
        come since: what came later than that has no part in the verdict.
        """
        settled, judged = False, list[Judged]()
        sums = self.input_sums
        while due := [end for w in self.inputs if (end := w.due(sums, mark_ms)) is not None]:
            end = min(due)
            settled |= sums.settle(end)
            for windows in self.inputs:
                # What is judged for good before is what a verdict by several windows rests on.
                judged += windows.advance(sums, end - 1)
            for windows in self.inputs:
                if windows.due(sums, mark_ms) == end:
                    judged += windows.judge_early(sums, end, mark_ms)
        return settled, judged

    def past(self, judged: Judged, clock: Clock) -> bool:
        """Whether a verdict comes so late, after a first start or a catch-up, that it pages nobody.

        A stream that replays the past has no present to be behind: whoever declares that wants to
        hear of its past.
        """
        spec, age = self.model.spec, judged.age_ms
        if spec.clock == "events":
            return False
        complete = judged.end_ms + self.model.lateness_ms
        if age is None:
            complete = judged.end_ms if judged.provisional else complete
            return complete <= clock.past(spec, "predictions")
        known = judged.end_ms + age
        inputs, labels = clock.past(spec, "predictions"), clock.past(spec, "labels")
        return max(complete, known) <= inputs and known <= labels

    def told(
        self, judgements: Sequence[Judged], clock: Clock, offsets: Mapping[str, list[int]]
    ) -> Iterator[Output]:
        """The events of judgements made at one moment, each with the health of its window."""
        rows: Counter[_Window] = Counter()
        for judged in judgements:
            rows[_window(judged)] += judged.rows
        silent: set[tuple[int, int]] = set()
        for judged in judgements:
            span = judged.start_ms, judged.end_ms
            lost, counted = self.losses.lost(*span), rows[_window(judged)]
            misplaced = self.losses.misplaced(judged, self.model.spec.pane_ms)
            full = self.overflows.predictions(judged.version, *span)
            health = assess(judged, counted, lost, misplaced, self.model.spec, clock, full)
            past = self.past(judged, clock)
            yield from events(judged, self.model, offsets, health, past)
            if full and self.overflows.begins(judged):
                finding = self.overflows.finding(judged)
                yield overflowing(finding, judged, self.model, offsets, health, past)
            over = self.expiry.over(judged)
            if over is not None:
                # It goes on for as long as the baseline holds: only of one that no longer does is
                # it past.
                gone = past and self.model.at(judged.start_ms) is not self.model.periods[-1]
                yield expired(over, self.model, offsets, health, gone)
            if judged.silent and span not in silent:
                silent.add(span)
                ended = past and not self._lasts(judged, clock)
                yield silence(judged, self.model, offsets, health, ended)

    def _lasts(self, judged: Judged, clock: Clock) -> bool:
        """Whether a silence goes on to this day: then it isn't past, whenever it began.

        It is told once, at its beginning; who is still catching up can't know how it ends.
        """
        following = self.input_sums.next(judged.end_ms, DAY_MS)
        return following is None and not clock.behind()["lag"]

    def forget(self) -> None:
        """Drop what no window needs any more."""
        inputs = [(windows.window, windows.at.needed_from) for windows in self.inputs]
        known = [(window, start) for window, start in inputs if start is not None]
        if known and len(known) == len(inputs):
            self.input_sums.forget(known)
        outcomes = [windows.needed_from() for windows in self.outcomes]
        starts = [start for start in outcomes if start is not None]
        if starts and len(starts) == len(outcomes):
            self.outcome_sums.forget(min(starts))
        starts += [start for _, start in known]
        if starts and len(starts) == len(inputs) + len(outcomes):
            self.losses.forget(min(starts))
            self.overflows.forget(min(starts))

    def rows(self) -> dict[bytes, bytes | None]:
        """Rows of snapshots and sums that have changed; None where one has gone."""
        changed: dict[Key, bytes | None] = {}
        for held in (self.input_sums, self.outcome_sums, self.losses, self.overflows):
            changed |= held.rows
            held.rows = {}
        return {_ROW(key): row for key, row in changed.items()}

    def to_row(self) -> bytes:
        """Cursors and histories as bytes."""
        return _ROW(
            ModelRow(
                self.model.spec.id,
                [windows.cursor for windows in self.inputs],
                [windows.cursor for windows in self.outcomes],
                self.input_sums.edge,
                self.input_sums.gone,
                self.model.at(self.input_sums.edge).fingerprint,
                self.outcome_sums.gone,
                overflowed=self.overflows.told_ms,
                held=self.holdback.row,
                periods=[(p.from_ms, p.fingerprint) for p in self.model.periods],
                expired=self.expiry.row,
            )
        )

    def version_rows(self) -> dict[bytes, bytes | None]:
        """Rows of the versions that have changed; None where a version is forgotten."""
        rows: dict[bytes, bytes | None] = {_version_key(row): None for row in self._stale}
        self._stale = []
        rows |= self._stale_looks
        self._stale_looks = {}
        for inputs in self.inputs:
            rows |= inputs.looks.rows()
        for windows in self.outcomes:
            shape = windows.window.size_ms, windows.window.hop_ms
            for version in sorted(windows.touched):
                row = windows.version_row(version)
                key = ["version", self.model.spec.id, version, *shape]
                rows[_ROW(key)] = _ROW(row) if row else None
            windows.touched = set()
        return rows

    def restore_snapshot(self, pane: Snapshot) -> None:
        """Take up a snapshot."""
        if isinstance(pane, Loss):
            self.losses.restore(pane)
        elif isinstance(pane, Unremembered):
            self.overflows.restore(pane)
        elif isinstance(pane, InputPane):
            self.input_sums.restore_snapshot(pane)
        else:
            self.outcome_sums.restore_snapshot(pane)

    def restore(
        self,
        row: ModelRow,
        versions: list[VersionRow],
        sums: list[SumRow],
        looks: list[LooksRow],
    ) -> bool:
        """Take up what was written; say whether a changed configuration makes rows change."""
        self.input_sums.restore(sums, row.edge, row.gone, row.fingerprint)
        self.outcome_sums.gone = row.dropped
        self.overflows.told_ms = row.overflowed
        self.holdback.restore(row.held)
        self.expiry.restore(row.expired)
        for inputs in self.inputs:
            inputs.resume(row.inputs, self.input_sums)
            inputs.looks.restore(looks)
        self._stale_looks = stale(looks, [inputs.looks for inputs in self.inputs])
        before = row.periods or [(BEGINNING, row.fingerprint)]
        for outcomes in self.outcomes:
            gone = UNHEARD if row.dropped is None else row.dropped
            outcomes.resume(row.outcomes, versions, gone, before)
        known = {(o.window.size_ms, o.window.hop_ms) for o in self.outcomes}
        self._stale = [v for v in versions if (v.size_ms, v.hop_ms) not in known]
        dropped = any(outcomes.touched for outcomes in self.outcomes)
        return bool(self._stale or self._stale_looks or self.input_sums.rows or dropped)


def model_of(key: bytes) -> str | None:
    """The model that a row is of, by its key; None of what is known of a source partition."""
    kind, of, *_ = msgspec.msgpack.decode(key)
    return None if kind == "source" else of


def _version_key(row: VersionRow) -> bytes:
    return _ROW(["version", row.model_id, row.version, row.size_ms, row.hop_ms])


def _window(judged: Judged) -> _Window:
    """What the judgements of several versions of a model at one moment share."""
    early = judged.age_ms is None and judged.provisional
    return judged.detector, judged.start_ms, judged.end_ms, judged.age_ms, early


class EvaluatePartition(Unlogged):
    """Merges snapshots, follows time, closes windows and judges them."""

    def __init__(self, models: Sequence[Monitored], sources: int) -> None:
        self.models = {m.spec.id: m for m in models}
        self.windows: dict[str, ModelWindows] = {}
        self.sources = sources
        self.clock = Clock(sources)
        #: The step of the broker's time at which it was last looked who holds time back.
        self._looked = 0
        self._flush = Flush()
        #: Models with other snapshots, and those whose windows or sums have moved on.
        self._changed: set[str] = set()
        self._touched: set[str] = set()
        self._stored: set[bytes] = set()

    def _of(self, model_id: str) -> ModelWindows | None:
        windows = self.windows.get(model_id)
        if windows is None and model_id in self.models:
            windows = self.windows[model_id] = ModelWindows(self.models[model_id], self.sources)
        return windows

    def apply(self, topic: str, records: Sequence[Record]) -> None:
        """Take records of `panes` in offset order, then judge what they complete."""
        for record in records:
            message = decode(record.value or b"")
            if isinstance(message, Progress):
                message = msgspec.structs.replace(message, told=record.timestamp)
                self.clock.hear(message)
                self._flush.rows[_ROW(["source", message.source])] = encode(message)
                self._look()
                continue
            windows = self._of(message.model_id)
            if windows and windows.take(message):
                self._changed.add(message.model_id)
        offsets = self.clock.offsets()
        for model_id, windows in self.windows.items():
            touched, judgements = windows.advance(self.clock)
            if touched:
                self._touched.add(model_id)
            self._flush.outputs += windows.told(judgements, self.clock, offsets)

    def _look(self) -> None:
        """Tell of the models whose time is held back, and of those whose time goes on again."""
        step = self.clock.now // LOOK_MS
        if step == self._looked:
            return
        away, self._looked = step - self._looked > AWAY, step
        for model_id, windows in self.windows.items():
            before = windows.holdback.row
            told = windows.holdback.look(self.clock, away)
            if windows.holdback.row != before:
                self._touched.add(model_id)
            if told:
                self._flush.outputs.append(
                    standstill(told, windows.model, self.clock.offsets()),
                )

    @property
    def urgent(self) -> bool:
        """Whether verdicts wait to be published."""
        return bool(self._flush.outputs)

    def drain(self, offsets: Mapping[str, int], heartbeat: bool, idle: tuple[str, ...]) -> Flush:
        """Rows that changed, and the events of windows that closed."""
        flush, self._flush = self._flush, Flush()
        for model_id in sorted(self._changed | self._touched):
            windows = self.windows[model_id]
            if model_id in self._touched:
                windows.forget()
                flush.rows[_ROW(["model", model_id])] = windows.to_row()
            written = (windows.rows() | windows.version_rows()).items()
            # A row that came and went between two flushes never was one.
            flush.rows |= {k: row for k, row in written if row is not None or k in self._stored}
        self._changed, self._touched = set(), set()
        for key, value in flush.rows.items():
            (self._stored.discard if value is None else self._stored.add)(key)
        return flush

    def restore(self, rows: Mapping[bytes, bytes]) -> None:
        """Take up the committed rows."""
        try:
            self._restore(rows)
        except msgspec.ValidationError as error:
            raise DataError(
                f"a row of evaluate-state cannot be read ({error}): another version of Watchkeeper "
                "wrote it; start under a new namespace, or run that version"
            ) from None

    def _restore(self, rows: Mapping[bytes, bytes]) -> None:
        models: list[ModelRow] = []
        versions: dict[str, list[VersionRow]] = {}
        sums: dict[str, list[SumRow]] = {}
        looks: dict[str, list[LooksRow]] = {}
        self._stored = set(rows)
        for key, value in rows.items():
            kind = msgspec.msgpack.decode(key)[0]
            if kind == "model":
                models.append(_decode_model(value))
            elif kind == "version":
                version = _decode_version(value)
                versions.setdefault(version.model_id, []).append(version)
            elif kind == "looks":
                seen = _decode_looks(value)
                looks.setdefault(seen.model_id, []).append(seen)
            elif kind in ("sum", "foreign"):
                sum_ = _decode_sum(value)
                sums.setdefault(sum_.model_id, []).append(sum_)
            else:
                message = decode(value)
                if isinstance(message, Progress):
                    self.clock.hear(message)
                    self._looked = self.clock.now // LOOK_MS
                elif windows := self._of(message.model_id):
                    windows.restore_snapshot(message)
        for model in models:
            windows = self._of(model.model_id)
            if windows:
                of = model.model_id
                known, seen_before = sums.get(of, []), looks.get(of, [])
                if windows.restore(model, versions.get(of, []), known, seen_before):
                    self._touched.add(model.model_id)
