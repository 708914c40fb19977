"""Whether a baseline has what its model's configuration asks of it."""

from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase

from monitor.baselines.baseline import Baseline
from monitor.errors import BaselineError, ConfigError
from monitor.observe.model import Monitored
from monitor.registry.durations import duration_text
from monitor.registry.footprint import (
    RECOVERY_LIMIT_S,
    STORE_LIMIT,
    Footprint,
    footprint,
    most_remembered,
)
from monitor.registry.problems import nearest
from monitor.registry.specs import Config, ModelSpec


def unfit(spec: ModelSpec, baselines: Sequence[Baseline]) -> Iterator[str]:
    """Yield what doesn't fit, with the remedy; nothing if all does.

    What is named must be in one of the baselines, as a later one may bring new features; what is
    there must fit in each.
    """
    if not baselines:
        return
    yield from _features(spec, baselines)
    strange = list(_strange(spec, baselines))
    yield from strange
    for baseline in baselines:
        drift = spec.data_drift
        if drift and not baseline.features:
            yield f"the baseline {baseline.id} has no features; rebuild it with their columns"
        elif drift and not strange and not any(map(drift.judges, baseline.features)):
            yield f"no feature is judged of {baseline.id}; mend signals.data_drift.features"
        subjects = {column.subject for column in baseline.layout.columns}
        if spec.prediction_drift and not subjects & {"prediction", "score"}:
            yield f"the baseline {baseline.id} has no predictions; rebuild it with their column"
        if spec.performance:
            yield from _outcomes(spec, baseline)
    for one, baseline in zip(spec.baselines, baselines, strict=False):
        if one.expires_after_ms is not None and baseline.until_ms is None:
            yield (
                f"the baseline {baseline.id} does not say when its data ends, so expires_after has "
                "no meaning; rebuild it with --timestamp, or remove expires_after"
            )


def _features(spec: ModelSpec, baselines: Sequence[Baseline]) -> Iterator[str]:
    known = {name for baseline in baselines for name in baseline.features}
    for name, kind in spec.features.items():
        if name not in known:
            none = "have none" if len(baselines) > 1 else "has none"
            yield (
                f'feature "{name}" is declared, and the {_which(baselines)} {none}; '
                f"{nearest(name, known)}"
            )
        for baseline in baselines:
            learned = baseline.features.get(name, kind)
            if learned != kind:
                yield (
                    f'feature "{name}" is declared {kind}, and {learned} in the baseline '
                    f"{baseline.id}; mend one of the two"
                )
    for name in spec.personal:
        # A misspelt one would be shown under its right name.
        if name not in known and name not in spec.features:
            yield (
                f'"{name}" in personal is none of the features of the {_which(baselines)}; '
                f"{nearest(name, known)}"
            )


def _strange(spec: ModelSpec, baselines: Sequence[Baseline]) -> Iterator[str]:
    """Patterns of features that fit none."""
    known = {name for baseline in baselines for name in baseline.features}
    patterns = spec.data_drift.include + spec.data_drift.exclude if spec.data_drift else ()
    for pattern in patterns:
        if known and not any(fnmatchcase(name, pattern) for name in known):
            yield (
                f'"{pattern}" in signals.data_drift.features is none of the features of the '
                f"{_which(baselines)}; {nearest(pattern, known)}"
            )


def _which(baselines: Sequence[Baseline]) -> str:
    return "baselines" if len(baselines) > 1 else f"baseline {baselines[0].id}"


def overfull(config: Config) -> Iterator[str]:
    """Yield what is to be done if memory takes more of a partition than is wise."""
    partitions = config.kafka.partitions
    found = {spec.id: made for spec in config.models if (made := footprint(spec, partitions))}
    whole = Footprint(sum(one.ids for one in found.values()))
    if whole.excessive:
        yield (
            f"what waits for labels would take {whole.store_bytes / 1e9:,.0f} GB of each "
            f"partition's worker and {whole.recovery_s / 60:,.0f} min to recover; the limits are "
            f"{STORE_LIMIT / 1e9:,.0f} GB and {RECOVERY_LIMIT_S / 60:,.0f} min: raise "
            "kafka.partitions, or shorten labels.max_delay"
        )
    for spec in config.models:
        most, expected = most_remembered(spec, partitions), found.get(spec.id)
        if spec.max_remembered is not None and expected and expected.ids > most:
            yield (
                f"model {spec.id} needs {expected.ids:,.0f} ids a partition at "
                f"{spec.expected_rate:g}/s, and max_remembered is {most:,}, beyond which its "
                "windows are inconclusive: raise it or kafka.partitions, or shorten "
                "labels.max_delay"
            )


def refuse_unfit(config: Config, models: Iterable[Monitored]) -> None:
    """Raise ConfigError or BaselineError with the first trouble, as `check` tells them all."""
    for trouble in overfull(config):
        raise ConfigError(f"{config.path}: {trouble}")
    for model in models:
        for problem in unfit(model.spec, model.baselines):
            raise BaselineError(f"model {model.spec.id}: {problem}")


def _outcomes(spec: ModelSpec, baseline: Baseline) -> Iterator[str]:
    outcomes = baseline.outcomes
    if outcomes is None:
        yield (
            f"the baseline {baseline.id} has no labels, so performance has no reference; "
            "rebuild it with their column"
        )
        return
    if spec.positive is not None and spec.positive not in outcomes.classes:
        yield (
            f'positive "{spec.positive}" is no class of the baseline {baseline.id}; '
            f"{nearest(spec.positive, outcomes.classes[:-1])}"
        )
    if spec.labels and outcomes.ages_ms[-1] != spec.labels.max_delay_ms:
        yield (
            f"labels.max_delay is {duration_text(spec.labels.max_delay_ms)}, and "
            f"{duration_text(outcomes.ages_ms[-1])} in the baseline {baseline.id}; rebuild it"
        )
