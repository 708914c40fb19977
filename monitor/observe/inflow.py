"""Records in: decoded, and handed over in the order of the log to whoever judges them.

Those that can be judged together are: predictions of the models of one shape, other events of one
model. What must not be judged before what stands before it in the log ends a group.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from monitor.events.types import EndOfStream
from monitor.observe.accounting import Accounting
from monitor.observe.batch import Predictions, SinglePredictions, Singles
from monitor.observe.columnar import Columnar
from monitor.observe.decode import Decoder
from monitor.observe.intake import Intake
from monitor.observe.letters import Letters
from monitor.observe.losses import Losses
from monitor.observe.piles import Piles
from monitor.observe.placement import Placement
from monitor.observe.rejection import Rejected
from monitor.observe.split import Splitter
from monitor.observe.state import ModelState
from monitor.observe.watermark import Watermarks
from monitor.panes.flush import Record


class Group(NamedTuple):
    """Rows that are judged together, their records, the numbers of their models, and by the place
    of a row which features of it are mistyped.
    """

    rows: list[Any]
    records: list[Record]
    of: list[int]
    mistyped: dict[int, Any]


class Inflow:
    """Takes the records of one source partition."""

    def __init__(
        self,
        decoder: Decoder,
        states: Mapping[str, ModelState],
        marks: Watermarks,
        accounting: Accounting,
        letters: Letters,
        losses: Losses,
        placement: Placement,
        intake: Intake,
        splitter: Splitter,
        piles: Piles,
    ) -> None:
        self.decoder = decoder
        self.states = states
        self.marks = marks
        self.accounting = accounting
        self.letters = letters
        self.losses = losses
        self.placement = placement
        self.intake = intake
        self.splitter = splitter
        self.piles = piles
        #: In the order of the models' numbers.
        self.by_number = list(states.values())
        #: Models of which anything has been read since somebody last looked, by number.
        self.taken: set[int] = set()
        #: Whether what refers to a prediction is looked for, of any model.
        self._joined = any(state.reviewed for state in self.by_number)
        self._number = {model: n for n, model in enumerate(states)}
        self._shape = {n: k for k, shape in enumerate(decoder.shapes) for n in shape.members}

    def take(self, topic: str, records: Sequence[Record], split: Mapping[str, ModelState]) -> int:
        """Take records of a topic, and send on those of models to split; return how many events."""
        rows: list[Any] = getattr(self.decoder, topic)(records)
        if topic == "predictions" and (of := self._plain(rows, split)):
            self._groups(topic, {self._shape[of[0]]: Group(rows, list(records), of, {})}, split)
            self._name(topic, self.by_number[of[-1]].id)
            self._settle(split)
            return len(records)
        groups: dict[int | str, Group] = {}
        read, named = len(records), ""
        for row, record in zip(rows, records, strict=True):
            mistyped: Any = None
            if row.__class__ is tuple:
                row, mistyped = row
            if isinstance(row, Rejected):
                named = row.model_id or named
                self._name(topic, named)
                self.letters.reject(topic, record, row)
                read += row.events - 1
                continue
            if isinstance(row, Columnar):
                named = row.model_id
                # Other records of its model that stand before it are judged before it.
                key = self._key(topic, named, split)
                if key in groups and self._number[named] in groups[key].of:
                    self._groups(topic, {key: groups.pop(key)}, split)
                self._take_columnar(topic, row, split)
                read += row.rows - 1
                continue
            if isinstance(row, EndOfStream):
                # What stands before it in the log is judged before it, and what follows after.
                self._groups(topic, groups, split)
                groups = {}
                self._settle(split)
                marks = self.splitter.marks if row.model_id in split else self.marks
                marks.end(topic, row.model_id)
                read -= 1
                continue
            model = row.model_id
            if model not in self.states:
                why = f"model {model!r:.140} is not registered"
                self.letters.reject(topic, record, Rejected("unknown_model", why))
                continue
            key = self._key(topic, model, split)
            group = groups.get(key)
            if group is None:
                group = groups[key] = Group([], [], [], {})
            named = model
            if mistyped:
                group.mistyped[len(group.rows)] = mistyped
            group.rows.append(row)
            group.records.append(record)
            group.of.append(self._number[model])
        self._name(topic, named)
        self._groups(topic, groups, split)
        self._settle(split)
        return read

    def _plain(self, rows: Sequence[Any], split: Mapping[str, ModelState]) -> list[int]:
        """The models of rows by their numbers; none unless all are events of one shape's models."""
        if not {row.__class__ for row in rows} <= self.decoder.events:
            return []
        try:
            of = [self._number[row.model_id] for row in rows]
        except KeyError:
            return []
        distinct = set(of)
        if len({self._shape[n] for n in distinct}) > 1:
            return []
        if split and any(self.by_number[n].id in split for n in distinct):
            return []
        return of

    def _key(self, topic: str, model: str, split: Mapping[str, ModelState]) -> int | str:
        """What events share that are judged together: predictions the shape, others the model."""
        if topic == "predictions" and model not in split:
            return self._shape[self._number[model]]
        return model

    def _settle(self, split: Mapping[str, ModelState]) -> None:
        """Put what was lost where the watermarks stand: of models to split, those of what we read.

        Theirs of what has arrived is as far behind as any source is.
        """
        self.losses.settle(
            lambda topic, model: (self.splitter.marks if model in split else self.marks).of(
                topic, model
            )
        )

    def _name(self, topic: str, model: str) -> None:
        """Remember whose the last prediction was; a model of nobody's is none."""
        if topic == "predictions" and model in self.states:
            self.losses.named = model

    def _groups(
        self, topic: str, groups: Mapping[int | str, Group], split: Mapping[str, ModelState]
    ) -> None:
        for key, group in groups.items():
            self.taken.update(group.of)
            rows, records, of = group.rows, group.records, np.array(group.of, dtype=np.intp)
            if isinstance(key, int):
                self._misplaced_of(topic, group)
                columns = self.decoder.shapes[key]
                self._take(SinglePredictions(columns, rows, records, of, group.mistyped), key)
                continue
            state = self.states[key]
            if key in split:
                self.splitter.take(topic, state, rows, Singles(rows, records, of))
                self.accounting.add(topic, "moved", len(rows))
                continue
            self._misplaced(topic, key, records)
            singles = Singles(rows, records, of)
            if topic == "labels":
                state.relabelled |= self.intake.labels(state, singles)
            elif topic == "reviews":
                self.intake.reviews(state, singles)
            else:
                self.intake.approvals(state, singles)

    def _misplaced_of(self, topic: str, group: Group) -> None:
        if self.placement.clean(self._joined):
            return
        mine: dict[int, list[Record]] = {}
        for number, record in zip(group.of, group.records, strict=True):
            mine.setdefault(number, []).append(record)
        for number, records in mine.items():
            self._misplaced(topic, self.by_number[number].id, records)

    def _misplaced(
        self, topic: str, model: str, records: Sequence[Record], events: int = 1
    ) -> None:
        """Take note of records that lie elsewhere than their key says: labels don't find them."""
        state = self.states[model]
        for record in self.placement.misplaced(topic, model, records, state.reviewed):
            if state.joins and topic in ("predictions", "labels"):
                self.losses.lose(topic, (record.offset, 0), model, "misplaced", events)

    def _take_columnar(self, topic: str, batch: Columnar, split: Mapping[str, ModelState]) -> None:
        state = self.states[batch.model_id]
        self.taken.add(self._number[state.id])
        if batch.model_id in split:
            self.splitter.take_columnar(topic, state, batch)
            self.accounting.add(topic, "moved", batch.rows)
            return
        self._misplaced(topic, state.id, [batch.record], batch.rows)
        self._take(batch, self._shape[self._number[state.id]])

    def _take(self, batch: Predictions, shape: int) -> None:
        block, found, touched = self.intake.predictions(batch)
        for model, panes in touched.items():
            self.states[model].relabelled |= panes
        self.piles.take(block, found, shape)
