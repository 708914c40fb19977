"""Histories: pieces put together, cut by time, and cut into runs."""

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from monitor.replay.history import History, Labels, merged

PANE = 10


def cells(values: list[Any]) -> np.ndarray:
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column


def labels(times: list[int], ids: list[str]) -> Labels:
    return Labels(np.array(times, dtype=np.int64), cells(ids), cells(["yes"] * len(ids)), {})


def past(times: list[int], ids: list[Any] | None = None, **fields: Any) -> History:
    n = len(times)
    made: dict[str, Any] = {
        "model_id": "m",
        "times": np.array(times, dtype=np.int64),
        "ids": None if ids is None else cells(ids),
        "names": ("1",),
        "versions": np.zeros(n, dtype=np.int32),
        "predictions": cells(["no"] * n),
        "scores": None,
        "features": {"x": np.array(times, dtype=float)},
        "wrong": {},
        "odd": {},
        "labels": labels([], []),
    }
    return History(**made | fields)


def test_pieces_are_put_in_order_of_time_with_all_that_belongs_to_a_row() -> None:
    one = past([5, 1], ["a", "b"], odd={1: b"odd"}, wrong={"x": np.array([True, False])})
    other = past(
        [3, 1], ["c", "d"], names=("2", "1"), versions=np.array([0, 1], dtype=np.int32),
        scores=np.array([0.5, np.nan]),
    )  # fmt: skip
    whole = merged([one, other], [labels([9, 2], ["a", "c"])])
    assert whole.times.tolist() == [1, 1, 3, 5]
    assert whole.ids is not None
    assert whole.ids.tolist() == ["b", "d", "c", "a"]
    assert [whole.names[n] for n in whole.versions] == ["1", "1", "2", "1"]
    assert whole.odd == {0: b"odd"}
    assert whole.wrong["x"].tolist() == [False, False, False, True]
    assert whole.scores is not None
    assert np.array_equal(whole.scores, [np.nan, np.nan, 0.5, np.nan], equal_nan=True)
    assert whole.features["x"].tolist() == [1, 1, 3, 5]
    assert whole.labels.ids.tolist() == ["c", "a"]


def test_a_feature_that_a_piece_does_not_have_is_null_there() -> None:
    more = {"x": np.array([2.0]), "c": cells(["red"])}
    whole = merged([past([1]), past([2], features=more), past([3], features={})])
    assert np.array_equal(whole.features["x"], [1, 2, np.nan], equal_nan=True)
    assert whole.features["c"].tolist() == [None, "red", None]


def test_rows_without_ids_beside_rows_with_ids_get_some_of_their_own() -> None:
    whole = merged([past([1, 2]), past([3], ["a"])])
    assert whole.ids is not None
    assert len(set(whole.ids.tolist())) == 3
    assert whole.distinct


def test_a_stretch_of_time_has_the_labels_of_its_predictions_and_those_of_nobody() -> None:
    whole = merged([past([1, 2, 3], ["a", "b", "c"])], [labels([5, 5, 5, 9], ["a", "b", "?", "c"])])
    some = whole.between(2, 3)
    assert (some.times.tolist(), some.labels.ids.tolist()) == ([2], ["b", "?"])
    assert whole.between(None, 2).times.tolist() == [1]
    assert whole.between(None, None) is whole


def test_distinct_looks_at_ids_alone() -> None:
    assert past([1, 2]).distinct
    assert past([1, 2], ["a", "b"]).distinct
    assert not past([1, 2], ["a", "a"]).distinct
    # What is no id stands in an odd row; nothing is claimed of it.
    assert not past([1, 2], ["a", ["?"]]).distinct


@given(st.data())
def test_runs_have_each_row_once_and_none_is_late_for_its_pane(data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 60))
    times = sorted(data.draw(st.lists(st.integers(0, 50), min_size=n, max_size=n)))
    versions = data.draw(st.lists(st.integers(0, 2), min_size=n, max_size=n))
    odd = data.draw(st.sets(st.integers(0, n - 1), max_size=4))
    again = data.draw(st.booleans())
    history = past(
        times,
        ["a"] * n if again else None,
        names=("1", "2", "3"),
        versions=np.array(versions, dtype=np.int32),
        odd=dict.fromkeys(odd, b"odd"),
    )
    runs = [rows.tolist() for rows in history.runs(7, PANE)]
    assert sorted(row for rows in runs for row in rows) == list(range(n))
    pane = 0
    for rows in runs:
        assert len(rows) <= 7
        assert rows == sorted(rows)
        assert len({versions[row] for row in rows}) == 1
        assert len(rows) == 1 or not odd & set(rows)
        assert times[rows[0]] // PANE >= pane
        pane = times[rows[-1]] // PANE if len(set(versions)) > 1 else 0
    if again or len(set(versions)) == 1:
        assert [row for rows in runs for row in rows] == list(range(n))
