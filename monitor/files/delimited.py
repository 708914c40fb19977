"""CSV and its relatives: text throughout, in which columns of numbers are recognised."""

import io
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import polars as pl

from monitor.errors import DataError
from monitor.files.table import Table, not_readable
from monitor.stats.column import Values

#: What programs write where there is nothing (those that pandas reads as missing, most of them).
NULLS = ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "<NA>", "#N/A"]
_TRUE, _FALSE = ("true", "True", "TRUE"), ("false", "False", "FALSE")


def read_delimited(data: bytes, path: str) -> Table:
    """Read text of one header line and delimited rows; the delimiter is found in the header.

    A column is numeric if every value in it reads as a number, boolean if every value is true or
    false. Raises DataError.
    """
    header = data.partition(b"\n")[0].decode("utf-8", "replace")
    delimiter = max(",;\t|", key=header.count)
    try:
        frame = pl.read_csv(
            io.BytesIO(data), separator=delimiter, infer_schema=False, null_values=NULLS
        )
    except pl.exceptions.NoDataError:
        raise DataError(f"{path}: the file is empty; a header and rows are needed") from None
    except (pl.exceptions.PolarsError, OSError) as error:
        raise not_readable(path, "CSV", error) from None
    series: dict[str, pl.Series] = {}
    for column in frame.columns:
        name = column.removesuffix("_duplicated_0").strip()
        if name in series:
            raise DataError(f"{path}: column {name!r} occurs twice; give each its own name")
        series[name] = frame[column]
    text = _Text(series)
    columns = {name: _typed(column, name, text) for name, column in series.items()}
    return Table(path, frame.height, columns, text=text)


class _Text(Mapping[str, Sequence[str | None]]):
    """The columns as text, each made when it is asked for: most are numbers, and nobody asks."""

    def __init__(self, series: Mapping[str, pl.Series]) -> None:
        self._series = series
        self._made: dict[str, list[str | None]] = {}

    def __getitem__(self, name: str) -> list[str | None]:
        if name not in self._made:
            self._made[name] = self._series[name].to_list()
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._series)

    def __len__(self) -> int:
        return len(self._series)

    def __contains__(self, name: object) -> bool:
        return name in self._series


def _typed(column: pl.Series, name: str, text: Mapping[str, Sequence[str | None]]) -> Values:
    """Return the column as float64 array, as booleans, or as the text that it is."""
    numbers = column.str.strip_chars().cast(pl.Float64, strict=False)
    if numbers.null_count() == column.null_count() < len(column):
        return np.asarray(numbers.to_numpy(), dtype=np.float64)
    words = set(column.unique().to_list()) - {None}
    if words and words <= {*_TRUE, *_FALSE}:
        return [None if word is None else word in _TRUE for word in text[name]]
    return text[name]
