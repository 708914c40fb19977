"""Rows to panes: columns pile up and are binned together, once a flush.

Binning a column costs a search for every edge (long columns, sorted first) or for every value
(short ones). Piling rows up until a flush makes the first the usual case on a busy stream.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from monitor.observe.decode import Features
from monitor.observe.model import Monitored
from monitor.stats.grid import CategoricalGrid, NumericGrid

Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
PaneKey = tuple[str, int]
#: Above this many rows a group, sorting the column beats searching each value.
SORT_FROM = 512
#: Slots binned in one go: bounds the memory of a replay that opens thousands of panes a flush.
SLOTS_AT_ONCE = 1 << 22


@dataclass(slots=True)
class Pane:
    """Counts of one pane of one model version in this source partition; `counts` is flat."""

    rows: int
    counts: Counts


@dataclass(slots=True)
class Pile:
    """Accepted rows of one model that wait to be binned, column by column."""

    versions: list[str] = field(default_factory=list)
    times: list[Any] = field(default_factory=list)
    features: list[Any] = field(default_factory=list)
    predictions: list[Any] = field(default_factory=list)
    scores: list[float | None] = field(default_factory=list)
    mistyped: list[tuple[int, str]] = field(default_factory=list)

    def extend(self, rows: Sequence[Any], times: npt.NDArray[np.int64]) -> None:
        """Add rows; `times` are their event times in ms."""
        self.versions += [row.model_version for row in rows]
        self.times.append(times)
        self.features += [row.features for row in rows]
        self.predictions += [row.prediction for row in rows]
        self.scores += [row.score for row in rows]

    def __len__(self) -> int:
        return len(self.versions)


class Fold:
    """Bins the piled rows of one model into panes of its layout."""

    def __init__(self, model: Monitored, features: Features) -> None:
        self.pane_ms = model.spec.pane_ms
        self.layout = model.baseline.layout if model.baseline else None
        self.features = features

    def fold(self, pile: Pile, panes: dict[PaneKey, Pane]) -> set[PaneKey]:
        """Add the pile's rows to `panes`, keyed by (version, start in ms); return those changed."""
        if not len(pile):
            return set()
        times = np.concatenate(pile.times)
        starts = times - times % self.pane_ms
        names, version = np.unique(np.array(pile.versions, dtype=object), return_inverse=True)
        stretch, start = np.unique(starts, return_inverse=True)
        group = version * len(stretch) + start
        used, group, rows = np.unique(group, return_inverse=True, return_counts=True)
        keys = [(str(names[g // len(stretch)]), int(stretch[g % len(stretch)])) for g in used]
        width = self.layout.width if self.layout else 0
        for key, n in zip(keys, rows, strict=True):
            pane = panes.get(key)
            if pane is None:
                pane = panes[key] = Pane(0, np.zeros(width, dtype=np.int64))
            pane.rows += int(n)
        if self.layout:
            self._columns(pile, group, rows, [panes[key].counts for key in keys])
        return set(keys)

    def _columns(self, pile: Pile, group: Counts, rows: Counts, into: list[Counts]) -> None:
        assert self.layout is not None
        order = np.argsort(group, kind="stable")
        bounds = np.concatenate(([0], np.cumsum(rows)))
        columns = self._values(pile)
        mistyped: dict[str, list[int]] = {}
        for row, feature in pile.mistyped:
            mistyped.setdefault(f"feature/{feature}", []).append(row)
        for column in self.layout.columns:
            where = self.layout.slice(column.subject)
            targets = [counts[where] for counts in into]
            values = columns[column.subject]
            if isinstance(column.grid, NumericGrid) and len(group) >= SORT_FROM * len(into):
                ordered = values[order]
                for g, target in enumerate(targets):
                    target += column.grid.counts(ordered[bounds[g] : bounds[g + 1]])
            else:
                _scatter(column.grid.codes(values), group, column.grid.width, targets)
            for row in mistyped.get(column.subject, ()):
                # A wrong type was folded as absent: it is an error of its own, not a null.
                targets[group[row]][column.grid.NULL] -= 1
                targets[group[row]][column.grid.TYPE_ERROR] += 1

    def _values(self, pile: Pile) -> dict[str, Any]:
        """Column values by subject: float64[n] with NaN for null, or a list of categories."""
        features, n = self.features, len(pile)
        numeric = [x for x, c in zip(features.names, features.categorical, strict=True) if not c]
        categories = [x for x, c in zip(features.names, features.categorical, strict=True) if c]
        matrix = _matrix(map(features.numeric, pile.features), n, len(numeric))
        columns: dict[str, Any] = {f"feature/{x}": matrix[:, j] for j, x in enumerate(numeric)}
        if categories:
            lists = zip(*map(features.categories, pile.features), strict=True)
            columns |= {f"feature/{x}": v for x, v in zip(categories, lists, strict=True)}
        assert self.layout is not None
        for column in self.layout.columns:
            if column.subject == "prediction":
                classes = isinstance(column.grid, CategoricalGrid)
                columns["prediction"] = pile.predictions if classes else _floats(pile.predictions)
            elif column.subject == "score":
                columns["score"] = np.array(pile.scores, dtype=float)  # None becomes NaN
        return columns


def _scatter(codes: npt.NDArray[Any], group: Counts, width: int, targets: list[Counts]) -> None:
    """Count codes by group; a few groups at a time where there are many."""
    at_once = max(1, SLOTS_AT_ONCE // width)
    for first in range(0, len(targets), at_once):
        some = targets[first : first + at_once]
        mine = slice(None)
        if len(some) < len(targets):
            mine = (group >= first) & (group < first + at_once)  # type: ignore[assignment]
        flat = (group[mine] - first) * width + codes[mine]
        counted = np.bincount(flat, minlength=len(some) * width).reshape(len(some), width)
        for target, counts in zip(some, counted, strict=True):
            target += counts


def _matrix(rows: Iterable[tuple[Any, ...]], n: int, k: int) -> Floats:
    """float64[n, k]; None becomes NaN. fromiter is a quarter faster, but takes no None."""
    taken = list(rows)
    try:
        return np.fromiter(chain.from_iterable(taken), float, count=n * k).reshape(n, k)
    except TypeError:
        return np.array(taken, dtype=float).reshape(n, k)


def _floats(values: Sequence[Any]) -> Floats:
    """float64[n]; whatever is no number becomes NaN (null)."""
    return np.array([v if type(v) in (int, float) else np.nan for v in values], dtype=float)
