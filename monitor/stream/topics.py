"""Every topic that Watchkeeper reads or writes: one table, and what makes it so in Kafka.

Names are without the namespace; `connection.topic_name` puts it in front.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from monitor.connection import client_settings, topic_name
from monitor.errors import BrokerError, BrokerUnreachable, TopicMismatch
from monitor.registry.specs import DAY_MS, HOUR_MS, MINUTE_MS, Config, KafkaSpec, LabelsSpec

Direction = Literal["in", "between", "out", "state"]
#: `inputs` and `models` topics have the configured number of partitions: the former follow the
#: partition of the input, the latter the model. `one` keeps a total order.
Partitions = Literal["inputs", "models", "one"]
#: Kept for good, for as long as a window can change, or as long as a label or review can.
Retention = int | Literal["forever", "lateness", "joins"]

_ANSWER_S = 10.0
_VISIBLE_S = 15.0


@dataclass(frozen=True, slots=True)
class Horizons:
    """What the models ask of retention: the greatest lateness, and delay of what is joined, ms."""

    lateness_ms: int = HOUR_MS
    joins_ms: int = LabelsSpec().max_delay_ms

    @classmethod
    def of(cls, config: Config) -> "Horizons":
        """The horizons of a configuration's models, never below the defaults."""
        lateness = (model.lateness_ms for model in config.models)
        joins = (model.join_ms for model in config.models)
        return cls(max(cls().lateness_ms, *lateness, 0), max(cls().joins_ms, *joins, 0))


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic: who writes it, what a record is, how it is cut into partitions and kept.

    A topic without retention is compacted: the last record of each key stays for good.
    """

    name: str
    direction: Direction
    type: str
    key: str
    partitions: Partitions
    retention: Retention | None

    @property
    def compacted(self) -> bool:
        """Whether it keeps the last record of each key, whatever its age."""
        return self.retention is None

    def partition_count(self, kafka: KafkaSpec) -> int:
        """How many partitions it has."""
        return 1 if self.partitions == "one" else kafka.partitions

    def retention_ms(self, horizons: Horizons) -> int:
        """How long its records are kept, in milliseconds; -1 is for good."""
        match self.retention:
            case None | "forever":
                return -1
            case "lateness":
                return max(2 * horizons.lateness_ms, DAY_MS)
            case "joins":
                return horizons.joins_ms + 2 * DAY_MS
            case retention:
                return retention

    def settings(self, kafka: KafkaSpec, horizons: Horizons) -> dict[str, str]:
        """Kafka's own settings of the topic.

        >>> topic("panes").settings(KafkaSpec(), Horizons())["retention.ms"]
        '86400000'
        """
        common = {
            # "Now" is the time at which the broker appended a record, never a producer's clock.
            "message.timestamp.type": "LogAppendTime",
            "min.insync.replicas": str(max(1, kafka.replication - 1)),
        }
        if self.compacted:
            # A restore reads it all, so little that is obsolete stays, and not for long.
            return common | {
                "cleanup.policy": "compact",
                "segment.bytes": str(64 * 2**20),
                "segment.ms": str(10 * MINUTE_MS),
                "max.compaction.lag.ms": str(10 * MINUTE_MS),
                "min.cleanable.dirty.ratio": "0.1",
            }
        retention = self.retention_ms(horizons)
        # A record goes with its whole segment: a segment lasts a small part of the retention.
        segment = DAY_MS if retention < 0 else min(max(retention // 12, HOUR_MS), DAY_MS)
        return common | {
            "cleanup.policy": "delete",
            "retention.ms": str(retention),
            "segment.bytes": str(256 * 2**20),
            "segment.ms": str(segment),
        }


_WEEK, _MONTH = 7 * DAY_MS, 30 * DAY_MS

TOPICS: tuple[Topic, ...] = (
    # Keyed by batch_id where predictions come in columnar records.
    Topic("predictions", "in", "Prediction", "prediction_id", "inputs", _WEEK),
    Topic("labels", "in", "Label", "prediction_id", "inputs", _WEEK),
    Topic("reviews", "in", "Review", "prediction_id", "inputs", _WEEK),
    Topic("vendor-notices", "in", "VendorNotice", "model_id", "models", _MONTH),
    Topic("approvals", "in", "Approval", "model_id", "inputs", _MONTH),
    Topic("business-metrics", "in", "BusinessMetric", "model_id", "models", _MONTH),
    Topic("rekeyed", "between", "record of an input", "prediction_id", "inputs", _WEEK),
    Topic("panes", "between", "Pane", "model_id", "models", "lateness"),
    Topic("baselines", "between", "Baseline", "model_id/baseline_id", "one", None),
    Topic("drift-events", "out", "Finding", "model_id", "models", _MONTH),
    Topic("vendor-sla", "out", "VendorSla", "model_id", "models", _MONTH),
    Topic("oversight", "out", "Oversight", "model_id", "models", _MONTH),
    Topic("rollout", "out", "Rollout", "model_id", "models", _MONTH),
    Topic("alerts", "out", "Action", "model_id", "models", _MONTH),
    Topic("review-mode", "out", "Action", "model_id", "models", None),
    Topic("review-queue", "out", "ReviewRequest", "model_id", "models", _MONTH),
    Topic("retraining", "out", "Action", "model_id", "models", _MONTH),
    Topic("rollbacks", "out", "Action", "model_id", "models", _MONTH),
    Topic("dead-letters", "out", "DeadLetter", "model_id", "models", _WEEK),
    Topic("late", "out", "DeadLetter", "model_id", "models", _WEEK),
    Topic("audit", "out", "AuditEntry", "model_id", "one", "forever"),
    Topic("observe-state", "state", "rows of observe", "row", "inputs", None),
    Topic("evaluate-state", "state", "rows of evaluate", "row", "models", None),
    Topic("respond-state", "state", "rows of respond", "row", "models", None),
    Topic("join-log", "state", "joins of observe", "none", "inputs", "joins"),
)


def topic(name: str) -> Topic:
    """The topic of that name; KeyError if there is none."""
    return {topic.name: topic for topic in TOPICS}[name]


@dataclass(frozen=True, slots=True)
class TopicsReport:
    """What `create_topics` has done: full names of the topics made, and of those there already."""

    created: tuple[str, ...]
    existing: tuple[str, ...]


async def create_topics(
    kafka: KafkaSpec, namespace: str, horizons: Horizons | None = None
) -> TopicsReport:
    """Make every topic that isn't there yet; return once all of them can be written.

    Raises BrokerUnreachable; TopicMismatch where a topic is there with another number of
    partitions, or with settings under which state would be lost; BrokerError where Kafka refuses.
    """
    horizons = horizons or Horizons()
    wanted = {topic_name(namespace, topic.name): topic for topic in TOPICS}
    async with admin_of(kafka) as admin:
        there = await _partitions(admin)
        existing = [name for name in wanted if name in there]
        _compare_partitions(kafka, wanted, there)
        await _compare_settings(admin, {name: wanted[name] for name in existing}, kafka, horizons)
        missing = [name for name in wanted if name not in there]
        if missing:
            await _create(admin, {name: wanted[name] for name in missing}, kafka, horizons)
    return TopicsReport(tuple(missing), tuple(existing))


async def missing_topics(kafka: KafkaSpec, namespace: str) -> tuple[str, ...]:
    """The full names of the topics that aren't there.

    Raises BrokerUnreachable, and TopicMismatch where one has another number of partitions.
    """
    wanted = {topic_name(namespace, topic.name): topic for topic in TOPICS}
    async with admin_of(kafka) as admin:
        there = await _partitions(admin)
    _compare_partitions(kafka, wanted, there)
    return tuple(name for name in wanted if name not in there)


@contextlib.asynccontextmanager
async def admin_of(kafka: KafkaSpec) -> AsyncIterator[Any]:
    """A client that asks Kafka about itself; raises BrokerUnreachable, and BrokerError for more."""
    with overheard() as said:
        client = AIOKafkaAdminClient(**client_settings(kafka), request_timeout_ms=30_000)
        try:
            await asyncio.wait_for(client.start(), _ANSWER_S)
        except (KafkaError, OSError, TimeoutError) as error:
            await client.close()
            raise BrokerUnreachable(_unreachable(kafka, error, said)) from None
        try:
            yield client
        except KafkaError as error:
            raise BrokerError(f"Kafka at {kafka.bootstrap} refuses: {error!r}") from error
        finally:
            await client.close()


def _unreachable(kafka: KafkaSpec, error: Exception, said: Sequence[str]) -> str:
    reason = said[-1] if said else str(error) or f"no answer within {_ANSWER_S:.0f} s"
    remedy = "start one: watchkeeper broker, or give the address of yours in `kafka.bootstrap`"
    if kafka.security is not None:
        remedy = "check the address, and protocol, login and certificates in `kafka.security`"
    return f"no Kafka answers at {kafka.bootstrap} ({reason[:200]}); {remedy}"


@contextlib.contextmanager
def overheard() -> Iterator[list[str]]:
    """Keep what aiokafka would log, so that one line of ours can carry the reason."""
    said: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(" ".join(record.getMessage().split()))

    logger = logging.getLogger("aiokafka")
    keep = Keep(logging.WARNING)
    propagate, logger.propagate = logger.propagate, False
    logger.addHandler(keep)
    try:
        yield said
    finally:
        logger.removeHandler(keep)
        logger.propagate = propagate


async def _partitions(admin: Any) -> dict[str, list[bool]]:
    """Each topic's partitions: whether each has a leader."""
    # All topics are asked for: to ask for one that isn't there may create it on other brokers.
    topics = await admin.describe_topics()
    return {
        found["topic"]: [partition["leader"] >= 0 for partition in found["partitions"]]
        for found in topics
        if found["error_code"] == 0
    }


