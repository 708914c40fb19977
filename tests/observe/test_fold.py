"""Rows to counts, against a loop over rows and edges that knows nothing of numpy's searches."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.baselines.build import build_baseline
from monitor.observe.decode import Decoder
from monitor.observe.fold import LONG_FROM, Fold, Pane, PaneKey
from monitor.observe.model import Monitored
from monitor.registry.specs import ModelSpec
from monitor.stats.grid import NumericGrid
from tests.observe.slots import slot
from tests.observe.stream import HOUR, T0, log, monitored, prediction, spec

MODEL = monitored()
DECODER = Decoder([MODEL])
Expected = dict[PaneKey, tuple[int, Counter[tuple[str, int]]]]

AMOUNTS = st.one_of(
    st.floats(40, 160),
    st.sampled_from([None, "oops", True, [1], 0.0, -1e300, 1e300, 100, 10**30, -0.0]),
)
COLORS = st.sampled_from(["red", "green", "blue", "mauve", None, 1, True, [], {"a": 1}, 2.5])
EVENTS = st.fixed_dictionaries(
    {
        "timestamp": st.integers(T0, T0 + 3 * HOUR),
        "model_version": st.sampled_from(["1", "2"]),
        "features": st.fixed_dictionaries({}, optional={"amount": AMOUNTS, "color": COLORS}),
        "prediction": st.sampled_from(["yes", "no", "maybe", 1, True]),
        "score": st.one_of(st.none(), st.floats(0, 1)),
    }
)


def decoded(events: Sequence[dict[str, Any]]) -> tuple[list[Any], dict[int, list[str]]]:
    """Rows, and mistyped features by position, as intake would hand them over."""
    rows, mistyped = [], {}
    values = [prediction(f"p{n}", T0) | event for n, event in enumerate(events)]
    for n, row in enumerate(DECODER.predictions(log(values))):
        if isinstance(row, tuple):
            row, mistyped[n] = row
        rows.append(row)
    return rows, mistyped


def fold_of(
    rows: Sequence[Any],
    mistyped: Mapping[int, Sequence[str]],
    into: dict[PaneKey, Pane],
    fold: Fold | None = None,
) -> set[PaneKey]:
    """Take the rows and bin them; the panes that changed."""
    fold = fold or fold_by(DECODER)
    times = np.array([row.timestamp for row in rows], dtype=np.int64)
    of = np.zeros(len(rows), dtype=np.intp)
    fold.take(fold.shape.block(rows, of, times, mistyped))
    return {key for _, key in fold.bin([into])}


def fold_by(decoder: Decoder) -> Fold:
    """A fold of hourly panes."""
    return Fold(decoder.shapes[0], np.array([HOUR] * len(decoder.columns)))


def expected(events: Sequence[dict[str, Any]]) -> Expected:
    """Rows and counts by pane, one event and one column at a time."""
    assert MODEL.baseline
    layout = MODEL.baseline.layout
    panes: Expected = {}
    for event in events:
        key = (event["model_version"], event["timestamp"] // HOUR * HOUR)
        rows, counts = panes.get(key, (0, Counter()))
        for column in layout.columns:
            name = column.subject.removeprefix("feature/")
            value = event["features"].get(name) if name != column.subject else event[name]
            counts[column.subject, slot(column.grid, value)] += 1
        panes[key] = (rows + 1, counts)
    return panes


def found(panes: dict[PaneKey, Pane]) -> Expected:
    assert MODEL.baseline
    layout = MODEL.baseline.layout
    return {
        key: (
            pane.rows,
            Counter(
                {
                    (subject, slot): n
                    for subject in layout.subjects
                    for slot, n in enumerate(pane.counts[layout.slice(subject)].tolist())
                    if n
                }
            ),
        )
        for key, pane in panes.items()
    }


@settings(max_examples=150, deadline=None)
@given(st.lists(EVENTS, max_size=40))
def test_each_row_is_counted_in_its_pane_and_its_slots(events: list[dict[str, Any]]) -> None:
    panes: dict[PaneKey, Pane] = {}
    changed = fold_of(*decoded(events), panes)
    assert found(panes) == expected(events)
    assert changed == panes.keys()


def many(n: int, hours: int, seed: int = 1) -> list[dict[str, Any]]:
    rng = np.random.default_rng(seed)
    odd: list[Any] = [None, "oops", True, 1e300, -1e300, 0.0]
    return [
        {
            "timestamp": T0 + int(rng.integers(0, hours * HOUR)),
            "model_version": "1",
            "features": {
                "amount": odd[n] if (n := int(rng.integers(0, 60))) < 6 else rng.normal(100, 20),
                "color": str(rng.choice(["red", "green", "blue", "mauve"])),
            },
            "prediction": "yes" if rng.random() < 0.4 else "no",
            "score": float(rng.random()),
        }
        for _ in range(n)
    ]


@pytest.mark.parametrize(
    ("rows", "hours"),
    [(2 * LONG_FROM, 2), (2 * LONG_FROM - 1, 2), (LONG_FROM, 1), (LONG_FROM - 1, 1), (900, 300)],
)
def test_long_columns_and_short_ones_count_alike(rows: int, hours: int) -> None:
    """Few large panes column by column, many small ones together: both sides of the limit."""
    events = many(rows, hours)
    panes: dict[PaneKey, Pane] = {}
    fold_of(*decoded(events), panes)
    assert found(panes) == expected(events)


def test_a_replay_that_opens_many_panes_is_binned_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.observe.fold.VALUES_AT_ONCE", 1000)
    events = many(900, 300)
    panes: dict[PaneKey, Pane] = {}
    fold_of(*decoded(events), panes)
    assert found(panes) == expected(events)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(EVENTS, min_size=1, max_size=30),
    st.lists(st.integers(0, 30), max_size=4).map(sorted),
)
def test_it_does_not_matter_when_the_pile_is_binned(
    events: list[dict[str, Any]], cuts: list[int]
) -> None:
    once: dict[PaneKey, Pane] = {}
    often: dict[PaneKey, Pane] = {}
    fold = fold_by(DECODER)
    fold_of(*decoded(events), once, fold)
    for first, last in zip([0, *cuts], [*cuts, len(events)], strict=True):
        fold_of(*decoded(events[first:last]), often, fold)
    assert found(often) == found(once)


def test_every_slot_of_a_column_adds_up_to_the_rows() -> None:
    """Nothing of a row is dropped, whatever its type: nulls and errors are slots too."""
    events = many(3000, 5)
    panes: dict[PaneKey, Pane] = {}
    fold_of(*decoded(events), panes)
    assert MODEL.baseline
    layout = MODEL.baseline.layout
    for pane in panes.values():
        sums = {s: int(pane.counts[layout.slice(s)].sum()) for s in layout.subjects}
        assert set(sums.values()) == {pane.rows}


def test_without_a_baseline_rows_are_counted_all_the_same() -> None:
    model = Monitored(ModelSpec(id="m", data_drift=spec().data_drift), None)
    decoder = Decoder([model])
    rows = decoder.predictions(log([prediction("a", T0), prediction("b", T0 + 5 * HOUR)]))
    panes: dict[PaneKey, Pane] = {}
    fold_of(rows, {}, panes, fold_by(decoder))
    assert {key: (pane.rows, pane.counts.size) for key, pane in panes.items()} == {
        ("1", T0): (1, 0),
        ("1", T0 + 5 * HOUR): (1, 0),
    }


def test_a_numeric_prediction_that_is_no_number_is_null() -> None:
    """A regression model whose service answers with text: seen as missing, never as a value."""
    spread = np.linspace(10, 30, 200)
    reference = build_baseline("r", "m", {"x": spread}, prediction=spread, task="regression")
    model = Monitored(spec(task="regression", performance=None, labels=None), reference)
    decoder = Decoder([model])
    events = [
        prediction(f"p{n}", T0, features={"x": 2.0}, prediction=value, score=None)
        for n, value in enumerate([20.0, 20, "n/a", True])
    ]
    panes: dict[PaneKey, Pane] = {}
    rows = decoder.predictions(log(events))
    fold_of(rows, {}, panes, fold_by(decoder))
    grid = reference.layout.grid("prediction")
    assert isinstance(grid, NumericGrid)
    counts = panes["1", T0].counts[reference.layout.slice("prediction")]
    assert counts[slot(grid, 20.0)] == 2
    assert counts[grid.NULL] == 2


def test_a_small_pane_takes_little_memory_and_a_large_one_loses_nothing() -> None:
    """A byte a slot up to 255 rows, two up to 65,535: no slot can hold more than all rows."""
    events = many(70_000, 1)
    panes: dict[PaneKey, Pane] = {}
    fold = fold_by(DECODER)
    sizes = []
    for first, last in ((0, 255), (255, 256), (256, 65_535), (65_535, 70_000)):
        fold_of(*decoded(events[first:last]), panes, fold)
        sizes.append(panes["1", T0].counts.itemsize)
    assert sizes == [1, 2, 2, 4]
    assert found(panes) == expected(events)
