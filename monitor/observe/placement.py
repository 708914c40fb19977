"""Whether records lie where their keys say: in the partition that murmur2 of the key names.

A label finds its prediction only in the same partition. Java's clients and aiokafka agree on the
partitioner, and librdkafka's default is another one: nothing fails, and no label is ever joined.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from monitor.events.limits import MAX_ID
from monitor.panes.flush import Record

_SEED, _M = 0x9747B28C, 0x5BD1E995
_WORD = 2**32 - 1
#: What a partition is taken of: Java drops the sign.
_POSITIVE = 2**31 - 1
#: What is remembered of a record that has no key: whatever the partitions, it stays where it lies.
UNKEYED = -1
_REMEDY = "set partitioner=murmur2_random in librdkafka, or `repartition: true` for the model"


def advice(events: int) -> str:
    """What is wrong with events that lie elsewhere, and what to do about it.

    >>> advice(1200)[:59]
    '1,200 events lie in partitions that their key does not name'
    """
    return (
        f"{events:,} events lie in partitions that their key does not name, so labels do not "
        f"find their predictions; {_REMEDY}"
    )


def murmur2(key: bytes) -> int:
    """Kafka's hash of a key, unsigned: Java's `Utils.murmur2`.

    >>> murmur2(b"21"), murmur2(b"foobar")
    (3321034988, 3504634814)
    """
    hashed = _SEED ^ len(key)
    whole = len(key) - len(key) % 4
    for n in range(0, whole, 4):
        word = int.from_bytes(key[n : n + 4], "little") * _M & _WORD
        word = (word ^ word >> 24) * _M & _WORD
        hashed = (hashed * _M & _WORD) ^ word
    if whole < len(key):
        hashed = (hashed ^ int.from_bytes(key[whole:], "little")) * _M & _WORD
    hashed = (hashed ^ hashed >> 13) * _M & _WORD
    return hashed ^ hashed >> 15


def partition_of(key: bytes, partitions: int) -> int:
    """The partition that a key names."""
    return named_by(murmur2(key), partitions)


def named_by(hashed: int, partitions: int) -> int:
    """The partition that a key's hash names."""
    return (hashed & _POSITIVE) % partitions


class Placement:
    """Verifies the records of one source partition, of so many, and counts those misplaced."""

    def __init__(self, source: int, partitions: int) -> None:
        self.source = source
        self.partitions = partitions
        #: Misplaced records by topic and model, since the partition's first record.
        self.counts: Counter[tuple[str, str]] = Counter()
        self._astray: frozenset[int] = frozenset()
        #: Whether a record of the chunk has no key, which matters where there are partitions.
        self._unkeyed = False

    def verify(self, records: Sequence[Record]) -> None:
        """Look at a chunk; `misplaced` is then asked of its records, model by model."""
        keyed = [record for record in records if record.key is not None]
        self._unkeyed = self.partitions > 1 and len(keyed) < len(records)
        self._astray = self.astray(keyed)

    def clean(self, joins: bool) -> bool:
        """Whether every record of the chunk lies where it should (see `misplaced`)."""
        return not (self._astray or (joins and self._unkeyed))

    def hash_of(self, record: Record, name: str | None) -> int | None:
        """The hash of a record's key, to be remembered beside the id that it brought.

        None where the id is the key and lies where it says: it can be hashed again at any time.
        """
        if record.key is None:
            return UNKEYED
        if name is not None and record.key == name.encode() and record.offset not in self._astray:
            return None
        return murmur2(record.key)

    def misplaced(
        self, topic: str, model_id: str, records: Sequence[Record], joins: bool
    ) -> Sequence[Record]:
        """Which records of the chunk and of a model lie elsewhere than they should; counts them.

        Without a key a record may lie anywhere, unless it is to be joined.
        """
        if self.clean(joins):
            return ()
        unkeyed, astray = joins and self._unkeyed, self._astray
        found = [r for r in records if r.offset in astray or (unkeyed and r.key is None)]
        if found:
            self.counts[topic, model_id] += len(found)
        return found

    def astray(self, keyed: Sequence[Record]) -> frozenset[int]:
        """Offsets of the records that their keys put elsewhere.

        All of a chunk are hashed at once: one by one they would cost more than their decoding.
        """
        if self.partitions == 1 or not keyed:
            return frozenset()
        keys = [record.key or b"" for record in keyed]
        elsewhere = _partitions(keys, self.partitions) != self.source
        if not elsewhere.any():
            return frozenset()
        return frozenset(keyed[n].offset for n in np.flatnonzero(elsewhere).tolist())


def _partitions(keys: Sequence[bytes], partitions: int) -> npt.NDArray[np.uint32]:
    """The partitions that keys name."""
    lengths = np.fromiter(map(len, keys), np.uint32, len(keys))
    longest = int(lengths.max(initial=0))
    if longest <= MAX_ID:
        hashed = _hashes(keys, lengths, longest)
    else:
        # No id is as long: one such key must not make a matrix of its width for all.
        hashed = np.fromiter(map(murmur2, keys), np.uint32, len(keys))
    return (hashed & np.uint32(_POSITIVE)) % np.uint32(partitions)


def _hashes(
    keys: Sequence[bytes], lengths: npt.NDArray[np.uint32], longest: int
) -> npt.NDArray[np.uint32]:
    """`murmur2` of many keys: a row of words each, padded with zeros, and a step a column."""
    m = np.uint32(_M)
    width = longest // 4 + 1
    table = np.array(keys, dtype=f"S{4 * width}").view("<u4").reshape(len(keys), width)
    words = np.ascontiguousarray(table.T)
    whole, rest = lengths // 4, lengths % 4
    hashed = np.uint32(_SEED) ^ lengths
    shortest = int(whole.min(initial=width))
    for n in range(width):
        word = words[n] * m
        word ^= word >> np.uint32(24)
        word *= m
        mixed = hashed * m
        mixed ^= word
        if n >= shortest:
            # The padding is zeros, so what is left of a key is its last word as it stands.
            left = np.where((n == whole) & (rest > 0), (hashed ^ words[n]) * m, hashed)
            mixed = np.where(n < whole, mixed, left)
        hashed = mixed
    hashed ^= hashed >> np.uint32(13)
    hashed *= m
    return np.asarray(hashed ^ (hashed >> np.uint32(15)))
