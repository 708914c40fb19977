"""RocksDB as the store of observe: a folder for each partition, in a slot of this worker's own.

Workers of one machine take slots: the first that no living process holds. A worker that is started
again finds its caches there; whoever takes a partition over elsewhere makes a new one of the log.
"""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rocksdict import (
    BlockBasedOptions,
    Cache,
    DBCompressionType,
    Options,
    Rdict,
    WriteBatch,
    WriteOptions,
)

from monitor.errors import StoreError

#: Workers that share a machine and a state folder.
SLOTS = 1000
_MIB = 1 << 20
#: Of all stores of a worker together; filters and indexes lie in it too.
CACHE_BYTES = 128 * _MIB
MEMTABLE_BYTES = 16 * _MIB
#: Bits a key: one in a hundred ids that are new is looked for in vain.
BLOOM_BITS = 10


def default_state_dir() -> Path:
    """Where a worker keeps its caches: in `$XDG_STATE_HOME`, else `~/.local/state`."""
    home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(home, "watchkeeper")


class RocksStore:
    """An ordered mapping in a folder; a folder that cannot be opened is emptied: it is a cache."""

    def __init__(self, folder: Path, cache: Cache | None = None) -> None:
        self.folder = folder
        self._cache = cache or Cache(CACHE_BYTES)
        self._write_options = WriteOptions()
        self._db = self._open()

    def _open(self) -> Rdict:
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            return Rdict(str(self.folder), options=_options(self._cache))
        except Exception:  # noqa: BLE001 - rocksdict raises nothing more specific
            shutil.rmtree(self.folder, ignore_errors=True)
        try:
            return Rdict(str(self.folder), options=_options(self._cache))
        except Exception as error:  # noqa: BLE001
            raise StoreError(
                f"{self.folder}: {error}; free space there, or choose another --state-dir"
            ) from None

    def get(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Look all keys up at once."""
        if not keys:
            return []
        with self._told():
            found: Any = self._db.get(list(keys))
        return list(found)

    def write(self, changes: Mapping[bytes, bytes | None]) -> None:
        """Put, or delete where the value is None, in one batch."""
        batch = WriteBatch(raw_mode=True)
        for key, value in changes.items():
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        with self._told():
            self._db.write(batch, self._write_options)

    def scan(self, prefix: bytes, start: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """What begins with `prefix`, in the order of keys."""
        with self._told():
            items: Any = self._db.items(from_key=max(prefix, start))
            for key, value in items:
                if not key.startswith(prefix):
                    return
                yield key, value

    def clear(self) -> None:
        """Forget everything."""
        self._db.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        self._db = self._open()

    def close(self) -> None:
        """Let go of the files."""
        self._db.close()

    def size(self) -> int:
        """Bytes of the files; what the database removes meanwhile counts for nothing."""
        sizes = 0
        with contextlib.suppress(FileNotFoundError), os.scandir(self.folder) as files:
            for file in files:
                with contextlib.suppress(FileNotFoundError):
                    sizes += file.stat().st_size
        return sizes

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except StoreError:
            raise
        except Exception as error:
            raise StoreError(
                f"{self.folder}: {error}; free space there, or choose another --state-dir"
            ) from error


def _options(cache: Cache) -> Options:
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_write_buffer_size(MEMTABLE_BYTES)
    options.set_max_write_buffer_number(3)
    options.set_compression_type(DBCompressionType.lz4())
    options.set_max_background_jobs(2)
    table = BlockBasedOptions()
    table.set_bloom_filter(BLOOM_BITS, False)
    table.set_block_cache(cache)
    table.set_cache_index_and_filter_blocks(True)
    table.set_pin_l0_filter_and_index_blocks_in_cache(True)
    options.set_block_based_table_factory(table)
    return options


class Slot:
    """A worker's own folder for its stores, held for as long as the process lives."""

    def __init__(self, state_dir: Path, namespace: str) -> None:
        """Take the first free one; raises StoreError where the folder cannot be written."""
        home = state_dir / namespace
        try:
            self.folder, self._lock = _take(home)
        except OSError as error:
            raise StoreError(
                f"{home}: {error.strerror}; choose another folder with --state-dir"
            ) from None
        self._cache = Cache(CACHE_BYTES)

    def store(self, partition: int) -> RocksStore:
        """Open the store of a partition of observe."""
        return RocksStore(self.folder / f"observe-{partition}", self._cache)

    def release(self) -> None:
        """Leave it to another, as the end of the process does."""
        os.close(self._lock)


def _take(home: Path) -> tuple[Path, int]:
    for n in range(SLOTS):
        folder = home / f"worker-{n}"
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            continue
        return folder, lock
    raise StoreError(f"{home}: {SLOTS} workers hold all slots; choose another --state-dir")
