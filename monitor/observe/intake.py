"""Decoded events of one model into its state."""

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from monitor.events.limits import LEAST_PLAUSIBLE_MS
from monitor.events.timestamps import rfc3339
from monitor.observe.accounting import Accounting
from monitor.observe.batch import Events, Hash, Place, Predictions, Singles, alike
from monitor.observe.columns import Block, Indexes, Times
from monitor.observe.fold import PaneKey
from monitor.observe.grouped import Grouped
from monitor.observe.outcomes import Label, class_name, in_reach, repeated
from monitor.observe.reasons import Reason
from monitor.observe.redaction import Redaction
from monitor.observe.rejection import Rejected, Trace, trace
from monitor.observe.remembered import Known, Seen
from monitor.observe.state import OTHER_VERSIONS, ModelState
from monitor.observe.watermark import Watermarks
from monitor.panes.flush import Record
from monitor.registry.durations import duration_words

Reject = Callable[[str, Record | Trace, Rejected], None]
#: Told of each topic and model: the places of its rows, if asked for, and the watermark that each
#: has found.
Step = Callable[[str, str, Callable[[], list[Place]], Times], None]
#: Told of a topic's rows by the numbers of their models: the places of some, if asked for, and the
#: watermark that each has found.
StepRows = Callable[[str, Indexes, Callable[[Indexes], list[Place]], Times], None]
#: An event may be this far ahead of the broker's clock.
FUTURE_MS = 5 * 60_000
#: Versions and panes of which it is known which models have had them.
ADMITTED = 16
#: Corrections of one prediction; a producer that relabels for ever must not grow our memory.
LABELS_LIMIT = 100


def believable(events: Events) -> npt.NDArray[np.bool_]:
    """Which events have a time that can be true: not ahead of the broker's, and in milliseconds."""
    times = events.times
    believed: npt.NDArray[np.bool_] = times <= events.appended + FUTURE_MS
    for n in np.flatnonzero(times < LEAST_PLAUSIBLE_MS).tolist():
        # A text is no number of seconds, so of a text only what is before 1970 is wrong.
        believed[n] &= times[n] >= 0 and not isinstance(events.given(n), int)
    return believed


