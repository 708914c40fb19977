"""Dead letters as they lie in Kafka: read from the oldest that is left to the end of now."""

import contextlib
import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from monitor.connection import client_settings, topic_name
from monitor.errors import BrokerError, InvalidEvent, TopicMissing
from monitor.events.cloudevents import parse
from monitor.events.timestamps import to_ms
from monitor.events.types import DeadLetterData, ReplayData
from monitor.registry.specs import Config, KafkaSpec
from monitor.stream.committed import batches, reader
from monitor.stream.topics import missing_topics, overheard, topic

#: Of a record: topic without the namespace, partition, offset.
Place = tuple[str, int, int]
DEAD_LETTERS, LATE = "dead-letters", "late"
#: A broker that is silent for so long while there is more to read is lost.
STALLED_S = 30.0


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter: its id, and the topic and partition that it lies in."""

    id: str
    box: str
    partition: int
    data: DeadLetterData

    @property
    def time_ms(self) -> int:
        """When the event itself was appended, ms."""
        return to_ms(self.data.append_time)

    @property
    def place(self) -> Place:
        """Where its record stands; refused predictions of one columnar record share it."""
        return self.data.topic, self.data.partition, self.data.offset

    @property
    def model(self) -> str:
        """The model's id, `-` where the event names none that is registered."""
        return self.data.model_id or "-"


@dataclass(frozen=True, slots=True)
class Selection:
    """Which letters are meant; what is left empty says nothing. An id may be cut short."""

    ids: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()
    model: str | None = None
    since_ms: int = 0

    def __contains__(self, letter: Letter) -> bool:
        return (
            (not self.ids or letter.id.startswith(self.ids))
            and (not self.reasons or letter.data.reason in self.reasons)
            and (self.model is None or letter.model == self.model)
            and letter.time_ms >= self.since_ms
        )


@dataclass(slots=True)
class Boxes:
    """What was seen of the topics as a whole: replays by place, what is gone, what is not ours."""

    replays: Counter[Place] = field(default_factory=Counter)
    #: Topics of which retention has taken the beginning.
    shortened: tuple[str, ...] = ()
    strange: int = 0


@dataclass(slots=True)
class Count:
    """Letters of one kind: how many, for how many events, and when the first and last came, ms."""

    letters: int
    events: int
    first_ms: int
    last_ms: int


class Tally:
    """Counts letters, in `total` and by reason, model and topic, and keeps the latest few."""

    def __init__(self, keep: int) -> None:
        self.keep = keep
        self.counts: dict[tuple[str, str, str], Count] = {}
        self._latest: list[tuple[int, Place, int, int, Letter]] = []
        self.total = 0

    def take(self, letter: Letter) -> None:
        """Count one more."""
        time_ms = letter.time_ms
        kind = (letter.data.reason, letter.model, letter.data.topic)
        count = self.counts.setdefault(kind, Count(0, 0, time_ms, time_ms))
        count.letters += 1
        count.events += letter.data.events
        count.first_ms = min(count.first_ms, time_ms)
        count.last_ms = max(count.last_ms, time_ms)
        self.total += 1
        # The number tells two of one event apart, as where observe was given a new state.
        entry = (time_ms, letter.place, letter.data.index or 0, self.total, letter)
        heapq.heappush(self._latest, entry)
        if len(self._latest) > self.keep:
            heapq.heappop(self._latest)

    @property
    def latest(self) -> list[Letter]:
        """The latest ones, the oldest of them first."""
        return [entry[-1] for entry in sorted(self._latest)]


async def read_letters(
    config: Config,
    boxes: Iterable[str],
    selection: Selection,
    take: Callable[[Letter], None],
) -> Boxes:
    """Hand every selected letter of the boxes to `take`, as of now, in no order across partitions.

    Raises BrokerUnreachable, TopicMissing, TopicMismatch, or BrokerError where Kafka fails.
    """
    await require(config, boxes)
    seen = Boxes()
    with refusals(config.kafka):
        for box in boxes:
            async with reader(client_settings(config.kafka)) as reading:
                shortened = await _read(reading, config, box, selection, take, seen)
            seen.shortened += (box,) if shortened else ()
    return seen


async def require(config: Config, topics: Iterable[str]) -> None:
    """Raise BrokerUnreachable, or TopicMissing for one that isn't there."""
    missing = await missing_topics(config.kafka, config.namespace)
    for name in topics:
        full = topic_name(config.namespace, name)
        if full in missing:
            raise TopicMissing(
                f"topic {full} is missing at {config.kafka.bootstrap}; make it with "
                f"`watchkeeper topics create {config.path}`, or mend `namespace`"
            )


@contextlib.contextmanager
def refusals(kafka: KafkaSpec) -> Iterator[None]:
    """What Kafka raises, as one line of ours, without those that aiokafka logs."""
    try:
        with overheard():
            yield
    except (KafkaError, OSError, TimeoutError) as error:
        raise BrokerError(
            f"Kafka at {kafka.bootstrap} failed: {error!r}; look at the broker, then run it again"
        ) from error


async def _read(
    reading: Any,
    config: Config,
    box: str,
    selection: Selection,
    take: Callable[[Letter], None],
    seen: Boxes,
) -> bool:
    """Read one topic to its end; return whether retention has taken its beginning."""
    full = topic_name(config.namespace, box)
    places = [TopicPartition(full, n) for n in range(topic(box).partition_count(config.kafka))]
    reading.assign(places)
    starts = await reading.beginning_offsets(places)
    ends = await reading.end_offsets(places)
    if selection.since_ms:
        # A letter is appended after its event: those of before hold none that is asked for.
        found = await reading.offsets_for_times(dict.fromkeys(places, selection.since_ms))
        for place in places:
            at = found.get(place)
            reading.seek(place, at.offset if at else ends[place])
    async for _, records in batches(reading, ends, STALLED_S):
        for record in records:
            if (letter := _letter(record, box, seen)) is not None and letter in selection:
                take(letter)
    return any(starts.values())


def _letter(record: Any, box: str, seen: Boxes) -> Letter | None:
    value = record.value or b""
    try:
        event = parse(value, DeadLetterData)
    except InvalidEvent:
        try:
            replay = parse(value, ReplayData).data
            seen.replays[replay.topic, replay.partition, replay.offset] += 1
        except InvalidEvent:
            seen.strange += 1
        return None
    return Letter(event.id, box, record.partition, event.data)
