"""Where memory lies that is too large for memory: keys and values on a local disk.

What is kept here is a cache. The committed join log says the same, and where the two disagree, or
on another machine, the cache is made anew from the log.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol


class Store(Protocol):
    """An ordered mapping of bytes."""

    def get(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Look all keys up at once; None where there is nothing."""

    def write(self, changes: Mapping[bytes, bytes | None]) -> None:
        """Put, or delete where the value is None: all of it or nothing, whatever crashes."""

    def scan(self, prefix: bytes, start: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """What begins with `prefix` and isn't less than `start`, in the order of keys."""

    def clear(self) -> None:
        """Forget everything."""

    def close(self) -> None:
        """Let go of the files."""

    def size(self) -> int:
        """Bytes on disk."""


class DictStore:
    """A store in memory: for tests, and for streams that are replayed without Kafka."""

    def __init__(self) -> None:
        self.entries: dict[bytes, bytes] = {}

    def get(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Look all keys up at once."""
        return [self.entries.get(key) for key in keys]

    def write(self, changes: Mapping[bytes, bytes | None]) -> None:
        """Put, or delete where the value is None."""
        for key, value in changes.items():
            if value is None:
                self.entries.pop(key, None)
            else:
                self.entries[key] = value

    def scan(self, prefix: bytes, start: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """What begins with `prefix`, in the order of keys."""
        for key in sorted(k for k in self.entries if k.startswith(prefix) and k >= start):
            yield key, self.entries[key]

    def clear(self) -> None:
        """Forget everything."""
        self.entries.clear()

    def close(self) -> None:
        """There are no files."""

    def size(self) -> int:
        """There are none on disk."""
        return 0
