"""One table as the past of one model: columns where they hold, and JSON where a row is odd.

Odd is what the stream would refuse or look at twice: a row without its time, with an impossible id,
a prediction that is a list. Such a row is handed on as the event that it would have been, so that
it meets the fate that the stream has for it.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from monitor.errors import DataError
from monitor.events.limits import ID_PATTERN, MAX_CLASS, MAX_INTEGER, MIN_INTEGER
from monitor.files.table import Table
from monitor.files.times import LEAST_MS, epoch_ms
from monitor.observe.columns import Times
from monitor.observe.fields import LAST_MS
from monitor.observe.model import FEATURE, Monitored
from monitor.replay.history import Cells, Flags, History, Labels
from monitor.stats.column import Values, listed, numbers
from monitor.stats.grid import is_null

#: The version of predictions that name none.
UNVERSIONED = "-"
#: Where there is no time.
_NEVER = -(2**63)
_ID = re.compile(ID_PATTERN)
_encode = msgspec.json.Encoder().encode
Roles = Mapping[str, str]


def read_predictions(table: Table, model: Monitored, roles: Roles, names: str) -> History:
    """Read a table of predictions, one a row, with the labels that stand beside them.

    `names` begins the ids of predictions that have none. Raises DataError for a column that is
    missing, or holds what no column of its kind can.
    """
    features, wrong = _features(table, model)
    times = _times(table, roles["timestamp"])
    numeric = model.kinds.get("prediction") == "numeric"
    raw = {
        "prediction_id": _texts(table, roles.get("prediction_id")),
        "model_version": _texts(table, "model_version"),
        "prediction": _cells(_values(table, roles["prediction"], _kind(numeric))),
    }
    ids, versions, predictions = raw.values()
    assert predictions is not None
    named = np.ones(table.rows, dtype=bool) if ids is None else _identifiers(ids)
    labels = _nothing()
    if "label" in roles and model.spec.labels is not None:
        ids = _made_up(names, table.rows) if ids is None else ids
        labels = _beside(table, model, roles, times, ids, named)
    odd = _impossible(times) | ~named | ~_outcomes(predictions)
    distinct: tuple[str, ...] = (UNVERSIONED,)
    which = np.zeros(table.rows, dtype=np.int32)
    if versions is not None:
        odd |= ~_identifiers(versions)
        distinct, which = _index(versions)
    scores = None
    if "score" in roles:
        values = _values(table, roles["score"], "numeric")
        read = numbers(values)
        scores, odd, raw["score"] = read.values, odd | read.wrong, _cells(values)
    if numeric:
        told = numbers(predictions.tolist())
        # A class that a regression says here and there is no number, and yet an event.
        predictions = predictions if (told.wrong & ~odd).any() else told.values
    rows = np.flatnonzero(odd).tolist()
    return History(
        model_id=model.spec.id,
        times=_in_place(times),
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
    times = _times(table, roles.get("label_timestamp") or roles["timestamp"])
    ids = _texts(table, roles["prediction_id"])
    assert ids is not None
    return _labels(model, times, ids, _classes(table, model, roles["label"]), _identifiers(ids))


def _beside(
    table: Table, model: Monitored, roles: Roles, times: Times, ids: Cells, named: Flags
) -> Labels:
    """The labels that stand in the rows of their predictions."""
    if "label_timestamp" in roles:
        times = _times(table, roles["label_timestamp"])
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
    odd = _impossible(times) | ~named | ~_outcomes(values)
    events = {}
    for n in np.flatnonzero(odd).tolist():
        event = {"prediction_id": ids[n], "label": values[n], "timestamp": _time(times[n])}
        events[n] = _event(model, event)
    return Labels(_in_place(times), ids, values, events)


def _nothing() -> Labels:
    return Labels(np.empty(0, dtype=np.int64), _cells([]), _cells([]), {})


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
            features[name] = _cells(values)
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


def _values(table: Table, name: str, kind: str) -> Values:
    """A column that is no feature, as it is to be counted."""
    return table.fields[name] if table.fields else table.as_kind(name, kind)


def _classes(table: Table, model: Monitored, name: str) -> Cells:
    return _cells(_values(table, name, _kind(model.spec.task == "regression")))


def _texts(table: Table, name: str | None) -> Cells | None:
    """A column of names; of numbers, in a file that has them as a type, their digits."""
    if name is None or name not in (table.fields or table.columns):
        return None
    values = _values(table, name, "categorical")
    if isinstance(values, np.ndarray):
        values = [None if is_null(v) else str(v) for v in values.tolist()]
    return _cells(values)


def _cells(values: Values) -> Cells:
    """object[n], whatever the values are."""
    cells = np.empty(len(values), dtype=object)
    cells[:] = listed(values)
    return cells


def _times(table: Table, name: str) -> Times:
    """Times in ms as int64[n]."""
    values: Sequence[Any] = listed((table.fields or table.columns)[name])
    if set(map(type, values)) == {int} and LEAST_MS <= min(values) <= max(values) <= LAST_MS:
        return np.array(values, dtype=np.int64)
    read = epoch_ms(values, name)
    return np.array([_NEVER if time is None else _bounded(time) for time in read], dtype=np.int64)


def _bounded(time: int) -> int:
    """A time that int64 holds: one that cannot be is as impossible."""
    return min(max(time, -1), LAST_MS + 1)


def _impossible(times: Times) -> Flags:
    return np.asarray((times < 0) | (times > LAST_MS))


def _in_place(times: Times) -> Times:
    """The times by which rows are put in order: one without any stays behind the row before it."""
    unknown = _impossible(times)
    if unknown.all() or not unknown.any():
        return times
    last = np.maximum.accumulate(np.where(unknown, -1, np.arange(len(times))))
    return times[np.where(last < 0, np.argmin(unknown), last)]


def _identifiers(names: Cells) -> Flags:
    """Which values can be an id."""
    return _each(names, lambda value: type(value) is str and _ID.search(value) is not None)


def _outcomes(values: Cells) -> Flags:
    """Which values can be a prediction or a label."""
    return _each(values, _outcome)


def _each(values: Cells, sound: Callable[[Any], bool]) -> Flags:
    """Which values are sound; words, which repeat, are looked at once."""
    cells = values.tolist()
    if set(map(type, cells)) <= {str}:
        wrong = {word for word in set(cells) if not sound(word)}
        if not wrong:
            return np.ones(len(cells), dtype=bool)
    return np.array([sound(value) for value in cells], dtype=bool)


def _outcome(value: Any) -> bool:
    if type(value) is str:
        return len(value) <= MAX_CLASS
    if type(value) is int:
        return MIN_INTEGER <= value <= MAX_INTEGER
    return type(value) is bool or (type(value) is float and bool(np.isfinite(value)))


def _index(versions: Cells) -> tuple[tuple[str, ...], npt.NDArray[np.int32]]:
    """The names of the versions, and each row's among them."""
    index: dict[str, int] = {}
    # What is no text is an odd row's, and has no use here.
    which = [index.setdefault(str(name), len(index)) for name in versions.tolist()]
    return tuple(index), np.array(which, dtype=np.int32)


def _made_up(names: str, rows: int) -> Cells:
    return _cells([f"{names}/{n}" for n in range(rows)])


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
            "timestamp": _time(times[n]),
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


def _time(time: np.int64) -> int | None:
    ms = int(time)
    return None if ms == _NEVER else ms
