"""Which worker owns what: a stage's partition n is one unit, whatever topics it reads.

Predictions, labels and reviews of one partition are joined, so they must come to one worker. Units
are dealt to the members in turn, in an order that every member computes alike.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from aiokafka.coordinator.assignors.abstract import AbstractPartitionAssignor
from aiokafka.coordinator.protocol import (
    ConsumerProtocolMemberAssignment,
    ConsumerProtocolMemberMetadata,
)

VERSION = 0


def deal(
    groups: Mapping[str, Iterable[str]], partitions: Mapping[str, int], members: Iterable[str]
) -> dict[str, dict[str, list[int]]]:
    """Deal units (stage, partition) to members in turn: member to topic to partitions.

    >>> deal({"join": ["a", "b"]}, {"a": 2, "b": 2}, ["x", "y"])
    {'x': {'a': [0], 'b': [0]}, 'y': {'a': [1], 'b': [1]}}
    """
    workers = sorted(members)
    dealt: dict[str, dict[str, list[int]]] = {worker: {} for worker in workers}
    turn = 0
    for _, topics in sorted(groups.items()):
        known = {topic: partitions.get(topic, 0) for topic in topics}
        for n in range(max(known.values(), default=0)):
            worker = dealt[workers[turn % len(workers)]]
            turn += 1
            for topic in sorted(t for t, count in known.items() if n < count):
                worker.setdefault(topic, []).append(n)
    return dealt


def assignor_for(groups: Mapping[str, Iterable[str]]) -> type[AbstractPartitionAssignor]:
    """The assignor class (aiokafka calls it without an instance) for stages and their topics."""

    class UnitAssignor(AbstractPartitionAssignor):  # type: ignore[misc]
        name = "watchkeeper-units"
        version = VERSION

        @classmethod
        def assign(cls, cluster: Any, members: Any) -> Any:
            topics = {topic for stage in groups.values() for topic in stage}
            counts = {t: len(cluster.partitions_for_topic(t) or ()) for t in topics}
            dealt = deal(groups, counts, members)
            return {
                member: ConsumerProtocolMemberAssignment(VERSION, sorted(mine.items()), b"")
                for member, mine in dealt.items()
            }

        @classmethod
        def metadata(cls, topics: Any) -> Any:
            return ConsumerProtocolMemberMetadata(VERSION, list(topics), b"")

        @classmethod
        def on_assignment(cls, assignment: Any) -> None:
            pass

    return UnitAssignor
