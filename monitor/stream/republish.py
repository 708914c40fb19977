"""The records of dead letters, published again: to the same partition, with key and bytes.

A batch is one Kafka transaction that holds the records and, among the dead letters, a marker for
each. So whoever finds the marker knows that the record stands, and nothing is replayed twice: not
after a crash, and not by two people at once, since starting a replay fences the one before.
"""

import asyncio
import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Literal

import msgspec
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError, ProducerFenced

from monitor.connection import client_settings, topic_name
from monitor.errors import BrokerError, Fenced
from monitor.events.cloudevents import HEADERS, REPLAYED, cloud_event, event_key
from monitor.events.types import ReplayData
from monitor.observe.state import INPUTS
from monitor.registry.specs import Config
from monitor.stream.committed import reader
from monitor.stream.letters import Letter, Place, Selection, read_letters, refusals, require

#: On a republished record: the id of its dead letter.
HEADER = "watchkeeper-replay-of"
#: Letters of one transaction.
BATCH = 100
ANSWER_MS = 10_000

Outcome = Literal["ready", "replayed", "before", "impossible"]


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of a record, by its first letter: could be replayed, was, or why it is not."""

    letter: Letter
    outcome: Outcome
    why: str = ""
    #: The offset of the republished record.
    offset: int | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What a replay did, the oldest record first; `left` were not looked at, by the limit."""

    done: tuple[Replayed, ...]
    left: int


async def replay(
    config: Config,
    boxes: Sequence[str],
    selection: Selection,
    *,
    limit: int,
    again: bool,
    now_ms: int,
    publish: bool,
) -> Report:
    """Publish the records of selected letters again, or only say what would become of each.

    Raises what `read_letters` does; Fenced where another replay of the namespace has begun.
    """
    await require(config, INPUTS)
    if not publish:
        return await _Replay(config, None, again, now_ms).run(boxes, selection, limit)
    asyncio.get_running_loop().set_exception_handler(_once)
    with refusals(config.kafka):
        producer = AIOKafkaProducer(
            transactional_id=f"{config.namespace}-dead-letters-replay",
            max_request_size=16 * 2**20,
            **client_settings(config.kafka),
        )
        # Before anything is read: an earlier replay has ended then, and all its markers are there.
        await producer.start()
        try:
            return await _Replay(config, producer, again, now_ms).run(boxes, selection, limit)
        except ProducerFenced:
            raise Fenced("another replay of this namespace has begun; wait until it is done") from (
                None
            )
        finally:
            await producer.stop()


