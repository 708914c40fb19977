"""Has a distribution moved? The judgement that features, predictions and scores share."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from monitor.detectors.calibrated import Reality, judge_calibrated, realities
from monitor.detectors.comparison import Comparison, Measure, compare_column
from monitor.detectors.explained import explained
from monitor.detectors.features import ColumnCounts
from monitor.detectors.finding import Finding
from monitor.detectors.severity import grade, limit_told, rank
from monitor.detectors.window import InputWindow
from monitor.detectors.wording import against, count, moved, share_of, small
from monitor.registry.specs import (
    JS_DIVERGENCE,
    PSI,
    DataDriftSpec,
    PredictionDriftSpec,
    Thresholds,
)
from monitor.stats.grid import Counts, Grid

_DEFAULTS = {"psi": PSI, "js_divergence": JS_DIVERGENCE}


def judge_columns(
    detector: str,
    window: InputWindow,
    columns: Sequence[ColumnCounts],
    spec: DataDriftSpec | PredictionDriftSpec,
    with_js: Collection[str] = (),
) -> list[Finding]:
    """Judge columns of a window together, and explain what has moved.

    Of the subjects `with_js` the JS divergence is graded too.
    """
    known = realities(window.calibrated, columns) if window.calibrated else {}
    found = [
        judge_distribution(
            detector,
            column.subject,
            column.current,
            column.reference,
            column.grid,
            thresholds=spec.thresholds,
            min_samples=spec.min_samples,
            with_js=column.subject in with_js,
            reality=known.get(column.subject),
        )
        for column in columns
    ]
    return explained(found, columns, window.calibrated)


def judge_distribution(
    detector: str,
    subject: str,
    current: Counts,
    reference: Counts,
    grid: Grid,
    *,
    thresholds: Mapping[str, Thresholds],
    min_samples: int,
    with_js: bool = False,
    reality: Reality | None = None,
) -> Finding:
    """Grade a column's PSI, and where `with_js` its JS divergence too, by the higher of the two.

    `current` and `reference` are int64[grid.width]; both sides need `min_samples` rows that hold
    a value, else the verdict is insufficient_data. Where PSI says nothing (the baseline holds one
    value only, or most categories are unseen and PSI would rest on the rest), the JS divergence
    is graded instead. With `reality` it is told first whether there is any drift, and PSI alone is
    graded, without what chance adds.
    """
    compared = compare_column(current, reference, grid)
    name = subject.removeprefix("feature/")
    few = _too_few(compared, int(current.sum()), min_samples)
    if few:
        return Finding(
            detector=detector,
            subject=subject,
            statistic="js_divergence" if with_js else "psi",
            verdict="insufficient_data",
            n_reference=compared.valid_reference,
            n_current=compared.valid,
            statistics=compared.statistics,
            message=f"{name}: {few}",
        )
    if reality is not None:
        limits = thresholds.get("psi", PSI)
        share = _moved(compared.psi or compared.js, grid)
        return judge_calibrated(detector, subject, compared, reality, limits, share)
    measure = _decisive(compared, thresholds, min_samples, with_js)
    limits = _limits(thresholds, measure)
    limit = limit_told(measure.value, limits)
    return Finding(
        detector=detector,
        subject=subject,
        statistic=measure.statistic,
        verdict=grade(measure.value, limits),
        value=measure.value,
        threshold=limit,
        expected=measure.expected,
        p_value=compared.p_value,
        n_reference=measure.n_reference,
        n_current=measure.n_current,
        statistics=compared.statistics,
        top_bins=measure.top_bins,
        message=f"{name}: {_told(measure, limit, grid)}",
    )


def _too_few(compared: Comparison, rows: int, least: int) -> str:
    if compared.valid < least or compared.js is None:
        without = rows - compared.valid
        aside = f"; {count(without)} of {count(rows)} rows hold no value" if without else ""
        return f"n={count(compared.valid)} < {count(max(least, 1))} needed{aside}"
    if compared.valid_reference < least:
        return (
            f"the baseline has n={count(compared.valid_reference)} < {count(least)} needed; "
            "rebuild it from more rows, or lower min_samples"
        )
    return ""


def _decisive(
    compared: Comparison, thresholds: Mapping[str, Thresholds], least: int, with_js: bool
) -> Measure:
    assert compared.js is not None
    by_psi = compared.psi
    if by_psi is None or by_psi.n_current < least:
        return compared.js
    if not with_js:
        return by_psi
    # max keeps the first of equals: JS, the article's measure of predictions.
    return max((compared.js, by_psi), key=lambda m: rank(grade(m.value, _limits(thresholds, m))))


def _limits(thresholds: Mapping[str, Thresholds], measure: Measure) -> Thresholds:
    return thresholds.get(measure.statistic, _DEFAULTS[measure.statistic])


def _told(measure: Measure, limit: float | None, grid: Grid) -> str:
    rows = f"n={count(measure.n_current)}"
    if measure.expected is not None:
        rows += f"; {small(measure.expected)} expected by chance"
    return f"{measure.label} {against(measure.value, limit)} ({rows}).{_moved(measure, grid)}"


def _moved(measure: Measure | None, grid: Grid) -> str:
    """Which share has changed most."""
    if measure is None or not measure.top_bins:
        return " No share has changed."
    # An emptied bin weighs most in PSI, a filled one says more to a person.
    top = max(measure.top_bins, key=lambda b: abs(b.current - b.reference))
    return f" {share_of(grid, top.bin)} {moved(top.reference, top.current)}."
