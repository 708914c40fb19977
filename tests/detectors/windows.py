"""Windows for detectors, made as the stream makes them: columns counted over a baseline's bins."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from monitor.baselines.baseline import Baseline
from monitor.baselines.build import build_baseline
from monitor.detectors.window import Day, InputWindow, OutcomeWindow
from monitor.registry.specs import (
    DAY_MS,
    DataDriftSpec,
    LabelsSpec,
    ModelSpec,
    PerformanceSpec,
    PredictionDriftSpec,
)
from monitor.stats.column import Values, count
from monitor.stats.grid import Counts
from monitor.stats.tally import tally

START, END = 1_700_000_000_000, 1_700_003_600_000
ROWS = 4_000


def spec(**changed: Any) -> ModelSpec:
    """A model for which everything is judged, by the defaults."""
    signals: dict[str, Any] = {
        "data_drift": DataDriftSpec(),
        "prediction_drift": PredictionDriftSpec(),
        "performance": PerformanceSpec(),
        "labels": LabelsSpec(max_delay_ms=8 * DAY_MS),
    }
    return ModelSpec(id="credit", **(signals | changed))


def reference_columns(seed: int = 1, rows: int = ROWS) -> dict[str, Values]:
    """Features of every kind: smooth, skewed, tied, constant, few and many categories."""
    rng = np.random.default_rng(seed)
    return {
        "amount": rng.normal(50.0, 10.0, rows),
        "income": np.round(rng.lognormal(8.0, 1.0, rows)),
        "children": rng.poisson(1.2, rows).astype(float),
        "country_code": np.full(rows, 49.0),
        "color": rng.choice(["red", "green", "blue"], rows, p=[0.5, 0.3, 0.2]).tolist(),
        "town": [f"town {i}" for i in rng.integers(0, 300, rows)],
        "currency": ["EUR"] * rows,
    }


def reference_outputs(seed: int = 2, rows: int = ROWS) -> dict[str, Values]:
    """Predictions of two classes, right in 90 % of the rows; labels up to a day late."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, rows)
    right = rng.random(rows) < 0.9
    predictions = np.where(right, labels, 1 - labels)
    made = START - DAY_MS * 30 + rng.integers(0, DAY_MS, rows)
    return {
        "prediction": predictions.tolist(),
        "score": np.clip(rng.normal(0.3 + 0.4 * predictions, 0.1), 0.0, 1.0),
        "labels": labels.tolist(),
        "prediction_ms": made,
        "label_ms": made + rng.integers(0, DAY_MS, rows),
    }


def baseline(
    columns: Mapping[str, Values] | None = None, outputs: Mapping[str, Values] | None = None
) -> Baseline:
    """A baseline of the columns and outputs, by default of those above."""
    return build_baseline(
        "train-2026-05",
        "credit",
        reference_columns() if columns is None else columns,
        **(reference_outputs() if outputs is None else outputs),
        max_delay_ms=8 * DAY_MS,
    )


def input_window(
    base: Baseline | None,
    columns: Mapping[str, Sequence[object] | Values],
    model: ModelSpec | None = None,
) -> InputWindow:
    """The window of rows given as columns, by feature name, `prediction` and `score`.

    A column that isn't given is null in every row, as the stream counts it.
    """
    rows = max((len(values) for values in columns.values()), default=0)
    counts: Counts | None = None
    if base is not None:
        counts = base.layout.zeros()
        for column in base.layout.columns:
            values = columns.get(column.subject.removeprefix("feature/"), [None] * rows)
            counts[base.layout.slice(column.subject)] = count(column.grid, values)
    return InputWindow(model or spec(), "v7", START, END, base, counts, rows)


def outcome_window(
    base: Baseline | None,
    matrix: Counts | None,
    *,
    model: ModelSpec | None = None,
    predictions: int | None = None,
    history: tuple[float, ...] = (),
    reference: Counts | None = None,
    age_ms: int = DAY_MS,
    days: tuple[Day, ...] | None = (),
) -> OutcomeWindow:
    """The window of a confusion matrix int64[K, K], beside the baseline's at the same label age.

    All its labels came within the first age.
    """
    outcomes = base.outcomes if base is not None else None
    if reference is None and outcomes is not None:
        reference = outcomes.cumulative(age_ms)
    labelled = 0 if matrix is None else int(matrix.sum())
    return OutcomeWindow(
        spec=model or spec(),
        version="v7",
        start_ms=START,
        end_ms=END,
        baseline=base,
        matrix=matrix,
        predictions=labelled if predictions is None else predictions,
        age_ms=age_ms,
        reference=reference,
        reference_predictions=outcomes.predictions if outcomes is not None else 0,
        history=history,
        days=days,
        known=(labelled,),
    )


def days(
    *matrices: Counts, metric: str = "accuracy", positive: int | None = None
) -> tuple[Day, ...]:
    """Days in a row up to the window's end, every prediction labelled."""
    last = END - END % DAY_MS
    return tuple(
        Day(
            last - (len(matrices) - n) * DAY_MS,
            int(matrix.sum()),
            int(matrix.sum()),
            tally(matrix, metric, positive),
        )
        for n, matrix in enumerate(matrices)
    )


def confusion(*rows: Sequence[int]) -> Counts:
    """A matrix of two classes and the other one, which stays empty: rows labels."""
    matrix = np.zeros((3, 3), dtype=np.int64)
    matrix[:2, :2] = rows
    return matrix
