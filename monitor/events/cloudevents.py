"""The envelope of every event that Watchkeeper sends: CloudEvents 1.0, structured JSON.

The same input gives the same bytes, and an id that is derived and never drawn, so that a
redelivered event is known for what it is.
"""

import hashlib
from typing import Generic, TypeVar, get_args

import msgspec

from monitor.errors import InvalidEvent
from monitor.events.timestamps import rfc3339, to_ms
from monitor.events.types import (
    Action,
    ActionData,
    DeadLetterData,
    FindingData,
    ReplayData,
    WindowData,
)

__all__ = [
    "ACTION",
    "CONTENT_TYPE",
    "DEAD_LETTER",
    "DRIFT_DETECTED",
    "HEADERS",
    "REPLAYED",
    "WINDOW_JUDGED",
    "CloudEvent",
    "cloud_event",
    "event_key",
    "parse",
    "rfc3339",
    "to_ms",
]

CONTENT_TYPE = "application/cloudevents+json; charset=UTF-8"
#: The Kafka headers of a structured CloudEvent.
HEADERS = (("content-type", CONTENT_TYPE.encode()),)

PREFIX = "dev.watchkeeper."
DRIFT_DETECTED = "dev.watchkeeper.drift.detected.v1"
WINDOW_JUDGED = "dev.watchkeeper.window.judged.v1"
#: By action, as in `ACTION.format(action="rollback")`.
ACTION = "dev.watchkeeper.{action}.v1"
DEAD_LETTER = "dev.watchkeeper.deadletter.v1"
#: Stands among the dead letters: the record of one was published again.
REPLAYED = "dev.watchkeeper.deadletter.replayed.v1"

T = TypeVar("T")


class CloudEvent(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """A CloudEvent with `data` of one type; attribute names are lowercase by the standard."""

    specversion: str = "1.0"
    id: str
    source: str
    type: str
    subject: str
    time: str
    datacontenttype: str = "application/json"
    partitionkey: str
    data: T


#: The event types that may carry each type of data.
_CARRIED: dict[object, tuple[str, ...]] = {
    FindingData: (DRIFT_DETECTED,),
    WindowData: (WINDOW_JUDGED,),
    ActionData: tuple(ACTION.format(action=action) for action in get_args(Action)),
    DeadLetterData: (DEAD_LETTER,),
    ReplayData: (REPLAYED,),
}


def cloud_event(
    type: str,
    source: str,
    subject: str,
    time_ms: int,
    id: str,
    data: msgspec.Struct,
    partitionkey: str,
) -> bytes:
    """Encode one event; `time_ms` is event time in milliseconds since 1970.

    >>> from monitor.events.types import Span
    >>> cloud_event("dev.watchkeeper.x.v1", "/w/m", "feature/a", 0, "k.0", Span("a", "b"), "m")[:50]
    b'{"specversion":"1.0","id":"k.0","source":"/w/m","t'
    """
    return msgspec.json.encode(
        CloudEvent(
            id=id,
            source=source,
            type=type,
            subject=subject,
            time=rfc3339(time_ms),
            partitionkey=partitionkey,
            data=data,
        )
    )


def parse(value: bytes, data_type: type[T]) -> CloudEvent[T]:
    """Decode one of our events; raise InvalidEvent where version, type or data are not ours."""
    try:
        head = msgspec.json.decode(value, type=CloudEvent[msgspec.Raw])
    except (msgspec.MsgspecError, RecursionError) as error:
        raise InvalidEvent(f"not a structured CloudEvent: {error}") from None
    if head.specversion != "1.0":
        raise InvalidEvent(f"CloudEvents version {head.specversion!r:.20}; known: 1.0")
    if not head.type.startswith(PREFIX):
        raise InvalidEvent(f"event type {head.type!r:.80} is not Watchkeeper's ({PREFIX}*)")
    if head.type not in _CARRIED.get(data_type, (head.type,)):
        raise InvalidEvent(f"event type {head.type!r:.80} carries no {data_type.__name__}")
    try:
        return msgspec.json.decode(value, type=CloudEvent[data_type])  # type: ignore[valid-type]
    except msgspec.ValidationError as error:
        raise InvalidEvent(f"{head.type}: {error}") from None


def event_key(*parts: str) -> str:
    """Return 32 hex digits of SHA-256 over what identifies an event.

    >>> event_key("credit", "1.0", "data_drift", "feature/income")
    '72086fc31416a3eee06a507b6ad84161'
    """
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]