def _compare_partitions(
    kafka: KafkaSpec, wanted: Mapping[str, Topic], there: Mapping[str, list[bool]]
) -> None:
    for name, topic in wanted.items():
        count = topic.partition_count(kafka)
        if name in there and len(there[name]) != count:
            remedy = "set kafka.partitions to it" if topic.partitions != "one" else "recreate it"
            raise TopicMismatch(
                f"topic {name} has {len(there[name])} partitions, must have {count}; {remedy}, or "
                "use another `namespace`"
            )


async def _compare_settings(
    admin: Any, topics: Mapping[str, Topic], kafka: KafkaSpec, horizons: Horizons
) -> None:
    """Refuse what would lose state silently; other settings are their owner's to choose."""
    if not topics:
        return
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in topics]
    for response in await admin.describe_configs(resources):
        for code, _message, _type, name, entries in response.resources:
            if code:
                continue  # not allowed to read them: then neither to judge them
            found = {entry[0]: entry[1] for entry in entries}
            wanted = topics[name].settings(kafka, horizons)
            for key in ("message.timestamp.type", "cleanup.policy"):
                if found.get(key) != wanted[key]:
                    raise TopicMismatch(_alter(name, key, found.get(key), wanted[key]))
            # Shorter than a late event or a label may take, and a restart forgets what it awaits.
            if isinstance(topics[name].retention, str):
                needed, kept = wanted["retention.ms"], found.get("retention.ms") or "-1"
                if kept != "-1" and (needed == "-1" or int(kept) < int(needed)):
                    raise TopicMismatch(_alter(name, "retention.ms", kept, needed))


