"""Predictions and their labels as confusion counts by label age."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from monitor.baselines.by_score import count_by_score
from monitor.baselines.outcomes import OTHER_CLASS, Outcomes, age_limits
from monitor.errors import BaselineError
from monitor.stats.column import Values, listed, numbers
from monitor.stats.grid import Grid, NumericGrid, canonical, is_null

#: Confusion counts grow with the square of the classes.
MOST_CLASSES = 100


def build_outcomes(
    predictions: Values,
    labels: Values,
    prediction_ms: Values | None,
    label_ms: Values | None,
    max_delay_ms: int,
    scores: npt.NDArray[np.int32] | None = None,
    grid: Grid | None = None,
) -> Outcomes:
    """Count the labels that came within `max_delay_ms` of their prediction, by age.

    A null label has not come; a row without a prediction isn't counted at all. Where one of the
    times isn't given, the ages are unknown and every label counts. With `scores`, the slots of the
    rows in `grid`, labels are counted by score too. Raises BaselineError if a labelled row lacks
    its time, or if labels and predictions have no class in common.

    >>> found = build_outcomes(["a", "b", "a"], ["a", "a", None], [0, 0, 0], [1, 9, None], 8)
    >>> found.classes, found.cumulative(8).tolist(), found.predictions
    (('a', 'b', '__other__'), [[1, 0, 0], [0, 0, 0], [0, 0, 0]], 3)
    """
    predicted, labelled = listed(predictions), listed(labels)
    has = np.array([not is_null(value) for value in predicted], dtype=np.bool_)
    both = has & np.array([not is_null(value) for value in labelled], dtype=np.bool_)
    rows = np.flatnonzero(both)
    labelled = [labelled[i] for i in rows.tolist()]
    classes = _classes([value for value in predicted if not is_null(value)], labelled)
    ages = age_limits(max_delay_ms)
    k = len(classes)
    empty = Outcomes(classes, ages, np.zeros((len(ages), k, k), dtype=np.int64), int(has.sum()))
    bucket = np.zeros(rows.size, dtype=np.int64)
    ages_known = prediction_ms is not None and label_ms is not None
    if prediction_ms is not None and label_ms is not None:
        age = _ages(numbers(prediction_ms).values[rows], numbers(label_ms).values[rows])
        bucket = np.searchsorted(ages, age, "left")
    row, column = empty.codes(labelled), empty.codes([predicted[i] for i in rows.tolist()])
    inside = bucket < len(ages)
    cell = (bucket[inside] * k + row[inside]) * k + column[inside]
    counts = np.bincount(cell, minlength=len(ages) * k * k).reshape(len(ages), k, k)
    by_score = None
    if scores is not None and isinstance(grid, NumericGrid):
        by_score = count_by_score(row[inside], column[inside], scores[rows][inside], k, grid)
    return Outcomes(classes, ages, counts, empty.predictions, ages_known, by_score)


def _ages(made: npt.NDArray[np.float64], came: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    lacking = int(np.sum(~np.isfinite(made) | ~np.isfinite(came)))
    if lacking:
        raise BaselineError(
            f"{lacking} of {made.size} labelled rows lack a time of the prediction or of the "
            "label: fill it in, or build the baseline without label times"
        )
    return came - made


def _classes(predictions: Sequence[object], labels: Sequence[object]) -> tuple[str, ...]:
    made, came = Counter(map(canonical, predictions)), Counter(map(canonical, labels))
    if came and not set(made) & set(came):
        raise BaselineError(
            f"labels and predictions have no class in common: predicted were "
            f"{_some(made)}, labels are {_some(came)}; write both alike"
        )
    both = made + came
    ranked = sorted(
        (name for name in both if name is not None and name != OTHER_CLASS),
        key=lambda name: (-both[name], name),
    )
    return (*sorted(ranked[:MOST_CLASSES]), OTHER_CLASS)


def _some(names: Counter[str | None]) -> str:
    return ", ".join(str(name) for name, _ in names.most_common(3))
