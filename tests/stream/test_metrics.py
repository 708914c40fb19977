"""What Prometheus is told of the partitions of a worker: what is committed, and nothing else."""

import asyncio
import json
import logging
import math
import socket
import urllib.request
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.partitioner import murmur2
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record import MemoryRecords
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from monitor.evaluate.partition import EvaluatePartition
from monitor.observe.model import Monitored
from monitor.observe.partition import ObservePartition
from monitor.panes.messages import Progress, encode
from monitor.registry.specs import MetricsSpec
from monitor.stream.metrics import Partitions, serve
from monitor.stream.owner import Owner
from monitor.stream.stages import Stage, stages
from monitor.stream.tables import OFFSETS_KEY, Applied
from tests.observe.stream import HOUR, T0, Rec, label, log, monitored, prediction

APPEND_MS = T0 + HOUR
MODELS: list[Monitored] = [monitored(clock="append"), monitored(model_id="past")]
ORDER = ("stage", "model", "topic", "partition", "outcome", "reason")
Series = dict[tuple[str, ...], float]


class Producer:
    """Delivers everything at once, and keeps the rows of state."""

    fails = False

    def __init__(self) -> None:
        self.rows: dict[bytes, bytes] = {}

    async def begin_transaction(self) -> None: ...

    async def commit_transaction(self) -> None:
        if self.fails:
            raise OSError("gone")

    def create_batch(self) -> BatchBuilder:
        return BatchBuilder(1 << 20, 0)

    async def send_batch(
        self, batch: BatchBuilder, topic: str, *, partition: int
    ) -> "asyncio.Future[Any]":
        if topic == "ns.observe-state":
            written = MemoryRecords(bytes(batch._build())).next_batch()
            self.rows |= {row.key: row.value for row in written if row.value is not None}
        return await self.send()

    async def send(self, *_: Any, **__: Any) -> "asyncio.Future[Any]":
        sent: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        sent.set_result(SimpleNamespace(timestamp=APPEND_MS, offset=0))
        return sent


def stage(name: str) -> Stage:
    return next(s for s in stages(MODELS, 2, lambda n: None) if s.name == name)  # type: ignore[arg-type, return-value]


def owner(logic: Any, name: str = "observe", partition: int = 1, rows: Any = None) -> Owner:
    return Owner(stage(name), partition, logic, Applied(2, {}), Producer(), "ns", rows)


def scraped(*owners: Owner, lag: int | None = 7) -> dict[str, Series]:
    """All series by name and values of labels."""
    runner = SimpleNamespace(owners={(o.stage.name, o.partition): o for o in owners}, releases=3)
    registry = CollectorRegistry()
    specs = [m.spec for m in MODELS]
    registry.register(Partitions(runner, specs, lambda owner, topic: lag))  # type: ignore[arg-type]
    found: dict[str, Series] = {}
    for family in text_string_to_metric_families(generate_latest(registry).decode()):
        for sample in family.samples:
            labels = tuple(sample.labels[name] for name in ORDER if name in sample.labels)
            found.setdefault(sample.name.removeprefix("watchkeeper_"), {})[labels] = sample.value
    return found


def observed() -> Owner:
    made = owner(ObservePartition(MODELS, 1, 2))
    event = SimpleNamespace(ack=lambda: None)
    good, bad = prediction("a", T0), b'{"broken"'
    made.apply("predictions", log([good, good, bad], APPEND_MS), event)
    made.apply("labels", log([label("nobody", T0, "yes")], APPEND_MS), event)
    return made


def test_only_what_is_committed_is_told() -> None:
    made = observed()
    assert "events_total" not in scraped(made)
    asyncio.run(made.flush())
    told = scraped(made)
    events = told["events_total"]
    assert {k: n for k, n in events.items() if n} == {
        ("predictions", "1", "read"): 3,
        ("predictions", "1", "counted"): 1,
        ("predictions", "1", "duplicate"): 1,
        ("predictions", "1", "dead"): 1,
        ("labels", "1", "read"): 1,
    }
    assert told["waiting_events"]["labels", "1"] == 1
    assert told["refused_events_total"] == {("predictions", "1", "malformed"): 1}
    made.apply("predictions", [Rec(3, APPEND_MS, b"{")], SimpleNamespace(ack=lambda: None))
    assert scraped(made)["events_total"] == events, "applied, and not yet durable"
    made.producer.fails = True
    with pytest.raises(Exception, match="flush failed"):
        asyncio.run(made.flush())
    assert scraped(made)["events_total"] == events, "what failed to be committed is not told"


def test_counters_come_back_with_the_state() -> None:
    made = observed()
    asyncio.run(made.flush())
    rows = {key: row for key, row in made.producer.rows.items() if key != OFFSETS_KEY}
    again = scraped(owner(ObservePartition(MODELS, 1, 2), rows=rows))
    told = scraped(made)
    for name in ("events_total", "waiting_events", "refused_events_total", "state_rows"):
        assert again[name] == told[name]


