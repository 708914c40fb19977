"""One decoded chunk of predictions, labels or reviews into the state of their models."""

import zlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from monitor.events.limits import LEAST_PLAUSIBLE_MS
from monitor.observe.accounting import Accounting
from monitor.observe.fold import PaneKey
from monitor.observe.memory import Seen
from monitor.observe.outcomes import Label, class_name, in_reach, repeated
from monitor.observe.rejection import Rejected, Trace, trace
from monitor.observe.state import ModelState
from monitor.observe.watermark import Watermarks
from monitor.panes.flush import Record

Times = npt.NDArray[np.int64]
Reject = Callable[[str, Record | Trace, Rejected], None]
#: An event may be this far ahead of the broker's clock.
FUTURE_MS = 5 * 60_000
#: Corrections of one prediction; a producer that relabels for ever must not grow our memory.
LABELS_LIMIT = 100
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


def event_ms(timestamp: int | datetime) -> int:
    """Event time in ms since 1970, exactly.

    >>> event_ms(datetime(2013, 5, 1, tzinfo=UTC))
    1367366400000
    """
    return timestamp if timestamp.__class__ is int else (timestamp - _EPOCH) // _MS  # type: ignore[operator]


class Intake:
    """Judges rows one model at a time: future, late, duplicate, conflicting, or counted."""

    def __init__(self, marks: Watermarks, accounting: Accounting, reject: Reject) -> None:
        self.marks = marks
        self.accounting = accounting
        self.reject = reject

    def predictions(
        self, state: ModelState, rows: list[Any], records: list[Record], mistyped: dict[int, Any]
    ) -> set[PaneKey]:
        """Take predictions of one model in offset order; return the outcome panes touched.

        `mistyped` names the features of a wrong type by position of the row.
        """
        kept, times, appended = self._in_time("predictions", state, rows, records)
        self.marks.read("predictions", state.id, times, appended)
        found = self.marks.advance("predictions", state.id, times)
        pane = state.pane_ms
        late = times - times % pane + pane + state.lateness_ms <= found
        if late.any():
            for i in np.flatnonzero(late).tolist():
                behind = int(found[i] - times[i])
                why = f"event time {int(times[i])} is {behind} ms behind the watermark"
                rejected = Rejected("late", why, outcome="late", model_id=state.id)
                self.reject("predictions", records[kept[i]], rejected)
            kept = [k for k, bad in zip(kept, late, strict=True) if not bad]
            times, found = times[~late], found[~late]
        touched: set[PaneKey] = set()
        if len(kept):
            state.admit(rows if len(kept) == len(rows) else [rows[k] for k in kept], times)
        if state.remembers:
            kept, times, touched = self._remember(state, rows, records, kept, times, found)
        self.accounting.add("predictions", "counted", len(kept))
        wrong = (
            [(n, name) for n, k in enumerate(kept) for name in mistyped.get(k, ())]
            if mistyped
            else ()
        )
        state.fold.take(rows if len(kept) == len(rows) else [rows[k] for k in kept], times, wrong)
        return touched

    def _remember(
        self,
        state: ModelState,
        rows: list[Any],
        records: list[Record],
        kept: Sequence[int],
        times: Times,
        found: Times,
    ) -> tuple[list[int], Times, set[PaneKey]]:
        """Drop what has been seen before; hand waiting labels to the rest.

        An id that may be forgotten already, by the watermark that the row `found`, is a new one,
        whether or not a flush has come round to forgetting it.
        """
        memory, new, touched = state.memory, [], set()
        memory.fetch([rows[k].prediction_id for k in kept])
        seen_before = memory.seen.get
        fresh = np.ones(len(kept), dtype=bool)
        marks = found.tolist()
        for n, (k, time_ms) in enumerate(zip(kept, times.tolist(), strict=True)):
            row, record = rows[k], records[k]
            crc = zlib.crc32(record.value or b"")
            seen = seen_before(row.prediction_id)
            if seen is not None and not state.may_forget(seen.time_ms, marks[n]):
                fresh[n] = False
                self._repeated("predictions", state, record, row.prediction_id, seen.crc == crc)
                continue
            new.append(k)
            name = row.prediction
            if name.__class__ is not str:
                name = class_name(name)
            version = row.model_version
            memory.remember(row.prediction_id, Seen(time_ms, version, name, crc))
            if state.joins:
                key = state.pane_key(version, time_ms)
                state.outcome(key).predictions += 1
                touched.add(key)
                if row.prediction_id in memory.waiting:
                    self._settle(state, row.prediction_id)
        return new, times[fresh], touched

    def _settle(self, state: ModelState, key: str) -> None:
        """Labels that waited for a prediction are counted now; those beyond its horizon never."""
        claimed = state.memory.claim(key)
        for left in claimed.lost:
            self.reject("labels", left, orphaned(state, key))
        state.relabel(state.memory.seen[key], ())
        self.accounting.add("labels", "waiting", -sum((*claimed[:2], len(claimed.lost))))
        self.accounting.add("labels", "counted", claimed.taken)
        self.accounting.add("labels", "duplicate", claimed.repeated)

    def labels(self, state: ModelState, rows: list[Any], records: list[Record]) -> set[PaneKey]:
        """Take labels of one model in offset order; return the outcome panes touched."""
        kept, times, appended = self._in_time("labels", state, rows, records)
        self.marks.read("labels", state.id, times, appended)
        found = self.marks.advance("labels", state.id, times)
        known = np.maximum(times, found).tolist()
        touched: set[PaneKey] = set()
        if state.joins:
            state.memory.fetch([rows[k].prediction_id for k in kept])
        for k, time_ms, known_ms in zip(kept, times.tolist(), known, strict=True):
            row, record = rows[k], records[k]
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
            if seen and not in_reach(label, seen.time_ms, state.max_delay_ms):
                self.reject("labels", record, orphaned(state, key))
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
                memory.label(key, label, trace(record))
                self.accounting.add("labels", "waiting")
        return touched

    def reviews(self, state: ModelState, rows: list[Any], records: list[Record]) -> None:
        """Take reviews of one model: ids are remembered, and each is counted once."""
        kept, times, _ = self._in_time("reviews", state, rows, records)
        found = self.marks.advance("reviews", state.id, times)
        late = state.forgotten(times, found)
        state.memory.fetch_reviews([rows[k].review_id for k in kept])
        for k, time_ms, too_late, mark in zip(
            kept, times.tolist(), late.tolist(), found.tolist(), strict=True
        ):
            if too_late:
                why = f"event time {time_ms} is so far behind that its like may be forgotten"
                rejected = Rejected("late", why, outcome="late", model_id=state.id)
                self.reject("reviews", records[k], rejected)
                continue
            key, crc = rows[k].review_id, zlib.crc32(records[k].value or b"")
            before = state.memory.reviews.get(key)
            if before is not None and not state.may_forget(before.time_ms, mark):
                self._repeated("reviews", state, records[k], key, before.crc == crc)
                continue
            state.memory.review(key, time_ms, crc)
            self.accounting.add("reviews", "counted")

    def _repeated(
        self, topic: str, state: ModelState, record: Record, key: str, same: bool
    ) -> None:
        if same:
            self.accounting.add(topic, "duplicate")
        else:
            why = f"{key} was seen before with another payload"
            self.reject(topic, record, Rejected("id_conflict", why, model_id=state.id))

    def _in_time(
        self, topic: str, state: ModelState, rows: list[Any], records: list[Record]
    ) -> tuple[Sequence[int], Times, Times]:
        """Positions, event times and append times in ms of the rows whose time can be believed."""
        times = np.array([event_ms(row.timestamp) for row in rows], dtype=np.int64)
        appended = np.array([record.timestamp for record in records], dtype=np.int64)
        future = times > appended + FUTURE_MS
        small = times < LEAST_PLAUSIBLE_MS
        if not (future.any() or small.any()):
            return range(len(rows)), times, appended
        for i in np.flatnonzero(future):
            why = f"event time is {int(times[i] - appended[i])} ms ahead, limit {FUTURE_MS}"
            rejected = Rejected("future_timestamp", why, "quarantined", state.id)
            self.reject(topic, records[i], rejected)
        bad = future.copy()
        for i in np.flatnonzero(small):
            if times[i] < 0 or isinstance(rows[i].timestamp, int):
                why = f"{rows[i].timestamp} looks like seconds; send milliseconds or RFC 3339"
                reason, outcome = ("schema_range", "dead")
                if times[i] < 0:
                    reason, outcome, why = ("future_timestamp", "quarantined", "before 1970")
                self.reject(topic, records[i], Rejected(reason, why, outcome, state.id))
                bad[i] = True
        return np.flatnonzero(~bad).tolist(), times[~bad], appended[~bad]


def orphaned(state: ModelState, key: str) -> Rejected:
    """Why a label is given up."""
    # Whether the prediction was never made or is long forgotten cannot be told, so neither is said.
    why = f"no prediction {key} within {state.max_delay_ms} ms before it was known"
    return Rejected("orphan_label", why, model_id=state.id)
