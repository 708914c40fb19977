"""The same table from every kind of file; what is no table ends in one line."""

import gzip
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from monitor.errors import DataError
from monitor.files.table import Table
from monitor.files.tables import read_table
from monitor.stats.column import count, infer_kind, listed
from monitor.stats.grid import build_numeric, is_null

ROWS: list[dict[str, Any]] = [
    {"age": 31, "income": 1200.5, "color": "red", "member": True},
    {"age": None, "income": -3.0, "color": None, "member": False},
    {"age": 47, "income": None, "color": "blue", "member": None},
]


def wrote(folder: Path, ending: str, rows: list[dict[str, Any]] = ROWS) -> str:
    path = folder / f"table{ending}"
    frame = pl.DataFrame(rows, infer_schema_length=None)
    match ending.removesuffix(".gz"):
        case ".csv":
            text = frame.write_csv()
        case ".tsv":
            text = frame.write_csv(separator="\t")
        case ".parquet" | ".pq":
            frame.write_parquet(path)
            return str(path)
        case _:
            text = "\n".join(json.dumps(row) for row in rows) + "\n\n"
    data = text.encode()
    path.write_bytes(gzip.compress(data) if ending.endswith(".gz") else data)
    return str(path)


def plain(table: Table, name: str) -> list[object]:
    return [None if is_null(value) else value for value in listed(table.columns[name])]


