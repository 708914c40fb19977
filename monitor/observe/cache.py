"""The store of a partition as a cache of its join log: it knows the last record that it holds.

The mark is written together with what it stands for. It names the record by offset and CRC: a log
that was recreated, or that belongs to another cluster, is told from ours, and the cache is dropped.
"""

import zlib
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from monitor.errors import StaleCache
from monitor.observe.joinlog import unpack_change
from monitor.observe.memory import Memory
from monitor.observe.store import Store
from monitor.panes.flush import LogRecord

MARK_KEY = b"\0mark"
#: Of the store's rows. One of another format is made anew: the second counts what it holds.
FORMAT = 2
#: Records of the log that are replayed into memory before the store is told.
REPLAYED = 200


class Mark(msgspec.Struct, array_like=True):
    """The last record of the log that the store holds, and the models whose entries it took."""

    offset: int
    crc: int
    models: list[str]
    format: int = FORMAT


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Mark).decode


class Cache:
    """Keeps a store in step with the committed log."""

    def __init__(self, store: Store, models: Sequence[str]) -> None:
        self.store = store
        self.models = sorted(models)
        self._mark = self._read()
        if self._mark is None:
            self.store.clear()
        self._drained: bytes | None = None

    def _read(self) -> Mark | None:
        """The mark; None where there is none, or where models have come or gone since."""
        (row,) = self.store.get([MARK_KEY])
        if row is None:
            return None
        try:
            mark = _decode(row)
        except msgspec.MsgspecError:
            return None
        return mark if mark.format == FORMAT and mark.models == self.models else None

    # -- flushes -------------------------------------------------------------------------------

    def drain(self, memories: Iterable[Memory]) -> list[bytes]:
        """The records of the log that a flush writes."""
        records = [record for memory in memories for record in memory.drain()]
        self._drained = records[-1] if records else None
        return records

    def commit(self, log_offset: int | None, memories: Sequence[Memory]) -> None:
        """Tell the store what has just been committed; `log_offset` is of the last record."""
        if log_offset is not None and self._drained is not None:
            self._mark = Mark(log_offset, zlib.crc32(self._drained), self.models)
        self._write(memories)

    def _write(self, memories: Iterable[Memory]) -> None:
        changes: dict[bytes, bytes | None] = {}
        for memory in memories:
            changes |= memory.writes
        if changes:
            if self._mark is not None:
                changes[MARK_KEY] = _encode(self._mark)
            self.store.write(changes)
        for memory in memories:
            memory.committed()

    # -- after a crash -------------------------------------------------------------------------

    @property
    def log_from(self) -> int | None:
        """The offset of the last record that the store holds; it is to be compared."""
        return self._mark.offset if self._mark else None

    def clear(self) -> None:
        """Forget everything: the store is not of this log."""
        self._mark = None
        self.store.clear()

    def replay(self, records: Sequence[LogRecord], memories: Mapping[str, Memory]) -> None:
        """Take up records of the log from `log_from` on, in their order.

        Raises StaleCache where the store is not of this log: make it anew, from the log's start.
        """
        for n, (offset, value) in enumerate(records, 1):
            if self._mark is not None and offset <= self._mark.offset:
                if (offset, zlib.crc32(value)) != (self._mark.offset, self._mark.crc):
                    raise StaleCache(f"the cache holds another record {self._mark.offset}")
                continue
            change = unpack_change(value)
            if change.model_id in memories:
                memories[change.model_id].restore(change)
            self._mark = Mark(offset, zlib.crc32(value), self.models)
            if n % REPLAYED == 0 or n == len(records):
                for memory in memories.values():
                    memory.settle()
                self._write(list(memories.values()))
