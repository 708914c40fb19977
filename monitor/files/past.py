"""One table as the past of one model: columns where they hold, and JSON where a row is odd.

Odd is what the stream would refuse or look at twice: a row without its time, with an impossible id,
a prediction that is a list. Such a row is handed on as the event that it would have been, so that
it meets the fate that the stream has for it.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from monitor.errors import DataError
from monitor.files.cells import (
    as_cells,
    column_of,
    identifiers,
    impossible,
    in_place,
    indexed,
    outcomes,
    texts_of,
    time_or_none,
    times_of,
)
from monitor.files.table import Table
from monitor.observe.columns import Times
from monitor.observe.model import FEATURE, Monitored
from monitor.replay.history import Cells, Flags, History, Labels
from monitor.stats.column import numbers
from monitor.stats.grid import is_null

#: The version of predictions that name none.
UNVERSIONED = "-"
_encode = msgspec.json.Encoder().encode
Roles = Mapping[str, str]


def read_predictions(table: Table, model: Monitored, roles: Roles, names: str) -> History:
    """Read a table of predictions, one a row, with the labels that stand beside them.

    `names` begins the ids of predictions that have none. Raises DataError for a column that is
    missing, or holds what no column of its kind can.
    """
    features, wrong = _features(table, model)
    times = times_of(table, roles["timestamp"])
    numeric = model.kinds.get("prediction") == "numeric"
    raw = {
        "prediction_id": texts_of(table, roles.get("prediction_id")),
        "model_version": texts_of(table, "model_version"),
        "prediction": as_cells(column_of(table, roles["prediction"], _kind(numeric))),
    }
    ids, versions, predictions = raw.values()
    assert predictions is not None
    named = np.ones(table.rows, dtype=bool) if ids is None else identifiers(ids)
    labels = _nothing()
    if "label" in roles and model.spec.labels is not None:
        ids = _made_up(names, table.rows) if ids is None else ids
        labels = _beside(table, model, roles, times, ids, named)
    odd = impossible(times) | ~named | ~outcomes(predictions)
    distinct: tuple[str, ...] = (UNVERSIONED,)
    which = np.zeros(table.rows, dtype=np.int32)
    if versions is not None:
        odd |= ~identifiers(versions)
        distinct, which = indexed(versions)
    scores = None
    if "score" in roles:
        values = column_of(table, roles["score"], "numeric")
        read = numbers(values)
        scores, odd, raw["score"] = read.values, odd | read.wrong, as_cells(values)
    if numeric:
        told = numbers(predictions.tolist())
        # A class that a regression says here and there is no number, and yet an event.
        predictions = predictions if (told.wrong & ~odd).any() else told.values
    rows = np.flatnonzero(odd).tolist()
    return History(
        model_id=model.spec.id,
        times=in_place(times),
        ids=ids,
        names=distinct,
        versions=which,
        predictions=predictions,
        scores=scores,
        features=features,
        wrong=wrong,
        odd=_events(table, model, raw, times, rows, names),
        labels=labels,
    )


def read_labels(table: Table, model: Monitored, roles: Roles) -> Labels:
    """Read a table of labels, one a row, each with the id of its prediction."""
    if model.spec.labels is None:  # whoever declares none wants none
        return _nothing()
    times = times_of(table, roles.get("label_timestamp") or roles["timestamp"])
    ids = texts_of(table, roles["prediction_id"])
    assert ids is not None
    return _labels(model, times, ids, _classes(table, model, roles["label"]), identifiers(ids))


def _beside(
    table: Table, model: Monitored, roles: Roles, times: Times, ids: Cells, named: Flags
) -> Labels:
    """The labels that stand in the rows of their predictions."""
    if "label_timestamp" in roles:
        times = times_of(table, roles["label_timestamp"])
    elif any(b.outcomes is not None and b.outcomes.ages_known for b in model.baselines):
        raise DataError(
            f"{table.path}: labels without the times at which they were known, and the baseline of "
            f"{model.spec.id} is compared at equal label age; name them with --label-timestamp"
        )
    classes = _classes(table, model, roles["label"])
    there = np.array([not is_null(value) for value in classes.tolist()], dtype=bool)
    return _labels(model, times[there], ids[there], classes[there], named[there])


def _labels(model: Monitored, times: Times, ids: Cells, values: Cells, named: Flags) -> Labels:
    """Labels of which those are `named` whose ids can be ones."""
    odd = impossible(times) | ~named | ~outcomes(values)
    events = {}
    for n in np.flatnonzero(odd).tolist():
        event = {"prediction_id": ids[n], "label": values[n], "timestamp": time_or_none(times[n])}
        events[n] = _event(model, event)
    return Labels(in_place(times), ids, values, events)


def _nothing() -> Labels:
    return Labels(np.empty(0, dtype=np.int64), as_cells([]), as_cells([]), {})


def _features(table: Table, model: Monitored) -> tuple[dict[str, Cells], dict[str, Flags]]:
    """The features that the model's baselines count, and which numbers are of a wrong type."""
    kinds = _counted(model)
    for name in kinds:
        if name in table.unreadable:
            raise DataError(
                f"{table.path}: feature {name} {table.unreadable[name]}; write single values"
            )
    missing = [name for name in kinds if name not in table.columns]
    if missing and not table.fields:
        raise DataError(
            f"{table.path}: no column for the features {', '.join(missing)} of {model.spec.id}; "
            f"it has {', '.join(table.columns)}"
        )
    features: dict[str, Cells] = {}
    wrong: dict[str, Flags] = {}
    for name, kind in kinds.items():
        if name in missing:
            continue
        values = table.as_kind(name, kind)
        if kind == "categorical":
            features[name] = as_cells(values)
            continue
        read = numbers(values)
        features[name] = read.values
        if read.wrong.any():
            wrong[name] = read.wrong
    return features, wrong


def _counted(model: Monitored) -> dict[str, str]:
    """The features of all baselines of a model, with their kinds."""
    return {
        subject.removeprefix(FEATURE): kind
        for subject, kind in model.kinds.items()
        if subject.startswith(FEATURE)
    }


def _kind(numeric: bool) -> str:
    return "numeric" if numeric else "categorical"


def _classes(table: Table, model: Monitored, name: str) -> Cells:
    return as_cells(column_of(table, name, _kind(model.spec.task == "regression")))


def _made_up(names: str, rows: int) -> Cells:
    return as_cells([f"{names}/{n}" for n in range(rows)])


def _events(
    table: Table,
    model: Monitored,
    raw: Mapping[str, Cells | None],
    times: Times,
    rows: list[int],
    names: str,
) -> dict[int, bytes]:
    """Odd rows as the events that they would have been."""
    if not rows:
        return {}
    known = {field: cells for field, cells in raw.items() if cells is not None}
    columns = {name: table.columns[name] for name in _counted(model) if name in table.columns}
    events = {}
    for n in rows:
        event: dict[str, Any] = {
            "prediction_id": f"{names}/{n}",
            "model_version": UNVERSIONED,
            "timestamp": time_or_none(times[n]),
        }
        event |= {field: cells[n] for field, cells in known.items()}
        event["features"] = {name: _plain(values[n]) for name, values in columns.items()}
        events[n] = _event(model, event)
    return events


def _event(model: Monitored, event: Mapping[str, Any]) -> bytes:
    """An event as JSON; what is null is left out."""
    given = {name: value for name, value in event.items() if not is_null(value)}
    return _encode({"model_id": model.spec.id, **given})


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
