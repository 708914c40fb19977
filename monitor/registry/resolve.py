"""From the shape of YAML to specifications: defaults filled in, contradictions told."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from itertools import pairwise

import msgspec

from monitor.registry import shape
from monitor.registry.durations import duration_ms, duration_text
from monitor.registry.limits import MAX_FEATURE_NAME
from monitor.registry.problems import Problems, nearest
from monitor.registry.resolve_annotations import resolve_annotations
from monitor.registry.resolve_baselines import resolve_baselines
from monitor.registry.specs import (
    DAY_MS,
    MINUTE_MS,
    DataDriftSpec,
    LabelsSpec,
    ModelSpec,
    PerformanceSpec,
    PredictionDriftSpec,
    ReviewsSpec,
    Thresholds,
    WindowSpec,
    sealed,
)

LONGEST_WINDOW_MS = 30 * DAY_MS
#: From five minutes to thirty days, each twice as long as the one before.
MOST_WINDOWS = 14
#: A week by five minutes: so many sums are held of a window, each a row or more a version.
MOST_HOPS = 2016
#: More would not be read by anybody.
MOST_FALSE_ALARMS = 1000
LONGEST_LATENESS_MS = 7 * DAY_MS
LONGEST_DISORDER_MS = DAY_MS
LONGEST_ALERT_AGE_MS = 366 * DAY_MS
LONGEST_DELAY_MS = 366 * DAY_MS

_Levels = shape.PsiLevels | shape.RateLevels | shape.JsLevels | shape.DropLevels


def resolve_model(model: shape.Model, where: str, problems: Problems) -> ModelSpec:
    """Return the sealed specification; what contradicts itself is added to `problems`."""
    before = len(problems)
    _Model(model, where, problems).check()
    signals = model.signals
    prefix = f"{where}.signals" if where else "signals"
    spec = ModelSpec(
        id=model.id,
        task=model.task,
        risk_tier=model.risk_tier,
        owners=_owners(model.owners),
        vendor=model.vendor.name if model.vendor else None,
        clock=model.clock,
        disorder_ms=duration_ms(model.disorder),
        max_alert_age_ms=duration_ms(model.max_alert_age),
        authority=model.authority,
        deduplicate=model.deduplicate,
        repartition=model.repartition,
        expected_rate=model.expected_rate,
        max_remembered=model.max_remembered,
        features=dict(model.features),
        personal=tuple(sorted(set(model.personal))),
        positive=None if model.positive is None else class_name(model.positive),
        data_drift=_data_drift(signals.data_drift, f"{prefix}.data_drift", problems),
        prediction_drift=_prediction_drift(
            signals.prediction_drift, f"{prefix}.prediction_drift", problems
        ),
        performance=_performance(signals.performance, f"{prefix}.performance", problems),
        labels=LabelsSpec(
            max_delay_ms=duration_ms(model.labels.max_delay),
            min_coverage=model.labels.min_coverage,
        )
        if model.labels
        else None,
        reviews=_reviews(model),
    )
    # Where its windows are wrong, nothing is known of their boundaries.
    boundary_ms = spec.boundary_ms if len(problems) == before else None
    at = f"{where}.baseline" if where else "baseline"
    baselines = resolve_baselines(model.baseline, boundary_ms, at, problems)
    at = f"{where}.annotations" if where else "annotations"
    annotations = resolve_annotations(model.annotations, at, problems)
    return sealed(msgspec.structs.replace(spec, baselines=baselines, annotations=annotations))


def class_name(value: str | int | float | bool) -> str:
    """Return the name under which a class is counted, whatever type it was written in.

    >>> [class_name(v) for v in (True, 1, 1.0, "late")]
    ['true', '1', '1', 'late']
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    return str(value)