class _Replay:
    def __init__(self, config: Config, producer: Any, again: bool, now_ms: int) -> None:
        self.config = config
        self.producer = producer
        self.again = again
        self.now_ms = now_ms
        self.replays: Counter[Place] = Counter()

    async def run(self, boxes: Sequence[str], selection: Selection, limit: int) -> Report:
        letters: dict[Place, Letter] = {}

        def take(letter: Letter) -> None:
            # There may be very many, and what the event looked like isn't needed.
            data = msgspec.structs.replace(letter.data, head="", detail="")
            letters.setdefault(letter.place, Letter(letter.id, letter.box, letter.partition, data))

        seen = await read_letters(self.config, boxes, selection, take)
        self.replays = seen.replays
        done: list[Replayed] = []
        fresh: list[Letter] = []
        for letter in sorted(letters.values(), key=_age):
            if self.replays[letter.place] and not self.again:
                done.append(Replayed(letter, "before", "its record was published again already"))
            else:
                fresh.append(letter)
        judged = await self._batches(fresh, limit) if fresh else []
        done = sorted(done + judged, key=lambda one: _age(one.letter))
        return Report(tuple(done), len(fresh) - len(judged))

    async def _batches(self, letters: Sequence[Letter], limit: int) -> list[Replayed]:
        """Replay up to a limit; those that cannot be are not in it, or they would bar the rest."""
        done: list[Replayed] = []
        # One record is wanted at each place, and the broker gives at least one batch.
        small = {"max_partition_fetch_bytes": 1, "fetch_max_wait_ms": 50}
        async with reader(client_settings(self.config.kafka) | small) as reading:
            while limit > 0 and len(done) < len(letters):
                batch = letters[len(done) : len(done) + min(BATCH, limit)]
                judged = await self._batch(reading, batch)
                limit -= sum(one.outcome in ("ready", "replayed") for one in judged)
                done += judged
        return done

    async def _batch(self, reading: Any, letters: Sequence[Letter]) -> list[Replayed]:
        originals = await self._originals(reading, letters)
        refused = [found for found in originals.values() if isinstance(found, Replayed)]
        sound = [x for x in letters if not isinstance(originals[x.id], Replayed)]
        if self.producer is None or not sound:
            return refused + [Replayed(letter, "ready") for letter in sound]
        sent: list[Any] = []
        async with self.producer.transaction():
            try:
                for letter in sound:
                    async for future in self._publish(letter, originals[letter.id]):
                        sent.append(future)
            finally:
                # Why a producer refuses to send more, the deliveries before it tell.
                delivered: list[Any] = await asyncio.gather(*sent, return_exceptions=True)
                for told in delivered:
                    if isinstance(told, BaseException):
                        raise told
        return refused + [
            Replayed(letter, "replayed", offset=told.offset)
            for letter, told in zip(sound, delivered[::2], strict=True)
        ]

    async def _publish(self, letter: Letter, record: Any) -> AsyncIterator[Any]:
        """Hand the record and its marker to the producer; yield the futures of their delivery."""
        data, namespace = letter.data, self.config.namespace
        headers = [pair for pair in record.headers if pair[0] != HEADER]
        yield await self.producer.send(
            topic_name(namespace, data.topic),
            record.value,
            key=record.key,
            partition=data.partition,
            headers=[*headers, (HEADER, letter.id.encode())],
        )
        self.replays[letter.place] += 1
        key = data.model_id or data.topic
        marker = cloud_event(
            type=REPLAYED,
            source="/watchkeeper/dead-letters",
            subject=letter.id,
            time_ms=self.now_ms,
            id=event_key("replay", *map(str, letter.place), str(self.replays[letter.place])),
            data=ReplayData(
                letter_id=letter.id,
                topic=data.topic,
                partition=data.partition,
                offset=data.offset,
                sha256=data.sha256,
            ),
            partitionkey=key,
        )
        # Beside its letter, so that it is there for as long as the letter is.
        yield await self.producer.send(
            topic_name(namespace, letter.box),
            marker,
            key=key.encode(errors="replace"),
            partition=letter.partition,
            headers=list(HEADERS),
        )

    async def _originals(self, reading: Any, letters: Sequence[Letter]) -> Mapping[str, Any]:
        """The record of each letter, or a Replayed that says why there is none to publish."""
        found: dict[str, Any] = {}
        for place, some in groupby(sorted(letters, key=_place), key=_place):
            topic = topic_name(self.config.namespace, place[0])
            partition = TopicPartition(topic, place[1])
            reading.assign([partition])
            start = (await reading.beginning_offsets([partition]))[partition]
            end = (await reading.end_offsets([partition]))[partition]
            for letter in sorted(some, key=lambda letter: letter.data.offset):
                offset = letter.data.offset
                if offset < start:
                    why = f"retention has taken offset {offset}; the oldest left is {start}"
                    found[letter.id] = Replayed(letter, "impossible", why)
                elif offset >= end:
                    why = f"there is no offset {offset}, the topic ends at {end}: it was recreated"
                    found[letter.id] = Replayed(letter, "impossible", why)
                else:
                    record = await _record(reading, partition, offset)
                    found[letter.id] = self._unfit(letter, record) or record
        return found

    def _unfit(self, letter: Letter, record: Any) -> Replayed | None:
        spec = self.config.model(letter.model)
        if letter.data.index is not None and spec and not spec.remembers:
            why = "its record's other predictions would count twice: the model has deduplicate off"
            return Replayed(letter, "impossible", why)
        if record is None:
            why = f"there is no record at offset {letter.data.offset} any more"
            return Replayed(letter, "impossible", why)
        if hashlib.sha256(record.value or b"").hexdigest() != letter.data.sha256:
            why = "the record there has another SHA-256: the topic was recreated"
            return Replayed(letter, "impossible", why)
        if not self.again and any(name == HEADER for name, _ in record.headers):
            return Replayed(letter, "before", "its record is a replay, and was refused again")
        return None


def _once(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """aiokafka drops futures of its own with the error that ours have raised already."""
    if not isinstance(context.get("exception"), KafkaError):
        loop.default_exception_handler(context)


async def _record(reading: Any, place: TopicPartition, offset: int) -> Any:
    reading.seek(place, offset)
    fetched = await reading.getmany(place, timeout_ms=ANSWER_MS, max_records=1)
    records = fetched.get(place, ())
    if not records:
        raise BrokerError(f"{place.topic} partition {place.partition}: no answer at {offset}")
    return records[0] if records[0].offset == offset else None


def _age(letter: Letter) -> tuple[int, str, int, int]:
    return (letter.time_ms, letter.data.topic, letter.data.partition, letter.data.offset)


def _place(letter: Letter) -> tuple[str, int]:
    return (letter.data.topic, letter.data.partition)
