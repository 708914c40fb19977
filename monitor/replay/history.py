"""The past of one model: its predictions as columns in order of time, and the labels they got."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from monitor.observe.columns import Indexes, Times

Cells = npt.NDArray[Any]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """Labels in order of time: `times` int64[n] ms, `ids` and `values` object[n].

    `odd` are those that no column can hold, by their place: as the JSON that the stream would read.
    """

    times: Times
    ids: Cells
    values: Cells
    odd: Mapping[int, bytes]

    @property
    def rows(self) -> int:
        """The number of labels."""
        return len(self.times)

    def at(self, kept: Indexes) -> "Labels":
        """The labels at these positions, in their order."""
        odd = _moved(self.odd, kept)
        return Labels(self.times[kept], self.ids[kept], self.values[kept], odd)


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """Predictions of one model in order of time, and its labels.

    `times` int64[n] are ms. `ids` object[n] is None where the predictions have none; `versions`
    int32[n] index `names`. `predictions` are classes, object[n], or numbers, float64[n]; `scores`
    float64[n] have NaN for null. `features` are float64[n] where they are numeric, and object[n]
    where they are categories; one that is not there is null in every row. `wrong` says of numeric
    ones which values were of a wrong type. `odd` are rows that no column can hold, by their place:
    as the JSON that the stream would read.
    """

    model_id: str
    times: Times
    ids: Cells | None
    names: tuple[str, ...]
    versions: npt.NDArray[np.int32]
    predictions: Cells
    scores: npt.NDArray[np.float64] | None
    features: Mapping[str, Cells]
    wrong: Mapping[str, Flags]
    odd: Mapping[int, bytes]
    labels: Labels

    @property
    def rows(self) -> int:
        """The number of predictions."""
        return len(self.times)

    @property
    def distinct(self) -> bool:
        """Whether no id occurs twice: nothing is then left for a memory of ids to find."""
        if self.ids is None:
            return True
        ids = self.ids.tolist()
        return len(known(ids)) == len(ids)

    def at(self, kept: Indexes) -> "History":
        """The predictions at these positions, in their order; the labels stay."""
        return replace(
            self,
            times=self.times[kept],
            ids=None if self.ids is None else self.ids[kept],
            versions=self.versions[kept],
            predictions=self.predictions[kept],
            scores=None if self.scores is None else self.scores[kept],
            features={name: values[kept] for name, values in self.features.items()},
            wrong={name: flags[kept] for name, flags in self.wrong.items()},
            odd=_moved(self.odd, kept),
        )

    def between(self, since_ms: int | None, until_ms: int | None) -> "History":
        """The predictions made from `since_ms` until before `until_ms`, and what labels they got.

        A label goes with its prediction, whenever it came; one of a prediction that is not in the
        history stays.
        """
        inside = np.ones(self.rows, dtype=bool)
        if since_ms is not None:
            inside &= self.times >= since_ms
        if until_ms is not None:
            inside &= self.times < until_ms
        if inside.all():
            return self
        kept = self.at(np.flatnonzero(inside))
        if self.ids is None or kept.ids is None:
            return kept
        gone = known(self.ids[~inside].tolist()) - known(kept.ids.tolist())
        ids = self.labels.ids.tolist()
        stays = [n for n, key in enumerate(ids) if type(key) is not str or key not in gone]
        return replace(kept, labels=self.labels.at(np.array(stays, dtype=np.intp)))

    def runs(self, longest: int, pane_ms: int) -> Iterator[Indexes]:
        """Cut the rows so that those of a run have one version, and an odd one is a run of its own.

        Where versions alternate, those of one pane are put together: none is late for it. Where an
        id may come twice, all stay as they are: which of them is refused depends on the order.
        """
        together = len(self.names) == 1 or self.distinct
        for first in range(0, self.rows, longest):
            rows = np.arange(first, min(first + longest, self.rows))
            versions = self.versions[rows]
            if (versions == versions[0]).all() and not self.odd:
                yield rows
                continue
            odd = np.isin(rows, list(self.odd))
            # Pieces between odd rows have even numbers, and odd rows odd ones.
            pieces = [
                np.cumsum(odd) * 2 - odd,
                self.times[rows] // pane_ms if together else versions,
            ]
            change = np.any([np.diff(one) != 0 for one in pieces], axis=0)
            for piece in np.split(rows, np.flatnonzero(change) + 1):
                of = self.versions[piece]
                for version in dict.fromkeys(of.tolist()):
                    yield piece[of == version]


def merged(parts: Sequence[History], more: Sequence[Labels] = ()) -> History:
    """Pieces of one model's past as one, in order of time, and labels that came apart from it.

    Rows of one time stay in the order of the pieces.
    """
    names = tuple(dict.fromkeys(name for part in parts for name in part.names))
    starts = np.cumsum([0, *(part.rows for part in parts[:-1])])
    features = {
        name: _joined([_or_null(part, name, parts) for part in parts])
        for name in dict.fromkeys(name for part in parts for name in part.features)
    }
    wrong = {
        name: np.concatenate([part.wrong.get(name, np.zeros(part.rows, bool)) for part in parts])
        for name in dict.fromkeys(name for part in parts for name in part.wrong)
    }
    scored = any(part.scores is not None for part in parts)
    named = any(part.ids is not None for part in parts)
    one = History(
        parts[0].model_id,
        np.concatenate([part.times for part in parts]),
        _joined([_ids(part, n) for n, part in enumerate(parts)]) if named else None,
        names,
        np.concatenate([_renamed(part, names) for part in parts]),
        _joined([part.predictions for part in parts]),
        np.concatenate([_scores(part) for part in parts]) if scored else None,
        features,
        wrong,
        _shifted([part.odd for part in parts], starts.tolist()),
        _labels([*(part.labels for part in parts), *more]),
    )
    order = np.argsort(one.times, kind="stable")
    return one if (np.diff(order) == 1).all() else one.at(order)


def known(ids: Sequence[Any]) -> set[Any]:
    """All that can be ids; what an odd row has instead may be anything."""
    try:
        return set(ids)
    except TypeError:
        return {key for key in ids if type(key) is str}


def _labels(parts: Sequence[Labels]) -> Labels:
    starts = np.cumsum([0, *(part.rows for part in parts[:-1])])
    one = Labels(
        np.concatenate([part.times for part in parts]),
        np.concatenate([part.ids for part in parts]),
        _joined([part.values for part in parts]),
        _shifted([part.odd for part in parts], starts.tolist()),
    )
    return one.at(np.argsort(one.times, kind="stable"))


def _moved(odd: Mapping[int, bytes], kept: Indexes) -> dict[int, bytes]:
    if not odd:
        return {}
    return {n: odd[k] for n, k in enumerate(kept.tolist()) if k in odd}


def _shifted(odd: Sequence[Mapping[int, bytes]], starts: Sequence[int]) -> dict[int, bytes]:
    """Odd rows of pieces by their places in the whole."""
    return {
        start + k: value
        for rows, start in zip(odd, starts, strict=True)
        for k, value in rows.items()
    }


def _joined(columns: Sequence[Cells]) -> Cells:
    """Columns one after the other; numbers beside other things are things."""
    if len(columns) == 1:
        return columns[0]
    if any(column.dtype == object for column in columns):
        columns = [column.astype(object) for column in columns]
    return np.concatenate(columns)


def _or_null(part: History, name: str, parts: Sequence[History]) -> Cells:
    if name in part.features:
        return part.features[name]
    like = next(other.features[name] for other in parts if name in other.features)
    return np.full(part.rows, None if like.dtype == object else np.nan, dtype=like.dtype)


def _ids(part: History, n: int) -> Cells:
    if part.ids is not None:
        return part.ids
    return np.array([f"row/{n}/{k}" for k in range(part.rows)], dtype=object)


def _renamed(part: History, names: tuple[str, ...]) -> npt.NDArray[np.int32]:
    index = np.array([names.index(name) for name in part.names], dtype=np.int32)
    return index[part.versions]


def _scores(part: History) -> npt.NDArray[np.float64]:
    return np.full(part.rows, np.nan) if part.scores is None else part.scores
