"""The latest message of each pane and source partition, as long as a window may need it."""

from collections.abc import Iterator
from typing import Generic, TypeVar

from monitor.evaluate.input_sums import Key
from monitor.panes.messages import Loss, Unremembered, encode

M = TypeVar("M", Loss, Unremembered)


class Kept(Generic[M]):
    """Messages about panes of one model, each replaced by a later one of the same pane."""

    def __init__(self) -> None:
        self._held: dict[Key, M] = {}
        #: Rows that have changed since they were last asked for; None where one has gone.
        self.rows: dict[Key, bytes | None] = {}

    def put(self, message: M) -> None:
        """Hold or replace a message."""
        self.restore(message)
        self.rows[_key(message)] = encode(message)

    def restore(self, message: M) -> None:
        """Take up a row."""
        self._held[_key(message)] = message

    def within(self, start_ms: int, end_ms: int) -> Iterator[M]:
        """Of the panes that start in [start, end)."""
        for message in self._held.values():
            if start_ms <= message.start_ms < end_ms:
                yield message

    def forget(self, before_ms: int) -> None:
        """Let go of panes before a time."""
        for key in sorted(key for key, held in self._held.items() if held.start_ms < before_ms):
            del self._held[key]
            self.rows[key] = None


def _key(message: Loss | Unremembered) -> Key:
    pane = message.model_id, message.start_ms, message.source
    if isinstance(message, Unremembered):
        return ("full", *pane, message.version)
    of_topic = () if message.topic == "predictions" else (message.topic,)
    return ("loss", *pane, *of_topic)
