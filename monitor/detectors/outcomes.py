"""What labels say of a window: the metric, the rows that it rests on, and when it may be judged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from monitor.detectors.finding import Finding, Statistics, TopBin
from monitor.detectors.window import OutcomeWindow
from monitor.detectors.wording import count, percent
from monitor.registry.specs import LabelsSpec, PerformanceSpec
from monitor.stats.agreement import balanced_accuracy, matthews
from monitor.stats.grid import Counts
from monitor.stats.performance import METRICS, performance
from monitor.stats.tally import PROPORTION, tally

#: The subject of what labels say: the model as a whole, not one of its columns.
SUBJECT = "performance"
#: How many classes are told one by one.
MOST_CLASSES = 10


@dataclass(frozen=True, slots=True)
class Proportion:
    """`hits` of `rows`."""

    hits: int
    rows: int


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """A metric over one confusion matrix; `proportion` is None where it is none (F1, averages).

    `rows` are those that the metric rests on: all labelled ones for accuracy, the predicted or
    actual positives for precision and recall, and for F1 the greater of the two.
    """

    value: float | None
    rows: int
    labelled: int
    proportion: Proportion | None


def positive_index(window: OutcomeWindow) -> int | None:
    """The row of the positive class, None where there is none to have or the metric needs none."""
    outcomes = window.baseline.outcomes if window.baseline is not None else None
    if window.spec.positive is None or outcomes is None:
        return None
    return outcomes.index(window.spec.positive)


def measure(matrix: Counts, metric: str, positive: int | None) -> Measured:
    """A metric of int64[K, K] confusion counts (rows labels, columns predictions), with its rows.

    >>> measure(np.array([[50, 10], [5, 35]]), "recall", positive=1).proportion
    Proportion(hits=35, rows=40)
    """
    labelled = int(matrix.sum())
    value = performance(matrix, metric, positive)
    if metric == "accuracy":
        return Measured(value, labelled, labelled, Proportion(int(np.trace(matrix)), labelled))
    if positive is None:
        return Measured(value, labelled, labelled, None)
    actual, predicted = int(matrix[positive].sum()), int(matrix[:, positive].sum())
    if metric == "f1":
        return Measured(value, max(actual, predicted), labelled, None)
    rows = predicted if metric == "precision" else actual
    return Measured(value, rows, labelled, Proportion(int(matrix[positive, positive]), rows))


def tested(matrix: Counts, metric: str, positive: int | None) -> Proportion | None:
    """The proportion with which a metric rises and falls, None for averages over classes.

    That of F1 is the share of true positives among all that are positive by label or prediction.

    >>> tested(np.array([[50, 10], [5, 35]]), "f1", positive=1)
    Proportion(hits=35, rows=50)
    """
    counted = tally(matrix, metric, positive)
    return Proportion(*counted) if len(counted) == PROPORTION else None


def figures(window: OutcomeWindow) -> Statistics:
    """Every metric now and in the baseline (`<metric>_reference`), coverage, labels and age.

    Without a positive class those of each class too (`recall/yes`), of the ten with most rows.
    """
    assert window.matrix is not None
    assert window.reference is not None
    positive = positive_index(window)
    found: Statistics = {}
    for matrix, side in ((window.matrix, ""), (window.reference, "_reference")):
        for metric in METRICS:
            found[f"{metric}{side}"] = performance(matrix, metric, positive)
        found[f"balanced_accuracy{side}"] = balanced_accuracy(matrix)
        found[f"mcc{side}"] = matthews(matrix)
        for name, k in _each_class(window) if positive is None else ():
            for metric in METRICS[1:]:
                found[f"{metric}/{name}{side}"] = performance(matrix, metric, k)
    labelled, known = int(window.matrix.sum()), int(window.reference.sum())
    found["coverage"] = labelled / window.predictions if window.predictions else None
    found["coverage_reference"] = (
        known / window.reference_predictions if window.reference_predictions else None
    )
    found["labelled"] = float(labelled)
    found["predictions"] = float(window.predictions)
    found["age_ms"] = float(window.age_ms)
    return found


def _each_class(window: OutcomeWindow) -> list[tuple[str, int]]:
    """Names and rows of the classes that occur, up to ten, most labels and predictions first."""
    outcomes = window.baseline.outcomes if window.baseline is not None else None
    assert outcomes is not None
    assert window.matrix is not None
    assert window.reference is not None
    both = window.matrix + window.reference
    rows = both.sum(axis=0) + both.sum(axis=1)
    most = [k for k in np.argsort(-rows, kind="stable").tolist() if rows[k]]
    return [(outcomes.classes[k], k) for k in most[:MOST_CLASSES]]


def too_early(
    detector: str, statistic: str, window: OutcomeWindow, spec: PerformanceSpec, now: Measured
) -> Finding | None:
    """The finding of a window whose labels cannot be judged yet or at all, None if they can.

    labels_immature while coverage, the labelled share of the predictions, is below
    `labels.min_coverage`; insufficient_data if the metric rests on fewer than `min_samples` rows.
    """
    least, metric, positive = max(spec.min_samples, 1), spec.metric, window.spec.positive
    coverage = now.labelled / window.predictions
    needed = (window.spec.labels or LabelsSpec()).min_coverage
    outcomes = window.baseline.outcomes if window.baseline is not None else None
    classes = outcomes.classes if outcomes is not None else ()
    verdict, message = "insufficient_data", ""
    if metric != "accuracy" and positive is not None and positive not in classes[:-1]:
        message = (
            f"{metric}: the positive class {positive!r} is none of the baseline's "
            f"{len(classes) - 1} ({', '.join(classes[:5])}); mend positive, or the baseline"
        )
    elif window.predictions < least:
        message = f"{metric}: n={count(window.predictions)} predictions < {count(least)} needed"
    elif round(coverage, 9) < round(needed, 9):
        verdict = "labels_immature"
        message = (
            f"{metric}: {percent(coverage)} of {count(window.predictions)} predictions have a "
            f"label, {percent(needed)} needed (labels up to {age(window.age_ms)} old)"
        )
    elif now.rows < least or now.value is None:
        what = _rests_on(metric, now)
        message = f"{metric}: n={count(now.rows)} {what} < {count(least)} needed"
    if not message:
        return None
    return Finding(
        detector=detector,
        subject=SUBJECT,
        statistic=statistic,
        verdict="labels_immature" if verdict == "labels_immature" else "insufficient_data",
        n_reference=int(window.reference.sum()) if window.reference is not None else 0,
        n_current=now.labelled,
        statistics=figures(window),
        message=message,
    )


def unlabelled_before(
    detector: str,
    statistic: str,
    window: OutcomeWindow,
    spec: PerformanceSpec,
    before: Measured,
    now: Measured,
) -> Finding:
    """The finding of a window whose baseline has too few labels at its age to compare with."""
    return Finding(
        detector=detector,
        subject=SUBJECT,
        statistic=statistic,
        verdict="insufficient_data",
        n_reference=before.rows,
        n_current=now.rows,
        statistics=figures(window),
        message=(
            f"{spec.metric}: at a label age of {age(window.age_ms)} the baseline has "
            f"n={count(before.rows)} < {count(max(spec.min_samples, 1))} needed; "
            "rebuild it from more labelled rows, or lower min_samples"
        ),
    )


def _rests_on(metric: str, now: Measured) -> str:
    if now.proportion is None and metric != "f1":
        return "labelled"
    return {
        "accuracy": "labelled",
        "precision": "predicted positives",
        "recall": "actual positives",
        "f1": "positives",
    }[metric]


def age(age_ms: int) -> str:
    """A label age, in the unit that says it shortest.

    >>> age(7 * 86_400_000), age(5_400_000), age(1500)
    ('7 d', '1.5 h', '1.5 s')
    """
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000)):
        if age_ms >= size:
            return f"{age_ms / size:.3g} {unit}"
    return f"{age_ms / 1000:.3g} s"


def confusions(window: OutcomeWindow) -> tuple[TopBin, ...]:
    """The up to three errors whose share of the labelled rows rose most."""
    assert window.matrix is not None
    assert window.reference is not None
    outcomes = window.baseline.outcomes if window.baseline is not None else None
    if outcomes is None or not window.matrix.sum() or not window.reference.sum():
        return ()
    now = window.matrix / window.matrix.sum()
    before = window.reference / window.reference.sum()
    rise = now - before
    np.fill_diagonal(rise, 0.0)
    names = [_class(name) for name in outcomes.classes]
    most = np.argsort(-rise, axis=None, kind="stable")[:3]
    cells = [divmod(i, len(names)) for i in most.tolist()]
    return tuple(
        TopBin(
            bin=f"{names[label]} predicted as {names[predicted]}",
            reference=float(before[label, predicted]),
            current=float(now[label, predicted]),
        )
        for label, predicted in cells
        if rise[label, predicted] > 0
    )


def _class(name: str) -> str:
    return "another class" if name == "__other__" else name
