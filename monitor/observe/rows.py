"""Rows of a source partition: what a flush writes, and what is stored from flushes before."""

import msgspec

from monitor.observe.split import Marks
from monitor.panes.codec import FORMAT
from monitor.panes.flush import Flush
from monitor.panes.messages import InputPane, Loss, OutcomePane, Unremembered, encode

encode_row = msgspec.msgpack.Encoder().encode


class PartitionRow(msgspec.Struct, array_like=True, tag="partition"):
    """What is true of the partition as of its applied offsets."""

    greatest: list[tuple[str, str, int]]
    accounting: dict[str, dict[str, int]]
    format: int = FORMAT
    past: list[tuple[str, str, int]] = []
    read: dict[str, int] = {}
    named: str | None = None
    misplaced: list[tuple[str, str, int]] = []
    sent: list[tuple[str, str, int]] = []
    heard: list[Marks] = []


partition_row = msgspec.msgpack.Decoder(PartitionRow).decode
PARTITION_KEY = encode_row(["partition"])
#: The messages that are kept as rows, each until another like it replaces it.
Kept = InputPane | OutcomePane | Unremembered | Loss


class Rows:
    """The keys of the rows that are stored."""

    def __init__(self) -> None:
        self._stored: set[bytes] = set()
        self._stale: set[bytes] = set()

    def keep(self, message: Kept, flush: Flush) -> None:
        """Write a row."""
        key = row_key(message)
        flush.rows[key] = encode(message)
        self._stored.add(key)

    def delete(self, message: Kept, flush: Flush) -> None:
        """Take a row away, if there is one."""
        self._delete(row_key(message), flush)

    def sweep(self, flush: Flush) -> None:
        """Take away what was found to be stale."""
        for key in self._stale:
            self._delete(key, flush)
        self._stale = set()

    def _delete(self, key: bytes, flush: Flush) -> None:
        flush.rows.pop(key, None)
        if key in self._stored:
            flush.rows[key] = None
            self._stored.discard(key)

    def restore(self, key: bytes) -> None:
        """Take note of a row that is stored."""
        self._stored.add(key)

    def stale(self, message: Kept) -> None:
        """What a stored row says is nothing to us any more."""
        self._stale.add(row_key(message))


def row_key(message: Kept) -> bytes:
    """The key of the row that holds a message, and later ones like it."""
    if isinstance(message, InputPane):
        pane = [message.model_id, message.version, message.start_ms]
        return encode_row(["input", *pane, message.block, message.fingerprint])
    if isinstance(message, OutcomePane):
        return encode_row(["outcome", message.model_id, message.version, message.start_ms])
    if isinstance(message, Unremembered):
        return encode_row(["unremembered", message.model_id, message.version, message.start_ms])
    of_topic = [] if message.topic == "predictions" else [message.topic]
    return encode_row(["loss", message.model_id, message.start_ms, *of_topic])
