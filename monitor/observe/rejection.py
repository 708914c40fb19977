"""Events that cannot be used: why, where they stood, and their first bytes."""

import base64
import hashlib
from typing import NamedTuple

from monitor.events.cloudevents import rfc3339
from monitor.events.types import DeadLetterData
from monitor.observe.reasons import Reason
from monitor.observe.redaction import Redaction
from monitor.panes.flush import Record


class Rejected(Exception):
    """An event that is not counted: `outcome` is dead, late or quarantined.

    Of a columnar record that cannot be read it is all `events`; of one that can, the one at
    `index`.
    """

    def __init__(
        self, reason: Reason, detail: str, outcome: str = "dead", model_id: str | None = None
    ):
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail
        self.outcome = outcome
        self.model_id = model_id
        self.events = 1
        self.index: int | None = None


class Trace(NamedTuple):
    """What a dead letter tells of a record: all that is kept of one that waits in memory.

    `head` is what may be shown of its first KiB, and `redacted` says whether that is less. Of a
    record that was sent on, `origin` is the partition and offset at which its producer put it.
    `hashed` is what `Placement.hash_of` says of its key, where the record waits.
    """

    offset: int
    append_ms: int
    size: int
    sha256: bytes
    head: bytes
    redacted: bool = False
    origin: tuple[int, int] | None = None
    hashed: int | None = None


def trace(record: Record | Trace, redaction: Redaction) -> Trace:
    """Place, size, SHA-256 and what may be shown of the first KiB of a record.

    What was traced before is looked at again: more may have been declared personal since.
    """
    if isinstance(record, Trace):
        shown, redacted = redaction.head(record.head)
        return record._replace(head=shown, redacted=redacted or record.redacted)
    value = record.value or b""
    digest = hashlib.sha256(value).digest()
    return Trace(
        record.offset, record.timestamp, len(value), digest, *redaction.head(value),
        origin=getattr(record, "origin", None),
    )  # fmt: skip


def dead_letter(rejected: Rejected, left: Trace, topic: str, source: int) -> DeadLetterData:
    """Describe a rejected record: reason, place, size, SHA-256 and the first KiB."""
    partition, offset = left.origin or (source, left.offset)
    return DeadLetterData(
        reason=rejected.reason,
        detail=rejected.detail,
        topic=topic,
        partition=partition,
        offset=offset,
        size=left.size,
        sha256=left.sha256.hex(),
        head=base64.b64encode(left.head).decode(),
        model_id=rejected.model_id,
        append_time=rfc3339(left.append_ms),
        index=rejected.index,
        events=rejected.events,
        redacted=left.redacted,
    )
