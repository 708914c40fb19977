"""Events that cannot be used: why, where they stood, and their first bytes."""

import base64
import hashlib
from typing import NamedTuple

from monitor.events.cloudevents import rfc3339
from monitor.events.limits import HEAD_BYTES
from monitor.events.types import DeadLetterData
from monitor.panes.flush import Record


class Rejected(Exception):
    """An event that is not counted: `outcome` is dead, late or quarantined.

    Of a columnar record that cannot be read it is all `events`; of one that can, the one at
    `index`.
    """

    def __init__(
        self, reason: str, detail: str, outcome: str = "dead", model_id: str | None = None
    ):
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail
        self.outcome = outcome
        self.model_id = model_id
        self.events = 1
        self.index: int | None = None


class Trace(NamedTuple):
    """What a dead letter tells of a record: all that is kept of one that waits in memory."""

    offset: int
    append_ms: int
    size: int
    sha256: bytes
    head: bytes


def trace(record: Record) -> Trace:
    """Place, size, SHA-256 and the first KiB of a record."""
    value = record.value or b""
    digest = hashlib.sha256(value).digest()
    return Trace(record.offset, record.timestamp, len(value), digest, value[:HEAD_BYTES])


def dead_letter(rejected: Rejected, left: Trace, topic: str, partition: int) -> DeadLetterData:
    """Describe a rejected record: reason, place, size, SHA-256 and the first KiB."""
    return DeadLetterData(
        reason=rejected.reason,
        detail=rejected.detail,
        topic=topic,
        partition=partition,
        offset=left.offset,
        size=left.size,
        sha256=left.sha256.hex(),
        head=base64.b64encode(left.head).decode(),
        model_id=rejected.model_id,
        append_time=rfc3339(left.append_ms),
        index=rejected.index,
        events=rejected.events,
    )
