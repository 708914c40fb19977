"""aiokafka's client with the back-off that Kafka's own has: for connections, and for metadata.

aiokafka tries to reach a broker that is down whenever a task of it wants to, and asks for metadata
again the moment that an answer names no leader: without a pause, as long as there is none. A worker
has a client for every partition of a stage, so that a broker which comes up is met by all of them.
"""

import asyncio
import random
import time
from typing import Any

from aiokafka.client import AIOKafkaClient, ConnectionGroup
from aiokafka.consumer import consumer
from aiokafka.producer import producer

#: Kafka's reconnect.backoff.ms and reconnect.backoff.max.ms.
FIRST_S = 0.05
LONGEST_S = 1.0
#: Kafka's retry.backoff.ms: at least so long between two requests for metadata.
METADATA_S = 0.1
#: How long one answer may take: of fetches, 50 MB at 40 Mbit/s; a record sent twice counts once.
ANSWER_S = 10.0


def backoff_s(failures: int, chance: random.Random) -> float:
    """Seconds to wait after so many failures in a row: doubled each time, give or take a fifth.

    >>> [round(backoff_s(n, random.Random(7)), 2) for n in (0, 1, 2, 3, 9)]
    [0.0, 0.05, 0.09, 0.19, 0.93]
    """
    if not failures:
        return 0.0
    return min(FIRST_S * 2.0 ** (failures - 1), LONGEST_S) * chance.uniform(0.8, 1.2)


class Client(AIOKafkaClient):  # type: ignore[misc]
    """Waits before it tries again: longer and longer for a node that cannot be reached.

    Where no answer comes it asks again soon: aiokafka waits as long as for a whole rebalance, or
    for a delivery with all of its tries.
    """

    #: Connections on which nothing takes a broker long; a consumer's coordinator may rebalance.
    quick: tuple[int, ...] = (ConnectionGroup.DEFAULT,)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._chance = random.Random()
        #: Failures in a row and the time of the next try, by node.
        self._failed: dict[Any, tuple[int, float]] = {}
        self._metadata_due = 0.0

    async def _get_conn(
        self, node_id: Any, *, group: Any = ConnectionGroup.DEFAULT, no_hint: bool = False
    ) -> Any:
        while (wait := self._failed.get(node_id, (0, 0.0))[1] - time.monotonic()) > 0:
            await asyncio.sleep(wait)
        connection = await super()._get_conn(node_id, group=group, no_hint=no_hint)
        if connection is not None:
            self._failed.pop(node_id, None)
            if group in self.quick:
                connection._request_timeout = min(connection._request_timeout, ANSWER_S)
        else:
            failures, due = self._failed.get(node_id, (0, 0.0))
            now = time.monotonic()
            if now >= due:  # else another task has failed just now, and counted it
                failures += 1
                self._failed[node_id] = failures, now + backoff_s(failures, self._chance)
        return connection

    async def _metadata_update(self, cluster_metadata: Any, topics: Any) -> Any:
        await asyncio.sleep(max(0.0, self._metadata_due - time.monotonic()))
        try:
            return await super()._metadata_update(cluster_metadata, topics)
        finally:
            self._metadata_due = time.monotonic() + METADATA_S


class ProducerClient(Client):
    """None of a producer's requests takes a broker long: its coordinators answer at once too."""

    quick = (ConnectionGroup.DEFAULT, ConnectionGroup.COORDINATION)


def back_off() -> None:
    """Make every consumer and producer of this process do so."""
    consumer.AIOKafkaClient = Client
    producer.AIOKafkaClient = ProducerClient
