"""Build a baseline from columns of a reference: bins, counts, and outcomes by label age."""

from collections.abc import Mapping
from typing import Literal

import numpy as np

from monitor.baselines.baseline import Baseline
from monitor.baselines.confusion import build_outcomes
from monitor.baselines.history import History, Rows
from monitor.errors import BaselineError
from monitor.stats.column import Values, codes, infer_kind, listed, numbers, taken
from monitor.stats.grid import Grid, build_categorical, build_numeric
from monitor.stats.layout import Column, Layout

Task = Literal["classification", "regression"]
#: How long labels are waited for where the model doesn't say: 30 days.
MAX_DELAY_MS = 30 * 24 * 3_600_000


def build_baseline(
    id: str,
    model_id: str,
    columns: Mapping[str, Values],
    kinds: Mapping[str, str] | None = None,
    prediction: Values | None = None,
    score: Values | None = None,
    labels: Values | None = None,
    prediction_ms: Values | None = None,
    label_ms: Values | None = None,
    max_delay_ms: int = MAX_DELAY_MS,
    task: Task = "classification",
    history: History | None = None,
) -> Baseline:
    """Build a baseline from a reference of equally long columns, one row a prediction.

    `columns` are the features, in the order of the layout; `kinds` declares some of them
    `numeric` or `categorical`, and the others are inferred (`infer_kind`). `prediction` is a
    class, or a number where `task` is regression. With `labels` and `prediction` of a
    classification the baseline has outcomes; their ages are known where `prediction_ms` and
    `label_ms` (milliseconds since 1970) are given. `history` says which rows are the reference, and
    which make the baseline's own windows; without it all are the reference. Outcomes are of all
    rows. Raises BaselineError for a column that cannot be judged later, naming it and the remedy.

    >>> built = build_baseline("b", "m", {"x": [1.0, 2.0], "color": ["red", None]})
    >>> built.rows, dict(built.features)
    (2, {'x': 'numeric', 'color': 'categorical'})
    """
    rows = _rows(
        {
            **columns,
            **{
                name: values
                for name, values in (
                    ("prediction", prediction),
                    ("score", score),
                    ("label", labels),
                    ("timestamp", prediction_ms),
                    ("label timestamp", label_ms),
                )
                if values is not None
            },
        }
    )
    part = np.ones(rows, dtype=np.bool_) if history is None else history.reference
    made = _grids(columns, kinds or {}, part)
    sources = {f"feature/{name}": columns[name] for name in columns}
    if prediction is not None:
        numeric = task == "regression"
        made["prediction"] = _grid(
            "prediction", prediction, "numeric" if numeric else "categorical", part
        )
        sources["prediction"] = prediction
    if score is not None:
        made["score"] = _grid("score", score, "numeric", part)
        sources["score"] = score
    layout = Layout(tuple(Column(subject, grid) for subject, grid in made.items()))
    reference = layout.zeros()
    slots = {subject: codes(grid, sources[subject]) for subject, grid in made.items()}
    for subject, grid in made.items():
        counts = np.bincount(slots[subject][part], minlength=grid.width)
        reference[layout.slice(subject)] = counts
    times = None if prediction_ms is None else numbers(prediction_ms).values[part]
    known = times is not None and bool(np.isfinite(times).any())
    outcomes = None
    if prediction is not None and labels is not None and task == "classification":
        outcomes = build_outcomes(
            prediction, labels, prediction_ms, label_ms, max_delay_ms,
            slots.get("score"), made.get("score"),
        )  # fmt: skip
    return Baseline(
        id=id,
        model_id=model_id,
        layout=layout,
        reference=reference,
        rows=int(part.sum()),
        outcomes=outcomes,
        start_ms=int(np.nanmin(times)) if known and times is not None else None,
        end_ms=int(np.nanmax(times)) if known and times is not None else None,
        own=history.own({s: (slots[s], grid) for s, grid in made.items()}) if history else (),
    )


def _rows(columns: Mapping[str, Values]) -> int:
    """Return the common length of all columns, or raise BaselineError."""
    lengths = {name: len(values) for name, values in columns.items()}
    if not lengths or max(lengths.values()) == 0:
        raise BaselineError("the reference has no rows, and a baseline needs some: give it data")
    rows = next(iter(lengths.values()))
    for name, length in lengths.items():
        if length != rows:
            raise BaselineError(
                f"column {name!r} has {length} rows and the first one {rows}: "
                "a reference has one row a prediction in every column"
            )
    return rows


def _grids(columns: Mapping[str, Values], kinds: Mapping[str, str], part: Rows) -> dict[str, Grid]:
    missing = [name for name in kinds if name not in columns]
    if missing:
        raise BaselineError(
            f"declared features that the reference lacks: {', '.join(missing)}; "
            f"it has {', '.join(columns) or 'none'}"
        )
    decided = {name: kinds.get(name) or infer_kind(values) for name, values in columns.items()}
    empty = [name for name, kind in decided.items() if kind is None]
    if empty:
        raise BaselineError(
            f"no value in any row of {', '.join(empty)}: there is nothing to compare with; "
            "mend the reference, or name the feature under data_drift: exclude"
        )
    return {
        f"feature/{name}": _grid(name, columns[name], kind, part)
        for name, kind in decided.items()
        if kind is not None
    }


def _grid(name: str, values: Values, kind: str, part: Rows) -> Grid:
    """Bins of the reference alone: what came later has no say in them."""
    reference = values if part.all() else taken(values, part)
    try:
        if kind == "numeric":
            return build_numeric(numbers(reference).values)
        if kind == "categorical":
            return build_categorical(listed(reference))
    except BaselineError as error:
        raise BaselineError(f"{name}: {error}{_later(values, reference)}") from None
    raise BaselineError(f"{name}: unknown kind {kind!r}; known: categorical, numeric")


def _later(values: Values, reference: Values) -> str:
    """What else helps where the reference is only the earlier part of a history."""
    if len(values) == len(reference):
        return ""
    return (
        f", let the history begin where the column does, or build without own windows: all "
        f"{len(values)} rows are the reference then"
    )
