"""Which windows there are, what each detector says of them, and the events that tell it."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import numpy as np
from scipy import stats

from tests.e2e.oracle import figures
from tests.e2e.oracle.estimated import estimate
from tests.e2e.oracle.figures import Counts, compare, excess_p, grade, limit_told
from tests.e2e.oracle.intake import Row, canonical
from tests.e2e.oracle.setting import DROP, GRADES, HOUR, JS, PSI, RATES, Model, Signal

DAY = 24 * HOUR
_OF_LABELS = ("concept_drift", "label_coverage", "performance", "performance_trend")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
OTHER = "__other__"


#: Refused predictions by the start of the pane in which the watermark stood, by outcome.
Lost = Mapping[int, Mapping[str, int]]


@dataclass
class Finding:
    """What a detector says of a subject: the fields of a drift event by name, where it has any."""

    subject: str
    statistic: str
    verdict: str
    n_current: int
    value: float | None = None
    fields: dict[str, Any] = field(default_factory=dict)
    #: Figures that must lie between what raw arrays give.
    within: dict[str, tuple[float, float]] = field(default_factory=dict)
    #: Whether it is told with the finding on the whole input.
    part: bool = False
    #: The features that a finding on the whole input names.
    names: frozenset[str] = frozenset()


@dataclass
class Judgement:
    """All that one detector says of one window; performance has an age.

    It is decidable when all that it needs has come, and settled when no other revision follows.
    """

    model: Model
    version: str
    detector: str
    start: int
    end: int
    predictions: int
    findings: list[Finding]
    revision: int = 0
    age: int | None = None
    #: How well the stream was seen while the window was filled, as its events tell it.
    health: dict[str, Any] = field(default_factory=dict)
    #: Predictions of all versions in the window.
    of_all: int = 0
    decidable: bool = True
    settled: bool = True

    @property
    def status(self) -> dict[str, bool]:
        """What of an event tells whether more may come."""
        provisional = not self.decidable and not self.settled
        return {
            "provisional": provisional, "decidable": self.decidable, "settled": self.settled
        }  # fmt: skip

    def health_as(self, told: Mapping[str, Any]) -> dict[str, Any]:
        """The health that an event must tell.

        A live model's time goes on by heartbeats too, of which the log says nothing: which window
        a refused event falls to isn't known, but what must follow from it is.
        """
        if self.model.clock == "events":
            return self.health
        counts = {name: told[name] for name in ("late", "dead", "quarantined")}
        return _status(self.of_all, self.version, counts)

    @property
    def silent(self) -> bool:
        """Whether nothing came from the model, of any version."""
        return not self.version

    def key(self, subject: str) -> str:
        """What identifies an event whatever its revision."""
        parts = (
            self.model.id, self.version, self.detector, subject, "", str(self.start), str(self.end)
        )  # fmt: skip
        return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]

    @property
    def window(self) -> dict[str, str]:
        return {"start": told(self.start), "end": told(self.end)}


def told(ms: int) -> str:
    """RFC 3339; the windows of the tests begin and end at whole seconds."""
    return (_EPOCH + timedelta(milliseconds=ms)).strftime("%Y-%m-%dT%H:%M:%SZ")


def judge(model: Model, rows: Sequence[Row], lost: Lost) -> list[Judgement]:
    """Every judgement of a model whose stream has ended; what it lost, by the start of a pane."""
    judged = [*_inputs(model, rows, model.data_drift, (("data_drift", _drift_of_features),
                                                       ("data_quality", _quality)))]  # fmt: skip
    outputs: list[tuple[str, Any]] = [("prediction_drift", _drift_of_predictions)]
    if _estimable(model):
        outputs.append(("estimated_performance", _estimated))
    judged += _inputs(model, rows, model.prediction_drift, outputs)
    if model.performance and model.max_delay is not None:
        judged += _performance(model, rows)
    for judgement in judged:
        judgement.health = _health(judgement, judged, lost)
    spans = {(j.start, j.end): j for j in judged if j.silent}
    return judged + [_silence(j) for j in spans.values()]


def _silence(judgement: Judgement) -> Judgement:
    """That a model has fallen silent is a finding of its own, one for a window."""
    fields = {"threshold": None, "expected": None, "p_value": None, "n_reference": 0}
    finding = Finding("model", "rows", "medium", 0, None, fields | {"statistics": {}})
    return replace(judgement, detector="no_traffic", findings=[finding])


def _health(judgement: Judgement, judged: Sequence[Judgement], lost: Lost) -> dict[str, Any]:
    """Healthy up to a twentieth lost, blind beyond half, or where nothing came."""
    rows = sum(j.predictions for j in judged if _moment(j) == _moment(judgement))
    judgement.of_all = rows
    during = [n for start, n in lost.items() if judgement.start <= start < judgement.end]
    counts = {name: sum(n[name] for n in during) for name in ("late", "dead", "quarantined")}
    return _status(rows, judgement.version, counts)


def _moment(judgement: Judgement) -> tuple[Any, ...]:
    """What the judgements of several versions at one moment share."""
    j = judgement
    return j.detector, j.start, j.end, j.age, j.age is None and not j.decidable


def _status(rows: int, version: str, counts: Mapping[str, int]) -> dict[str, Any]:
    missing = sum(counts.values())
    reasons = ["no_traffic"] if rows == 0 else []
    if 20 * missing > rows + missing:
        rates = {"late": "late_rate", "dead": "dead_rate", "quarantined": "quarantine_rate"}
        reasons += [rates[name] for name, n in counts.items() if 60 * n > rows + missing]
    if version == OTHER:
        reasons.append("overflow")
    blind = rows == 0 or 2 * missing > rows + missing
    status = "blind" if blind else "degraded" if reasons else "healthy"
    return {"status": status, "reasons": reasons, "partitions": [], **counts}


def _ends(signal: Signal, rows: Sequence[Row]) -> range:
    """The ends of the windows from the first that holds a row to the last."""
    times = [row.time for row in rows]
    first, last = min(times) // signal.hop * signal.hop, max(times) // signal.hop * signal.hop
    return range(first + signal.hop, last + signal.size + 1, signal.hop)


def _inputs(
    model: Model, rows: Sequence[Row], signal: Signal | None, detectors: Sequence[tuple[str, Any]]
) -> Iterator[Judgement]:
    if signal is None or not rows:
        return
    silent = False
    for end in _ends(signal, rows):
        start = end - signal.size
        inside = [row for row in rows if start <= row.time < end]
        if not inside and silent:
            continue  # a silence is told once, at its beginning
        silent = not inside

        def asked(
            rows: Sequence[Row], revision: int, known: bool, start: int = start, end: int = end
        ) -> Iterator[Judgement]:
            for version in sorted({row.version for row in rows}) or [""]:
                mine = [row for row in rows if row.version == version]
                told_of: list[tuple[str, list[Finding]]] = []
                for name, question in detectors:
                    said = _unjudgeable(model, len(mine), version)
                    said = said or question(model, signal, mine)
                    told_of.append((name, said))
                if detectors[0][0] == "data_drift":
                    told_of.append(("inputs", _whole(model, version, len(mine), told_of)))
                for name, said in told_of:
                    yield Judgement(
                        model, version, name, start, end, len(mine), said, revision,
                        decidable=known, settled=known,
                    )  # fmt: skip

        early = [r for r in inside if r.on_time or model.pane_end(r.time) + model.lateness <= end]
        if signal.provisional and early:
            yield from asked(early, 0, known=False)
        yield from asked(inside, int(signal.provisional and not silent), known=True)
    if model.clock == "append":
        # The broker's clock goes on, so the silence after the last event is told too.
        start, end = end, end + signal.hop
        assert signal.hop == signal.size, "this oracle knows no silence in sliding windows"
        names = [name for name, _ in detectors]
        for name in [*names, "inputs"] if "data_drift" in names else names:
            yield Judgement(model, "", name, start, end, 0, _unjudgeable(model, 0))


def _whole(
    model: Model, version: str, rows: int, said: Sequence[tuple[str, list[Finding]]]
) -> list[Finding]:
    """The input as a whole: three features or more that moved are one finding, theirs its parts."""
    unjudged = _unjudgeable(model, rows, version)
    if unjudged:
        return unjudged
    assert model.reference is not None
    every = [finding for _, findings in said for finding in findings]
    judged = {f.subject for f in every if f.value is not None}
    if not judged:
        return [Finding("inputs", "features_moved", "insufficient_data", rows)]
    moved = {f.subject for f in every if f.verdict in GRADES}
    names = frozenset(subject.removeprefix("feature/") for subject in moved)
    graver = [f.verdict for f in every if f.verdict in GRADES]
    many = len(moved) > 2
    for finding in every if many else ():
        finding.part = finding.subject in moved
    fields = {
        "threshold": 2.0,
        "expected": None,
        "p_value": None,
        "n_reference": len(next(iter(model.reference.columns.values()))),
        "statistics": {
            "features_moved": float(len(moved)), "features_judged": float(len(judged))
        },
    }  # fmt: skip
    verdict = max(graver, key=GRADES.index) if many else "low"
    return [
        Finding("inputs", "features_moved", verdict, rows, float(len(moved)), fields, names=names)
    ]


def _unjudgeable(model: Model, rows: int, version: str = "") -> list[Finding]:
    if version == OTHER:
        return [Finding("model", "rows", "inconclusive", rows)]
    verdict = "baseline_missing" if model.reference is None else "no_traffic"
    if model.reference is not None and rows:
        return []
    return [Finding("model", "rows", verdict, rows)]


# -- inputs and outputs ----------------------------------------------------------------------------


def _column(model: Model, subject: str, values: Sequence[Any]) -> Any:
    """A column as it is compared: numbers where the baseline has edges, else categories."""
    assert model.reference is not None
    if subject in model.reference.edges:
        if subject == "prediction":  # any scalar may be predicted; what is no number is absent
            good = [v if type(v) in (int, float) else None for v in values]
            return figures.numbers(good)
        return figures.numbers(values)
    return figures.categories(values)


def _sides(model: Model, subject: str, values: Sequence[Any]) -> tuple[Any, Any, Any]:
    assert model.reference is not None
    return (
        _column(model, subject, values),
        _referred(model, subject),
        model.reference.edges.get(subject),
    )


@cache
def _referred(model: Model, subject: str) -> Any:
    assert model.reference is not None
    return _column(model, subject, model.reference.columns[subject])


def _drift_of_features(model: Model, signal: Signal, rows: Sequence[Row]) -> list[Finding]:
    return [
        _distribution(model, signal, f"feature/{name}", [row.features.get(name) for row in rows])
        for name in model.kinds
        if name not in model.exclude
    ]


def _drift_of_predictions(model: Model, signal: Signal, rows: Sequence[Row]) -> list[Finding]:
    assert model.reference is not None
    found = [_distribution(model, signal, "prediction", [row.prediction for row in rows])]
    if "score" in model.reference.columns:
        found.append(_distribution(model, signal, "score", [row.score for row in rows]))
    return found


def _estimable(model: Model) -> bool:
    """Whether the reference has scores with labels: else nobody asks what they promise."""
    reference = model.reference
    return reference is not None and bool(reference.labels) and "score" in reference.columns


def _estimated(model: Model, signal: Signal, rows: Sequence[Row]) -> list[Finding]:
    figures = _promise(model, [row.score for row in rows])
    subject, statistic = "performance", "estimated_accuracy_drop"
    scores = sum(row.score is not None for row in rows)
    labelled = sum(known is not None for known in _right(model))
    p_value = figures.pop("p", None)
    value = figures["estimated_accuracy"]
    if min(scores, labelled) < signal.min_samples or value is None:
        return [Finding(subject, statistic, "insufficient_data", scores)]
    drop = figures["estimated_accuracy_reference"] - value
    return [
        Finding(
            subject,
            statistic,
            grade(drop, DROP),
            scores,
            drop,
            {
                "threshold": limit_told(drop, DROP),
                "expected": 0.0,
                "p_value": p_value,
                "n_reference": labelled,
                "statistics": figures,
                "top_bins": [],
            },
        )
    ]


def _promise(model: Model, scores: Sequence[Any]) -> dict[str, Any]:
    reference = model.reference
    assert reference is not None
    assert model.positive is None, "this oracle knows no AUC before labels"
    fine = reference.edges["score"].fine
    return estimate(scores, reference.columns["score"], _right(model), fine)


@cache
def _right(model: Model) -> list[bool | None]:
    """Whether each prediction of the reference was right; None without a label or a score."""
    reference = model.reference
    assert reference is not None
    assert model.max_delay is not None
    made, scores = reference.columns["prediction"], reference.columns["score"]
    rows = zip(reference.labels, made, reference.ages, scores, strict=True)
    return [
        None if label is None or score is None or age > model.max_delay
        else canonical(label) == canonical(prediction)
        for label, prediction, age, score in rows
    ]  # fmt: skip


def _distribution(model: Model, signal: Signal, subject: str, values: Sequence[Any]) -> Finding:
    with_js = subject == "prediction"
    told_of = compare(*_sides(model, subject, values))
    if min(told_of.valid, told_of.valid_reference) < signal.min_samples or told_of.valid == 0:
        statistic = "js_divergence" if with_js else "psi"
        return Finding(subject, statistic, "insufficient_data", told_of.valid)
    js = told_of.statistics["js_divergence"]
    by_js = ("js_divergence", js, JS, told_of.js_chance, told_of.js_terms,
             (told_of.valid, told_of.valid_reference))  # fmt: skip
    statistic, value, limits, chance, terms, seen = by_js
    if told_of.psi is not None and told_of.seen[0] >= signal.min_samples:
        by_psi = ("psi", told_of.psi, PSI, told_of.chance, told_of.psi_terms, told_of.seen)
        graver = _rank(grade(told_of.psi, PSI)) > _rank(grade(js, JS))
        if not with_js or graver:
            statistic, value, limits, chance, terms, seen = by_psi
    return Finding(
        subject,
        statistic,
        grade(value, limits),
        seen[0],
        value,
        {
            "threshold": limit_told(value, limits),
            "expected": chance,
            "p_value": told_of.p_value,
            "n_reference": seen[1],
            "statistics": told_of.statistics,
            "top_bins": [(before, now) for _, before, now in terms],
        },
        told_of.within,
    )


def _rank(verdict: str) -> int:
    return GRADES.index(verdict) + 1 if verdict in GRADES else 0


def _quality(model: Model, signal: Signal, rows: Sequence[Row]) -> list[Finding]:
    return [
        _rates(model, signal, f"feature/{name}", [row.features.get(name) for row in rows])
        for name in model.kinds
        if name not in model.exclude
    ]


def _rates(model: Model, signal: Signal, subject: str, values: Sequence[Any]) -> Finding:
    """The worst rate: each is (now, of rows, before, of reference rows)."""
    now, before, edges = _sides(model, subject, values)
    rates = {
        "null_rate": (now.nulls, now.rows, before.nulls, before.rows),
        "type_error_rate": (now.mistyped, now.rows, before.mistyped, before.rows),
    }
    if edges is None:
        unseen = sum(n for name, n in now.names.items() if name not in before.names)
        once = sum(n == 1 for n in before.names.values())
        rates["unseen_rate"] = (unseen, now.valid, once, before.valid)
    else:
        low, high = before.values.min(), before.values.max()
        outside = int(np.sum((now.values < low) | (now.values > high)))
        rates["out_of_range_rate"] = (outside, len(now.values), 0, len(before.values))
    statistics: dict[str, Any] = {}
    judged = []
    for name, (count, of, count_before, of_before) in rates.items():
        known = of > 0 and of_before > 0
        p_value = excess_p(count, of, count_before, of_before) if known else None
        statistics[name] = count / of if of else None
        statistics[f"{name}_reference"] = count_before / of_before if of_before else None
        statistics[f"{name}_p"] = p_value
        if known and of >= signal.min_samples:
            excess = count / of - count_before / of_before
            assert p_value is not None
            verdict = grade(excess, RATES) if p_value < 0.001 else "low"
            judged.append((_rank(verdict), excess, name, verdict, p_value, of, of_before))
    if not judged:
        return Finding(subject, "null_rate", "insufficient_data", now.rows)
    worst = max(judged, key=lambda rate: rate[:2])
    _, excess, name, verdict, p_value, of, of_before = worst
    return Finding(
        subject,
        name,
        verdict,
        of,
        excess,
        {
            "threshold": limit_told(excess, RATES),
            "expected": 0.0,
            "p_value": p_value,
            "n_reference": of_before,
            "statistics": statistics,
        },
    )


# -- performance -----------------------------------------------------------------------------------


def _performance(model: Model, rows: Sequence[Row]) -> Iterator[Judgement]:
    """Looked at when enough are labelled, and at half and the whole of the greatest label age."""
    signal, reference = model.performance, model.reference
    if signal is None or not rows:
        return
    published: dict[tuple[str, int], int] = {}
    ended: dict[tuple[str, int], int] = {}
    for n, age in enumerate(model.ages):
        history: dict[str, list[tuple[int, float]]] = {}
        for end in _ends(signal, rows):
            start = end - signal.size
            inside = [row for row in rows if start <= row.time < end]
            for version in sorted({row.version for row in inside}):
                mine = [row for row in inside if row.version == version]
                pairs = [(_known(row, age), row.prediction) for row in mine]
                labelled = [(name, made) for name, made in pairs if name is not None]
                covered = len(labelled) / len(mine) >= model.min_coverage
                before = [v for until, v in history.get(version, []) if until <= start]
                if reference is not None:
                    matrix = _matrix(model, labelled)
                    value = metric(model.metric, matrix, _positive(model))
                    enough = len(labelled) >= signal.min_samples and version != OTHER
                    if covered and enough and value is not None:
                        history.setdefault(version, []).append((end, value))
                if n < 2 and (not covered or (version, end) in published):
                    continue
                revision = published.get((version, end), -1) + 1
                published[version, end] = revision
                midnight = end - end % DAY
                for name in _OF_LABELS:
                    said = _unjudgeable(model, len(mine), version)
                    if name == "performance_trend" and midnight <= ended.get((version, n), 0):
                        continue
                    if not said and name == "performance_trend":
                        of_version = [row for row in rows if row.version == version]
                        said = [_trend(model, of_version, age, midnight)]
                    elif not said and name == "label_coverage":
                        said = [_coverage(model, mine, n)]
                    elif not said:
                        said = [_outcome(model, name, matrix, len(mine), age, before)]
                    yield Judgement(
                        model, version, name, start, end, len(mine), said, revision, age,
                        decidable=reference is not None and covered,
                        settled=n == len(model.ages) - 1,
                    )  # fmt: skip
                ended[version, n] = midnight


def _coverage(model: Model, rows: Sequence[Row], n: int) -> Finding:
    """The labelled share of the predictions at the n-th age, beside the reference's."""
    signal, reference = model.performance, model.reference
    assert signal is not None
    assert reference is not None
    ages = model.ages[: n + 1]
    of, made = len(reference.labels), len(rows)
    came = [sum(_known(row, age) is not None for row in rows) for age in ages]
    pairs = list(zip(reference.labels, reference.ages, strict=True))
    known = [sum(label is not None and at <= age for label, at in pairs) for age in ages]
    labelled, before = came[-1], known[-1]
    fields: dict[str, Any] = {"threshold": None, "expected": None, "n_reference": of}
    fields["p_value"] = None
    statistics: dict[str, Any] = {
        "coverage": labelled / made,
        "coverage_reference": before / of,
        "labelled": float(labelled),
        "predictions": float(made),
        "age_ms": float(ages[-1]),
        "coverage_by_age": [k / made for k in came],
        "coverage_by_age_reference": [k / of for k in known],
        "median_delay_ms": _half(came, ages),
        "median_delay_ms_reference": _half(known, ages),
    }
    fields["statistics"] = statistics
    found = Finding("labels", "coverage_drop", "insufficient_data", made, None, fields)
    if made < signal.min_samples:
        return found
    if n == len(model.ages) - 1 and round(labelled / made, 9) < round(model.min_coverage, 9):
        found.statistic, found.verdict = "coverage_shortfall", "medium"
        found.value = model.min_coverage - labelled / made
        fields |= {"threshold": 0.0, "expected": 0.0}
        return found
    if of < signal.min_samples:
        return found
    found.value = before / of - labelled / made
    p_value = excess_p(made - labelled, made, of - before, of)
    statistics |= {"found": float(p_value <= _level(signal)), "level": _level(signal)}
    fields |= {"threshold": 0.05, "expected": 0.0, "p_value": p_value}
    real = p_value <= _level(signal) and round(found.value, 9) > 0.05
    found.verdict = "medium" if real else "low"
    return found


