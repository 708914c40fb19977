"""A table of past predictions as the columns that a baseline is built from."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import compress
from typing import Any

import numpy as np

from monitor.baselines.baseline import Baseline
from monitor.baselines.build import MAX_DELAY_MS, build_baseline
from monitor.baselines.history import History, Rows, divide
from monitor.errors import DataError
from monitor.files.judged import Skipped, kind_of
from monitor.files.table import Table
from monitor.files.times import epoch_ms
from monitor.registry.durations import duration_text
from monitor.registry.specs import ModelSpec
from monitor.stats.column import Values, listed, numbers, taken

#: The roles that a column beside the features can have, and its name where no other is given.
ROLES = ("prediction", "score", "label", "timestamp", "label_timestamp")
#: Names of a prediction event that are no features, should a flat table have them.
_NAMES = ("prediction_id", "model_id", "model_version", "schema_version")


@dataclass(frozen=True, slots=True, eq=False)
class Learned:
    """A baseline, the columns that it was not built from, and those that have a role.

    `history` is how the rows were divided for its own windows, None where none were wanted or no
    column says when a row was predicted. `annotated` rows were left out, being of periods that the
    configuration annotates.
    """

    baseline: Baseline
    skipped: tuple[Skipped, ...]
    roles: Mapping[str, str]
    history: History | None = None
    annotated: int = 0


def learn(
    table: Table,
    spec: ModelSpec,
    id: str,
    given: Mapping[str, str] | None = None,
    *,
    own_windows: bool = True,
) -> Learned:
    """Build a model's baseline from a table of its predictions, one row each.

    `given` names the columns of the roles; without a name a role is the column of its own name,
    if there is one. Features are those that the model declares, or else all other columns but
    ids and times. Of events only the model's own are taken. Where the times are known, and are long
    enough, the later part of the rows becomes the baseline's own windows, of the lengths by which
    inputs and outputs are judged (`monitor.baselines.history`), unless `own_windows` is False.
    Rows of annotated periods are left out.
    Raises DataError or BaselineError, as where a signal that is on would have nothing to be judged
    by.
    """
    table = _of_model(table, spec.id)
    roles = _roles(table, given or {}, spec)
    _check_roles(table, spec, roles)
    table, annotated = _without_annotated(table, spec, roles)
    features, skipped = _features(table, spec, set() if table.fields else set(roles.values()))
    if not features and not {"prediction", "score"} & set(roles):
        why = "; ".join(f"{s.column}: {s.reason}" for s in skipped)
        raise DataError(f"{table.path}: no column to learn ({why or 'it has none'})")
    categories = "categorical" if spec.task == "classification" else "numeric"
    times = _times(table, roles.get("timestamp"))
    history = None
    if own_windows and times is not None:
        sizes = [window.size_ms for window in spec.input_windows]
        history = divide(times, sizes, [(one.from_ms, one.until_ms) for one in spec.annotations])
    baseline = build_baseline(
        id=id,
        model_id=spec.id,
        columns={name: table.as_kind(name, kind) for name, kind in features.items()},
        kinds=features,
        prediction=_typed(table, roles.get("prediction"), categories),
        score=_typed(table, roles.get("score"), "numeric"),
        labels=_typed(table, roles.get("label"), categories),
        prediction_ms=times,
        label_ms=_times(table, roles.get("label_timestamp")),
        max_delay_ms=spec.labels.max_delay_ms if spec.labels else MAX_DELAY_MS,
        task=spec.task,
        history=history,
    )
    _check_labels(table, spec, baseline)
    return Learned(baseline, tuple(skipped), roles, history, annotated)


def _of_model(table: Table, model_id: str) -> Table:
    """Return a table of events without those of other models."""
    owners = table.fields.get("model_id")
    if owners is None:
        return table
    own = np.array([owner == model_id for owner in listed(owners)], dtype=np.bool_)
    if not own.any():
        others = sorted({str(owner) for owner in listed(owners)})[:5]
        raise DataError(
            f"{table.path}: 0 of {table.rows} events are of model {model_id}; "
            f"they are of {', '.join(others)}"
        )

    return rows_of(table, own)


def rows_of(table: Table, kept: Rows) -> Table:
    """Return a table of the rows that are True."""

    def taken_of(columns: Mapping[str, Values]) -> dict[str, Values]:
        return {name: taken(values, kept) for name, values in columns.items()}

    return replace(
        table,
        rows=int(kept.sum()),
        columns=taken_of(table.columns),
        fields=taken_of(table.fields),
        text={name: list(compress(values, kept)) for name, values in table.text.items()},
    )


def _without_annotated(
    table: Table, spec: ModelSpec, roles: Mapping[str, str]
) -> tuple[Table, int]:
    """Return a table without the rows of annotated periods, and how many those are."""
    times = _times(table, roles.get("timestamp"))
    if times is None or not spec.annotations:
        return table, 0
    ms, kept = numbers(times).values, np.ones(table.rows, dtype=np.bool_)
    for one in spec.annotations:
        # Of a row without a time it isn't known: it stays.
        kept &= ~((ms >= one.from_ms) & (ms < one.until_ms))
    left = int((~kept).sum())
    if left == table.rows:
        raise DataError(
            f"{table.path}: all {left} rows are of periods that the configuration of {spec.id} "
            "annotates; give it others, or mend annotations"
        )
    return (rows_of(table, kept) if left else table), left


def _roles(table: Table, given: Mapping[str, str], spec: ModelSpec) -> dict[str, str]:
    """Return the column of each role that is filled."""
    there = table.fields or table.columns
    for role, name in given.items():
        if name not in there:
            raise DataError(
                f"{table.path}: no column {name!r} for --{role.replace('_', '-')}; "
                f"it has {', '.join(there)}"
            )
    found = {
        role: given.get(role, role)
        for role in ROLES
        if role in given or (role in there and (table.fields or role not in spec.features))
    }
    if "label_timestamp" in found and "label" not in found:
        if "label_timestamp" in given:
            raise DataError(f"{table.path}: times of labels without labels; name them with --label")
        del found["label_timestamp"]
    return found


def _check_roles(table: Table, spec: ModelSpec, roles: Mapping[str, str]) -> None:
    """Refuse a table without what the model's signals are judged by.

    Its prediction or label may be there under another name, and would be learned as a feature.
    """
    needs = {
        "prediction_drift": ("prediction",) if spec.prediction_drift else (),
        "performance": ("prediction", "label") if spec.performance else (),
    }
    signals = [name for name, need in needs.items() if not set(need) <= set(roles)]
    missing = [
        role
        for role in ("prediction", "label")
        if role not in roles and any(role in needs[name] for name in signals)
    ]
    if missing:
        options = " and ".join(f"--{role} COLUMN" for role in missing)
        raise DataError(
            f"{table.path}: no column of {' or '.join(missing)}, and the configuration of "
            f"{spec.id} has {' and '.join(signals)} on; name it with {options}, or take "
            f"{' and '.join(signals)} out of the configuration"
        )


def _check_labels(table: Table, spec: ModelSpec, baseline: Baseline) -> None:
    """Refuse a baseline for performance in which no label came in time."""
    outcomes = baseline.outcomes
    if spec.performance is None or outcomes is None or outcomes.total.any():
        return
    delay = duration_text(spec.labels.max_delay_ms if spec.labels else MAX_DELAY_MS)
    raise DataError(
        f"{table.path}: 0 of {outcomes.predictions} predictions have a label within "
        f"labels.max_delay ({delay}), and the configuration of {spec.id} has performance on; "
        "give --label and --label-timestamp of labels that came in time, lengthen "
        "labels.max_delay, or take performance out of the configuration"
    )


def _features(
    table: Table, spec: ModelSpec, taken: set[str]
) -> tuple[dict[str, str], list[Skipped]]:
    """Return the features with their kinds, and what was left out."""
    drift = spec.data_drift
    if spec.features:
        wanted = {n: k for n, k in spec.features.items() if drift is None or drift.judges(n)}
        missing = [name for name in wanted if name not in table.columns]
        if missing:
            raise DataError(
                f"{table.path}: no column for the declared features {', '.join(missing)}; "
                f"it has {', '.join(table.columns)}"
            )
        return dict(wanted), []
    features: dict[str, str] = {}
    skipped: list[Skipped] = []
    for name in (*table.columns, *table.unreadable):
        if name in taken:
            continue
        kind, reason = kind_of(table, name)
        if not table.fields and name in _NAMES:
            reason = "names the event"
        elif drift is not None and not drift.judges(name):
            reason = "excluded in the configuration"
        if reason is not None:
            skipped.append(Skipped(name, reason))
        elif kind is not None:
            features[name] = kind
    return features, skipped


def _column(table: Table, name: str) -> Values:
    return table.fields[name] if table.fields else table.columns[name]


def _typed(table: Table, name: str | None, kind: str) -> Values | None:
    if name is None:
        return None
    return table.fields[name] if table.fields else table.as_kind(name, kind)


def _times(table: Table, name: str | None) -> Any:
    return None if name is None else epoch_ms(_column(table, name), name)
