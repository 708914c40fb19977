"""Two tables: what is compared, and that the verdicts are the stream's and the figures true."""

import json
from collections.abc import Mapping

import numpy as np
import pytest
from scipy import stats

from monitor.errors import DataError
from monitor.files.comparison import Comparison, Feature, compare, to_json
from monitor.files.judged import common_columns
from monitor.files.table import Table
from monitor.stats.column import Values
from tests.stats import article

RNG = np.random.default_rng(11)
N = 2000


def table(columns: Mapping[str, Values], path: str = "reference.csv") -> Table:
    rows = len(next(iter(columns.values())))
    return Table(path, rows, columns)


REFERENCE = table(
    {
        "still": RNG.normal(size=N),
        "moved": RNG.normal(size=N),
        "color": RNG.choice(["red", "blue"], N).tolist(),
        "holes": RNG.normal(size=N),
    }
)
HOLES = np.where(RNG.random(N) < 0.3, np.nan, RNG.normal(size=N))
CURRENT = table(
    {
        "still": RNG.normal(size=N),
        "moved": RNG.normal(0.8, size=N),
        "color": RNG.choice(["red", "blue", "green"], N, p=[0.4, 0.4, 0.2]).tolist(),
        "holes": HOLES,
    },
    "current.csv",
)


@pytest.fixture(scope="module")
def found() -> Comparison:
    return compare(REFERENCE, CURRENT)


def feature(comparison: Comparison, name: str) -> Feature:
    return next(f for f in comparison.features if f.name == name)


def test_the_figures_are_those_of_the_raw_columns(found: Comparison) -> None:
    moved = feature(found, "moved").statistics
    a, b = np.asarray(REFERENCE.columns["moved"]), np.asarray(CURRENT.columns["moved"])
    assert moved["psi_uniform"] == pytest.approx(article.compute_psi(a, b), abs=1e-12)
    low, high = moved["ks_interval"]  # type: ignore[misc]
    assert low <= stats.ks_2samp(a, b).statistic <= high
    exact = stats.mannwhitneyu(b, a).statistic / N**2
    assert moved["auc"] == pytest.approx(exact, abs=1e-3)


def test_what_drifted_is_found_and_what_did_not_is_not(found: Comparison) -> None:
    assert [f.name for f in found.features] == ["still", "moved", "color", "holes"]
    assert {f.name for f in found.drifted} == {"moved", "color", "holes"}
    assert feature(found, "still").severity == "low"
    assert feature(found, "moved").severity == "critical"
    assert "PSI" in feature(found, "moved").message
    assert "unseen" in feature(found, "color").message
    assert "null rate" in feature(found, "holes").message


def test_a_table_does_not_differ_from_itself() -> None:
    same = compare(REFERENCE, REFERENCE)
    assert same.drifted == ()
    assert [f.statistics["psi"] for f in same.features] == [0, 0, 0, 0]
    assert all(f.p_value == 1 for f in same.features)


def test_no_drift_is_found_where_there_is_none() -> None:
    columns = {f"x{i}": RNG.normal(size=(2, 600)) for i in range(20)}
    reference = table({name: pair[0] for name, pair in columns.items()})
    current = table({name: pair[1] for name, pair in columns.items()}, "current.csv")
    assert compare(reference, current).drifted == ()


def test_too_few_rows_are_no_verdict() -> None:
    few = table({"x": RNG.normal(size=499)})
    none = compare(few, few)
    assert not none.judged
    assert none.features[0].severity == "insufficient_data"
    assert "n=499 < 500" in none.features[0].message
    assert compare(few, few, min_samples=499).judged


def test_an_empty_column_drifted_though_it_has_no_distribution() -> None:
    gone = table({"x": np.full(N, np.nan), "y": RNG.normal(size=N)}, "current.csv")
    found = compare(table({"x": RNG.normal(size=N), "y": RNG.normal(size=N)}), gone)
    assert feature(found, "x").severity == "critical"
    assert feature(found, "x").n_current == 0
    answer = to_json(found)["features"][0]
    assert answer["statistics"]["psi"] is None
    assert answer["reasons"]["psi"] == "no row of the current holds a value"