def _half(known: Sequence[int], ages: Sequence[int]) -> float | None:
    if not known[-1]:
        return None
    return float(min(age for k, age in zip(known, ages, strict=True) if k >= known[-1] / 2))


def _trend(model: Model, rows: Sequence[Row], age: int, midnight: int) -> Finding:
    """No story has the five days that a trend needs: how many labels those have that ended."""
    assert model.performance is not None
    days: dict[int, list[Row]] = {}
    for row in rows:
        days.setdefault(row.time // DAY, []).append(row)
    enough = 0
    for day, of_day in days.items():
        pairs = [(_known(row, age), row.prediction) for row in of_day]
        labelled = [pair for pair in pairs if pair[0] is not None]
        value = metric(model.metric, _matrix(model, labelled), _positive(model))
        covered = len(labelled) / len(of_day) >= model.min_coverage
        many = len(labelled) >= model.performance.min_samples
        if (day + 1) * DAY <= midnight and covered and many and value is not None:
            enough += len(labelled)
    assert len(days) < 5
    return Finding("performance", "projected_drop", "insufficient_data", enough)


def _known(row: Row, age: int) -> str | None:
    """The label of a row as it was known at an age: of those known by then, the last made."""
    by_then = [label for label in row.known if label[0] - row.time <= age]
    return max(by_then, key=lambda label: (label[1], label[2]))[3] if by_then else None


@cache
def _classes(model: Model) -> list[str]:
    assert model.reference is not None
    made = {canonical(value) for value in model.reference.columns["prediction"]}
    came = {canonical(value) for value in model.reference.labels if value is not None}
    return [*sorted(name for name in made | came if name is not None), OTHER]


def _positive(model: Model) -> int | None:
    return None if model.positive is None else _classes(model).index(model.positive)


def _matrix(model: Model, pairs: Sequence[Any]) -> Counts:
    """Confusion counts of (label, prediction); rows are labels."""
    index = {name: n for n, name in enumerate(_classes(model))}
    matrix = np.zeros((len(index), len(index)), dtype=int)
    for pair in pairs:
        row, column = (index.get(canonical(value) or OTHER, -1) for value in pair)
        matrix[row, column] += 1
    return matrix


@cache
def _against(model: Model, age: int) -> Counts:
    """What the reference's labels said at an age."""
    reference = model.reference
    assert reference is not None
    rows = zip(reference.labels, reference.columns["prediction"], reference.ages, strict=True)
    return _matrix(model, [row[:2] for row in rows if row[0] is not None and row[2] <= age])


def metric(name: str, matrix: Counts, positive: int | None) -> float | None:
    """Accuracy, precision, recall, F1; averaged over the classes that occur, or of one class."""
    total = matrix.sum()
    if total == 0:
        return None
    if name == "accuracy":
        return float(np.trace(matrix) / total)
    each = []
    for k in range(len(matrix)) if positive is None else [positive]:
        hits, labels, made = matrix[k, k], matrix[k].sum(), matrix[:, k].sum()
        above, below = {
            "precision": (hits, made), "recall": (hits, labels), "f1": (2 * hits, labels + made)
        }[name]  # fmt: skip
        if positive is not None:
            return float(above / below) if below else None
        if labels + made:
            each.append(above / below if below else 0.0)
    return float(np.mean(each))


def _outcome(
    model: Model,
    detector: str,
    matrix: Counts,
    predictions: int,
    age: int,
    history: Sequence[float],
) -> Finding:
    signal, positive = model.performance, _positive(model)
    assert signal is not None
    reference = model.reference
    assert reference is not None
    against = _against(model, age)
    statistic = f"{model.metric}_drop" if detector == "performance" else "degradation"
    labelled, known = int(matrix.sum()), int(against.sum())
    statistics: dict[str, Any] = {
        "coverage": labelled / predictions,
        "coverage_reference": known / len(reference.columns["prediction"]),
        "labelled": float(labelled),
        "predictions": float(predictions),
        "age_ms": float(age),
    }
    for name in ("accuracy", "precision", "recall", "f1"):
        statistics[name] = metric(name, matrix, positive)
        statistics[f"{name}_reference"] = metric(name, against, positive)
    for side, of in (("", matrix), ("_reference", against)):
        statistics |= {f"{name}{side}": value for name, value in _agreement(of).items()}
        for k, name in enumerate(_classes(model) if positive is None else ()):
            if (matrix + against)[k].any() or (matrix + against)[:, k].any():
                for what in ("precision", "recall", "f1"):
                    statistics[f"{what}/{name}{side}"] = metric(what, of, k)
    now, before = (
        _rests_on(model.metric, matrix, positive),
        _rests_on(model.metric, against, positive),
    )
    value, value_before = statistics[model.metric], statistics[f"{model.metric}_reference"]
    early = Finding("performance", statistic, "insufficient_data", labelled)
    if predictions < signal.min_samples:
        return early
    if round(labelled / predictions, 9) < round(model.min_coverage, 9):
        early.verdict = "labels_immature"
        return early
    if now[1] < signal.min_samples or value is None:
        return early
    early.n_current = now[1]
    rose = _risen(matrix, against)
    comparable = value_before is not None and before[1] >= signal.min_samples
    if detector == "performance":
        if not comparable:
            return early
        drop = value_before - value
        statistics |= _evidence(before, now, level := _level(signal))
        statistics["plain_severity"] = float(figures.article_grade(0.0, round(drop, 9)))
        p_value = excess_p(now[1] - now[0], now[1], before[1] - before[0], before[1])
    else:
        statistics["history"] = list(history[-max(model.periods, 4) :])
        if len(history) < model.periods:
            return early
        if not comparable:
            return early
        mean = float(np.mean(history[-model.periods :]))
        drop = mean - value
        statistics |= _evidence(before, now, level := _level(signal))
        p_value = _two_proportions(before, now)
        if p_value > level:
            statistics["found"] = 0.0
        statistics["recent_mean"] = mean
        statistics["plain_concept_drift"] = float(article_concept_drift(history, value))
    found = statistics["found"] == 1.0
    fields = {
        "p_value": p_value,
        "n_reference": before[1],
        "threshold": limit_told(drop if found else -1.0, DROP),
        "expected": 0.0,
        "statistics": statistics,
        "top_bins": rose,
    }
    verdict = grade(drop, DROP) if found else "low"
    return Finding("performance", statistic, verdict, now[1], drop, fields)


def _level(signal: Signal) -> float:
    """One false alarm a month, a fifth of it, at three ages, for four questions, by the hop."""
    return 0.2 * signal.hop / (30 * 24 * HOUR) / 3 / 4


def _evidence(before: tuple[int, int], now: tuple[int, int], level: float) -> dict[str, Any]:
    """What is told of a fall: every number of hits that might have been is tried."""
    rows, of = now[1], before[1]
    hits = np.arange(rows + 1)
    missed = rows - hits
    exact = stats.hypergeom.sf(missed - 1, rows + of, missed + of - before[0], rows)
    z = float(stats.norm.isf(level))
    (p, low, _), (q, _, high) = (_wilson(k, n, z) for k, n in ((before[0], of), (hits, rows)))
    bounds = p - q - np.hypot(p - low, high - q)
    found = (bounds > 0) & (exact <= level)
    return {
        "found": float(found[now[0]]),
        "level": level,
        "drop_interval": _newcombe(before, now),
        "drop_bound": float(bounds[now[0]]),
        "drop_needed": before[0] / of - float(hits[found].max()) / rows if found.any() else None,
    }


def _wilson(hits: Any, rows: int, z: float) -> tuple[Any, Any, Any]:
    """Shares, and where they would lie z standard errors from a rate: both roots."""
    share = np.asarray(hits) / rows
    middle, wide = share + z * z / (2 * rows), 1 + z * z / rows
    root = z * np.sqrt(share * (1 - share) / rows + z * z / (4 * rows * rows))
    return share, (middle - root) / wide, (middle + root) / wide


def _two_proportions(before: tuple[int, int], now: tuple[int, int]) -> float:
    """One-sided for a greater share before, from Pearson's chi-squared."""
    table = np.array([[k, n - k] for k, n in (before, now)])
    if not table.sum(axis=0).all():
        return 1.0
    two_sided = float(stats.chi2_contingency(table, correction=False).pvalue)
    fell = before[0] / before[1] > now[0] / now[1]
    return two_sided / 2 if fell else 1 - two_sided / 2


def _agreement(matrix: Counts) -> dict[str, float | None]:
    """Mean recall of the classes that have labels, and the correlation of the two columns."""
    labels = matrix.sum(axis=1)
    recalls = [matrix[k, k] / n for k, n in enumerate(labels.tolist()) if n]
    cells = np.repeat(np.arange(matrix.size), matrix.ravel())
    one = [np.eye(len(matrix))[codes].T for codes in np.divmod(cells, len(matrix))]

    def along(a: int, b: int) -> float:
        return sum(float(np.cov(x, y)[0, 1]) for x, y in zip(one[a], one[b], strict=True))

    spread = along(0, 0) * along(1, 1) if len(cells) > 1 else 0.0
    return {
        "balanced_accuracy": float(np.mean(recalls)) if recalls else None,
        "mcc": along(0, 1) / float(np.sqrt(spread)) if spread > 1e-12 else None,
    }


def article_concept_drift(
    historical: Sequence[float], current: float, window_size: int = 4, threshold: float = 0.05
) -> bool:
    """`detect_concept_drift` as the article prints it, decided on a drop rounded to 1e-9."""
    if len(historical) < window_size:
        return False
    degradation = np.mean(historical[-window_size:]) - current
    return bool(round(float(degradation), 9) > threshold)


def _rests_on(name: str, matrix: Counts, positive: int | None) -> tuple[int, int]:
    """Hits and rows that accuracy, or precision and recall of one class, rest on."""
    if name == "accuracy":
        return int(np.trace(matrix)), int(matrix.sum())
    assert positive is not None
    hits = int(matrix[positive, positive])
    return hits, int((matrix[positive] if name == "recall" else matrix[:, positive]).sum())


def _newcombe(one: tuple[int, int], other: tuple[int, int]) -> list[float]:
    """Newcombe's interval of a difference, out of scipy's Wilson intervals."""
    (p, low, high), (q, low_q, high_q) = (
        (k / n, *stats.binomtest(k, n).proportion_ci(method="wilson")) for k, n in (one, other)
    )
    return [
        p - q - float(np.hypot(p - low, high_q - q)),
        p - q + float(np.hypot(high - p, q - low_q)),
    ]


def _risen(matrix: Counts, against: Counts) -> list[tuple[float, float]]:
    """Shares (before, now) of the up to three errors that rose most."""
    if not matrix.sum() or not against.sum():
        return []
    now, before = matrix / matrix.sum(), against / against.sum()
    cells = [(i, j) for i in range(len(now)) for j in range(len(now)) if i != j]
    most = sorted(cells, key=lambda cell: before[cell] - now[cell])[:3]
    return [(float(before[c]), float(now[c])) for c in most if now[c] > before[c]]
