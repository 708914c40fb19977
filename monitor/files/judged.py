"""Which columns of tables can be compared, and why the others cannot."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import numpy as np

from monitor.files.table import Table
from monitor.stats.column import Values, infer_kind, listed, numbers
from monitor.stats.grid import canonical, is_null

#: A column in which so large a share of the values are numbers is numeric, the rest mistakes.
MOSTLY = 0.95
#: So many values say whether a column names its rows.
ENOUGH = 20
_TIME = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?\s*(?:Z|[+-]\d\d:?\d\d)?)?")
_TIME_NAME = re.compile(r"time|date|_at$|_ms$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A column that isn't compared, and the reason as a person would say it."""

    column: str
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Common:
    """The columns to compare with their kinds, in the reference's order, and the others."""

    kinds: dict[str, str]
    skipped: tuple[Skipped, ...]
    only_reference: tuple[str, ...]
    only_current: tuple[str, ...]


def common_columns(reference: Table, current: Table, exclude: Sequence[str] = ()) -> Common:
    """Sort the columns of two tables; `exclude` are patterns of names, as in a shell.

    Not compared are times, ids (row numbers, or text that is almost never the same twice),
    columns of lists or objects, and those without any value in the reference.
    """
    here, there = _names(reference), _names(current)
    kinds: dict[str, str] = {}
    skipped: list[Skipped] = []
    for name in (name for name in here if name in there):
        reason = _excluded(name, exclude) or _unreadable(name, reference, current)
        kind = None
        if reason is None:
            kind, reason = kind_of(reference, name)
        if reason is not None:
            skipped.append(Skipped(name, reason))
        elif kind is not None:
            kinds[name] = kind
    return Common(
        kinds,
        tuple(skipped),
        tuple(name for name in here if name not in there),
        tuple(name for name in there if name not in here),
    )


def kind_of(table: Table, name: str) -> tuple[str | None, str | None]:
    """Return a column's kind, and the reason why it isn't to be compared, None if it is.

    Numeric is a column of numbers, also with a few words among them; categorical any other.
    """
    if name in table.unreadable:
        return None, table.unreadable[name]
    kind = _kind(table, name)
    return kind, _reason(table, name, kind)


def _names(table: Table) -> list[str]:
    return [*table.compared, *table.unreadable]


def _excluded(name: str, patterns: Sequence[str]) -> str | None:
    return "excluded" if any(fnmatchcase(name, pattern) for pattern in patterns) else None


def _unreadable(name: str, *tables: Table) -> str | None:
    return next((t.unreadable[name] for t in tables if name in t.unreadable), None)


def _kind(table: Table, name: str) -> str | None:
    """Return the kind of a column; a few words among many numbers leave it numeric."""
    kind = infer_kind(table.compared[name])
    if kind != "categorical":
        return kind
    column = numbers(table.as_kind(name, "numeric"))
    valid = int(np.sum(~np.isnan(column.values)))
    return "numeric" if valid > MOSTLY * (valid + int(column.wrong.sum())) else kind


def _reason(table: Table, name: str, kind: str | None) -> str | None:
    values = table.compared[name]
    if kind is None:
        return "no value in the reference"
    if name in table.times:
        return "holds times"
    if kind == "numeric":
        return _reason_of_numbers(numbers(table.as_kind(name, kind)).values, name)
    return _reason_of_text(values)


def _reason_of_numbers(values: np.ndarray, name: str) -> str | None:
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return "no finite number in the reference"
    low, high = float(finite.min()), float(finite.max())
    if _TIME_NAME.search(name) and low >= 1e11 and high < 1e14:
        return "holds times"
    whole = bool(np.all(finite == np.floor(finite)))
    if finite.size >= ENOUGH and whole and high - low + 1 == finite.size == np.unique(finite).size:
        return "numbers its rows"
    return None


def _reason_of_text(values: Values) -> str | None:
    known = [value for value in listed(values) if not is_null(value)]
    texts = [value for value in known[:100] if isinstance(value, str)]
    if (
        texts
        and len(texts) == len(known[:100])
        and all(map(_TIME.fullmatch, map(str.strip, texts)))
    ):
        return "holds times"
    if len(known) >= ENOUGH and len(set(map(canonical, known))) > MOSTLY * len(known):
        return "an id or free text: almost every value occurs once"
    return None
