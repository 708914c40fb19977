"""Where each column's counts lie in the one flat array that a pane or a window is."""

import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from monitor.errors import BaselineError, GridMismatch
from monitor.stats.grid import Counts, Grid

#: A block of counts is one record; so many columns keep it well under Kafka's 1 MB.
BLOCK = 32


@dataclass(frozen=True, slots=True)
class Column:
    """What is counted, `feature/<name>`, `prediction` or `score`, and over which bins."""

    subject: str
    grid: Grid


@dataclass(frozen=True)
class Layout:
    """Columns side by side: a window is one int64[width], and windows merge by addition.

    >>> from monitor.stats.grid import CategoricalGrid
    >>> layout = Layout((Column("feature/a", CategoricalGrid(("x",))),
    ...                  Column("feature/b", CategoricalGrid(("x", "y")))))
    >>> layout.width, layout.slice("feature/b")
    (11, slice(5, 11, None))
    """

    columns: tuple[Column, ...]
    offsets: tuple[int, ...] = field(init=False, repr=False, compare=False)
    _slices: dict[str, slice] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Place the columns; raises BaselineError if two have one subject."""
        offsets, slices, at = [], {}, 0
        for column in self.columns:
            if column.subject in slices:
                raise BaselineError(f"{column.subject} occurs twice in a layout")
            offsets.append(at)
            slices[column.subject] = slice(at, at + column.grid.width)
            at += column.grid.width
        object.__setattr__(self, "offsets", (*offsets, at))
        object.__setattr__(self, "_slices", slices)

    @property
    def width(self) -> int:
        """The number of slots of all columns together."""
        return self.offsets[-1]

    @property
    def subjects(self) -> tuple[str, ...]:
        """The columns' subjects, in order."""
        return tuple(self._slices)

    @cached_property
    def blocks(self) -> tuple[slice, ...]:
        """Slices of the flat array, each of at most 32 whole columns, that together cover it."""
        starts = range(0, len(self.columns), BLOCK)
        ends = (min(start + BLOCK, len(self.columns)) for start in starts)
        return tuple(
            slice(self.offsets[a], self.offsets[b]) for a, b in zip(starts, ends, strict=False)
        )

    def __contains__(self, subject: object) -> bool:
        """Say whether a subject is counted."""
        return subject in self._slices

    def slice(self, subject: str) -> slice:
        """Return where a subject's counts lie; raises BaselineError if it isn't counted."""
        try:
            return self._slices[subject]
        except KeyError:
            known = ", ".join(self._slices)
            raise BaselineError(f"{subject} is not in the baseline; known: {known}") from None

    def grid(self, subject: str) -> Grid:
        """Return a subject's grid; raises BaselineError if it isn't counted."""
        start = self.slice(subject).start
        return self.columns[self.offsets.index(start)].grid

    def zeros(self) -> Counts:
        """Return a window in which nothing has been counted."""
        return np.zeros(self.width, dtype=np.int64)

    def check(self, counts: Counts) -> Counts:
        """Return the counts, or raise GridMismatch if they were made over another layout."""
        if counts.shape != (self.width,):
            raise GridMismatch(
                f"counts of shape {counts.shape} over a layout of {self.width} slots "
                f"({self.fingerprint}): they merge only with counts over the same baseline"
            )
        return counts

    @cached_property
    def fingerprint(self) -> str:
        """32 hex digits over the columns and their bins: equal layouts have equal ones."""
        return fingerprint([[c.subject, c.grid.to_dict()] for c in self.columns])


def fingerprint(value: Any) -> str:
    """Return the first 32 hex digits of the SHA-256 of a JSON value, floats by repr."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
