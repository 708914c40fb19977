"""Whether a namespace is drained: no worker runs, and all that was sent is applied.

Only then may it be left for another one: whatever is not applied would be counted nowhere. Every
stage says in its state how far it has read; what lies behind that in its topics is not yet applied.
A stage that stops has the last word on time, which nobody hears any more: that counts for nothing,
as whoever comes next says it anew.
"""

import asyncio
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError, for_code

from monitor.connection import client_settings, group_name, topic_name
from monitor.observe.split import REKEYED, Marks
from monitor.observe.split import decode as sent_on
from monitor.panes.messages import Progress
from monitor.panes.messages import decode as pane
from monitor.registry.specs import Config
from monitor.stream.committed import batches, reader
from monitor.stream.letters import refusals, require
from monitor.stream.stages import Stage, stages
from monitor.stream.tables import STALLED_S, StateReader
from monitor.stream.topics import admin_of

#: What Kafka says of a group without members, or that never was.
_EMPTY = ("Empty", "Dead")
_ELECTED_S = 30.0


async def undrained(config: Config) -> list[str]:
    """What stands against leaving the namespace, each with its remedy; nothing if it is drained.

    Raises BrokerUnreachable, TopicMissing, TopicMismatch, and BrokerError where Kafka refuses.
    """
    parts = stages((), config.kafka.partitions, _no_store)
    await require(config, [name for stage in parts for name in (*stage.topics, stage.state)])
    members = await workers(config)
    found = [f"workers run ({members}): stop them, when all is applied"] if members else []
    with refusals(config.kafka):
        for stage in parts:
            found += await _unapplied(config, stage)
    return found


async def workers(config: Config) -> int:
    """How many workers are in the group of a namespace, at least one while it is in motion."""
    async with admin_of(config.kafka) as admin:
        state, members = await _described(admin, group_name(config.namespace))
    return 0 if state in _EMPTY else max(members, 1)


async def _described(admin: Any, group: str) -> tuple[str, int]:
    """A group's state, and how many are in it.

    A broker that has just started elects its coordinators when it is asked for one.
    """
    clock = asyncio.get_running_loop().time
    deadline = clock() + _ELECTED_S
    while True:
        try:
            (answer,) = await admin.describe_consumer_groups([group])
            code, _, state, _, _, members, *_ = answer.groups[0]
            if not code:
                return state, len(members)
            raise for_code(code)(f"group {group}")
        except KafkaError as error:
            if not error.retriable or clock() > deadline:
                raise
        await asyncio.sleep(0.2)


async def _unapplied(config: Config, stage: Stage) -> list[str]:
    """Records of a stage's topics beyond what its state says was applied."""
    settings, partitions = client_settings(config.kafka), config.kafka.partitions
    state = topic_name(config.namespace, stage.state)
    rows = [TopicPartition(state, n) for n in range(partitions)]
    restored = await StateReader(settings).read(rows, {})
    applied = {place.partition: of.applied(partitions).offsets for place, of in restored.items()}
    names = {topic_name(config.namespace, topic): topic for topic in stage.topics}
    places = [TopicPartition(name, n) for name in names for n in range(partitions)]
    left = dict.fromkeys(places, 0)
    async with reader(settings) as consumer:
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        firsts = await consumer.beginning_offsets(places)
        for place in places:
            after = applied[place.partition].get(names[place.topic], -1) + 1
            consumer.seek(place, max(after, firsts[place]))
        # Markers of transactions take up offsets too: what is left has to be read to be known.
        async for place, records in batches(consumer, ends, STALLED_S):
            left[place] += sum(not _of_time(names[place.topic], r.value) for r in records)
    return [
        f"{place.topic} partition {place.partition}: {n:,} records are not applied; let the "
        "workers run until they are"
        for place, n in sorted(left.items())
        if n
    ]


def _of_time(topic: str, value: bytes | None) -> bool:
    """Whether a record says only how far time has come."""
    if topic == REKEYED:
        return isinstance(sent_on(value or b""), Marks)
    return topic == "panes" and isinstance(pane(value or b""), Progress)


def _no_store(partition: int) -> Any:
    raise AssertionError("nothing is restored here")