class _Model:
    """The rules of one model that concern more than one key."""

    def __init__(self, model: shape.Model, where: str, problems: Problems) -> None:
        self.model, self.where, self.problems = model, where, problems

    def at(self, key: str, text: str) -> None:
        self.problems.at(f"{self.where}.{key}" if self.where else key, text)

    def check(self) -> None:
        model = self.model
        signals = model.signals
        if not (signals.data_drift or signals.prediction_drift or signals.performance):
            self.at("signals", "is empty; turn on data_drift, prediction_drift or performance")
        if duration_ms(model.disorder) > LONGEST_DISORDER_MS:
            self.at("disorder", f"is {model.disorder}; it must be at most 1d")
        if not MINUTE_MS <= duration_ms(model.max_alert_age) <= LONGEST_ALERT_AGE_MS:
            self.at("max_alert_age", f"is {model.max_alert_age}; it must be from 1m to 366d")
        if model.labels:
            self._delay("labels.max_delay", model.labels.max_delay)
        if model.reviews and model.reviews.max_delay is not None:
            self._delay("reviews.max_delay", model.reviews.max_delay)
        if signals.performance:
            self._performance(signals.performance)
        if model.features:
            self._features()

    def _delay(self, key: str, delay: str) -> None:
        if not MINUTE_MS <= duration_ms(delay) <= LONGEST_DELAY_MS:
            self.at(key, f"is {delay}; it must be from 1m to 366d")

    def _performance(self, performance: shape.Performance) -> None:
        if self.model.task != "classification":
            self.at(
                "signals.performance",
                f"of a {self.model.task} model is not supported yet; remove it",
            )
        elif performance.metric != "accuracy" and self.model.positive is None:
            self.at(
                "signals.performance.metric",
                f"is {performance.metric}, which needs the positive class; add `positive: <class>` "
                "to the model",
            )
        if self.model.labels is None:
            self.at(
                "signals.performance",
                "needs labels; add `labels: {max_delay: 30d}` to the model",
            )
        window = performance.window
        at = "signals.performance.window"
        windows = (
            {at: window}
            if isinstance(window, shape.Window)
            else {f"{at}[{n}]": one for n, one in enumerate(window)}
        )
        for where, one in windows.items():
            if one.provisional:
                self.at(
                    f"{where}.provisional",
                    "is for data_drift and prediction_drift: performance is judged at label ages; "
                    "remove it",
                )

    def _features(self) -> None:
        for name in self.model.features:
            if len(name) > MAX_FEATURE_NAME:
                self.at(
                    "features",
                    f'names "{name[:40]}…", {len(name)} characters; at most {MAX_FEATURE_NAME}',
                )
        for name in self.model.personal:
            if name not in self.model.features:
                self.at(
                    "personal",
                    f'names "{name:.40}", which is none of the declared features; '
                    f"{nearest(name, self.model.features)}",
                )
        drift = self.model.signals.data_drift
        selected = drift.features if drift else shape.SelectedFeatures()
        for key, patterns in (("include", selected.include), ("exclude", selected.exclude)):
            for pattern in patterns:
                if not any(fnmatchcase(name, pattern) for name in self.model.features):
                    self.at(
                        f"signals.data_drift.features.{key}",
                        f'"{pattern}" is none of the declared features; '
                        f"{nearest(pattern, self.model.features)}",
                    )


def _reviews(model: shape.Model) -> ReviewsSpec | None:
    if model.reviews is None:
        return None
    given = model.reviews.max_delay or (model.labels.max_delay if model.labels else None)
    return ReviewsSpec(max_delay_ms=duration_ms(given)) if given else ReviewsSpec()


def _owners(owners: shape.Owners | None) -> dict[str, str]:
    if owners is None:
        return {}
    named = {
        "business": owners.business,
        "technical": owners.technical,
        "operations": owners.operations,
    }
    return {role: name for role, name in named.items() if name is not None}


def _data_drift(
    signal: shape.DataDrift | None, where: str, problems: Problems
) -> DataDriftSpec | None:
    if signal is None:
        return None
    limits: dict[str, _Levels] = {"psi": signal.thresholds.psi, "rates": signal.thresholds.rates}
    return DataDriftSpec(
        windows=_windows(signal.window, f"{where}.window", problems),
        min_samples=signal.min_samples,
        method=signal.method,
        false_alarms=_a_month(signal.false_alarms, f"{where}.false_alarms", problems),
        thresholds=_thresholds(limits, where, problems),
        include=tuple(sorted(set(signal.features.include))),
        exclude=tuple(sorted(set(signal.features.exclude))),
    )


def _prediction_drift(
    signal: shape.PredictionDrift | None, where: str, problems: Problems
) -> PredictionDriftSpec | None:
    if signal is None:
        return None
    limits: dict[str, _Levels] = {
        "psi": signal.thresholds.psi,
        "js_divergence": signal.thresholds.js_divergence,
    }
    return PredictionDriftSpec(
        windows=_windows(signal.window, f"{where}.window", problems),
        min_samples=signal.min_samples,
        method=signal.method,
        false_alarms=_a_month(signal.false_alarms, f"{where}.false_alarms", problems),
        thresholds=_thresholds(limits, where, problems),
    )


