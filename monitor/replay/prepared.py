"""Records whose events need no decoding: columns of a history as the stages take them up."""

from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from monitor.events.types import EndOfStream
from monitor.observe.columnar import Columnar, Decoded
from monitor.observe.columns import Indexes
from monitor.observe.decode import Decoder, LabelRow
from monitor.observe.model import Monitored
from monitor.panes.flush import Record
from monitor.replay.history import Cells, History


@dataclass(slots=True)
class Prepared:
    """A record at its place; `row` is what it decodes into, None where `value` is to be decoded."""

    offset: int
    timestamp: int
    row: Any = None
    value: bytes | None = None
    key: bytes | None = None


class PreparedDecoder(Decoder):
    """Hands out what records bring decoded already, and decodes the others as the stream does."""

    def predictions(self, records: Sequence[Record]) -> list[Any]:
        """The rows of records, each as `Decoder.predictions` has them."""
        return [_row(one) or super(PreparedDecoder, self).predictions([one])[0] for one in records]

    def labels(self, records: Sequence[Record]) -> list[Any]:
        """The rows of records, each as `Decoder.labels` has them."""
        return [_row(one) or super(PreparedDecoder, self).labels([one])[0] for one in records]

    def reviews(self, records: Sequence[Record]) -> list[Any]:
        """The rows of records, each as `Decoder.reviews` has them."""
        return [_row(one) or super(PreparedDecoder, self).reviews([one])[0] for one in records]


class _Columns(Decoded, gc=False, kw_only=True):
    """A columnar record as it would have been decoded."""

    features: Any


class Cutter:
    """Cuts records out of the history of one model, the only one that `decoder` knows."""

    def __init__(self, model: Monitored, decoder: Decoder, history: History, append_ms: int):
        self.model_id = model.spec.id
        self.history = history
        self.append_ms = append_ms
        self._remembers = model.spec.remembers
        (self._shape,) = decoder.shapes
        names = decoder.columns[self.model_id].features.names
        self._features = [(f"f{n}", history.features.get(name)) for n, name in enumerate(names)]
        self._wrong = [(name, flags) for name, flags in history.wrong.items() if name in names]

    def predictions(self, rows: Indexes, offset: int) -> Prepared:
        """The predictions of a run as one record; one that no column can hold as its JSON."""
        history, first = self.history, int(rows[0])
        record = Prepared(offset, self.append_ms, value=history.odd.get(first))
        if record.value is not None:
            return record
        columns = {name: _some(column, rows) for name, column in self._features}
        decoded = _Columns(
            batch_id="row",
            model_version=history.names[history.versions[first]],
            prediction_ids=self._ids(rows),
            timestamps=history.times[rows],  # type: ignore[arg-type]
            predictions=_some(history.predictions, rows),
            scores=_some(history.scores, rows),
            features=SimpleNamespace(**columns),
        )
        mistyped: dict[int, list[str]] = {}
        for name, flags in self._wrong:
            for n in np.flatnonzero(flags[rows]).tolist():
                mistyped.setdefault(n, []).append(name)
        record.row = Columnar(self.model_id, 0, self._shape, record, decoded, mistyped)
        return record

    def _ids(self, rows: Indexes) -> list[str] | None:
        """The ids, or places for want of them; none where nobody asks."""
        if self.history.ids is not None:
            return _some(self.history.ids, rows)  # type: ignore[no-any-return]
        return [f"row/{n}" for n in rows.tolist()] if self._remembers else None

    def labels(self, first: int, end: int, offset: int) -> list[Prepared]:
        """Labels of the history, a record each."""
        labels, rows = self.history.labels, slice(first, end)
        values = zip(
            labels.ids[rows].tolist(),
            labels.values[rows].tolist(),
            labels.times[rows].tolist(),
            strict=True,
        )
        model_id, append_ms = self.model_id, self.append_ms
        records = [
            Prepared(n, append_ms, LabelRow(key, model_id, value, time_ms))
            for n, (key, value, time_ms) in enumerate(values, offset)
        ]
        for n, value in labels.odd.items():
            if first <= n < end:
                records[n - first] = Prepared(offset + n - first, append_ms, value=value)
        return records

    def end(self, offset: int) -> Prepared:
        """The end of the model's stream."""
        return Prepared(offset, self.append_ms, EndOfStream(model_id=self.model_id))


def _row(record: Record) -> Any:
    return getattr(record, "row", None)


def _some(column: Cells | None, rows: Indexes) -> Any:
    """Numbers as an array, and everything else as a list."""
    if column is None:
        return None
    some = column[rows]
    return some.tolist() if some.dtype == object else some
