"""`watchkeeper compare`: what a person and a machine get, and the exit code."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from monitor.cli.main import run

RNG = np.random.default_rng(5)
N = 1500


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tables")
    reference = pl.DataFrame(
        {
            "amount": RNG.lognormal(size=N),
            "city": RNG.choice(["Bern", "Köln"], N),
            "row": np.arange(N),
            "old": RNG.normal(size=N),
        }
    )
    drifted = reference.with_columns(amount=pl.col("amount") * 2, new=pl.lit(1)).drop("old")
    reference.write_csv(folder / "reference.csv")
    reference.sample(N, seed=1, shuffle=True).write_parquet(folder / "same.parquet")
    drifted.write_ndjson(folder / "drifted.jsonl")
    reference.head(50).write_csv(folder / "few.csv")
    return folder


def ask(files: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    paths = [str(files / a) if "." in a and not a.startswith("-") else a for a in arguments]
    code = run(["compare", *paths])
    told = capsys.readouterr()
    return code, told.out, told.err


def test_drift_is_exit_code_1_with_a_table_and_a_sentence(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = ask(files, capsys, "reference.csv", "drifted.jsonl")
    assert (code, err) == (1, "")
    header, *lines = out.splitlines()
    assert header.split()[:2] == ["feature", "kind"]
    amount = next(line for line in lines if line.startswith("amount"))
    assert "1,500 → 1,500" in amount
    assert "critical" in amount
    assert set("▁▂▃▄▅▆▇█") & set(amount)
    city = next(line for line in lines if line.startswith("city"))
    assert "0.000" in city and "low" in city  # noqa: PT018 - one line, one claim
    assert "amount: PSI" in out and "expected by chance" in out  # noqa: PT018
    assert f"Only in {files / 'reference.csv'}: old" in out
    assert f"Only in {files / 'drifted.jsonl'}: new" in out
    assert "Not compared (numbers its rows): row" in out
    assert "1 of 2 judged columns drifted (1 critical)" in out
    assert "\x1b" not in out, "no colours into a pipe"


def test_no_drift_is_exit_code_0(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = ask(files, capsys, "reference.csv", "same.parquet")
    assert (code, err) == (0, "")
    assert "None of 3 judged columns drifted; 1,500 rows against 1,500." in out


def test_the_answer_for_machines(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = ask(files, capsys, "reference.csv", "drifted.jsonl", "--json")
    assert (code, err) == (1, "")
    answer = json.loads(out)
    assert answer["drifted"] is True
    assert {f["feature"]: f["severity"] for f in answer["features"]} == {
        "amount": "critical",
        "city": "low",
    }
    assert set(answer["features"][0]) >= {
        "feature", "kind", "n_reference", "n_current", "statistics", "p_value", "severity",
        "drifted", "message",
    }  # fmt: skip
    code, out, _ = ask(files, capsys, "reference.csv", "same.parquet", "--json")
    assert (code, json.loads(out)["drifted"]) == (0, False)


def test_too_few_rows_are_exit_code_2_and_not_fine(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = ask(files, capsys, "reference.csv", "few.csv")
    assert code == 2
    assert "not judged" in out
    assert "No column could be judged" in out
    assert "--min-samples" in err and err.count("\n") == 1  # noqa: PT018
    code, out, _ = ask(files, capsys, "reference.csv", "few.csv", "--min-samples", "50")
    assert code in (0, 1)
    assert "judged columns drifted" in out


def test_excluded_columns_are_named(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = ask(files, capsys, "reference.csv", "drifted.jsonl", "--exclude", "am*")
    assert code == 0
    assert "Not compared (excluded): amount" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nope.csv", "few.csv"), "nope.csv: No such file"),
        (("few.csv", "few.txt"), "no table by its ending"),
        (("few.csv", "few.csv", "--exclude", "*"), "no column to compare"),
    ],
)
def test_errors_are_one_line_and_exit_code_2(
    files: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    code, out, err = ask(files, capsys, *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("watchkeeper: ")
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("width", [40, 60, 80, 99, 100, 160])
def test_no_line_is_wider_than_the_terminal(
    files: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    width: int,
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    _, out, _ = ask(files, capsys, "reference.csv", "drifted.jsonl")
    assert max(map(len, out.splitlines())) <= width
    assert ("kind" in out.splitlines()[0]) == (width >= 100)
    if width >= 60:
        assert "critical" in out.splitlines()[1]


def test_a_terminal_of_plain_letters_gets_plain_letters(files: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-m", "monitor.cli.main", "compare", "reference.csv", "drifted.jsonl"],
        cwd=files,
        env={"PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (told.returncode, told.stderr) == (1, b"")
    assert b"1,500 to 1,500" in told.stdout
    told.stdout.decode("ascii")


def test_a_comparison_needs_neither_faust_nor_kafka() -> None:
    code = (
        "import sys, monitor.cli.compare, monitor.cli.baseline, monitor.files.tables;"
        "print([m for m in ('faust', 'aiokafka', 'polars', 'scipy.stats', 'rich') "
        "if m in sys.modules])"
    )
    told = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert told.stdout.strip() == "[]", "and what is slow to import waits until it is needed"
