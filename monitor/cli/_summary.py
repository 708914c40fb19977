"""A configuration in words: what is watched, over which windows, by which limits."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from monitor.baselines.baseline import Baseline
from monitor.observe.model import Monitored
from monitor.registry.durations import duration_text
from monitor.registry.footprint import Footprint, footprint, most_remembered
from monitor.registry.instants import instant_text
from monitor.registry.specs import Config, ModelSpec, Thresholds, WindowSpec

_INDENT = 20


#: A model, with its baselines or why one of them cannot be used.
Checked = tuple[ModelSpec, Monitored | None, str | None]


def summary(
    config: Config, models: Iterable[Checked], approvers: Sequence[tuple[str, str]] = ()
) -> str:
    """Return the text; each model with its baselines, or that they cannot be used.

    `approvers` are names with the ids of their keys.
    """
    kafka = config.kafka
    protocol = kafka.security.protocol if kafka.security else "PLAINTEXT"
    lines = [
        f"{config.path}: {_many(len(config.models), 'model')}, namespace {config.namespace}, "
        f"Kafka at {kafka.bootstrap} ({protocol}), {_many(kafka.partitions, 'partition')}, "
        f"replication {kafka.replication}"
    ]
    if approvers:
        lines += ["", "approvals signed by " + ", ".join(f"{n} (key {k})" for n, k in approvers)]
    for spec, model, _ in models:
        head = [spec.task, f"risk tier {spec.risk_tier}", f"authority {spec.authority}"]
        head += ["its events are the clock"] if spec.clock == "events" else []
        head += [f"vendor {spec.vendor}"] if spec.vendor else []
        lines += ["", f"{spec.id}: {', '.join(head)}"]
        told = _model(spec, model, kafka.partitions)
        lines += [f"  {topic:<{_INDENT - 2}}{text}" for topic, text in told]
    return "\n".join(lines)


def _model(spec: ModelSpec, model: Monitored | None, partitions: int) -> Iterator[tuple[str, str]]:
    yield from _baselines(spec, model)
    if spec.data_drift:
        drift = spec.data_drift
        yield from _windows("data drift", drift.windows, drift.min_samples, "rows")
        yield "", f"features {_patterns(drift.include, drift.exclude)}"
        yield from (("", text) for text in _limits(drift.thresholds))
    if spec.prediction_drift:
        outputs = spec.prediction_drift
        yield from _windows("prediction drift", outputs.windows, outputs.min_samples, "rows")
        yield from (("", text) for text in _limits(outputs.thresholds))
    if spec.performance:
        judged = spec.performance
        of = f" of class {spec.positive}" if judged.metric != "accuracy" else ""
        yield from _windows("performance", judged.windows, judged.min_samples, "labels")
        yield "", f"{judged.metric}{of}, against the baseline and the last {judged.periods} periods"
        yield from (("", text) for text in _limits(judged.thresholds))
    if spec.labels:
        yield (
            "labels",
            f"within {duration_text(spec.labels.max_delay_ms)}, "
            f"for at least {spec.labels.min_coverage:.0%} of the predictions",
        )
    if spec.review_delay_ms is not None:
        yield "reviews", f"within {duration_text(spec.review_delay_ms)}"
    yield from _memory(spec, partitions)
    yield (
        "time",
        f"panes of {duration_text(spec.pane_ms)}, "
        f"events up to {duration_text(spec.disorder_ms)} out of order",
    )
    for n, one in enumerate(spec.annotations):
        period = f"{instant_text(one.from_ms)} to {instant_text(one.until_ms)}"
        yield "" if n else "annotated", f"{period}: {one.why}"
    if spec.personal:
        yield "personal", f"{', '.join(spec.personal)}: in no dead letter"
    yield "config hash", spec.config_hash


def _memory(spec: ModelSpec, partitions: int) -> Iterator[tuple[str, str]]:
    """What remembering costs: disk of a worker and of the brokers, and time to recover."""
    if not spec.remembers:
        return
    found = footprint(spec, partitions)
    if found is None:
        yield "memory", "unknown; give `expected_rate`, in predictions a second"
    else:
        yield "memory", _cost(spec, found)
    most = Footprint(most_remembered(spec, partitions))
    yield (
        "",
        f"at most {most.ids:,} ids a partition, {bytes_text(most.store_bytes)} of a worker's disk; "
        "beyond, windows are inconclusive",
    )


def _cost(spec: ModelSpec, found: Footprint) -> str:
    return (
        f"{found.ids:,.0f} ids a partition at {spec.expected_rate:g}/s: "
        f"{bytes_text(found.store_bytes)} of a worker's disk, {bytes_text(found.log_bytes)} of a "
        f"broker's; another machine needs about {duration_text(round(found.recovery_s) * 1000)} "
        "to take over"
    )


def bytes_text(count: float) -> str:
    """Tell a size in the unit that fits.

    >>> bytes_text(1_234_567), bytes_text(900)
    ('1.2 MB', '0.9 kB')
    """
    for unit, size in (("GB", 1e9), ("MB", 1e6)):
        if count >= size:
            return f"{count / size:,.1f} {unit}"
    return f"{count / 1e3:,.1f} kB"


def _baselines(spec: ModelSpec, model: Monitored | None) -> Iterator[tuple[str, str]]:
    """Each baseline, and from when on it holds."""
    if not spec.baselines:
        none = "none: nothing can be judged; build one with `watchkeeper baseline build`"
        yield "baseline", none
    for n, one in enumerate(spec.baselines):
        from_ms = one.effective_from_ms
        since = "" if from_ms is None else f"from {instant_text(from_ms)}: "
        found = _baseline(model.baselines[n]) if model else "cannot be used"
        yield "" if n else "baseline", f"{since}{one.path}{':' if model else ''} {found}"


def _baseline(baseline: Baseline) -> str:
    kinds = Counter(baseline.features.values())
    parts = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
    features = _many(len(baseline.features), "feature")
    labels = f"{int(baseline.outcomes.total.sum()):,} labels" if baseline.outcomes else "no labels"
    own = [f", {one.windows:,} own windows of {duration_text(one.size_ms)}" for one in baseline.own]
    return (
        f"{baseline.id}, {baseline.rows:,} rows, {features} ({parts or 'none'}), {labels}"
        f"{''.join(own)}"
    )


def _windows(
    signal: str, windows: Iterable[WindowSpec], least: int, what: str
) -> Iterator[tuple[str, str]]:
    for n, window in enumerate(windows):
        every = "" if window.hop_ms == window.size_ms else f" every {duration_text(window.hop_ms)}"
        yield (
            "" if n else signal,
            f"windows of {duration_text(window.size_ms)}{every}, open {_late(window)} for late "
            f"events{_early(window)}, at least {least:,} {what}",
        )


def _late(window: WindowSpec) -> str:
    return f"{duration_text(window.allowed_lateness_ms)} longer"


def _early(window: WindowSpec) -> str:
    return " and judged before too" if window.provisional else ""


def _patterns(include: tuple[str, ...], exclude: tuple[str, ...]) -> str:
    wanted = "all" if include == ("*",) else ", ".join(include)
    return f"{wanted}, except {', '.join(exclude)}" if exclude else wanted


def _limits(thresholds: Mapping[str, Thresholds]) -> Iterator[str]:
    for name, limits in thresholds.items():
        grades = [
            f"> {limit:g} {grade}"
            for grade, limit in (
                ("medium", limits.medium),
                ("high", limits.high),
                ("critical", limits.critical),
            )
            if limit is not None
        ]
        yield f"{name} {', '.join(grades) or 'never graded'}"


def _many(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"
