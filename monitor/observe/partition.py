"""Observe, one source partition: a plain object that records go into and flushes come out of."""

from collections.abc import Mapping, Sequence

from monitor.observe.accounting import Accounting
from monitor.observe.cache import Cache
from monitor.observe.decode import Decoder
from monitor.observe.inflow import Inflow
from monitor.observe.intake import Intake
from monitor.observe.letters import Letters
from monitor.observe.losses import Losses
from monitor.observe.memory import Memory
from monitor.observe.model import Monitored
from monitor.observe.outflow import Outflow
from monitor.observe.piles import Piles
from monitor.observe.placement import Placement
from monitor.observe.redaction import Redaction
from monitor.observe.rows import PARTITION_KEY, PartitionRow, encode_row, partition_row
from monitor.observe.split import REKEYED, Marks, Origins, Splitter, arrivals
from monitor.observe.state import INPUTS, ModelState, boundaries
from monitor.observe.store import DictStore, Store
from monitor.observe.watermark import Watermarks, closed
from monitor.panes.flush import Flush, LogRecord, Record
from monitor.panes.messages import InputPane, Loss, OutcomePane, Progress, Unremembered, decode
from monitor.registry.footprint import most_remembered


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
        self.accounting = Accounting()
        split = [state for state in self.states.values() if state.model.spec.repartition]
        self.marks = Watermarks(
            {m.spec.id: m.spec.disorder_ms for m in models},
            {m.spec.id: m.spec.max_alert_age_ms for m in models if m.spec.clock == "append"},
            {state.id for state in split},
        )
        self.losses = Losses(source, self.marks, {m.spec.id: m.spec.pane_ms for m in models})
        self.placement = Placement(source, panes_partitions)
        redaction, step = Redaction(models), self.losses.step
        self.letters = Letters(source, self.accounting, self.losses, redaction)
        by_number = list(self.states.values())
        intake = Intake(
            by_number, self.marks, self.accounting, self.letters.reject, redaction,
            step, self.losses.step_rows, self.placement.hash_of,
        )  # fmt: skip
        self.splitter = Splitter(source, panes_partitions, split, step)
        self.origins = Origins(panes_partitions, self.marks)
        self.piles = Piles(self.decoder.shapes, by_number, self.marks)
        self._inflow = Inflow(
            self.decoder, self.states, self.marks, self.accounting, self.letters, self.losses,
            self.placement, intake, self.splitter, self.piles,
        )  # fmt: skip
        self._outflow = Outflow(
            source, panes_partitions, self.states, self.marks, self.accounting, self.letters,
            self.losses,
        )  # fmt: skip
        #: Models whose time is the present: it goes on where nothing comes.
        self._live = tuple(m.spec.id for m in models if m.spec.clock == "append")
        #: The latest append time that the broker has told us, ms.
        self._now_ms = 0
        #: Up to which append time each topic has been read, ms.
        self._read: dict[str, int] = {}
        #: What `boundaries` says of each watermark that evaluate is told, and what it was told.
        self._reached: dict[tuple[str, str], tuple[int, ...]] = {}
        self._told: dict[tuple[str, str], tuple[int, ...]] = {}
        #: The same of the other topics, of which evaluate is not told.
        self._other: dict[tuple[str, str], tuple[int, ...]] = {}
        #: Models of which one has moved since what is past was forgotten last.
        self._crossed: set[str] = set()
        #: Models of which a flush may have something to write: of all others nothing has changed.
        self._busy = set(self.states)
        #: The memories that the last flush wrote of.
        self._written: list[Memory] = []

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
        self.accounting.add(topic, "read", self._inflow.take(topic, records, split))

    def _arrive(self, records: Sequence[Record]) -> None:
        """Take what was sent on to here, and what its sources say of time."""
        self.placement.verify(())
        named = self.losses.named
        for arrived in arrivals(records):
            if isinstance(arrived, Marks):
                self.origins.hear(arrived)
                continue
            for topic, events in arrived.items():
                self.accounting.add(topic, "arrived", self._inflow.take(topic, events, {}))
        # Whose the last record of the input was is for the input alone to say.
        self.losses.named = named

    def _read_to(self, topic: str, append_ms: int) -> None:
        self._read[topic] = max(append_ms, self._read.get(topic, append_ms))

    def _past(self) -> dict[tuple[str, str], int]:
        now = {topic: max(read, self._now_ms) for topic, read in self._read.items()}
        return self.marks.past(now)

    # -- flushes out ---------------------------------------------------------------------------

    def heard(self, append_ms: int) -> None:
        """Take the broker's time, as it was when our last flush was appended."""
        self._now_ms = max(self._now_ms, append_ms)

    @property
    def urgent(self) -> bool:
        """Whether a watermark has crossed the end of a pane since evaluate was last told."""
        self._look()
        return self.splitter.urgent or self._reached != self._told

    def _look(self) -> None:
        """Take note of the models whose watermarks have moved."""
        moved, self.marks.moved = self.marks.moved, set()
        for model in moved:
            for topic in INPUTS:
                if (topic, model) in self.marks.greatest:
                    mark = self.marks.of(topic, model)
                    reached = boundaries(self.states[model], topic, mark)
                    # Evaluate is told of two; what may be forgotten is for all of them to say.
                    known = self._reached if topic in ("predictions", "labels") else self._other
                    if known.get((topic, model)) != reached:
                        known[topic, model] = reached
                        self._crossed.add(model)
        self._busy |= moved

    def _changed(self) -> list[ModelState]:
        """The states of which a flush may have something to write."""
        self._look()
        taken, self._inflow.taken = self._inflow.taken, set()
        numbers = enumerate(self.states.values())
        return [state for n, state in numbers if n in taken or state.id in self._busy]

    def drain(self, offsets: Mapping[str, int], heartbeat: bool, idle: tuple[str, ...]) -> Flush:
        """All that has changed: rows, log, dead letters, and panes if a boundary was crossed."""
        flush = Flush()
        if heartbeat:
            self._follow(idle)
            for topic in idle if self._now_ms else ():
                self._read_to(topic, self._now_ms)
        rows = self._outflow.rows
        rows.sweep(flush)
        self.piles.bin()
        states = self._changed()
        for state in states:
            self._outflow.close(state, flush)
            self._outflow.expire(state, flush)
        self._written = [state.memory for state in states if not state.memory.idle]
        flush.log += self.cache.drain(self._written)
        for lost in self.losses.changed:
            rows.keep(self.losses.message(lost), flush)
        for state in states:
            for where in state.overflow.changed:
                rows.keep(state.overflow.message(where), flush)
        past = self._past()
        if heartbeat or self._reached != self._told:
            self._outflow.tell(flush, states, offsets, self._read, past)
            self._told = dict(self._reached)
        for state in states:
            if state.id in self._crossed or ("predictions", state.id) not in self.marks.greatest:
                self._outflow.forget(state, flush)
        self._crossed = set()
        self._busy = {state.id for state in states if state.unfinished}
        for passed in self.losses.passed():
            if passed not in self.losses.changed:
                rows.delete(self.losses.message(passed), flush)
                del self.losses.counts[passed]
        flush.outputs += self.letters.drain()
        flush.outputs += self.splitter.drain(heartbeat, self._read)
        flush.rows[PARTITION_KEY] = encode_row(
            PartitionRow(
                self.marks.to_row(),
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

    # -- after a crash -------------------------------------------------------------------------

    def committed(self, log_offset: int | None) -> None:
        """Tell the store what the log says now."""
        self.cache.commit(log_offset, self._written)

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
                self.marks.restore(one for one in row.greatest if one[1] in self.states)
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
            self._outflow.rows.restore(key)
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
            state = self.states[model]
            if not state.restore_outcomes(messages, closed(state.model, self.marks)):
                # The rows of before are not these panes' any more: all are written anew.
                state.relabelled = set(state.outcomes)
                for message in messages:
                    self._outflow.rows.stale(message)
            # Sent again at the next boundary: a repeated snapshot replaces an equal one.
            state.unsent = set(state.outcomes)
        for state in self.states.values():
            # What each flush found passed, it has told of.
            state.passed_ms = self.marks.of("predictions", state.id)
            self._outflow.forget(state, Flush())