@pytest.mark.parametrize(
    "ending", [".csv", ".tsv", ".CSV", ".csv.gz", ".jsonl", ".ndjson", ".json", ".jsonl.gz"]
    + [".parquet", ".pq"],
)  # fmt: skip
def test_a_table_is_the_same_from_every_kind_of_file(tmp_path: Path, ending: str) -> None:
    path = wrote(tmp_path, ending.lower())
    if ending.isupper():
        path = str(Path(path).rename(tmp_path / f"TABLE{ending}"))
    table = read_table(path)
    assert table.rows == 3
    assert list(table.columns) == ["age", "income", "color", "member"]
    for name in table.columns:
        assert plain(table, name) == [row[name] for row in ROWS]
    kinds = [infer_kind(values) for values in table.columns.values()]
    assert kinds == ["numeric", "numeric", "categorical", "categorical"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_in_the_header(tmp_path: Path, delimiter: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"a{delimiter}b\n1{delimiter}x\n")
    assert list(read_table(str(path)).columns) == ["a", "b"]


def csv(folder: Path, text: str) -> Table:
    path = folder / "t.csv"
    path.write_bytes(text.encode())
    return read_table(str(path))


def test_a_column_of_text_is_numeric_only_if_all_of_it_is(tmp_path: Path) -> None:
    table = csv(tmp_path, "n,m,w\n1,1,x\n 2.5 ,two,y\n1e3,,\nNA,4,inf\n")
    assert plain(table, "n") == [1.0, 2.5, 1000.0, None]
    assert plain(table, "m") == ["1", "two", None, "4"]
    assert plain(table, "w") == ["x", "y", None, "inf"]


def test_text_among_numbers_is_of_the_wrong_type_once_the_column_is_numeric(tmp_path: Path) -> None:
    table = csv(tmp_path, "m\n1\ntwo\nNA\n4\n1_0\n")
    assert table.as_kind("m", "numeric") == [1.0, "two", None, 4.0, "1_0"]
    found = count(build_numeric(np.array([1.0, 4.0])), table.as_kind("m", "numeric"))
    assert (found[-1], found[-3], found.sum()) == (2, 1, 5)


def test_numbers_as_categories_keep_their_form_but_for_a_fraction_of_zero(tmp_path: Path) -> None:
    table = csv(tmp_path, "code\n007\n1.0\n-2.00\n2.50\n12345678901234567890\nNA\n")
    assert table.as_kind("code", "categorical") == [
        "007", "1", "-2", "2.50", "12345678901234567890", None,
    ]  # fmt: skip
    assert listed(table.as_kind("code", "numeric"))[:2] == [7.0, 1.0]


@pytest.mark.parametrize("null", ["", "NA", "NaN", "null", "None", "N/A"])
def test_what_programs_write_for_nothing_is_null(tmp_path: Path, null: str) -> None:
    table = csv(tmp_path, f"n,w\n1,x\n{null},{null}\n")
    assert plain(table, "n") == [1.0, None]
    assert plain(table, "w") == ["x", None]


def test_a_byte_order_mark_and_windows_line_ends_are_no_part_of_names(tmp_path: Path) -> None:
    assert list(csv(tmp_path, "\ufeffa,b \r\n1,2\r\n").columns) == ["a", "b"]
    path = tmp_path / "t.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"a":1}\r\n')
    assert list(read_table(str(path)).columns) == ["a"]


def test_parquet_keeps_integers_exact_and_knows_times(tmp_path: Path) -> None:
    moment = datetime(2013, 5, 1, tzinfo=UTC)
    frame = pl.DataFrame(
        {
            "id": [2**60 + 1, None],
            "at": [moment, None],
            "day": [moment.date(), None],
            "naive": [moment.replace(tzinfo=None), None],
            "kind": pl.Series(["a", "b"], dtype=pl.Categorical),
            "price": pl.Series(["1.50", None]).cast(pl.Decimal(10, 2)),
            "tags": [["x"], []],
            "empty": [None, None],
        }
    )
    path = str(tmp_path / "t.parquet")
    frame.write_parquet(path)
    table = read_table(path)
    assert table.columns["id"] == [2**60 + 1, None]
    for name in ("at", "day", "naive"):
        assert table.columns[name] == [1367366400000, None]
    assert table.times == {"at", "day", "naive"}
    assert plain(table, "kind") == ["a", "b"]
    assert plain(table, "price") == [1.5, None]
    assert plain(table, "empty") == [None, None]
    assert table.unreadable == {"tags": "holds List(String)"}


EVENTS = [
    {"prediction_id": "1", "timestamp": 5, "features": {"x": 1, "c": "a"}, "prediction": True},
    {"prediction_id": "2", "timestamp": 6, "features": {"x": "?"}, "prediction": False},
]


@pytest.mark.parametrize("ending", [".jsonl", ".parquet"])
def test_prediction_events_have_features_and_what_stands_beside_them(
    tmp_path: Path, ending: str
) -> None:
    events = EVENTS
    if ending == ".parquet":
        events = [EVENTS[0], {**EVENTS[1], "features": {"x": 3, "c": None}}]
    table = read_table(wrote(tmp_path, ending, events))
    assert list(table.columns) == ["x", "c"]
    assert list(table.fields) == ["prediction_id", "timestamp", "prediction"]
    assert list(table.compared) == ["x", "c", "prediction"]
    assert plain(table, "c") == ["a", None]


def test_an_array_of_objects_is_a_table_too(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    path.write_text(json.dumps(ROWS, indent=1))
    assert plain(read_table(str(path)), "age") == [31, None, 47]


def test_lists_and_objects_in_lines_are_named_and_not_read(tmp_path: Path) -> None:
    table = read_table(wrote(tmp_path, ".jsonl", [{"a": 1, "l": [1]}, {"a": 2, "l": None}]))
    assert list(table.columns) == ["a"]
    assert table.unreadable == {"l": "holds lists or objects"}


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("t.txt", b"a\n1\n", r"t.txt: no table by its ending; known: .csv"),
        ("t", b"a\n1\n", "no table by its ending"),
        ("t.gz", b"", "no table by its ending"),
        ("t.csv", b"", "t.csv: the file is empty"),
        ("t.csv", b"a,b\n", "t.csv: 0 rows, and at least 1"),
        ("t.csv", b"a,b\n1,2,3\n", "t.csv: not readable as CSV"),
        ("t.csv", b"a\n\xff\xfe\n", "t.csv: not readable as CSV: invalid utf-8"),
        ("t.csv", b"a,b,a\n1,2,3\n", "t.csv: column 'a' occurs twice"),
        ("t.csv.gz", b"a\n1\n", "t.csv.gz: not whole gzip"),
        ("t.csv.gz", gzip.compress(b"a\n1\n")[:-9], "t.csv.gz: not whole gzip"),
        ("t.parquet", b"a\n1\n", "t.parquet: not readable as Parquet"),
        ("t.jsonl", b"", "t.jsonl: 0 rows"),
        ("t.jsonl", b'{"a":1}\n{"a":NaN}\n', "t.jsonl:2: not a line of JSON: .*one object a line"),
        ("t.jsonl", b'{"a":1}\n\xff\n', "t.jsonl:2: not a line of JSON"),
        ("t.json", b'{"a": 1\n', "t.json:1: not a line of JSON"),
        ("t.json", b"[1, 2]\n", "expected one JSON object a line, found int"),
        ("t.json", b"[1]\n[2]\n", "expected one JSON object a line, found list"),
        ("t.jsonl", b'{"features":{}}\n{"a":1}\n', "1 of 2 lines have no object `features`"),
    ],
)
def test_what_is_no_table_ends_in_one_line(
    tmp_path: Path, name: str, data: bytes, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(DataError, match=message) as caught:
        read_table(str(path))
    assert "\n" not in str(caught.value)


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nope.csv: No such file"):
        read_table(str(tmp_path / "nope.csv"))
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(DataError, match=r"folder.csv: Is a directory"):
        read_table(str(tmp_path / "folder.csv"))


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_without_polars_the_remedy_is_named(
    tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = wrote(tmp_path, ending)
    for module in ("monitor.files.delimited", "monitor.files.parquet"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(DataError, match=r"needs polars: pip install 'watchkeeper\[files\]'"):
        read_table(path)
    lines = tmp_path / "t.jsonl"
    lines.write_text('{"a": 1}')
    assert read_table(str(lines)).rows == 1, "JSON lines need no polars"
