"""Tables of past predictions, and of labels, as the histories that a replay runs over."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from monitor.errors import DataError
from monitor.files.past import read_labels, read_predictions
from monitor.files.reference import ROLES, rows_of
from monitor.files.table import Table
from monitor.observe.model import FEATURE, Monitored
from monitor.replay.history import History, Labels, merged
from monitor.stats.column import listed

#: What a role's option is called; ids are a role of a history alone.
HISTORY_ROLES = (*ROLES, "prediction_id")


@dataclass(frozen=True, slots=True, eq=False)
class Histories:
    """The past of each model by id, and the rows that name models which nobody asked for."""

    known: Mapping[str, History]
    strangers: Mapping[str, int]


def read_histories(
    tables: Sequence[Table],
    models: Sequence[Monitored],
    given: Mapping[str, str] | None = None,
) -> Histories:
    """Make histories of tables: of predictions, one a row, and of labels.

    `given` names the columns of roles; without a name a role is the column of its own name. A
    table with labels and ids and no predictions is one of labels. Rows that name no model are of
    the only one there is. Raises DataError for a table that is neither, or tells of no model.
    """
    by_id = {model.spec.id: model for model in models}
    known: dict[str, list[History]] = {}
    apart: dict[str, list[Labels]] = {}
    strangers: Counter[str] = Counter()
    for number, table in enumerate(tables):
        for owner, own in _owners(table, by_id):
            model = by_id.get(owner)
            if model is None:
                strangers[owner] += own.rows
                continue
            roles = _roles(own, given or {}, model)
            if "prediction" in roles:
                part = read_predictions(own, model, roles, f"row/{number}")
                known.setdefault(owner, []).append(part)
            else:
                apart.setdefault(owner, []).append(read_labels(own, model, roles))
    if not known:
        raise DataError(
            f"{', '.join(table.path for table in tables)}: no prediction of "
            f"{', '.join(by_id)}{_named(strangers)}; give a file with some, or another --model"
        )
    histories = {owner: merged(parts, apart.get(owner, [])) for owner, parts in known.items()}
    return Histories(histories, strangers)


def _owners(table: Table, models: Mapping[str, Monitored]) -> Iterator[tuple[str, Table]]:
    """The rows of each model, by the id that they name."""
    owners = (table.fields or table.columns).get("model_id")
    if owners is None:
        if len(models) > 1:
            raise DataError(
                f"{table.path}: its rows name no model, and there are {', '.join(models)}; "
                "say whose they are with --model"
            )
        yield next(iter(models)), table
        return
    names = [str(owner) for owner in listed(owners)]
    distinct = dict.fromkeys(names)
    for owner in distinct:
        own = np.array([name == owner for name in names], dtype=np.bool_)
        yield owner, table if len(distinct) == 1 else rows_of(table, own)


def _roles(table: Table, given: Mapping[str, str], model: Monitored) -> dict[str, str]:
    """The column of each role that is filled; of predictions at least what none can do without."""
    there = table.fields or table.columns
    columns = {role: given.get(role, role) for role in HISTORY_ROLES}
    found = {
        role: name
        for role, name in columns.items()
        # A feature of that name is a feature, in a table that keeps them beside the rest.
        if name in there and (role in given or table.fields or FEATURE + role not in model.kinds)
    }
    features = any(FEATURE + name in model.kinds for name in table.columns)
    of_labels = {"prediction_id", "label"} <= found.keys() and not features
    needed: tuple[str, ...] = ("prediction", "timestamp")
    if of_labels and "prediction" not in found:
        needed = ("timestamp",) if "label_timestamp" not in found else ()
    else:
        for role, name in given.items():
            if role not in found:
                raise DataError(
                    f"{table.path}: no column {name!r} for {_option(role)}; "
                    f"it has {', '.join(there)}"
                )
    missing = [role for role in needed if role not in found]
    if missing:
        options = " and ".join(f"{_option(role)} COLUMN" for role in missing)
        raise DataError(
            f"{table.path}: no column of {' or '.join(missing)}; name it with {options}; "
            f"it has {', '.join(there)}"
        )
    return found


def _option(role: str) -> str:
    return f"--{role.replace('_', '-')}"


def _named(strangers: Mapping[str, int]) -> str:
    if not strangers:
        return ""
    return f"; they are of {', '.join(sorted(strangers)[:5])}"
