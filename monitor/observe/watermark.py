"""How far event time has come in one source partition, per model."""

from collections.abc import Collection, Container, Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from monitor.observe.grouped import Grouped
from monitor.observe.model import Monitored
from monitor.observe.past import Past
from monitor.panes.messages import END, UNHEARD

#: How far a model's time stands behind the time that it only follows, ms.
GRACE_MS = 60_000
Times = npt.NDArray[np.int64]


class Watermarks:
    """The greatest valid event time by (topic, model), the model's disorder bound behind it.

    It never regresses. An end of stream moves it past every event.
    """

    def __init__(
        self,
        disorder_ms: dict[str, int],
        alert_age_ms: Mapping[str, int] | None = None,
        led: Collection[str] = (),
    ) -> None:
        self.disorder_ms = disorder_ms
        #: Models whose time is told: their events come from several sources, and move nothing.
        self.led = led
        self.greatest: dict[tuple[str, str], int] = {}
        #: Models of which any has moved since somebody last looked.
        self.moved: set[str] = set()
        #: By topic and model, of models whose alerts have an age beyond which nobody is told.
        self._past = {
            (topic, model): Past(age)
            for model, age in (alert_age_ms or {}).items()
            for topic in ("predictions", "labels")
        }

    def restore(self, greatest: Iterable[tuple[str, str, int]]) -> None:
        """Take up how far time had come."""
        self.greatest = {(topic, model): n for topic, model, n in greatest}
        self.moved |= {model for _, model in self.greatest}

    def to_row(self) -> list[tuple[str, str, int]]:
        """How far time has come, as `restore` takes it up."""
        return [(topic, model, n) for (topic, model), n in self.greatest.items()]

    def _move(self, topic: str, model_id: str, to_ms: int) -> None:
        self.greatest[topic, model_id] = to_ms
        self.moved.add(model_id)

    def of(self, topic: str, model_id: str) -> int:
        """The watermark in ms: no event before it is expected any more."""
        greatest = self.greatest.get((topic, model_id), UNHEARD)
        return self.behind(greatest, model_id)

    def behind(self, greatest: int, model_id: str) -> int:
        """The watermark that stands behind an event time, both in ms."""
        return greatest if greatest in (END, UNHEARD) else greatest - self.disorder_ms[model_id]

    def read(self, topic: str, model_id: str, times: Times, appended: Times) -> None:
        """Remember by which append times, in ms, event times came; both in offset order."""
        past = self._past.get((topic, model_id))
        if past and model_id not in self.led:
            past.take(times, appended)

    def told(self, topic: str, model_id: str, appended: Times) -> Times:
        """The broker's time at each record of a topic whose clock it is, its own included.

        So it is for every model, whoever else leads its time.
        """
        if not len(appended):
            return appended
        before = self.greatest.get((topic, model_id), UNHEARD)
        now = np.maximum(np.maximum.accumulate(appended), before)
        self._move(topic, model_id, int(now[-1]))
        return now

    def read_rows(
        self, topic: str, models: Sequence[str], rows: Grouped, times: Times, appended: Times
    ) -> None:
        """The same of rows of many models."""
        if not self._past or not len(times):
            return
        ends = [*rows.first[1:].tolist(), len(times)]
        for n, first, end in zip(rows.models.tolist(), rows.first.tolist(), ends, strict=True):
            mine = rows.order[first:end]
            self.read(topic, models[n], times[mine], appended[mine])

    def lead(self, topic: str, model_id: str, greatest_ms: int, append_ms: int) -> None:
        """Take the greatest event time of a model that is told its time, as of an append time."""
        if greatest_ms > self.greatest.get((topic, model_id), UNHEARD):
            self._move(topic, model_id, greatest_ms)
            if (topic, model_id) in self._past and greatest_ms != END:
                self._past[topic, model_id].take(np.array([greatest_ms]), np.array([append_ms]))

    def past(self, now_ms: Mapping[str, int]) -> dict[tuple[str, str], int]:
        """The greatest event times by records past the models' alert age, as of append times."""
        known = {
            (topic, model): past.of(now_ms.get(topic, UNHEARD))
            for (topic, model), past in self._past.items()
        }
        return {of: greatest for of, greatest in known.items() if greatest != UNHEARD}

    def restore_past(self, topic: str, model_id: str, greatest_ms: int) -> None:
        """Take up what was past before a restart."""
        if (topic, model_id) in self._past:
            self._past[topic, model_id].restore(greatest_ms)

    def advance(self, topic: str, model_id: str, times: Times) -> Times:
        """Take event times in offset order; return the watermark as each row found it.

        The answer depends on the order of records alone, not on how they were cut into chunks.
        """
        if not len(times):
            return times  # a model of which nothing could be believed is not heard of
        if model_id in self.led:
            return np.full(len(times), self.of(topic, model_id))
        before = self.greatest.get((topic, model_id), UNHEARD)
        running = np.maximum.accumulate(np.concatenate(([before], times)))
        self._move(topic, model_id, int(running[-1]))
        return _behind(running[:-1], self.disorder_ms[model_id])

    def advance_rows(self, topic: str, models: Sequence[str], rows: Grouped, times: Times) -> Times:
        """The same of rows of many models, all at once; `models` are their ids by number."""
        if not len(times):
            return times
        if len(rows.models) == 1:  # as of a columnar record
            return self.advance(topic, models[rows.models[0]], times)
        mine = [models[n] for n in rows.models.tolist()]
        of = [(topic, model_id) for model_id in mine]
        before = np.array([self.greatest.get(one, UNHEARD) for one in of], dtype=np.int64)
        found, last = rows.greatest_before(times, before)
        which = np.searchsorted(rows.models, rows.of)
        if self.led:
            told = np.array([model_id in self.led for model_id in mine])
            found = np.where(told[which], before[which], found)
            of, last = [one for one in of if one[1] not in self.led], last[~told]
        self.greatest.update(zip(of, last.tolist(), strict=True))
        self.moved.update(model_id for _, model_id in of)
        return _behind(found, np.array([self.disorder_ms[model_id] for model_id in mine])[which])

    def newest(self, models: Iterable[str]) -> int:
        """The greatest event time of predictions of any of these models."""
        marks = (self.greatest.get(("predictions", model), UNHEARD) for model in models)
        return max((mark for mark in marks if mark != END), default=UNHEARD)

    def follow(
        self, now_ms: int, idle: Container[str], live: Iterable[str], newest_ms: int
    ) -> None:
        """Let time go on where nothing comes; what comes later and belongs before it is late.

        A live model that is silent follows the live models of its partition, of which `newest_ms`
        is the newest event, and where all that the broker holds is read (`idle` names those
        topics), the broker's clock, a grace behind. Its labels follow its predictions: all that
        were sent are known.
        """
        live = tuple(live)
        if "predictions" in idle and now_ms:
            newest_ms = max(newest_ms, now_ms)
        for model in live if newest_ms != UNHEARD else ():
            self._raise("predictions", model, newest_ms - GRACE_MS, now_ms)
        for model in live:
            predicted = self.greatest.get(("predictions", model), UNHEARD)
            for topic in ("labels", "reviews"):
                if topic in idle and predicted != END:
                    self._raise(topic, model, predicted, now_ms)

    def _raise(self, topic: str, model_id: str, to_ms: int, now_ms: int) -> None:
        if to_ms > self.greatest.get((topic, model_id), UNHEARD):
            self._move(topic, model_id, to_ms)
            if now_ms and (topic, model_id) in self._past:
                self._past[topic, model_id].move(to_ms, now_ms)

    def end(self, topic: str, model_id: str) -> None:
        """The stream of this model has ended here."""
        self._move(topic, model_id, END)

    def by_model(self, topic: str, models: Iterable[str]) -> dict[str, int]:
        """The watermarks of the models that were heard on a topic."""
        return {m: self.of(topic, m) for m in models if (topic, m) in self.greatest}


def _behind(greatest: Times, disorder_ms: int | Times) -> Times:
    """The watermarks that stand behind event times: `Watermarks.behind` of many."""
    settled = (greatest == END) | (greatest == UNHEARD)
    return np.where(settled, greatest, greatest - disorder_ms)


def closed(model: Monitored, marks: Watermarks) -> int:
    """Before it, no label changes what is known of a prediction, ms."""
    labels = model.spec.labels
    topics = ("predictions", "labels") if labels else ("predictions",)
    reached = min(marks.of(topic, model.spec.id) for topic in topics)
    return reached - (labels.max_delay_ms if labels else 0) - model.lateness_ms
