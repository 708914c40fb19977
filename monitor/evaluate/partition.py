"""Evaluate, one partition of `panes`: a plain object; snapshots go in, verdicts come out."""

from collections.abc import Mapping, Sequence

import msgspec

from monitor.evaluate.clock import Clock
from monitor.evaluate.events import events
from monitor.evaluate.inputs import InputCursor, InputWindows
from monitor.evaluate.judged import Judged
from monitor.evaluate.outcomes import OutcomeCursor, OutcomeWindows, VersionRow
from monitor.evaluate.store import PaneStore
from monitor.observe.model import Monitored
from monitor.panes.codec import FORMAT
from monitor.panes.flush import Flush, Record, Unlogged
from monitor.panes.messages import UNHEARD, InputPane, OutcomePane, Progress, decode

_ROW = msgspec.msgpack.Encoder().encode


class ModelRow(msgspec.Struct, array_like=True):
    """How far the windows of a model have been judged."""

    model_id: str
    inputs: dict[str, InputCursor]
    outcomes: OutcomeCursor | None
    dropped: dict[str, int]
    format: int = FORMAT


_decode_model = msgspec.msgpack.Decoder(ModelRow).decode
_decode_version = msgspec.msgpack.Decoder(VersionRow).decode


class ModelWindows:
    """All windows of one model, and the panes that they need."""

    def __init__(self, model: Monitored) -> None:
        self.model = model
        self.store = PaneStore()
        #: Panes before these starts are judged and gone; a repeated snapshot of one is ignored.
        self.dropped: dict[str, int] = {}
        spec = model.spec
        self.inputs: dict[str, InputWindows] = {}
        if spec.data_drift:
            self.inputs["data_drift"] = InputWindows(model, "data_drift", spec.data_drift.window)
        if spec.prediction_drift:
            window = spec.prediction_drift.window
            self.inputs["prediction_drift"] = InputWindows(model, "prediction_drift", window)
        self.outcomes: OutcomeWindows | None = None
        if spec.performance and spec.labels:
            self.outcomes = OutcomeWindows(model, spec.performance, spec.labels)

    def take(self, pane: InputPane | OutcomePane) -> bytes | None:
        """Replace a snapshot; return its row key, None if no window needs it any more."""
        kind = "input" if isinstance(pane, InputPane) else "outcome"
        needed = self.inputs if kind == "input" else self.outcomes
        if not needed or pane.start_ms < self.dropped.get(kind, pane.start_ms):
            return None
        return _ROW(["pane", pane.model_id, *self.store.put(pane)])

    def advance(self, clock: Clock) -> list[Judged]:
        """Judge whatever time has completed."""
        spec = self.model.spec
        inputs_ms = clock.inputs(spec)
        judged: list[Judged] = []
        for windows in self.inputs.values():
            judged += windows.advance(self.store, inputs_ms)
        if self.outcomes:
            judged += self.outcomes.advance(self.store, inputs_ms, clock.labels(spec))
        return judged

    def forget(self) -> list[bytes]:
        """Drop panes that no window needs any more; return their row keys."""
        needed = {
            "input": [windows.needed_from() for windows in self.inputs.values()],
            "outcome": [self.outcomes.needed_from()] if self.outcomes else [],
        }
        keys = []
        for kind, starts in needed.items():
            known = [start for start in starts if start is not None]
            if known and len(known) == len(starts):
                self.dropped[kind] = max(min(known), self.dropped.get(kind, min(known)))
                dropped = self.store.drop(kind, self.dropped[kind], self.model.fingerprint)
                keys += [_ROW(["pane", self.model.spec.id, *pane]) for pane in dropped]
        return keys

    def to_row(self) -> bytes:
        """Cursors and histories as bytes."""
        return _ROW(
            ModelRow(
                self.model.spec.id,
                {name: windows.cursor for name, windows in self.inputs.items()},
                self.outcomes.cursor if self.outcomes else None,
                self.dropped,
            )
        )

    def version_rows(self) -> dict[bytes, bytes | None]:
        """Rows of the versions that have changed; None where a version is forgotten."""
        if not self.outcomes:
            return {}
        rows: dict[bytes, bytes | None] = {}
        for version in sorted(self.outcomes.touched):
            row = self.outcomes.version_row(version)
            rows[_ROW(["version", self.model.spec.id, version])] = _ROW(row) if row else None
        self.outcomes.touched = set()
        return rows

    def restore(self, row: ModelRow, versions: list[VersionRow]) -> None:
        """Take up what was written; a signal that was added since begins anew."""
        self.dropped = dict(row.dropped)
        for name, windows in self.inputs.items():
            windows.resume(row.inputs.get(name), self.dropped.get("input", UNHEARD))
        if self.outcomes:
            self.outcomes.resume(row.outcomes, versions, self.dropped.get("outcome", UNHEARD))


