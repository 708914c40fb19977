"""A column of raw values, as events and files bring them, counted over its bins."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from monitor.stats.grid import CategoricalGrid, Counts, Floats, Grid, is_null

Values = Sequence[object] | npt.NDArray[Any]
_PLAIN = {float, int, type(None)}


@dataclass(frozen=True, slots=True, eq=False)
class Numbers:
    """A column as float64[n], NaN meaning null, and bool[n], True where it was no number."""

    values: Floats
    wrong: npt.NDArray[np.bool_]


def numbers(values: Values) -> Numbers:
    """Read a column as numbers: None and NaN are null; text, booleans and the rest are wrong.

    An integer beyond float64 becomes an infinity.

    >>> numbers([1, None, "2", True, 10**400]).values.tolist()
    [1.0, nan, nan, nan, inf]
    """
    if isinstance(values, np.ndarray) and values.dtype != object:
        if values.dtype.kind in "fiu":
            return Numbers(values.astype(np.float64), np.zeros(values.size, dtype=np.bool_))
        return Numbers(np.full(values.size, np.nan), np.ones(values.size, dtype=np.bool_))
    if set(map(type, values)) <= _PLAIN:
        try:
            plain = np.array(values, dtype=np.float64)
        except OverflowError:
            pass
        else:
            return Numbers(plain, np.zeros(plain.size, dtype=np.bool_))
    read = [_number(value) for value in values]
    wrong = np.array([number is None for number in read], dtype=np.bool_)
    return Numbers(np.array([np.nan if n is None else n for n in read], dtype=np.float64), wrong)


def infer_kind(values: Values) -> Literal["numeric", "categorical"] | None:
    """Say what a column holds: numeric if all that isn't null is a number, None if all is null.

    Booleans are categories, and so is a column that mixes numbers with anything else.

    >>> infer_kind([1, None, 2.5]), infer_kind([1, "a"]), infer_kind([True]), infer_kind([None])
    ('numeric', 'categorical', 'categorical', None)
    """
    if isinstance(values, np.ndarray) and values.dtype != object:
        if values.dtype.kind not in "fiu":
            return "categorical" if values.size else None
        return None if np.isnan(values).all() else "numeric"
    if set(map(type, values)) - _PLAIN:
        values = [value for value in values if not is_null(value)]
        if not values:
            return None
        return "categorical" if any(_number(value) is None for value in values) else "numeric"
    return None if all(map(is_null, values)) else "numeric"


def _number(value: object) -> float | None:
    """Return the value as a float, NaN for null, None if it is no number."""
    if value is None:
        return float("nan")
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def count(grid: Grid, values: Values) -> Counts:
    """Count a column over its bins into int64[grid.width]; every row lands in one slot.

    >>> from monitor.stats.grid import build_numeric
    >>> count(build_numeric(np.array([1.0, 1.0])), [1, 0, 2.5, None, "x"]).tolist()
    [1, 1, 1, 1, 0, 1]
    """
    if isinstance(grid, CategoricalGrid):
        return grid.counts(listed(values))
    column = numbers(values)
    wrong = int(column.wrong.sum())
    return grid.counts(column.values[~column.wrong] if wrong else column.values, wrong)


def codes(grid: Grid, values: Values) -> npt.NDArray[np.int32]:
    """Return the slot of each row of a column; their bincount is `count`."""
    if isinstance(grid, CategoricalGrid):
        return grid.codes(listed(values))
    column = numbers(values)
    result = grid.codes(column.values)
    result[column.wrong] = grid.width + grid.TYPE_ERROR
    return result


def listed(values: Values) -> Sequence[object]:
    """Return the column's values as Python objects."""
    return values.tolist() if isinstance(values, np.ndarray) else values


def taken(values: Values, rows: npt.NDArray[np.bool_]) -> Values:
    """Return the column's values of the rows that are True.

    >>> taken(["a", "b", "c"], np.array([True, False, True]))
    ['a', 'c']
    """
    return values[rows] if isinstance(values, np.ndarray) else list(compress(values, rows))
