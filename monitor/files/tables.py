"""Read a table from CSV, JSON lines or Parquet, by the file's ending."""

import gzip
import zlib
from collections.abc import Callable
from pathlib import Path

from monitor.errors import DataError
from monitor.files.lines import read_lines
from monitor.files.table import Table

ENDINGS = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".parquet", ".pq")
Reader = Callable[[bytes, str], Table]


def read_table(path: str) -> Table:
    """Read a table; a name that ends in `.gz` is decompressed first.

    Raises DataError, one line with the path and the remedy, for a file that cannot be opened, is
    no table of its kind, or has no rows.
    """
    endings = [ending.lower() for ending in Path(path).suffixes]
    compressed = endings[-1:] == [".gz"]
    ending = (endings[:-1] if compressed else endings)[-1:]
    if not ending or ending[0] not in ENDINGS:
        raise DataError(
            f"{path}: no table by its ending; known: {', '.join(ENDINGS)}, each also with .gz"
        )
    reader = _reader(path, ending[0])
    try:
        data = Path(path).read_bytes()
        if compressed:
            data = gzip.decompress(data)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: not whole gzip ({error}); write the file again") from None
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from None
    table = reader(data, path)
    if table.rows == 0:
        raise DataError(f"{path}: 0 rows, and at least 1 is needed")
    return table


def _reader(path: str, ending: str) -> Reader:
    """Return the reader of a kind of file; only CSV and Parquet need polars."""
    try:
        if ending in (".csv", ".tsv"):
            from monitor.files.delimited import read_delimited

            return read_delimited
        if ending in (".parquet", ".pq"):
            from monitor.files.parquet import read_parquet

            return read_parquet
    except ModuleNotFoundError as error:
        if error.name != "polars":
            raise
        raise DataError(
            f"{path}: reading {ending} needs polars: pip install 'watchkeeper[files]'"
        ) from None
    return read_lines