def test_records_in_partitions_that_their_keys_do_not_name_are_counted_by_topic_and_model() -> None:
    made = owner(ObservePartition(MODELS, 1, 2))
    ack = SimpleNamespace(ack=lambda: None)
    keys = [b"p-%d" % n for n in range(20)]
    elsewhere = sum((murmur2(key) & 0x7FFFFFFF) % 2 != 1 for key in keys)
    for topic, event in (("predictions", prediction("a", T0)), ("labels", label("a", T0, "yes"))):
        value = json.dumps(event).encode()
        made.apply(topic, [Rec(n, APPEND_MS, value, key) for n, key in enumerate(keys)], ack)
    asyncio.run(made.flush())
    rows = {key: row for key, row in made.producer.rows.items() if key != OFFSETS_KEY}
    for told in (scraped(made), scraped(owner(ObservePartition(MODELS, 1, 2), rows=rows))):
        assert told["misplaced_records_total"] == {
            ("m", "predictions", "1"): elsewhere,
            ("m", "labels", "1"): elsewhere,
        }


def test_a_flush_tells_its_time_and_size() -> None:
    made = observed()
    before = scraped(made)
    assert before["flush_seconds_count"] == {("observe", "1"): 0}
    asyncio.run(made.flush())
    told = scraped(made)
    assert told["flush_seconds_count"] == told["flush_records_count"] == {("observe", "1"): 1}
    assert told["flush_records_sum"]["observe", "1"] >= told["state_rows"]["observe", "1"] >= 1
    assert 0 < told["flush_seconds_sum"]["observe", "1"] < 10
    assert 0 <= told["since_flush_seconds"]["observe", "1"] < 10
    assert told["rebalances_total"] == {(): 3}


def test_the_delay_of_a_live_model_is_behind_the_broker_and_a_past_has_none() -> None:
    made = observed()
    made.apply(
        "predictions",
        [Rec(9, APPEND_MS, log([prediction("z", T0, model_id="past")])[0].value)],
        SimpleNamespace(ack=lambda: None),
    )
    asyncio.run(made.flush())
    (delay,) = scraped(made)["watermark_delay_seconds"].items()
    assert delay[0] == ("m", "1")
    assert 3630 <= delay[1] < 3640, "an hour, the disorder of 30 s, and the time since the flush"


def test_what_the_broker_has_not_said_is_absent() -> None:
    made = observed()
    assert set(scraped(made)["lag_records"].values()) == {7}
    assert "lag_records" not in scraped(made, lag=None)


def test_the_partition_that_holds_a_model_back_is_named_once() -> None:
    """Each partition of `panes` hears of its own models: a metric says the most of all."""
    partitions = [EvaluatePartition(MODELS, 3) for _ in range(2)]
    marks = [({"m": T0 + 9000}, {"m": T0}), ({"n": T0}, {"n": T0 + 4000})]
    for partition, heard in zip(partitions, marks, strict=True):
        told = [Progress(source, inputs, {}, {}) for source, inputs in enumerate(heard)]
        partition.apply("panes", [Rec(n, T0, encode(one)) for n, one in enumerate(told)])
    owners = [owner(logic, "evaluate", n) for n, logic in enumerate(partitions)]
    held = {("0",): 4.0, ("1",): 9.0, ("2",): math.inf}
    assert scraped(*owners)["watermark_holdback_seconds"] == held


def test_who_owns_nothing_tells_of_nothing() -> None:
    assert scraped().keys() == {"rebalances_total"}


def test_it_is_served_on_a_port_of_choice(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "watchkeeper")
    runner: Any = SimpleNamespace(owners={}, releases=0)
    serve(MetricsSpec(port=0), runner, [], lambda owner, topic: None)
    url = caplog.messages[-1].removeprefix("metrics at ")
    with urllib.request.urlopen(url, timeout=10) as answer:
        assert b"watchkeeper_rebalances_total 0.0" in answer.read()


def test_a_port_that_is_taken_is_told_and_no_more(caplog: pytest.LogCaptureFixture) -> None:
    runner: Any = SimpleNamespace(owners={}, releases=0)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        serve(MetricsSpec(port=port), runner, [], lambda owner, topic: None)
    (said,) = caplog.messages
    assert said.startswith(f"no metrics: 127.0.0.1 port {port}: ")
    assert "set metrics.port" in said


def test_it_can_be_turned_off(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "watchkeeper")
    runner: Any = SimpleNamespace(owners={}, releases=0)
    serve(MetricsSpec(port=None), runner, [], lambda owner, topic: None)
    assert not caplog.messages
