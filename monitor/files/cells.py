"""Columns of a table as a history has them: times, ids and outcomes, and which of them are none."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from monitor.events.limits import ID_PATTERN, MAX_CLASS, MAX_INTEGER, MIN_INTEGER
from monitor.files.table import Table
from monitor.files.times import LEAST_MS, epoch_ms
from monitor.observe.columns import Times
from monitor.observe.fields import LAST_MS
from monitor.replay.history import Cells, Flags
from monitor.stats.column import Values, listed
from monitor.stats.grid import is_null

#: Where there is no time.
_NEVER = -(2**63)
_ID = re.compile(ID_PATTERN)


def column_of(table: Table, name: str, kind: str) -> Values:
    """A column that is no feature, as it is to be counted."""
    return table.fields[name] if table.fields else table.as_kind(name, kind)


def texts_of(table: Table, name: str | None) -> Cells | None:
    """A column of names; of numbers, in a file that has them as a type, their digits."""
    if name is None or name not in (table.fields or table.columns):
        return None
    values = column_of(table, name, "categorical")
    if isinstance(values, np.ndarray):
        values = [None if is_null(v) else str(v) for v in values.tolist()]
    return as_cells(values)


def as_cells(values: Values) -> Cells:
    """object[n], whatever the values are."""
    cells = np.empty(len(values), dtype=object)
    cells[:] = listed(values)
    return cells


def times_of(table: Table, name: str) -> Times:
    """Times in ms as int64[n]."""
    values: Sequence[Any] = listed((table.fields or table.columns)[name])
    if set(map(type, values)) == {int} and LEAST_MS <= min(values) <= max(values) <= LAST_MS:
        return np.array(values, dtype=np.int64)
    read = epoch_ms(values, name)
    return np.array([_NEVER if time is None else _bounded(time) for time in read], dtype=np.int64)


def _bounded(time: int) -> int:
    """A time that int64 holds: one that cannot be is as impossible."""
    return min(max(time, -1), LAST_MS + 1)


def impossible(times: Times) -> Flags:
    """Which times no event can have."""
    return np.asarray((times < 0) | (times > LAST_MS))


def in_place(times: Times) -> Times:
    """The times by which rows are put in order: one without any stays behind the row before it."""
    unknown = impossible(times)
    if unknown.all() or not unknown.any():
        return times
    last = np.maximum.accumulate(np.where(unknown, -1, np.arange(len(times))))
    return times[np.where(last < 0, np.argmin(unknown), last)]


def identifiers(names: Cells) -> Flags:
    """Which values can be an id."""
    return _each(names, lambda value: type(value) is str and _ID.search(value) is not None)


def outcomes(values: Cells) -> Flags:
    """Which values can be a prediction or a label."""
    return _each(values, _outcome)


def _each(values: Cells, sound: Callable[[Any], bool]) -> Flags:
    """Which values are sound; words, which repeat, are looked at once."""
    cells = values.tolist()
    if set(map(type, cells)) <= {str}:
        wrong = {word for word in set(cells) if not sound(word)}
        if not wrong:
            return np.ones(len(cells), dtype=bool)
    return np.array([sound(value) for value in cells], dtype=bool)


def _outcome(value: Any) -> bool:
    if type(value) is str:
        return len(value) <= MAX_CLASS
    if type(value) is int:
        return MIN_INTEGER <= value <= MAX_INTEGER
    return type(value) is bool or (type(value) is float and bool(np.isfinite(value)))


def indexed(versions: Cells) -> tuple[tuple[str, ...], npt.NDArray[np.int32]]:
    """The names of the versions, and each row's among them."""
    index: dict[str, int] = {}
    # What is no text is an odd row's, and has no use here.
    which = [index.setdefault(str(name), len(index)) for name in versions.tolist()]
    return tuple(index), np.array(which, dtype=np.int32)


def time_or_none(time: np.int64) -> int | None:
    """A time as an event has it: None where there is none."""
    ms = int(time)
    return None if ms == _NEVER else ms
