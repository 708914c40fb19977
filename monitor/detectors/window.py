"""What a detector is given: the counts of one closed window, beside those of its baseline."""

from __future__ import annotations

from dataclasses import dataclass

from monitor.baselines.baseline import Baseline
from monitor.registry.specs import ModelSpec
from monitor.stats.grid import Counts


@dataclass(frozen=True, slots=True, eq=False)
class InputWindow:
    """The inputs and outputs of one model version over one window of event time.

    `counts` is flat, of the width of the baseline's layout, and None where there is no
    baseline, because then there are no bins to count in; `rows` are the predictions seen
    either way. Times are milliseconds since 1970, the end exclusive.
    """

    spec: ModelSpec
    version: str
    start_ms: int
    end_ms: int
    baseline: Baseline | None
    counts: Counts | None
    rows: int


@dataclass(frozen=True, slots=True, eq=False)
class OutcomeWindow:
    """Labels beside predictions, of the predictions made in one window of event time.

    `matrix` (K × K, rows are labels, columns predictions) counts the labels that were known
    within `age_ms` of their prediction; `reference` is the baseline's matrix at the same age,
    so that late labels don't look like errors. Both are over the baseline's classes and None
    where it has none. `predictions` and `reference_predictions` count labelled or not.
    `history` holds the metric of the preceding periods at the same age, oldest first.
    """

    spec: ModelSpec
    version: str
    start_ms: int
    end_ms: int
    baseline: Baseline | None
    matrix: Counts | None
    predictions: int
    age_ms: int
    reference: Counts | None
    reference_predictions: int
    history: tuple[float, ...] = ()


Window = InputWindow | OutcomeWindow
