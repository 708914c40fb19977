"""The state of a namespace, carried over to a new one that has more partitions.

What becomes of it all is `monitor.observe.migration`'s to say; here it is read and written. The new
join logs are written first, and then, in one transaction, every row of every stage: a migration
that is interrupted has left no state, and is begun anew. What it has left of join logs goes then.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import RecordsToDelete
from aiokafka.errors import ProducerFenced
from rocksdict import Cache

from monitor.connection import client_settings, topic_name
from monitor.errors import Fenced, MigrationRefused
from monitor.evaluate.partition import model_of as evaluated
from monitor.observe.migration import Left, Migration
from monitor.observe.model import Monitored
from monitor.observe.placement import partition_of
from monitor.registry.specs import Config
from monitor.response.partition import model_of as responded
from monitor.stream.committed import batches, reader
from monitor.stream.drained import workers
from monitor.stream.letters import refusals
from monitor.stream.rocks import CACHE_BYTES, RocksStore
from monitor.stream.tables import (
    OFFSETS_KEY,
    STALLED_S,
    Applied,
    StateReader,
    encode_applied,
)
from monitor.stream.topics import TOPICS, Horizons, admin_of, create_topics

#: What one transaction has of join logs: little enough for a slow broker's patience.
BATCH_BYTES = 16 * 2**20
#: All rows are one transaction, and there may be many; a broker allows as much unless told less.
TRANSACTION_MS = 15 * 60_000
#: Records that may be on their way at once.
_ON_THE_WAY = 1_000
#: The state topics of the stages, with a row's model where rows are kept by model.
_OBSERVE, _LOG = "observe-state", "join-log"
_BY_MODEL: Mapping[str, Callable[[bytes, bytes], str | None]] = {
    "evaluate-state": lambda key, row: evaluated(key),
    "respond-state": lambda key, row: responded(row),
}
_STATES = (_OBSERVE, *_BY_MODEL)


class _Sent(NamedTuple):
    """A record for the new namespace; `topic` is without it."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes
    headers: Sequence[tuple[str, bytes]] = ()


@dataclass(frozen=True, slots=True)
class Migrated:
    """What was carried over: entries of memories by kind, rows of state by topic, and copies."""

    entries: Mapping[str, int]
    rows: Mapping[str, int]
    copied: int


def refuse_unlike(old: Config, new: Config) -> None:
    """Raise MigrationRefused where the two configurations cannot be those of one migration."""
    if old.namespace == new.namespace:
        raise MigrationRefused(
            f"both configurations have the namespace {old.namespace!r}; give the new one another"
        )
    before, after = old.kafka.partitions, new.kafka.partitions
    if after < before:
        raise MigrationRefused(
            f"{old.namespace} has {before} partitions, and {new.namespace} would have {after}: "
            "what two of them have counted, and how far each has come, does not go into one; keep "
            "at least as many"
        )
    specs = [{spec.id: spec for spec in config.models} for config in (old, new)]
    ids = sorted(specs[0].keys() | specs[1].keys())
    unlike = [model for model in ids if specs[0].get(model) != specs[1].get(model)]
    if unlike:
        raise MigrationRefused(
            f"model {unlike[0]} is not the same in {old.path} and {new.path}; change models before "
            "or after a migration, with a worker's restart"
        )


async def migrate(
    old: Config,
    new: Config,
    models: Sequence[Monitored],
    folder: Path,
    tell: Callable[[str], None],
) -> Migrated:
    """Carry the state over; the old namespace is drained, and stays as it is.

    Memories are made anew on disk, in a `folder` that is removed. Raises MigrationRefused where
    the new namespace is in use or something cannot be carried over, BrokerUnreachable,
    TopicMissing, TopicMismatch, and BrokerError where Kafka refuses; Fenced where another migration
    to the same namespace has begun.
    """
    refuse_unlike(old, new)
    made = await create_topics(new.kafka, new.namespace, Horizons.of(new))
    tell(f"{len(made.created)} topics created in {new.namespace}")
    with refusals(new.kafka):
        producer = AIOKafkaProducer(
            transactional_id=f"{new.namespace}-migration",
            transaction_timeout_ms=TRANSACTION_MS,
            compression_type=None,
            max_request_size=1_000_000,
            linger_ms=2,
            **client_settings(new.kafka),
        )
        # Before anything is read: an earlier migration has ended then.
        await producer.start()
        try:
            await _refuse_used(new)
            await _empty_logs(new)
            return await _Migrating(old, new, models, producer, tell).run(folder)
        except ProducerFenced:
            raise Fenced(
                f"another migration to {new.namespace} has begun; wait until it is done"
            ) from None
        finally:
            await producer.stop()


async def _refuse_used(new: Config) -> None:
    """Refuse to write into a namespace that has a state, or workers who would make one."""
    if n := await workers(new):
        raise MigrationRefused(
            f"workers of {new.namespace} run ({n}): stop them until the state is there"
        )
    places = [place for state in _STATES for place in _places(new, state)]
    found = await StateReader(client_settings(new.kafka)).read(places, {})
    used = [place.topic for place, restored in found.items() if restored.rows]
    if used:
        raise MigrationRefused(
            f"{used[0]} has a state already: workers have run under {new.namespace}, or a "
            "migration to it is done; choose another namespace"
        )


async def _empty_logs(new: Config) -> None:
    """Remove what a migration that was interrupted has written of the join logs."""
    places = _places(new, _LOG)
    async with reader(client_settings(new.kafka)) as consumer:
        firsts, ends = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
    over = {at: RecordsToDelete(ends[at]) for at in places if ends[at] > firsts[at]}
    if over:
        async with admin_of(new.kafka) as admin:
            await admin.delete_records(over)


