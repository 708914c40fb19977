"""Tables as histories: roles, kinds, ids, whose rows they are, and what is refused."""

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from monitor.errors import DataError
from monitor.files.history import read_histories
from monitor.files.tables import read_table
from monitor.observe.model import Monitored
from monitor.replay.history import History
from tests.observe.stream import HOUR, T0, baseline, monitored, prediction, spec

N = 6
MODEL = monitored()


def frame(**columns: Any) -> pl.DataFrame:
    made: dict[str, Any] = {
        "timestamp": [T0 + n for n in range(N)],
        "amount": [float(n) for n in range(N)],
        "color": ["red"] * N,
        "prediction": ["yes", "no"] * (N // 2),
        "score": [0.5] * N,
    }
    made |= columns
    return pl.DataFrame({name: values for name, values in made.items() if values is not None})


def read(table: pl.DataFrame, folder: Path, model: Monitored = MODEL, **given: str) -> History:
    """The history in a Parquet file, and the same in CSV."""
    table.write_parquet(folder / "t.parquet")
    table.write_csv(folder / "t.csv")
    one, other = (
        read_histories([read_table(str(folder / name))], [model], given).known["m"]
        for name in ("t.parquet", "t.csv")
    )
    for field in ("times", "predictions", "versions"):
        assert getattr(one, field).tolist() == getattr(other, field).tolist()
    for name in one.features:
        assert np.array_equal(one.features[name], other.features[name])
    assert one.labels.times.tolist() == other.labels.times.tolist()
    assert one.odd.keys() == other.odd.keys()
    return one


def refused(table: pl.DataFrame, folder: Path, model: Monitored = MODEL, **given: str) -> str:
    table.write_parquet(folder / "t.parquet")
    with pytest.raises(DataError) as error:
        read_histories([read_table(str(folder / "t.parquet"))], [model], given)
    return str(error.value).removeprefix(f"{folder}/")


def test_a_flat_table_has_features_and_roles(tmp_path: Path) -> None:
    found = read(frame(), tmp_path)
    assert found.times.tolist() == [T0 + n for n in range(N)]
    assert found.predictions.tolist() == ["yes", "no"] * (N // 2)
    assert found.features["amount"].dtype == np.float64
    assert found.features["color"].tolist() == ["red"] * N
    assert found.ids is None
    assert found.labels.rows == 0
    assert found.names == ("-",)


def test_rows_are_put_in_order_of_time(tmp_path: Path) -> None:
    found = read(frame(timestamp=[T0 + N - n for n in range(N)]), tmp_path)
    assert found.features["amount"].tolist() == [5, 4, 3, 2, 1, 0]


def test_roles_may_have_other_names_and_times_are_text_too(tmp_path: Path) -> None:
    table = frame(prediction=None, said=["yes"] * N, timestamp=None, at=["2013-06-01 00:00:00"] * N)
    found = read(table, tmp_path, prediction="said", timestamp="at")
    assert found.times.tolist() == [1_370_044_800_000] * N
    assert found.predictions.tolist() == ["yes"] * N


def test_labels_stand_beside_their_predictions(tmp_path: Path) -> None:
    labels = ["yes", None, "no", "no", None, "yes"]
    due = [T0 + HOUR - n for n in range(N)]
    found = read(frame(label=labels, label_timestamp=due), tmp_path)
    assert found.labels.times.tolist() == sorted(due[n] for n in (0, 2, 3, 5))
    assert found.labels.values.tolist() == ["yes", "no", "no", "yes"]
    assert found.ids is not None
    of = {key: n for n, key in enumerate(found.ids.tolist())}
    assert [of[key] for key in found.labels.ids.tolist()] == [5, 3, 2, 0]


def test_events_may_carry_their_labels(tmp_path: Path) -> None:
    known = [prediction(f"p{n}", T0 + n, label="no", label_timestamp=T0 + HOUR) for n in range(2)]
    events = [*known, prediction("p2", T0 + 2)]
    lines = "".join(json.dumps(event) + "\n" for event in events)
    (tmp_path / "past.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    found = read_histories([read_table(str(tmp_path / "past.jsonl.gz"))], [MODEL]).known["m"]
    assert found.ids is not None
    assert found.ids.tolist() == ["p0", "p1", "p2"]
    assert found.names == ("1",)
    assert found.labels.ids.tolist() == ["p0", "p1"]
    assert found.labels.times.tolist() == [T0 + HOUR] * 2
    assert found.features["amount"].tolist() == [100.0] * 3
    assert not found.odd


def test_a_model_without_labels_takes_none(tmp_path: Path) -> None:
    model = monitored(labels=None, performance=None)
    found = read(frame(label=["yes"] * N, label_timestamp=[T0] * N), tmp_path, model)
    assert found.labels.rows == 0


def test_labels_need_times_where_the_baseline_has_ages(tmp_path: Path) -> None:
    why = refused(frame(label=["yes"] * N), tmp_path)
    assert why == (
        "t.parquet: labels without the times at which they were known, and the baseline of m is "
        "compared at equal label age; name them with --label-timestamp"
    )


def test_ids_of_numbers_are_their_digits(tmp_path: Path) -> None:
    found = read(frame(prediction_id=range(N), model_version=[2] * N), tmp_path)
    assert found.ids is not None
    assert found.ids.tolist() == ["0", "1", "2", "3", "4", "5"]
    assert found.names == ("2",)


def test_numbers_among_words_and_nulls(tmp_path: Path) -> None:
    table = frame(amount=["1.5", "x", None, "2", "3", "4"])
    table.write_csv(tmp_path / "t.csv")
    found = read_histories([read_table(str(tmp_path / "t.csv"))], [MODEL]).known["m"]
    expected = [1.5, np.nan, np.nan, 2, 3, 4]
    assert np.array_equal(found.features["amount"], expected, equal_nan=True)
    assert found.wrong["amount"].tolist() == [False, True, False, False, False, False]


def test_a_row_that_no_column_can_hold_is_the_event_that_it_would_have_been(
    tmp_path: Path,
) -> None:
    table = frame(prediction=["yes", None, "no", "no", "no", "no"], timestamp=[T0] * 5 + [None])
    found = read(table, tmp_path)
    assert {n: json.loads(event) for n, event in found.odd.items()} == {
        1: {
            "prediction_id": "row/0/1", "model_id": "m", "model_version": "-", "timestamp": T0,
            "features": {"amount": 1.0, "color": "red"}, "score": 0.5,
        },
        5: {
            "prediction_id": "row/0/5", "model_id": "m", "model_version": "-",
            "features": {"amount": 5.0, "color": "red"}, "prediction": "no", "score": 0.5,
        },
    }  # fmt: skip


def test_whose_rows_they_are(tmp_path: Path) -> None:
    other = Monitored(spec("n"), baseline())
    table = frame(model_id=["m", "n", "m", "x", "x", "m"])
    table.write_csv(tmp_path / "t.csv")
    found = read_histories([read_table(str(tmp_path / "t.csv"))], [MODEL, other])
    assert {of: past.features["amount"].tolist() for of, past in found.known.items()} == {
        "m": [0, 2, 5], "n": [1],
    }  # fmt: skip
    assert found.strangers == {"x": 2}
    nobodys = frame()
    nobodys.write_csv(tmp_path / "u.csv")
    with pytest.raises(DataError, match=r"name no model, and there are m, n; say whose.* --model"):
        read_histories([read_table(str(tmp_path / "u.csv"))], [MODEL, other])
    frame(model_id=["m"] * 5 + ["x"]).write_csv(tmp_path / "v.csv")
    with pytest.raises(DataError, match=r"no prediction of n; they are of m, x; give a file"):
        read_histories([read_table(str(tmp_path / "v.csv"))], [other])


def test_a_table_of_labels_belongs_to_predictions_elsewhere(tmp_path: Path) -> None:
    frame(prediction_id=[f"p{n}" for n in range(N)]).write_csv(tmp_path / "p.csv")
    pl.DataFrame(
        {"prediction_id": ["p3", "p1"], "label": ["no", "yes"], "timestamp": [T0 + 9, T0 + 8]}
    ).write_csv(tmp_path / "l.csv")
    tables = [read_table(str(tmp_path / name)) for name in ("l.csv", "p.csv")]
    found = read_histories(tables, [MODEL]).known["m"]
    assert found.rows == N
    assert found.labels.ids.tolist() == ["p1", "p3"]
    assert found.labels.times.tolist() == [T0 + 8, T0 + 9]


@pytest.mark.parametrize(
    ("columns", "why"),
    [
        (
            {"timestamp": None},
            "no column of timestamp; name it with --timestamp COLUMN; it has amount, color",
        ),
        (
            {"timestamp": None, "prediction": None},
            "no column of prediction or timestamp; name it with --prediction COLUMN and",
        ),
        ({"amount": None}, "no column for the features amount of m; it has timestamp, color"),
        ({"timestamp": [5] * N}, "timestamp 5 in row 1 looks like seconds: give milliseconds"),
        ({"timestamp": ["noon"] * N}, "timestamp 'noon' in row 1 is no time: give milliseconds"),
        ({"amount": [[1.0]] * N}, "feature amount holds List(Float64); write single values"),
    ],
)
def test_what_cannot_be_a_history_is_refused(
    tmp_path: Path, columns: dict[str, Any], why: str
) -> None:
    assert why in refused(frame(**columns), tmp_path)


def test_a_role_that_is_given_must_be_there(tmp_path: Path) -> None:
    why = refused(frame(), tmp_path, score="sure")
    assert why.startswith("t.parquet: no column 'sure' for --score; it has timestamp, amount")


def test_a_table_of_predictions_is_not_taken_for_one_of_labels(tmp_path: Path) -> None:
    table = frame(prediction=None, label=["yes"] * N, prediction_id=range(N))
    assert refused(table, tmp_path).startswith("t.parquet: no column of prediction; name it with")
    assert "no column 'sad' for --prediction" in refused(table, tmp_path, prediction="sad")
