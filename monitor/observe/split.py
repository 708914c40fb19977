"""Records that are keyed otherwise: read where they lie, and sent to where they can be joined.

A model with `repartition` may have any keys. Whoever reads its records sends each on, keyed by the
prediction, in the transaction that also says how far was read: none is lost, and none comes twice.
Where it arrives it is judged as if it had been sent there: by the append time and the place of the
record that it was.

Time takes the same way. What arrives comes from all source partitions, some of which are read
sooner than others, so its event times say little; each source sends its own watermarks after the
events that they promise, and the model's time is that of the source which is furthest behind.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np

from monitor.observe.batch import Singles
from monitor.observe.columnar import Columnar
from monitor.observe.intake import Step, believable
from monitor.observe.state import ModelState, boundaries
from monitor.observe.watermark import Watermarks
from monitor.panes.codec import FORMAT
from monitor.panes.flush import Output, Record

#: Where records are sent on: of all models and all inputs, in the order of their source.
REKEYED = "rekeyed"
#: Arrived records follow those of the inputs: where a model was not always split, places differ.
_BEYOND = 2**48

#: Topic, model, and the greatest event time in ms.
Greatest = list[tuple[str, str, int]]


class Carried(msgspec.Struct, frozen=True, tag="event", array_like=True):
    """A record of an input as it was: its topic and place, its append time in ms, its value."""

    topic: str
    partition: int
    offset: int
    append_ms: int
    value: bytes
    format: int = FORMAT


class Marks(msgspec.Struct, frozen=True, tag="marks", array_like=True):
    """How far the models' time has come in a source partition: sent to every partition.

    `read` says up to which append time in ms each topic was read.
    """

    partition: int
    greatest: Greatest
    read: dict[str, int]
    format: int = FORMAT


encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(Carried | Marks).decode


class Arrived(NamedTuple):
    """A record that was sent on, as it is judged: `origin` is its partition and offset there."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    origin: tuple[int, int]


def arrivals(records: Sequence[Record]) -> Iterable[dict[str, list[Record]] | Marks]:
    """What has arrived: records by topic up to the next marks, then those, and so on."""
    events: dict[str, list[Record]] = {}
    for record in records:
        message = decode(record.value or b"")
        if isinstance(message, Marks):
            yield events
            yield message
            events = {}
            continue
        arrived = Arrived(
            _BEYOND + record.offset,
            message.append_ms,
            record.key,
            message.value,
            (message.partition, message.offset),
        )
        events.setdefault(message.topic, []).append(arrived)
    yield events


class Splitter:
    """Sends on what one source partition reads of models that are keyed otherwise."""

    def __init__(
        self, source: int, partitions: int, states: Iterable[ModelState], step: Step
    ) -> None:
        self.source = source
        self.partitions = partitions
        self.states = {state.id: state for state in states}
        self.step = step
        disorder = {state.id: state.model.spec.disorder_ms for state in self.states.values()}
        #: How far time has come in the records that were read here.
        self.marks = Watermarks(disorder)
        self._outputs: list[Output] = []
        self._told: dict[tuple[str, str], tuple[int, ...]] = {}

    def take(self, topic: str, state: ModelState, rows: Sequence[Any], batch: Singles) -> None:
        """Send on events of a record each."""
        self._advance(topic, state, batch)
        for row, record in zip(rows, batch.records, strict=True):
            key = row.prediction_id
            if topic != "predictions":
                key = row.batch_id or key
            self._carry(topic, key, record)

    def take_columnar(self, topic: str, state: ModelState, batch: Columnar) -> None:
        """Send on a columnar record, whole."""
        self._advance(topic, state, batch)
        self._carry(topic, batch.batch_id, batch.record)

    def _advance(self, topic: str, state: ModelState, batch: Singles | Columnar) -> None:
        kept = np.flatnonzero(believable(batch))
        found = self.marks.advance(topic, state.id, batch.times[kept])
        self.step(topic, state.id, lambda: batch.places(kept), found)

    def _carry(self, topic: str, key: str, record: Record) -> None:
        value = record.value or b""
        carried = Carried(topic, self.source, record.offset, record.timestamp, value)
        self._outputs.append(Output(REKEYED, key.encode(), encode(carried)))

    @property
    def urgent(self) -> bool:
        """Whether time has crossed the end of a pane since it was last told."""
        return self._boundaries() != self._told

    def _boundaries(self) -> dict[tuple[str, str], tuple[int, ...]]:
        """What `boundaries` says of each watermark."""
        return {
            (topic, model): boundaries(self.states[model], topic, self.marks.of(topic, model))
            for topic, model in self.marks.greatest
        }

    def drain(self, heartbeat: bool, read: Mapping[str, int]) -> list[Output]:
        """What was read since the last call; then how far time has come, where that is due."""
        outputs, self._outputs = self._outputs, []
        if self.states and (heartbeat or self.urgent):
            self._told = self._boundaries()
            marks = encode(Marks(self.source, self.to_row(), dict(read)))
            key = str(self.source).encode()
            outputs += [Output(REKEYED, key, marks, n) for n in range(self.partitions)]
        return outputs

    def to_row(self) -> Greatest:
        """How far time has come, as `restore` takes it up."""
        return self.marks.to_row()

    def restore(self, greatest: Greatest) -> None:
        """Take up how far time had come."""
        self.marks.restore(one for one in greatest if one[1] in self.states)


class Origins:
    """How far the models' time has come in all source partitions, by what has arrived of them."""

    def __init__(self, partitions: int, marks: Watermarks) -> None:
        self.partitions = partitions
        self.marks = marks
        self.heard: dict[int, Marks] = {}

    def hear(self, marks: Marks) -> None:
        """Take a source's word; time moves where all sources have been heard of it."""
        self.heard[marks.partition] = marks
        if len(self.heard) < self.partitions:
            return
        known = [{(t, m): n for t, m, n in one.greatest} for one in self.heard.values()]
        for of in known[0]:
            # A worker of another configuration may tell of a model that is not split here.
            if of[1] in self.marks.led and all(of in one for one in known):
                appended = max(one.read.get(of[0], 0) for one in self.heard.values())
                self.marks.lead(*of, min(one[of] for one in known), appended)

    def to_row(self) -> list[Marks]:
        """What was heard, as `restore` takes it up."""
        return [marks for _, marks in sorted(self.heard.items())]

    def restore(self, heard: Iterable[Marks]) -> None:
        """Take up what was heard."""
        self.heard = {marks.partition: marks for marks in heard}