def _places(config: Config, topic: str, partitions: int | None = None) -> list[TopicPartition]:
    count = config.kafka.partitions if partitions is None else partitions
    return [TopicPartition(topic_name(config.namespace, topic), n) for n in range(count)]


class _Migrating:
    def __init__(
        self,
        old: Config,
        new: Config,
        models: Sequence[Monitored],
        producer: Any,
        tell: Callable[[str], None],
    ) -> None:
        self.old = old
        self.new = new
        self.models = models
        self.producer = producer
        self.tell = tell
        self.partitions = new.kafka.partitions
        self.rows: Counter[str] = Counter()

    async def run(self, folder: Path) -> Migrated:
        folder.mkdir(parents=True, exist_ok=True)
        async with AsyncExitStack() as opened:
            scratch = Path(opened.enter_context(TemporaryDirectory(dir=folder)))
            cache = Cache(CACHE_BYTES)
            left = []
            for n in range(self.old.kafka.partitions):
                store = RocksStore(scratch / str(n), cache)
                opened.callback(store.close)
                left.append(Left(self.models, store))
            by_model = await self._read(left)
            migration = Migration(left, self.partitions)
            await self._write_logs(migration)
            copies = await self._copies()
            if n := await workers(self.new):
                raise MigrationRefused(
                    f"workers of {self.new.namespace} run ({n}): stop them, and choose another "
                    "namespace: they have made a state"
                )
            async with self._transaction() as send:
                for record in (*self._rows(migration, by_model), *copies):
                    await send(record)
            return Migrated(migration.carried, self.rows, len(copies))

    async def _read(self, left: Sequence[Left]) -> dict[str, dict[bytes, bytes]]:
        """The rows of stages that are kept by model; those of observe, and its logs, to `left`."""
        old = self.old
        tables = {state: _places(old, state) for state in _STATES}
        logs = dict(zip(_places(old, _LOG), left, strict=True))
        self.tell(f"reading {len(logs)} partitions of {old.namespace}")
        state = StateReader(client_settings(old.kafka))
        restored = await state.read([place for of in tables.values() for place in of], logs)
        for rows in restored.values():
            rows.applied(old.kafka.partitions)
        for place, one in zip(tables[_OBSERVE], left, strict=True):
            one.rows = restored[place].rows
        return {
            name: {key: row for place in tables[name] for key, row in restored[place].rows.items()}
            for name in _BY_MODEL
        }

    async def _write_logs(self, migration: Migration) -> None:
        batch: list[_Sent] = []
        size = 0
        for at, record in migration.log():
            batch.append(_Sent(_LOG, at, None, record))
            size += len(record)
            if size >= BATCH_BYTES:
                await self._write(batch)
                self.tell(f"writing: {sum(migration.carried.values()):,} entries")
                batch, size = [], 0
        await self._write(batch)

    async def _write(self, records: Iterable[_Sent]) -> None:
        async with self._transaction() as send:
            for record in records:
                await send(record)

    def _rows(
        self, migration: Migration, by_model: Mapping[str, Mapping[bytes, bytes]]
    ) -> Iterable[_Sent]:
        """All rows of all stages, each with its partition; how far was read, which is nothing."""
        for at in range(self.partitions):
            for key, row in migration.rows(at).items():
                self.rows[_OBSERVE] += 1
                yield _Sent(_OBSERVE, at, key, row)
        for state, model_of in _BY_MODEL.items():
            for key, row in by_model[state].items():
                # What is known of a source partition its owner will tell anew.
                if (model := model_of(key, row)) is not None:
                    self.rows[state] += 1
                    yield _Sent(state, partition_of(model.encode(), self.partitions), key, row)
        nothing = encode_applied(Applied(self.partitions, {}))
        for state in _STATES:
            yield from (_Sent(state, at, OFFSETS_KEY, nothing) for at in range(self.partitions))

    async def _copies(self) -> list[_Sent]:
        """The last records of each key of compacted topics that are no state of a stage's."""
        found: list[_Sent] = []
        topics = [t for t in TOPICS if t.compacted and t.direction != "state"]
        async with reader(client_settings(self.old.kafka)) as consumer:
            for topic in topics:
                places = _places(self.old, topic.name, topic.partition_count(self.old.kafka))
                consumer.assign(places)
                last: dict[bytes, Any] = {}
                ends = await consumer.end_offsets(places)
                async for _, records in batches(consumer, ends, STALLED_S):
                    last |= {record.key: record for record in records}
                count = topic.partition_count(self.new.kafka)
                found += [
                    _Sent(topic.name, partition_of(key, count), key, record.value, record.headers)
                    for key, record in last.items()
                    if record.value is not None
                ]
        return found

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Callable[[_Sent], Any]]:
        """One transaction of what is sent in it; the error of a delivery is raised."""
        waiting: list[Any] = []

        async def delivered() -> None:
            sent, waiting[:] = waiting[:], []
            for told in await asyncio.gather(*sent, return_exceptions=True):
                if isinstance(told, BaseException):
                    raise told

        async def send(record: _Sent) -> None:
            waiting.append(
                await self.producer.send(
                    topic_name(self.new.namespace, record.topic),
                    record.value,
                    key=record.key,
                    partition=record.partition,
                    headers=list(record.headers),
                )
            )
            if len(waiting) >= _ON_THE_WAY:
                await delivered()

        async with self.producer.transaction():
            try:
                yield send
            finally:
                # Why a producer refuses to send more, the deliveries before it tell.
                await delivered()