def _performance(
    signal: shape.Performance | None, where: str, problems: Problems
) -> PerformanceSpec | None:
    if signal is None:
        return None
    limits: dict[str, _Levels] = {
        "drop": signal.thresholds.drop,
        "concept": signal.thresholds.concept,
    }
    return PerformanceSpec(
        windows=_windows(signal.window, f"{where}.window", problems),
        metric=signal.metric,
        min_samples=signal.min_samples,
        thresholds=_thresholds(limits, where, problems),
        periods=signal.periods,
        method=signal.method,
        false_alarms=_a_month(signal.false_alarms, f"{where}.false_alarms", problems),
    )


def _a_month(text: str, where: str, problems: Problems) -> float:
    """New episodes a month of 30 days.

    >>> _a_month("0.5 per model-week", "", Problems(""))
    2.142857142857143
    """
    number, _, period = text.partition(" per model-")
    found = float(number) * {"month": 1.0, "week": 30 / 7, "day": 30.0}[period]
    if not 0 < found <= MOST_FALSE_ALARMS:
        problems.at(
            where,
            f"is {text}; more than none, and at most {MOST_FALSE_ALARMS} per model-month, are "
            "possible",
        )
    return found


def _windows(windows: shape.Windows, where: str, problems: Problems) -> tuple[WindowSpec, ...]:
    if isinstance(windows, shape.Window):
        return (_window(windows, where, problems),)
    if not 1 <= len(windows) <= MOST_WINDOWS:
        problems.at(where, f"has {len(windows)} windows; from 1 to {MOST_WINDOWS} are possible")
    resolved: dict[int, int] = {}
    specs = []
    for n, window in enumerate(windows):
        specs.append(_window(window, f"{where}[{n}]", problems))
        first = resolved.setdefault(specs[-1].size_ms, n)
        if first != n:
            # Both would say the same of the same time, under one event key.
            problems.at(
                f"{where}[{n}].size",
                f"is {window.size}, like that of window[{first}]; keep the one of the shorter hop",
            )
    return tuple(specs)


def _window(window: shape.Window, where: str, problems: Problems) -> WindowSpec:
    size = duration_ms(window.size)
    hop = duration_ms(window.hop) if window.hop else size
    lateness = duration_ms(window.allowed_lateness)
    before = len(problems)
    for key, length in (("size", size), ("hop", hop)):
        if length < MINUTE_MS or length % MINUTE_MS:
            text = duration_text(length)
            problems.at(f"{where}.{key}", f"is {text}; it must be whole minutes, at least 1m")
    if size > LONGEST_WINDOW_MS:
        problems.at(f"{where}.size", f"is {window.size}; a window is at most 30d long")
    if len(problems) == before and size % hop:
        problems.at(
            f"{where}.hop",
            f"is {duration_text(hop)}, which does not divide the size {window.size}; windows are "
            "made of whole hops",
        )
    elif len(problems) == before and size > MOST_HOPS * hop:
        problems.at(
            f"{where}.hop",
            f"is {duration_text(hop)}, {size // hop} times in {window.size}; a window is at most "
            f"{MOST_HOPS} hops long",
        )
    if lateness > LONGEST_LATENESS_MS:
        problems.at(
            f"{where}.allowed_lateness", f"is {window.allowed_lateness}; it must be at most 7d"
        )
    return WindowSpec(
        size_ms=size, hop_ms=hop, allowed_lateness_ms=lateness, provisional=window.provisional
    )


def _thresholds(
    limits: Mapping[str, _Levels],
    where: str,
    problems: Problems,
) -> dict[str, Thresholds]:
    resolved: dict[str, Thresholds] = {}
    for name, levels in limits.items():
        given = [
            (grade, limit)
            for grade in ("medium", "high", "critical")
            if (limit := getattr(levels, grade)) is not None
        ]
        for (lower, low), (higher, high) in pairwise(given):
            if low >= high:
                problems.at(
                    f"{where}.thresholds.{name}.{higher}",
                    f"is {high:g}, not more than {lower} {low:g}; limits must increase "
                    "(null switches a grade off)",
                )
        resolved[name] = Thresholds(levels.medium, levels.high, levels.critical)
    return resolved
