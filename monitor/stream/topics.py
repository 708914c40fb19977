"""Every topic, in one table: its key, what it carries, and how long it is kept.

`watchkeeper topics create` makes them; nothing else does. All carry the broker's append time,
because that is the only clock that the stream trusts.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError

from monitor.connection import client_settings, topic_name
from monitor.errors import BrokerError, BrokerUnreachable, TopicMismatch
from monitor.registry.specs import DAY_MS, MINUTE_MS, KafkaSpec

#: What the broker answers to every client within, or it counts as unreachable.
REACH_S = 10.0
#: A row of state may be a pane of 32 columns; a record stays well below this.
MAX_MESSAGE_BYTES = 2 * 1024 * 1024

Direction = Literal["in", "between", "out", "state"]
Cleanup = Literal["delete", "compact"]


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic without its namespace; `retention_ms` None means for ever (or until compacted)."""

    name: str
    direction: Direction
    key: str
    carries: str
    cleanup: Cleanup = "delete"
    retention_ms: int | None = 7 * DAY_MS

    @property
    def config(self) -> dict[str, str]:
        """The topic's settings, as Kafka spells them."""
        common = {
            "message.timestamp.type": "LogAppendTime",
            "max.message.bytes": str(MAX_MESSAGE_BYTES),
            "cleanup.policy": self.cleanup,
            "retention.ms": str(-1 if self.retention_ms is None else self.retention_ms),
        }
        if self.cleanup == "delete":
            return common
        return common | {
            "segment.bytes": str(64 * 1024 * 1024),
            "segment.ms": str(10 * MINUTE_MS),
            "max.compaction.lag.ms": str(10 * MINUTE_MS),
            "min.cleanable.dirty.ratio": "0.1",
        }


def _compact(name: str, direction: Direction, key: str, carries: str) -> Topic:
    return Topic(name, direction, key, carries, "compact", None)


TOPICS: tuple[Topic, ...] = (
    Topic("predictions", "in", "prediction_id", "Prediction"),
    Topic("labels", "in", "prediction_id", "Label"),
    Topic("reviews", "in", "prediction_id", "Review"),
    Topic("vendor-notices", "in", "vendor", "VendorNotice"),
    Topic("approvals", "in", "model_id", "Approval"),
    Topic("business-metrics", "in", "model_id", "BusinessMetric"),
    Topic("panes", "between", "model_id", "InputPane | OutcomePane | Progress", "delete", DAY_MS),
    _compact("baselines", "between", "model_id", "Baseline"),
    Topic("drift-events", "out", "model_id", "FindingData | WindowData", "delete", 30 * DAY_MS),
    Topic("vendor-sla", "out", "model_id", "FindingData", "delete", 30 * DAY_MS),
    Topic("oversight", "out", "model_id", "FindingData", "delete", 30 * DAY_MS),
    Topic("rollout", "out", "model_id", "FindingData", "delete", 30 * DAY_MS),
    Topic("alerts", "out", "model_id", "ActionData", "delete", 30 * DAY_MS),
    _compact("review-mode", "out", "model_id", "ActionData"),
    Topic("review-queue", "out", "model_id", "ActionData", "delete", 30 * DAY_MS),
    Topic("retraining", "out", "model_id", "ActionData", "delete", 30 * DAY_MS),
    Topic("rollbacks", "out", "model_id", "ActionData", "delete", 30 * DAY_MS),
    Topic("dead-letters", "out", "model_id", "DeadLetterData", "delete", 7 * DAY_MS),
    Topic("late", "out", "model_id", "DeadLetterData", "delete", 7 * DAY_MS),
    Topic("audit", "out", "model_id", "AuditEntry", "delete", None),
    _compact("observe-state", "state", "row", "row of a source partition"),
    _compact("evaluate-state", "state", "row", "row of a partition of panes"),
    _compact("respond-state", "state", "row", "row of a partition of drift-events"),
    # The longest label horizon, 30 days, and two more in which a stopped worker may come back.
    Topic("join-log", "state", "none", "Change", "delete", 32 * DAY_MS),
)


@dataclass(frozen=True, slots=True)
class Created:
    """Full names of topics that were made, and of those that were there already."""

    made: tuple[str, ...]
    existing: tuple[str, ...]


async def create_topics(kafka: KafkaSpec, namespace: str) -> Created:
    """Make every topic that is missing; safe to repeat.

    Raises BrokerUnreachable, and TopicMismatch where one exists with another partition count.
    """
    async with _admin(kafka) as admin:
        counts = await _counts(admin, kafka)
        names = [topic_name(namespace, topic.name) for topic in TOPICS]
        for name in names:
            if name in counts and counts[name] != kafka.partitions:
                raise TopicMismatch(
                    f"{name} has {counts[name]} partitions, the configuration says "
                    f"{kafka.partitions}: keys would move; set kafka.partitions to "
                    f"{counts[name]}, or choose another namespace"
                )
        missing = [
            NewTopic(name, kafka.partitions, kafka.replication, topic_configs=topic.config)
            for name, topic in zip(names, TOPICS, strict=True)
            if name not in counts
        ]
        if missing:
            try:
                await admin.create_topics(missing)
            except TopicAlreadyExistsError:
                pass  # another `topics create` was quicker
            except KafkaError as error:
                raise BrokerError(f"{kafka.bootstrap} refuses to make topics: {error}") from None
        made = tuple(topic.name for topic in missing)
        return Created(made, tuple(name for name in names if name in counts))


async def missing_topics(kafka: KafkaSpec, namespace: str) -> tuple[str, ...]:
    """Full names of our topics that don't exist; raises like `create_topics`."""
    async with _admin(kafka) as admin:
        counts = await _counts(admin, kafka)
    names = [topic_name(namespace, topic.name) for topic in TOPICS]
    for name in names:
        if name in counts and counts[name] != kafka.partitions:
            raise TopicMismatch(
                f"{name} has {counts[name]} partitions, the configuration says "
                f"{kafka.partitions}; set kafka.partitions to {counts[name]}"
            )
    return tuple(name for name in names if name not in counts)


async def _counts(admin: Any, kafka: KafkaSpec) -> Mapping[str, int]:
    try:
        found = await asyncio.wait_for(admin.describe_topics(), REACH_S)
    except (KafkaError, OSError, TimeoutError) as error:
        raise _unreachable(kafka, error) from None
    return {topic["topic"]: len(topic["partitions"]) for topic in found if not topic["error_code"]}


@asynccontextmanager
async def _admin(kafka: KafkaSpec) -> AsyncIterator[Any]:
    admin = AIOKafkaAdminClient(request_timeout_ms=int(REACH_S * 1000), **client_settings(kafka))
    # What aiokafka would log of a refused connection, our own error says with its remedy.
    logger = logging.getLogger("aiokafka")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        await asyncio.wait_for(admin.start(), REACH_S)
    except (KafkaError, OSError, TimeoutError) as error:
        await admin.close()
        raise _unreachable(kafka, error) from None
    finally:
        logger.setLevel(level)
    try:
        yield admin
    finally:
        await admin.close()


def _unreachable(kafka: KafkaSpec, error: BaseException) -> BrokerUnreachable:
    return BrokerUnreachable(
        f"no Kafka answers at {kafka.bootstrap} ({type(error).__name__}); start one with "
        "`watchkeeper broker`, or correct kafka.bootstrap"
    )
