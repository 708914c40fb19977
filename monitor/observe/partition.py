"""Observe, one source partition: a plain object that records go into and flushes come out of."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from monitor.events.cloudevents import DEAD_LETTER, cloud_event, event_key
from monitor.events.types import EndOfStream
from monitor.observe.accounting import Accounting
from monitor.observe.batch import Predictions, SinglePredictions, Singles
from monitor.observe.cache import Cache
from monitor.observe.columnar import Columnar
from monitor.observe.columns import Block, Times
from monitor.observe.decode import Decoder
from monitor.observe.fold import Fold, PaneKey
from monitor.observe.intake import Intake, orphaned, unmatched
from monitor.observe.losses import Losses
from monitor.observe.model import Monitored
from monitor.observe.placement import Placement
from monitor.observe.redaction import Redaction
from monitor.observe.rejection import Rejected, Trace, dead_letter, trace
from monitor.observe.split import REKEYED, Marks, Origins, Splitter, arrivals
from monitor.observe.state import ModelState, boundaries
from monitor.observe.store import DictStore, Store
from monitor.observe.watermark import Watermarks
from monitor.panes.codec import FORMAT
from monitor.panes.flush import Flush, LogRecord, Output, Record
from monitor.panes.messages import (
    InputPane,
    Loss,
    OutcomePane,
    Progress,
    Unremembered,
    decode,
    encode,
)
from monitor.registry.footprint import most_remembered

INPUTS = ("predictions", "labels", "reviews", "approvals")
#: Rows of all models that may wait to be binned; more are, so that memory stays bounded.
PILE_LIMIT = 20_000
_ROW = msgspec.msgpack.Encoder().encode


class PartitionRow(msgspec.Struct, array_like=True, tag="partition"):
    """What is true of the partition as of its applied offsets."""

    greatest: list[tuple[str, str, int]]
    accounting: dict[str, dict[str, int]]
    format: int = FORMAT
    past: list[tuple[str, str, int]] = []
    read: dict[str, int] = {}
    named: str | None = None
    misplaced: list[tuple[str, str, int]] = []
    sent: list[tuple[str, str, int]] = []
    heard: list[Marks] = []


partition_row = msgspec.msgpack.Decoder(PartitionRow).decode
PARTITION_KEY = _ROW(["partition"])


class Group(NamedTuple):
    """Rows that are judged together, their records, the numbers of their models, and by the place
    of a row which features of it are mistyped.
    """

    rows: list[Any]
    records: list[Record]
    of: list[int]
    mistyped: dict[int, Any]


class ObservePartition:
    """Decodes, rejects, deduplicates, joins and folds the records of one source partition."""

    def __init__(
        self,
        models: Sequence[Monitored],
        source: int,
        panes_partitions: int,
        store: Store | None = None,
        decoder: Decoder | None = None,
    ) -> None:
        self.source = source
        self.panes_partitions = panes_partitions
        self.decoder = decoder or Decoder(models)
        self.cache = Cache(store or DictStore(), [m.spec.id for m in models])
        self.states = {
            m.spec.id: ModelState(
                m, source, self.cache.store, most_remembered(m.spec, panes_partitions)
            )
            for m in models
        }
        #: In the order of the models' numbers.
        self._by_number = list(self.states.values())
        self._number = {model: n for n, model in enumerate(self.states)}
        self.accounting = Accounting()
        split = [state for state in self.states.values() if state.model.spec.repartition]
        self.marks = Watermarks(
            {m.spec.id: m.spec.disorder_ms for m in models},
            {m.spec.id: m.spec.max_alert_age_ms for m in models if m.spec.clock == "append"},
            {state.id for state in split},
        )
        panes = {m.spec.id: m.spec.pane_ms for m in models}
        self.losses = Losses(source, self.marks, panes)
        self.placement = Placement(source, panes_partitions)
        self.redaction = Redaction(models)
        step = self.losses.step
        self.intake = Intake(
            self._by_number, self.marks, self.accounting, self._reject, self.redaction,
            step, self.losses.step_rows,
        )  # fmt: skip
        self._pane_ms = np.array([*panes.values()], dtype=np.int64)
        self._provisional = np.array([state.provisional for state in self._by_number], dtype=bool)
        shapes = self.decoder.shapes
        self.folds = [Fold(shape, self._pane_ms) for shape in shapes]
        #: Rows that came when the watermark had passed the end of their pane.
        self._afterwards = [Fold(shape, self._pane_ms) for shape in shapes]
        self._shape = {n: k for k, shape in enumerate(shapes) for n in shape.members}
        self.splitter = Splitter(source, panes_partitions, split, step)
        self.origins = Origins(panes_partitions, self.marks)
        self._rejected: list[Output] = []
        self._changed: dict[str, set[PaneKey]] = {m: set() for m in self.states}
        self._relabelled: dict[str, set[PaneKey]] = {m: set() for m in self.states}
        self._unsent: dict[str, set[PaneKey]] = {m: set() for m in self.states}
        #: Models whose time is the present: it goes on where nothing comes.
        self._live = tuple(m.spec.id for m in models if m.spec.clock == "append")
        #: The latest append time that the broker has told us, ms.
        self._now_ms = 0
        #: Up to which append time each topic has been read, ms.
        self._read: dict[str, int] = {}
        self._stored: set[bytes] = set()
        self._stale: set[bytes] = set()
        self._told: dict[tuple[str, str], tuple[int, ...]] = {}

    # -- records in ----------------------------------------------------------------------------

    def apply(self, topic: str, records: Sequence[Record]) -> None:
        """Take records of one input topic in offset order, or of what was sent on to here."""
        if topic == REKEYED:
            self._arrive(records)
            return
        self._read_to(topic, records[-1].timestamp)
        self.placement.verify(records)
        # An approval names no prediction, and its key is the model's: it stays where it lies.
        split = self.splitter.states if topic != "approvals" else {}
        self.accounting.add(topic, "read", self._take_all(topic, records, split))

    def _arrive(self, records: Sequence[Record]) -> None:
        """Take what was sent on to here, and what its sources say of time."""
        self.placement.verify(())
        named = self.losses.named
        for arrived in arrivals(records):
            if isinstance(arrived, Marks):
                self.origins.hear(arrived)
                continue
            for topic, events in arrived.items():
                self.accounting.add(topic, "arrived", self._take_all(topic, events, {}))
        # Whose the last record of the input was is for the input alone to say.
        self.losses.named = named

    def _take_all(
        self, topic: str, records: Sequence[Record], split: Mapping[str, ModelState]
    ) -> int:
        """Take records of a topic, and send on those of models to split; return how many events."""
        rows: list[Any] = getattr(self.decoder, topic)(records)
        if topic == "predictions" and (of := self._plain(rows, split)):
            self._groups(topic, {self._shape[of[0]]: Group(rows, list(records), of, {})}, split)
            self._name(topic, self._by_number[of[-1]].id)
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
                self._reject(topic, record, row)
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
                self._reject(topic, record, Rejected("unknown_model", why))
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
        if split and any(self._by_number[n].id in split for n in distinct):
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

    def _read_to(self, topic: str, append_ms: int) -> None:
        self._read[topic] = max(append_ms, self._read.get(topic, append_ms))

    def _past(self) -> dict[tuple[str, str], int]:
        now = {topic: max(read, self._now_ms) for topic, read in self._read.items()}
        return self.marks.past(now)

    def _groups(
        self, topic: str, groups: Mapping[int | str, Group], split: Mapping[str, ModelState]
    ) -> None:
        for key, group in groups.items():
            rows, records, of = group.rows, group.records, np.array(group.of, dtype=np.intp)
            if isinstance(key, int):
                self._misplaced_of(topic, group)
                columns = self.folds[key].shape
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
                self._relabelled[key] |= self.intake.labels(state, singles)
            elif topic == "reviews":
                self.intake.reviews(state, singles)
            else:
                self.intake.approvals(state, singles)

    def _misplaced_of(self, topic: str, group: Group) -> None:
        if self.placement.clean:
            return
        mine: dict[int, list[Record]] = {}
        for number, record in zip(group.of, group.records, strict=True):
            mine.setdefault(number, []).append(record)
        for number, records in mine.items():
            self._misplaced(topic, self._by_number[number].id, records)

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
        if batch.model_id in split:
            self.splitter.take_columnar(topic, state, batch)
            self.accounting.add(topic, "moved", batch.rows)
            return
        self._misplaced(topic, state.id, [batch.record], batch.rows)
        self._take(batch, self._shape[self._number[state.id]])

    def _take(self, batch: Predictions, shape: int) -> None:
        block, found, touched = self.intake.predictions(batch)
        for model, panes in touched.items():
            self._relabelled[model] |= panes
        passed = self._passed(block, found)
        if passed.any():
            self._afterwards[shape].take(block.only(np.flatnonzero(passed)))
            block = block.only(np.flatnonzero(~passed))
        self.folds[shape].take(block)
        if sum(fold.waiting for fold in (*self.folds, *self._afterwards)) >= PILE_LIMIT:
            self._bin()

    def _passed(self, block: Block, found: Times) -> npt.NDArray[np.bool_]:
        """Which rows of provisional windows came when the watermark had passed their pane's end."""
        pane = self._pane_ms[block.of]
        passed = block.times - block.times % pane + pane <= found
        return np.asarray(self._provisional[block.of] & passed)

    def _bin(self) -> None:
        """Bin what is piled up, of provisional windows first what came on time, and tell of it."""
        panes = [state.panes for state in self._by_number]
        changed = [one for fold in self.folds for one in fold.bin(panes)]
        for n in np.flatnonzero(self._provisional).tolist():
            state = self._by_number[n]
            state.pass_to(self.marks.of("predictions", state.id))
        changed += [one for fold in self._afterwards for one in fold.bin(panes)]
        for number, key in changed:
            self._changed[self._by_number[number].id].add(key)

    def _reject(self, topic: str, record: Record | Trace, rejected: Rejected) -> None:
        self.accounting.reject(topic, rejected.outcome, rejected.reason, rejected.events)
        left = trace(record, self.redaction)
        if topic == "predictions" and rejected.reason != "unknown_model":
            at = left.offset, rejected.index or 0
            self.losses.lose(topic, at, rejected.model_id, rejected.outcome, rejected.events)
        letter = dead_letter(rejected, left, topic, self.source)
        place = [topic, str(letter.partition), str(letter.offset)]
        if rejected.index is not None:
            place.append(str(rejected.index))
        event = cloud_event(
            type=DEAD_LETTER,
            source="/watchkeeper/observe",
            subject=rejected.reason,
            time_ms=left.append_ms,
            id=event_key("dead-letter", *place),
            data=letter,
            partitionkey=rejected.model_id or topic,
        )
        out = "late" if rejected.outcome == "late" else "dead-letters"
        key = (rejected.model_id or topic).encode(errors="replace")
        self._rejected.append(Output(out, key, event))

    # -- flushes out ---------------------------------------------------------------------------

    def heard(self, append_ms: int) -> None:
        """Take the broker's time, as it was when our last flush was appended."""
        self._now_ms = max(self._now_ms, append_ms)

    @property
    def urgent(self) -> bool:
        """Whether a watermark has crossed the end of a pane since evaluate was last told."""
        return self.splitter.urgent or self._boundaries() != self._told

    def _boundaries(self) -> dict[tuple[str, str], tuple[int, ...]]:
        """What `boundaries` says of each watermark that evaluate is told."""
        return {
            (topic, model): boundaries(self.states[model], topic, self.marks.of(topic, model))
            for topic, model in self.marks.greatest
            if topic in ("predictions", "labels")
        }

    def drain(self, offsets: Mapping[str, int], heartbeat: bool, idle: tuple[str, ...]) -> Flush:
        """All that has changed: rows, log, dead letters, and panes if a boundary was crossed."""
        flush = Flush()
        if heartbeat:
            self._follow(idle)
            for topic in idle if self._now_ms else ():
                self._read_to(topic, self._now_ms)
        for key in self._stale:
            self._delete(key, flush)
        self._stale = set()
        self._bin()
        for state in self.states.values():
            self._close(state, flush)
            self._expire(state, flush)
        flush.log += self.cache.drain(state.memory for state in self.states.values())
        for lost in self.losses.changed:
            message = self.losses.message(lost)
            self._keep(_loss_row(message), encode(message), flush)
        for state in self.states.values():
            for where in state.overflow.changed:
                full = state.overflow.message(where)
                self._keep(_unremembered_row(full), encode(full), flush)
        boundaries, past = self._boundaries(), self._past()
        if heartbeat or boundaries != self._told:
            self._tell(flush, offsets, past)
            self._told = boundaries
        for state in self.states.values():
            self._forget(state, flush)
        for passed in self.losses.passed():
            if passed not in self.losses.changed:
                self._delete(_loss_row(self.losses.message(passed)), flush)
                del self.losses.counts[passed]
        flush.outputs += self._rejected
        self._rejected = []
        flush.outputs += self.splitter.drain(heartbeat, self._read)
        flush.rows[PARTITION_KEY] = _ROW(
            PartitionRow(
                [(t, m, n) for (t, m), n in self.marks.greatest.items()],
                self.accounting.to_rows(),
                past=[(t, m, n) for (t, m), n in past.items()],
                read=self._read,
                named=self.losses.named,
                misplaced=[(t, m, n) for (t, m), n in sorted(self.placement.counts.items())],
                sent=self.splitter.to_row(),
                heard=self.origins.to_row(),
            )
        )
        return flush

    def _follow(self, idle: tuple[str, ...]) -> None:
        """Let the time of silent models go on: here, or where it is told to all that need it."""
        split = tuple(m for m in self._live if m in self.splitter.states)
        here = tuple(m for m in self._live if m not in self.splitter.states)
        newest = max(self.marks.newest(here), self.splitter.marks.newest(split))
        self.marks.follow(self._now_ms, idle, here, newest)
        self.splitter.marks.follow(self._now_ms, idle, split, newest)

    def _close(self, state: ModelState, flush: Flush) -> None:
        """Send panes that no event can change any more; keep the other changed ones as rows."""
        for message in state.on_time:
            flush.outputs.append(Output("panes", state.id.encode(), encode(message)))
        state.on_time = []
        mark = self.marks.of("predictions", state.id)
        still = state.pane_ms + state.lateness_ms
        # Those of an earlier configuration go with the pane of ours that they begin in: evaluate
        # settles by our panes.
        for key in [k for k in state.foreign if k[1] - k[1] % state.pane_ms + still <= mark]:
            for message in state.foreign.pop(key):
                flush.outputs.append(Output("panes", state.id.encode(), encode(message)))
                self._delete(_input_row(message), flush)
        for key in sorted(k for k in state.panes if k[1] + still <= mark):
            for message in state.input_snapshots(key):
                flush.outputs.append(Output("panes", state.id.encode(), encode(message)))
                self._delete(_input_row(message), flush)
            del state.panes[key]
        for start in [s for s in state.versions if s + still <= mark]:
            del state.versions[start]
        for key in self._changed[state.id] & state.panes.keys():
            for message in state.input_snapshots(key):
                self._keep(_input_row(message), encode(message), flush)
        self._changed[state.id] = set()

    def _expire(self, state: ModelState, flush: Flush) -> None:
        """Give up labels and reviews whose prediction can no longer come."""
        mark = self.marks.of("predictions", state.id) - state.pane_ms
        for topic, orphans in (
            ("labels", state.memory.orphans(state.horizon("labels", mark))),
            ("reviews", state.memory.orphan_reviews(state.horizon("reviews", mark))),
        ):
            chains = {key: gone.chain for key, gone in orphans.items()}
            reached = set(state.overflow.reached(chains, state.delays[topic]))
            for key, gone in orphans.items():
                self.accounting.add(topic, "waiting", -len(gone.traces))
                why = unmatched(state, key) if key in reached else orphaned(state, topic, key)
                for left in gone.traces:
                    self._reject(topic, left, why)
        for pane in self._relabelled[state.id]:
            message = state.outcome_snapshot(pane)
            self._keep(_outcome_row(message), encode(message), flush)
        self._unsent[state.id] |= self._relabelled[state.id]
        self._relabelled[state.id] = set()

    def _tell(
        self, flush: Flush, offsets: Mapping[str, int], past: Mapping[tuple[str, str], int]
    ) -> None:
        """Revised outcome panes and what was lost, then how far time has come.

        The last goes to every partition of `panes`.
        """
        for state in self.states.values():
            for pane in sorted(self._unsent[state.id] & state.outcomes.keys()):
                message = encode(state.outcome_snapshot(pane))
                flush.outputs.append(Output("panes", state.id.encode(), message))
            self._unsent[state.id] = set()
            for where in sorted(state.overflow.changed):
                message = encode(state.overflow.message(where))
                flush.outputs.append(Output("panes", state.id.encode(), message))
            state.overflow.changed = set()
        for lost in sorted(self.losses.changed):
            message = encode(self.losses.message(lost))
            flush.outputs.append(Output("panes", lost[0].encode(), message))
        self.losses.changed = set()
        behind: dict[str, dict[str, int]] = {"predictions": {}, "labels": {}}
        for (topic, model), greatest in past.items():
            behind[topic][model] = self.marks.behind(greatest, model)
        progress = Progress(
            source=self.source,
            inputs=self.marks.by_model("predictions", self.states),
            labels=self.marks.by_model("labels", self.states),
            offsets=dict(offsets),
            read=dict(self._read),
            past_inputs=behind["predictions"],
            past_labels=behind["labels"],
        )
        key, value = str(self.source).encode(), encode(progress)
        flush.outputs += [Output("panes", key, value, n) for n in range(self.panes_partitions)]

    def _forget(self, state: ModelState, flush: Flush) -> None:
        """Drop what nothing can refer to any more."""
        of = {topic: state.horizon(topic, self.marks.of(topic, state.id)) for topic in INPUTS}
        predictions = min(of[topic] for topic in state.named_by)
        # By their own watermarks: those alone say which of them may still come, or come again.
        state.memory.forget(
            predictions - state.pane_ms,
            of["reviews"] - state.pane_ms,
            of["approvals"] - state.pane_ms,
        )
        still, closed = state.pane_ms, self._closed(state)
        unsent = self._unsent[state.id]
        for key in [k for k in state.outcomes if k[1] + still <= closed and k not in unsent]:
            self._delete(_outcome_row(state.outcome_snapshot(key)), flush)
            del state.outcomes[key]
        # As far back as what may wait now reaches.
        reach = min(of[topic] - state.delays[topic] for topic in state.named_by)
        for key in state.overflow.over(reach - state.pane_ms):
            self._delete(_unremembered_row(state.overflow.message(key)), flush)
            del state.overflow.counts[key]

    def _closed(self, state: ModelState) -> int:
        """Before it, no label changes what is known of a prediction, ms."""
        topics = ("predictions", "labels") if state.joins else ("predictions",)
        return state.horizon("labels", min(self.marks.of(topic, state.id) for topic in topics))

    def _keep(self, key: bytes, value: bytes, flush: Flush) -> None:
        flush.rows[key] = value
        self._stored.add(key)

    def _delete(self, key: bytes, flush: Flush) -> None:
        flush.rows.pop(key, None)
        if key in self._stored:
            flush.rows[key] = None
            self._stored.discard(key)

    # -- after a crash -------------------------------------------------------------------------

    def committed(self, log_offset: int | None) -> None:
        """Tell the store what the log says now."""
        self.cache.commit(log_offset, [state.memory for state in self.states.values()])

    @property
    def log_from(self) -> int | None:
        """The record of the log at which our cache of it stands."""
        return self.cache.log_from

    def discard(self) -> None:
        """Empty the cache: it is not of this log."""
        self.cache.clear()
        for state in self.states.values():
            state.memory = state.empty_memory(self.cache.store)

    def replay(self, records: Sequence[LogRecord]) -> None:
        """Take up records of the join log, in their order, from `log_from` on."""
        self.cache.replay(records, {m: state.memory for m, state in self.states.items()})

    def close(self) -> None:
        """Let go of the store."""
        self.cache.store.close()

    def restore(self, rows: Mapping[bytes, bytes]) -> None:
        """Take up the committed rows, once the log has been replayed."""
        outcomes: dict[str, list[OutcomePane]] = {}
        for key, value in rows.items():
            if key == PARTITION_KEY:
                row = partition_row(value)
                self.marks.greatest = {
                    (topic, model): n for topic, model, n in row.greatest if model in self.states
                }
                for topic, model, n in row.past:
                    self.marks.restore_past(topic, model, n)
                self._read, self.losses.named = dict(row.read), row.named
                self.placement.counts.update({(t, m): n for t, m, n in row.misplaced})
                self.splitter.restore(row.sent)
                self.origins.restore(row.heard)
                restored = Accounting.from_rows(row.accounting)
                self.accounting.counts.update(restored.counts)
                self.accounting.reasons.update(restored.reasons)
                continue
            self._stored.add(key)
            message = decode(value)
            state = self.states.get(message.model_id) if not isinstance(message, Progress) else None
            if state is None:
                continue
            if isinstance(message, InputPane):
                state.restore_input(message)
            elif isinstance(message, Loss):
                self.losses.restore(message)
            elif isinstance(message, Unremembered):
                state.overflow.restore(message)
            elif isinstance(message, OutcomePane):
                outcomes.setdefault(state.id, []).append(message)
        for model, messages in outcomes.items():
            if not self.states[model].restore_outcomes(messages, self._closed(self.states[model])):
                # The rows of before are not these panes' any more: all are written anew.
                self._relabelled[model] = set(self.states[model].outcomes)
                self._stale |= {_outcome_row(message) for message in messages}
            # Sent again at the next boundary: a repeated snapshot replaces an equal one.
            self._unsent[model] = set(self.states[model].outcomes)
        for state in self.states.values():
            # What each flush found passed, it has told of.
            state.passed_ms = self.marks.of("predictions", state.id)
            self._forget(state, Flush())


def _input_row(message: InputPane) -> bytes:
    pane = [message.model_id, message.version, message.start_ms]
    return _ROW(["input", *pane, message.block, message.fingerprint])


def _outcome_row(message: OutcomePane) -> bytes:
    return _ROW(["outcome", message.model_id, message.version, message.start_ms])


def _unremembered_row(message: Unremembered) -> bytes:
    return _ROW(["unremembered", message.model_id, message.version, message.start_ms])


def _loss_row(message: Loss) -> bytes:
    of_topic = [] if message.topic == "predictions" else [message.topic]
    return _ROW(["loss", message.model_id, message.start_ms, *of_topic])
