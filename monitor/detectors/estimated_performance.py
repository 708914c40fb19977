"""Will labels say that the model has become worse? An estimate, from its scores alone."""

from __future__ import annotations

from monitor.baselines.baseline import Baseline
from monitor.baselines.by_score import ByScore
from monitor.detectors.features import ColumnCounts, column_counts
from monitor.detectors.finding import Finding, Statistics
from monitor.detectors.registry import detector
from monitor.detectors.severity import grade, limit_told
from monitor.detectors.window import InputWindow
from monitor.detectors.wording import against, chance, count, percent
from monitor.registry.specs import DROP, ModelSpec, Thresholds
from monitor.stats.cells import valid_rows
from monitor.stats.estimated import MOST_UNKNOWN, Estimate, estimated_accuracy, estimated_auc
from monitor.stats.grid import Counts, NumericGrid
from monitor.stats.score_cells import LEAST, ScoreCells

NAME, SUBJECT, STATISTIC = "estimated_performance", "performance", "estimated_accuracy_drop"
ASSUMED = "An estimate: it holds if a score means what it meant in the baseline."


def estimable(baseline: Baseline | None) -> bool:
    """Whether a baseline knows what its scores were worth."""
    outcomes = baseline.outcomes if baseline is not None else None
    return outcomes is not None and outcomes.by_score is not None


@detector(NAME, signal="prediction_drift", answers=estimable)
def judge(window: InputWindow) -> list[Finding]:
    """The drop of the accuracy that the window's scores promise below the baseline's, graded.

    By the limits of a drop that is measured. `statistics` has the estimate, where labels will put
    it (`estimated_accuracy_interval`), the baseline's, and, where a class is declared positive,
    the same of the AUC; `unknown_scores` is the share of rows with a score of which the baseline
    has no labels. `p_value` is the chance of as low an estimate if the scores come as they did.
    """
    spec, baseline = window.spec.prediction_drift, window.baseline
    by_score = baseline.outcomes.by_score if baseline and baseline.outcomes else None
    if spec is None or by_score is None or window.spec.task != "classification":
        return []
    column = column_counts(window, "score")
    found = estimated_accuracy(_cells(column, by_score, by_score.right))
    rows, labelled = valid_rows(column.current, column.grid), int(by_score.labelled.sum())
    statistics = _figures("accuracy", found) | _figures("auc", _auc(window, column, by_score))
    few = _too_few(rows, labelled, spec.min_samples, found)
    if few or found is None:
        return [
            Finding(
                detector=NAME,
                subject=SUBJECT,
                statistic=STATISTIC,
                verdict="insufficient_data",
                n_reference=labelled,
                n_current=rows,
                statistics=statistics,
                message=f"accuracy, estimated: {few}",
            )
        ]
    drop, limits = found.reference - found.value, _limits(window.spec)
    limit = limit_told(drop, limits)
    return [
        Finding(
            detector=NAME,
            subject=SUBJECT,
            statistic=STATISTIC,
            verdict=grade(drop, limits),
            value=drop,
            threshold=limit,
            expected=0.0,
            p_value=found.p_value,
            n_reference=labelled,
            n_current=rows,
            statistics=statistics,
            message=_told(found, drop, limit, rows),
        )
    ]


def _cells(column: ColumnCounts, by_score: ByScore, hits: Counts) -> ScoreCells:
    assert isinstance(column.grid, NumericGrid)
    bins = column.grid.bins
    return ScoreCells.of(column.current[:bins], column.reference[:bins], by_score.labelled, hits)


def _auc(window: InputWindow, column: ColumnCounts, by_score: ByScore) -> Estimate | None:
    outcomes = window.baseline.outcomes if window.baseline is not None else None
    positive = window.spec.positive
    if outcomes is None or positive is None or positive not in outcomes.classes[:-1]:
        return None
    return estimated_auc(_cells(column, by_score, by_score.labels[outcomes.index(positive)]))


def _figures(metric: str, found: Estimate | None) -> Statistics:
    name = f"estimated_{metric}"
    if found is None:
        return {name: None, f"{name}_reference": None, f"{name}_interval": None}
    figures: Statistics = {
        name: found.value,
        f"{name}_reference": found.reference,
        f"{name}_interval": [found.interval.low, found.interval.high],
    }
    return figures | ({"unknown_scores": found.unknown} if metric == "accuracy" else {})


def _limits(spec: ModelSpec) -> Thresholds:
    """Those of a measured drop, where they are of the accuracy."""
    performance = spec.performance
    if performance is None or performance.metric != "accuracy":
        return DROP
    return performance.thresholds.get("drop", DROP)


def _too_few(rows: int, labelled: int, least: int, found: Estimate | None) -> str:
    needed = count(max(least, 1))
    if rows < max(least, 1):
        return f"n={count(rows)} scores < {needed} needed"
    if labelled < least:
        return (
            f"the baseline has n={count(labelled)} labelled scores < {needed} needed; "
            "rebuild it from more labelled rows, or lower min_samples"
        )
    if found is None:
        return (
            f"more than {percent(MOST_UNKNOWN)} of n={count(rows)} scores lie where the baseline "
            f"has fewer than {LEAST} labels; rebuild it from labelled rows with such scores"
        )
    return ""


def _told(found: Estimate, drop: float, limit: float | None, rows: int) -> str:
    if drop:
        change = f"{'falls' if drop > 0 else 'rises'} from {found.reference:.3f} to"
    else:
        change = "stays at"
    by_chance = f"; p {chance(found.p_value)} by chance" if drop > 0 else ""
    return (
        f"accuracy, estimated, {change} {found.value:.3f}: drop {against(drop, limit)} "
        f"(n={count(rows)}; labels will put it at {found.interval.low:.3f} to "
        f"{found.interval.high:.3f}{by_chance}). {ASSUMED}"
    )
