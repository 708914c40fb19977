"""Rows of models with several baselines: each is counted over the one that holds at its time."""

from collections import Counter
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.baselines.baseline import Baseline
from monitor.baselines.build import build_baseline
from monitor.observe.decode import Decoder
from monitor.observe.fold import LONG_FROM, Fold, Pane, PaneKey
from monitor.observe.model import Monitored
from monitor.stats.grid import CategoricalGrid, NumericGrid
from tests.observe.stream import HOUR, T0, baseline, log, prediction, spec


def other(name: str, *features: str, score: bool = True) -> Baseline:
    """A baseline of these features, over bins of its own."""
    rng = np.random.default_rng(len(name))
    columns: dict[str, Any] = {
        "amount": rng.uniform(0, 300, 200),
        "weight": rng.normal(0, 1, 200),
        "color": rng.choice(["mauve", "red"], 200).tolist(),
        "size": rng.choice(["s", "m"], 200).tolist(),
    }
    return build_baseline(
        name, "m", {feature: columns[feature] for feature in features},
        prediction=rng.choice(["yes", "maybe"], 200).tolist(),
        score=rng.random(200).tolist() if score else None,
    )  # fmt: skip


def model(name: str, first: Baseline | None, *changes: tuple[int, Baseline]) -> Monitored:
    return Monitored(spec(name), first, tuple((T0 + n * HOUR, one) for n, one in changes))


#: One baseline; several, of the same columns in all; none at first, and columns that come and go.
MODELS = [
    model("one", baseline()),
    model("two", baseline(), (2, other("b", "amount", "color"))),
    model("many", None, (1, baseline()), (2, other("cc", "amount", "color")), (5, baseline())),
    model("mixed", other("ddd", "weight", "size"), (3, other("eeee", "color", score=False))),
]
DECODER = Decoder(MODELS)
EVENTS = st.lists(
    st.tuples(
        st.integers(0, len(MODELS) - 1),
        st.integers(0, 7 * HOUR),
        st.sampled_from([-1.0, 50.0, 100.0, 250.0, None]),
        st.sampled_from([0.3, "heavy", None]),
        st.sampled_from(["red", "green", "mauve", "grey", None, 4]),
        st.sampled_from(["yes", "maybe", "no"]),
    ),
    max_size=60,
)


def folded(events: list[dict[str, Any]]) -> list[dict[PaneKey, Pane]]:
    """The panes of each model, each shape's rows in a block of their own."""
    panes: list[dict[PaneKey, Pane]] = [{} for _ in MODELS]
    number = {model.spec.id: n for n, model in enumerate(MODELS)}
    decoded = DECODER.predictions(log(events))
    rows = [row if type(row) is tuple else (row, ()) for row in decoded]
    for shape in DECODER.shapes:
        mine = [one for one in rows if number[one[0].model_id] in shape.members]
        fold = Fold(shape, np.full(len(MODELS), HOUR))
        of = np.array([number[row.model_id] for row, _ in mine], dtype=np.intp)
        times = np.array([row.timestamp for row, _ in mine], dtype=np.int64)
        mistyped = {n: wrong for n, (_, wrong) in enumerate(mine) if wrong}
        fold.take(shape.block([row for row, _ in mine], of, times, mistyped))
        fold.bin(panes)
    return panes


def slot(grid: NumericGrid | CategoricalGrid, value: Any) -> int:
    """Where one value of a column is counted."""
    if isinstance(grid, CategoricalGrid):
        return grid.slot(value)
    if isinstance(value, str):
        return grid.width + grid.TYPE_ERROR
    return int(grid.codes(np.array([np.nan if value is None else value]))[0])


def expected(events: list[dict[str, Any]]) -> Counter[tuple[str, int, int]]:
    """Of each model and pane the count of each slot, value by value; slot -1 counts the rows."""
    counts: Counter[tuple[str, int, int]] = Counter()
    models = {model.spec.id: model for model in MODELS}
    for event in events:
        pane = event["model_id"], event["timestamp"] // HOUR * HOUR
        counts[*pane, -1] += 1
        holds = models[pane[0]].at(event["timestamp"]).baseline
        for column in holds.layout.columns if holds else ():
            name = column.subject.removeprefix("feature/")
            value = event[name] if name in ("prediction", "score") else event["features"].get(name)
            start = holds.layout.slice(column.subject).start if holds else 0
            assert isinstance(column.grid, NumericGrid | CategoricalGrid)
            counts[*pane, start + slot(column.grid, value)] += 1
    return counts


def found(events: list[dict[str, Any]]) -> Counter[tuple[str, int, int]]:
    counts: Counter[tuple[str, int, int]] = Counter()
    for model, panes in zip(MODELS, folded(events), strict=True):
        for (_, start), pane in panes.items():
            counts[model.spec.id, start, -1] += pane.rows
            for n in np.flatnonzero(pane.counts).tolist():
                counts[model.spec.id, start, n] += int(pane.counts[n])
    return counts


def event(n: int, at: int, amount: Any, weight: Any, color: Any, said: str) -> dict[str, Any]:
    features = {"amount": amount, "weight": weight, "color": color, "size": "m"}
    name = MODELS[n].spec.id
    return prediction("p", T0 + at, model_id=name, features=features, prediction=said, score=0.5)


@settings(deadline=None)
@given(EVENTS)
def test_each_value_is_counted_in_the_grid_that_holds_at_its_time(
    drawn: list[tuple[int, int, Any, Any, Any, str]],
) -> None:
    events = [event(*one) for one in drawn]
    assert found(events) == expected(events)


def test_long_columns_are_counted_in_the_grid_that_holds_at_their_time() -> None:
    values = [(50.0, 0.3, "red"), (100.0, "heavy", "mauve"), (None, None, "green")]
    events = [
        event(n, hour * HOUR + k, *values[k % 3], "yes")
        for n in range(len(MODELS))
        for hour in range(6)
        for k in range(LONG_FROM + 3)
    ]
    assert found(events) == expected(events)


@given(st.lists(st.tuples(st.integers(0, len(MODELS) - 1), st.integers(-HOUR, 7 * HOUR))))
def test_rows_of_many_models_find_the_layout_of_their_time(rows: list[tuple[int, int]]) -> None:
    """Also where a time is the first of a baseline, and long before any or long after all."""
    for shape in DECODER.shapes:
        mine = [(n, at) for n, at in rows if n in shape.members]
        mine += [(n, p.from_ms - T0) for n in shape.members for p in MODELS[n].periods]
        of = np.array([n for n, _ in mine], dtype=np.intp)
        times = np.array([T0 + at for _, at in mine], dtype=np.int64)
        layouts = shape.layouts(of, times).tolist()
        assert [shape.model[n] for n in layouts] == of.tolist()
        for (n, at), layout in zip(mine, layouts, strict=True):
            holds = MODELS[n].at(T0 + at).baseline
            assert shape.counted[layout].layout is (holds.layout if holds else None)
