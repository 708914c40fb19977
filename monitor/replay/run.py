"""The stages of the stream over the history of one model, one partition each: what comes out.

The clock is the events': they are read in order of time, all as if appended now, and the stream
ends with the history.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import msgspec
import numpy as np

from monitor.evaluate.partition import EvaluatePartition
from monitor.observe.accounting import Accounting
from monitor.observe.model import Monitored
from monitor.observe.partition import ObservePartition
from monitor.panes.flush import Flush, Logic, Output
from monitor.registry.footprint import most_remembered
from monitor.replay.history import History
from monitor.replay.joined import Joined, forgetful, plain
from monitor.replay.prepared import Cutter, Prepared, PreparedDecoder
from monitor.response.partition import RespondPartition

#: Predictions of a record: as many as it may have.
ROWS = 10_000


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay of one model has published, by topic, and what became of every event."""

    model: Monitored
    accounting: Accounting
    published: dict[str, list[bytes]] = field(default_factory=dict)


def replay(
    model: Monitored,
    history: History,
    append_ms: int,
    partitions: int = 1,
    progress: Callable[[int], None] = lambda rows: None,
) -> Replayed:
    """Run a model's configuration over its history.

    `append_ms` is the time at which all was appended: what is dated after it lies in the future.
    `partitions` are those of the stream, whose memories bound how many ids are remembered.
    `progress` is told of the predictions taken.
    """
    return _Run(_past(model, history, partitions), history, append_ms).run(progress)


def _past(model: Monitored, history: History, partitions: int) -> Monitored:
    """The same model, as it behaves on a stream that replays the past.

    Its hash stays that of the configuration. One partition has the memory of all; and where a
    memory would find nothing, there is none.
    """
    room = most_remembered(model.spec, partitions)
    past = msgspec.structs.replace(
        model.spec, clock="events", repartition=False, max_remembered=room * partitions
    )
    if plain(history, room):
        past = forgetful(past)
    return replace(model, spec=past)


class _Run:
    """One replay: three stages, and what has passed between them."""

    def __init__(self, model: Monitored, history: History, append_ms: int) -> None:
        decoder = PreparedDecoder([model])
        self.history, self.append_ms = history, append_ms
        self.cutter = Cutter(model, decoder, history, append_ms)
        self.pane_ms = model.spec.pane_ms
        self.observe = ObservePartition([model], 0, 1, decoder=decoder)
        self.evaluate = EvaluatePartition([model], 1)
        self.respond = RespondPartition()
        (state,) = self.observe.states.values()
        self.joined = None
        if not model.spec.remembers:
            observe = self.observe
            self.joined = Joined(
                state, observe.marks, observe.accounting, observe.letters, self.cutter
            )
        self.offsets: dict[str, int] = {}
        self.done = Replayed(model, self.observe.accounting)
        self._labels = 0
        self._flushed = 0

    def run(self, progress: Callable[[int], None]) -> Replayed:
        """Read all, predictions and labels side by side in order of time, and the ends."""
        # Nobody reviews the past: what waits for a review would wait in vain.
        self._end("reviews")
        if not self.history.labels.rows:
            self._end("labels")
        taken = 0
        for rows in self.history.runs(ROWS, self.pane_ms):
            self._apply("predictions", [self.cutter.predictions(rows, self._next("predictions"))])
            if self.joined:
                self.joined.predictions(rows)
            taken += len(rows)
            if taken >= ROWS:
                self._label(int(self.history.times[rows[-1]]))
                self._flush()
                progress(taken)
                taken = 0
        self._end("predictions")
        self._label(None)
        self._end("labels")
        self._flush()
        progress(taken)
        return self.done

    def _label(self, until_ms: int | None) -> None:
        """Read the labels up to a time; all that are left without one."""
        times = self.history.labels.times
        end = len(times) if until_ms is None else int(np.searchsorted(times, until_ms, "right"))
        while self._labels < end:
            first, self._labels = self._labels, min(self._labels + ROWS, end)
            offset = self._next("labels")
            if not self.joined:
                self._apply("labels", self.cutter.labels(first, self._labels, offset))
                continue
            for n in self.joined.labels(first, self._labels, offset).tolist():
                self._apply("labels", self.cutter.labels(n, n + 1, offset + n - first))
            self.offsets["labels"] = offset + self._labels - first - 1

    def _end(self, topic: str) -> None:
        self._apply(topic, [self.cutter.end(self._next(topic))])

    def _next(self, topic: str) -> int:
        return self.offsets.get(topic, -1) + 1

    def _apply(self, topic: str, records: Sequence[Prepared]) -> None:
        self.observe.apply(topic, records)
        self.offsets[topic] = records[-1].offset

    def _flush(self) -> None:
        """Pass on what observe has to say, as far as it goes."""
        self._flushed += 1
        flush = _drained(self.observe, self.offsets)
        self.observe.committed(self._flushed if flush.log else None)
        self._publish(flush.outputs)
        judged = self._step(self.evaluate, "panes", flush.outputs)
        self._step(self.respond, "drift-events", judged)

    def _step(self, logic: Logic, topic: str, outputs: Sequence[Output]) -> list[Output]:
        records = [
            Prepared(n, self.append_ms, value=out.value, key=out.key)
            for n, out in enumerate((o for o in outputs if o.topic == topic), self._next(topic))
        ]
        if not records:
            return []
        self.offsets[topic] = records[-1].offset
        logic.apply(topic, records)
        passed = _drained(logic, {}).outputs
        self._publish(passed)
        return passed

    def _publish(self, outputs: Sequence[Output]) -> None:
        """Keep what is for the world; panes are between the stages."""
        for out in outputs:
            if out.topic != "panes":
                self.done.published.setdefault(out.topic, []).append(out.value)


def _drained(logic: Logic, offsets: dict[str, int]) -> Flush:
    return logic.drain(offsets, False, ())
