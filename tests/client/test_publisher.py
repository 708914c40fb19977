"""On a real Apache Kafka: what was acknowledged is there, and what can't be is told in time."""

import asyncio
import contextlib
import json
import os
import runpy
import signal
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.partitioner import murmur2

from monitor.client import AsyncPublisher, Publisher
from monitor.client.columns import encode_columns
from monitor.client.encoding import Kind
from monitor.errors import BrokerError, BrokerUnreachable, InvalidEvent, TopicMissing
from monitor.events.limits import MAX_COLUMNAR_BYTES
from monitor.events.types import Label
from monitor.stream.broker import EmbeddedKafka

PARTITIONS = 3
#: Seconds: on a busy machine more than the timeouts given below, and far less than for ever.
IN_TIME = 20
INPUTS = ("predictions", "labels", "reviews")


def create(address: str, namespace: str) -> str:
    """Make the input topics of a namespace."""

    async def topics() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=address)
        await admin.start()
        try:
            await admin.create_topics([NewTopic(f"{namespace}.{t}", PARTITIONS, 1) for t in INPUTS])
        finally:
            await admin.close()

    asyncio.run(topics())
    return namespace


@pytest.fixture
def address(kafka: EmbeddedKafka) -> str:
    return kafka.address


@pytest.fixture
def inputs(address: str, namespace: str) -> str:
    """A namespace that has its input topics."""
    return create(address, namespace)


def read(address: str, namespace: str) -> list[ConsumerRecord]:
    """Every record of the three input topics."""

    async def records() -> list[ConsumerRecord]:
        places = [TopicPartition(f"{namespace}.{t}", p) for t in INPUTS for p in range(PARTITIONS)]
        async with AIOKafkaConsumer(bootstrap_servers=address) as consumer:
            consumer.assign(places)
            for place in places:
                consumer.seek(place, 0)
            ends = await consumer.end_offsets(places)
            found: list[ConsumerRecord] = []
            while len(found) < sum(ends.values()):
                for batch in (await consumer.getmany(timeout_ms=5_000)).values():
                    found += batch
            return found

    return asyncio.run(records())


def prediction(n: int, **changed: Any) -> dict[str, Any]:
    return {
        "model_id": "credit",
        "prediction_id": f"p-{n}",
        "model_version": "1.0",
        "features": {"income": 1.5, "region": "north"},
        "prediction": 1,
        **changed,
    }


def test_what_was_published_is_there_under_the_key_of_its_prediction(
    address: str, inputs: str
) -> None:
    before = time.time_ns() // 1_000_000
    with Publisher(address, namespace=inputs) as publisher:
        publisher.prediction(**prediction(1))
        publisher.label(model_id="credit", prediction_id="p-1", label=0, timestamp=10**12)
        publisher.review(
            review_id="r-1", prediction_id="p-1", model_id="credit", reviewer_id="anna",
            final_decision="repaid",
        )  # fmt: skip
        # Already acknowledged, so already there, although the publisher isn't closed yet.
        records = read(address, inputs)
    after = time.time_ns() // 1_000_000
    events = {record.topic.removeprefix(f"{inputs}."): record for record in records}
    assert sorted(events) == sorted(INPUTS)
    assert len(records) == 3
    assert {record.key for record in records} == {b"p-1"}
    # One partition for all three, as Java's clients would have it.
    assert {r.partition for r in records} == {(murmur2(b"p-1") & 0x7FFFFFFF) % PARTITIONS}
    sent = json.loads(events["predictions"].value)
    assert before <= sent.pop("timestamp") <= after
    assert sent == prediction(1)
    assert json.loads(events["labels"].value)["timestamp"] == 10**12


def test_what_is_invalid_is_not_sent(address: str, inputs: str) -> None:
    with Publisher(address, namespace=inputs) as publisher:
        with pytest.raises(InvalidEvent, match="feature 'income' is nan"):
            publisher.prediction(**prediction(1, features={"income": float("nan")}))
        publisher.prediction(**prediction(2))
    assert [record.key for record in read(address, inputs)] == [b"p-2"]


