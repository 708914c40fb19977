"""What a detector is given: the counts of one closed window, beside those of its baseline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from monitor.baselines.baseline import Baseline
from monitor.calibration.usual import Usual
from monitor.registry.specs import ModelSpec
from monitor.stats.grid import Counts


@dataclass(frozen=True, slots=True, eq=False)
class Calibrated:
    """What is usual of each column, by subject, and its last looks: int64[K] each, in time order.

    `ends` are the ends of the looks' windows, each `size_ms` long, in ms. `alpha` is the chance
    with which the columns of one look together may be found wrongly, within a budget of so many
    `false_alarms` a month.
    """

    usual: Mapping[str, Usual]
    looks: Mapping[str, Sequence[Counts]]
    alpha: float
    false_alarms: float
    ends: Mapping[str, Sequence[int]] = field(default_factory=dict)
    size_ms: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class InputWindow:
    """The inputs and outputs of one model version over one window of event time.

    `counts` is flat, of the width of the baseline's layout, and None where there is no
    baseline, because then there are no bins to count in; `rows` are the predictions seen
    either way. Without `calibrated` nothing is known of what is usual. Times are milliseconds
    since 1970, the end exclusive.
    """

    spec: ModelSpec
    version: str
    start_ms: int
    end_ms: int
    baseline: Baseline | None
    counts: Counts | None
    rows: int
    calibrated: Calibrated | None = None


class Day(msgspec.Struct, array_like=True, frozen=True):
    """Predictions of one day from `start_ms`, how many are labelled, and the metric's tally."""

    start_ms: int
    predictions: int
    labelled: int
    tally: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class OutcomeWindow:
    """Labels beside predictions, of the predictions made in one window of event time.

    `matrix` (K × K, rows are labels, columns predictions) counts the labels that were known
    within `age_ms` of their prediction; `reference` is the baseline's matrix at the same age,
    so that late labels don't look like errors. Both are over the baseline's classes and None
    where it has none. `predictions` and `reference_predictions` count labelled or not.
    `history` holds the metric of the preceding periods at the same age, oldest first. `days` are
    the whole days (UTC) before the window's end of which anything was counted, the latest fourteen
    at most, oldest first, at the same age; None where they were judged before, and none has ended
    since. `known` is how many labels had come by each age limit up to `age_ms`.
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
    days: tuple[Day, ...] | None = None
    known: tuple[int, ...] = ()


Window = InputWindow | OutcomeWindow