def _alter(name: str, key: str, found: str | None, wanted: str) -> str:
    return (
        f"topic {name} has {key}={found}, must have {wanted}; change it: kafka-configs.sh --alter "
        f"--entity-type topics --entity-name {name} --add-config {key}={wanted}"
    )


async def _create(
    admin: Any, topics: Mapping[str, Topic], kafka: KafkaSpec, horizons: Horizons
) -> None:
    new = [
        NewTopic(
            name,
            topic.partition_count(kafka),
            kafka.replication,
            topic_configs=topic.settings(kafka, horizons),
        )
        for name, topic in topics.items()
    ]
    response = await admin.create_topics(new)
    raced: dict[str, Topic] = {}
    for name, code, *message in response.topic_errors:
        refusal = for_code(code)
        if refusal is TopicAlreadyExistsError:
            raced[name] = topics[name]
        elif code:
            raise BrokerError(
                f"Kafka at {kafka.bootstrap} refuses to create topic {name}: "
                f"{(message[0] if message else None) or refusal.__name__}"
            )
    await _await_leaders(admin, topics, kafka, raced)
    # Someone else has made these in the same moment: theirs are judged like any that were there.
    await _compare_settings(admin, raced, kafka, horizons)


async def _await_leaders(
    admin: Any, topics: Mapping[str, Topic], kafka: KafkaSpec, raced: Mapping[str, Topic]
) -> None:
    clock = asyncio.get_running_loop().time
    deadline = clock() + _VISIBLE_S
    while True:
        there = await _partitions(admin)
        _compare_partitions(kafka, raced, there)
        waiting = [
            name
            for name, topic in topics.items()
            if there.get(name) != [True] * topic.partition_count(kafka)
        ]
        if not waiting:
            return
        if clock() > deadline:
            raise BrokerError(
                f"topic {waiting[0]} was created, but has no leader after {_VISIBLE_S:.0f} s; "
                "look at the brokers' logs"
            )
        await asyncio.sleep(0.05)
