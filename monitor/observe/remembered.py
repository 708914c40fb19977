"""What is remembered of events of one kind, by id, and its rows in the store.

At hand are entries that a batch asks for, and those changed since the last commit. Ids stand in the
store a second time, by the hour of their event: what is forgotten is found without a look at the
rest.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Generic, NamedTuple, TypeVar

import msgspec

from monitor.observe.held import Held, hour_of, hour_over
from monitor.observe.outcomes import Label
from monitor.observe.store import Store

#: Forgotten entries that a flush takes out of the store: more than come, so that none pile up.
SWEPT = 50_000
#: What the store is to be told: a row, or None where it goes.
Writes = dict[bytes, bytes | None]


class Seen(msgspec.Struct, array_like=True, gc=False):
    """A prediction as it is remembered: when, of what version and class, and its payload's CRC.

    `hashed` is what `Placement.hash_of` says of the key that it came with.
    """

    time_ms: int
    version: str
    prediction: str
    crc: int
    chain: tuple[Label, ...] = ()
    hashed: int | None = None


class Known(NamedTuple):
    """A review or approval as it is remembered by its id: when, its payload's CRC, its key."""

    time_ms: int
    crc: int
    hashed: int | None = None


class _Timed(msgspec.Struct, array_like=True):
    """How a remembered event begins."""

    time_ms: int


Entry = TypeVar("Entry", Seen, Known)
#: Letters of the kinds of rows: of entries by id, of their ids by the hour, and of their number.
Kinds = tuple[str, str, str]
seen_row = msgspec.msgpack.Decoder(Seen).decode
known_row = msgspec.msgpack.Decoder(Known).decode
row = msgspec.msgpack.Encoder().encode
_timed = msgspec.msgpack.Decoder(_Timed).decode
_number = msgspec.msgpack.Decoder(int).decode
_ids = msgspec.msgpack.Decoder(list[str]).decode


def row_key(model_id: str, kind: str, key: str = "") -> bytes:
    """Where a row of a model lies in the store."""
    return f"{model_id}\0{kind}{key}".encode()


class Remembered(Generic[Entry]):
    """Entries of one kind of a model; those of hours that ended by `forgotten_ms` are none."""

    def __init__(
        self, store: Store, model_id: str, kinds: Kinds, decode: Callable[[bytes], Entry]
    ) -> None:
        self.store = store
        self._rows, self._hours, self._numbers = (row_key(model_id, kind) for kind in kinds)
        self._decode: Callable[[bytes], Entry] = decode
        #: At hand: what was fetched, and what has changed since the last commit.
        self.at_hand: dict[str, Entry] = {}
        self.dirty: set[str] = set()
        self.forgotten_ms = 0
        #: The last block of ids that was taken out of the store, and before when none are left, ms.
        self._swept = b""
        self._swept_ms = -1
        self.held = Held()
        for at, value in store.scan(self._numbers):
            self.held.put(int.from_bytes(at[len(self._numbers) :], "big"), _number(value))

    def fetch(self, keys: Iterable[str]) -> None:
        """Have at hand what is remembered of these ids."""
        at_hand = self.at_hand
        missing = [key for key in keys if key not in at_hand]
        found = self.store.get([self._rows + key.encode() for key in missing])
        for key, value in zip(missing, found, strict=True):
            if value is None:
                continue
            entry = self._decode(value)
            if not hour_over(entry.time_ms, self.forgotten_ms):
                at_hand[key] = entry

    def items(self) -> Iterator[tuple[str, Entry]]:
        """All that is remembered, at hand or not."""
        yield from self.at_hand.items()
        for at, value in self.store.scan(self._rows):
            key, entry = at[len(self._rows) :].decode(), self._decode(value)
            if key not in self.at_hand and not hour_over(entry.time_ms, self.forgotten_ms):
                yield key, entry

    def take(self, key: str, entry: Entry) -> None:
        """Remember an event."""
        self.at_hand[key] = entry
        self.dirty.add(key)
        self.held.add(entry.time_ms)

    def forget(self, before_ms: int) -> bool:
        """Drop what was made before a time (rounded down to an hour); whether that is news."""
        before_ms = hour_of(before_ms)
        if before_ms <= self.forgotten_ms:
            return False
        self.forgotten_ms = before_ms
        self.held.forget(before_ms)
        for key in [k for k, entry in self.at_hand.items() if hour_over(entry.time_ms, before_ms)]:
            del self.at_hand[key]
        return True

    def written(self, writes: Writes, taken: Iterable[tuple[str, int]]) -> None:
        """Add to `writes` what has changed; `taken` are ids that are new, with their times."""
        if not (self.dirty or self.held.changed or self.sweeping):
            return  # what is new is dirty too
        self._sweep(writes)
        dirty, self.dirty = self.dirty, set()
        for key in dirty & self.at_hand.keys():
            writes[self._rows + key.encode()] = row(self.at_hand[key])
        hours: dict[int, list[str]] = {}
        for key, time_ms in taken:
            hours.setdefault(hour_of(time_ms), []).append(key)
        for hour, made in hours.items():
            writes[_at(self._hours, hour) + made[0].encode()] = row(made)
        for hour, n in self.held.news():
            writes[_at(self._numbers, hour)] = None if n is None else row(n)

    @property
    def sweeping(self) -> bool:
        """Whether the store still has what is forgotten, and was not yet swept."""
        return self._swept_ms < self.forgotten_ms

    def committed(self) -> None:
        """At hand stays only what has changed since the last `written`."""
        self.at_hand = {key: self.at_hand[key] for key in self.dirty if key in self.at_hand}

    def _sweep(self, writes: Writes) -> None:
        """Delete what is forgotten, some at a time: whoever asks has not seen it for long."""
        if not self.sweeping:
            return
        end, left = _at(self._hours, self.forgotten_ms), SWEPT
        for block, ids in self.store.scan(self._hours, self._swept):
            if block >= end:
                break
            if left <= 0:
                return
            keys = [self._rows + key.encode() for key in _ids(ids)]
            for key, value in zip(keys, self.store.get(keys), strict=True):
                # An id may have come again since, long after: then it is another's.
                if value is not None and hour_over(_timed(value).time_ms, self.forgotten_ms):
                    writes[key] = None
            writes[block] = None
            left -= len(keys)
            self._swept = block + b"\0"
        self._swept, self._swept_ms = end, self.forgotten_ms


def _at(rows: bytes, hour_ms: int) -> bytes:
    return rows + max(hour_ms, 0).to_bytes(8, "big")
