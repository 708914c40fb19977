"""Events that cannot be used: why, where they stood, and their first bytes."""

import base64
import hashlib

from monitor.events.cloudevents import rfc3339
from monitor.events.limits import HEAD_BYTES
from monitor.events.types import DeadLetterData
from monitor.panes.flush import Record


class Rejected(Exception):
    """One event that is not counted: `outcome` is dead, late or quarantined."""

    def __init__(
        self, reason: str, detail: str, outcome: str = "dead", model_id: str | None = None
    ):
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail
        self.outcome = outcome
        self.model_id = model_id


def dead_letter(rejected: Rejected, record: Record, topic: str, partition: int) -> DeadLetterData:
    """Describe a rejected record: reason, place, size, SHA-256 and the first KiB."""
    value = record.value or b""
    return DeadLetterData(
        reason=rejected.reason,
        detail=rejected.detail,
        topic=topic,
        partition=partition,
        offset=record.offset,
        size=len(value),
        sha256=hashlib.sha256(value).hexdigest(),
        head=base64.b64encode(value[:HEAD_BYTES]).decode(),
        model_id=rejected.model_id,
        append_time=rfc3339(record.timestamp),
    )