class EvaluatePartition(Unlogged):
    """Merges snapshots, follows time, closes windows and judges them."""

    def __init__(self, models: Sequence[Monitored], sources: int) -> None:
        self.models = {m.spec.id: m for m in models}
        self.windows: dict[str, ModelWindows] = {}
        self.clock = Clock(sources)
        self._flush = Flush()
        self._touched: set[str] = set()
        self._stored: set[bytes] = set()

    def _of(self, model_id: str) -> ModelWindows | None:
        windows = self.windows.get(model_id)
        if windows is None and model_id in self.models:
            windows = self.windows[model_id] = ModelWindows(self.models[model_id])
        return windows

    def apply(self, topic: str, records: Sequence[Record]) -> None:
        """Take records of `panes` in offset order, then judge what they complete."""
        for record in records:
            message = decode(record.value or b"")
            if isinstance(message, Progress):
                self.clock.hear(message)
                self._flush.rows[_ROW(["source", message.source])] = record.value
                continue
            windows = self._of(message.model_id)
            key = windows.take(message) if windows else None
            if key is not None:
                self._flush.rows[key] = record.value
        offsets = self.clock.offsets()
        for model_id, windows in self.windows.items():
            for judged in windows.advance(self.clock):
                self._touched.add(model_id)
                self._flush.outputs += events(judged, windows.model, offsets)

    @property
    def urgent(self) -> bool:
        """Whether verdicts wait to be published."""
        return bool(self._flush.outputs)

    def drain(self, offsets: Mapping[str, int], heartbeat: bool, idle: tuple[str, ...]) -> Flush:
        """Rows that changed, and the events of windows that closed."""
        flush, self._flush = self._flush, Flush()
        for model_id in sorted(self._touched):
            windows = self.windows[model_id]
            for key in windows.forget():
                # A pane that came and went between two flushes never was a row.
                flush.rows.pop(key, None)
                if key in self._stored:
                    flush.rows[key] = None
            flush.rows[_ROW(["model", model_id])] = windows.to_row()
            written = windows.version_rows().items()
            flush.rows |= {k: row for k, row in written if row is not None or k in self._stored}
        self._touched = set()
        for key, value in flush.rows.items():
            (self._stored.discard if value is None else self._stored.add)(key)
        return flush

    def restore(self, rows: Mapping[bytes, bytes]) -> None:
        """Take up the committed rows."""
        models: list[ModelRow] = []
        versions: dict[str, list[VersionRow]] = {}
        self._stored = set(rows)
        for key, value in rows.items():
            kind = msgspec.msgpack.decode(key)[0]
            if kind == "model":
                models.append(_decode_model(value))
            elif kind == "version":
                version = _decode_version(value)
                versions.setdefault(version.model_id, []).append(version)
            else:
                message = decode(value)
                if isinstance(message, Progress):
                    self.clock.hear(message)
                elif windows := self._of(message.model_id):
                    windows.store.put(message)
        for model in models:
            windows = self._of(model.model_id)
            if windows:
                windows.restore(model, versions.get(model.model_id, []))
