"""Do the inputs still come whole? Rates of null, mistyped, unseen and out-of-range values.

Each rate is graded by how far it lies above the baseline's own, and only if the exact one-sided
test says that this is no chance; the worst one is the feature's finding. Unlike data drift this
sees what fills no bin of the baseline, so an empty or a constant feature is judged too.
"""

from __future__ import annotations

from dataclasses import dataclass

from monitor.detectors.explained import explained
from monitor.detectors.features import ColumnCounts, judged_features
from monitor.detectors.finding import Finding, Grade, Statistics, TopBin
from monitor.detectors.registry import detector
from monitor.detectors.severity import grade, limit_told, rank
from monitor.detectors.window import InputWindow
from monitor.detectors.wording import against, chance, count, moved, number
from monitor.registry.specs import RATES, Thresholds
from monitor.stats.grid import CategoricalGrid, NumericGrid
from monitor.stats.rates import Rate, rates

#: A rate is above the baseline's where chance alone gives it less often than this.
SIGNIFICANCE = 0.001

_WORDS = {
    "null_rate": ("null rate", "Nulls"),
    "type_error_rate": ("type error rate", "Values of a wrong type"),
    "unseen_rate": ("unseen rate", "Categories unseen in the baseline"),
    "out_of_range_rate": ("out-of-range rate", "Values out of the baseline's range"),
}


@dataclass(frozen=True, slots=True)
class _Graded:
    name: str
    rate: Rate
    excess: float
    p_value: float
    grade: Grade


@detector("data_quality", signal="data_drift")
def judge(window: InputWindow) -> list[Finding]:
    """The worst rate of every feature that the configuration includes.

    `value` is the excess over the baseline's rate, which the limits are about; `statistics` has
    each rate, and the baseline's as `<rate>_reference`. A rate needs `min_samples` rows: all rows
    for null and type errors, those that hold a value for the others.
    """
    spec = window.spec.data_drift
    if spec is None:
        return []
    limits = spec.thresholds.get("rates", RATES)
    features = list(judged_features(window))
    found = [_judge(feature, limits, spec.min_samples) for feature in features]
    return explained(found, features, window.calibrated)


def _judge(feature: ColumnCounts, limits: Thresholds, least: int) -> Finding:
    found = rates(feature.current, feature.reference, feature.grid)
    statistics: Statistics = {name: rate.value for name, rate in found.items()}
    statistics |= {f"{name}_reference": rate.reference for name, rate in found.items()}
    statistics |= {f"{name}_p": rate.p_value for name, rate in found.items()}
    graded = [
        _Graded(name, rate, excess, p_value, _grade(excess, p_value, limits))
        for name, rate in found.items()
        if (excess := rate.excess) is not None
        and (p_value := rate.p_value) is not None
        and rate.rows >= least
    ]
    name = feature.subject.removeprefix("feature/")
    rows, reference_rows = int(feature.current.sum()), int(feature.reference.sum())
    if not graded:
        return Finding(
            detector="data_quality",
            subject=feature.subject,
            statistic="null_rate",
            verdict="insufficient_data",
            n_reference=reference_rows,
            n_current=rows,
            statistics=statistics,
            message=f"{name}: n={count(rows)} < {count(max(least, 1))} needed",
        )
    worst = max(graded, key=lambda rate: (rank(rate.grade), rate.excess))
    # What chance explains has exceeded no limit, however high it is.
    limit = limit_told(worst.excess if worst.grade != "low" else -1.0, limits)
    return Finding(
        detector="data_quality",
        subject=feature.subject,
        statistic=worst.name,
        verdict=worst.grade,
        value=worst.excess,
        threshold=limit,
        expected=0.0,
        p_value=worst.p_value,
        n_reference=worst.rate.reference_rows,
        n_current=worst.rate.rows,
        statistics=statistics,
        top_bins=_slots(worst, feature),
        message=f"{name}: {_told(worst, limit)}",
    )


def _grade(excess: float, p_value: float, limits: Thresholds) -> Grade:
    return grade(excess, limits) if p_value < SIGNIFICANCE else "low"


def _told(worst: _Graded, limit: float | None) -> str:
    rate, (label, what) = worst.rate, _WORDS[worst.name]
    now, before = rate.value or 0.0, rate.reference or 0.0
    rows = f"n={count(rate.rows)}"
    if worst.grade == "low" and limit is not None and worst.excess > limit:
        return (
            f"{label} {worst.excess:.3f} above the baseline's, which chance explains "
            f"({rows}; p {chance(worst.p_value)}, {SIGNIFICANCE} needed). "
            f"{what} {moved(before, now)}."
        )
    if worst.excess <= 0:
        return f"{label} not above the baseline's ({rows}). {what} {moved(before, now)}."
    return (
        f"{label} above the baseline's by {against(worst.excess, limit)} "
        f"({rows}; p {chance(worst.p_value)} by chance). {what} {moved(before, now)}."
    )


def _slots(worst: _Graded, feature: ColumnCounts) -> tuple[TopBin, ...]:
    """The slots that make up a rate, the fullest first, as shares of the rows it is a rate of."""
    grid, rate = feature.grid, worst.rate
    slots: dict[str, int] = {}
    match worst.name:
        case "null_rate":
            slots = {"null": grid.NULL}
        case "type_error_rate":
            slots = {"wrong type": grid.TYPE_ERROR}
        case "unseen_rate" if isinstance(grid, CategoricalGrid):
            slots = {"unseen categories": grid.UNSEEN}
        case "out_of_range_rate" if isinstance(grid, NumericGrid):
            slots = {
                f"below {number(float(grid.edges[0]))}": 0,
                f"above {number(float(grid.edges[-1]))}": grid.bins - 1,
                "infinite": grid.NONFINITE,
            }
    bins = [
        TopBin(
            bin=text,
            reference=int(feature.reference[slot]) / rate.reference_rows,
            current=int(feature.current[slot]) / rate.rows,
        )
        for text, slot in slots.items()
        if feature.current[slot]
    ]
    return tuple(sorted(bins, key=lambda found: -found.current))
