"""The table of topics, and the topics that it makes."""

import asyncio
import subprocess
import sys
import time

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from monitor.connection import topic_name
from monitor.errors import BrokerError, BrokerUnreachable, TopicMismatch
from monitor.observe.state import INPUTS
from monitor.observe.store import DictStore
from monitor.registry.specs import (
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    Config,
    DataDriftSpec,
    KafkaSpec,
    LabelsSpec,
    ModelSpec,
    WindowSpec,
)
from monitor.stream.broker import EmbeddedKafka
from monitor.stream.stages import stages
from monitor.stream.topics import TOPICS, Horizons, create_topics, missing_topics, topic


def spec(kafka: EmbeddedKafka, partitions: int = 3) -> KafkaSpec:
    return KafkaSpec(bootstrap=kafka.address, partitions=partitions)


async def found(kafka: EmbeddedKafka, namespace: str) -> dict[str, tuple[int, dict[str, str]]]:
    """Name → number of partitions and settings, as Kafka itself tells them."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.address)
    await admin.start()
    topics = [t for t in await admin.describe_topics() if t["topic"].startswith(namespace + ".")]
    names = [t["topic"] for t in topics]
    [response] = await admin.describe_configs(
        [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    )
    await admin.close()
    settings = {row[3]: {entry[0]: entry[1] for entry in row[4]} for row in response.resources}
    return {
        t["topic"].removeprefix(namespace + "."): (len(t["partitions"]), settings[t["topic"]])
        for t in topics
    }


def test_every_topic_is_made_as_the_table_says_and_once(
    kafka: EmbeddedKafka, namespace: str
) -> None:
    assert len(asyncio.run(missing_topics(spec(kafka), namespace))) == len(TOPICS)
    first = asyncio.run(create_topics(spec(kafka), namespace))
    assert set(first.created) == {topic_name(namespace, t.name) for t in TOPICS}
    assert first.existing == ()
    assert asyncio.run(missing_topics(spec(kafka), namespace)) == ()
    second = asyncio.run(create_topics(spec(kafka), namespace))
    assert (second.created, second.existing) == ((), first.created)

    there = asyncio.run(found(kafka, namespace))
    assert there.keys() == {t.name for t in TOPICS}
    for name, (partitions, settings) in there.items():
        assert partitions == (1 if name in ("baselines", "audit") else 3)
        assert settings["message.timestamp.type"] == "LogAppendTime"
    compacted = {name for name, (_, s) in there.items() if s["cleanup.policy"] == "compact"}
    assert compacted == {
        "baselines", "review-mode", "observe-state", "evaluate-state", "respond-state",
    }  # fmt: skip
    for name in compacted:
        settings = there[name][1]
        assert settings["segment.bytes"] == str(64 * 1024 * 1024)
        assert settings["segment.ms"] == settings["max.compaction.lag.ms"] == "600000"
        assert settings["min.cleanable.dirty.ratio"] == "0.1"
    assert there["panes"][1]["retention.ms"] == str(DAY_MS)
    assert there["join-log"][1]["retention.ms"] == str(32 * DAY_MS)
    assert there["dead-letters"][1]["retention.ms"] == str(7 * DAY_MS)
    assert there["audit"][1]["retention.ms"] == "-1"


def test_the_table_holds_every_topic_of_every_stage() -> None:
    for stage in stages((), 4, lambda n: DictStore()):
        for name in (*stage.topics, stage.state, *filter(None, [stage.log])):
            assert topic(name)
    assert {topic(name).partitions for name in (*INPUTS, "observe-state", "join-log")} == {"inputs"}
    assert len({t.name for t in TOPICS}) == len(TOPICS)


def test_retention_follows_the_models_lateness_and_label_delay() -> None:
    window = WindowSpec(size_ms=DAY_MS, hop_ms=DAY_MS, allowed_lateness_ms=20 * HOUR_MS)
    slow = ModelSpec(
        id="slow",
        data_drift=DataDriftSpec(windows=(window,)),
        labels=LabelsSpec(max_delay_ms=90 * DAY_MS),
    )
    horizons = Horizons.of(Config(models=(slow, ModelSpec(id="plain"))))
    assert topic("panes").retention_ms(horizons) == 40 * HOUR_MS
    assert topic("join-log").retention_ms(horizons) == 92 * DAY_MS
    assert Horizons.of(Config()) == Horizons()


def test_a_segment_is_a_small_part_of_its_retention() -> None:
    for one in TOPICS:
        settings = one.settings(KafkaSpec(), Horizons())
        if one.compacted:
            assert int(settings["segment.ms"]) == 10 * MINUTE_MS
        elif settings["retention.ms"] != "-1":
            assert int(settings["segment.ms"]) <= int(settings["retention.ms"]) / 7


def test_another_number_of_partitions_is_refused(kafka: EmbeddedKafka, namespace: str) -> None:
    asyncio.run(create_topics(spec(kafka), namespace))
    for refuses in (create_topics, missing_topics):
        with pytest.raises(TopicMismatch, match="has 3 partitions, must have 5; set"):
            asyncio.run(refuses(spec(kafka, 5), namespace))

    async def grow() -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka.address)
        await admin.start()
        await admin.create_partitions({topic_name(namespace, "audit"): NewPartitions(2)})
        await admin.close()

    asyncio.run(grow())
    deadline = time.monotonic() + 10
    while asyncio.run(found(kafka, namespace))["audit"][0] != 2:  # Kafka tells of it a bit later
        assert time.monotonic() < deadline
    with pytest.raises(TopicMismatch, match="audit has 2 partitions, must have 1; recreate it"):
        asyncio.run(create_topics(spec(kafka), namespace))


def test_settings_that_would_lose_state_are_refused(kafka: EmbeddedKafka, namespace: str) -> None:
    async def make(name: str, partitions: int, settings: dict[str, str]) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka.address)
        await admin.start()
        full = topic_name(namespace, name)
        await admin.create_topics([NewTopic(full, partitions, 1, topic_configs=settings)])
        await admin.close()

    asyncio.run(make("labels", 3, {"message.timestamp.type": "CreateTime"}))
    with pytest.raises(TopicMismatch, match=r"timestamp\.type=CreateTime, must have LogAppendTime"):
        asyncio.run(create_topics(spec(kafka), namespace))

    other = namespace + "-b"
    asyncio.run(create_topics(spec(kafka), other))
    with pytest.raises(TopicMismatch, match=r"join-log has retention\.ms=2764800000, must have 34"):
        asyncio.run(create_topics(spec(kafka), other, Horizons(joins_ms=38 * DAY_MS)))


def test_what_kafka_refuses_is_one_line(kafka: EmbeddedKafka, namespace: str) -> None:
    three_replicas = KafkaSpec(bootstrap=kafka.address, replication=3)
    with pytest.raises(BrokerError, match=r"refuses to create topic .*eplication") as refusal:
        asyncio.run(create_topics(three_replicas, namespace))
    assert "\n" not in str(refusal.value)


def test_no_broker_is_one_line_with_the_remedy_and_nothing_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with pytest.raises(BrokerUnreachable, match=r"127\.0\.0\.1:1 .*watchkeeper broker"):
        asyncio.run(missing_topics(KafkaSpec(bootstrap="127.0.0.1:1"), "x"))
    assert caplog.records == []


def test_the_command_creates_lists_and_refuses(kafka: EmbeddedKafka, namespace: str) -> None:
    def command(*words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "monitor.cli.main", "topics", *words],
            capture_output=True,
            text=True,
            check=False,
        )

    made = command("create", "--bootstrap", kafka.address)
    assert made.returncode == 0, made.stderr
    assert f"{len(TOPICS)} topics created, 0 there already, at {kafka.address}" in made.stdout
    assert "created  watchkeeper.drift-events\n" in made.stdout
    assert len(command("list").stdout.splitlines()) == len(TOPICS) + 1

    refused = command("create", "--bootstrap", "127.0.0.1:1")
    assert refused.returncode == 2
    assert refused.stdout == ""
    assert refused.stderr.count("\n") == 1
    assert refused.stderr.startswith("watchkeeper: no Kafka answers at 127.0.0.1:1")