def test_many_threads_share_one_publisher(address: str, inputs: str) -> None:
    with Publisher(address, namespace=inputs) as publisher:

        def publish(thread: int) -> None:
            for n in range(20):
                publisher.prediction(**prediction(100 * thread + n))

        threads = [threading.Thread(target=publish, args=(t,)) for t in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    keys = Counter(record.key for record in read(address, inputs))
    assert keys == Counter(f"p-{100 * t + n}".encode() for t in range(8) for n in range(20))


def many(count: int) -> Iterator[tuple[Kind, Any]]:
    for n in range(count):
        yield "prediction", prediction(n, features={f"feature-{i}": i / 7 for i in range(20)})
        yield (
            "label",
            Label(prediction_id=f"p-{n}", model_id="credit", label=n % 2, timestamp=10**12),
        )


def expected(count: int) -> Counter[tuple[str, bytes, int]]:
    return Counter(
        (topic, key, (murmur2(key) & 0x7FFFFFFF) % PARTITIONS)
        for n in range(count)
        for topic, key in (("predictions", f"p-{n}".encode()), ("labels", f"p-{n}".encode()))
    )


def found(address: str, inputs: str) -> Counter[tuple[str, bytes, int]]:
    return Counter(
        (record.topic.removeprefix(f"{inputs}."), record.key, record.partition)
        for record in read(address, inputs)
    )


def test_many_are_sent_once_each_in_order(address: str, inputs: str) -> None:
    with Publisher(address, namespace=inputs) as publisher:
        assert publisher.send_many(many(5_000)) == 10_000
        records = read(address, inputs)
    assert Counter(
        (r.topic.removeprefix(f"{inputs}."), r.key, r.partition) for r in records
    ) == expected(5_000)
    for place in {(r.topic, r.partition) for r in records}:
        order = [int(r.key[2:]) for r in records if (r.topic, r.partition) == place]
        assert order == sorted(order)


def test_many_are_sent_from_asyncio_too(address: str, inputs: str) -> None:
    async def main() -> int:
        async with AsyncPublisher(address, namespace=inputs) as publisher:
            await publisher.prediction(**prediction(0))
            return await publisher.send_many(item for item in many(2_000) if item[0] == "label")

    assert asyncio.run(main()) == 2_000
    wanted = Counter({key: 1 for key in expected(2_000) if key[0] == "labels"})
    wanted["predictions", b"p-0", (murmur2(b"p-0") & 0x7FFFFFFF) % PARTITIONS] += 1
    assert found(address, inputs) == wanted


def test_columns_and_what_is_said_of_them_come_to_one_partition(address: str, inputs: str) -> None:
    rows = 20_000
    columns = {f"feature-{n}": [n / 7] * rows for n in range(4)}
    common: dict[str, Any] = {"model_id": "credit", "model_version": "1.0", "features": columns}
    with Publisher(address, namespace=inputs) as publisher:
        assert publisher.predictions(batch_id="b-7", predictions=[1] * rows, **common) == rows
        with pytest.raises(InvalidEvent, match=r"predictions\[19999\] is nan"):
            publisher.predictions(
                batch_id="b-8", predictions=[1.0] * (rows - 1) + [float("nan")], **common
            )
        publisher.label(prediction_id="b-7/19999", batch_id="b-7", model_id="credit", label=0)
        publisher.review(
            review_id="r-1", prediction_id="b-7/3", batch_id="b-7", model_id="credit",
            reviewer_id="anna", final_decision="repaid",
        )  # fmt: skip
        records = read(address, inputs)
    assert {record.key for record in records} == {b"b-7"}
    assert {r.partition for r in records} == {(murmur2(b"b-7") & 0x7FFFFFFF) % PARTITIONS}
    sent = [json.loads(r.value) for r in records if r.topic == f"{inputs}.predictions"]
    assert len(sent) > 2
    assert [one.get("first_index", 0) for one in sent] == sorted(
        one.get("first_index", 0) for one in sent
    )


def test_the_largest_record_that_the_stream_reads_fits_kafka(address: str, inputs: str) -> None:
    fields: dict[str, Any] = {"batch_id": "b", "model_id": "credit", "model_version": "1.0"}
    (record,), _ = encode_columns({**fields, "features": {"x": [""]}, "predictions": [1]}, 10**12)
    text = "x" * (MAX_COLUMNAR_BYTES - len(record.value))
    with Publisher(address, namespace=inputs) as publisher:
        publisher.predictions(**fields, features={"x": [text]}, predictions=[1], timestamp=10**12)
        with pytest.raises(InvalidEvent, match=f"row 0 alone has {MAX_COLUMNAR_BYTES + 1} bytes"):
            publisher.predictions(
                **fields, features={"x": [text + "x"]}, predictions=[1], timestamp=10**12
            )
    assert [len(record.value) for record in read(address, inputs)] == [MAX_COLUMNAR_BYTES]


def test_columns_are_sent_from_asyncio_too(address: str, inputs: str) -> None:
    async def main() -> int:
        async with AsyncPublisher(address, namespace=inputs) as publisher:
            return await publisher.predictions(
                batch_id="b", model_id="credit", model_version="1.0",
                features={"income": [1.5, None]}, predictions=["yes", "no"],
            )  # fmt: skip

    assert asyncio.run(main()) == 2
    (record,) = read(address, inputs)
    assert json.loads(record.value)["predictions"] == ["yes", "no"]


def test_an_invalid_one_among_many_ends_it_after_those_before_it(address: str, inputs: str) -> None:
    def spoiled() -> Iterator[tuple[Kind, Any]]:
        for n, item in enumerate(many(1_000)):
            yield ("prediction", prediction(1, score=float("inf"))) if n == 1_234 else item

    with Publisher(address, namespace=inputs) as publisher:
        with pytest.raises(InvalidEvent, match=r"^event 1234: .* \(1234 before it were sent\)$"):
            publisher.send_many(spoiled())
        assert len(read(address, inputs)) == 1_234
        assert publisher.send_many([]) == 0
        assert publisher.send_many(many(1)) == 2


def test_an_error_of_the_source_of_many_reaches_the_caller(address: str, inputs: str) -> None:
    def broken() -> Iterator[tuple[Kind, Any]]:
        yield from many(10)
        raise LookupError("no more rows")

    with (
        Publisher(address, namespace=inputs) as publisher,
        pytest.raises(LookupError, match="no more rows"),
    ):
        publisher.send_many(broken())


def test_the_end_of_a_stream_follows_everything_in_every_partition(
    address: str, inputs: str
) -> None:
    with Publisher(address, namespace=inputs) as publisher:
        publisher.send_many(many(50))
        publisher.end_of_stream("credit")
    last = {(r.topic, r.partition): r for r in read(address, inputs)}
    assert len(last) == len(INPUTS) * PARTITIONS
    assert {r.value for r in last.values()} == {b'{"type":"end_of_stream","model_id":"credit"}'}


def test_a_topic_that_was_never_created_is_told(address: str) -> None:
    with Publisher(address, namespace="nowhere", timeout=5) as publisher:
        for send in (
            lambda: publisher.prediction(**prediction(1)),
            lambda: publisher.send_many(many(1)),
            lambda: publisher.end_of_stream("credit"),
        ):
            began = time.monotonic()
            with pytest.raises(TopicMissing, match=r"nowhere\.predictions does not exist"):
                send()
            assert time.monotonic() - began < IN_TIME


def test_a_closed_publisher_says_so(address: str, inputs: str) -> None:
    publisher = Publisher(address, namespace=inputs)
    publisher.close()
    publisher.close()
    with pytest.raises(BrokerError, match="is closed"):
        publisher.prediction(**prediction(1))
    with pytest.raises(BrokerError, match="not connected"):
        asyncio.run(AsyncPublisher(address).prediction(**prediction(1)))


def test_the_example_publishes(
    address: str,
    inputs: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    example = Path(__file__).parents[2] / "deploy" / "examples" / "publish.py"
    monkeypatch.setattr(sys, "argv", [str(example), address, inputs, "20"])
    runpy.run_path(str(example), run_name="__main__")
    assert "published 20 predictions" in capsys.readouterr().out
    topics = Counter(record.topic for record in read(address, inputs))
    assert topics[f"{inputs}.predictions"] == 20
    assert 5 <= topics[f"{inputs}.labels"] <= 20


# -- without a Kafka -----------------------------------------------------------------------------


def refused(address: str) -> str:
    began = time.monotonic()
    with pytest.raises(BrokerUnreachable) as caught:
        Publisher(address, timeout=1.0)
    assert time.monotonic() - began < IN_TIME
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_where_nothing_listens_it_is_told_in_time() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        told = refused(address)
    assert f"Kafka at {address} cannot be reached within 1 s" in told
    assert "start it with `watchkeeper broker`" in told


def test_where_something_listens_and_never_answers_it_is_told_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        told = refused(f"127.0.0.1:{silent.getsockname()[1]}")
    assert "cannot be reached within 1 s" in told


def test_a_failed_start_leaves_no_thread() -> None:
    before = threading.active_count()
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        refused(f"127.0.0.1:{unused.getsockname()[1]}")
    assert threading.active_count() == before


def test_a_kafka_that_stops_answering_is_told_in_time_and_found_again(tmp_path: Path) -> None:
    with EmbeddedKafka(tmp_path / "kafka", port=0) as broker, contextlib.ExitStack() as stack:
        inputs = create(broker.address, "outage")
        publisher = stack.enter_context(Publisher(broker.address, namespace=inputs, timeout=2))
        publisher.prediction(**prediction(0))
        pid = broker.pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        try:
            for send in (
                lambda: publisher.prediction(**prediction(1)),
                lambda: publisher.send_many(many(1_000)),
            ):
                began = time.monotonic()
                with pytest.raises(
                    BrokerUnreachable, match=r"did not acknowledge|no longer answers"
                ):
                    send()
                assert time.monotonic() - began < IN_TIME
        finally:
            os.kill(pid, signal.SIGCONT)
        publisher.prediction(**prediction(2))
        assert b"p-2" in {record.key for record in read(broker.address, inputs)}
        os.kill(pid, signal.SIGSTOP)
        try:
            began = time.monotonic()
            publisher.close()
            assert time.monotonic() - began < IN_TIME
        finally:
            os.kill(pid, signal.SIGCONT)