@pytest.mark.parametrize(
    ("before", "now"), [([5.0] * N, [5.0, 9.0] * (N // 2)), (["a"] * N, ["a", "b"] * (N // 2))]
)
def test_of_a_constant_reference_psi_is_unknown_not_zero(before: Values, now: Values) -> None:
    for after in (before, now):
        found = compare(table({"x": before}), table({"x": after}, "current.csv"))
        answer = to_json(found)["features"][0]
        assert answer["statistics"]["psi"] is None
        assert "one value only" in answer["reasons"]["psi"]
        drift = next(f for f in answer["findings"] if f["detector"] == "data_drift")
        assert drift["statistic"] == "js_divergence"
    assert answer["drifted"]


def test_what_probably_happened_is_told_with_its_figures(found: Comparison) -> None:
    answers = {answer["feature"]: answer for answer in to_json(found)["features"]}
    (cause,) = answers["moved"]["findings"][0]["causes"]
    assert cause["cause"] == "shift"
    assert cause["evidence"]["shift"] == pytest.approx(0.8, abs=0.15)
    assert answers["moved"]["message"].endswith(f"Probably {cause['detail']}.")
    assert [c["cause"] for f in answers["holes"]["findings"] for c in f["causes"]] == ["null_burst"]
    assert not any(f["causes"] for f in answers["still"]["findings"])


def test_a_column_that_becomes_text_is_of_the_wrong_type() -> None:
    words = table({"x": ["a"] * N}, "current.csv")
    found = compare(table({"x": RNG.normal(size=N)}), words)
    assert found.features[0].severity == "critical"
    assert "type error rate" in found.features[0].message


def test_the_answer_is_json_in_the_agreed_shape(found: Comparison) -> None:
    answer = json.loads(json.dumps(to_json(found), allow_nan=False))
    assert answer["drifted"] is True
    assert (answer["reference"], answer["current"]) == ("reference.csv", "current.csv")
    by_name = {f["feature"]: f for f in answer["features"]}
    numeric, color = by_name["moved"], by_name["color"]
    assert (numeric["kind"], color["kind"]) == ("numeric", "categorical")
    assert (numeric["n_reference"], by_name["holes"]["n_reference"]) == (N, N)
    assert by_name["holes"]["n_current"] == N - np.isnan(HOLES).sum()
    for name in ("psi", "psi_uniform", "ks", "ks_interval", "js_distance", "js_divergence"):
        assert numeric["statistics"][name] is not None
    assert {"hellinger", "chi2", "auc"} <= set(numeric["statistics"])
    assert not {"ks", "psi_uniform", "auc", "out_of_range_rate"} & set(color["statistics"])
    for f in answer["features"]:
        assert f["drifted"] == (f["severity"] in ("medium", "high", "critical"))
        assert f["message"].startswith(f"{f['feature']}: ")
        unknown = {n for n, value in f["statistics"].items() if value is None}
        assert unknown == set(f["reasons"])


def test_columns_of_one_table_only_and_excluded_ones_are_named() -> None:
    left = table({"a": RNG.normal(size=N), "b": RNG.normal(size=N), "c1": RNG.normal(size=N)})
    right = table({"a": RNG.normal(size=N), "z": RNG.normal(size=N), "c1": RNG.normal(size=N)})
    found = compare(left, right, exclude=("c*",))
    assert [f.name for f in found.features] == ["a"]
    assert (found.only_reference, found.only_current) == (("b",), ("z",))
    assert [(s.column, s.reason) for s in found.skipped] == [("c1", "excluded")]
    answer = to_json(found)
    assert answer["skipped"] == [{"column": "c1", "reason": "excluded"}]
    assert (answer["only_reference"], answer["only_current"]) == (["b"], ["z"])


def test_without_a_common_column_both_tables_are_named() -> None:
    with pytest.raises(DataError, match=r"l.csv has a, r.csv has b$"):
        compare(table({"a": [1]}, "l.csv"), table({"b": [1]}, "r.csv"))
    with pytest.raises(DataError, match=r"r.csv has a \(a: excluded\)$"):
        compare(table({"a": [1]}, "l.csv"), table({"a": [1]}, "r.csv"), exclude=("a",))


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("x", [1.5, 2.5] * 20, "numeric"),
        ("x", list(range(100)), "numbers its rows"),
        ("x", list(range(10)), "numeric"),
        ("x", [i * 3 for i in range(100)], "numeric"),
        ("x", [f"user-{i}" for i in range(100)], "an id or free text"),
        ("x", [f"user-{i % 50}" for i in range(100)], "categorical"),
        ("x", [f"user-{i}" for i in range(10)], "categorical"),
        ("x", ["2013-05-01T00:00:00Z", None] * 50, "holds times"),
        ("x", ["2013-05-01 10:00:00+0200"] * 50, "holds times"),
        ("x", ["2013-05-01"] * 50, "holds times"),
        ("x", ["2013"] * 50, "categorical"),
        ("created_at", [1367366400000 + 7 * i for i in range(100)], "holds times"),
        ("amount", [1367366400000 + 7 * i for i in range(100)], "numeric"),
        ("x", [None] * 50, "no value in the reference"),
        ("x", [float("inf")] * 50, "no finite number in the reference"),
        ("x", [True, False] * 20, "categorical"),
        ("x", [1.5, 2.5] * 50 + ["?"], "numeric"),
        ("x", [1.5, 2.5] * 5 + ["?"], "categorical"),
    ],
)
def test_a_column_has_a_kind_or_a_reason_not_to_be_compared(
    name: str, values: list[object], expected: str
) -> None:
    one = table({name: values})
    common = common_columns(one, one)
    if common.kinds:
        assert common.kinds == {name: expected}
    else:
        assert common.skipped[0].column == name
        assert expected in common.skipped[0].reason


def test_times_and_lists_are_known_by_the_files_own_types() -> None:
    one = Table("t.parquet", 2, {"t": [1, 2]}, times=frozenset({"t"}), unreadable={"l": "lists"})
    assert {(s.column, s.reason) for s in common_columns(one, one).skipped} == {
        ("t", "holds times"),
        ("l", "lists"),
    }
