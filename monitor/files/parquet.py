"""Parquet: columns that know their types."""

import io

import numpy as np
import polars as pl

from monitor.files.table import Table, not_readable
from monitor.stats.column import Values


def read_parquet(data: bytes, path: str) -> Table:
    """Read Parquet; a struct column `features` makes it a table of prediction events.

    Dates and times become milliseconds since 1970, those without a zone taken as UTC. Raises
    DataError.
    """
    try:
        frame = pl.read_parquet(io.BytesIO(data))
    except (pl.exceptions.PolarsError, OSError) as error:
        raise not_readable(path, "Parquet", error) from None
    events = "features" in frame.columns and isinstance(frame.schema["features"], pl.Struct)
    features = frame["features"].struct.unnest() if events else frame
    beside = frame.drop("features") if events else frame.clear().select([])
    times, unreadable = set(), {}
    columns: dict[str, Values] = {}
    for name in features.columns:
        values = _values(features[name])
        if values is None:
            unreadable[name] = f"holds {features.schema[name]}"
        else:
            columns[name] = values
        if features.schema[name].is_temporal():
            times.add(name)
    fields = {name: _values(beside[name]) for name in beside.columns}
    return Table(
        path,
        frame.height,
        columns,
        fields={name: values for name, values in fields.items() if values is not None},
        times=frozenset(times),
        unreadable=unreadable,
    )


def _values(column: pl.Series) -> Values | None:
    """Return the column's values, None if they are neither numbers, categories nor times."""
    kind = column.dtype
    if kind in (pl.Date, pl.Datetime):
        return _listed(column.cast(pl.Datetime("ms")).dt.epoch("ms"))
    if kind == pl.Duration:
        return _listed(column.dt.total_milliseconds())
    if kind == pl.Time:
        return _listed(column.cast(pl.Int64) // 1_000_000)
    if kind.is_float() or kind.is_decimal():
        return np.asarray(column.cast(pl.Float64).to_numpy(), dtype=np.float64)
    if kind.is_integer():
        # With nulls an array would have to be of floats, which do not hold every integer.
        return _listed(column) if column.null_count() else np.asarray(column.to_numpy())
    if kind in (pl.String, pl.Categorical, pl.Enum, pl.Null):
        return _listed(column.cast(pl.String))
    return _listed(column) if kind == pl.Boolean else None


def _listed(column: pl.Series) -> list[object]:
    return list(column.to_list())
