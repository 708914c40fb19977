"""Rows to panes: columns pile up as arrays and are binned together, once a flush.

A chunk's rows become columns while they are still in the processor's cache, and are let go.
Binning a column costs a search for every edge (long columns, sorted first) or for every value
(short ones): piling columns up until a flush makes the first the usual case on a busy stream.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from struct import Struct
from struct import error as StructError
from typing import Any

import numpy as np
import numpy.typing as npt

from monitor.observe.decode import Features
from monitor.observe.model import Monitored
from monitor.stats.grid import CategoricalGrid, NumericGrid

Counts = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]
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
    """Accepted rows of one model as columns, a block for each chunk.

    `versions` int32[n] index `names`; `times` are ms; `numbers` float64[numeric columns, n] with
    NaN for null; `codes` int32[categorical columns, n] are slots of their grids.
    """

    names: dict[str, int] = field(default_factory=dict)
    versions: list[Codes] = field(default_factory=list)
    times: list[Counts] = field(default_factory=list)
    numbers: list[Floats] = field(default_factory=list)
    codes: list[Codes] = field(default_factory=list)
    mistyped: list[tuple[int, str]] = field(default_factory=list)
    rows: int = 0


class Fold:
    """Piles up the rows of one model, and bins them into panes of its layout."""

    def __init__(self, model: Monitored, features: Features) -> None:
        self.pane_ms = model.spec.pane_ms
        self.layout = model.baseline.layout if model.baseline else None
        self.features = features
        self.pile = Pile()
        columns = self.layout.columns if self.layout else ()
        # As the features' tuples have them: those first, then the prediction and the score.
        ranked = sorted(columns, key=lambda column: not column.subject.startswith("feature/"))
        self._numeric = [(c.subject, c.grid) for c in ranked if isinstance(c.grid, NumericGrid)]
        self._categorical = [
            (c.subject, c.grid) for c in ranked if isinstance(c.grid, CategoricalGrid)
        ]
        self._pack = Struct(f"={sum(not c for c in features.categorical)}d").pack

    @property
    def waiting(self) -> int:
        """The number of rows that wait to be binned."""
        return self.pile.rows

    def take(
        self, rows: Sequence[Any], times: Counts, mistyped: Iterable[tuple[int, str]] = ()
    ) -> None:
        """Pile up rows with their event times int64[n] in ms.

        `mistyped` names the numeric features of a wrong type, with the position of their row.
        """
        n, pile = len(rows), self.pile
        if not n:
            return
        pile.mistyped += [(pile.rows + row, feature) for row, feature in mistyped]
        pile.rows += n
        pile.times.append(times)
        pile.versions.append(self._versions([row.model_version for row in rows]))
        if self.layout:
            features = [row.features for row in rows]
            pile.numbers.append(self._numbers(features, rows))
            pile.codes.append(self._codes(features, rows))

    def _versions(self, versions: Sequence[str]) -> Codes:
        index = self.pile.names
        for version in dict.fromkeys(versions):
            index.setdefault(version, len(index))
        return np.fromiter(map(index.__getitem__, versions), np.int32, len(versions))

    def _numbers(self, features: Sequence[Any], rows: Sequence[Any]) -> Floats:
        """float64[numeric columns, n]."""
        block = np.empty((len(self._numeric), len(rows)))
        k = len(self.features.categorical) - sum(self.features.categorical)
        block[:k] = _matrix(list(map(self.features.numeric, features)), k, self._pack).T
        for (subject, _), out in zip(self._numeric[k:], block[k:], strict=True):
            if subject == "score":
                out[:] = [row.score for row in rows]  # None becomes NaN
            else:
                out[:] = _floats([row.prediction for row in rows])
        return block

    def _codes(self, features: Sequence[Any], rows: Sequence[Any]) -> Codes:
        """int32[categorical columns, n]."""
        taken = map(self.features.categories, features)
        values: list[Sequence[Any]] = list(zip(*taken, strict=True))
        if len(values) < len(self._categorical):
            values.append([row.prediction for row in rows])
        block = np.empty((len(self._categorical), len(rows)), dtype=np.int32)
        for (_, grid), out, listed in zip(self._categorical, block, values, strict=True):
            out[:] = grid.codes(listed)
        return block

    def bin(self, panes: dict[PaneKey, Pane]) -> set[PaneKey]:
        """Add the piled rows to `panes`, keyed by (version, start in ms); return those changed."""
        pile, self.pile = self.pile, Pile()
        if not pile.rows:
            return set()
        times = np.concatenate(pile.times)
        names = list(pile.names)
        stretch, start = np.unique(times - times % self.pane_ms, return_inverse=True)
        group = np.concatenate(pile.versions) * np.int64(len(stretch)) + start
        used, group, rows = np.unique(group, return_inverse=True, return_counts=True)
        keys = [(names[g // len(stretch)], int(stretch[g % len(stretch)])) for g in used.tolist()]
        width = self.layout.width if self.layout else 0
        for key, n in zip(keys, rows.tolist(), strict=True):
            pane = panes.get(key)
            if pane is None:
                pane = panes[key] = Pane(0, np.zeros(width, dtype=np.int64))
            pane.rows += n
        if self.layout:
            self._columns(pile, group, rows, [panes[key].counts for key in keys])
        return set(keys)

    def _columns(self, pile: Pile, group: Counts, rows: Counts, into: list[Counts]) -> None:
        numbers = np.concatenate(pile.numbers, axis=1)
        codes = np.concatenate(pile.codes, axis=1)
        wrong: dict[str, list[int]] = {}
        for row, feature in pile.mistyped:
            wrong.setdefault(f"feature/{feature}", []).append(int(group[row]))
        for (subject, names), coded in zip(self._categorical, codes, strict=True):
            _scatter(coded, group, names.width, self._targets(subject, into))
        if pile.rows >= SORT_FROM * len(into):
            if len(into) > 1:
                numbers = numbers[:, np.argsort(group, kind="stable")]
            bounds = np.cumsum(rows)[:-1]
            for (subject, grid), values in zip(self._numeric, numbers, strict=True):
                parts = np.split(values, bounds)
                for target, part in zip(self._targets(subject, into), parts, strict=True):
                    target += grid.counts(part)
        else:
            for (subject, grid), values in zip(self._numeric, numbers, strict=True):
                coded = grid.codes(values)
                _scatter(coded, group, grid.width, self._targets(subject, into))
        for subject, grid in self._numeric:
            targets = self._targets(subject, into)
            for g in wrong.get(subject, ()):
                # A wrong type was folded as absent: it is an error of its own, not a null.
                targets[g][grid.NULL] -= 1
                targets[g][grid.TYPE_ERROR] += 1

    def _targets(self, subject: str, into: Sequence[Counts]) -> list[Counts]:
        assert self.layout is not None
        where = self.layout.slice(subject)
        return [counts[where] for counts in into]


def _scatter(codes: Codes, group: Counts, width: int, targets: list[Counts]) -> None:
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


def _matrix(rows: Sequence[tuple[Any, ...]], k: int, pack: Any) -> Floats:
    """float64[n, k]; None becomes NaN. Packing is twice as fast, but takes no None."""
    if not k:
        return np.empty((len(rows), 0))
    try:
        return np.frombuffer(b"".join([pack(*row) for row in rows])).reshape(len(rows), k)
    except StructError:
        return np.array(rows, dtype=float).reshape(len(rows), k)


def _floats(values: Sequence[Any]) -> Floats:
    """float64[n]; whatever is no number becomes NaN (null)."""
    return np.array([v if type(v) in (int, float) else np.nan for v in values], dtype=float)
