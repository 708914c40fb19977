"""Kafka's client while its broker is away: a few tries a second, and there again soon after it."""

import asyncio
import inspect
import random
import time
from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any

import aiokafka.client
import aiokafka.consumer.consumer
import aiokafka.producer.producer
import pytest
from aiokafka.client import AIOKafkaClient, ConnectionGroup
from aiokafka.conn import AIOKafkaConnection
from hypothesis import given
from hypothesis import strategies as st

from monitor.stream import client as module
from monitor.stream.client import (
    ANSWER_S,
    FIRST_S,
    LONGEST_S,
    METADATA_S,
    Client,
    ProducerClient,
    backoff_s,
)

NODE = 1
#: Of a second of a broker's absence, the tries of a client that does not wait are hundreds.
AWAY_S = 1.5


class Broker:
    """What a client connects to; away until it is there, and counts who has tried."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, leaderless: bool = False) -> None:
        self.there = leaderless
        self.tries: list[float] = []
        self.requests = 0
        self._leaderless = leaderless
        monkeypatch.setattr(aiokafka.client, "create_conn", self._connect)

    async def _connect(self, *_: Any, **__: Any) -> Any:
        self.tries.append(time.monotonic())
        await asyncio.sleep(0)
        if not self.there:
            raise OSError(111, "Connect call failed")
        return SimpleNamespace(
            connected=lambda: True, send=self._answer, close=self._close, _request_timeout=40.0
        )

    async def _close(self, **_: Any) -> None:
        pass

    async def _answer(self, request: Any) -> Any:
        self.requests += 1
        await asyncio.sleep(0)
        return SimpleNamespace(brokers=[(NODE, "none", 1, None)])

    def client(self, cls: type[AIOKafkaClient] = Client) -> Any:
        made = cls(bootstrap_servers="none:1")
        node = SimpleNamespace(nodeId=NODE, host="none", port=1)
        made.cluster = aiokafka.cluster.ClusterMetadata()
        made.cluster.broker_metadata = lambda node_id: node  # type: ignore[method-assign]
        made.cluster.brokers = lambda: [node]  # type: ignore[method-assign]
        made.cluster.update_metadata = lambda metadata: None  # type: ignore[method-assign]
        made._sync_task = asyncio.ensure_future(made._md_synchronizer())
        return made


def play(story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(story(), 30))


async def insist(client: Any, seconds: float) -> None:
    """Want metadata, as aiokafka's tasks do: again as soon as the answer is of no use."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        await client.force_metadata_update()


@pytest.mark.parametrize(("cls", "spins"), [(AIOKafkaClient, True), (Client, False)])
def test_a_broker_that_is_down_is_tried_a_few_times_a_second(
    cls: type[AIOKafkaClient], spins: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asks, sender, fetcher or heartbeat, they share the wait for a node."""

    async def story() -> None:
        broker = Broker(monkeypatch)
        client = broker.client(cls)
        await asyncio.gather(*(insist(client, AWAY_S) for _ in range(5)))
        await client.close()
        assert (len(broker.tries) > 100) == spins
        assert spins or 4 <= len(broker.tries) <= 12

    play(story)


@pytest.mark.parametrize(("cls", "spins"), [(AIOKafkaClient, True), (Client, False)])
def test_a_partition_without_a_leader_is_asked_for_a_few_times_a_second(
    cls: type[AIOKafkaClient], spins: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broker that shuts down, or has just come up, answers that nobody leads."""

    async def story() -> None:
        broker = Broker(monkeypatch, leaderless=True)
        client = broker.client(cls)
        await insist(client, AWAY_S)
        await client.close()
        assert (broker.requests > 100) == spins
        assert spins or AWAY_S / METADATA_S / 2 <= broker.requests <= AWAY_S / METADATA_S + 2

    play(story)


def test_a_broker_that_is_back_is_found_within_the_longest_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def story() -> None:
        broker = Broker(monkeypatch)
        client = broker.client()
        while len(broker.tries) < 7:
            await client.ready(NODE)
        broker.there = True
        back = time.monotonic()
        assert await client.ready(NODE)
        assert time.monotonic() - back < 1.2 * LONGEST_S + 0.5
        assert client._failed == {}
        # Its next absence is a first one.
        broker.there = False
        client._conns.clear()
        assert not await client.ready(NODE)
        again = time.monotonic()
        assert not await client.ready(NODE)
        assert time.monotonic() - again < FIRST_S + 0.5
        await client.close()

    play(story)


def test_one_node_s_absence_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        broker = Broker(monkeypatch)
        client = broker.client()
        for _ in range(6):
            await client.ready(NODE)
        broker.there = True
        began = time.monotonic()
        assert await client.ready(2)
        assert time.monotonic() - began < 0.4
        await client.close()

    play(story)


@given(st.integers(1, 60), st.integers())
def test_the_wait_doubles_up_to_a_limit_with_a_fifth_of_jitter(failures: int, seed: int) -> None:
    plain = min(FIRST_S * 2 ** (failures - 1), LONGEST_S)
    assert 0.8 * plain <= backoff_s(failures, random.Random(seed)) <= 1.2 * plain


@pytest.mark.parametrize(
    ("cls", "group", "wait_s"),
    [
        (Client, ConnectionGroup.DEFAULT, ANSWER_S),
        (Client, ConnectionGroup.COORDINATION, 40.0),
        (ProducerClient, ConnectionGroup.DEFAULT, ANSWER_S),
        (ProducerClient, ConnectionGroup.COORDINATION, ANSWER_S),
    ],
)
def test_an_answer_is_waited_for_briefly_but_where_a_consumer_joins_its_group(
    cls: type[Client], group: int, wait_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There the broker answers when all members have come; elsewhere, at once or never."""

    async def story() -> None:
        broker = Broker(monkeypatch)
        broker.there = True
        client = broker.client(cls)
        connection = await client._get_conn(NODE, group=group)
        assert connection._request_timeout == wait_s
        await client.close()

    play(story)
    send = inspect.getsource(AIOKafkaConnection.send)
    assert "return wait_for(fut, self._request_timeout)" in send


def test_every_consumer_and_producer_of_the_process_does_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for where in (aiokafka.consumer.consumer, aiokafka.producer.producer):
        monkeypatch.setattr(where, "AIOKafkaClient", AIOKafkaClient)
    module.back_off()

    async def story() -> None:
        consumer = aiokafka.AIOKafkaConsumer(bootstrap_servers="none:1")
        producer = aiokafka.AIOKafkaProducer(bootstrap_servers="none:1")
        assert isinstance(consumer._client, Client)
        assert isinstance(producer.client, ProducerClient)
        await consumer.stop()
        await producer.stop()

    play(story)