class Intake:
    """Judges rows: future, late, duplicate, conflicting, or counted; predictions of many models."""

    def __init__(
        self,
        states: Sequence[ModelState],
        marks: Watermarks,
        accounting: Accounting,
        reject: Reject,
        redaction: Redaction,
        step: Step,
        step_rows: StepRows,
        hash_of: Hash,
    ) -> None:
        #: By the models' numbers.
        self.states = states
        self.marks = marks
        self.accounting = accounting
        self.reject = reject
        self.redaction = redaction
        self.step = step
        self.hash_of = hash_of
        self.step_rows = step_rows
        self._ids = [state.id for state in states]
        self._pane_ms = np.array([state.pane_ms for state in states], dtype=np.int64)
        self._lateness_ms = np.array([state.lateness_ms for state in states], dtype=np.int64)
        #: By version and number of the pane, counted in its model's own length.
        self._admitted: dict[tuple[str, int], npt.NDArray[np.bool_]] = {}
        self._remembers = np.array([state.remembers for state in states], dtype=bool)

    def predictions(self, batch: Predictions) -> tuple[Block, Times, dict[str, set[PaneKey]]]:
        """Take predictions of many models in offset order.

        Returns those that are counted, the watermarks that they found, and the outcome panes
        touched by model. What depends on numbers alone is found for all rows at once.
        """
        kept = self._in_time("predictions", batch)
        times, rows = batch.times[kept], Grouped.by(batch.of[kept])
        self.marks.read_rows("predictions", self._ids, rows, times, batch.appended[kept])
        found = self.marks.advance_rows("predictions", self._ids, rows, times)
        read = kept
        self.step_rows("predictions", rows.of, lambda mine: batch.places(read[mine]), found)
        pane, lateness = self._pane_ms[rows.of], self._lateness_ms[rows.of]
        late = times - times % pane + pane + lateness <= found
        if late.any():
            for n in np.flatnonzero(late).tolist():
                state = self.states[rows.of[n]]
                why = (
                    f"{_behind(int(times[n]), int(found[n]))}; allowed lateness is "
                    f"{duration_words(state.lateness_ms)} after the end of its pane"
                )
                rejected = Rejected("late", why, outcome="late", model_id=state.id)
                self._refuse("predictions", batch, int(kept[n]), rejected)
            kept, found = kept[~late], found[~late]
        block = batch.block if len(kept) == batch.block.rows else batch.block.only(kept)
        self._admit(block)
        touched: dict[str, set[PaneKey]] = {}
        if self._remembers[block.of].any():
            new = self._remember(batch, block, kept, found, touched)
            if len(new) < len(kept):
                block, found = block.only(new), found[new]
        self.accounting.add("predictions", "counted", block.rows)
        return block, found, touched

    def _admit(self, block: Block) -> None:
        """Count the versions of a pane beyond the first few as one, `__other__`.

        Which are the first depends on the order of the log alone.
        """
        if not block.rows:
            return
        length = self._pane_ms[block.of]
        pane = block.times // length
        least = pane.min()
        span = int(pane.max() - least) + 1
        known = None
        if span == len(block.names) == 1:
            # As most chunks are: which models have had this version in this pane is known already.
            known = self._had(block.names[0], int(least))
            if known[block.of].all():
                return
        pairs = (block.of * span + (pane - least)) * len(block.names) + block.versions
        _, first = np.unique(pairs, return_index=True)
        first.sort()
        starts = (pane * length)[first].tolist()
        names, states, beyond = block.names, self.states, []
        for n, model, start, version in zip(
            first.tolist(), block.of[first].tolist(), starts, block.versions[first].tolist(),
            strict=True,
        ):  # fmt: skip
            if states[model].admit(names[version], start) != names[version]:
                beyond.append(pairs[n])
            elif known is not None:
                known[model] = True
        if beyond:
            other = np.int32(len(names))
            block.names = [*names, OTHER_VERSIONS]
            block.versions = np.where(np.isin(pairs, beyond), other, block.versions)

    def _had(self, version: str, pane: int) -> npt.NDArray[np.bool_]:
        """Which models, by number, are known to have a version in their pane of that number."""
        known = self._admitted.get((version, pane))
        if known is None:
            known = self._admitted[version, pane] = np.zeros(len(self.states), dtype=bool)
            if len(self._admitted) > ADMITTED:
                del self._admitted[next(iter(self._admitted))]
        return known

    def _remember(
        self,
        batch: Predictions,
        block: Block,
        kept: Indexes,
        found: Times,
        touched: dict[str, set[PaneKey]],
    ) -> Indexes:
        """Positions in the block that were not seen before; waiting labels are handed to them.

        An id that may be forgotten already, by the watermark that the row `found`, is a new one,
        whether or not a flush has come round to forgetting it. One for which there is no room is
        counted, and its pane is marked. `kept` are the block's rows in the batch.
        """
        new: list[int] = []
        ids, states = batch.ids(kept), [self.states[model] for model in block.of.tolist()]
        asked: dict[str, list[str]] = {}
        found_first: dict[str, int] = {}
        for state, key, mark in zip(states, ids, found.tolist(), strict=True):
            asked.setdefault(state.id, []).append(key)
            found_first.setdefault(state.id, mark)
        roomy: dict[str, bool] = {}
        for state in {state.id: state for state in states}.values():
            if state.remembers:
                state.memory.fetch(asked[state.id])
                roomy[state.id] = state.room(found_first[state.id]) >= len(asked[state.id])
        rows = zip(
            states,
            ids,
            block.times.tolist(),
            map(block.names.__getitem__, block.versions.tolist()),
            batch.outcomes(kept),
            batch.payloads(kept),
            found.tolist(),
            strict=True,
        )
        for n, (state, key, time_ms, version, name, crc, mark) in enumerate(rows):
            if not state.remembers:
                new.append(n)
                continue
            memory = state.memory
            seen = memory.seen.get(key)
            if seen is not None and not state.may_forget("predictions", seen.time_ms, mark):
                self._repeated("predictions", state, batch, int(kept[n]), key, alike(seen.crc, crc))
                continue
            new.append(n)
            if name.__class__ is not str:
                name = class_name(name)
            # By the watermark that the row itself brings: after a silence there is room at once.
            led = max(mark, time_ms - state.model.spec.disorder_ms)
            remembered = roomy[state.id] or state.room(led) > 0
            if remembered:
                hashed = batch.hashed(int(kept[n]), self.hash_of)
                memory.remember(key, Seen(time_ms, version, name, crc, hashed=hashed))
            else:
                state.overflow.add(state.pane_key(version, time_ms))
            if state.joins:
                pane = state.pane_key(version, time_ms)
                state.outcome(pane).predictions += 1
                touched.setdefault(state.id, set()).add(pane)
                if remembered and key in memory.waiting:
                    self._settle(state, key)
            if remembered and key in memory.waiting_reviews:
                self._settle_reviews(state, key)
        return np.array(new, dtype=np.intp)

    def _settle(self, state: ModelState, key: str) -> None:
        """Labels that waited for a prediction are counted now; those beyond its horizon never."""
        claimed = state.memory.claim(key)
        for left in claimed.lost:
            self.reject("labels", left, orphaned(state, "labels", key))
        state.relabel(state.memory.seen[key], ())
        self.accounting.add("labels", "waiting", -sum((*claimed[:2], len(claimed.lost))))
        self.accounting.add("labels", "counted", claimed.taken)
        self.accounting.add("labels", "duplicate", claimed.repeated)

    def _settle_reviews(self, state: ModelState, key: str) -> None:
        """Reviews that waited for a prediction are counted now; those out of its reach never."""
        claimed = state.memory.claim_reviews(key)
        for left in claimed.lost:
            self.reject("reviews", left, orphaned(state, "reviews", key))
        self.accounting.add("reviews", "waiting", -claimed.taken - len(claimed.lost))
        self.accounting.add("reviews", "counted", claimed.taken)

    def labels(self, state: ModelState, events: Singles) -> set[PaneKey]:
        """Take labels of one model in offset order; return the outcome panes touched."""
        kept = self._in_time("labels", events)
        times, appended = events.times[kept], events.appended[kept]
        # One that is dated ahead says nothing of the others: those before it are still to come.
        due = np.minimum(times, appended)
        self.marks.read("labels", state.id, due, appended)
        found = self.marks.advance("labels", state.id, due)
        self.step("labels", state.id, lambda: events.places(kept), found)
        known = np.maximum(times, found).tolist()
        touched: set[PaneKey] = set()
        if state.joins:
            state.memory.fetch([events.rows[k].prediction_id for k in kept.tolist()])
        for k, time_ms, known_ms in zip(kept.tolist(), times.tolist(), known, strict=True):
            row, record = events.rows[k], events.records[k]
            if not state.joins:
                why = "the model declares no labels; add `labels:` to its configuration"
                rejected = Rejected("labels_undeclared", why, model_id=state.id)
                self.reject("labels", record, rejected)
                continue
            key, memory = row.prediction_id, state.memory
            seen = memory.seen.get(key)
            chain = seen.chain if seen else memory.waiting.get(key, ())
            label = Label(time_ms, record.offset, class_name(row.label), known_ms)
            # In this order, and nothing but waiting without its prediction, so that a label meets
            # the same fate whether it is read before or after its prediction.
            if seen and not in_reach(label, seen.time_ms, state.delays["labels"]):
                self.reject("labels", record, orphaned(state, "labels", key))
            elif seen and repeated(chain, label):
                self.accounting.add("labels", "duplicate")
            elif len(chain) >= LABELS_LIMIT:
                why = f"prediction {key} has {len(chain)} labels, limit {LABELS_LIMIT}"
                self.reject("labels", record, Rejected("limit_labels", why, model_id=state.id))
            elif seen:
                memory.label(key, label)
                self.accounting.add("labels", "counted")
                touched.add(state.relabel(seen, chain))
            else:
                memory.label(key, label, self._waits(record, key))
                self.accounting.add("labels", "waiting")
        return touched

    def reviews(self, state: ModelState, events: Singles) -> None:
        """Take reviews of one model in offset order: each is counted once, with its prediction.

        Whether an id came before is decided by this topic alone, whatever becomes of the review:
        else that would depend on whether its prediction was read sooner.
        """
        kept = self._in_time("reviews", events)
        times = events.times[kept]
        due = np.minimum(times, events.appended[kept])
        found = self.marks.advance("reviews", state.id, due)
        if not state.reviewed:
            why = "the model declares neither reviews nor labels; add `reviews:` to it"
            for k in kept.tolist():
                rejected = Rejected("reviews_undeclared", why, model_id=state.id)
                self._refuse("reviews", events, k, rejected)
            return
        memory = state.memory
        memory.fetch([events.rows[k].prediction_id for k in kept.tolist()])
        ids = [events.rows[k].review_id for k in kept.tolist()]
        memory.fetch_reviews(ids)
        for k, key, time_ms, mark, crc in self._fresh(
            "reviews", state, events, kept, ids, found, memory.reviews
        ):
            row, record = events.rows[k], events.records[k]
            memory.review(key, time_ms, crc, self.hash_of(record, key))
            seen = memory.seen.get(row.prediction_id)
            decision = class_name(row.final_decision)
            review = Label(time_ms, record.offset, decision, max(time_ms, mark))
            if seen is None:
                memory.wait(row.prediction_id, review, self._waits(record, row.prediction_id))
                self.accounting.add("reviews", "waiting")
            elif in_reach(review, seen.time_ms, state.delays["reviews"]):
                self.accounting.add("reviews", "counted")
            else:
                self.reject("reviews", record, orphaned(state, "reviews", row.prediction_id))

    def approvals(self, state: ModelState, events: Singles) -> None:
        """Take approvals of one model whose signatures hold: each is counted once, by its id.

        Here they end for now: there is no command yet that waits for one. Their clock is the
        broker's, whatever the clock of the model is: who replays the past approves in the present.
        An id is known in the partition where it came before, and the key is the model's.
        """
        kept = self._in_time("approvals", events)
        now = self.marks.told("approvals", state.id, events.appended[kept])
        memory = state.memory
        ids = [events.rows[k].approval_id for k in kept.tolist()]
        memory.fetch_approvals(ids)
        for k, key, time_ms, _, crc in self._fresh(
            "approvals", state, events, kept, ids, now, memory.approvals
        ):
            memory.approval(key, time_ms, crc, self.hash_of(events.records[k], key))
            self.accounting.add("approvals", "counted")

    def _fresh(
        self,
        topic: str,
        state: ModelState,
        events: Singles,
        kept: Indexes,
        ids: Sequence[str],
        found: Times,
        known: Mapping[str, Known],
    ) -> Iterator[tuple[int, str, int, int, int]]:
        """Of the kept events, those that are neither too late nor known by their id.

        Each with its position, id, time, the watermark that it `found`, and its record's CRC;
        whoever takes one makes it known before the next is asked for.
        """
        times = events.times[kept]
        late = state.forgotten(topic, times, found)
        for k, key, time_ms, too_late, mark in zip(
            kept.tolist(), ids, times.tolist(), late.tolist(), found.tolist(), strict=True
        ):
            if too_late:
                self._too_late(topic, state, events, k, time_ms, mark)
                continue
            crc = zlib.crc32(events.records[k].value or b"")
            before = known.get(key)
            if before is not None and not state.may_forget(topic, before.time_ms, mark):
                self._repeated(topic, state, events, k, key, before.crc == crc)
                continue
            yield k, key, time_ms, mark, crc

    def _waits(self, record: Record, key: str) -> Trace:
        left = trace(record, self.redaction)
        return left._replace(hashed=self.hash_of(record, key))

    def _too_late(
        self, topic: str, state: ModelState, events: Events, n: int, time_ms: int, mark_ms: int
    ) -> None:
        why = f"{_behind(time_ms, mark_ms)}, so far that its like may be forgotten"
        rejected = Rejected("late", why, outcome="late", model_id=state.id)
        self._refuse(topic, events, n, rejected)

    def _repeated(
        self, topic: str, state: ModelState, events: Events, n: int, key: str, same: bool
    ) -> None:
        if same:
            self.accounting.add(topic, "duplicate")
        else:
            why = f"{key} was seen before with another payload"
            self._refuse(topic, events, n, Rejected("id_conflict", why, model_id=state.id))

    def _in_time(self, topic: str, events: Events) -> Indexes:
        """Positions of the events whose time can be believed."""
        believed = believable(events)
        if believed.all():
            return np.arange(len(believed))
        for n in np.flatnonzero(~believed).tolist():
            state = self.states[events.of[n]]
            time_ms, appended_ms = int(events.times[n]), int(events.appended[n])
            if time_ms > appended_ms + FUTURE_MS:
                ahead, limit = duration_words(time_ms - appended_ms), duration_words(FUTURE_MS)
                why = f"event time is {ahead} ahead of Kafka's clock, limit {limit}"
                rejected = Rejected("future_timestamp", why, "quarantined", state.id)
            elif time_ms < 0:
                rejected = Rejected("future_timestamp", "before 1970", "quarantined", state.id)
            else:
                why = f"{events.given(n)} looks like seconds; send milliseconds or RFC 3339"
                rejected = Rejected("schema_range", why, model_id=state.id)
            self._refuse(topic, events, n, rejected)
        return np.flatnonzero(believed)

    def _refuse(self, topic: str, events: Events, n: int, rejected: Rejected) -> None:
        self.reject(topic, events.left(n), events.refused(n, rejected))


def _behind(time_ms: int, mark_ms: int) -> str:
    behind = duration_words(mark_ms - time_ms)
    return f"event time {rfc3339(time_ms)} is {behind} behind the watermark"


def orphaned(state: ModelState, topic: str, key: str) -> Rejected:
    """Why a label or review is given up."""
    # Whether the prediction was never made or is long forgotten cannot be told, so neither is said.
    within = duration_words(state.delays[topic])
    why = f"no prediction {key} within {within} before it was known"
    reason: Reason = "orphan_label" if topic == "labels" else "orphan_review"
    return Rejected(reason, why, model_id=state.id)


def unmatched(state: ModelState, key: str) -> Rejected:
    """Why a label or review is given up whose prediction may be one that was not remembered."""
    why = (
        f"no prediction {key} among those that are remembered; others of its time were not: "
        f"{state.most_remembered:,} were, which is the limit (max_remembered)"
    )
    return Rejected("unremembered", why, model_id=state.id)
